//! The mark beside the database: which file it was, and how much was acknowledged, to know when something is lost.
//!
//! A database that was restored from a copy, or that lost what was acknowledged last, gives numbers again that clients
//! know for other messages. So it gets another epoch: clients compare it and forget their numbers. The database itself
//! cannot say so; this small file can, which is written after each commit and waited for by nobody. After a power cut it
//! says less than what is stored, never more, as long as commits are waited for.

use crate::error::{At, StoreError};
use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;
use switchboard_core::Epoch;

/// The file's name in the data directory.
const FILE: &str = "switchboard.mark";

/// What the mark says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) epoch: Epoch,
    /// The database's file: its number in its file system and the nanosecond in which it was made, 0 where that is not
    /// known. A copy has others.
    file: (u64, u64),
    /// How many events were ever acknowledged.
    pub(super) events: u64,
}

/// The mark, open for as long as the store is.
#[derive(Debug)]
pub(super) struct Mark {
    file: File,
    said: Said,
}

impl Said {
    /// What is to be said of a database.
    pub(super) fn of(database: &Metadata, epoch: Epoch, events: u64) -> Self {
        let made = database.created().ok().and_then(|made| made.duration_since(UNIX_EPOCH).ok());
        let made = made.map_or(0, |made| made.as_nanos() as u64);
        Self { epoch, file: (database.ino(), made), events }
    }

    /// Whether a database is the one that `self` was said of, with everything that was acknowledged.
    pub(super) fn is_kept_by(&self, now: &Self) -> bool {
        self.epoch == now.epoch && self.file == now.file && self.events <= now.events
    }

    fn line(&self) -> String {
        let Self { epoch, file: (number, made), events } = self;
        format!("switchboard mark 1 {:016x} {number:016x} {made:016x} {events:016x}\n", epoch.0)
    }

    fn parse(line: &str) -> Option<Self> {
        let mut numbers =
            line.strip_prefix("switchboard mark 1 ")?.split_whitespace().map(|word| u64::from_str_radix(word, 16).ok());
        let mut next = || numbers.next().flatten();
        Some(Self { epoch: Epoch(next()?), file: (next()?, next()?), events: next()? })
    }
}

impl Mark {
    /// What is written in a data directory; none if nothing is, or nothing that can be read.
    pub(super) fn read(directory: &Path) -> Result<Option<Said>, StoreError> {
        let path = path(directory);
        match std::fs::read(&path) {
            Ok(bytes) => Ok(std::str::from_utf8(&bytes).ok().and_then(Said::parse)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).at(&path),
        }
    }

    /// Makes the mark, or writes it anew, and waits until the disk has it.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(super) fn write(directory: &Path, said: Said) -> Result<Self, StoreError> {
        let path = path(directory);
        let file = OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(&path).at(&path)?;
        file.write_all_at(said.line().as_bytes(), 0).and_then(|()| file.sync_all()).at(&path)?;
        File::open(directory).and_then(|directory| directory.sync_all()).at(directory)?;
        Ok(Self { file, said })
    }

    /// So many more events are acknowledged. Where that cannot be written, the mark says less than there is, as after a
    /// power cut.
    pub(super) fn add(&mut self, events: u64) {
        if events > 0 {
            self.said.events += events;
            // The line is within the first sector, and as long as before.
            let _ = self.file.write_all_at(self.said.line().as_bytes(), 0);
        }
    }
}

fn path(directory: &Path) -> PathBuf {
    directory.join(FILE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_only_more_is_right() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(Mark::read(directory.path()).unwrap(), None);
        let database = std::fs::metadata(directory.path()).unwrap();
        let said = Said::of(&database, Epoch(u64::MAX), 7);
        let mut mark = Mark::write(directory.path(), said).unwrap();
        mark.add(3);
        let read = Mark::read(directory.path()).unwrap().unwrap();
        assert_eq!(read, Said { events: 10, ..said });
        assert!(read.is_kept_by(&Said { events: 11, ..said }), "a kill came before the mark was written");
        for other in [
            Said { events: 9, ..said },
            Said { epoch: Epoch(1), events: 10, ..said },
            Said { file: (said.file.0 + 1, said.file.1), events: 10, ..said },
        ] {
            assert!(!read.is_kept_by(&other), "{other:?}");
        }
        std::fs::write(path(directory.path()), "switchboard mark 1 0 0").unwrap();
        assert_eq!(Mark::read(directory.path()).unwrap(), None, "cut short");
    }
}
