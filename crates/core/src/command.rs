//! What a session asks for.

use crate::event::Attachments;
use crate::ids::{Pos, Seq, SessionId};
use std::sync::Arc;

/// A command with the client's word for it, which comes back with the answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// The client's `ref`, at most [`crate::limits::REFERENCE_BYTES_MAX`] bytes; the decoder refuses longer ones.
    pub reference: Option<Arc<str>>,
    pub command: Command,
}

impl Request {
    /// A request whose answer needs no name.
    #[must_use]
    pub const fn plain(command: Command) -> Self {
        Self { reference: None, command }
    }
}

/// Everything a client can ask. Names and texts are as the client wrote them: checking them is admission's work.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// Open a session, or come back to one.
    Hello(Hello),
    /// The join code, for clients that say it after connecting.
    Pass { code: String },
    /// Take another nick.
    Nick { nick: String },
    /// Become a member of a room, which is made if there is none, and make it the current one.
    Join { room: String },
    /// Stop being a member of a room; none named: of the current one.
    Leave { room: Option<String> },
    /// Say something. With an `id` it is stored once, however often it is sent.
    Message { target: Target, text: String, id: Option<String>, action: bool },
    /// Read (`None`) or set a room's topic.
    Topic { room: Option<String>, text: Option<String> },
    /// Tell the room that this user is writing.
    Typing { room: Option<String> },
    /// Read a page of a room's durable events: those before a number, after one, or (neither given) the latest.
    History { room: Option<String>, before: Option<Seq>, after: Option<Seq>, limit: Option<u32> },
    /// Full-text search in one room.
    Search { room: Option<String>, query: String, before: Option<Seq>, limit: Option<u32> },
    /// Who is in a room.
    Members { room: Option<String> },
    /// Which rooms there are.
    Rooms,
    /// Answer at once: measures the way to the server and back.
    Ping,
    /// An event that is not in the vocabulary, relayed as it is: to one session, to one room, or (neither given) to
    /// all of the session's rooms. With both, the session counts if it is there. `packed`: see [`crate::Body::Relay`].
    Relay {
        name: String,
        args: Arc<str>,
        binary: Attachments,
        packed: Option<Arc<[u8]>>,
        to: Option<SessionId>,
        room: Option<String>,
    },
    /// Say goodbye: the session ends at once, without the time of grace that a cut connection has.
    Quit,
}

/// How a session begins.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Hello {
    /// The nick wished for; a guest name is made if there is none.
    pub nick: Option<String>,
    /// The join code, where the server asks for one.
    pub pass: Option<String>,
    /// The secret token of an earlier welcome.
    pub token: Option<String>,
    /// For each room the last `seq` seen; missed events are replayed.
    pub resume: Vec<(String, Seq)>,
    /// The position of the last event seen, from a client that follows positions and comes back with a token. None: it
    /// has seen none in its session. If what the session was given after it is not all kept, or no event had this position
    /// yet, the session starts over.
    pub since: Option<Pos>,
    /// Where a session begins: the number of the last event seen in the room in which it will speak. What was stored there
    /// after it is replayed, the latest `limits.replay_events` of it.
    pub after: Option<Seq>,
    /// The namespace to come into, where the connection's realm is a pattern of them. Its path has no `#`.
    pub space: Option<Arc<str>>,
    /// Open a further session of the token's user, rather than take the token's session over.
    pub as_new: bool,
}

/// Whom a message is for.
#[derive(Clone, Debug, PartialEq)]
pub enum Target {
    /// The session's current room.
    Current,
    /// A room by its name.
    Room(String),
    /// One user by nick: private, and not stored.
    User(String),
}
