//! How the writer goes about what an earlier version indexed.

use super::*;
use std::sync::atomic::AtomicU64;
use switchboard_core::Seq;
use switchboard_store::{IdRecord, Loaded, Reader};

/// A store with `left` events to index again, on a disk that is `free`.
#[derive(Clone, Default)]
struct Old {
    left: Arc<AtomicU64>,
    free: Arc<AtomicU64>,
    full: Arc<AtomicU64>,
}

impl Store for Old {
    fn reindex(&mut self, rows_max: usize) -> Result<bool, StoreError> {
        if self.full.load(Ordering::Relaxed) > 0 {
            return Err(StoreError::Full);
        }
        let left = self.left.load(Ordering::Relaxed).saturating_sub(rows_max as u64);
        self.left.store(left, Ordering::Relaxed);
        Ok(left > 0)
    }

    fn free_bytes(&self) -> Result<Option<u64>, StoreError> {
        Ok(Some(self.free.load(Ordering::Relaxed)))
    }

    fn load(&mut self) -> Result<Loaded, StoreError> {
        unreachable!("nobody loads")
    }

    fn recent_ids(&mut self, _: Time, _: usize, _: &mut dyn FnMut(IdRecord)) -> Result<(), StoreError> {
        unreachable!("nobody asks for ids")
    }

    fn commit(&mut self, _: &Batch) -> Result<(), StoreError> {
        Ok(())
    }

    fn index(&mut self, _: usize) -> Result<u64, StoreError> {
        Ok(0)
    }

    fn older_than(&mut self, _: Time) -> Result<Vec<(Arc<str>, Seq)>, StoreError> {
        Ok(Vec::new())
    }

    fn is_instant(&self) -> bool {
        false
    }

    fn reader(&self) -> Result<Box<dyn Reader>, StoreError> {
        unreachable!("nobody reads")
    }
}

fn waiting(store: &Old) -> Waiting {
    let settings = Settings { free_min: 1_000, retention: None };
    Writer::new(Box::new(store.clone()), settings, Arc::new(Mailbox::new(10, 1_000)), Arc::default()).1
}

#[test]
fn what_an_earlier_version_indexed_is_done_bit_by_bit_beside_other_work() {
    let store = Old::default();
    store.left.store(3 * REINDEX_ROWS as u64, Ordering::Relaxed);
    store.free.store(1_000, Ordering::Relaxed);
    let left = || store.left.load(Ordering::Relaxed) / REINDEX_ROWS as u64;
    let waiting = waiting(&store);
    let mut state = lock(&waiting.state);
    state.begin().unwrap();
    for expected in (0..3).rev() {
        std::thread::sleep(REINDEX_INTERVAL);
        for _ in 0..3 {
            state.look_around().unwrap();
            state.commit(Batch::default()).unwrap();
        }
        assert!(left() <= expected, "each interval has its turn");
    }
    assert!(!state.reindexes(), "and then there is nothing left to be asked");
    // The end waits for none of it.
    store.left.store(1_000, Ordering::Relaxed);
    state.index_all().unwrap();
    assert_eq!(store.left.load(Ordering::Relaxed), 1_000);
}

#[test]
fn nothing_is_indexed_again_without_space() {
    let store = Old::default();
    store.left.store(1_000_000, Ordering::Relaxed);
    let waiting = waiting(&store);
    let mut state = lock(&waiting.state);
    std::thread::sleep(REINDEX_INTERVAL);
    state.look_around().unwrap();
    assert!(!state.reindexes());
    assert_eq!(store.left.load(Ordering::Relaxed), 1_000_000);
    // A disk that is full although nobody saw it coming is no error either.
    store.free.store(1_000, Ordering::Relaxed);
    store.full.store(1, Ordering::Relaxed);
    state.watch(true).unwrap();
    state.reindex().unwrap();
    assert!(!state.reindexes());
    store.full.store(0, Ordering::Relaxed);
    state.watch(true).unwrap();
    state.reindex().unwrap();
    assert!(state.reindexes() && store.left.load(Ordering::Relaxed) < 1_000_000);
}
