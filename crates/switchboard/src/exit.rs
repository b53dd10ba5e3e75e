//! The exit codes, which scripts rely on.

use std::process::ExitCode;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    Good,
    NotConnected,
    Usage,
    Refused,
    Panic,
    Disk,
}

impl Exit {
    /// All of them, in the order of their codes.
    pub(crate) const ALL: [Self; 6] =
        [Self::Good, Self::NotConnected, Self::Usage, Self::Refused, Self::Panic, Self::Disk];

    /// What the shell sees. 70 and 74 are EX_SOFTWARE and EX_IOERR of sysexits.h.
    pub(crate) const fn code(self) -> u8 {
        match self {
            Self::Good => 0,
            Self::NotConnected => 1,
            Self::Usage => 2,
            Self::Refused => 3,
            Self::Panic => 70,
            Self::Disk => 74,
        }
    }

    /// What it means, for the manual.
    pub(crate) const fn meaning(self) -> &'static str {
        match self {
            Self::Good => "Done.",
            Self::NotConnected => "There is no server, or no connection to it.",
            Self::Usage => "The command line or the configuration is wrong.",
            Self::Refused => "The server refused, or closed the connection for good.",
            Self::Panic => "A fault in Switchboard itself.",
            Self::Disk => "Reading or writing failed.",
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
