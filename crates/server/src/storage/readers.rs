//! The readers: a few threads that read history, replays and searches for the shards.

use super::indexing::Indexer;
use crate::admission::LogLimiter;
use crate::message::{Read, ToShard};
use crate::metrics::Metrics;
use crate::shard::Shard;
use crate::shard::driver::ShardHandle;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded, unbounded};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use switchboard_core::ConnectionId;
use switchboard_core::output::{HistoryRange, SearchQuery};
use switchboard_store::{Page, Reader, StoreError};

/// Events in one page of a replay. The outbox paces the pages; with 4,096 characters each at the very most, a page is
/// bounded by its bytes long before.
const REPLAY_PAGE: u32 = 256;
/// How long after it was asked for a search waits for the index at most. Then it is answered with what there is, and says
/// that it is behind.
const SEARCH_WAIT: Duration = Duration::from_secs(1);
/// How often each reader logs that it could not read.
const FAILURE_INTERVAL: Duration = Duration::from_secs(1);
/// How long the end waits for a read that is under way. A search can take longer, in a room of many millions of events.
const END_WAIT: Duration = Duration::from_millis(500);

/// The readers' queues: searches have one of their own, and so never stand before history. A connection with four reads
/// under way is not read, so that they hold for each connection at most four reads and what one turn of its socket asked
/// for, as far as `limits.command_burst` lets that pass.
#[derive(Clone)]
pub struct Readers {
    pages: Sender<Job>,
    searches: Sender<Job>,
}

/// A read for a connection, and when it was asked for; none: the thread that takes it ends.
type Job = Option<(ConnectionId, Read, Instant)>;

/// The readers before their threads run: shards need the queues, and the threads need the shards.
pub struct Waiting {
    pages: Receiver<Job>,
    searches: Receiver<Job>,
}

/// What the readers' threads need.
pub struct Surroundings {
    /// Reads history and replays: a thread for each.
    pub pages: Vec<Box<dyn Reader>>,
    /// Searches: one thread, so that searches take at most one core from all others.
    pub searches: Box<dyn Reader>,
    /// How far the index is.
    pub indexer: Indexer,
    /// Who gets the results.
    pub shards: Vec<ShardHandle>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// About how many bytes a page may hold.
    pub page_bytes: usize,
}

/// The readers' threads.
pub struct ReaderThreads {
    queues: Readers,
    indexer: Indexer,
    pages: Vec<JoinHandle<()>>,
    searches: JoinHandle<()>,
    /// Disconnected when the last thread has ended.
    ended: Receiver<()>,
}

impl Readers {
    /// The queues, and what is to work on them.
    #[must_use]
    pub fn new() -> (Self, Waiting) {
        let (pages, page_jobs) = unbounded();
        let (searches, search_jobs) = unbounded();
        (Self { pages, searches }, Waiting { pages: page_jobs, searches: search_jobs })
    }

    /// Asks for a read; the connection's shard gets the result.
    pub fn read(&self, connection: ConnectionId, read: Read) {
        let queue = match read {
            Read::Replay { .. } | Read::History(_) => &self.pages,
            Read::Search(_) => &self.searches,
        };
        // The threads end with the process.
        let _ = queue.send(Some((connection, read, Instant::now())));
    }
}

impl Waiting {
    /// Starts a thread for each reader.
    ///
    /// # Errors
    /// A thread cannot be started.
    pub fn start(self, queues: Readers, around: Surroundings) -> std::io::Result<ReaderThreads> {
        let Surroundings { pages, searches, indexer, shards, metrics, page_bytes } = around;
        let (alive, ended) = bounded(0);
        let start = |name, mut reader: Box<dyn Reader>, jobs: Receiver<Job>| {
            let (indexer, shards, metrics) = (indexer.clone(), shards.clone(), metrics.clone());
            let alive: Sender<()> = alive.clone();
            crate::threads::spawn(name, move || {
                // Whoever asks a thousand times a second must not fill the disk with what is said about it.
                let mut failures = LogLimiter::new(FAILURE_INTERVAL);
                let _alive = alive;
                for (connection, read, asked) in jobs.into_iter().map_while(|job| job) {
                    if indexer.has_ended() {
                        continue;
                    }
                    let result = match &read {
                        Read::Replay { room, after, through: _ } => {
                            reader.history(room, HistoryRange::After(*after), REPLAY_PAGE, page_bytes)
                        }
                        Read::History(query) => reader.history(&query.room, query.range, query.limit, page_bytes),
                        Read::Search(query) => search(&mut *reader, &indexer, query, asked + SEARCH_WAIT, &metrics),
                    };
                    let result = result.map_err(|error| {
                        if let Some(skipped) = failures.note(Instant::now()) {
                            tracing::error!(%error, skipped, "the history could not be read");
                        }
                        Arc::new(error)
                    });
                    shards[Shard::of(connection)].send(vec![ToShard::Page { connection, read, result }]);
                }
            })
        };
        let pages = pages.into_iter().map(|reader| start("reader", reader, self.pages.clone()));
        let pages = pages.collect::<Result<_, _>>()?;
        let searches = start("searcher", searches, self.searches)?;
        Ok(ReaderThreads { queues, indexer, pages, searches, ended })
    }
}

impl ReaderThreads {
    /// Ends the threads, whatever still waits for them, and closes what they read from: the store is whole in one file
    /// only when nobody has it open. A read that takes too long ends with the process.
    pub fn end(self) {
        self.indexer.end();
        // The threads end with the process otherwise.
        for _ in &self.pages {
            let _ = self.queues.pages.send(None);
        }
        let _ = self.queues.searches.send(None);
        if self.ended.recv_timeout(END_WAIT) == Err(RecvTimeoutError::Timeout) {
            tracing::warn!("a search takes long: the end does not wait for it");
            return;
        }
        for thread in self.pages.into_iter().chain([self.searches]) {
            let _ = thread.join();
        }
    }
}

/// Searches when the index has what is committed, or when it has been waited for long enough.
fn search(
    reader: &mut dyn Reader,
    indexer: &Indexer,
    query: &SearchQuery,
    until: Instant,
    metrics: &Metrics,
) -> Result<Page, StoreError> {
    let behind = indexer.catch_up(until);
    if behind > 0 {
        metrics.searches_behind.inc();
    }
    let page = reader.search(&query.room, &query.text, query.before, query.limit)?;
    Ok(Page { behind, ..page })
}

#[cfg(test)]
mod tests;
