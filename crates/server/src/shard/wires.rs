//! The live connections of a shard, for who looks at its wires.

use super::Shard;
use super::connection::Phase;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use switchboard_core::Via;

/// Connections that a shard lists at most; how many there are is told beside.
const LISTED_MAX: usize = 1_000;

/// A live connection, with the sessions that it carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wire {
    /// Its slot in the shard.
    pub slot: u32,
    pub via: Via,
    /// The word for what it speaks.
    pub protocol: &'static str,
    pub address: Option<SocketAddr>,
    /// What its user is called, once it has a session.
    pub nick: Option<Arc<str>>,
    /// How many rooms it hears.
    pub rooms: usize,
    /// Bytes that wait for its socket.
    pub outbox_bytes: usize,
    /// How long nothing came from it, in milliseconds.
    pub silent_ms: u64,
    /// The time to the peer and back, as the kernel measures it; the driver knows the socket.
    pub round_trip: Option<Duration>,
}

/// A shard's live connections.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wires {
    pub total: usize,
    /// The first thousand of them, by slot.
    pub listed: Vec<Wire>,
}

impl Shard {
    /// The connections that read and write now.
    #[must_use]
    pub fn wires(&self, now: u64) -> Wires {
        let mut wires = Wires::default();
        for (slot, connection) in &self.connections {
            // What another one carries is told with it: it has no wire of its own.
            if !matches!(connection.phase, Phase::Open | Phase::Finishing) || connection.carrier.is_some() {
                continue;
            }
            wires.total += 1;
            if wires.listed.len() < LISTED_MAX {
                let carried =
                    || connection.branches.iter().filter_map(|(_, slot)| self.connections.get(*slot as usize));
                wires.listed.push(Wire {
                    slot: slot as u32,
                    via: connection.via,
                    protocol: connection.dialect.protocol(),
                    address: connection.address,
                    nick: connection.nick.clone().or_else(|| carried().find_map(|branch| branch.nick.clone())),
                    rooms: connection.rooms.len() + carried().map(|branch| branch.rooms.len()).sum::<usize>(),
                    outbox_bytes: connection.outbox.bytes(),
                    silent_ms: now.saturating_sub(connection.heard),
                    round_trip: None,
                });
            }
        }
        wires
    }
}
