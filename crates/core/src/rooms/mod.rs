//! The rooms as every node of a cluster agrees upon them: entries go in, numbered events come out.
//!
//! Nothing but the entries decides what is here: no connection, no clock of this node, no order of a hash. Two values
//! that were fed the same entries are equal.

mod looks;
mod recent;
mod room;

use crate::entry::{Applied, Entry, EntryKind, Outcome};
use crate::event::{Body, Sender};
use crate::ids::{Seq, Time};
use crate::limits::Limits;
use crate::refusal::Code;
pub(crate) use looks::Looks;
use recent::{Known, Recent};
use room::Room;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Every room that has history, and the message ids of late.
#[derive(Clone, Debug, PartialEq)]
pub struct Rooms {
    by_name: BTreeMap<Arc<str>, Room>,
    looks: Looks,
    recent: Recent,
    /// What a room without a topic answers.
    no_topic: Arc<str>,
}

impl Rooms {
    /// No rooms yet.
    #[must_use]
    pub fn new(limits: &Limits) -> Self {
        Self {
            by_name: BTreeMap::new(),
            looks: Looks::default(),
            recent: Recent::new(limits.dedupe_ids, limits.dedupe_age_ms),
            no_topic: Arc::from(""),
        }
    }

    /// Puts back a room as the store knows it: `next_seq` is the number that its next event gets, `first_seq` the
    /// lowest that is still stored (`next_seq` if nothing is), `last_time` the time of its latest event.
    pub fn restore_room(&mut self, name: Arc<str>, next_seq: Seq, first_seq: Seq, topic: Arc<str>, last_time: Time) {
        self.looks.add(&name);
        self.by_name.insert(name, Room::restored(next_seq, first_seq, topic, last_time));
    }

    /// Puts back a message id and what it was used for, in the order in which the messages were stored.
    pub fn restore_id(&mut self, room: &str, id: &str, seq: Seq, time: Time, text: &str, action: bool) {
        self.recent.remember(room, id, text, action, seq, time);
    }

    /// Forgets a room that was made by entries whose events were not stored.
    pub fn forget_room(&mut self, room: &str) {
        self.by_name.remove(room);
        self.looks.remove(room);
    }

    /// Whether a message with this id was stored in the room: the same message again needs no space.
    #[must_use]
    pub fn knows_id(&self, room: &str, id: &str) -> bool {
        self.recent.knows(room, id)
    }

    /// Takes back the latest message id, whose message was not stored: the same message may be said again. Several are
    /// taken back from the last one on.
    pub fn take_back_id(&mut self, room: &str, id: &str) {
        self.recent.take_back(room, id);
    }

    /// Applies the next entry. Each gives exactly one outcome.
    pub fn apply(&mut self, entry: &Entry) -> Applied {
        let outcome = match &entry.kind {
            EntryKind::Message { id, from, text, action } => self.message(entry, id.as_ref(), from, text, *action),
            EntryKind::Topic { from, text } => {
                let room = self.open(&entry.room);
                let (seq, time) = room.next(entry.time);
                room.set_topic(Arc::clone(text));
                Outcome::Stored { seq, time, body: Body::Topic { seq, from: from.clone(), text: Arc::clone(text) } }
            }
            EntryKind::TrimBefore { seq } => {
                let first = self.by_name.get_mut(&entry.room).map_or(1, |room| room.trim_before(*seq));
                Outcome::Trimmed { first }
            }
        };
        Applied { ticket: entry.ticket, room: Arc::clone(&entry.room), outcome }
    }

    /// The number of the room's latest event, 0 if it never had one.
    #[must_use]
    pub fn seq(&self, room: &str) -> Seq {
        self.by_name.get(room).map_or(0, Room::seq)
    }

    /// The lowest number that is still stored, or the next one if nothing is.
    #[must_use]
    pub fn first_seq(&self, room: &str) -> Seq {
        self.by_name.get(room).map_or(1, Room::first_seq)
    }

    /// The room's topic, empty if it has none.
    #[must_use]
    pub fn topic(&self, room: &str) -> Arc<str> {
        Arc::clone(self.by_name.get(room).map_or(&self.no_topic, Room::topic))
    }

    /// Whether the room ever had an event.
    #[must_use]
    pub fn contains(&self, room: &str) -> bool {
        self.by_name.contains_key(room)
    }

    /// A room that has had an event and looks like this ([`crate::names::lookalike`]).
    #[must_use]
    pub fn looking_like(&self, look: &str) -> Option<Arc<str>> {
        self.looks.find(look, |name| self.by_name.get_key_value(name).map(|(name, _)| Arc::clone(name)))
    }

    /// How many rooms have had an event.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_name.len()
    }

    /// Whether no room has had an event.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }

    /// The names of the rooms that have had an event, sorted.
    pub fn names(&self) -> impl Iterator<Item = &Arc<str>> {
        self.by_name.keys()
    }

    /// How many message ids are remembered.
    #[must_use]
    pub fn ids(&self) -> usize {
        self.recent.len()
    }

    fn message(
        &mut self,
        entry: &Entry,
        id: Option<&Arc<str>>,
        from: &Sender,
        text: &Arc<str>,
        action: bool,
    ) -> Outcome {
        if let Some(id) = id {
            let time = self.by_name.get(&entry.room).map_or(entry.time, |room| room.time(entry.time));
            match self.recent.look_up(&entry.room, id, text, action, time) {
                Known::Same { seq, time } => return Outcome::Duplicate { seq, time },
                Known::Other => return Outcome::Refused(Code::IdConflict),
                Known::No => {}
            }
        }
        let (seq, time) = self.open(&entry.room).next(entry.time);
        if let Some(id) = id {
            self.recent.remember(&entry.room, id, text, action, seq, time);
        }
        let body = Body::Message {
            seq: Some(seq),
            id: id.cloned(),
            from: from.clone(),
            to: None,
            text: Arc::clone(text),
            action,
        };
        Outcome::Stored { seq, time, body }
    }

    fn open(&mut self, name: &Arc<str>) -> &mut Room {
        let Self { no_topic, looks, .. } = self;
        self.by_name.entry(Arc::clone(name)).or_insert_with_key(|name| {
            looks.add(name);
            Room::new(Arc::clone(no_topic))
        })
    }
}
