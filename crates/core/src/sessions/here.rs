//! The rooms that somebody on this node is in: their members, and who has still to be told how many.

use crate::ids::{Pos, RoomId, SessionId, Time, UserId};
use crate::limits::{PRESENCE_INTERVAL_MS, VERY_LARGE_ROOM};
use crate::rooms::{Looks, Rooms};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::{Index, IndexMut};
use std::sync::Arc;

/// A room with members or observers.
#[derive(Debug)]
pub(super) struct RoomHere {
    pub(super) name: Arc<str>,
    /// Sessions, sorted by their user's folded nick: the sessions of one user stand together, and lists of members
    /// need no sorting.
    pub(super) members: BTreeSet<(Arc<str>, SessionId)>,
    /// Users that the sessions belong to: what everybody is told as the number of members.
    pub(super) users: u32,
    /// Users who came when that cost too much to be told: the others know their number only.
    pub(super) unannounced: BTreeSet<UserId>,
    /// Connections that hear the room and are not members of it.
    pub(super) observers: u32,
    /// The position of the latest event of the room that was kept for sessions that come back, and is not any more.
    pub(super) forgotten: Pos,
    /// It has history too, and counts with those that have.
    has_history: bool,
    /// When the number of members will be told, if it changed and was not.
    count_due: Option<Time>,
    /// The earliest time at which it may be told again.
    count_after: Time,
}

/// All such rooms. Ids are used again: outputs reach each connection in order, so that a later owner of an id cannot
/// be taken for an earlier one.
#[derive(Debug, Default)]
pub(super) struct RoomsHere {
    slots: Vec<Option<RoomHere>>,
    free: Vec<RoomId>,
    by_name: BTreeMap<Arc<str>, RoomId>,
    looks: Looks,
    /// Those without history, which [`Rooms`] does not count.
    without_history: usize,
    /// Those that are a whole namespace.
    spaces: usize,
    counts_due: BTreeSet<(Time, RoomId)>,
}

impl RoomsHere {
    pub(super) fn find(&self, name: &str) -> Option<RoomId> {
        self.by_name.get(name).copied()
    }

    pub(super) fn len(&self) -> usize {
        self.by_name.len()
    }

    /// How many of them are a whole namespace.
    pub(super) const fn spaces(&self) -> usize {
        self.spaces
    }

    /// One of them that looks like this ([`crate::names::lookalike`]).
    pub(super) fn looking_like(&self, look: &str) -> Option<Arc<str>> {
        self.looks.find(look, |name| self.by_name.get_key_value(name).map(|(name, _)| Arc::clone(name)))
    }

    /// Their names, sorted.
    pub(super) fn names(&self) -> impl Iterator<Item = &Arc<str>> {
        self.by_name.keys()
    }

    /// The room of this name, made if need be. None: the server has `rooms_total` of them already, with those that
    /// have only history.
    pub(super) fn open(&mut self, name: &Arc<str>, rooms: &Rooms, rooms_total: usize) -> Option<RoomId> {
        if let Some(room) = self.find(name) {
            return Some(room);
        }
        let has_history = rooms.contains(name);
        if !has_history && rooms.len() + self.without_history >= rooms_total {
            return None;
        }
        let slot = RoomHere {
            name: Arc::clone(name),
            members: BTreeSet::new(),
            users: 0,
            unannounced: BTreeSet::new(),
            observers: 0,
            forgotten: 0,
            has_history,
            count_due: None,
            count_after: Time(0),
        };
        let room = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            RoomId(u32::try_from(self.slots.len() - 1).expect("limits.rooms_total bounds the rooms"))
        });
        self.slots[room.0 as usize] = Some(slot);
        self.by_name.insert(Arc::clone(name), room);
        if is_of_chat(name) {
            self.looks.add(name);
        }
        self.without_history += usize::from(!has_history);
        self.spaces += usize::from(is_space(name));
        Some(room)
    }

    /// Forgets the room when its last member and observer are gone.
    pub(super) fn close_if_empty(&mut self, room: RoomId) {
        let here = &self[room];
        if !here.members.is_empty() || here.observers > 0 {
            return;
        }
        if let Some(here) = self.slots[room.0 as usize].take() {
            self.by_name.remove(&here.name);
            if is_of_chat(&here.name) {
                self.looks.remove(&here.name);
            }
            self.spaces -= usize::from(is_space(&here.name));
            self.without_history -= usize::from(!here.has_history);
            if let Some(due) = here.count_due {
                self.counts_due.remove(&(due, room));
            }
        }
        self.free.push(room);
    }

    /// The room has its first event: from now on it counts among those with history.
    pub(super) fn note_history(&mut self, room: RoomId) {
        let here = &mut self[room];
        if !std::mem::replace(&mut here.has_history, true) {
            self.without_history -= 1;
        }
    }

    /// The room has no event after all: what would have been its first was not stored.
    pub(super) fn note_no_history(&mut self, room: RoomId) {
        let here = &mut self[room];
        if std::mem::replace(&mut here.has_history, false) {
            self.without_history += 1;
        }
    }

    /// The number of members changed and is to be told, as soon as it may be.
    pub(super) fn want_count(&mut self, room: RoomId, now: Time) {
        let here = &mut self[room];
        if here.count_due.is_none() {
            let wait_ms = if here.users > VERY_LARGE_ROOM { PRESENCE_INTERVAL_MS } else { 0 };
            let due = here.count_after.max(now.plus(wait_ms));
            here.count_due = Some(due);
            self.counts_due.insert((due, room));
        }
    }

    /// A room whose number of members is due now; it may be told again after [`PRESENCE_INTERVAL_MS`], or later.
    pub(super) fn take_count_due(&mut self, now: Time) -> Option<RoomId> {
        let (due, room) = *self.counts_due.first()?;
        if due > now {
            return None;
        }
        self.counts_due.pop_first();
        let here = &mut self[room];
        here.count_due = None;
        let interval_ms = if here.users > VERY_LARGE_ROOM { here.users.into() } else { PRESENCE_INTERVAL_MS };
        here.count_after = now.plus(interval_ms);
        Some(room)
    }

    /// When the next number of members is due.
    pub(super) fn next_count_due(&self) -> Option<Time> {
        self.counts_due.first().map(|(due, _)| *due)
    }
}

/// Whether a room is the chat's.
fn is_of_chat(name: &str) -> bool {
    !name.starts_with('/')
}

/// Whether a room is a whole namespace: the chat's rooms begin with no `/`, and those within a namespace have its name, a
/// `#` and their own.
fn is_space(name: &str) -> bool {
    name.starts_with('/') && !name.contains('#')
}

/// Ids come from [`RoomsHere::open`] and are held by members and observers only, so that the room is there.
impl Index<RoomId> for RoomsHere {
    type Output = RoomHere;

    fn index(&self, room: RoomId) -> &RoomHere {
        self.slots[room.0 as usize].as_ref().expect("a room is there while somebody holds its id")
    }
}

impl IndexMut<RoomId> for RoomsHere {
    fn index_mut(&mut self, room: RoomId) -> &mut RoomHere {
        self.slots[room.0 as usize].as_mut().expect("a room is there while somebody holds its id")
    }
}
