//! The durable history: what a store does, and the two that there are.

pub mod clock;
mod durable;
pub mod error;
pub mod memory;
mod page;
pub mod record;
pub mod sqlite;
mod words;

use std::sync::Arc;
use switchboard_core::output::HistoryRange;
use switchboard_core::{Pos, Seq};

pub use clock::{ClockLog, Cutoffs};
pub use error::{Severity, StoreError};
pub use memory::{MemorySettings, MemoryStore};
pub use record::{Backlog, Batch, IdRecord, Loaded, Page, RoomRecord, Trim};
pub use sqlite::{Durability, Report, SqliteSettings, SqliteStore};

/// The one writer. It is synchronous and works in batches; one that waits for a disk lives on its own thread.
pub trait Store: Send {
    /// What the engine starts from.
    ///
    /// # Errors
    /// The database cannot be read.
    fn load(&mut self) -> Result<Loaded, StoreError>;

    /// Calls `each` with the ids of the latest messages that have one, in the order of their positions: at most `max` of
    /// them, and at least those of which no more than `age_ms` of counted time went by since
    /// ([`switchboard_core::counted`]). Ids of trimmed events are not stored any more.
    ///
    /// # Errors
    /// The database cannot be read.
    fn recent_ids(&mut self, age_ms: u64, max: usize, each: &mut dyn FnMut(IdRecord)) -> Result<(), StoreError>;

    /// Stores the batch: all of it, or on an error nothing of it. When it returns, the batch survives what the
    /// configured durability promises. Trims take effect after the batch's events; what they forget is gone for every
    /// reader at once, and is deleted bit by bit by [`Store::index`], so that no trim makes a commit slow.
    ///
    /// # Errors
    /// Of [`Severity::Danger`]: the store must not be used any more. After any other the same batch may be tried again.
    /// [`StoreError::Inconsistent`]: a number or a position does not follow the stored ones, a room's time goes back,
    /// or an event is not a durable one.
    fn commit(&mut self, batch: &Batch) -> Result<(), StoreError>;

    /// Does up to `rows_max` rows of the work that trails the commits, in a transaction of its own: indexes committed
    /// events for search, and deletes trimmed ones. Returns what is left. A call with nothing to do, and one for no rows,
    /// costs nothing.
    ///
    /// How far it is is stored with it: whatever ends the process, the next one goes on from there.
    ///
    /// # Errors
    /// As for [`Store::commit`].
    fn index(&mut self, rows_max: usize) -> Result<Backlog, StoreError>;

    /// Indexes again up to `rows_max` events that an earlier version of the store indexed differently, in a transaction of
    /// its own. Gives whether there are more. Until it is done, a search finds in those what the earlier version found.
    ///
    /// # Errors
    /// As for [`Store::commit`].
    fn reindex(&mut self, rows_max: usize) -> Result<bool, StoreError>;

    /// For each room with events older than `before`, the lowest `seq` that is to stay: what retention trims. Every event
    /// below it is older, or has an older one behind it in its room.
    ///
    /// # Errors
    /// The database cannot be read.
    fn older_than(&mut self, before: &Cutoffs) -> Result<Vec<(Arc<str>, Seq)>, StoreError>;

    /// Bytes that may still be written before the disk (or quota) is full; `None` where there is no such limit.
    ///
    /// # Errors
    /// The file system cannot be asked.
    fn free_bytes(&self) -> Result<Option<u64>, StoreError>;

    /// Whether commits can be made again after one failed with [`Severity::Wait`], and that what failed does not come
    /// back after a restart. It writes a little.
    ///
    /// # Errors
    /// As for [`Store::commit`]: it cannot.
    fn probe(&mut self) -> Result<(), StoreError> {
        Ok(())
    }

    /// Looks whether the store is still where it was opened.
    ///
    /// # Errors
    /// [`StoreError::Gone`]: its files were deleted or replaced.
    fn look(&self) -> Result<(), StoreError> {
        Ok(())
    }

    /// Whether [`Store::commit`] waits for no disk: then it needs no thread of its own.
    fn is_instant(&self) -> bool;

    /// A reader of committed events, for another thread.
    ///
    /// # Errors
    /// The database cannot be opened for reading.
    fn reader(&self) -> Result<Box<dyn Reader>, StoreError>;
}

/// Reads committed events; many may read at once, and none of them delays the writer.
pub trait Reader: Send {
    /// A page of a room's durable events, oldest first, of at most `limit` events and about `bytes_max` bytes
    /// (at least one event is given whatever its size).
    ///
    /// # Errors
    /// The database cannot be read.
    fn history(&mut self, room: &str, range: HistoryRange, limit: u32, bytes_max: usize) -> Result<Page, StoreError>;

    /// The events of a room whose text has all words of `query`, newest first. Words are matched as a person expects:
    /// without regard to case or diacritics, and within Chinese, Japanese and Korean text. Query syntax has no meaning.
    ///
    /// # Errors
    /// The database cannot be read.
    fn search(&mut self, room: &str, query: &str, before: Option<Seq>, limit: u32) -> Result<Page, StoreError>;

    /// The highest position that is indexed; a search finds no event beyond it.
    ///
    /// # Errors
    /// The database cannot be read.
    fn indexed(&mut self) -> Result<Pos, StoreError>;
}
