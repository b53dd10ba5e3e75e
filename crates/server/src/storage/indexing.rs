//! When the index that trails the commits is worked on, and how far it is: its lag has a bound, and searches are told of it.
//!
//! The index shares the database, and with it the writer's thread, with the commits (`docs/decisions/0012`). As long as
//! its lag is small, it takes only the moments in which no batch waits. Beyond that it takes a share of the writer that
//! grows with the lag, until it does more rows than are committed: the lag cannot grow any further.

use crate::metrics::Metrics;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use switchboard_store::{Backlog, Store, StoreError};

/// Rows of a transaction, where nothing asks for more: it takes two to four milliseconds, and with fewer the index
/// costs half as much again, because each transaction is a piece of the index that has to be merged with others later.
pub(super) const STEP_ROWS: u64 = 256;
/// The most rows of a transaction. More that are due are done in several.
const TRANSACTION_ROWS_MAX: u64 = 4_096;
/// Rows that are worth a transaction when no batch waits.
const WORTH_ROWS: u64 = 64;
/// The lag up to which no batch waits for the index.
const LAG_FREE: u64 = 4_096;
/// The lag from which half as many rows again are done as are committed. So the lag is never more than this, one batch
/// and two steps, whatever is committed and however fast.
const LAG_MAX: u64 = 131_072;
/// Forgotten events that count as lag at most: they take space and nothing else, so they slow commits down a little.
const UNSWEPT_MAX: u64 = 65_536;
/// What is noted about the time of commits, so that the age of the oldest row without an index is known about as well.
const MARK_INTERVAL: Duration = Duration::from_millis(100);
/// More such notes are not kept; the age is then that of an earlier row.
const MARKS_MAX: usize = 1_024;

/// How far the index is, for those who search.
#[derive(Default)]
struct Progress {
    /// Rows that were committed, counted from those that an earlier run left to be indexed.
    committed: AtomicU64,
    /// So many of them are to be indexed soon, because a search waits for them.
    wanted: AtomicU64,
    /// How many of them are indexed.
    indexed: Mutex<u64>,
    moved: Condvar,
    /// The index does not get on for now: nobody is to wait for it.
    is_stuck: AtomicBool,
    /// Nobody is to wait any more.
    ended: AtomicBool,
}

impl Progress {
    fn indexed(&self) -> MutexGuard<'_, u64> {
        self.indexed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A handle by which those who search wait for the index.
#[derive(Clone)]
pub struct Indexer {
    progress: Arc<Progress>,
    /// Wakes the writer's thread.
    ask: Arc<dyn Fn() + Send + Sync>,
}

impl Indexer {
    /// Waits until everything is indexed that was committed when this was called, at most until `until`. Returns how many
    /// of those rows are not indexed yet.
    #[must_use]
    pub fn catch_up(&self, until: Instant) -> u64 {
        let progress = &self.progress;
        let target = progress.committed.load(Ordering::Acquire);
        let hopeless = || progress.ended.load(Ordering::Acquire) || progress.is_stuck.load(Ordering::Acquire);
        let behind = |indexed: &mut u64| *indexed < target && !hopeless();
        let mut indexed = progress.indexed();
        if *indexed < target {
            drop(indexed);
            progress.wanted.fetch_max(target, Ordering::AcqRel);
            (self.ask)();
            let waits = until.saturating_duration_since(Instant::now());
            let waited = progress.moved.wait_timeout_while(progress.indexed(), waits, behind);
            indexed = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        target.saturating_sub(*indexed)
    }

    /// From now on nobody waits: the server ends.
    pub fn end(&self) {
        // Under the lock, so that nobody looks before and waits after.
        let _indexed = self.progress.indexed();
        self.progress.ended.store(true, Ordering::Release);
        self.progress.moved.notify_all();
    }

    /// Whether the server ends.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.progress.ended.load(Ordering::Acquire)
    }
}

/// The writer's side: how much is left, and what of it is due.
pub(super) struct Indexing {
    backlog: Backlog,
    committed: u64,
    pace: Pace,
    ages: Ages,
    progress: Arc<Progress>,
    metrics: Arc<Metrics>,
}

impl Indexing {
    /// Nothing is committed, and nothing is left.
    pub(super) fn new(metrics: Arc<Metrics>) -> Self {
        Self {
            backlog: Backlog::default(),
            committed: 0,
            pace: Pace::default(),
            ages: Ages::default(),
            progress: Arc::default(),
            metrics,
        }
    }

    /// What those who search need; `ask` wakes the writer's thread.
    pub(super) fn indexer(&self, ask: Arc<dyn Fn() + Send + Sync>) -> Indexer {
        Indexer { progress: self.progress.clone(), ask }
    }

    /// What an earlier run committed and did not index is there to be indexed.
    ///
    /// # Errors
    /// The store failed.
    pub(super) fn begin(&mut self, store: &mut dyn Store) -> Result<(), StoreError> {
        self.backlog = store.index(0)?;
        self.committed = self.backlog.unindexed;
        self.ages.committed(0, self.committed, Instant::now());
        if self.backlog.unindexed > LAG_FREE {
            tracing::info!(rows = self.backlog.unindexed, "the index for searches goes on where it was");
        }
        self.tell();
        Ok(())
    }

