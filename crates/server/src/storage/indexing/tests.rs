//! The bound on the index's lag, counted in rows, and what those who search are told.

use super::*;
use crate::storage::testing::Rows;
use std::sync::atomic::AtomicUsize;

fn indexing(store: &Rows) -> Indexing {
    let mut indexing = Indexing::new(Arc::default());
    indexing.begin(&mut store.clone()).unwrap();
    indexing
}

/// Commits a batch and does what is due then; returns how many rows that were.
fn commit(indexing: &mut Indexing, store: &Rows, events: u64, is_idle: bool) -> u64 {
    store.add(events);
    indexing.committed(&mut store.clone(), events).unwrap();
    let due = indexing.due(events, is_idle);
    indexing.work(&mut store.clone(), due).unwrap();
    due
}

#[test]
fn the_lag_is_bounded_whatever_the_size_of_the_batches() {
    // With and without forgotten events, which take a quarter of the work.
    for unswept in [0, 10_000_000] {
        for size in [1, 2, 7, 100, STEP_ROWS, 1_024, 10_000] {
            let store = Rows::default();
            store.forget(unswept);
            let mut indexing = indexing(&store);
            let (mut committed, mut highest) = (0, 0);
            while committed < 2_000_000 {
                commit(&mut indexing, &store, size, false);
                committed += size;
                highest = highest.max(store.left().unindexed);
                if size < 10 && committed > 700_000 {
                    break;
                }
            }
            assert!(highest <= LAG_MAX + size + 2 * STEP_ROWS, "batches of {size}: {highest}");
            assert!(highest > LAG_FREE, "batches of {size} do not wait as long as the lag is small");
        }
    }
}

#[test]
fn what_an_earlier_run_left_gets_less_whatever_is_committed() {
    let store = Rows::default();
    store.add(3_000_000);
    let mut indexing = indexing(&store);
    assert_eq!(indexing.rows_left(), 3_000_000);
    for _ in 0..1_000 {
        commit(&mut indexing, &store, 1_000, false);
    }
    assert!(store.left().unindexed <= 2_501_000);
}

#[test]
fn a_small_lag_keeps_no_batch_waiting() {
    let store = Rows::default();
    let mut indexing = indexing(&store);
    for _ in 0..LAG_FREE / 64 {
        assert_eq!(commit(&mut indexing, &store, 64, false), 0);
    }
    // When nothing waits, there is a step; and none for less than a transaction is worth.
    assert_eq!(commit(&mut indexing, &store, 1, true), STEP_ROWS);
    let (store, few) = (Rows::default(), WORTH_ROWS - 1);
    let mut indexing = self::indexing(&store);
    assert_eq!(commit(&mut indexing, &store, few, true), 0);
    assert_eq!(commit(&mut indexing, &store, 1, true), WORTH_ROWS, "no more than there is");
    assert_eq!(store.left().unindexed, 0);
}

#[test]
fn large_amounts_are_done_in_several_transactions() {
    let store = Rows::default();
    store.add(10_000);
    let mut indexing = indexing(&store);
    indexing.work(&mut store.clone(), 10_000).unwrap();
    assert_eq!(store.steps(), [4_096, 4_096, 1_808]);
}

#[test]
fn a_search_that_waits_is_reached_under_load_and_told_what_is_missing() {
    let store = Rows::default();
    store.add(50_000);
    let mut indexing = indexing(&store);
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let indexer = indexing.indexer(Arc::new(move || {
        count.fetch_add(1, Ordering::Relaxed);
    }));
    assert_eq!(indexer.catch_up(Instant::now()), 50_000, "a moment that is over waits for nothing");
    assert_eq!(asked.load(Ordering::Relaxed), 1);
    assert!(indexing.is_wanted());
    let mut commits = 0;
    while indexing.is_wanted() {
        commit(&mut indexing, &store, 1_000, false);
        commits += 1;
    }
    assert_eq!(commits, 25, "twice as many rows are done as are committed");
    assert_eq!(indexer.catch_up(Instant::now()), store.left().unindexed);
    indexing.work(&mut store.clone(), 100_000).unwrap();
    let waited = indexer.catch_up(Instant::now());
    assert_eq!((waited, asked.load(Ordering::Relaxed)), (0, 2), "nobody is asked when nothing is missing");
}

#[test]
fn a_search_goes_on_when_the_index_is_there_and_when_the_server_ends() {
    let far = Instant::now() + Duration::from_secs(600);
    for ends in [false, true] {
        let store = Rows::default();
        store.add(300);
        let mut indexing = indexing(&store);
        let (wake, woken) = crossbeam_channel::bounded(1);
        let indexer = indexing.indexer(Arc::new(move || wake.send(()).unwrap()));
        let waiting = indexer.clone();
        let search = std::thread::spawn(move || waiting.catch_up(far));
        woken.recv().unwrap();
        if ends {
            indexer.end();
        } else {
            indexing.work(&mut store.clone(), 300).unwrap();
        }
        assert_eq!(search.join().unwrap(), if ends { 300 } else { 0 });
        assert_eq!(indexer.has_ended(), ends);
    }
}

#[test]
fn the_age_is_that_of_the_oldest_row_that_is_left() {
    let begun = Instant::now();
    let at = |ms| begun + Duration::from_millis(ms);
    let mut ages = Ages::default();
    for n in 0..10 {
        ages.committed(n * 100, 100, at(n * 1_000));
        // What is committed soon after is taken to be as old.
        ages.committed(n * 100 + 50, 50, at(n * 1_000 + 50));
    }
    let now = at(10_000);
    assert_eq!(ages.oldest(0, 1_000, now), Duration::from_secs(10));
    assert_eq!(ages.oldest(99, 901, now), Duration::from_secs(10));
    assert_eq!(ages.oldest(100, 900, now), Duration::from_secs(9));
    assert_eq!(ages.oldest(950, 50, now), Duration::from_secs(1));
    assert_eq!(ages.oldest(1_000, 0, now), Duration::ZERO);
    ages.committed(1_000, 1, now);
    assert_eq!(ages.oldest(1_000, 1, at(10_500)), Duration::from_millis(500));
    for n in 0..2 * MARKS_MAX as u64 {
        ages.committed(2_000 + n, 1, at(20_000 + n * 1_000));
    }
    assert_eq!(ages.marks.len(), MARKS_MAX);
}
