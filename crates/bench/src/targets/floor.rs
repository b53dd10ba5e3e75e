//! How the floor is started.

use std::process::Command;

use anyhow::Result;

use super::Programs;
use super::child::Running;

pub(super) fn start(programs: &Programs) -> Result<Running> {
    let mut command = Command::new(&programs.floor);
    command.arg("127.0.0.1:0");
    Running::spawn(command, "floor: ready on ", None)
}
