//! Searches stand before nobody, say what they did not look at, and end with the server.

use super::*;
use crate::shard::driver::ShardInbox;
use crate::storage::indexing::Indexing;
use crate::storage::testing::Rows;
use switchboard_core::output::HistoryQuery;
use switchboard_core::{Pos, Seq};

/// A reader of empty pages, whose search signals that it began and waits for `go`.
struct Slow {
    begun: Sender<()>,
    go: Receiver<()>,
}

impl Reader for Slow {
    fn history(&mut self, _: &str, _: HistoryRange, _: u32, _: usize) -> Result<Page, StoreError> {
        Ok(Page::default())
    }

    fn search(&mut self, _: &str, _: &str, _: Option<Seq>, _: u32) -> Result<Page, StoreError> {
        self.begun.send(()).unwrap();
        self.go.recv().unwrap();
        Ok(Page::default())
    }

    fn indexed(&mut self) -> Result<Pos, StoreError> {
        Ok(0)
    }
}

struct World {
    queues: Readers,
    threads: ReaderThreads,
    inbox: ShardInbox,
    indexing: Indexing,
    metrics: Arc<Metrics>,
    begun: Receiver<()>,
    go: Sender<()>,
    asked: Receiver<()>,
}

/// Threads that read from a store with so many rows to be indexed.
fn world(rows: &Rows) -> World {
    let (queues, waiting) = Readers::new();
    let (handle, inbox) = ShardHandle::new();
    let metrics = Arc::new(Metrics::new());
    let mut indexing = Indexing::new(metrics.clone());
    indexing.begin(&mut rows.clone()).unwrap();
    let (ask, asked) = unbounded();
    let indexer = indexing.indexer(Arc::new(move || ask.send(()).unwrap()));
    let ((begin, begun), (go, gone)) = (unbounded(), unbounded());
    let reader = || -> Box<dyn Reader> { Box::new(Slow { begun: begin.clone(), go: gone.clone() }) };
    let around = Surroundings {
        pages: vec![reader(), reader()],
        searches: reader(),
        indexer,
        shards: vec![handle],
        metrics: metrics.clone(),
        page_bytes: 1_000,
    };
    let threads = waiting.start(queues.clone(), around).unwrap();
    World { queues, threads, inbox, indexing, metrics, begun, go, asked }
}

impl World {
    fn search(&self, number: u64) {
        let query = SearchQuery { reference: None, room: "lobby".into(), text: "x".into(), before: None, limit: 10 };
        self.queues.read(ConnectionId(number), Read::Search(query));
    }

    fn history(&self, number: u64) {
        let query = HistoryQuery { reference: None, room: "lobby".into(), range: HistoryRange::Latest, limit: 10 };
        self.queues.read(ConnectionId(number), Read::History(query));
    }

    /// The connections of the next answers, each with what its page is behind, in the order in which they came.
    fn answers(&mut self, count: usize) -> Vec<(u64, u64)> {
        let deadline = Instant::now() + Duration::from_secs(60);
        let mut answers = Vec::new();
        while answers.len() < count {
            assert!(Instant::now() < deadline, "only {answers:?} came");
            let Some(messages) = self.inbox.take() else {
                std::thread::yield_now();
                continue;
            };
            answers.extend(messages.into_iter().map(|message| match message {
                ToShard::Page { connection, result: Ok(page), .. } => (connection.0, page.behind),
                _ => panic!("not a page"),
            }));
        }
        answers
    }
}

#[test]
fn history_does_not_wait_for_searches() {
    let mut world = world(&Rows::default());
    // One search is carried out, others wait for it.
    (0..8).for_each(|number| world.search(number));
    world.begun.recv().unwrap();
    (100..200).for_each(|number| world.history(number));
    let mut answers = world.answers(100);
    answers.sort_unstable();
    assert_eq!(answers, (100..200).map(|number| (number, 0)).collect::<Vec<_>>());
    (0..8).for_each(|_| world.go.send(()).unwrap());
    assert_eq!(world.answers(8), (0..8).map(|number| (number, 0)).collect::<Vec<_>>());
    world.threads.end();
}

#[test]
fn a_search_says_how_far_behind_the_index_is() {
    let rows = Rows::default();
    rows.add(700);
    let mut world = world(&rows);
    // Nobody works on the index: each waits its moment, but not one after the other.
    let begun = Instant::now();
    (0..8).for_each(|number| world.search(number));
    (0..8).for_each(|_| world.go.send(()).unwrap());
    assert_eq!(world.answers(8), (0..8).map(|number| (number, 700)).collect::<Vec<_>>());
    assert!(begun.elapsed() >= SEARCH_WAIT);
    assert!(world.metrics.encode().contains("switchboard_searches_behind_total 8\n"));
    assert!(world.metrics.encode().contains("switchboard_index_lag_rows 700\n"));
    world.indexing.work(&mut rows.clone(), 700).unwrap();
    world.search(8);
    world.go.send(()).unwrap();
    assert_eq!(world.answers(1), [(8, 0)]);
    assert!(world.metrics.encode().contains("switchboard_index_lag_rows 0\n"));
    assert!(world.metrics.encode().contains("switchboard_index_lag_seconds 0.0\n"));
    world.threads.end();
}

#[test]
fn the_end_does_not_wait_for_a_search_that_takes_long() {
    let world = world(&Rows::default());
    world.search(1);
    world.begun.recv().unwrap();
    // It is never let go before the end is over.
    world.threads.end();
    world.go.send(()).unwrap();
}

#[test]
fn the_end_waits_for_no_search_that_waits() {
    let rows = Rows::default();
    rows.add(700);
    let world = world(&rows);
    (0..1_000).for_each(|number| world.search(number));
    world.asked.recv().unwrap();
    // The one that waits for the index is carried out, and the others are not even begun.
    (0..100).for_each(|_| world.go.send(()).unwrap());
    world.threads.end();
    assert!((1..100).contains(&world.begun.len()));
}
