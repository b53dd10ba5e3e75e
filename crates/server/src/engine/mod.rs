//! The engine: applies what the shards ask for, in batches, and keeps the effects of a batch until it is stored; pure.

pub mod desk;
pub mod driver;
pub mod mailbox;
mod routes;
mod stall;

use crate::message::{Published, ToEngine, ToShard};
use crate::sequencer::Sequencer;
use crate::shard::Shard;
use routes::Routes;
use stall::{Parked, Repeated};
use std::sync::Arc;
use switchboard_core::cost::Hits;
use switchboard_core::output::Output;
use switchboard_core::sessions::{Counts, SessionsSettings};
use switchboard_core::{
    CloseReason, Code, ConnectionId, Entry, EntryKind, Event, Outcome, Pos, Reply, Request, Rooms, Seq, SessionId,
    Sessions, Ticket, Time,
};
use switchboard_store::clock::{Noted, Reading};
use switchboard_store::{Batch, ClockLog, Trim};

/// Positions reserved at a time. A reservation is one row in the transaction of a batch that is stored anyway, or a
/// transaction of its own every so many ephemeral events.
const RESERVE: Pos = 1 << 20;
/// Positions that a batch may use at the very most: 1,024 commands, each with an event in each of 1,000 rooms.
const BATCH_POSITIONS: Pos = 1 << 20;

/// A batch that was applied: what has to be stored, and what may leave when it is.
pub struct Gathered {
    pub store: Batch,
    /// For each shard what it is to do, in order.
    pub shards: Vec<Vec<ToShard>>,
    /// How many commands are in it.
    pub commands: usize,
    /// How many bytes of commands are in it.
    pub bytes: usize,
    /// For each event to be stored, who waits for its acknowledgement.
    askers: Vec<Option<ConnectionId>>,
    /// Acknowledgements of what was said before.
    repeated: Vec<Repeated>,
}

impl Gathered {
    fn new(shards: usize) -> Self {
        Self {
            store: Batch::default(),
            shards: (0..shards).map(|_| Vec::new()).collect(),
            commands: 0,
            bytes: 0,
            askers: Vec::new(),
            repeated: Vec::new(),
        }
    }

    /// Whether nothing was applied: nothing is to be stored, and nothing is to leave. Commands without effect count, or
    /// enough of them would fill the batch for good.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.commands == 0 && self.store.is_empty() && self.shards.iter().all(Vec::is_empty)
    }
}

/// What the engine counted since it was last asked.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    pub stored: u64,
    pub private: u64,
    pub refused: Vec<Code>,
    pub hits: Hits,
}

/// How urgently the store needs something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum News {
    None,
    /// It goes with the next batch that stores something.
    Waits,
    /// It makes a batch of its own.
    Urgent,
}

/// All that changes when a command is applied.
pub struct Engine<Q> {
    sessions: Sessions,
    rooms: Rooms,
    sequencer: Q,
    routes: Routes,
    gathered: Gathered,
    outputs: Vec<Output>,
    reserved: Pos,
    /// What waits while nothing can be stored; none while the storage works.
    parked: Option<Parked>,
    /// Events that were counted as stored and are not.
    counted_before: u64,
    clock: ClockLog,
    /// How much of it the store has still to be given.
    clock_news: News,
    writable: bool,
    /// Counters for the metrics; the driver takes them.
    pub tally: Tally,
}

impl<Q: Sequencer> Engine<Q> {
    /// An engine over what the store held: its positions from `sessions.next_pos` on are free, and `clock` is what the
    /// machine's clock did.
    #[must_use]
    pub fn new(sessions: SessionsSettings, rooms: Rooms, clock: ClockLog, sequencer: Q, shards: usize) -> Self {
        let reserved = sessions.next_pos;
        Self {
            sessions: Sessions::new(sessions),
            rooms,
            sequencer,
            routes: Routes::new(shards),
            gathered: Gathered::new(shards),
            outputs: Vec::new(),
            reserved,
            parked: None,
            counted_before: 0,
            clock,
            clock_news: News::None,
            writable: true,
            tally: Tally::default(),
        }
    }

    /// Puts back a session that its client ended, whose tokens are good for nothing.
    pub fn restore_ended(&mut self, session: SessionId) {
        self.sessions.restore_ended(session);
    }

    /// Sets what the clocks show at the running time `now`: to be called at the beginning of a turn, since what is applied
    /// next is stamped by it. That the wall's clock was set is stored before what it stamps. Returns by how many
    /// milliseconds it was set, if it was.
    pub fn read_clock(&mut self, now: Time, reading: Reading) -> Option<i64> {
        let noted = self.clock.note(reading, self.sessions.next_pos());
        self.sessions.set_wall(now, reading.wall, self.clock.unset(reading));
        let news = match noted {
            Noted::Nothing => News::None,
            Noted::Worth => News::Waits,
            Noted::Set(_) => News::Urgent,
        };
        self.clock_news = self.clock_news.max(news);
        // While the disk is nearly full nothing is stored that it concerns, and a batch that does not fit holds up others.
        if self.clock_news == News::Urgent && self.writable && self.parked.is_none() {
            self.store_clock();
        }
        match noted {
            Noted::Set(by_ms) => Some(by_ms),
            Noted::Nothing | Noted::Worth => None,
        }
    }

    fn store_clock(&mut self) {
        self.gathered.store.clock = Some(self.clock.clone());
        self.clock_news = News::None;
    }

