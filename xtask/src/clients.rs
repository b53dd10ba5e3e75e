//! The official Socket.IO clients that the tests run, in the versions that are pinned beside the tests.

use crate::step;
use anyhow::Result;

/// Where the Python ones are installed.
const VENV: &str = "target/socketio-venv";

/// Installs them, unless they are there.
pub(crate) fn install() -> Result<()> {
    step("npm", &["ci", "--no-audit", "--no-fund", "--prefix", "crates/e2e/js"], &[])?;
    step("python3", &["-m", "venv", VENV], &[])?;
    let pip = format!("{VENV}/bin/pip");
    step(&pip, &["install", "--quiet", "--requirement", "crates/e2e/python/requirements.txt"], &[])
}
