//! A disk that records what the store does, and what a power cut may leave of it at any moment.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::{Dice, ServerOptions, preload};

/// What a disk writes whole.
const SECTOR: usize = 512;

/// A library that records, built by the test and preloaded, and its record.
#[derive(Debug)]
pub struct RecordedDisk {
    directory: TempDir,
}

/// Something that was done to the database (0) or its log (1).
#[derive(Debug)]
struct Step {
    file: usize,
    what: What,
    /// Where its record ends.
    end: u64,
}

#[derive(Debug)]
enum What {
    Write { offset: usize, bytes: Vec<u8> },
    Length(usize),
    Sync,
}

/// The steps of a whole run.
#[derive(Debug)]
pub struct Record {
    steps: Vec<Step>,
}

/// How much of what was not waited for a power cut leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// Nothing.
    None,
    /// All of it.
    All,
    /// Each write or not.
    Some,
    /// Only the last one.
    Last,
    /// Each sector or not.
    Torn,
}

impl Cut {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::None, Self::All, Self::Some, Self::Last, Self::Torn];
}

impl RecordedDisk {
    /// Builds the library.
    ///
    /// # Panics
    /// There is no C compiler.
    #[must_use]
    pub fn new() -> Self {
        let directory = TempDir::new().expect("a directory");
        preload::compile("recorded_disk", directory.path());
        Self { directory }
    }

    /// The server gets this disk.
    #[must_use]
    pub fn under(&self, options: ServerOptions) -> ServerOptions {
        options
            .env("LD_PRELOAD", &self.directory.path().join("recorded_disk.so").display().to_string())
            .env("RECORDED_DISK", &self.file().display().to_string())
    }

    /// How long the record is now: what was acknowledged before is in the steps up to here.
    ///
    /// # Panics
    /// There is none yet.
    #[must_use]
    pub fn now(&self) -> u64 {
        fs::metadata(self.file()).expect("a record").len()
    }

    /// The record of a server that has ended.
    ///
    /// # Panics
    /// It is not one.
    #[must_use]
    pub fn record(&self) -> Record {
        let bytes = fs::read(self.file()).expect("a record");
        let mut steps = Vec::new();
        let mut at = 0;
        while at < bytes.len() {
            let word = |index: usize| {
                let from = at + index * 8;
                usize::try_from(u64::from_ne_bytes(bytes[from..from + 8].try_into().expect("eight bytes")))
                    .expect("64 bits")
            };
            let (what, file, offset, count) = (word(0), word(1) - 1, word(2), word(3));
            at += 32;
            let what = match u8::try_from(what).expect("a letter") {
                b'w' => {
                    let bytes = bytes[at..at + count].to_vec();
                    at += count;
                    What::Write { offset, bytes }
                }
                b't' => What::Length(offset),
                b's' => What::Sync,
                other => panic!("no such step: {other}"),
            };
            steps.push(Step { file, what, end: at as u64 });
        }
        Record { steps }
    }

    fn file(&self) -> PathBuf {
        self.directory.path().join("record")
    }
}

impl Default for RecordedDisk {
    fn default() -> Self {
        Self::new()
    }
}

impl Record {
    /// How many steps there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.steps.len()
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// Where the record of the first `count` steps ends.
    ///
    /// # Panics
    /// There are none.
    #[must_use]
    pub fn end(&self, count: usize) -> u64 {
        self.steps[count - 1].end
    }

    /// Writes a database and its log into `directory` as a power cut after the first `count` steps may leave them.
    ///
    /// # Panics
    /// The files cannot be written.
    pub fn cut(&self, count: usize, cut: Cut, dice: &mut Dice, directory: &Path) {
        let mut kept = [Vec::new(), Vec::new()];
        let mut waiting: [Vec<&What>; 2] = [Vec::new(), Vec::new()];
        for Step { file, what, .. } in &self.steps[..count] {
            match what {
                What::Sync => waiting[*file].drain(..).for_each(|what| apply(&mut kept[*file], what)),
                other => waiting[*file].push(other),
            }
        }
        for (file, (mut bytes, waiting)) in kept.into_iter().zip(waiting).enumerate() {
            for (place, what) in waiting.iter().enumerate() {
                let is_last = place + 1 == waiting.len();
                match (cut, what) {
                    (Cut::All, what) => apply(&mut bytes, what),
                    (Cut::Some, what) if dice.below(2) == 0 => apply(&mut bytes, what),
                    (Cut::Last, what) if is_last => apply(&mut bytes, what),
                    (Cut::Torn, What::Write { offset, bytes: written }) => tear(&mut bytes, *offset, written, dice),
                    (Cut::Torn, what) => apply(&mut bytes, what),
                    (Cut::None | Cut::Some | Cut::Last, _) => {}
                }
            }
            let name = ["switchboard.db", "switchboard.db-wal"][file];
            fs::write(directory.join(name), bytes).expect("a file");
        }
    }
}

/// Some sectors of a write reach the disk. They are sectors of the file, wherever the write begins.
fn tear(file: &mut Vec<u8>, offset: usize, written: &[u8], dice: &mut Dice) {
    let mut from = 0;
    while from < written.len() {
        let to = written.len().min(from + SECTOR - (offset + from) % SECTOR);
        if dice.below(5) < 3 {
            put(file, offset + from, &written[from..to]);
        }
        from = to;
    }
}

fn apply(file: &mut Vec<u8>, what: &What) {
    match what {
        What::Write { offset, bytes } => put(file, *offset, bytes),
        What::Length(length) => file.resize(*length, 0),
        What::Sync => {}
    }
}

fn put(file: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    if file.len() < offset + bytes.len() {
        file.resize(offset + bytes.len(), 0);
    }
    file[offset..offset + bytes.len()].copy_from_slice(bytes);
}
