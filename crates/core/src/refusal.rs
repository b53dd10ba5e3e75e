//! Why a command was refused: stable codes that every protocol shows alike.

use std::borrow::Cow;
use std::sync::Arc;

/// A refusal: the person may not. The connection goes on.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal {
    /// The `ref` of the request.
    pub reference: Option<Arc<str>>,
    pub code: Code,
    /// A sentence for people, which names the limit where there is one.
    pub message: Cow<'static, str>,
}

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// The stable code of a refusal.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Code { $($(#[$doc])* $name,)* }

        impl Code {
            /// Every code, for metrics and for the protocol's page.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The code on every wire.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

codes! {
    /// The request is not of the protocol: not an object, no type, a field of the wrong kind.
    BadRequest = "bad_request",
    /// There is no such command.
    UnknownCommand = "unknown_command",
    /// The server asks for the join code first.
    PassRequired = "pass_required",
    /// The join code is wrong.
    PassWrong = "pass_wrong",
    /// The connection has a session already.
    AlreadyWelcome = "already_welcome",
    /// The nick is empty, too long or has characters that a nick cannot have.
    NickInvalid = "nick_invalid",
    /// Somebody has this nick, or one that looks like it.
    NickTaken = "nick_taken",
    /// The room's name is empty, too long or has characters that a room cannot have.
    RoomInvalid = "room_invalid",
    /// Only members of the room may.
    NotAMember = "not_a_member",
    /// The session is in as many rooms as it may be.
    TooManyRooms = "too_many_rooms",
    /// The server has as many rooms as it may have.
    ServerRooms = "too_many_rooms_on_server",
    /// The user has as many sessions as it may have.
    TooManySessions = "too_many_sessions",
    /// Nobody here has this nick.
    NoSuchUser = "no_such_user",
    /// The message has no text, or none that anybody could see.
    MessageEmpty = "message_empty",
    /// The message is over `limits.message_chars`.
    MessageTooLong = "message_too_long",
    /// The topic is over `limits.topic_chars`.
    TopicTooLong = "topic_too_long",
    /// A message `id` has 16 to 64 visible ASCII characters.
    IdInvalid = "id_invalid",
    /// This `id` was used for another message.
    IdConflict = "id_conflict",
    /// Too much in too short a time.
    RateLimited = "rate_limited",
    /// Nothing can be stored for now: the disk is full, or another program keeps the history locked.
    StorageFull = "storage_full",
    /// The search query is empty or too long.
    QueryInvalid = "query_invalid",
    /// The server could not read the history; its log says why.
    StorageError = "storage_error",
    /// This protocol or transport cannot do that.
    NotHere = "not_here",
    /// The server is going down.
    ShuttingDown = "shutting_down",
}

impl Code {
    /// The refusal with this code.
    pub fn refuse(self, reference: Option<Arc<str>>, message: impl Into<Cow<'static, str>>) -> Refusal {
        Refusal { reference, code: self, message: message.into() }
    }
}
