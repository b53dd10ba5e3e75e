//! The engine at work: gathers one batch while the one before it commits, and lets effects leave when theirs is stored.

use super::mailbox::{Mailbox, Notices, Stalled, Wants, Worker};
use super::{Engine, Gathered};
use crate::clock::Clock;
use crate::message::{ToEngine, ToShard};
use crate::metrics::Metrics;
use crate::sequencer::LocalQueue;
use crate::shard::driver::ShardHandle;
use crate::storage::{Committed, Writer};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};
use switchboard_core::{Body, CloseReason, Code, Event};

/// What an operator may set of it.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Commands in a batch. More wait in the mailbox.
    pub batch_commands: usize,
    /// Bytes of commands in a batch.
    pub batch_bytes: usize,
    /// Log each message, with its sender's address.
    pub log_messages: bool,
    /// How long connections have to be told goodbye when the server ends.
    pub grace: Duration,
}

/// How the engine ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// As the operator wished; everything acknowledged is stored.
    Asked,
    /// The storage failed.
    StorageFailed(String),
}

/// What the engine talks to.
pub struct Surroundings {
    pub shards: Vec<ShardHandle>,
    pub writer: Writer,
    pub metrics: Arc<Metrics>,
    pub settings: Settings,
    pub clock: Clock,
}

/// The engine with all that it talks to, and what is under way.
pub struct Driver {
    engine: Engine<LocalQueue>,
    around: Surroundings,
    /// Commands just taken from the mailbox.
    commands: Vec<ToEngine>,
    /// The batch that is being committed: its effects are held.
    committing: Option<Gathered>,
    /// What a guest could not put into a shard's inbox: the engine's thread waits for that shard. It is what one turn
    /// gave, since there is no guest while there is any.
    held: VecDeque<(usize, Vec<ToShard>)>,
    /// When the connections that are left are given up.
    ending: Option<Instant>,
    closed_all: bool,
    shards_done: usize,
}

impl Driver {
    /// The engine before its first turn.
    #[must_use]
    pub const fn new(engine: Engine<LocalQueue>, around: Surroundings) -> Self {
        Self {
            engine,
            around,
            commands: Vec::new(),
            committing: None,
            held: VecDeque::new(),
            ending: None,
            closed_all: false,
            shards_done: 0,
        }
    }

    /// One turn: what waits in the mailbox is applied, and what may leave does. It gives the end when that has come.
    pub fn turn(&mut self, worker: Worker, mailbox: &Mailbox) -> Option<End> {
        if worker == Worker::Own {
            for (shard, messages) in self.held.drain(..) {
                self.around.shards[shard].send(messages);
            }
        }
        let (room, bytes) = self.room();
        let mut commands = std::mem::take(&mut self.commands);
        let (notices, refused) = mailbox.take(worker, room, bytes, &mut commands);
        for shard in refused {
            self.send(worker, shard, vec![ToShard::Space]);
        }
        if let Some(error) = notices.failed {
            return Some(self.storage_failed(mailbox, error));
        }
        let now = self.around.clock.now();
        if let Some(by_ms) = self.engine.read_clock(now, self.around.clock.reading()) {
            tracing::warn!(seconds = by_ms / 1_000, "the machine's clock was set");
        }
        let quiet = commands.is_empty();
        for command in commands.drain(..) {
            self.engine.apply(now, command);
        }
        self.commands = commands;
        if self.engine.next_deadline().is_some_and(|deadline| deadline <= now) {
            self.engine.tick(now);
        }
        self.heed(worker, notices);
        self.leave(worker, mailbox);
        (self.ending.is_some() && self.wind_down(mailbox, quiet)).then_some(End::Asked)
    }

    /// When it wants its next turn, and whose.
    #[must_use]
    pub fn wants(&self) -> Wants {
        let now = Instant::now();
        let deadline = self.engine.next_deadline().map(|deadline| now + self.around.clock.until(deadline));
        let ending = self.ending.map(|ending| ending.min(now + Duration::from_millis(20)));
        let held = (!self.held.is_empty()).then_some(now);
        Wants {
            commands: self.room() != (0, 0),
            deadline: [deadline, ending, held].into_iter().flatten().min(),
            no_guests: self.ending.is_some() || !self.held.is_empty(),
        }
    }

    /// How much the batch that gathers still takes.
    fn room(&self) -> (usize, usize) {
        let gathering = self.engine.gathering();
        let commands = self.around.settings.batch_commands.saturating_sub(gathering.commands);
        let bytes = self.around.settings.batch_bytes.saturating_sub(gathering.bytes);
        if commands == 0 || bytes == 0 { (0, 0) } else { (commands, bytes) }
    }

