//! `cargo xtask bench`: installs the servers to compare with, builds everything in release, and writes the report.

use crate::{step, tools};
use anyhow::Result;

/// Where the peers are, and where they are installed.
const PEERS: &str = "crates/bench/peers";

pub(crate) fn run(arguments: &[&str]) -> Result<()> {
    install_peers()?;
    step("cargo", &["build", "--release", "-p", "switchboard", "-p", "switchboard-bench"], &[])?;
    let mut words = vec!["all"];
    words.extend(arguments);
    step("target/release/switchboard-bench", &words, &[])
}

/// Installs every peer from its registry, in the version that is pinned.
pub(crate) fn install_peers() -> Result<()> {
    tools::require(tools::BENCH)?;
    let path = |name: &str| format!("{PEERS}/{name}");
    step("npm", &["ci", "--no-audit", "--no-fund", "--prefix", &path("node")], &[])?;
    step("python3", &["-m", "venv", &path("venv")], &[])?;
    let pip = path("venv/bin/pip");
    step(&pip, &["install", "--quiet", "--requirement", &path("requirements.txt")], &[])?;
    step("cargo", &["build", "--release", "--locked", "--manifest-path", &path("Cargo.toml")], &[])
}
