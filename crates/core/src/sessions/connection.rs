//! What is kept of each connection and of each session.

use super::accounts::AccountId;
use super::rates::Bucket;
use super::recent::Follows;
use crate::command::Request;
use crate::cost::Meter;
use crate::event::Event;
use crate::ids::{ConnectionId, Realm, RoomId, SessionId, Time, UserId, Via};
use smallvec::SmallVec;
use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Arc;

/// What the server knows of a connection when it begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    pub via: Via,
    /// The peer's address, for the log and for `text.style = "address"`.
    pub address: Option<IpAddr>,
    /// The protocol hands the session's token to the client: the session outlives the connection by
    /// `limits.session_ttl_ms`. Otherwise it ends with it.
    pub resumable: bool,
    /// How long a resumable session outlives the connection, in milliseconds, where that is more than
    /// `limits.session_ttl_ms`.
    pub keep_ms: u32,
    /// The space of rooms that it comes into.
    pub realm: Realm,
    /// It is given its own messages too, like everybody else's.
    pub hears_itself: bool,
    /// It is told the position of each event, and comes back by the last one.
    pub follows: bool,
}

impl Peer {
    /// A connection into the chat that is not resumable.
    #[must_use]
    pub const fn new(via: Via, address: Option<IpAddr>) -> Self {
        Self { via, address, resumable: false, keep_ms: 0, realm: Realm(0), hears_itself: false, follows: false }
    }
}

/// One socket.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) peer: Peer,
    pub(super) stage: Stage,
    /// It asked to hear the first room before it says anything.
    pub(super) observer: bool,
    /// It gave the join code.
    pub(super) passed: bool,
    pub(super) wrong_passes: u8,
    /// It is its join code's turn.
    pub(super) has_turn: bool,
    /// Of its address, where it has one.
    pub(super) account: Option<AccountId>,
    /// What it asked for while its join code waits for its turn, that first. Almost always none, hence the box.
    #[expect(clippy::box_collection, reason = "what is nearly never there should not make every connection larger")]
    pub(super) waiting: Option<Box<VecDeque<Request>>>,
    /// Commands other than messages. They are counted by connection, because some come before there is a session.
    pub(super) commands: Bucket,
}

/// How far a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// It has said nothing.
    Silent,
    /// It has said nothing, and hears this room.
    Observing(RoomId),
    /// It speaks for this session.
    Session(SessionId),
    /// It was told to close: what it still says is not heard.
    Closing,
}

impl Connection {
    pub(super) const fn new(peer: Peer, account: Option<AccountId>) -> Self {
        Self {
            peer,
            stage: Stage::Silent,
            observer: false,
            passed: false,
            wrong_passes: 0,
            has_turn: false,
            account,
            waiting: None,
            commands: Bucket::new(),
        }
    }

    pub(super) const fn session(&self) -> Option<SessionId> {
        match self.stage {
            Stage::Session(session) => Some(session),
            Stage::Silent | Stage::Observing(_) | Stage::Closing => None,
        }
    }
}

/// One client of a user.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) user: UserId,
    pub(super) link: Link,
    /// Of its connection, or of its last one.
    pub(super) peer: Peer,
    /// In the order in which it came into them; the last is the current one. At most `limits.rooms_per_session`.
    pub(super) rooms: SmallVec<[RoomId; 4]>,
    pub(super) messages: Bucket,
    /// Events of its own that it passes on.
    pub(super) events: Bucket,
    /// What these cost others.
    pub(super) deliveries: Bucket,
    /// Bytes of its messages and events, times their receivers.
    pub(super) delivered: Meter,
    /// Comings, goings and new nicks, times those who were told.
    pub(super) presence: Meter,
    /// Rooms that it made.
    pub(super) new_rooms: Meter,
    /// Of its connection's address, or its last one's.
    pub(super) account: Option<AccountId>,
    /// The earliest time at which it may be told again that this session's user is writing.
    pub(super) typing_after: Time,
    /// What it could not be given while it was cut off. Almost always empty, hence the box.
    pub(super) missed: Option<Box<Missed>>,
    /// Where its client is told the position of each event.
    pub(super) follows: Option<Box<Follows>>,
}

/// Whether a session has a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Link {
    Connected(ConnectionId),
    /// It has none, and ends at this time.
    Cut(Time),
}

/// Private messages for a session that is cut off. At most [`crate::limits::MISSED_PRIVATE_MAX`].
#[derive(Debug, Default)]
pub(super) struct Missed {
    /// With whether the user's own other session sent it.
    pub(super) events: VecDeque<(Arc<Event>, bool)>,
    /// How many more there were.
    pub(super) dropped: u32,
}

impl Session {
    pub(super) fn new(user: UserId, connection: ConnectionId, peer: Peer) -> Self {
        Self {
            user,
            link: Link::Connected(connection),
            peer,
            rooms: SmallVec::new(),
            messages: Bucket::default(),
            events: Bucket::default(),
            deliveries: Bucket::default(),
            delivered: Meter::default(),
            presence: Meter::default(),
            new_rooms: Meter::default(),
            account: None,
            typing_after: Time(0),
            missed: None,
            follows: None,
        }
    }

    pub(super) const fn connection(&self) -> Option<ConnectionId> {
        match self.link {
            Link::Connected(connection) => Some(connection),
            Link::Cut(_) => None,
        }
    }

    pub(super) fn is_in(&self, room: RoomId) -> bool {
        self.rooms.contains(&room)
    }

    /// The room in which it speaks where it names none.
    pub(super) fn current(&self) -> Option<RoomId> {
        self.rooms.last().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hundred_thousand_of_them_cost_little() {
        assert!(size_of::<Connection>() <= 80, "{}", size_of::<Connection>());
        assert!(size_of::<Session>() <= 168, "{}", size_of::<Session>());
    }
}
