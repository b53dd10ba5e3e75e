//! How the peers are started: programs of ours around what their registries have, installed below one folder.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use super::child::Running;

/// What has to be there for each of them, below the folder of the peers.
pub(super) const URING_FLOOR: &str = "target/release/switchboard-bench-uring-floor";
pub(super) const SOCKETIOXIDE: &str = "target/release/switchboard-bench-socketioxide";
pub(super) const SOCKET_IO: &str = "node/node_modules/socket.io/package.json";
pub(super) const WS: &str = "node/node_modules/ws/package.json";
pub(super) const NATS: &str = "venv/bin/nats-server";

const READY: &str = "peer: ready on ";

/// A program of ours that is told where to listen.
pub(super) fn native(program: &Path) -> Result<Running> {
    let mut command = Command::new(program);
    command.arg("127.0.0.1:0");
    Running::spawn(command, READY, None)
}

/// A script for Node.
pub(super) fn node(peers: &Path, script: &str) -> Result<Running> {
    let mut command = Command::new("node");
    command.arg(peers.join("node").join(script)).arg("0").env("NODE_ENV", "production");
    Running::spawn(command, READY, None)
}

/// NATS writes its log to standard error; the shell makes way for it, so that the process is NATS's own.
pub(super) fn nats(program: &Path) -> Result<Running> {
    let mut command = Command::new("sh");
    command.args(["-c", "exec \"$0\" --addr 127.0.0.1 --port -1 2>&1"]).arg(program);
    Running::spawn(command, "Listening for client connections on ", None)
}
