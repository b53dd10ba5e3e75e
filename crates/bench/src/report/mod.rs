//! The findings as Markdown, for people, and as JSON, for programs.

mod fanout;
mod idle;
mod spread;
mod table;

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde::Serialize;

pub use fanout::fanout;
pub use idle::idle;
pub use spread::Spread;
pub use table::Table;

use crate::measure::Machine;

/// Writes findings to a file as JSON: every sample, and what it was run on.
///
/// # Errors
/// When the file cannot be written.
pub fn write_json(path: &Path, findings: &impl Serialize) -> Result<()> {
    let mut text = serde_json::to_string_pretty(findings)?;
    text.push('\n');
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

fn machine_line(machine: &Machine) -> String {
    format!("{} CPUs, Linux {}, load average before the run {}.", machine.cpus, machine.kernel, machine.load_average)
}
