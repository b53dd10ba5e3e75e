//! The writer: commits one batch after the other, indexes behind them, and watches the disk.

mod stall;

use crate::clock::Clock;
use crate::engine::desk::Desk;
use crate::engine::mailbox::Mailbox;
use crate::metrics::Metrics;
use stall::{Complaints, Outcome, Stall};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use switchboard_core::Time;
use switchboard_store::clock::Reading;
use switchboard_store::{Batch, ClockLog, Severity, Store, StoreError};

/// Rows that are indexed in one transaction, as long as no batch waits.
const INDEX_ROWS: usize = 64;
/// Committed events that may wait for the index before batches have to wait for it.
const INDEX_LAG_MAX: u64 = 16_384;
/// How long what is committed may wait for the index when nothing else happens.
const INDEX_DELAY: Duration = Duration::from_millis(250);
/// Events that are indexed again in one transaction, and the time between two while there is other work: what an
/// earlier version indexed keeps nobody waiting.
const REINDEX_ROWS: usize = 64;
const REINDEX_INTERVAL: Duration = Duration::from_millis(50);
/// How often the free space is looked at.
const WATCH_INTERVAL: Duration = Duration::from_millis(250);
/// How often old events are looked for.
const RETENTION_INTERVAL: Duration = Duration::from_secs(60);
/// After the machine was off for longer than a day, as its clock says: how long that clock is watched before anything is
/// forgotten by it. A machine that starts with a wrong time is told the right one soon.
const DOUBTFUL_GAP_MS: u64 = 24 * 60 * 60 * 1_000;
const DOUBT: Duration = Duration::from_secs(600);
/// How long a search waits for the index.
const SEARCH_WAIT: Duration = Duration::from_secs(5);

/// What an operator may set of it.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Free space below which nothing more is admitted, in bytes.
    pub free_min: u64,
    /// Age from which events are forgotten.
    pub retention: Option<Duration>,
    /// The clock that stamps.
    pub clock: Clock,
    /// What the machine's clock did, as the store has it.
    pub clock_log: ClockLog,
    /// The latest time of any event.
    pub latest: Time,
}

/// When a batch is committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Committed {
    /// It is.
    Now,
    /// When the engine's desk is told so, or that it cannot be for now.
    Later,
}

/// What the writer's thread does next.
enum Work {
    Commit(Batch),
    Index,
    /// Nothing is asked of it.
    Idle,
    End,
}

/// What is asked of the writer's thread, each at most once.
#[derive(Default)]
struct Inbox {
    wishes: Mutex<Wishes>,
    wake: Condvar,
}

#[derive(Default)]
struct Wishes {
    /// One commit is under way at a time.
    commit: Option<Batch>,
    index: bool,
    end: bool,
}

/// How far the index is, for those who search.
#[derive(Default)]
pub(super) struct Progress {
    /// Rows that were committed, counted from those that an earlier run left to be indexed.
    committed: AtomicU64,
    /// How many of them are indexed.
    indexed: Mutex<u64>,
    moved: Condvar,
    /// The index does not get on: nobody is to wait for it.
    waits: AtomicBool,
}

/// The way to the store for the engine and for those who search.
pub struct Writer {
    inbox: Arc<Inbox>,
    progress: Arc<Progress>,
    /// There where commits are made by whoever asks for them.
    here: Option<Arc<Mutex<State>>>,
}

/// The writer before its thread runs: the engine needs the way to it, and the thread needs the engine's desk.
pub struct Waiting {
    inbox: Arc<Inbox>,
    state: Arc<Mutex<State>>,
}

/// Lets readers ask the writer to index what is committed.
#[derive(Clone)]
pub struct Indexer {
    inbox: Arc<Inbox>,
    progress: Arc<Progress>,
}

/// The writer's thread.
pub struct WriterThread {
    inbox: Arc<Inbox>,
    thread: JoinHandle<()>,
}

