//! The engine's turn, and the way of a batch to the disk.

use super::{BEGINNING_MS, Server, time};
use crate::agenda::{Context, MS, Micros};
use crate::check::{Check, Verdict};
use crate::disk::Disk;
use crate::world::Happening;
use std::sync::Arc;
use switchboard_core::output::HistoryRange;
use switchboard_core::{Code, ConnectionId};
use switchboard_server::engine::Gathered;
use switchboard_server::engine::mailbox::{Stalled, Worker};
use switchboard_server::message::{Read, ToShard};
use switchboard_server::shard::Shard;
use switchboard_store::{Batch, Severity, StoreError};

/// Batches of the engine that may wait for a shard; the engine waits for it beyond.
const INBOX: usize = 64;
/// How often it is tried again what could not be stored.
const RETRY: Micros = 250 * MS;

impl Server {
    /// One turn of the engine, as its driver has it.
    pub(crate) fn run_engine(&mut self, context: &mut Context<Happening>) {
        self.engine_wakes = None;
        if self.shards.iter().any(|post| post.coming + post.inbox.len() >= INBOX) {
            // A shard's inbox is full: the engine waits for it.
            return self.wake_engine(context);
        }
        let gathering = self.engine.gathering().commands;
        let room = self.plan.batch_commands.saturating_sub(gathering);
        let mut commands = Vec::new();
        let (notices, refused) = self.mailbox.take(Worker::Own, room, 1 << 20, &mut commands);
        for shard in refused {
            self.send(context, shard, vec![ToShard::Space]);
        }
        let now = time(context.now());
        if let Some(by_ms) = self.engine.read_clock(now, context.wall.reading(context.now())) {
            context.note(format_args!("engine clock {by_ms}"));
        }
        // Then there may be more, or room for it.
        let goes_on = !commands.is_empty() || notices.committed;
        for command in commands {
            context.note(format_args!("engine {command:?}"));
            self.engine.apply(now, command);
        }
        if self.engine.next_deadline().is_some_and(|deadline| deadline <= now) {
            self.engine.tick(now);
        }
        if let Some(writable) = notices.writable {
            context.note(format_args!("engine writable {writable}"));
            self.engine.set_writable(writable);
        }
        for (room, seq) in notices.trims {
            context.note(format_args!("engine trims {room} before {seq}"));
            self.engine.trim(now, room, seq);
        }
        if notices.committed
            && let Some(batch) = self.committing.take()
        {
            self.dispatch(context, batch);
        }
        if let Some(Stalled { batch, rooms, is_sure }) = notices.stalled
            && let Some(held) = self.committing.take()
        {
            let left = self.engine.stall(held, batch, rooms, is_sure);
            self.dispatch(context, left);
        }
        if notices.refuse {
            self.engine.refuse_parked(Code::StorageFull);
        }
        if notices.resumed {
            self.engine.resume();
        }
        self.leave(context);
        if goes_on {
            self.wake_engine(context);
        } else if let Some(deadline) = self.engine.next_deadline() {
            self.wake_engine_at(context, (deadline.0 - BEGINNING_MS) * MS);
        }
    }

    /// The batch under way reaches the disk, or finds it full.
    pub(crate) fn store(&mut self, context: &mut Context<Happening>, disk: &mut Disk, check: &mut Check) -> Verdict {
        let life = self.life;
        match disk.commit(&self.batch) {
            Ok(()) => {
                for event in &self.batch.events {
                    context.note(format_args!("commit {:?} {:?}", event.room, event.seq()));
                    check.committed(event, context.now() / MS)?;
                }
                if let Some(clock) = self.batch.clock.take() {
                    self.clock_log = clock;
                }
                self.batch = Batch::default();
                self.set_writable(context, true);
                context.after(0, self.plan.delay_ms * MS, Happening::Committed { life });
            }
            Err(error) if error.severity() == Severity::Danger => return Err(error.to_string()),
            Err(_) if context.random.percent(50) => {
                context.agenda.at(context.now() + RETRY, Happening::Store { life });
            }
            // It has been tried for long enough.
            Err(error) => {
                context.note(format_args!("stalled: {error}"));
                let rooms = disk.load().map_err(|error| error.to_string())?.rooms;
                let stalled = Stalled { batch: std::mem::take(&mut self.batch), rooms, is_sure: true };
                let refuse = matches!(error, StoreError::Full);
                self.mailbox.notice(|notices| {
                    notices.stalled = Some(stalled);
                    notices.refuse = refuse;
                });
                self.stalled = true;
                if refuse {
                    self.set_writable(context, false);
                }
                self.wake_engine(context);
                context.agenda.at(context.now() + RETRY, Happening::Probe { life });
            }
        }
        Ok(())
    }

