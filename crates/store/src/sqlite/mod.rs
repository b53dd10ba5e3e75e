//! The store on disk: one SQLite database with a write-ahead log, one writer, any number of readers.

mod check;
mod connect;
mod index;
mod lock;
mod mark;
mod reader;
mod rows;
mod scan;
mod schema;
mod verify;
mod wal;
mod write;
mod writer;

use crate::clock::Cutoffs;
use crate::error::{At, StoreError};
use crate::record::{Backlog, Batch, IdRecord, Loaded};
use crate::{Reader, Store};
use connect::{Sharing, connect, settle_durability, unless_full};
use index::Trailing;
use lock::DirectoryLock;
use mark::{Mark, Said};
use reader::SqliteReader;
use rusqlite::Connection;
use schema::Meta;
use std::fs::{DirBuilder, File, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use switchboard_core::{Epoch, Pos, Seq};
use wal::Log;

pub use verify::{Report, verify};

/// The database's name in the data directory. SQLite keeps `-wal` and `-shm` beside it.
const FILE: &str = "switchboard.db";

/// How long the writer waits at a time: whoever calls it may have others to answer, and tries again.
const WRITER_BUSY_TIMEOUT: Duration = Duration::from_millis(100);

/// What a commit survives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// A power cut: every commit waits until the disk has it (`synchronous = FULL`).
    #[default]
    Fsync,
    /// A crash of this process, not one of the system: the latest commits may be lost, the rest stays whole
    /// (`synchronous = NORMAL`).
    Os,
    /// A crash of this process. After one of the system the database may be damaged (`synchronous = OFF`).
    None,
}

/// How a database is opened.
#[derive(Clone, Copy, Debug, Default)]
pub struct SqliteSettings {
    pub durability: Durability,
    /// The most pages of 4,096 bytes that the database may have; beyond, commits fail with [`StoreError::Full`].
    /// `None`: as many as the disk holds.
    pub pages_max: Option<u32>,
}

/// The store on disk. It holds its data directory, against other processes, until it and its readers are dropped.
#[derive(Debug)]
pub struct SqliteStore {
    connection: Connection,
    path: PathBuf,
    directory: PathBuf,
    settings: SqliteSettings,
    epoch: Epoch,
    has_lost: bool,
    /// None where the disk was full.
    mark: Option<Mark>,
    /// Every position below this is known to the database as used.
    next_pos: Pos,
    /// The highest position of a stored event.
    last_pos: Pos,
    trailing: Trailing,
    /// The highest position that may still be indexed as an earlier version did it.
    reindex: Pos,
    /// A commit failed while the disk was to keep it: what it left in the log is not known.
    is_unsure: bool,
    sharing: Sharing,
    log: Log,
    /// The database's file, by its device and its number there.
    file: (u64, u64),
    // Last, so that it is given back when the database is closed.
    lock: Arc<DirectoryLock>,
}

impl SqliteStore {
    /// Opens the database of a data directory; makes both where they are missing, for this user only.
    ///
    /// # Errors
    /// [`StoreError::InUse`], [`StoreError::Damaged`] and [`StoreError::Newer`]: not a byte of the directory was
    /// changed. Others: the directory or the database cannot be written.
    pub fn open(directory: &Path, settings: SqliteSettings) -> Result<Self, StoreError> {
        DirBuilder::new().recursive(true).mode(0o700).create(directory).at(directory)?;
        let path = directory.join(FILE);
        let lock = DirectoryLock::take(directory)?;
        if let Err(refusal) = check::examine(&path) {
            lock.withdraw();
            return Err(refusal);
        }
        let new = make_file(&path).at(&path)?;
        let (connection, sharing) = match connect(&path, settings, Sharing::Files) {
            // No space for the log's index: what is stored can still be read.
            Err(StoreError::Full) => (connect(&path, settings, Sharing::Nothing)?, Sharing::Nothing),
            result => (result?, Sharing::Files),
        };
        let is_known = schema::version(&connection).at(&path)? == schema::VERSION;
        let migrated = schema::migrate(&connection, &fresh_meta().at(&path)?).at(&path);
        migrated.map_err(|error| error.by_errno(switchboard_sys::sqlite::errno(&connection)))?;
        if new {
            // Else a power cut could take the whole file away, with all that was committed to it.
            File::open(directory).and_then(|directory| directory.sync_all()).at(directory)?;
        }
        settle_durability(&connection, settings, is_known)
            .at(&path)
            .or_else(|error| unless_full(error, &connection))?;
        // It is a matter of speed: there may be space the next time.
        index::configure(&connection).at(&path).or_else(|error| unless_full(error, &connection))?;
        let trailing = Trailing::read(&connection).at(&path)?;
        let reindex = schema::reindex(&connection).at(&path)?;
        let last_pos = writer::last_pos(&connection).at(&path)?.max(trailing.indexed);
        let meta = Meta::read(&connection).at(&path)?;
        let marked = mark_anew(&connection, &path, directory, meta.epoch)?;
        let log = Log::open(&path)?;
        let file = identity(&path.metadata().at(&path)?);
        connection.busy_timeout(WRITER_BUSY_TIMEOUT).at(&path)?;
        Ok(Self {
            connection,
            path,
            directory: directory.to_owned(),
            settings,
            epoch: marked.epoch,
            has_lost: marked.has_lost,
            mark: marked.mark,
            next_pos: meta.next_pos,
            last_pos,
            trailing,
            reindex,
            is_unsure: false,
            sharing,
            log,
            file,
            lock: Arc::new(lock),
        })
    }

