//! The harness of the end-to-end tests: starts the real binary, and talks to it with sockets and real programs.
//!
//! Nothing here sleeps: every wait is for the thing itself, ends at [`PATIENCE`], and then fails with what was heard so
//! far. A test panics where it fails, so the functions here do too.

mod bad_disk;
mod behind;
mod dice;
mod http;
mod json;
mod kind;
mod ledger;
mod line;
mod log;
mod member;
mod preload;
pub mod process;
mod program;
mod proxy;
mod recorded_disk;
mod server;
mod small_disk;
mod tools;
pub mod trace;
mod transcript;
mod websocket;
mod wrong_clock;

use std::time::Duration;

pub use bad_disk::{BadDisk, DiskState, Fault};
pub use behind::{Attacker, behind_proxy, from, limit_hits, metric};
pub use dice::Dice;
pub use http::{Asked, Response, http_get, http_raw};
pub use json::Json;
pub use kind::{Kind, hear};
pub use ledger::Ledger;
pub use line::Line;
pub use log::Log;
pub use member::{Heard, Lost, Member};
pub use program::{Program, said};
pub use proxy::{HoldUp, Proxy};
pub use recorded_disk::{Cut, Record, RecordedDisk};
pub use rustix::process::Signal;
pub use server::{Server, ServerOptions, binary, switchboard};
pub use small_disk::{Mounted, SmallDisk};
pub use tools::{require_chromium, require_openbsd_nc, require_tool};
pub use transcript::Transcript;
pub use websocket::WebSocket;
pub use wrong_clock::WrongClock;

/// How long a test waits for anything. Much longer than it takes, because the machine may be busy.
pub const PATIENCE: Duration = Duration::from_secs(60);