    /// So many events were committed.
    ///
    /// # Errors
    /// The store failed.
    pub(super) fn committed(&mut self, store: &mut dyn Store, events: u64) -> Result<(), StoreError> {
        self.ages.committed(self.committed, events, Instant::now());
        self.committed += events;
        self.backlog = store.index(0)?;
        self.tell();
        Ok(())
    }

    /// Rows to be done after a commit of so many events. `is_idle`: nothing else waits for the writer.
    pub(super) fn due(&mut self, events: u64, is_idle: bool) -> u64 {
        self.pace.due(self.backlog, events, is_idle, self.is_wanted()).min(self.backlog.rows())
    }

    /// Does so many rows, and tells those who wait.
    ///
    /// # Errors
    /// The store failed. [`StoreError::Full`]: the index can wait for space, what it trails is stored.
    pub(super) fn work(&mut self, store: &mut dyn Store, mut rows: u64) -> Result<(), StoreError> {
        while rows > 0 {
            let some = rows.min(TRANSACTION_ROWS_MAX);
            self.backlog = store.index(some as usize)?;
            self.tell();
            rows -= some;
        }
        Ok(())
    }

    /// Whether the last attempt to go on with it did something: if not, nobody waits for it.
    pub(super) fn gets_on(&self, done: bool) {
        let _indexed = self.progress.indexed();
        self.progress.is_stuck.store(!done, Ordering::Release);
        self.progress.moved.notify_all();
    }

    /// Whether nobody waits for it, since it does not get on.
    #[cfg(test)]
    pub(super) fn is_stuck(&self) -> bool {
        self.progress.is_stuck.load(Ordering::Acquire)
    }

    /// Rows that are left.
    pub(super) const fn rows_left(&self) -> u64 {
        self.backlog.rows()
    }

    /// Whether a search waits.
    pub(super) fn is_wanted(&self) -> bool {
        self.committed.saturating_sub(self.backlog.unindexed) < self.progress.wanted.load(Ordering::Acquire)
    }

    /// Publishes how far the index is, to those who search and to the metrics.
    pub(super) fn tell(&mut self) {
        let indexed = self.committed.saturating_sub(self.backlog.unindexed);
        self.progress.committed.store(self.committed, Ordering::Release);
        let before = std::mem::replace(&mut *self.progress.indexed(), indexed);
        // Whoever waits has said so before it waited. Most of the time nobody does, and waking nobody is a system call.
        if before < self.progress.wanted.load(Ordering::Acquire) {
            self.progress.moved.notify_all();
        }
        self.metrics.index_lag(self.backlog, self.ages.oldest(indexed, self.backlog.unindexed, Instant::now()));
    }
}

/// How much of the writer the index gets.
#[derive(Default)]
struct Pace {
    /// Rows that are due and were too few for a transaction, times [`Pace::PART`].
    owed: u64,
}

impl Pace {
    /// The share of the committed rows that is due grows from 0 at [`LAG_FREE`] to 3/2 at [`LAG_MAX`].
    const PART: u64 = 2 * (LAG_MAX - LAG_FREE);

    fn due(&mut self, backlog: Backlog, events: u64, is_idle: bool, is_wanted: bool) -> u64 {
        let lag = backlog.unindexed + backlog.unswept.min(UNSWEPT_MAX);
        self.owed += events * 3 * lag.saturating_sub(LAG_FREE).min(LAG_MAX - LAG_FREE);
        let mut rows = self.owed / Self::PART;
        if is_wanted {
            // A search waits until the rows before it are done, while others are committed.
            rows = rows.max(2 * events).max(STEP_ROWS);
        } else if rows < STEP_ROWS {
            rows = if is_idle && lag >= WORTH_ROWS { STEP_ROWS } else { 0 };
        }
        self.owed = self.owed.saturating_sub(rows * Self::PART);
        rows
    }
}

/// When which rows were committed, about.
#[derive(Default)]
struct Ages {
    /// The number of a row, from 0, and when it was committed; both grow.
    marks: VecDeque<(u64, Instant)>,
}

impl Ages {
    /// `count` rows from the row `first` on were committed.
    fn committed(&mut self, first: u64, count: u64, now: Instant) {
        let is_new = self.marks.back().is_none_or(|(_, last)| now.duration_since(*last) >= MARK_INTERVAL);
        if count > 0 && is_new && self.marks.len() < MARKS_MAX {
            self.marks.push_back((first, now));
        }
    }

    /// The age of the first row of `left` after so many that are indexed; zero if there is none.
    fn oldest(&mut self, indexed: u64, left: u64, now: Instant) -> Duration {
        if left == 0 {
            self.marks.clear();
        }
        while self.marks.get(1).is_some_and(|(row, _)| *row <= indexed) {
            self.marks.pop_front();
        }
        self.marks.front().map_or(Duration::ZERO, |(_, since)| now.duration_since(*since))
    }
}

#[cfg(test)]
mod tests;
