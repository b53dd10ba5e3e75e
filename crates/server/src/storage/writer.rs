//! The writer: commits one batch after the other, indexes behind them, and watches the disk.

mod stall;

use super::indexing::{Indexer, Indexing, STEP_ROWS};
use crate::clock::Clock;
use crate::engine::desk::Desk;
use crate::engine::mailbox::Mailbox;
use crate::metrics::Metrics;
use stall::{Complaints, Outcome, Stall};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use switchboard_core::Time;
use switchboard_store::clock::Reading;
use switchboard_store::{Batch, ClockLog, Severity, Store, StoreError};

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
/// How long the end is put off for the index. The next start goes on with the rest.
const INDEX_END: Duration = Duration::from_millis(250);

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

/// The way to the store for the engine and for those who search.
pub struct Writer {
    inbox: Arc<Inbox>,
    indexer: Indexer,
    /// There where commits are made by whoever asks for them.
    here: Option<Arc<Mutex<State>>>,
}

/// The writer before its thread runs: the engine needs the way to it, and the thread needs the engine's desk.
pub struct Waiting {
    inbox: Arc<Inbox>,
    state: Arc<Mutex<State>>,
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
        let inbox = Arc::<Inbox>::default();
        let indexing = Indexing::new(metrics.clone());
        let asked = inbox.clone();
        let indexer = indexing.indexer(Arc::new(move || asked.ask(|wishes| wishes.index = true)));
        let is_instant = store.is_instant();
        let in_doubt = State::is_in_doubt(&settings, settings.clock.reading());
        let state = State {
            store,
            settings,
            mailbox,
            metrics,
            indexing,
            reindexed: Some(Instant::now()),
            writable: true,
            stall: None,
            complaints: Complaints::default(),
            watched: None,
            trimmed: None,
            doubted_until: in_doubt.then(|| Instant::now() + DOUBT),
        };
        let state = Arc::new(Mutex::new(state));
        let writer = Self { inbox: inbox.clone(), indexer, here: is_instant.then(|| state.clone()) };
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
        self.indexer.clone()
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
                    let events = batch.events.len();
                    let outcome = lock(&self.state).commit(batch)?;
                    if matches!(outcome, Outcome::Stored) {
                        // Its effects leave here and now, and the next batch may come of it.
                        desk.committed();
                        lock(&self.state).index_behind(events, self.inbox.is_empty())?;
                    }
                }
                Work::Index => {
                    let mut state = lock(&self.state);
                    // Batches that came meanwhile go first; each of them is followed by the next part.
                    if state.index(STEP_ROWS)? && state.indexing.is_wanted() {
                        self.inbox.ask(|wishes| wishes.index = true);
                    }
                }
                Work::Idle => {
                    let mut state = lock(&self.state);
                    // The disk and the files are looked at in between, however much there is to do.
                    let begun = Instant::now();
                    let goes_on = || self.inbox.is_empty() && begun.elapsed() < WATCH_INTERVAL;
                    while state.indexing.rows_left() > 0 && goes_on() && state.index(STEP_ROWS)? {}
                    while state.reindexes() && goes_on() && state.reindex()? {}
                }
                Work::End => return lock(&self.state).index_last(),
            }
        }
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    // A panic at the store ends the process.
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl WriterThread {
    /// Finishes what was handed over, and closes the store. What is not indexed by then the next start goes on with.
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
            // The end does not wait for searches that wait for the index.
            None if wishes.end => Work::End,
            None if std::mem::take(&mut wishes.index) => Work::Index,
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

struct State {
    store: Box<dyn Store>,
    settings: Settings,
    mailbox: Arc<Mailbox>,
    metrics: Arc<Metrics>,
    indexing: Indexing,
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
        self.indexing.begin(&mut *self.store)
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
        self.indexing.tell();
        if self.reindexes() && self.reindexed.is_some_and(|last| last.elapsed() >= REINDEX_INTERVAL) {
            self.reindex()?;
        }
        self.retain()
    }

    /// Whether there is something to index again, and space for it.
    const fn reindexes(&self) -> bool {
        self.reindexed.is_some() && self.writable && self.stall.is_none()
    }

    /// Indexes again some of what an earlier version indexed. Returns whether it got on.
    fn reindex(&mut self) -> Result<bool, StoreError> {
        let (more, done) = match self.store.reindex(REINDEX_ROWS) {
            Ok(more) => (more, true),
            Err(error) => {
                self.put_off(error)?;
                (true, false)
            }
        };
        self.reindexed = more.then(Instant::now);
        Ok(done)
    }

    /// Indexes as many rows as are due after a commit of so many events.
    fn index_behind(&mut self, events: usize, is_idle: bool) -> Result<(), StoreError> {
        let rows = self.indexing.due(events as u64, is_idle);
        if rows > 0 { self.index(rows).map(|_| ()) } else { Ok(()) }
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
        self.indexing.committed(&mut *self.store, batch.events.len() as u64)?;
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

    /// Indexes for a moment: the end of the server does not depend on how much is left.
    fn index_last(&mut self) -> Result<(), StoreError> {
        let begun = Instant::now();
        while self.indexing.rows_left() > 0 && begun.elapsed() < INDEX_END && self.index(STEP_ROWS)? {}
        let rows = self.indexing.rows_left();
        if rows > 0 {
            tracing::info!(rows, "the index for searches is behind: it goes on at the next start");
        }
        Ok(())
    }

    /// Does so many rows of the index. Returns whether it got on.
    fn index(&mut self, rows: u64) -> Result<bool, StoreError> {
        let done = match self.indexing.work(&mut *self.store, rows) {
            Ok(()) => true,
            Err(error) => {
                self.put_off(error)?;
                false
            }
        };
        // Who searches waits no longer than there is hope.
        self.indexing.gets_on(done);
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
