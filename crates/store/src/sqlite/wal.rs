//! The write-ahead log's file, made longer before commits need it.
//!
//! A commit that makes the file longer waits not only for its pages, but also for what the file system notes of the new
//! length: half as much again of CPU time and of waiting. Until the log is first begun anew, that would be every commit.
//! What stands behind the log's last frame means nothing (file format, section 4.1), so the file may be longer than it.

use super::write::Write;
use crate::error::{At, StoreError};
use rusqlite::Connection;
use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// Bytes that are enough until the trailing work has its turn again: it is due after 64 events, each of them a commit of
/// four pages where nothing else happens, and some more where a page is split. With less the end is near, and the file
/// is made twice as much longer than the log.
const ENOUGH_BYTES: u64 = 5 << 18;
/// Free bytes of the disk below which the space is left to the commits, which take no more than they need.
const SPARE_BYTES: u64 = 64 << 20;
/// The log's header.
const HEADER_BYTES: u64 = 32;
/// A frame's header.
const FRAME_HEADER_BYTES: u64 = 24;
/// A frame: its header and a page.
const FRAME_BYTES: u64 = FRAME_HEADER_BYTES + 4_096;

/// Where the log of a database is.
pub(super) fn path_of(database: &Path) -> PathBuf {
    let mut path = database.as_os_str().to_owned();
    path.push("-wal");
    PathBuf::from(path)
}

/// The log's file, open beside SQLite for as long as the store is: nothing is opened later, when there may be no
/// descriptor left.
#[derive(Debug)]
pub(super) struct Log {
    file: File,
    path: PathBuf,
}

impl Log {
    /// Opens the log of a database that has a connection.
    pub(super) fn open(database: &Path) -> Result<Self, StoreError> {
        let path = path_of(database);
        let file = OpenOptions::new().read(true).write(true).open(&path).at(&path)?;
        Ok(Self { file, path })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Which file it is.
    pub(super) fn metadata(&self) -> Result<Metadata, StoreError> {
        self.file.metadata().at(&self.path)
    }

    /// Waits until the disk has all of the log.
    ///
    /// # Errors
    /// The disk failed.
    pub(super) fn sync(&self) -> Result<(), StoreError> {
        self.file.sync_data().at(&self.path)
    }

    /// Makes the file longer if its end is near and the disk has space to spare; else commits do it themselves.
    ///
    /// # Errors
    /// The file or the database failed. Nothing is lost by it.
    pub(super) fn grow_ahead(&self, connection: &Connection, database: &Path) -> Result<(), StoreError> {
        let used = used(connection).at(database)?;
        let is_long_enough = self.metadata()?.len() >= used + ENOUGH_BYTES;
        if is_long_enough || switchboard_sys::disk::free_bytes(&self.path).at(&self.path)? < SPARE_BYTES {
            return Ok(());
        }
        // Other programs may look into the database and write to it: nobody writes to the log meanwhile.
        let alone = Write::begin(connection).at(database)?;
        grow(&self.file, used + 2 * ENOUGH_BYTES).at(&self.path)?;
        alone.commit().at(database)
    }

    /// Makes room for some commits, whatever space is left to others, and waits until the disk has it: where that
    /// succeeds, so do commits.
    ///
    /// # Errors
    /// [`StoreError::Full`], or the file failed.
    pub(super) fn make_room(&self, connection: &Connection, database: &Path) -> Result<(), StoreError> {
        let used = used(connection).at(database)?;
        let alone = Write::begin(connection).at(database)?;
        grow(&self.file, used + ENOUGH_BYTES).at(&self.path)?;
        self.file.sync_data().at(&self.path)?;
        alone.commit().at(database)
    }

    /// Makes what a failed commit left behind the log's end invalid, so that no restart takes it for a transaction, and
    /// waits until the disk has that.
    ///
    /// # Errors
    /// It is not known whether it is invalid after a restart.
    pub(super) fn cut_off(&self, connection: &Connection, database: &Path) -> Result<(), StoreError> {
        let end = used(connection).at(database)?;
        let alone = Write::begin(connection).at(database)?;
        if self.metadata()?.len() >= end + FRAME_HEADER_BYTES {
            self.file.write_all_at(&[0; FRAME_HEADER_BYTES as usize], end).at(&self.path)?;
            self.file.sync_data().at(&self.path)?;
        }
        alone.commit().at(database)
    }
}

/// Where the log's last transaction ends, in bytes.
fn used(connection: &Connection) -> rusqlite::Result<u64> {
    let frames: i64 = connection.query_row("PRAGMA wal_checkpoint(NOOP)", [], |row| row.get(1))?;
    Ok(HEADER_BYTES + frames.max(0).cast_unsigned() * FRAME_BYTES)
}

/// Makes a file this long, if it is shorter, but not by more than is needed at a time.
fn grow(file: &File, bytes: u64) -> io::Result<()> {
    let length = file.metadata()?.len();
    // Zeros that are written and not only promised: else each commit would have to note that its blocks hold something.
    // They are waited for here, behind the commits, so that no commit has to wait for them.
    let missing = bytes.saturating_sub(length).min(2 * ENOUGH_BYTES);
    let zeros = vec![0; missing as usize];
    file.write_all_at(&zeros, length).and_then(|()| file.sync_data()).inspect_err(|_| {
        // The commits need the space; if it cannot be given back, they say so.
        let _ = file.set_len(length);
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_grows_and_what_prevents_it_is_said() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let opened = OpenOptions::new().write(true).open(file.path()).unwrap();
        std::fs::write(file.path(), "frames").unwrap();
        for (length, expected) in [(9, "frames\0\0\0"), (9, "frames\0\0\0"), (8, "frames\0\0\0")] {
            grow(&opened, length).unwrap();
            assert_eq!(std::fs::read_to_string(file.path()).unwrap(), expected);
        }
        let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
        assert_eq!(grow(&full, 1).unwrap_err().kind(), io::ErrorKind::StorageFull);
    }
}