    /// Whether the epoch is another than the last time: the database was restored from a copy, or what was acknowledged
    /// last is missing.
    #[must_use]
    pub const fn has_lost(&self) -> bool {
        self.has_lost
    }

    /// The version of the SQLite library that is built in, such as `"3.54.1"`.
    #[must_use]
    pub fn library_version() -> &'static str {
        rusqlite::version()
    }
}

impl Store for SqliteStore {
    fn load(&mut self) -> Result<Loaded, StoreError> {
        let loaded = writer::load(&self.connection, self.last_pos).at(&self.path)?;
        Ok(Loaded { epoch: self.epoch, ..loaded })
    }

    fn recent_ids(&mut self, age_ms: u64, max: usize, each: &mut dyn FnMut(IdRecord)) -> Result<(), StoreError> {
        writer::recent_ids(&self.connection, age_ms, max, each).at(&self.path)
    }

    fn commit(&mut self, batch: &Batch) -> Result<(), StoreError> {
        if batch.is_empty() {
            return Ok(());
        }
        if self.is_unsure {
            return Err(StoreError::Unsynced);
        }
        let done = writer::commit(&self.connection, &self.path, batch, self.next_pos, self.last_pos);
        let done = done.map_err(|error| self.failed_commit(error))?;
        self.next_pos = done.next_pos;
        self.last_pos = done.last_pos;
        if let Some(mark) = &mut self.mark {
            mark.add(batch.events.len() as u64);
        }
        self.trailing.backlog.unindexed += batch.events.len() as u64;
        self.trailing.backlog.unswept += done.trimmed;
        Ok(())
    }

    fn index(&mut self, rows_max: usize) -> Result<Backlog, StoreError> {
        if self.trailing.backlog.rows() > 0 && rows_max > 0 {
            if self.is_unsure {
                return Err(StoreError::Unsynced);
            }
            self.trailing = self.relaxed(|connection, trailing| index::step(connection, trailing, rows_max))?;
            if self.settings.durability == Durability::Fsync {
                // It only spares the commits some work: whatever prevents it, they do without, and find out themselves
                // whether the disk fails.
                let _ = self.log.grow_ahead(&self.connection, &self.path);
            }
        }
        Ok(self.trailing.backlog)
    }

    fn reindex(&mut self, rows_max: usize) -> Result<bool, StoreError> {
        if self.reindex > 0 && rows_max > 0 {
            if self.is_unsure {
                return Err(StoreError::Unsynced);
            }
            let from = self.reindex;
            self.reindex = self.relaxed(|connection, _| index::again(connection, from, rows_max))?;
        }
        Ok(self.reindex > 0)
    }

    fn older_than(&mut self, before: &Cutoffs) -> Result<Vec<(Arc<str>, Seq)>, StoreError> {
        writer::older_than(&self.connection, before).at(&self.path)
    }

    fn free_bytes(&self) -> Result<Option<u64>, StoreError> {
        switchboard_sys::disk::free_bytes(&self.directory).at(&self.directory).map(Some)
    }

    fn probe(&mut self) -> Result<(), StoreError> {
        let made = self.log.make_room(&self.connection, &self.path);
        made.map_err(|error| self.by_errno(error))?;
        if self.is_unsure {
            // Moves all of the log into the database and begins the log anew: what the failed commit left there, and what
            // the disk may have dropped of it, means nothing any more.
            let busy = self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, bool>(0));
            if busy.at(&self.path).map_err(|error| self.by_errno(error))? {
                return Err(StoreError::Busy { path: self.path.clone() });
            }
            self.is_unsure = false;
        }
        // A small commit, waited for as any other.
        schema::set_next_pos(&self.connection, self.next_pos).at(&self.path).map_err(|error| self.failed_commit(error))
    }

    fn look(&self) -> Result<(), StoreError> {
        let is_there = |path: &Path, held: (u64, u64)| match path.metadata() {
            Ok(found) if identity(&found) == held => Ok(()),
            Ok(_) => Err(StoreError::Gone { path: path.to_owned() }),
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                Err(StoreError::Gone { path: path.to_owned() })
            }
            Err(error) => Err(error).at(path),
        };
        is_there(&self.directory, identity(&self.lock.metadata().at(&self.directory)?))?;
        is_there(&self.path, self.file)?;
        is_there(self.log.path(), identity(&self.log.metadata()?))
    }

    fn is_instant(&self) -> bool {
        false
    }

    fn reader(&self) -> Result<Box<dyn Reader>, StoreError> {
        Ok(Box::new(SqliteReader::open(&self.path, self.sharing, Arc::clone(&self.lock))?))
    }
}

