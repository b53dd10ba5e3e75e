//! The readers: a few threads that read history, replays and searches for the shards.

use super::writer::Indexer;
use crate::message::{Read, ToShard};
use crate::shard::Shard;
use crate::shard::driver::ShardHandle;
use crossbeam_channel::{Receiver, Sender, unbounded};
use std::sync::Arc;
use std::thread::JoinHandle;
use switchboard_core::ConnectionId;
use switchboard_core::output::HistoryRange;
use switchboard_store::{Page, Reader, StoreError};

/// Events in one page of a replay. The outbox paces the pages; with 4,096 characters each at the very most, a page is
/// bounded by its bytes long before.
const REPLAY_PAGE: u32 = 256;

/// The readers' queue. A connection with four reads under way is not read, so that it holds for each connection at most
/// four reads and what one turn of its socket asked for, as far as `limits.command_burst` lets that pass.
#[derive(Clone)]
pub struct Readers {
    queue: Sender<Job>,
}

/// A read for a connection; none: the thread that takes it ends.
type Job = Option<(ConnectionId, Read)>;

/// The readers before their threads run: shards need the queue, and the threads need the shards.
pub struct Waiting(Receiver<Job>);

/// The readers' threads.
pub struct ReaderThreads {
    queue: Readers,
    threads: Vec<JoinHandle<()>>,
}

impl Readers {
    /// The queue, and what is to work on it.
    #[must_use]
    pub fn new() -> (Self, Waiting) {
        let (queue, jobs) = unbounded();
        (Self { queue }, Waiting(jobs))
    }

    /// Asks for a read; the connection's shard gets the result.
    pub fn read(&self, connection: ConnectionId, read: Read) {
        // The threads end with the process.
        let _ = self.queue.send(Some((connection, read)));
    }
}

impl Waiting {
    /// Starts a thread for each reader. `page_bytes`: about how many bytes a page may hold.
    ///
    /// # Errors
    /// A thread cannot be started.
    pub fn start(
        self,
        queue: Readers,
        readers: Vec<Box<dyn Reader>>,
        indexer: &Indexer,
        shards: &[ShardHandle],
        page_bytes: usize,
    ) -> std::io::Result<ReaderThreads> {
        let mut threads = Vec::new();
        for mut reader in readers {
            let (jobs, indexer, shards) = (self.0.clone(), indexer.clone(), shards.to_vec());
            threads.push(crate::threads::spawn("reader", move || {
                for (connection, read) in jobs.into_iter().map_while(|job| job) {
                    let result = run(&mut *reader, &indexer, &read, page_bytes).map_err(|error| {
                        tracing::error!(%error, "the history could not be read");
                        Arc::new(error)
                    });
                    shards[Shard::of(connection)].send(vec![ToShard::Page { connection, read, result }]);
                }
            })?);
        }
        Ok(ReaderThreads { queue, threads })
    }
}

impl ReaderThreads {
    /// Ends the threads, and closes what they read from: the store is whole in one file only when nobody has it open.
    pub fn end(self) {
        for _ in &self.threads {
            // The threads end with the process otherwise.
            let _ = self.queue.queue.send(None);
        }
        for thread in self.threads {
            let _ = thread.join();
        }
    }
}

/// Carries a read out.
fn run(reader: &mut dyn Reader, indexer: &Indexer, read: &Read, page_bytes: usize) -> Result<Page, StoreError> {
    match read {
        Read::Replay { room, after, through: _ } => {
            reader.history(room, HistoryRange::After(*after), REPLAY_PAGE, page_bytes)
        }
        Read::History(query) => reader.history(&query.room, query.range, query.limit, page_bytes),
        Read::Search(query) => {
            if !indexer.catch_up() {
                tracing::warn!("a search did not wait for the index any longer: it may miss the latest messages");
            }
            reader.search(&query.room, &query.text, query.before, query.limit)
        }
    }
}
