//! `switchboard serve`: puts the server together, runs it, and takes it down.

mod descriptors;
mod exposure;
mod history;
mod listeners;
mod run;
mod sockets;

use crate::config::{Config, Layers};
use crate::threads::EXIT_STORAGE;
use std::process::ExitCode;

pub use crate::http::socketio::{Application, Endpoint};

/// Why the server did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// It would be reachable from elsewhere without TLS.
    #[error(
        "{0} is not loopback, and without TLS everybody on the way can read along; choose one of\n  \
         --tls-cert FILE --tls-key FILE   a certificate of your own\n  \
         --tls-self-signed                one that is made here, with a fingerprint to compare\n  \
         --allow-plaintext                no encryption"
    )]
    Exposed(std::net::SocketAddr),
    /// A listener cannot be had.
    #[error("cannot listen on {place}: {error}")]
    Listen { place: String, error: std::io::Error },
    /// There is no place for the data.
    #[error(
        "no directory for the data: set HOME or XDG_DATA_HOME, name one with --data-dir, or keep nothing (--ephemeral)"
    )]
    NoDataDir,
    /// The history cannot be opened.
    #[error(transparent)]
    Store(#[from] switchboard_store::StoreError),
    /// TLS cannot be set up.
    #[error(transparent)]
    Tls(#[from] crate::tls::TlsError),
    /// `io_uring` was asked for and cannot be had.
    #[error("server.io is \"io_uring\", and the system refuses it: {0}; with \"auto\" the server does without")]
    IoUring(std::io::Error),
    /// The system refuses a thread, a socket or random numbers.
    #[error("the system refuses: {0}")]
    System(#[from] std::io::Error),
}

/// Runs the server until it is told to end, and gives the exit code of the process: 0 after SIGTERM or SIGINT, 1 if it
/// cannot start, 74 if the storage failed. `layers` are read again on SIGHUP.
#[must_use]
pub fn run(config: Config, layers: Layers) -> ExitCode {
    run_with(config, layers, None)
}

/// The same with another Engine.IO endpoint than the configuration's: for what stands on it in tests and examples.
#[must_use]
pub fn run_with(config: Config, layers: Layers, endpoint: Option<Endpoint>) -> ExitCode {
    match run::run(config, layers, endpoint) {
        Ok(crate::engine::driver::End::Asked) => {
            tracing::info!("stopped");
            ExitCode::SUCCESS
        }
        Ok(crate::engine::driver::End::StorageFailed(_)) => ExitCode::from(EXIT_STORAGE as u8),
        Err(error) => {
            eprintln!("switchboard: {error}");
            ExitCode::FAILURE
        }
    }
}
