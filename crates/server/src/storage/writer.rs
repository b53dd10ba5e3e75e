//! The writer: commits one batch after the other, indexes behind them, and watches the disk.

use crate::engine::mailbox::Mailbox;
use crate::metrics::Metrics;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use switchboard_core::Time;
use switchboard_store::{Batch, Store, StoreError};

/// Rows that are indexed in one transaction, as long as no batch waits.
const INDEX_ROWS: usize = 64;
/// Committed events that may wait for the index before batches have to wait for it.
const INDEX_LAG_MAX: u64 = 16_384;
/// How long what is committed may wait for the index when nothing else happens.
const INDEX_DELAY: Duration = Duration::from_millis(250);
/// How often the free space is looked at.
const WATCH_INTERVAL: Duration = Duration::from_millis(250);
/// How often a batch that found the disk full is tried again.
const FULL_RETRY: Duration = Duration::from_millis(250);
/// How often old events are looked for.
const RETENTION_INTERVAL: Duration = Duration::from_secs(60);
/// How long a search waits for the index.
const SEARCH_WAIT: Duration = Duration::from_secs(5);

/// What an operator may set of it.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Free space below which nothing more is admitted, in bytes.
    pub free_min: u64,
    /// Age from which events are forgotten.
    pub retention: Option<Duration>,
}

enum Work {
    Commit(Batch),
    Index,
    End,
}

/// How far the index is, for those who search.
#[derive(Default)]
pub(super) struct Progress {
    /// Rows that were committed, counted from those that an earlier run left to be indexed.
    committed: AtomicU64,
    /// How many of them are indexed.
    indexed: Mutex<u64>,
    moved: Condvar,
}

/// The writer's thread.
pub struct Writer {
    work: Sender<Work>,
    progress: Arc<Progress>,
    thread: JoinHandle<()>,
}

/// Lets readers ask the writer to index what is committed.
#[derive(Clone)]
pub struct Indexer {
    work: Sender<Work>,
    progress: Arc<Progress>,
}

impl Writer {
    /// Starts the thread.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub fn start(
        store: Box<dyn Store>,
        settings: Settings,
        mailbox: Arc<Mailbox>,
        metrics: Arc<Metrics>,
    ) -> std::io::Result<Self> {
        // One commit is under way at a time, and one wish to index can wait beside it.
        let (work, queue) = bounded(2);
        let progress = Arc::new(Progress::default());
        let state = State {
            store,
            settings,
            mailbox,
            metrics,
            progress: progress.clone(),
            unindexed: 0,
            committed: 0,
            writable: true,
            watched: None,
            trimmed: None,
        };
        let thread = crate::threads::spawn("store", move || state.run(&queue))?;
        Ok(Self { work, progress, thread })
    }

    /// Hands a batch over; the mailbox is told when it is committed. Only one may be under way.
    pub fn commit(&self, batch: Batch) {
        // The thread ends only when it is told to, or with the whole process.
        let _ = self.work.send(Work::Commit(batch));
    }

    /// What a reader needs to have everything indexed that is committed.
    #[must_use]
    pub fn indexer(&self) -> Indexer {
        Indexer { work: self.work.clone(), progress: self.progress.clone() }
    }

    /// Finishes what was handed over, indexes the rest, and closes the store.
    pub fn end(self) {
        let _ = self.work.send(Work::End);
        let _ = self.thread.join();
    }
}

impl Indexer {
    /// Waits until everything is indexed that was committed when this was called. Gives whether it is.
    #[must_use]
    pub fn catch_up(&self) -> bool {
        let target = self.progress.committed.load(Ordering::Acquire);
        let behind = |indexed: &mut u64| *indexed < target;
        let mut indexed = self.progress.indexed.lock().unwrap_or_else(PoisonError::into_inner);
        if !behind(&mut indexed) {
            return true;
        }
        drop(indexed);
        if self.work.send_timeout(Work::Index, SEARCH_WAIT).is_err() {
            return false;
        }
        let indexed = self.progress.indexed.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.progress.moved.wait_timeout_while(indexed, SEARCH_WAIT, behind);
        !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
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
    writable: bool,
    watched: Option<Instant>,
    trimmed: Option<Instant>,
}

impl State {
    fn run(mut self, queue: &Receiver<Work>) {
        let result = self.work(queue);
        if let Err(error) = result {
            tracing::error!(%error, "the storage failed");
            self.mailbox.notice(|notices| notices.failed = Some(error.to_string()));
        }
    }

