//! What the engine does while nothing can be stored: it takes back what is not, keeps what was asked for, and goes on.

use super::{Engine, Gathered, News};
use crate::message::ToShard;
use crate::sequencer::Sequencer;
use crate::shard::Shard;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use switchboard_core::{
    Applied, Body, Code, ConnectionId, Entry, EntryKind, Event, Outcome, Output, Pos, Reply, RoomRow, Rooms, Seq,
    Ticket,
};
use switchboard_store::{Batch, RoomRecord};

/// Entries that wait until something can be stored; more are refused.
const PARKED_MAX: usize = 4_096;
/// Bytes of their texts.
const PARKED_BYTES_MAX: usize = 8 << 20;

/// Entries that are applied when something can be stored again, in their order.
#[derive(Debug, Default)]
pub(super) struct Parked {
    entries: VecDeque<Entry>,
    bytes: usize,
    /// Some of them may be stored, for all that is known: those are not refused.
    is_unsure: bool,
}

/// The acknowledgement of a message that was said before, and where in the queue of its connection's shard it is.
pub(super) struct Repeated {
    pub(super) to: ConnectionId,
    pub(super) place: usize,
    pub(super) entry: Entry,
}

/// A room as it is stored.
struct Stored {
    seq: Seq,
    topic: Arc<str>,
}

/// What is not stored, and how the rooms are without it.
struct Undone {
    events: BTreeSet<Pos>,
    rooms: BTreeMap<Arc<str>, Stored>,
}

impl Parked {
    /// Whether one more entry may wait.
    pub(super) fn takes(&self, entry: &Entry) -> bool {
        self.entries.len() < PARKED_MAX && self.bytes + bytes(entry) <= PARKED_BYTES_MAX
    }

    pub(super) fn add(&mut self, entry: Entry) {
        self.bytes += bytes(&entry);
        self.entries.push_back(entry);
    }
}

/// Whether an entry says a message again that is stored, and so needs no store.
pub(super) fn is_repeated(entry: &Entry, rooms: &Rooms) -> bool {
    matches!(&entry.kind, EntryKind::Message { id: Some(id), .. } if rooms.knows_id(&entry.room, id))
}

/// The bytes of an entry's text.
fn bytes(entry: &Entry) -> usize {
    match &entry.kind {
        EntryKind::Message { text, .. } | EntryKind::Topic { text, .. } => text.len(),
        EntryKind::TrimBefore { .. } => 0,
    }
}

impl<Q: Sequencer> Engine<Q> {
    /// Nothing can be stored for now: `store`, the batch of `held`, is not, and what gathers since cannot be either.
    ///
    /// Both are taken back: the rooms are again as `durable`, all rooms of the store, has them, and no effect tells of an
    /// event that is not stored. What was asked for waits, to be applied again by [`Engine::resume`] or refused by
    /// [`Engine::refuse_parked`]. With `is_sure` false a part of the batch may come back after a restart, and it is not
    /// refused. Gives the effects that are left of `held`, which may leave.
    pub fn stall(&mut self, mut held: Gathered, store: Batch, durable: Vec<RoomRecord>, is_sure: bool) -> Gathered {
        held.store = store;
        let mut gathering = std::mem::replace(&mut self.gathered, Gathered::new(0));
        if held.store.reserve_pos.is_some() {
            // The bound is not stored: the next batch that can be has it.
            self.reserved = 0;
        }
        if held.store.clock.is_some() || gathering.store.clock.is_some() {
            // It is stored as soon as anything can be.
            self.clock_news = News::Urgent;
        }
        let ended =
            [&mut held.store, &mut gathering.store].into_iter().flat_map(|store| std::mem::take(&mut store.ended));
        self.sessions.give_back_ended(ended.collect());
        let undone = self.undo([&held.store, &gathering.store], durable);
        let mut again = Vec::new();
        let mut repeated = Vec::new();
        for batch in [&mut held, &mut gathering] {
            let references = clear(batch, &undone, &mut repeated);
            again.extend(asked_for(batch, references));
            self.counted_before += batch.store.events.len() as u64;
            batch.store = Batch::default();
        }
        self.gathered = gathering;
        // What repeats a message that is not stored is answered as that is, which comes first.
        let parked = self.parked.get_or_insert_default();
        parked.is_unsure |= !is_sure;
        for (asker, mut entry) in again.into_iter().chain(repeated) {
            entry.ticket = match asker {
                Some((connection, reference)) => self.sessions.ask_again(connection, reference),
                None => Ticket(0),
            };
            // The batches bound how many there are.
            parked.add(entry);
        }
        held
    }

