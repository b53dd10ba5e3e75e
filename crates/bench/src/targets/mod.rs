//! The servers under test: how each is started, spoken to and ended. A further server is one more file here.

mod child;
mod floor;
mod switchboard;

use std::path::PathBuf;

use anyhow::Result;
use clap::ValueEnum;
use serde::{Serialize, Serializer};

pub use child::Running;

use crate::load::{Dialect, Protocol};

/// A server under test, in one configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// The bare epoll loop that all others are compared with.
    Floor,
    /// Switchboard, which keeps messages as said.
    Switchboard(Durability),
}

/// What Switchboard does with a message before it delivers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, ValueEnum)]
pub enum Durability {
    /// Keeps nothing (`--ephemeral`).
    None,
    /// Hands it to the operating system (`store.durability=os`).
    Os,
    /// Waits until the disk has it (`store.durability=fsync`).
    Fsync,
}

/// Where the programs are, and what they are told.
#[derive(Clone, Debug)]
pub struct Programs {
    /// The program `switchboard`.
    pub switchboard: PathBuf,
    /// The program `switchboard-bench-floor`.
    pub floor: PathBuf,
    /// Further `KEY=VALUE` settings for Switchboard.
    pub settings: Vec<String>,
    /// The directory in which data directories are made. Figures with `fsync` mean something only on a real disk.
    pub data_parent: PathBuf,
}

impl Target {
    /// The name in tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Floor => "floor",
            Self::Switchboard(Durability::None) => "Switchboard, no store",
            Self::Switchboard(Durability::Os) => "Switchboard, os",
            Self::Switchboard(Durability::Fsync) => "Switchboard, fsync",
        }
    }

    /// How this target is spoken to when `protocol` is measured. The floor's lines are `line_bytes` long until it is
    /// told better.
    #[must_use]
    pub const fn dialect(self, protocol: Protocol, line_bytes: usize) -> Dialect {
        match (self, protocol) {
            (Self::Floor, _) => Dialect::Bare { line_bytes },
            (Self::Switchboard(_), Protocol::TcpText) => Dialect::Text,
            (Self::Switchboard(_), Protocol::TcpJson) => Dialect::Json,
            (Self::Switchboard(_), Protocol::WsJson) => Dialect::WebSocketJson,
        }
    }

    /// Starts the server and waits until it accepts connections. It ends when the result is dropped.
    ///
    /// # Errors
    /// When the program is not there, ends early, or does not say in time that it is ready.
    pub fn start(self, programs: &Programs) -> Result<Running> {
        match self {
            Self::Floor => floor::start(programs),
            Self::Switchboard(durability) => switchboard::start(durability, programs),
        }
    }
}

impl Serialize for Target {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}