    /// Applies one message of a shard to the batch that gathers.
    pub fn apply(&mut self, now: Time, message: ToEngine) {
        self.gathered.commands += 1;
        self.gathered.bytes += message.bytes();
        match message {
            ToEngine::Connect { connection, peer, observe } => {
                self.sessions.connect(connection, peer, &mut self.outputs);
                if observe {
                    self.sessions.observe(connection, &self.rooms, &mut self.outputs);
                }
            }
            ToEngine::Request { connection, request } => self.request(now, connection, *request),
            ToEngine::Behind { connection } => self.sessions.fell_behind(connection),
            ToEngine::Disconnect { connection } => {
                self.sessions.disconnect(now, connection, &mut self.outputs);
                self.route();
                self.routes.forget(connection, &mut self.gathered.shards);
            }
        }
        self.route();
    }

    /// Time passed: sessions end, counts are told, and join codes have their turn.
    pub fn tick(&mut self, now: Time) {
        self.sessions.tick(now, &mut self.outputs);
        self.route();
        while let Some((connection, requests)) = self.sessions.take_turn(now) {
            for request in requests {
                self.request(now, connection, request);
                self.route();
            }
        }
    }

    fn request(&mut self, now: Time, connection: ConnectionId, request: Request) {
        let entry = self.sessions.admit(now, connection, request, &self.rooms, &mut self.outputs);
        match (entry, &mut self.parked) {
            (None, _) => {}
            (Some(entry), parked) if parked.is_none() || stall::is_repeated(&entry, &self.rooms) => {
                self.sequencer.submit(entry);
                self.run_sequence();
            }
            (Some(entry), Some(parked)) if parked.takes(&entry) => parked.add(entry),
            (Some(entry), _) => self.refuse(entry, Code::StorageFull),
        }
    }

    /// When [`Engine::tick`] wants to be called next.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Time> {
        self.sessions.next_deadline()
    }

    /// Orders that the events of a room below `seq` be forgotten.
    ///
    /// While nothing can be stored, nothing is forgotten either: whoever orders it does so again.
    pub fn trim(&mut self, now: Time, room: Arc<str>, seq: Seq) {
        if self.parked.is_some() {
            return;
        }
        self.sequencer.submit(Entry { ticket: Ticket(0), room, time: now, kind: EntryKind::TrimBefore { seq } });
        self.run_sequence();
        self.route();
    }

    /// Whether durable commands are admitted: not while the disk is nearly full.
    pub fn set_writable(&mut self, writable: bool) {
        self.writable = writable;
        self.sessions.set_writable(writable);
    }

    /// From now on commands are refused with `shutting_down`.
    pub fn shut_down(&mut self) {
        self.sessions.shutdown();
        // What would have waited for a batch is kept now.
        if self.writable {
            self.gathered.store.ended = self.sessions.take_ended();
        }
    }

    /// Tells every connection why it ends.
    pub fn close_all(&mut self, reason: CloseReason) {
        for shard in &mut self.gathered.shards {
            shard.push(ToShard::CloseAll(reason));
        }
    }

    /// The batch that gathers now.
    #[must_use]
    pub const fn gathering(&self) -> &Gathered {
        &self.gathered
    }

    /// Takes the batch: what is applied from here on belongs to the next one.
    pub fn take(&mut self) -> Gathered {
        let next = self.sessions.next_pos();
        // While nothing can be stored, positions are given beyond the bound: an event that is not stored is known to no
        // session of a later process, and one that is stored comes after all that are.
        if next + BATCH_POSITIONS > self.reserved && self.parked.is_none() {
            self.reserved = next + BATCH_POSITIONS + RESERVE;
            self.gathered.store.reserve_pos = Some(self.reserved);
        }
        if self.clock_news != News::None && !self.gathered.store.is_empty() {
            self.store_clock();
        }
        if self.sessions.has_ended() && !self.gathered.store.is_empty() {
            self.gathered.store.ended = self.sessions.take_ended();
        }
        let empty = Gathered::new(self.gathered.shards.len());
        std::mem::replace(&mut self.gathered, empty)
    }

    /// How many users, sessions, connections and rooms there are.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.sessions.counts()
    }

    /// What was counted since this was last asked.
    pub fn take_tally(&mut self) -> Tally {
        Tally { hits: self.sessions.take_hits(), ..std::mem::take(&mut self.tally) }
    }

    /// The rooms, for comparing two engines.
    #[must_use]
    pub const fn rooms(&self) -> &Rooms {
        &self.rooms
    }

    fn run_sequence(&mut self) {
        while let Some(entry) = self.sequencer.next() {
            let applied = self.rooms.apply(&entry);
            if let Outcome::Trimmed { first } = applied.outcome {
                self.gathered.store.trims.push(Trim { room: applied.room.clone(), before: first });
            }
            // So that the answer is the first of what this gives.
            self.route();
            let repeats = matches!(applied.outcome, Outcome::Duplicate { .. });
            let event = self.sessions.settle(applied, &mut self.outputs);
            let answered = match self.outputs.first() {
                Some(Output::Reply { to, reply: Reply::Ack { .. } }) => Some(*to),
                _ => None,
            };
            if let Some(event) = event {
                // What is applied again was counted before.
                match self.counted_before.checked_sub(1) {
                    Some(left) => self.counted_before = left,
                    None => self.tally.stored += 1,
                }
                self.gathered.store.events.push(event);
                self.gathered.askers.push(answered);
            } else if let Some(to) = answered.filter(|_| repeats) {
                let place = self.gathered.shards[Shard::of(to)].len();
                self.gathered.repeated.push(Repeated { to, place, entry });
            }
            self.route();
        }
    }

    fn route(&mut self) {
        for output in self.outputs.drain(..) {
            if let Output::Reply { reply: Reply::Refused(refusal), .. } = &output {
                self.tally.refused.push(refusal.code);
            }
            self.routes.route(output, &mut self.gathered.shards);
        }
    }
}

/// An event ready for many receivers.
pub(crate) fn published(event: Arc<Event>) -> Arc<Published> {
    Arc::new(Published::new(event))
}
