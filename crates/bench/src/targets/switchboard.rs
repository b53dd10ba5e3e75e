//! How Switchboard is started for a measurement: on any free port, in a directory of its own, without rate limits.

use std::process::Command;

use anyhow::{Context as _, Result};

use super::child::Running;
use super::{Durability, Programs};

/// Limits that protect a public server would only measure themselves here.
const SETTINGS: [&str; 4] = [
    "limits.messages_per_second=0",
    "limits.commands_per_second=0",
    "limits.connections_per_ip=0",
    "log.messages=false",
];

pub(super) fn start(durability: Durability, programs: &Programs) -> Result<Running> {
    let mut command = Command::new(&programs.switchboard);
    command.args(["serve", "--listen", "127.0.0.1:0", "--log-level", "warn"]);
    for setting in SETTINGS {
        command.args(["--set", setting]);
    }
    let mut with_store = |word: &str| -> Result<_> {
        let parent = &programs.data_parent;
        let data = tempfile::Builder::new()
            .prefix("switchboard-bench-")
            .tempdir_in(parent)
            .with_context(|| format!("cannot make a data directory in {}", parent.display()))?;
        command.arg("--data-dir").arg(data.path());
        command.args(["--set", &format!("store.durability={word}")]);
        Ok(Some(data))
    };
    let data = match durability {
        Durability::None => {
            command.arg("--ephemeral");
            None
        }
        Durability::Os => with_store("os")?,
        Durability::Fsync => with_store("fsync")?,
    };
    for setting in &programs.settings {
        command.args(["--set", setting]);
    }
    Running::spawn(command, "switchboard: ready on ", data)
}
