//! The exit codes of every client command.

use std::process::ExitCode;

/// How a command ended, as scripts see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Everything asked for was done.
    Good,
    /// There was no server, or it could not be reached, or it was not to be trusted.
    NotConnected,
    /// The command line made no sense.
    Usage,
    /// The server said no.
    Refused,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Good => 0,
            Exit::NotConnected => 1,
            Exit::Usage => 2,
            Exit::Refused => 3,
        })
    }
}
