//! One connection as its shard keeps it.

use super::gate::Gate;
use super::members::Places;
use super::outbox::Outbox;
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
    /// There is no socket any more; the number is kept until the engine has forgotten it.
    Gone,
}

/// A connection. Tens of thousands of them are idle at a time, so that every field counts.
pub(super) struct Connection {
    pub id: ConnectionId,
    pub phase: Phase,
    /// The engine was told of it.
    pub known: bool,
    /// The engine was told that it ended.
    pub ended: bool,
    /// The engine has nothing more to say to it.
    pub forgotten: bool,
    /// It is in the list of those to be written.
    pub dirty: bool,
    /// Its socket took no more bytes; the driver says when it does again.
    pub blocked: bool,
    /// The driver was told to stop reading it.
    pub paused: bool,
    /// Reads of the store under way for it.
    pub reads: u8,
    /// Of its commands, how many wait in the shard because the engine's inbox is full.
    pub parked: u32,
    pub conversation: Box<dyn Conversation>,
    pub dialect: Dialect,
    pub current: Option<RoomId>,
    pub rooms: Places,
    pub outbox: Outbox,
    pub gate: Option<Box<Gate>>,
    pub via: Via,
    pub address: Option<std::net::SocketAddr>,
    /// When something last came from the peer.
    pub heard: Tick,
    /// When a lingering connection is given up.
    pub give_up: Tick,
    /// The deadline that is set in the wheel, `Tick::MAX` if none is.
    pub alarm: Tick,
    /// Silence after which it is closed, 0 for never.
    pub idle_ms: u64,
}

impl Connection {
    /// The dialect in which it is told of an event in `room`.
    #[inline]
    pub(super) fn dialect_in(&self, room: RoomId) -> Dialect {
        let elsewhere = match self.dialect.language {
            Language::Json => false,
            Language::Text(_) => self.current != Some(room),
        };
        Dialect { elsewhere, ..self.dialect }
    }

    /// The connection as the engine is told of it.
    pub(super) fn peer(&self) -> Peer {
        Peer {
            via: self.via,
            address: self.address.map(|address| address.ip().to_canonical()),
            resumable: self.dialect.language == Language::Json,
        }
    }
}
