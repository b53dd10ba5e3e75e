//! Runs a client command on a small runtime of its own, until it is done or interrupted.

use crate::client::Options;
use crate::exit::Exit;
use crate::login::Login;
use std::process::ExitCode;

/// Runs a command of this crate: resolves its login, and runs it on a small runtime of its own.
pub(crate) fn blocking<F>(login: Login, command: impl FnOnce(Options) -> F) -> ExitCode
where
    F: Future<Output = Exit>,
{
    match login.options() {
        Ok(options) => block_on(command(options)),
        Err(error) => {
            eprintln!("switchboard: {error}");
            error.exit().into()
        }
    }
}

/// Runs a future on a runtime of its own, with one thread.
pub(crate) fn block_on(command: impl Future<Output = Exit>) -> ExitCode {
    match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(command).into(),
        Err(error) => {
            eprintln!("switchboard: {error}");
            Exit::NotConnected.into()
        }
    }
}

/// Waits for somebody to press Ctrl-C, or the system to ask the program to end. Where neither can be heard, for ever.
pub(crate) async fn interrupted() {
    let pressed = async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        match signal(SignalKind::terminate()) {
            Ok(mut terminated) => tokio::select! {
                () = pressed => {}
                _ = terminated.recv() => {}
            },
            Err(_) => pressed.await,
        }
    }
    #[cfg(not(unix))]
    pressed.await;
}