    /// Refuses what waits to be stored, if it is sure that nothing of it is.
    pub fn refuse_parked(&mut self, code: Code) {
        let entries = self.parked.as_mut().filter(|parked| !parked.is_unsure).map(|parked| {
            parked.bytes = 0;
            std::mem::take(&mut parked.entries)
        });
        for entry in entries.into_iter().flatten() {
            self.refuse(entry, code);
        }
    }

    /// Something can be stored again: what waits is applied.
    pub fn resume(&mut self) {
        for entry in self.parked.take().into_iter().flat_map(|parked| parked.entries) {
            self.sequencer.submit(entry);
        }
        self.run_sequence();
    }

    /// Whether nothing can be stored for now.
    #[must_use]
    pub const fn is_stalled(&self) -> bool {
        self.parked.is_some()
    }

    pub(super) fn refuse(&mut self, entry: Entry, code: Code) {
        let Entry { ticket, room, .. } = entry;
        let applied = Applied { ticket, room, outcome: Outcome::Refused(code) };
        let nothing = self.sessions.settle(applied, &mut self.outputs);
        debug_assert!(nothing.is_none(), "a refusal is no event");
        self.route();
    }

    /// Takes events back that are not stored.
    fn undo(&mut self, batches: [&Batch; 2], durable: Vec<RoomRecord>) -> Undone {
        let events = || batches.iter().flat_map(|batch| &batch.events);
        let trims = batches.iter().flat_map(|batch| &batch.trims);
        let touched: BTreeSet<Arc<str>> =
            events().filter_map(|event| event.room.clone()).chain(trims.map(|trim| trim.room.clone())).collect();
        for event in batches.iter().rev().flat_map(|batch| batch.events.iter().rev()) {
            if let (Some(room), Body::Message { id: Some(id), .. }) = (&event.room, &event.body) {
                self.rooms.take_back_id(room, id);
            }
        }
        let no_topic: Arc<str> = Arc::from("");
        let mut rooms: BTreeMap<_, _> =
            touched.iter().map(|room| (room.clone(), Stored { seq: 0, topic: no_topic.clone() })).collect();
        for room in &touched {
            self.rooms.forget_room(room);
        }
        for record in durable {
            let Some(stored) = rooms.get_mut(&record.name) else { continue };
            *stored = Stored { seq: record.next_seq - 1, topic: record.topic.clone() };
            let RoomRecord { name, next_seq, first_seq, topic, last_time } = record;
            self.rooms.restore_room(name, next_seq, first_seq, topic, last_time);
        }
        let events = events().map(|event| event.pos).collect();
        self.sessions.take_back(&events, touched.iter(), &self.rooms);
        Undone { events, rooms }
    }
}

/// An entry's asker, if there is one: its connection, and its word for the request.
type Asker = Option<(ConnectionId, Option<Arc<str>>)>;

/// Takes out of a batch's effects what tells of events that are not stored. Gives, for each shard in order, how those that
/// wait for an acknowledgement named their requests; what repeats such a message goes to `again`.
fn clear(batch: &mut Gathered, undone: &Undone, again: &mut Vec<(Asker, Entry)>) -> Vec<VecDeque<Option<Arc<str>>>> {
    let mut repeated = std::mem::take(&mut batch.repeated);
    let shards = batch.shards.iter_mut().enumerate().map(|(shard, queue)| {
        let mut references = VecDeque::new();
        let effects = std::mem::take(queue);
        for (place, effect) in effects.into_iter().enumerate() {
            let effect = match effect {
                ToShard::Output(Output::Reply {
                    reply: Reply::Ack { reference, seq: Some(_), duplicate: false, .. },
                    ..
                }) => {
                    references.push_back(reference);
                    continue;
                }
                ToShard::Output(Output::Reply {
                    to,
                    reply: Reply::Ack { reference, seq: Some(seq), time, duplicate },
                }) => {
                    let found = repeated.iter().position(|one| one.place == place && Shard::of(one.to) == shard);
                    let entry = found.map(|found| repeated.swap_remove(found).entry);
                    match entry.filter(|entry| undone.rooms.get(&entry.room).is_some_and(|room| room.seq < seq)) {
                        Some(entry) => {
                            again.push((Some((to, reference)), entry));
                            continue;
                        }
                        None => {
                            let reply = Reply::Ack { reference, seq: Some(seq), time, duplicate };
                            ToShard::Output(Output::Reply { to, reply })
                        }
                    }
                }
                other => other,
            };
            queue.extend(undone.correct(effect));
        }
        references
    });
    shards.collect()
}

