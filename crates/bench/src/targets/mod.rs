//! The servers under test: how each is started, spoken to and ended. A further server is one more file here.

mod child;
mod floor;
mod peers;
mod switchboard;

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::ValueEnum;
use serde::{Serialize, Serializer};

pub use child::Running;
pub use switchboard::start_in;

use crate::load::{Dialect, Protocol};

/// A server under test, in one configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// The bare epoll loop that all others are compared with.
    Floor,
    /// The same with its sends handed to the kernel in batches.
    UringFloor,
    /// Switchboard, which keeps messages as said.
    Switchboard(Durability),
    /// `socket.io` on Node.
    SocketIo,
    /// `socketioxide`.
    Socketioxide,
    /// `ws` on Node.
    Ws,
    /// `nats-server`.
    Nats,
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
    /// The folder of the peers, in which they are installed.
    pub peers: PathBuf,
    /// Further `KEY=VALUE` settings for Switchboard.
    pub settings: Vec<String>,
    /// The directory in which data directories are made. Figures with `fsync` mean something only on a real disk.
    pub data_parent: PathBuf,
}

/// What a server is to be ready for.
#[derive(Clone, Copy, Debug)]
pub struct Occasion {
    /// What is spoken.
    pub protocol: Protocol,
    /// Rooms in which something is said. With more than one, sessions join no room by themselves.
    pub rooms: usize,
}

impl Target {
    /// The name in tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Floor => "floor",
            Self::UringFloor => "io_uring floor",
            Self::Switchboard(Durability::None) => "Switchboard, no store",
            Self::Switchboard(Durability::Os) => "Switchboard, os",
            Self::Switchboard(Durability::Fsync) => "Switchboard, fsync",
            Self::SocketIo => "socket.io",
            Self::Socketioxide => "socketioxide",
            Self::Ws => "ws",
            Self::Nats => "NATS",
        }
    }

    /// How this target is spoken to when `protocol` is measured; none when it has nothing to compare. A floor's lines
    /// are `line_bytes` long until it is told better.
    #[must_use]
    pub const fn dialect(self, protocol: Protocol, line_bytes: usize) -> Option<Dialect> {
        match (self, protocol) {
            (Self::Floor | Self::UringFloor, _) => Some(Dialect::Bare { line_bytes }),
            (Self::Switchboard(_), Protocol::TcpText | Protocol::TlsText) => Some(Dialect::Text),
            (Self::Switchboard(_), Protocol::TcpJson) => Some(Dialect::Json),
            (Self::Switchboard(_), Protocol::WsJson | Protocol::WssJson) => Some(Dialect::WebSocketJson),
            (Self::Switchboard(_), Protocol::SocketioWs | Protocol::SocketioWss)
            | (Self::SocketIo | Self::Socketioxide, Protocol::SocketioWs) => Some(Dialect::SocketIo),
            (Self::Switchboard(_) | Self::SocketIo | Self::Socketioxide, Protocol::SocketioPolling) => {
                Some(Dialect::SocketIoPolling)
            }
            (Self::Ws, Protocol::WsJson) => Some(Dialect::WebSocketBare),
            (Self::Nats, Protocol::TcpText) => Some(Dialect::Nats),
            (Self::SocketIo | Self::Socketioxide | Self::Ws | Self::Nats, _) => None,
        }
    }

    /// Whether this target passes on the bytes that it is sent, and so has no frames of its own.
    #[must_use]
    pub const fn is_floor(self) -> bool {
        match self {
            Self::Floor | Self::UringFloor => true,
            Self::Switchboard(_) | Self::SocketIo | Self::Socketioxide | Self::Ws | Self::Nats => false,
        }
    }

    /// Whether connections to this target are encrypted when `protocol` is measured: the floors never are.
    #[must_use]
    pub const fn is_encrypted(self, protocol: Protocol) -> bool {
        protocol.is_encrypted() && !self.is_floor()
    }

    /// The file without which this target cannot be started.
    #[must_use]
    pub fn file(self, programs: &Programs) -> PathBuf {
        match self {
            Self::Floor => programs.floor.clone(),
            Self::Switchboard(_) => programs.switchboard.clone(),
            Self::UringFloor => programs.peers.join(peers::URING_FLOOR),
            Self::SocketIo => programs.peers.join(peers::SOCKET_IO),
            Self::Socketioxide => programs.peers.join(peers::SOCKETIOXIDE),
            Self::Ws => programs.peers.join(peers::WS),
            Self::Nats => programs.peers.join(peers::NATS),
        }
    }

    /// Starts the server and waits until it accepts connections. It ends when the result is dropped.
    ///
    /// # Errors
    /// When the program is not there, ends early, or does not say in time that it is ready.
    pub fn start(self, programs: &Programs, occasion: Occasion) -> Result<Running> {
        let peers: &Path = &programs.peers;
        match self {
            Self::Floor => floor::start(programs),
            Self::Switchboard(durability) => switchboard::start(durability, programs, occasion),
            Self::UringFloor => peers::native(&peers.join(peers::URING_FLOOR)),
            Self::Socketioxide => peers::native(&peers.join(peers::SOCKETIOXIDE)),
            Self::SocketIo => peers::node(peers, "socketio.mjs"),
            Self::Ws => peers::node(peers, "ws.mjs"),
            Self::Nats => peers::nats(&peers.join(peers::NATS)),
        }
    }
}

impl Serialize for Target {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}
