//! The identifiers and numbers that the whole house shares.

use std::fmt;
use std::str::FromStr;

/// A durable event's number in its room: 1, 2, 3, ... with no holes. 0 stands before the first.
pub type Seq = u64;

/// The node-wide number of an event, durable or not, which never goes back within an [`Epoch`].
pub type Pos = u64;

/// Milliseconds since the Unix epoch, as the engine read them for a turn: the running time, which goes on evenly within a
/// process, or the wall's, which may be set ([`crate::Sessions::set_wall`]).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(pub u64);

impl Time {
    /// The time `millis` later.
    #[must_use]
    pub const fn plus(self, millis: u64) -> Self {
        Self(self.0.saturating_add(millis))
    }

    /// Milliseconds from `earlier` to this time, 0 if it is not earlier.
    #[must_use]
    pub const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// One socket. The server packs the shard, the slot and a generation into it; the core only compares it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub u64);

/// One client of a user. Public: it is shown to others, and proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionId(pub u64);

/// Somebody: a guest, who may have several sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserId(pub u64);

/// A room that has members on this node. Node-local and never stored: rooms are stored under their names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RoomId(pub u32);

/// A space of rooms of its own: 0 is the chat, each other one belongs to a namespace whose events are only passed on.
/// It is the place in [`crate::sessions::SessionsSettings::realms`], counted from 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Realm(pub u8);

/// The life of a database: a random number, renewed when a backup is restored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Epoch(pub u64);

macro_rules! sixteen_hex_digits {
    ($name:ident) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:016x}", self.0)
            }
        }

        impl FromStr for $name {
            type Err = std::num::ParseIntError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                u64::from_str_radix(text, 16).map(Self)
            }
        }
    };
}

sixteen_hex_digits!(SessionId);
sixteen_hex_digits!(UserId);
sixteen_hex_digits!(Epoch);

/// The transport by which a session is connected, shown with each message as `from.via`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Via {
    Tcp,
    Tls,
    Udp,
    WebSocket,
    Polling,
}

impl Via {
    /// Every transport, in the order of their numbers in the store.
    pub const ALL: [Self; 5] = [Self::Tcp, Self::Tls, Self::Udp, Self::WebSocket, Self::Polling];

    /// The word for it on every wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Tls => "tls",
            Self::Udp => "udp",
            Self::WebSocket => "websocket",
            Self::Polling => "polling",
        }
    }

    /// The transport whose word is `text`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|via| via.as_str() == text)
    }
}
