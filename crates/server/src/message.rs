//! What the threads of the server tell each other.

use smallvec::SmallVec;
use std::sync::{Arc, Mutex, PoisonError};
use switchboard_core::output::{HistoryQuery, SearchQuery};
use switchboard_core::sessions::Peer;
use switchboard_core::{Body, CloseReason, Command, ConnectionId, Event, Output, Request, RoomId, Seq, Target};
use switchboard_protocols::{Dialect, Frame, compressed, encode};
use switchboard_store::{Page, StoreError};

/// From a shard to the engine. For one connection they come in order: `Connect`, requests, `Disconnect`.
#[derive(Clone, Debug, PartialEq)]
pub enum ToEngine {
    /// A connection begins. `observe`: it has said nothing yet and is to be greeted.
    Connect {
        connection: ConnectionId,
        peer: Peer,
        observe: bool,
    },
    Request {
        connection: ConnectionId,
        request: Box<Request>,
    },
    /// The connection is about to end because it did not keep up.
    Behind {
        connection: ConnectionId,
    },
    /// The connection has ended; the engine answers with [`ToShard::Forget`], after everything else.
    Disconnect {
        connection: ConnectionId,
    },
}

impl ToEngine {
    /// The connection it is about.
    #[must_use]
    pub const fn connection(&self) -> ConnectionId {
        match self {
            Self::Connect { connection, .. }
            | Self::Request { connection, .. }
            | Self::Behind { connection }
            | Self::Disconnect { connection } => *connection,
        }
    }

    /// About how many bytes it holds, for the bound of a batch.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let text = match self {
            Self::Connect { .. } | Self::Behind { .. } | Self::Disconnect { .. } => 0,
            Self::Request { request, .. } => match &request.command {
                Command::Message { text, target, .. } => {
                    text.len()
                        + match target {
                            Target::Current => 0,
                            Target::Room(name) | Target::User(name) => name.len(),
                        }
                }
                Command::Relay { name, args, binary, packed, .. } => {
                    let packed = packed.as_ref().map_or(0, |packed| packed.len());
                    name.len() + args.len() + packed + binary.iter().map(|part| part.len()).sum::<usize>()
                }
                Command::Topic { text, .. } => text.as_ref().map_or(0, String::len),
                Command::Hello(hello) => hello.resume.iter().map(|(room, _)| room.len() + 32).sum(),
                Command::Search { query, .. } => query.len(),
                Command::Join { room } => room.len(),
                Command::Nick { nick } => nick.len(),
                Command::Pass { code } => code.len(),
                Command::Leave { .. }
                | Command::Typing { .. }
                | Command::History { .. }
                | Command::Members { .. }
                | Command::Rooms
                | Command::Ping
                | Command::Quit => 0,
            },
        };
        size_of::<Self>() + text
    }
}

/// An event on its way to many connections, with the frames that were made of it so far.
pub struct Published {
    event: Arc<Event>,
    frames: Mutex<FrameTable>,
}

/// Frames by the index of their dialect. A room's members speak few dialects, and a shard asks once for each of them, not
/// once for each member.
type FrameTable = SmallVec<[(usize, Option<Frame>); 2]>;

impl Published {
    /// The event, with no frame made yet.
    #[must_use]
    pub fn new(event: Arc<Event>) -> Self {
        Self { event, frames: Mutex::default() }
    }

    /// The event itself.
    #[must_use]
    pub fn event(&self) -> &Event {
        &self.event
    }

    /// The event's frame in a dialect: made by the first shard that asks, shared by all. `None`: the dialect shows
    /// nothing of it.
    #[must_use]
    pub fn frame(&self, dialect: Dialect) -> Option<Frame> {
        let index = dialect.index();
        // A compressed frame is made of the plain one, and is the plain one if that is too short for it.
        let plain = Dialect { framing: dialect.framing.uncompressed(), ..dialect };
        let made_of = dialect.framing.compression().map(|deflate| (deflate, self.frame(plain)));
        // Nothing that could panic leaves the list half-changed.
        let mut frames = self.frames.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, frame)) = frames.iter().find(|(known, _)| *known == index) {
            return frame.clone();
        }
        let frame = match made_of {
            None => encode(&self.event, dialect, false),
            Some((deflate, plain)) => plain.map(|plain| compressed(&plain, deflate)),
        };
        frames.push((index, frame.clone()));
        frame
    }

    /// About how many bytes a frame of it has.
    #[must_use]
    pub fn bytes(&self) -> usize {
        /// The names, the numbers and the punctuation.
        const FIXED_BYTES: usize = 256;

        FIXED_BYTES
            + match &self.event.body {
                Body::Message { text, .. } | Body::Topic { text, .. } | Body::Notice { text, .. } => text.len(),
                Body::Relay { name, args, binary, .. } => {
                    name.len() + args.len() + binary.iter().map(|part| part.len()).sum::<usize>()
                }
                Body::Joined { .. }
                | Body::Left { .. }
                | Body::Renamed { .. }
                | Body::Typing { .. }
                | Body::Members { .. }
                | Body::Gap { .. } => 0,
            }
    }
}

/// From the engine and the readers to a shard, in one order.
pub enum ToShard {
    /// Give the event to all who hear the room, but for these few.
    Publish { room: RoomId, event: Arc<Published>, except: SmallVec<[ConnectionId; 2]> },
    /// Anything else the core wants, for one connection of this shard.
    Output(Output),
    /// The engine knows nothing of the connection any more: its number may be used again.
    Forget(ConnectionId),
    /// What a read asked for gave.
    Page { connection: ConnectionId, read: Read, result: Result<Page, Arc<StoreError>> },
    /// The engine's inbox has space again.
    Space,
    /// Tell everyone why, and close.
    CloseAll(CloseReason),
}

/// A read of the store, for one connection.
#[derive(Clone, Debug, PartialEq)]
pub enum Read {
    /// The next page of what a resuming connection missed.
    Replay {
        room: Arc<str>,
        after: Seq,
        through: Seq,
    },
    History(HistoryQuery),
    Search(SearchQuery),
}
