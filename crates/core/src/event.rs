//! What happened: the one vocabulary of every protocol.

use crate::ids::{Pos, Seq, SessionId, Time, UserId, Via};
use crate::vocabulary::EventName;
use std::net::IpAddr;
use std::sync::Arc;

/// Bytes that belong to an event. Nearly always none.
pub type Attachments = Arc<[Arc<[u8]>]>;

/// Something that happened in a room, or to one session.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Node-wide number; it orders durable and ephemeral events alike.
    pub pos: Pos,
    pub time: Time,
    /// The room's canonical name; none for private messages and notices to one session.
    pub room: Option<Arc<str>>,
    pub body: Body,
}

/// The kinds of event, with what each carries.
#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    /// A line of talk. `seq` is there when it is stored; `to` is the nick of a private one's receiver.
    Message { seq: Option<Seq>, id: Option<Arc<str>>, from: Sender, to: Option<Arc<str>>, text: Arc<str>, action: bool },
    /// The room's topic was set (empty: cleared).
    Topic { seq: Seq, from: Sender, text: Arc<str> },
    /// A user's first session came into the room; `members` is the count after it.
    Joined { from: Sender, members: u32 },
    /// A user's last session left the room; `members` is the count after it.
    Left { from: Sender, members: u32, why: LeftWhy },
    /// A member has another nick now; `from` carries the new one.
    Renamed { from: Sender, old: Arc<str> },
    /// A member is writing.
    Typing { from: Sender },
    /// The server says something.
    Notice { code: &'static str, text: Arc<str> },
    /// How many members a room has whose joins and leaves are no longer told one by one.
    Members { members: u32 },
    /// An event of a client's own, relayed as it came: `args` is a JSON array.
    /// Where `args` has `{"_placeholder":true,"num":n}`, the n-th of the attachments belongs.
    /// `packed` is there where the arguments cannot be said in JSON: the same as an array of msgpack whose head has five
    /// bytes.
    Relay { name: Arc<str>, args: Arc<str>, binary: Attachments, packed: Option<Arc<[u8]>>, from: Sender },
    /// Durable events `first..=last` were missed and are too many to replay.
    Gap { first: Seq, last: Seq },
}

impl Body {
    /// Who did it, if somebody did.
    #[must_use]
    pub const fn sender(&self) -> Option<&Sender> {
        match self {
            Self::Message { from, .. }
            | Self::Topic { from, .. }
            | Self::Joined { from, .. }
            | Self::Left { from, .. }
            | Self::Renamed { from, .. }
            | Self::Typing { from }
            | Self::Relay { from, .. } => Some(from),
            Self::Notice { .. } | Self::Members { .. } | Self::Gap { .. } => None,
        }
    }
}

impl Event {
    /// The event's name in the vocabulary.
    #[must_use]
    pub const fn name(&self) -> EventName {
        match self.body {
            Body::Message { .. } => EventName::Message,
            Body::Topic { .. } => EventName::Topic,
            Body::Joined { .. } => EventName::Joined,
            Body::Left { .. } => EventName::Left,
            Body::Renamed { .. } => EventName::Renamed,
            Body::Typing { .. } => EventName::Typing,
            Body::Notice { .. } => EventName::Notice,
            Body::Members { .. } => EventName::Members,
            Body::Relay { .. } => EventName::Event,
            Body::Gap { .. } => EventName::Gap,
        }
    }

    /// The event's number in its room, if it is durable.
    #[must_use]
    pub const fn seq(&self) -> Option<Seq> {
        match self.body {
            Body::Message { seq, .. } => seq,
            Body::Topic { seq, .. } => Some(seq),
            Body::Joined { .. }
            | Body::Left { .. }
            | Body::Renamed { .. }
            | Body::Typing { .. }
            | Body::Notice { .. }
            | Body::Members { .. }
            | Body::Relay { .. }
            | Body::Gap { .. } => None,
        }
    }
}

/// Who did it, by which socket.
#[derive(Clone, Debug, PartialEq)]
pub struct Sender {
    pub nick: Arc<str>,
    pub session: SessionId,
    pub user: UserId,
    pub via: Via,
    /// The peer's address, for the log and for `text.style = "address"`. It is not stored: history has none.
    pub address: Option<IpAddr>,
}

/// Why a user left a room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeftWhy {
    /// The user asked to leave, or said goodbye.
    Left,
    /// The connection is gone, and where the session could have been resumed, its time is over.
    Gone,
}

impl LeftWhy {
    /// The word for it on every wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Left => "left",
            Self::Gone => "gone",
        }
    }
}
