//! A wrong clock for the server: a small library, built by the test and preloaded, that sets what the wall's clock shows
//! for it, while it runs too.

use std::fs;
use std::path::PathBuf;

use tempfile::TempDir;

use crate::{ServerOptions, preload};

/// The library and the file that says how wrong the clock is.
#[derive(Debug)]
pub struct WrongClock {
    directory: TempDir,
}

impl WrongClock {
    /// Builds the library. The clock is right for now.
    ///
    /// # Panics
    /// There is no C compiler.
    #[must_use]
    pub fn new() -> Self {
        let directory = TempDir::new().expect("a directory");
        preload::compile("wrong_clock", directory.path());
        let clock = Self { directory };
        fs::write(clock.file(), 0_i64.to_ne_bytes()).expect("a small file");
        clock
    }

    /// The server gets this clock.
    #[must_use]
    pub fn over(&self, options: ServerOptions) -> ServerOptions {
        options
            .env("LD_PRELOAD", &self.directory.path().join("wrong_clock.so").display().to_string())
            .env("WRONG_CLOCK", &self.file().display().to_string())
    }

    /// From now on the clock is ahead by so many hours; behind if they are negative. In the running server too.
    ///
    /// # Panics
    /// The file is gone.
    pub fn set(&self, hours: i64) {
        // In place: the server has this file in its memory.
        let file = fs::File::options().write(true).open(self.file()).expect("the shared file");
        std::os::unix::fs::FileExt::write_all_at(&file, &(hours * 3_600).to_ne_bytes(), 0).expect("a small write");
    }

    fn file(&self) -> PathBuf {
        self.directory.path().join("ahead")
    }
}

impl Default for WrongClock {
    fn default() -> Self {
        Self::new()
    }
}
