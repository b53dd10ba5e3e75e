//! How Switchboard is started for a measurement: on any free port, in a directory of its own, without rate limits.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use super::child::Running;
use super::{Durability, Occasion, Programs};

/// What stands before each address at which it listens.
const READY: &str = "switchboard: ready on ";

/// Limits that protect a public server would only measure themselves here.
const SETTINGS: [&str; 16] = [
    "limits.messages_per_second=0",
    "limits.commands_per_second=0",
    "limits.events_per_second=0",
    "limits.event_deliveries_per_second=0",
    "limits.relay_bytes_per_second=0",
    "limits.delivered_bytes_per_second=0",
    "limits.work_per_second=0",
    "limits.presence_deliveries_per_second=0",
    "limits.new_rooms_per_minute=0",
    "limits.connections_per_ip=0",
    "limits.message_chars=20000",
    "limits.line_bytes=\"128KiB\"",
    "limits.frame_bytes=\"128KiB\"",
    "limits.rooms_per_session=1000",
    "limits.rooms_total=1000000",
    "log.messages=false",
];

/// Starts Switchboard with the history in `data`, which stays when it ends.
///
/// # Errors
/// When it cannot be started, or does not say in time that it is ready.
pub fn start_in(data: &Path, programs: &Programs) -> Result<Running> {
    let mut command = Command::new(&programs.switchboard);
    command.args(["serve", "--listen", "127.0.0.1:0", "--log-level", "warn", "--set", "rooms.auto_join=[]"]);
    for setting in SETTINGS.into_iter().chain(programs.settings.iter().map(String::as_str)) {
        command.args(["--set", setting]);
    }
    command.arg("--data-dir").arg(data);
    Running::spawn(command, READY, None)
}

pub(super) fn start(durability: Durability, programs: &Programs, occasion: Occasion) -> Result<Running> {
    let parent = &programs.data_parent;
    let data = tempfile::Builder::new()
        .prefix("switchboard-bench-")
        .tempdir_in(parent)
        .with_context(|| format!("cannot make a data directory in {}", parent.display()))?;
    let mut command = Command::new(&programs.switchboard);
    command.args(["serve", "--listen", "127.0.0.1:0", "--log-level", "warn"]);
    for setting in SETTINGS {
        command.args(["--set", setting]);
    }
    if occasion.rooms > 1 {
        command.args(["--set", "rooms.auto_join=[]"]);
    }
    if occasion.protocol.is_encrypted() {
        let certificate = rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
        let file = |name: &str, text: String| -> Result<PathBuf> {
            let path = data.path().join(name);
            fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
            Ok(path)
        };
        command.arg("--tls-cert").arg(file("certificate.pem", certificate.cert.pem())?);
        command.arg("--tls-key").arg(file("key.pem", certificate.signing_key.serialize_pem())?);
    }
    if durability != Durability::None {
        command.arg("--data-dir").arg(data.path().join("data"));
    }
    match durability {
        Durability::None => command.arg("--ephemeral"),
        Durability::Os => command.args(["--set", "store.durability=os"]),
        Durability::Fsync => command.args(["--set", "store.durability=fsync"]),
    };
    for setting in &programs.settings {
        command.args(["--set", setting]);
    }
    Running::spawn(command, READY, Some(data))
}
