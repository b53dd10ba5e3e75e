//! The report of an `idle` run.

use super::{Table, machine_line};
use crate::idle::Findings;

/// The report as Markdown: one row for each step.
#[must_use]
pub fn idle(findings: &Findings) -> String {
    let head = ["protocol", "target", "connections", "RSS MB", "bytes per connection", "CPU µs per connect"];
    let mut table = Table::new(2, &head);
    for sample in &findings.samples {
        table.row([
            sample.protocol.name().to_owned(),
            sample.target.name().to_owned(),
            sample.connections.to_string(),
            format!("{:.1}", sample.resident_bytes as f64 / 1e6),
            format!("{:.0}", sample.bytes_per_connection),
            format!("{:.1}", sample.us_per_connect),
        ]);
    }
    format!("{}\n\n{table}", machine_line(&findings.machine))
}
