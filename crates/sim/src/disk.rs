//! The disk: a store whose commits can fail for want of space, and which forgets what was not committed in a crash.

use std::path::PathBuf;
use std::sync::Arc;
use switchboard_core::{Epoch, Seq};
use switchboard_store::{Batch, Cutoffs, IdRecord, Loaded, MemorySettings, MemoryStore, Reader, Store, StoreError};

/// What survives a crash, and the store that is made of it.
pub(crate) struct Disk {
    epoch: Epoch,
    secret: [u8; 32],
    /// Every batch that was ever committed: a crash makes the store anew from them.
    committed: Vec<Batch>,
    store: MemoryStore,
    /// No commit finds room.
    pub(crate) full: bool,
    /// Another program holds a lock: no commit begins.
    pub(crate) locked: bool,
}

impl Disk {
    /// An empty disk with an epoch and a secret of the seed's.
    pub(crate) fn new(seed: u64) -> Result<Self, StoreError> {
        let mut secret = [0; 32];
        secret[..8].copy_from_slice(&seed.to_be_bytes());
        Ok(Self { epoch: Epoch(seed), secret, committed: Vec::new(), store: store()?, full: false, locked: false })
    }

    /// Whether a commit would be made.
    pub(crate) const fn takes_commits(&self) -> bool {
        !self.full && !self.locked
    }

    /// The process is gone: what it had not committed is lost.
    pub(crate) fn crash(&mut self) -> Result<(), StoreError> {
        self.store = store()?;
        for batch in &self.committed {
            self.store.commit(batch)?;
        }
        Ok(())
    }

    pub(crate) fn load(&mut self) -> Result<Loaded, StoreError> {
        let loaded = self.store.load()?;
        Ok(Loaded { epoch: self.epoch, secret: self.secret, ..loaded })
    }

    pub(crate) fn recent_ids(
        &mut self,
        age_ms: u64,
        max: usize,
        each: &mut dyn FnMut(IdRecord),
    ) -> Result<(), StoreError> {
        self.store.recent_ids(age_ms, max, each)
    }

    pub(crate) fn commit(&mut self, batch: &Batch) -> Result<(), StoreError> {
        if self.full {
            return Err(StoreError::Full);
        }
        if self.locked {
            return Err(StoreError::Busy { path: PathBuf::from("the disk") });
        }
        self.store.commit(batch)?;
        self.committed.push(batch.clone());
        Ok(())
    }

    pub(crate) fn older_than(&mut self, before: &Cutoffs) -> Result<Vec<(Arc<str>, Seq)>, StoreError> {
        self.store.older_than(before)
    }

    pub(crate) fn reader(&self) -> Result<Box<dyn Reader>, StoreError> {
        self.store.reader()
    }
}

fn store() -> Result<MemoryStore, StoreError> {
    MemoryStore::new(MemorySettings { events_per_room: usize::MAX, bytes_max: usize::MAX })
}
