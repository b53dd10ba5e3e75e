//! A bad disk for the server: a small library, built by the test and preloaded, that delays the store's writes and syncs
//! or makes them fail, and tells in a shared file which of them were under way when the server was killed.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::time::Duration;

use tempfile::TempDir;

use crate::{ServerOptions, preload};

/// The numbers in the shared file, each of eight bytes; the last is the fault.
const WORDS: usize = 6;

/// The library and its file. It counts calls on the write-ahead log only.
#[derive(Debug)]
pub struct BadDisk {
    directory: TempDir,
    write: Duration,
    sync: Duration,
}

/// What a disk can do wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing: it works again.
    None = 0,
    /// Writes give an I/O error.
    Writes = 1,
    /// Syncs give an I/O error.
    Syncs = 2,
    /// Writes find the disk full.
    WritesFull = 3,
    /// Writes find the quota used up.
    WritesOverQuota = 4,
    /// Syncs find the disk full, after the writes were taken.
    SyncsFull = 5,
}

/// What the store was doing with its log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DiskState {
    pub writes_begun: u64,
    pub writes_done: u64,
    pub syncs_begun: u64,
    pub syncs_done: u64,
    /// Writes that found the disk full.
    pub writes_refused: u64,
}

impl BadDisk {
    /// Builds the library. Every write to the log takes `write` longer than the disk does, every sync `sync`.
    ///
    /// # Panics
    /// There is no C compiler.
    #[must_use]
    pub fn new(write: Duration, sync: Duration) -> Self {
        let directory = TempDir::new().expect("a directory");
        preload::compile("bad_disk", directory.path());
        let disk = Self { directory, write, sync };
        disk.reset();
        disk
    }

    /// The server gets this disk.
    #[must_use]
    pub fn under(&self, options: ServerOptions) -> ServerOptions {
        self.reset();
        options
            .env("LD_PRELOAD", &self.directory.path().join("bad_disk.so").display().to_string())
            .env("BAD_DISK_STATE", &self.file().display().to_string())
            .env("BAD_DISK_WRITE_US", &self.write.as_micros().to_string())
            .env("BAD_DISK_SYNC_US", &self.sync.as_micros().to_string())
    }

    /// What the server was doing when it was killed, or does now.
    ///
    /// # Panics
    /// The file is gone.
    #[must_use]
    pub fn state(&self) -> DiskState {
        let bytes = fs::read(self.file()).expect("the shared file");
        let mut words = bytes.chunks_exact(8).map(|word| u64::from_ne_bytes(word.try_into().expect("eight bytes")));
        let mut word = || words.next().expect("five words");
        DiskState {
            writes_begun: word(),
            writes_done: word(),
            syncs_begun: word(),
            syncs_done: word(),
            writes_refused: word(),
        }
    }

    /// From now on every such call on the log fails, until another fault is asked for or the next server is started with
    /// this disk.
    ///
    /// # Panics
    /// The file is gone.
    pub fn fail(&self, fault: Fault) {
        let at = (WORDS as u64 - 1) * 8;
        let file = File::options().write(true).open(self.file()).expect("the shared file");
        file.write_all_at(&(fault as u64).to_ne_bytes(), at).expect("a small write");
    }

    fn file(&self) -> PathBuf {
        self.directory.path().join("state")
    }

    fn reset(&self) {
        fs::write(self.file(), [0; WORDS * 8]).expect("a small file");
    }
}

impl DiskState {
    /// The log was being written.
    #[must_use]
    pub const fn is_writing(&self) -> bool {
        self.writes_begun > self.writes_done
    }

    /// A commit waited for its sync: its batch was applied, and nothing of it acknowledged.
    #[must_use]
    pub const fn is_syncing(&self) -> bool {
        self.syncs_begun > self.syncs_done
    }
}
