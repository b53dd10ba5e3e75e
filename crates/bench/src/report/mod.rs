//! The findings as Markdown, for people, and as JSON, for programs.

mod fanout;
mod idle;
mod plot;
mod rest;
mod spread;
mod sustained;
mod table;

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde::Serialize;

pub use fanout::{cpu, cpu_plot, fanout, latency, latency_plot, ratio_to_floor};
pub use idle::{idle, idle_plot};
pub use plot::{Bars, Lines};
pub use rest::{startup, storing, storm};
pub use spread::Spread;
pub use sustained::sustained;
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

/// One sentence that says what figures were taken on.
#[must_use]
pub fn machine_line(machine: &Machine) -> String {
    let Machine { cpus, model, kernel, load_average } = machine;
    format!("{cpus} CPUs ({model}), Linux {kernel}, load average before the run {load_average}.")
}

/// What went wrong, as a list under the tables; empty when nothing did.
fn failures_list(failures: &[String]) -> String {
    let mut list = String::new();
    for failure in failures {
        list.push_str(&format!("- Not measured: {failure}\n"));
    }
    if list.is_empty() { list } else { format!("\n{list}") }
}