    /// It is tried whether commits can be made again.
    pub(crate) fn probe(&mut self, context: &mut Context<Happening>, disk: &Disk) {
        if !disk.takes_commits() {
            let life = self.life;
            context.agenda.at(context.now() + RETRY, Happening::Probe { life });
            return;
        }
        context.note(format_args!("resumed"));
        self.stalled = false;
        self.mailbox.notice(|notices| notices.resumed = true);
        self.set_writable(context, true);
        self.wake_engine(context);
    }

    /// The engine is told that the batch is stored.
    pub(crate) fn committed(&mut self, context: &mut Context<Happening>) {
        // Whose turn it is here is the agenda's affair.
        let _ = self.mailbox.committed();
        self.wake_engine(context);
    }

    /// The watch on the free space has news.
    pub(crate) fn set_writable(&mut self, context: &mut Context<Happening>, writable: bool) {
        // Space alone does not say that something can be stored.
        let writable = writable && !self.stalled;
        if std::mem::replace(&mut self.writable, writable) != writable {
            self.mailbox.notice(|notices| notices.writable = Some(writable));
            self.wake_engine(context);
        }
    }

    /// Retention forgets what is older than this, as the writer does it.
    pub(crate) fn forget(
        &mut self,
        context: &mut Context<Happening>,
        disk: &mut Disk,
        check: &Check,
        age_ms: u64,
    ) -> Verdict {
        let reading = context.wall.reading(context.now());
        if self.clock_log.is_behind(reading) {
            self.wake_engine(context);
            return Ok(());
        }
        let cutoffs = self.clock_log.cutoffs(reading.wall, age_ms);
        let trims = disk.older_than(&cutoffs).map_err(|error| error.to_string())?;
        for (room, seq) in &trims {
            check.may_be_forgotten(room, *seq, context.now() / MS, age_ms)?;
        }
        self.mailbox.notice(|notices| notices.trims = trims);
        self.wake_engine(context);
        Ok(())
    }

    /// A reader reads, and its shard gets the page.
    pub(crate) fn read(
        &mut self,
        context: &mut Context<Happening>,
        disk: &Disk,
        connection: ConnectionId,
        read: Read,
    ) -> Verdict {
        let bytes_max = self.plan.outbox_bytes / 3;
        let mut reader = disk.reader().map_err(|error| error.to_string())?;
        let result = match &read {
            Read::Replay { room, after, through: _ } => {
                let after = HistoryRange::After(*after);
                reader.history(room, after, 256, bytes_max)
            }
            Read::History(query) => reader.history(&query.room, query.range, query.limit, bytes_max),
            Read::Search(query) => reader.search(&query.room, &query.text, query.before, query.limit),
        };
        let page = ToShard::Page { connection, read, result: result.map_err(Arc::new) };
        self.send(context, Shard::of(connection), vec![page]);
        Ok(())
    }

    /// Commits the batch that gathered, if none is under way, or lets it leave if there is nothing to commit.
    pub(super) fn leave(&mut self, context: &mut Context<Happening>) {
        if self.committing.is_some() || self.engine.gathering().is_empty() {
            return;
        }
        let mut batch = self.engine.take();
        if batch.store.is_empty() {
            self.dispatch(context, batch);
        } else {
            self.batch = std::mem::take(&mut batch.store);
            self.committing = Some(batch);
            let life = self.life;
            context.after(0, self.plan.delay_ms * MS, Happening::Store { life });
        }
    }

    pub(super) fn dispatch(&mut self, context: &mut Context<Happening>, batch: Gathered) {
        for (shard, messages) in batch.shards.into_iter().enumerate() {
            if !messages.is_empty() {
                self.send(context, shard, messages);
            }
        }
    }

    pub(super) fn send(&mut self, context: &mut Context<Happening>, shard: usize, messages: Vec<ToShard>) {
        let delay = context.random.between(0, self.plan.delay_ms * MS / 10);
        let post = &mut self.shards[shard];
        post.coming += 1;
        post.last = post.last.max(context.agenda.now + delay);
        context.agenda.at(post.last, Happening::Inbound { life: self.life, shard, messages });
    }
}
