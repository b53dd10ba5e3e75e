//! The write-ahead log's file, made longer before commits need it.
//!
//! A commit that makes the file longer waits not only for its pages, but also for what the file system notes of the new
//! length: half as much again of CPU time and of waiting. Until the log is first begun anew, that would be every commit.
//! What stands behind the log's last frame means nothing (file format, section 4.1), so the file may be longer than it.

use super::write::Write;
use crate::error::{At, StoreError};
use rusqlite::Connection;
use std::fs::OpenOptions;
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
/// A frame: its header and a page.
const FRAME_BYTES: u64 = 24 + 4_096;

/// Where the log of a database is.
pub(super) fn path_of(database: &Path) -> PathBuf {
    let mut path = database.as_os_str().to_owned();
    path.push("-wal");
    PathBuf::from(path)
}

/// Makes the log's file longer if its end is near and the disk has space to spare; else commits do it themselves.
///
/// # Errors
/// The file or the database failed.
pub(super) fn grow_ahead(connection: &Connection, database: &Path) -> Result<(), StoreError> {
    let frames: i64 = connection.query_row("PRAGMA wal_checkpoint(NOOP)", [], |row| row.get(1)).at(database)?;
    let used = HEADER_BYTES + frames.max(0).cast_unsigned() * FRAME_BYTES;
    let path = path_of(database);
    let is_long_enough = path.metadata().at(&path)?.len() >= used + ENOUGH_BYTES;
    if is_long_enough || switchboard_sys::disk::free_bytes(&path).at(&path)? < SPARE_BYTES {
        return Ok(());
    }
    // Other programs may look into the database and write to it: nobody writes to the log meanwhile.
    let alone = Write::begin(connection).at(database)?;
    match grow(&path, used + 2 * ENOUGH_BYTES).at(&path) {
        // The disk was filled meanwhile.
        Ok(()) | Err(StoreError::Full) => alone.commit().at(database),
        Err(error) => Err(error),
    }
}

/// Makes a file this long, if it is shorter.
fn grow(path: &Path, bytes: u64) -> io::Result<()> {
    let file = OpenOptions::new().write(true).open(path)?;
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
        std::fs::write(file.path(), "frames").unwrap();
        for (length, expected) in [(9, "frames\0\0\0"), (9, "frames\0\0\0"), (8, "frames\0\0\0")] {
            grow(file.path(), length).unwrap();
            assert_eq!(std::fs::read_to_string(file.path()).unwrap(), expected);
        }
        assert_eq!(grow(Path::new("/dev/full"), 1).unwrap_err().kind(), io::ErrorKind::StorageFull);
    }
}
