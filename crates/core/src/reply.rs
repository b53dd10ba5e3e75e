//! Answers to one connection's requests.

use crate::event::Event;
use crate::ids::{Epoch, Seq, SessionId, Time, UserId, Via};
use crate::refusal::Refusal;
use std::sync::Arc;

/// An answer to one connection. `reference` is the request's `ref`.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    /// The session is open.
    Welcome(Box<Welcome>),
    /// A connection that has said nothing yet hears `room`: the greeting of a line client.
    Observing { room: Arc<str>, members: u32, seq: Seq },
    /// A command was done. For a message in a room with its number, when it is stored.
    Ack { reference: Option<Arc<str>>, seq: Option<Seq>, time: Option<Time>, duplicate: bool },
    /// The session is a member of `room` now, which is its current one; `missed` durable events came before.
    Joined { reference: Option<Arc<str>>, room: Arc<str>, seq: Seq, members: u32, topic: Arc<str> },
    /// The session left `room`; `current` is the room it speaks in now.
    Left { reference: Option<Arc<str>>, room: Arc<str>, current: Option<Arc<str>> },
    /// The session's nick is this now.
    Nick { reference: Option<Arc<str>>, nick: Arc<str> },
    /// A room's topic, empty if there is none.
    Topic { reference: Option<Arc<str>>, room: Arc<str>, topic: Arc<str> },
    /// Who is in a room, by nick; `more` says that the list was cut at its limit.
    Members { reference: Option<Arc<str>>, room: Arc<str>, count: u32, members: Vec<MemberRow>, more: bool },
    /// Which rooms there are, by name.
    Rooms { reference: Option<Arc<str>>, rooms: Vec<RoomRow>, more: bool },
    /// A page of a room's durable events, oldest first; `more` says that there are further ones in that direction.
    History { reference: Option<Arc<str>>, room: Arc<str>, events: Vec<Arc<Event>>, more: bool },
    /// What a search found, newest first. `behind`: so many of the server's latest events were not looked at, because they
    /// are not indexed yet.
    Found {
        reference: Option<Arc<str>>,
        room: Arc<str>,
        query: Arc<str>,
        events: Vec<Arc<Event>>,
        more: bool,
        behind: u64,
    },
    /// The answer to a ping.
    Pong { reference: Option<Arc<str>>, time: Time },
    /// No, and why.
    Refused(Refusal),
}

/// What a session is told when it begins.
#[derive(Clone, Debug, PartialEq)]
pub struct Welcome {
    pub reference: Option<Arc<str>>,
    pub session: SessionId,
    /// Secret: whoever has it can be this session.
    pub token: Arc<str>,
    pub epoch: Epoch,
    pub nick: Arc<str>,
    /// The earlier session goes on: its nick and rooms are kept, and missed events follow.
    pub resumed: bool,
    /// The session's rooms; the last joined is the current one.
    pub rooms: Vec<RoomRow>,
}

impl Reply {
    /// The request's `ref`.
    #[must_use]
    pub const fn reference(&self) -> Option<&Arc<str>> {
        match self {
            Self::Welcome(welcome) => welcome.reference.as_ref(),
            Self::Observing { .. } => None,
            Self::Ack { reference, .. }
            | Self::Joined { reference, .. }
            | Self::Left { reference, .. }
            | Self::Nick { reference, .. }
            | Self::Topic { reference, .. }
            | Self::Members { reference, .. }
            | Self::Rooms { reference, .. }
            | Self::History { reference, .. }
            | Self::Found { reference, .. }
            | Self::Pong { reference, .. } => reference.as_ref(),
            Self::Refused(refusal) => refusal.reference.as_ref(),
        }
    }
}

/// A room in a list.
#[derive(Clone, Debug, PartialEq)]
pub struct RoomRow {
    pub room: Arc<str>,
    /// The number of its latest durable event, 0 if there is none.
    pub seq: Seq,
    pub members: u32,
    pub topic: Arc<str>,
}

/// A user in a list of members.
#[derive(Clone, Debug, PartialEq)]
pub struct MemberRow {
    pub nick: Arc<str>,
    pub user: UserId,
    /// The user's sessions in the room and how each is connected.
    pub sessions: Vec<(SessionId, Via)>,
}
