//! One connection as its shard keeps it.

use super::branches::Branches;
use super::cost::Cost;
use super::gate::Gate;
use super::members::Places;
use super::outbox::Outbox;
use std::sync::Arc;
use switchboard_core::sessions::Peer;
use switchboard_core::{ConnectionId, RoomId, Via};
use switchboard_protocols::{Conversation, Dialect, Language, Tick};

/// How far a connection's life has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// It reads and writes.
    Open,
    /// The peer sends no more; what it asked for before is still answered.
    Finishing,
    /// We end it: what waits is written, then the sending side is shut.
    Ending,
    /// Everything is written and the sending side is shut; the peer's end is awaited for a while.
    Lingering,
    /// There is no socket any more; the number is kept until the driver has dropped it and the engine forgotten it.
    Gone,
}

/// A connection. Tens of thousands of them are idle at a time, so that every field counts; and a fan-out touches
/// thousands of them, so that what it needs comes first, in whole lines of the processor's cache.
#[repr(C, align(64))]
pub(super) struct Connection {
    pub id: ConnectionId,
    pub phase: Phase,
    /// It is in the list of those to be written.
    pub dirty: Dirty,
    /// It is given the events of the run at hand one by one.
    pub apart: bool,
    /// Its socket took no more bytes; the driver says when it does again.
    pub blocked: bool,
    /// A session that it carries has more to write than there was room for here.
    pub holds_up: bool,
    /// The driver was told to stop reading it.
    pub paused: bool,
    /// The engine was told of it.
    pub known: bool,
    /// The engine was told of it as it speaks now.
    pub introduced: bool,
    /// The engine was told that it ended.
    pub ended: bool,
    /// The engine has nothing more to say to it.
    pub forgotten: bool,
    /// The driver has dropped its socket.
    pub dropped: bool,
    /// The log says that it asked for too much in too short a time.
    pub hasty: bool,
    /// It is closed because it did not keep up.
    pub behind: bool,
    pub via: Via,
    /// Reads of the store under way for it. One read of the socket may hold many requests for them.
    pub reads: u32,
    /// Of its commands, how many wait in the shard because the engine's inbox is full.
    pub parked: u32,
    /// The connection that carries it, if it has no socket of its own.
    pub carrier: Option<u32>,
    pub outbox: Outbox,
    pub gate: Option<Box<Gate>>,
    /// The sessions that it carries.
    pub branches: Branches,
    pub dialect: Dialect,
    pub current: Option<RoomId>,
    pub rooms: Places,
    pub conversation: Box<dyn Conversation>,
    /// When something last came from the peer.
    pub heard: Tick,
    /// When a lingering connection is given up.
    pub give_up: Tick,
    /// The deadline that is set in the wheel, `Tick::MAX` if none is.
    pub alarm: Tick,
    /// Silence after which it is closed, 0 for never.
    pub idle_ms: u64,
    pub address: Option<std::net::SocketAddr>,
    /// What its user is called, for who looks at the wires.
    pub nick: Option<Arc<str>>,
    /// What it has cost, once it was charged for anything.
    pub cost: Option<Box<Cost>>,
}

/// Whether a connection is among those that are to be written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Dirty {
    /// It is not.
    #[default]
    No,
    /// It is listed.
    Listed,
    /// The driver has taken it from the list, and is about to write it.
    Taken,
}

impl Connection {
    /// The dialect in which it is told of an event in `room`.
    #[inline]
    pub(super) fn dialect_in(&self, room: RoomId) -> Dialect {
        let elsewhere = match self.dialect.language {
            Language::Json | Language::SocketIo(_) => false,
            Language::Text(_) => self.current != Some(room),
        };
        Dialect { elsewhere, ..self.dialect }
    }

    /// Whether a peer that sends no more has got everything it asked for.
    pub(super) fn is_finished(&self) -> bool {
        self.forgotten && self.reads == 0 && self.gate.is_none() && self.outbox.bytes() == 0
    }

    /// Somebody has another name, perhaps this connection's user.
    pub(super) fn rename(&mut self, old: &str, new: &Arc<str>) {
        if self.nick.as_deref() == Some(old) {
            self.nick = Some(Arc::clone(new));
        }
    }

    /// The connection as the engine is told of it.
    pub(super) fn peer(&self) -> Peer {
        let peer = Peer::new(self.via, self.address.map(|address| address.ip().to_canonical()));
        match self.dialect.language {
            Language::Text(_) | Language::SocketIo(None) => peer,
            Language::Json => Peer { resumable: true, ..peer },
            Language::SocketIo(Some(tongue)) => Peer {
                resumable: tongue.offsets.is_some(),
                follows: tongue.offsets.is_some(),
                keep_ms: tongue.offsets.map_or(0, |recovery| recovery.keep_ms),
                realm: tongue.namespace.realm,
                hears_itself: tongue.namespace.echoes,
                ..peer
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::mem::offset_of;

    #[test]
    fn what_is_written_to_comes_first_and_all_of_it_is_small() {
        assert!(offset_of!(Connection, dialect) <= 128, "the write step needs two lines");
        assert!(size_of::<Connection>() <= 320, "{}", size_of::<Connection>());
        assert_eq!(size_of::<Option<Connection>>(), size_of::<Connection>(), "a slab's entry has no word of its own");
    }
}