    fn work(&mut self, queue: &Receiver<Work>) -> Result<(), StoreError> {
        // What an earlier run committed and did not index.
        self.unindexed = self.store.index(0)?;
        self.committed = self.unindexed;
        self.progress.committed.store(self.committed, Ordering::Release);
        loop {
            self.watch(false)?;
            self.retain()?;
            match queue.recv_timeout(INDEX_DELAY) {
                Ok(Work::Commit(batch)) => {
                    self.commit(&batch)?;
                    if queue.is_empty() && self.unindexed >= INDEX_ROWS as u64 || self.unindexed > INDEX_LAG_MAX {
                        self.index(INDEX_ROWS)?;
                    }
                }
                Ok(Work::Index) => self.index_all()?,
                Err(RecvTimeoutError::Timeout) => {
                    while self.unindexed > 0 && queue.is_empty() {
                        self.index(INDEX_ROWS)?;
                    }
                }
                Ok(Work::End) | Err(RecvTimeoutError::Disconnected) => return self.index_all(),
            }
        }
    }

    fn commit(&mut self, batch: &Batch) -> Result<(), StoreError> {
        let begun = Instant::now();
        loop {
            match self.store.commit(batch) {
                Ok(()) => break,
                Err(StoreError::Full) => {
                    // The batch is applied and its outputs are held: it is tried until there is space.
                    self.set_writable(false);
                    std::thread::sleep(FULL_RETRY);
                }
                Err(error) => return Err(error),
            }
        }
        self.metrics.committed(batch.events.len(), begun.elapsed());
        self.unindexed += batch.events.len() as u64;
        self.committed += batch.events.len() as u64;
        self.progress.committed.store(self.committed, Ordering::Release);
        self.mailbox.notice(|notices| notices.committed = true);
        Ok(())
    }

    fn index_all(&mut self) -> Result<(), StoreError> {
        loop {
            self.index(INDEX_ROWS * 8)?;
            if self.unindexed == 0 {
                return Ok(());
            }
        }
    }

    fn index(&mut self, rows: usize) -> Result<(), StoreError> {
        self.unindexed = match self.store.index(rows) {
            Ok(left) => left,
            // The index can wait for space: what it trails is stored.
            Err(StoreError::Full) => {
                self.set_writable(false);
                std::thread::sleep(FULL_RETRY);
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        let indexed = self.committed.saturating_sub(self.unindexed);
        *self.progress.indexed.lock().unwrap_or_else(PoisonError::into_inner) = indexed;
        self.progress.moved.notify_all();
        Ok(())
    }

    fn watch(&mut self, now: bool) -> Result<(), StoreError> {
        if !now && self.watched.is_some_and(|watched| watched.elapsed() < WATCH_INTERVAL) {
            return Ok(());
        }
        self.watched = Some(Instant::now());
        if let Some(free) = self.store.free_bytes()? {
            self.set_writable(free >= self.settings.free_min);
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
            tracing::warn!("the disk is nearly full: messages are refused (store.free_min)");
        }
        self.mailbox.notice(|notices| notices.writable = Some(writable));
    }

    fn retain(&mut self) -> Result<(), StoreError> {
        let Some(age) = self.settings.retention else { return Ok(()) };
        if self.trimmed.is_some_and(|trimmed| trimmed.elapsed() < RETENTION_INTERVAL) {
            return Ok(());
        }
        self.trimmed = Some(Instant::now());
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let before = Time(now.saturating_sub(age).as_millis() as u64);
        let trims = self.store.older_than(before)?;
        if !trims.is_empty() {
            self.mailbox.notice(|notices| notices.trims = trims);
        }
        Ok(())
    }
}
