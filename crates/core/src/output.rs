//! What the core wants done: effects, in order, for the engine to carry out when their batch is committed.

use crate::close::CloseReason;
use crate::event::Event;
use crate::ids::{ConnectionId, Pos, RoomId, Seq, Time};
use crate::reply::Reply;
use smallvec::SmallVec;
use std::sync::Arc;

/// An effect. Effects reach a connection in the order in which the core made them.
#[derive(Clone, Debug, PartialEq)]
pub enum Output {
    /// Answer one connection.
    Reply { to: ConnectionId, reply: Reply },
    /// Give one connection an event; `own` marks what another session of the same user did.
    Deliver { to: ConnectionId, event: Arc<Event>, own: bool },
    /// Give an event to every connection attached to the room, `except` these few.
    Publish { room: RoomId, event: Arc<Event>, except: SmallVec<[ConnectionId; 2]> },
    /// From here on the connection hears the room. `current`: it is the room that it speaks in.
    Attach { connection: ConnectionId, room: RoomId, name: Arc<str> },
    /// From here on the connection does not hear the room.
    Detach { connection: ConnectionId, room: RoomId },
    /// The room that the connection speaks in, for protocols that show only where another room is meant.
    Current { connection: ConnectionId, room: Option<RoomId> },
    /// Replay the room's durable events `after < seq <= through`, holding back what happens meanwhile. `pos` and `time`
    /// are those of the latest event by now: a gap that nothing stored follows is told with them.
    Replay { connection: ConnectionId, room: Arc<str>, after: Seq, through: Seq, pos: Pos, time: Time },
    /// Give the connection these events, each with whether it is the user's own, as fast as it takes them, holding back
    /// what happens meanwhile.
    Recover { connection: ConnectionId, events: Vec<(Arc<Event>, bool)> },
    /// Read a page of history and answer with [`Reply::History`].
    History { to: ConnectionId, query: HistoryQuery },
    /// Search and answer with [`Reply::Found`].
    Search { to: ConnectionId, query: SearchQuery },
    /// Read the connection, or the one that carries it, no further for so many milliseconds: what it said is more bytes to
    /// others than it may cost.
    Slow { connection: ConnectionId, for_ms: u64 },
    /// Tell the connection why, if the protocol can, and close it.
    Close { connection: ConnectionId, reason: CloseReason },
}

/// A page of history to be read.
#[derive(Clone, Debug, PartialEq)]
pub struct HistoryQuery {
    pub reference: Option<Arc<str>>,
    pub room: Arc<str>,
    pub range: HistoryRange,
    /// At most this many events.
    pub limit: u32,
}

/// Which events a page of history holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HistoryRange {
    /// The latest ones.
    Latest,
    /// The latest ones whose `seq` is below this.
    Before(Seq),
    /// The earliest ones whose `seq` is above this.
    After(Seq),
}

/// A search to be made.
#[derive(Clone, Debug, PartialEq)]
pub struct SearchQuery {
    pub reference: Option<Arc<str>>,
    pub room: Arc<str>,
    /// The words, as the person wrote them.
    pub text: Arc<str>,
    /// Only events whose `seq` is below this.
    pub before: Option<Seq>,
    pub limit: u32,
}
