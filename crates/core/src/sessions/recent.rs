//! Events of the last while, for sessions that come back by a position: what they missed, or that it is not all here.

use super::Sessions;
use super::connection::Session;
use crate::event::{Body, Event};
use crate::ids::{Pos, RoomId, SessionId};
use crate::limits::{RECENT_BYTES_MAX, RECENT_EVENT_BYTES};
use smallvec::SmallVec;
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

/// An event that a session missed, and whether another session of its user caused it.
pub(super) type MissedEvent = (Arc<Event>, bool);

/// Who was given an event.
#[derive(Clone, Debug)]
pub(super) enum Receivers {
    /// The members of the event's own room.
    Room,
    /// The members of these rooms.
    Rooms(Box<[Arc<str>]>),
    /// These sessions.
    Sessions(SmallVec<[SessionId; 2]>),
}

/// What is known of a session whose client is told the position of each event.
#[derive(Debug)]
pub(super) struct Follows {
    /// The position of the latest event when the session began.
    pub(super) begun: Pos,
    /// It was given a room's history when it began: positions before `begun` are of that, and of no earlier session.
    pub(super) history: bool,
    /// Its connection did not keep up with what it was given.
    pub(super) is_behind: bool,
    /// For each room that it is in, the position of the latest event when it came in: it hears what is later.
    joined: SmallVec<[(RoomId, Pos); 1]>,
}

impl Follows {
    pub(super) fn new(begun: Pos, history: bool) -> Self {
        Self { begun, history, is_behind: false, joined: SmallVec::new() }
    }

    pub(super) fn enter(&mut self, room: RoomId, at: Pos) {
        self.joined.push((room, at));
    }

    pub(super) fn leave(&mut self, room: RoomId) {
        self.joined.retain(|(joined, _)| *joined != room);
    }
}

/// The latest events, as long as any session follows positions.
#[derive(Debug, Default)]
pub(super) struct Recent {
    events: VecDeque<(Arc<Event>, Receivers)>,
    bytes: usize,
    /// Sessions that follow positions.
    followers: usize,
    /// The position of the latest event for single sessions that was forgotten.
    forgotten: Pos,
}

impl Recent {
    /// Whether events are kept at all.
    pub(super) const fn is_kept(&self) -> bool {
        self.followers > 0
    }

    /// A session follows positions from here on.
    pub(super) const fn follow(&mut self) {
        self.followers += 1;
    }

    /// Forgets events that were not stored.
    pub(super) fn forget(&mut self, events: &BTreeSet<Pos>) {
        self.events.retain(|(event, _)| !events.contains(&event.pos));
        self.bytes = self.events.iter().map(|(event, _)| weight(event)).sum();
    }

    /// A session that followed positions ended. With the last one everything is forgotten.
    pub(super) fn unfollow(&mut self) {
        self.followers -= 1;
        if self.followers == 0 {
            *self = Self::default();
        }
    }
}

impl Sessions {
    /// Keeps an event for sessions that come back by a position, and forgets the oldest beyond the bound.
    pub(super) fn keep_recent(&mut self, event: &Arc<Event>, receivers: Receivers) {
        if !self.recent.is_kept() {
            return;
        }
        self.recent.bytes += weight(event);
        self.recent.events.push_back((Arc::clone(event), receivers));
        while self.recent.bytes > RECENT_BYTES_MAX {
            let Some((oldest, receivers)) = self.recent.events.pop_front() else { return };
            self.recent.bytes -= weight(&oldest);
            let rooms = match &receivers {
                Receivers::Room => oldest.room.as_slice(),
                Receivers::Rooms(rooms) => rooms,
                Receivers::Sessions(_) => {
                    self.recent.forgotten = oldest.pos;
                    continue;
                }
            };
            for room in rooms.iter().filter_map(|room| self.here.find(room)).collect::<SmallVec<[RoomId; 4]>>() {
                self.here[room].forgotten = oldest.pos;
            }
        }
    }

    /// What a session that is here missed since a position (none: since it began), in order. None: it cannot be said, or
    /// not all of it is kept.
    ///
    /// An event of a room counts only if the session was in the room when it happened: a position is the client's word,
    /// and no word of a client makes it hear what was not for it.
    pub(super) fn missed_since(&self, id: SessionId, since: Option<Pos>) -> Option<Vec<MissedEvent>> {
        let session = self.sessions.get(&id)?;
        let follows = session.follows.as_deref()?;
        let latest = self.next_pos.saturating_sub(1);
        if follows.is_behind {
            return None;
        }
        if since.is_some_and(|since| since > latest) || (follows.history && since.unwrap_or(0) < follows.begun) {
            return None;
        }
        // A library may still have the position of an earlier session.
        let since = since.map_or(follows.begun, |since| since.max(follows.begun));
        let joined = |room: RoomId| follows.joined.iter().find(|(joined, _)| *joined == room).map(|(_, at)| *at);
        let is_whole = |room: &RoomId| joined(*room).is_some_and(|at| self.here[*room].forgotten <= at.max(since));
        if self.recent.forgotten > since || !session.rooms.iter().all(is_whole) {
            return None;
        }
        let heard = |room: &Arc<str>, pos: Pos| self.here.find(room).and_then(joined).is_some_and(|at| at < pos);
        let events = &self.recent.events;
        let later = events.iter().skip(events.partition_point(|(event, _)| event.pos <= since));
        let missed = later.filter(|(event, receivers)| {
            let concerns = match receivers {
                Receivers::Room => event.room.as_ref().is_some_and(|room| heard(room, event.pos)),
                Receivers::Rooms(rooms) => rooms.iter().any(|room| heard(room, event.pos)),
                Receivers::Sessions(sessions) => sessions.contains(&id),
            };
            concerns && (event.body.sender().is_none_or(|from| from.session != id) || hears_its_own(session, event))
        });
        let own = |event: &Event| event.body.sender().is_some_and(|from| from.user == session.user);
        Some(missed.map(|(event, _)| (Arc::clone(event), own(event))).collect())
    }
}

/// Whether a session is given this event although it caused it.
fn hears_its_own(session: &Session, event: &Event) -> bool {
    session.peer.hears_itself
        && match &event.body {
            Body::Message { to, .. } => to.is_none(),
            Body::Topic { .. } => true,
            // What goes to all the rooms of its sender is for the others.
            Body::Relay { .. } => event.room.is_some(),
            Body::Joined { .. }
            | Body::Left { .. }
            | Body::Renamed { .. }
            | Body::Typing { .. }
            | Body::Notice { .. }
            | Body::Members { .. }
            | Body::Gap { .. } => false,
        }
}

/// What an event costs, in bytes.
fn weight(event: &Event) -> usize {
    RECENT_EVENT_BYTES
        + match &event.body {
            Body::Relay { name, args, binary, packed, .. } => {
                let packed = packed.as_ref().map_or(0, |packed| packed.len());
                name.len() + args.len() + packed + binary.iter().map(|part| part.len()).sum::<usize>()
            }
            Body::Message { text, .. } | Body::Topic { text, .. } | Body::Notice { text, .. } => text.len(),
            Body::Joined { .. }
            | Body::Left { .. }
            | Body::Renamed { .. }
            | Body::Typing { .. }
            | Body::Members { .. }
            | Body::Gap { .. } => 0,
        }
}
