//! Threads whose failure ends the process: half-changed memory is not gone on with.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread::JoinHandle;

/// The process's exit code after a panic of the core, the engine, the store or a shard (`EX_SOFTWARE`).
pub(crate) const EXIT_PANIC: i32 = 70;
/// The process's exit code after the disk failed (`EX_IOERR`).
pub(crate) const EXIT_STORAGE: i32 = 74;

/// Starts a named thread. If it panics, the process ends with [`EXIT_PANIC`]: the log is the truth.
///
/// # Errors
/// The thread cannot be started.
pub(crate) fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> std::io::Result<JoinHandle<()>> {
    let named = name.to_owned();
    std::thread::Builder::new().name(name.to_owned()).spawn(move || {
        if catch_unwind(AssertUnwindSafe(run)).is_err() {
            tracing::error!(thread = named, "panicked: the server ends, and recovers when it is started again");
            std::process::exit(EXIT_PANIC);
        }
    })
}