/// The entries of a batch's events, each with who waits for its acknowledgement.
fn asked_for(batch: &mut Gathered, mut references: Vec<VecDeque<Option<Arc<str>>>>) -> Vec<(Asker, Entry)> {
    let askers = std::mem::take(&mut batch.askers);
    let events = batch.store.events.iter().zip(askers);
    let entries = events.filter_map(|(event, asker)| {
        let asker = asker.map(|to| (to, references[Shard::of(to)].pop_front().flatten()));
        Some((asker, entry(event)?))
    });
    entries.collect()
}

/// What gives an event when it is applied.
fn entry(event: &Event) -> Option<Entry> {
    let kind = match &event.body {
        Body::Message { id, from, text, action, .. } => {
            EntryKind::Message { id: id.clone(), from: from.clone(), text: text.clone(), action: *action }
        }
        Body::Topic { from, text, .. } => EntryKind::Topic { from: from.clone(), text: text.clone() },
        Body::Joined { .. }
        | Body::Left { .. }
        | Body::Renamed { .. }
        | Body::Typing { .. }
        | Body::Notice { .. }
        | Body::Members { .. }
        | Body::Relay { .. }
        | Body::Gap { .. } => return None,
    };
    Some(Entry { ticket: Ticket(0), room: event.room.clone()?, time: event.time, kind })
}

impl Undone {
    /// An effect as it is without the events that are not stored; none if it was about one of them.
    fn correct(&self, effect: ToShard) -> Option<ToShard> {
        let output = match effect {
            ToShard::Publish { event, .. } if self.events.contains(&event.event().pos) => return None,
            ToShard::Output(output) => output,
            other => return Some(other),
        };
        let output = match output {
            Output::Deliver { event, .. } if self.events.contains(&event.pos) => return None,
            Output::Deliver { to, event, own } => Output::Deliver { to, event: self.correct_gap(event)?, own },
            Output::Recover { connection, mut events } => {
                events.retain(|(event, _)| !self.events.contains(&event.pos));
                if events.is_empty() {
                    return None;
                }
                Output::Recover { connection, events }
            }
            Output::Replay { connection, room, after, through, pos, time } => {
                let through = self.latest(&room, through);
                if after >= through {
                    return None;
                }
                Output::Replay { connection, room, after, through, pos, time }
            }
            Output::Reply { to, mut reply } => {
                self.correct_reply(&mut reply);
                Output::Reply { to, reply }
            }
            other => other,
        };
        Some(ToShard::Output(output))
    }

    fn correct_reply(&self, reply: &mut Reply) {
        let row = |row: &mut RoomRow| self.correct_room(&row.room.clone(), Some(&mut row.seq), Some(&mut row.topic));
        match reply {
            Reply::Welcome(welcome) => welcome.rooms.iter_mut().for_each(row),
            Reply::Rooms { rooms, .. } => rooms.iter_mut().for_each(row),
            Reply::Observing { room, seq, .. } => self.correct_room(&room.clone(), Some(seq), None),
            Reply::Joined { room, seq, topic, .. } => self.correct_room(&room.clone(), Some(seq), Some(topic)),
            Reply::Topic { room, topic, .. } => self.correct_room(&room.clone(), None, Some(topic)),
            Reply::Ack { .. }
            | Reply::Left { .. }
            | Reply::Nick { .. }
            | Reply::Members { .. }
            | Reply::History { .. }
            | Reply::Found { .. }
            | Reply::Pong { .. }
            | Reply::Refused(_) => {}
        }
    }

    fn correct_room(&self, room: &Arc<str>, seq: Option<&mut Seq>, topic: Option<&mut Arc<str>>) {
        let Some(stored) = self.rooms.get(room) else { return };
        if let Some(seq) = seq {
            *seq = (*seq).min(stored.seq);
        }
        if let Some(topic) = topic {
            topic.clone_from(&stored.topic);
        }
    }

    /// A gap that ends with what is stored; any other event as it is.
    fn correct_gap(&self, event: Arc<Event>) -> Option<Arc<Event>> {
        let (Some(room), Body::Gap { first, last }) = (&event.room, &event.body) else { return Some(event) };
        let (first, stored) = (*first, self.latest(room, *last));
        if stored == *last {
            return Some(event);
        }
        (first <= stored)
            .then(|| Arc::new(Event { body: Body::Gap { first, last: stored }, room: event.room.clone(), ..*event }))
    }

    fn latest(&self, room: &Arc<str>, seq: Seq) -> Seq {
        self.rooms.get(room).map_or(seq, |stored| seq.min(stored.seq))
    }
}

#[cfg(test)]
mod tests;
