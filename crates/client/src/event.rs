//! What a client is told: by the server, and about its own connection.

use crate::exit::Exit;
use crate::fingerprint::Fingerprint;
use crate::request::RequestId;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::time::Duration;

/// The number of a durable event in its room: 1, 2, 3, ...
pub type Seq = u64;

/// Something for the person or program behind the client. Texts are as the server sent them: whoever shows them on a
/// terminal cleans them first ([`crate::clean`]).
#[derive(Clone, Debug)]
pub enum Event {
    /// The session is open; the first of these, or one after a [`Event::Disconnected`].
    Connected(Connected),
    /// There is no connection; the next attempt comes after `retry_in`.
    Disconnected { why: String, retry_in: Duration },
    /// The server has another history than the one known so far: numbers start over.
    StartedOver,
    /// Somebody said something.
    Message(Message),
    /// A room's topic was set.
    Topic(TopicSet),
    /// A user came into a room.
    Joined(Membership),
    /// A user left a room.
    Left(Membership),
    /// A user has another nick.
    Renamed(Renamed),
    /// A user is writing.
    Typing(Membership),
    /// The server says something.
    Notice(Notice),
    /// The count of a large room's members.
    Members(MemberCount),
    /// Another client's own event.
    Relay(Relay),
    /// The events `from..=to` of a room happened but were not shown.
    Gap(Gap),
    /// A message of ours is stored (with `seq`), or went to its receiver.
    Delivered { id: String, room: Option<String>, seq: Option<Seq>, time: Option<String>, duplicate: bool },
    /// A message of ours was refused, or cannot be sent.
    NotSent { id: String, code: String, message: String },
    /// A room could not be entered: what is said without a room goes to this one again, if to any.
    Speaking { room: Option<String> },
    /// A request was done.
    Answer { request: RequestId, answer: Answer },
    /// A request was refused; without its number, something the server could not attribute.
    Refused { request: Option<RequestId>, code: String, message: String },
    /// The client is done; nothing comes after it.
    Ended(Ending),
}

/// Why a client came to its end.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Ending {
    /// It was asked to leave.
    #[error("left")]
    Left,
    /// The server does not want it, by one of the protocol's codes.
    #[error("{message} ({code})")]
    Refused { code: String, message: String },
    /// The server's certificate is not to be trusted; whoever knows better can pin its `fingerprint`.
    #[error("{message}")]
    Untrusted { fingerprint: Fingerprint, message: String },
    /// What answers is no Switchboard server.
    #[error("this is no Switchboard server: {0}")]
    Foreign(String),
}

impl Ending {
    /// The exit code for it.
    #[must_use]
    pub const fn exit(&self) -> Exit {
        match self {
            Self::Left => Exit::Good,
            Self::Refused { .. } => Exit::Refused,
            Self::Untrusted { .. } | Self::Foreign(_) => Exit::NotConnected,
        }
    }
}

/// How a session began, or began again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connected {
    pub nick: String,
    pub session: String,
    /// The session of before goes on, and what was missed follows.
    pub resumed: bool,
    /// This client had a session before.
    pub again: bool,
    /// The rooms it is in now.
    pub rooms: Vec<RoomRow>,
    /// The room that messages go to.
    pub current: Option<String>,
}

/// A user, by one of its sessions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Person {
    pub nick: String,
    #[serde(default)]
    pub session: String,
    /// The transport it came by.
    #[serde(default)]
    pub via: String,
}

/// A line of talk.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Message {
    /// None for a private one.
    #[serde(default)]
    pub room: Option<String>,
    /// None for a private one.
    #[serde(default)]
    pub seq: Option<Seq>,
    #[serde(default)]
    pub id: Option<String>,
    pub from: Person,
    /// The receiver of a private one.
    #[serde(default)]
    pub to: Option<String>,
    pub text: String,
    /// `/me`.
    #[serde(default)]
    pub action: bool,
    /// Another session of this user said it.
    #[serde(default)]
    pub own: bool,
    /// RFC 3339.
    #[serde(default)]
    pub time: String,
}

/// A room's topic was set.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct TopicSet {
    pub room: String,
    pub seq: Seq,
    pub from: Person,
    /// Empty: cleared.
    #[serde(alias = "text")]
    pub topic: String,
    #[serde(default)]
    pub time: String,
}

/// A user and a room.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Membership {
    pub room: String,
    pub from: Person,
    /// Members after it, where the event tells.
    #[serde(default)]
    pub members: Option<u32>,
}

/// A user took another nick.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Renamed {
    #[serde(default)]
    pub room: Option<String>,
    /// With the new nick.
    pub from: Person,
    pub old: String,
}

/// Words of the server.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Notice {
    #[serde(default)]
    pub room: Option<String>,
    #[serde(default)]
    pub code: String,
    #[serde(alias = "message")]
    pub text: String,
}

/// The count of a room's members.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct MemberCount {
    pub room: String,
    pub count: u32,
}

/// A client's own event.
#[derive(Clone, Debug, Deserialize)]
pub struct Relay {
    #[serde(default)]
    pub room: Option<String>,
    pub name: String,
    /// A JSON array.
    pub args: Box<RawValue>,
    pub from: Person,
}

/// Events that are not shown.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Gap {
    pub room: String,
    pub from: Seq,
    pub to: Seq,
}

/// A room in a list.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct RoomRow {
    pub room: String,
    #[serde(default)]
    pub seq: Seq,
    #[serde(default)]
    pub members: u32,
    #[serde(default)]
    pub topic: String,
}

/// A user in a list.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct MemberRow {
    pub nick: String,
}

/// What came of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Done; there is no more to say.
    Done,
    /// The session is in this room now, and speaks in it.
    Joined(RoomRow),
    /// The session is no longer in `room`; it speaks in `current`.
    Left { room: String, current: Option<String> },
    /// The session's nick is this.
    Nick(String),
    /// A room's topic.
    Topic { room: String, topic: String },
    /// Who is in a room.
    Members { room: String, count: u32, members: Vec<MemberRow>, more: bool },
    /// Which rooms there are.
    Rooms { rooms: Vec<RoomRow>, more: bool },
    /// Past events, oldest first.
    History { room: String, events: Vec<Past>, more: bool },
    /// What a search found, newest first. `behind`: so many of the server's latest messages it does not search yet.
    Found { room: String, events: Vec<Past>, more: bool, behind: u64 },
}

/// An event of the past.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Past {
    Message(Message),
    Topic(TopicSet),
}

/// What a server lets a session do, as far as a client has use for it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Limits {
    pub message_chars: Option<usize>,
    pub frame_bytes: Option<usize>,
    pub line_bytes: Option<usize>,
    /// 0: any number.
    pub messages_per_second: Option<u32>,
    pub message_burst: Option<u32>,
}

/// The last numbers seen, by room: what a session is resumed with.
pub(crate) type Resume = BTreeMap<String, Seq>;
