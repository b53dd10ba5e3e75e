//! The engine's thread: gathers one batch while the one before it commits, and lets effects leave when theirs is stored.

use super::mailbox::{Mailbox, Notices};
use super::{Engine, Gathered};
use crate::clock::Clock;
use crate::message::{ToEngine, ToShard};
use crate::metrics::Metrics;
use crate::sequencer::Sequencer;
use crate::shard::driver::ShardHandle;
use crate::storage::{ReaderThreads, Writer};
use std::sync::Arc;
use std::time::{Duration, Instant};
use switchboard_core::{Body, CloseReason, Event};

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

/// The engine with all that it talks to.
pub struct Driver<Q> {
    pub engine: Engine<Q>,
    pub mailbox: Arc<Mailbox>,
    pub shards: Vec<ShardHandle>,
    pub writer: Writer,
    pub readers: ReaderThreads,
    pub metrics: Arc<Metrics>,
    pub settings: Settings,
    pub clock: Clock,
}

/// What is under way besides the batch that gathers.
struct Run {
    /// The batch that is being committed: its effects are held.
    committing: Option<Gathered>,
    /// When the connections that are left are given up.
    ending: Option<Instant>,
    closed_all: bool,
    shards_done: usize,
}

impl<Q: Sequencer> Driver<Q> {
    /// Runs until the operator or a failure ends it.
    pub fn run(mut self) -> End {
        let mut run = Run { committing: None, ending: None, closed_all: false, shards_done: 0 };
        let mut commands = Vec::new();
        let end = loop {
            let (room, bytes) = self.room();
            let (notices, refused) = self.mailbox.take(room, bytes, self.timeout(&run), &mut commands);
            for shard in refused {
                self.shards[shard].send(vec![ToShard::Space]);
            }
            if let Some(error) = notices.failed {
                break self.storage_failed(error);
            }
            let now = self.clock.now();
            let quiet = commands.is_empty();
            for command in commands.drain(..) {
                self.engine.apply(now, command);
            }
            if self.engine.next_deadline().is_some_and(|deadline| deadline <= now) {
                self.engine.tick(now);
            }
            self.heed(notices, &mut run);
            self.leave(&mut run);
            if run.ending.is_some() && self.wind_down(&mut run, quiet) {
                break End::Asked;
            }
        };
        if end == End::Asked {
            self.readers.end();
            self.writer.end();
        }
        end
    }

    /// How much the batch that gathers still takes.
    fn room(&self) -> (usize, usize) {
        let gathering = self.engine.gathering();
        let commands = self.settings.batch_commands.saturating_sub(gathering.commands);
        let bytes = self.settings.batch_bytes.saturating_sub(gathering.bytes);
        if bytes == 0 { (0, 0) } else { (commands, bytes) }
    }

    fn timeout(&self, run: &Run) -> Option<Duration> {
        let deadline = self.engine.next_deadline().map(|deadline| self.clock.until(deadline));
        let ending =
            run.ending.map(|ending| ending.saturating_duration_since(Instant::now()).min(Duration::from_millis(20)));
        [deadline, ending].into_iter().flatten().min()
    }

    fn heed(&mut self, notices: Notices, run: &mut Run) {
        if let Some(writable) = notices.writable {
            self.engine.set_writable(writable);
            self.metrics.writable.set(writable.into());
        }
        for (room, seq) in notices.trims {
            self.engine.trim(self.clock.now(), room, seq);
        }
        if notices.committed
            && let Some(batch) = run.committing.take()
        {
            self.dispatch(batch);
        }
        run.shards_done += notices.shards_done;
        if notices.shut_down && run.ending.is_none() {
            tracing::info!("shutting down");
            self.engine.shut_down();
            run.ending = Some(Instant::now() + self.settings.grace);
        }
    }

    /// Commits the batch that gathered, if none is under way, or lets it leave if there is nothing to commit.
    fn leave(&mut self, run: &mut Run) {
        if run.committing.is_some() || self.engine.gathering().is_empty() {
            return;
        }
        let commands = self.engine.gathering().commands;
        let mut batch = self.engine.take();
        self.count(commands);
        if batch.store.is_empty() {
            self.dispatch(batch);
        } else {
            self.log(&batch.store.events);
            self.writer.commit(std::mem::take(&mut batch.store));
            run.committing = Some(batch);
        }
    }

    fn dispatch(&self, batch: Gathered) {
        for (shard, messages) in self.shards.iter().zip(batch.shards) {
            if !messages.is_empty() {
                shard.send(messages);
            }
        }
    }

    /// Ends in steps: what is in the mailbox is answered, then every connection is told, then they have some time to go.
    /// Gives whether it is over.
    fn wind_down(&mut self, run: &mut Run, quiet: bool) -> bool {
        if run.committing.is_some() {
            return false;
        }
        if !run.closed_all {
            if quiet {
                run.closed_all = true;
                self.engine.close_all(CloseReason::ShuttingDown);
                self.leave(run);
            }
            return false;
        }
        let over = run.ending.is_some_and(|ending| ending <= Instant::now());
        (over || run.shards_done == self.shards.len()) && quiet && self.engine.gathering().is_empty()
    }

    /// The disk failed: nothing that is held may leave, everyone is told, and a restart recovers.
    fn storage_failed(&self, error: String) -> End {
        for shard in &self.shards {
            shard.send(vec![ToShard::CloseAll(CloseReason::StorageFailed)]);
        }
        let deadline = Instant::now() + self.settings.grace.min(Duration::from_secs(2));
        let mut done = 0;
        while done < self.shards.len() && Instant::now() < deadline {
            let left = deadline.saturating_duration_since(Instant::now());
            let (notices, _) = self.mailbox.take(0, 0, Some(left), &mut Vec::<ToEngine>::new());
            done += notices.shards_done;
        }
        End::StorageFailed(error)
    }

    fn count(&mut self, commands: usize) {
        let tally = std::mem::take(&mut self.engine.tally);
        self.metrics.batch(commands, tally.stored, &tally.refused, &self.engine.counts());
    }

    /// The log names each message with its sender's address; what people wrote is escaped.
    fn log(&self, events: &[Arc<Event>]) {
        if !self.settings.log_messages {
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