impl Writer {
    /// The way to the store, and what is to work on it.
    #[must_use]
    pub fn new(
        store: Box<dyn Store>,
        settings: Settings,
        mailbox: Arc<Mailbox>,
        metrics: Arc<Metrics>,
    ) -> (Self, Waiting) {
        let progress = Arc::new(Progress::default());
        let is_instant = store.is_instant();
        let in_doubt = State::is_in_doubt(&settings, settings.clock.reading());
        let state = State {
            store,
            settings,
            mailbox,
            metrics,
            progress: progress.clone(),
            unindexed: 0,
            committed: 0,
            reindexed: Some(Instant::now()),
            writable: true,
            stall: None,
            complaints: Complaints::default(),
            watched: None,
            trimmed: None,
            doubted_until: in_doubt.then(|| Instant::now() + DOUBT),
        };
        let (inbox, state) = (Arc::<Inbox>::default(), Arc::new(Mutex::new(state)));
        let writer = Self { inbox: inbox.clone(), progress, here: is_instant.then(|| state.clone()) };
        (writer, Waiting { inbox, state })
    }

    /// Commits a batch: at once where that waits for nothing, and else on the writer's thread. Only one may be under way.
    ///
    /// # Errors
    /// It was tried at once, and the store failed for good.
    pub fn commit(&self, batch: Batch) -> Result<Committed, StoreError> {
        match &self.here {
            // It waits for no disk, and so for no space and no lock either.
            Some(state) => lock(state).commit(batch).map(|_| Committed::Now),
            None => {
                self.inbox.ask(|wishes| wishes.commit = Some(batch));
                Ok(Committed::Later)
            }
        }
    }

    /// What a reader needs to have everything indexed that is committed.
    #[must_use]
    pub fn indexer(&self) -> Indexer {
        Indexer { inbox: self.inbox.clone(), progress: self.progress.clone() }
    }
}

