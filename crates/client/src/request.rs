//! What a client can ask for.

use serde_json::value::RawValue;

/// A request's number, unique within a client.
pub type RequestId = u64;

/// A message on its way out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outgoing {
    /// By it the server stores the message once, however often it is sent ([`crate::message_id`]).
    pub id: String,
    pub target: Target,
    pub text: String,
    /// `/me`.
    pub action: bool,
}

/// Whom a message is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// The room that the session speaks in.
    Current,
    Room(String),
    /// One user, by nick: private and not stored.
    User(String),
}

/// A question or an order other than a message. Where a room is optional, none means the one the session speaks in.
#[derive(Clone, Debug)]
pub enum Ask {
    /// Become a member, and speak there from now on. The client joins again after a new connection.
    Join {
        room: String,
    },
    Leave {
        room: Option<String>,
    },
    Nick {
        nick: String,
    },
    /// Read a topic (`None`), or set it.
    Topic {
        room: Option<String>,
        text: Option<String>,
    },
    /// Tell the room that one is writing.
    Typing {
        room: Option<String>,
    },
    /// A page of past events: those before a number, or after one, or (neither given) the latest.
    History {
        room: Option<String>,
        before: Option<u64>,
        after: Option<u64>,
        limit: Option<u32>,
    },
    Search {
        room: Option<String>,
        query: String,
        before: Option<u64>,
        limit: Option<u32>,
    },
    Members {
        room: Option<String>,
    },
    Rooms,
    /// An event of one's own for the other members of one's rooms, or for one session.
    Relay {
        name: String,
        args: Box<RawValue>,
        to: Option<String>,
    },
}

impl Ask {
    /// Returns whether it is about a room and names none.
    pub(crate) const fn needs_room(&self) -> bool {
        match self {
            Self::Leave { room }
            | Self::Topic { room, .. }
            | Self::Typing { room }
            | Self::History { room, .. }
            | Self::Search { room, .. }
            | Self::Members { room } => room.is_none(),
            Self::Join { .. } | Self::Nick { .. } | Self::Rooms | Self::Relay { .. } => false,
        }
    }

    /// Names the room where none is named: the one that is meant by none.
    pub(crate) fn name_room(&mut self, name: Option<&str>) {
        match self {
            Self::Leave { room }
            | Self::Topic { room, .. }
            | Self::Typing { room }
            | Self::History { room, .. }
            | Self::Search { room, .. }
            | Self::Members { room } => {
                if room.is_none() {
                    *room = name.map(str::to_owned);
                }
            }
            Self::Join { .. } | Self::Nick { .. } | Self::Rooms | Self::Relay { .. } => {}
        }
    }
}