impl SqliteStore {
    /// What a failed commit means. Where the disk was full when it was to keep what was written, it is tried to make that
    /// invalid; else it is not known what a restart finds.
    fn failed_commit(&mut self, error: StoreError) -> StoreError {
        match self.by_errno(error) {
            StoreError::Unsynced => {
                let is_certain = self.log.cut_off(&self.connection, &self.path).is_ok();
                // The disk may have dropped more of the log than this commit: it is begun anew before the next one.
                self.is_unsure = true;
                if is_certain { StoreError::Full } else { StoreError::Unsynced }
            }
            other => other,
        }
    }

    /// What was written so far.
    fn written(&self) -> Result<Written, StoreError> {
        let trailed = schema::trailed(&self.connection).at(&self.path)?;
        Ok(Written { changes: self.connection.total_changes(), trailed })
    }

    /// An error of this connection, by what the system said.
    fn by_errno(&self, error: StoreError) -> StoreError {
        error.by_errno(switchboard_sys::sqlite::errno(&self.connection))
    }

    /// Does work that can be done again from what is committed, without waiting for the disk: if a power cut takes it
    /// away, nothing is lost. The next commit's fsync covers it, as it covers all of the log before it.
    fn relaxed<T>(
        &mut self,
        work: impl FnOnce(&Connection, &Trailing) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let strict = self.settings.durability == Durability::Fsync;
        if strict {
            self.connection.execute_batch("PRAGMA synchronous = NORMAL").at(&self.path)?;
        }
        let result = self.work_and_look(work, strict);
        if strict {
            // Whatever became of it, the next commit waits for the disk.
            self.connection.execute_batch("PRAGMA synchronous = FULL").at(&self.path)?;
        }
        result
    }

    /// Does the work; what it wrote that looks like a commit is synced.
    fn work_and_look<T>(
        &mut self,
        work: impl FnOnce(&Connection, &Trailing) -> rusqlite::Result<T>,
        strict: bool,
    ) -> Result<T, StoreError> {
        let before = self.written()?;
        let result = work(&self.connection, &self.trailing).at(&self.path).map_err(|error| self.by_errno(error));
        if strict && self.written()?.is_taken_for_a_commit_after(&before) {
            self.log.sync()?;
        }
        result
    }
}

/// What a connection has written: to know whether the log tells it from a commit.
struct Written {
    changes: u64,
    trailed: Option<u64>,
}

impl Written {
    /// Whether something was written that nobody waited for, and that the log does not tell from a commit.
    fn is_taken_for_a_commit_after(&self, before: &Self) -> bool {
        self.changes > before.changes && self.trailed == before.trailed
    }
}

/// Which file something is: its device, and its number there.
fn identity(metadata: &Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}

/// Makes the database's file if it is missing, for this user only; SQLite gives its other files the same mode.
fn make_file(path: &Path) -> io::Result<bool> {
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error),
    }
}

/// What the mark beside the database said, and the new one.
struct Marked {
    epoch: Epoch,
    has_lost: bool,
    mark: Option<Mark>,
}

/// Compares the database with the mark beside it, gives it another epoch if something is lost, and makes a new mark.
fn mark_anew(connection: &Connection, path: &Path, directory: &Path, epoch: Epoch) -> Result<Marked, StoreError> {
    let events = writer::events_ever(connection).at(path)?;
    let mut now = Said::of(&path.metadata().at(path)?, epoch, events);
    let is_marked = schema::is_marked(connection).at(path)?;
    let has_lost = match Mark::read(directory)? {
        Some(said) => !said.is_kept_by(&now),
        None => is_marked,
    };
    let write = |now: &mut Said| {
        if has_lost {
            now.epoch = fresh_meta().at(path)?.epoch;
            schema::set_epoch(connection, now.epoch).at(path)?;
        }
        // In this order: a mark that the database does not know of is compared all the same.
        let mark = Mark::write(directory, *now)?;
        // A start that has nothing to say needs no lock on the database.
        if !is_marked {
            schema::set_marked(connection).at(path)?;
        }
        Ok(mark)
    };
    let mark = match write(&mut now) {
        Ok(mark) => Some(mark),
        Err(error) => unless_full(error, connection).map(|()| None)?,
    };
    Ok(Marked { epoch: now.epoch, has_lost, mark })
}

fn fresh_meta() -> io::Result<Meta> {
    let mut epoch = [0; 8];
    let mut secret = [0; 32];
    getrandom::fill(&mut epoch).and_then(|()| getrandom::fill(&mut secret)).map_err(io::Error::other)?;
    // Position 0 stands before the first event.
    Ok(Meta { epoch: Epoch(u64::from_ne_bytes(epoch)), secret, next_pos: 1 })
}