impl Waiting {
    /// Starts the thread, which tells the desk of what it committed. With it the store is closed, unless whoever asks for
    /// commits makes them.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub fn start(self, desk: Arc<Desk>) -> std::io::Result<WriterThread> {
        let inbox = self.inbox.clone();
        let thread = crate::threads::spawn("store", move || {
            if let Err(error) = self.work(&desk) {
                tracing::error!(%error, "the storage failed");
                desk.mailbox().notice(|notices| notices.failed = Some(error.to_string()));
            }
        })?;
        Ok(WriterThread { inbox, thread })
    }

    fn work(&self, desk: &Desk) -> Result<(), StoreError> {
        lock(&self.state).begin()?;
        loop {
            lock(&self.state).look_around()?;
            match self.inbox.wait(INDEX_DELAY) {
                Work::Commit(batch) => {
                    let outcome = lock(&self.state).commit(batch)?;
                    if matches!(outcome, Outcome::Stored) {
                        // Its effects leave here and now, and the next batch may come of it.
                        desk.committed();
                        lock(&self.state).index_behind(self.inbox.is_empty())?;
                    }
                }
                Work::Index => lock(&self.state).index_all()?,
                Work::Idle => {
                    let mut state = lock(&self.state);
                    while state.unindexed > 0 && self.inbox.is_empty() && state.index(INDEX_ROWS)? {}
                    while state.reindexes() && self.inbox.is_empty() {
                        state.reindex()?;
                    }
                }
                Work::End => return lock(&self.state).index_all(),
            }
        }
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    // A panic at the store ends the process.
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl WriterThread {
    /// Finishes what was handed over, indexes the rest, and closes the store.
    pub fn end(self) {
        self.inbox.ask(|wishes| wishes.end = true);
        let _ = self.thread.join();
    }
}

impl Inbox {
    fn ask(&self, write: impl FnOnce(&mut Wishes)) {
        write(&mut self.lock());
        self.wake.notify_one();
    }

    /// Waits for something to do, at most for `timeout`. A commit goes before all else.
    fn wait(&self, timeout: Duration) -> Work {
        let nothing = |wishes: &mut Wishes| wishes.commit.is_none() && !wishes.index && !wishes.end;
        let waited = self.wake.wait_timeout_while(self.lock(), timeout, nothing);
        let mut wishes = waited.unwrap_or_else(PoisonError::into_inner).0;
        match wishes.commit.take() {
            Some(batch) => Work::Commit(batch),
            None if std::mem::take(&mut wishes.index) => Work::Index,
            None if wishes.end => Work::End,
            None => Work::Idle,
        }
    }

    fn is_empty(&self) -> bool {
        let wishes = self.lock();
        wishes.commit.is_none() && !wishes.index && !wishes.end
    }

    fn lock(&self) -> MutexGuard<'_, Wishes> {
        self.wishes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Indexer {
    /// Waits until everything is indexed that was committed when this was called. Gives whether it is.
    #[must_use]
    pub fn catch_up(&self) -> bool {
        let target = self.progress.committed.load(Ordering::Acquire);
        let behind = |indexed: &mut u64| *indexed < target;
        let gets_on = |indexed: &mut u64| behind(indexed) && !self.progress.waits.load(Ordering::Acquire);
        let mut indexed = self.progress.indexed.lock().unwrap_or_else(PoisonError::into_inner);
        if !behind(&mut indexed) {
            return true;
        }
        drop(indexed);
        self.inbox.ask(|wishes| wishes.index = true);
        let indexed = self.progress.indexed.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.progress.moved.wait_timeout_while(indexed, SEARCH_WAIT, gets_on);
        let mut indexed = waited.unwrap_or_else(PoisonError::into_inner).0;
        !behind(&mut indexed)
    }
}

struct State {
    store: Box<dyn Store>,
    settings: Settings,
    mailbox: Arc<Mailbox>,
    metrics: Arc<Metrics>,
    progress: Arc<Progress>,
    unindexed: u64,
    committed: u64,
    /// When events were indexed again the last time; `None`: there are none left.
    reindexed: Option<Instant>,
    writable: bool,
    /// Nothing can be stored for now.
    stall: Option<Stall>,
    complaints: Complaints,
    watched: Option<Instant>,
    trimmed: Option<Instant>,
    /// Until when the clock is not trusted enough to forget anything.
    doubted_until: Option<Instant>,
}

impl State {
    /// What an earlier run committed and did not index is there to be indexed.
    fn begin(&mut self) -> Result<(), StoreError> {
        self.unindexed = self.store.index(0)?;
        self.committed = self.unindexed;
        self.progress.committed.store(self.committed, Ordering::Release);
        Ok(())
    }

    fn look_around(&mut self) -> Result<(), StoreError> {
        if let Some(stall) = &mut self.stall {
            if !stall.probe(&mut *self.store, &self.mailbox, &mut self.complaints)? {
                if stall.refuses() {
                    self.set_writable(false);
                }
                return self.store.look();
            }
            self.stall = None;
            tracing::info!("messages are stored again");
            self.watched = None;
        }
        self.watch(false)?;
        if self.reindexes() && self.reindexed.is_some_and(|last| last.elapsed() >= REINDEX_INTERVAL) {
            self.reindex()?;
        }
        self.retain()
    }

    /// Whether there is something to index again, and space for it.
    const fn reindexes(&self) -> bool {
        self.reindexed.is_some() && self.writable && self.stall.is_none()
    }

    /// Indexes again some of what an earlier version indexed.
    fn reindex(&mut self) -> Result<(), StoreError> {
        let more = match self.store.reindex(REINDEX_ROWS) {
            Ok(more) => more,
            Err(error) => {
                self.put_off(error)?;
                true
            }
        };
        self.reindexed = more.then(Instant::now);
        Ok(())
    }

    /// Indexes as many rows as are worth a transaction, when nothing waits or too much of it has gathered.
    fn index_behind(&mut self, is_idle: bool) -> Result<(), StoreError> {
        if is_idle && self.unindexed >= INDEX_ROWS as u64 || self.unindexed > INDEX_LAG_MAX {
            self.index(INDEX_ROWS)?;
        }
        Ok(())
    }

    fn commit(&mut self, batch: Batch) -> Result<Outcome, StoreError> {
        let begun = Instant::now();
        let result = stall::commit(&mut *self.store, &batch, self.stall.is_some(), &mut self.complaints)?;
        if let Err(why) = result {
            let stall = stall::begin(&mut *self.store, &self.mailbox, batch, &why)?;
            self.stalls(stall);
            return Ok(Outcome::Stalled);
        }
        if let Some(clock) = &batch.clock {
            self.settings.clock_log = clock.clone();
        }
        self.metrics.committed(batch.events.len(), begun.elapsed());
        self.unindexed += batch.events.len() as u64;
        self.committed += batch.events.len() as u64;
        self.progress.committed.store(self.committed, Ordering::Release);
        Ok(Outcome::Stored)
    }

    /// From now on it is tried whether something can be stored.
    fn stalls(&mut self, stall: Stall) {
        if stall.refuses() {
            self.set_writable(false);
        }
        self.stall = Some(stall);
    }

    /// Work that trails the commits can wait: what it trails is stored.
    fn put_off(&mut self, error: StoreError) -> Result<(), StoreError> {
        match error {
            ref danger if danger.severity() == Severity::Danger => return Err(error),
            StoreError::Full if self.stall.is_none() => self.stalls(Stall::new(true)),
            _ => {}
        }
        self.complaints.say("the index waits", &error);
        Ok(())
    }

    fn index_all(&mut self) -> Result<(), StoreError> {
        while self.index(INDEX_ROWS * 8)? && self.unindexed > 0 {}
        Ok(())
    }

    /// Indexes up to so many rows. Gives whether it got on.
    fn index(&mut self, rows: usize) -> Result<bool, StoreError> {
        let done = match self.store.index(rows) {
            Ok(left) => {
                self.unindexed = left;
                true
            }
            Err(error) => {
                self.put_off(error)?;
                false
            }
        };
        let indexed = self.committed.saturating_sub(self.unindexed);
        *self.progress.indexed.lock().unwrap_or_else(PoisonError::into_inner) = indexed;
        // Who searches waits no longer than there is hope.
        self.progress.waits.store(!done, Ordering::Release);
        self.progress.moved.notify_all();
        Ok(done)
    }

    fn watch(&mut self, now: bool) -> Result<(), StoreError> {
        if !now && self.watched.is_some_and(|watched| watched.elapsed() < WATCH_INTERVAL) {
            return Ok(());
        }
        self.watched = Some(Instant::now());
        self.store.look()?;
        match self.store.free_bytes() {
            Ok(free) => self.set_writable(free.is_none_or(|free| free >= self.settings.free_min)),
            Err(error) => self.put_off(error)?,
        }
        Ok(())
    }

    fn set_writable(&mut self, writable: bool) {
        if self.writable == writable {
            return;
        }
        self.writable = writable;
        if writable {
            tracing::info!("there is space on the disk again: messages are stored");
        } else {
            tracing::warn!("the disk is nearly full, or cannot be written: messages are refused (store.free_min)");
        }
        self.mailbox.notice(|notices| notices.writable = Some(writable));
    }

    /// Whether the machine was started since the last event and the clock says that this was long ago: it may be wrong,
    /// and nothing tells but that it is set soon.
    fn is_in_doubt(settings: &Settings, reading: Reading) -> bool {
        let Settings { clock_log, latest, .. } = settings;
        latest.0 > 0 && !clock_log.is_of_boot(reading) && reading.wall.since(*latest) > DOUBTFUL_GAP_MS
    }

    fn retain(&mut self) -> Result<(), StoreError> {
        let Some(age) = self.settings.retention else { return Ok(()) };
        if self.trimmed.is_some_and(|trimmed| trimmed.elapsed() < RETENTION_INTERVAL) {
            return Ok(());
        }
        let reading = self.settings.clock.reading();
        if self.settings.clock_log.is_behind(reading) {
            // The clock was set, and what it stamped before seems older or younger than it is: the engine takes that down
            // first.
            self.mailbox.notice(|_| {});
            return Ok(());
        }
        if self.doubted_until.is_some_and(|until| Instant::now() < until) {
            return Ok(());
        }
        self.trimmed = Some(Instant::now());
        let cutoffs = self.settings.clock_log.cutoffs(reading.wall, age.as_millis() as u64);
        let trims = match self.store.older_than(&cutoffs) {
            Ok(trims) => trims,
            Err(error) => return self.put_off(error),
        };
        if !trims.is_empty() {
            self.mailbox.notice(|notices| notices.trims = trims);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