    fn heed(&mut self, worker: Worker, notices: Notices) {
        if let Some(writable) = notices.writable {
            self.engine.set_writable(writable);
            self.around.metrics.writable.set(writable.into());
        }
        for (room, seq) in notices.trims {
            self.engine.trim(self.around.clock.now(), room, seq);
        }
        if notices.committed
            && let Some(batch) = self.committing.take()
        {
            self.dispatch(worker, batch);
        }
        if let Some(Stalled { batch, rooms, is_sure }) = notices.stalled
            && let Some(held) = self.committing.take()
        {
            let left = self.engine.stall(held, batch, rooms, is_sure);
            self.dispatch(worker, left);
        }
        if notices.refuse {
            self.engine.refuse_parked(Code::StorageFull);
        }
        if notices.resumed {
            self.engine.resume();
        }
        self.shards_done += notices.shards_done;
        if notices.shut_down && self.ending.is_none() {
            tracing::info!("shutting down");
            self.engine.shut_down();
            self.ending = Some(Instant::now() + self.around.settings.grace);
        }
    }

    /// Commits the batch that gathered, if none is under way, or lets it leave if there is nothing to commit.
    fn leave(&mut self, worker: Worker, mailbox: &Mailbox) {
        if self.committing.is_some() || self.engine.gathering().is_empty() {
            return;
        }
        let commands = self.engine.gathering().commands;
        let mut batch = self.engine.take();
        self.count(commands);
        if batch.store.is_empty() {
            return self.dispatch(worker, batch);
        }
        self.log(&batch.store.events);
        match self.around.writer.commit(std::mem::take(&mut batch.store)) {
            Ok(Committed::Now) => self.dispatch(worker, batch),
            Ok(Committed::Later) => self.committing = Some(batch),
            Err(error) => {
                tracing::error!(%error, "the storage failed");
                // Its effects never leave.
                self.committing = Some(batch);
                mailbox.notice(|notices| notices.failed = Some(error.to_string()));
            }
        }
    }

    fn dispatch(&mut self, worker: Worker, batch: Gathered) {
        for (shard, messages) in batch.shards.into_iter().enumerate() {
            if !messages.is_empty() {
                self.send(worker, shard, messages);
            }
        }
    }

    /// The engine's thread waits for a shard whose inbox is full; a guest leaves that to it.
    fn send(&mut self, worker: Worker, shard: usize, messages: Vec<ToShard>) {
        let handle = &self.around.shards[shard];
        match worker {
            Worker::Own => handle.send(messages),
            Worker::Guest if self.held.iter().any(|(other, _)| *other == shard) => {
                self.held.push_back((shard, messages));
            }
            Worker::Guest => {
                if let Err(messages) = handle.try_send(messages) {
                    self.held.push_back((shard, messages));
                }
            }
        }
    }

    /// Ends in steps: what is in the mailbox is answered, then every connection is told, then they have some time to go.
    /// Gives whether it is over.
    fn wind_down(&mut self, mailbox: &Mailbox, quiet: bool) -> bool {
        if self.committing.is_some() {
            return false;
        }
        if !self.closed_all {
            if quiet {
                self.closed_all = true;
                self.engine.refuse_parked(Code::ShuttingDown);
                self.engine.close_all(CloseReason::ShuttingDown);
                self.leave(Worker::Own, mailbox);
            }
            return false;
        }
        let over = self.ending.is_some_and(|ending| ending <= Instant::now());
        (over || self.shards_done == self.around.shards.len()) && quiet && self.engine.gathering().is_empty()
    }

    /// The disk failed: nothing that is held may leave, everyone is told, and a restart recovers.
    fn storage_failed(&self, mailbox: &Mailbox, error: String) -> End {
        for shard in &self.around.shards {
            shard.send(vec![ToShard::CloseAll(CloseReason::StorageFailed)]);
        }
        let deadline = Instant::now() + self.around.settings.grace.min(Duration::from_secs(2));
        let mut done = 0;
        while done < self.around.shards.len() && Instant::now() < deadline {
            mailbox.give_back(Wants { commands: false, deadline: Some(deadline), no_guests: true });
            mailbox.wait();
            let (notices, _) = mailbox.take(Worker::Own, 0, 0, &mut Vec::new());
            done += notices.shards_done;
        }
        End::StorageFailed(error)
    }

    fn count(&mut self, commands: usize) {
        let tally = self.engine.take_tally();
        self.around.metrics.hit(&tally.hits);
        self.around.metrics.batch(commands, tally.stored, &tally.refused, &self.engine.counts());
    }

    /// The log names each message with its sender's address; what people wrote is escaped.
    fn log(&self, events: &[Arc<Event>]) {
        if !self.around.settings.log_messages {
            return;
        }
        for event in events {
            if let Body::Message { from, text, .. } = &event.body {
                tracing::info!(
                    room = event.room.as_deref(),
                    nick = ?from.nick,
                    address = from.address.map(tracing::field::display),
                    via = from.via.as_str(),
                    text = ?text,
                    "message"
                );
            }
        }
    }
}
