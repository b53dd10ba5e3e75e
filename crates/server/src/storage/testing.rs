//! A store that has only numbers of rows, for the tests of who works on them and when.

use std::sync::{Arc, Mutex};
use switchboard_core::Seq;
use switchboard_store::{Backlog, Batch, Cutoffs, IdRecord, Loaded, Reader, Store, StoreError};

/// Rows that are left, and what was asked of the store. Clones are the same store.
#[derive(Clone, Default)]
pub(super) struct Rows(Arc<Mutex<Numbers>>);

#[derive(Default)]
struct Numbers {
    left: Backlog,
    steps: Vec<u64>,
    is_full: bool,
}

impl Rows {
    /// So many events were committed.
    pub(super) fn add(&self, events: u64) {
        self.0.lock().unwrap().left.unindexed += events;
    }

    /// So many events are to be deleted.
    pub(super) fn forget(&self, events: u64) {
        self.0.lock().unwrap().left.unswept += events;
    }

    /// From now on there is no space for the index, or there is.
    pub(super) fn set_full(&self, is_full: bool) {
        self.0.lock().unwrap().is_full = is_full;
    }

    pub(super) fn left(&self) -> Backlog {
        self.0.lock().unwrap().left
    }

    /// The rows of each transaction so far.
    pub(super) fn steps(&self) -> Vec<u64> {
        self.0.lock().unwrap().steps.clone()
    }
}

impl Store for Rows {
    fn index(&mut self, rows_max: usize) -> Result<Backlog, StoreError> {
        let mut numbers = self.0.lock().unwrap();
        let rows_max = rows_max as u64;
        if rows_max > 0 && numbers.left.rows() > 0 {
            if numbers.is_full {
                return Err(StoreError::Full);
            }
            // As the store on disk shares them out.
            let Backlog { unindexed, unswept } = numbers.left;
            let indexed = unindexed.min(rows_max - unswept.min((rows_max / 4).max(1)));
            let swept = unswept.min(rows_max - indexed);
            numbers.left = Backlog { unindexed: unindexed - indexed, unswept: unswept - swept };
            numbers.steps.push(indexed + swept);
        }
        Ok(numbers.left)
    }

    fn commit(&mut self, batch: &Batch) -> Result<(), StoreError> {
        self.add(batch.events.len() as u64);
        Ok(())
    }

    fn reindex(&mut self, _: usize) -> Result<bool, StoreError> {
        Ok(false)
    }

    fn free_bytes(&self) -> Result<Option<u64>, StoreError> {
        Ok(None)
    }

    fn older_than(&mut self, _: &Cutoffs) -> Result<Vec<(Arc<str>, Seq)>, StoreError> {
        Ok(Vec::new())
    }

    fn is_instant(&self) -> bool {
        false
    }

    fn load(&mut self) -> Result<Loaded, StoreError> {
        unreachable!("nobody loads")
    }

    fn recent_ids(&mut self, _: u64, _: usize, _: &mut dyn FnMut(IdRecord)) -> Result<(), StoreError> {
        unreachable!("nobody asks for ids")
    }

    fn reader(&self) -> Result<Box<dyn Reader>, StoreError> {
        unreachable!("nobody reads")
    }
}
