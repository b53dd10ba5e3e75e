//! The report of an `idle` run.

use super::{Bars, Table, failures_list, machine_line};
use crate::idle::{Findings, Sample};
use crate::load::Protocol;

/// The report as Markdown: one row for each step.
#[must_use]
pub fn idle(findings: &Findings) -> String {
    let head = [
        "protocol",
        "target",
        "connections",
        "RSS MB",
        "bytes per connection",
        "of this step",
        "CPU µs per connect",
        "wall µs per connect",
    ];
    let mut table = Table::new(2, &head);
    for sample in &findings.samples {
        table.row([
            sample.protocol.name().to_owned(),
            sample.target.name().to_owned(),
            sample.connections.to_string(),
            format!("{:.1}", sample.resident_bytes as f64 / 1e6),
            format!("{:.0}", sample.bytes_per_connection),
            format!("{:.0}", sample.bytes_per_further_connection),
            format!("{:.1}", sample.us_per_connect),
            format!("{:.1}", sample.wall_us_per_connect),
        ]);
    }
    format!("{}\n\n{table}{}", machine_line(&findings.machine), failures_list(&findings.failures))
}

/// The memory of each connection at the last step, for one protocol.
#[must_use]
pub fn idle_plot(findings: &Findings, protocol: Protocol) -> Bars {
    let last = findings.plan.connections.last().copied().unwrap_or_default();
    let is_shown = |sample: &&Sample| sample.protocol == protocol && sample.connections == last;
    let shown: Vec<&Sample> = findings.samples.iter().filter(is_shown).collect();
    Bars {
        title: format!("{}: one more of {last} idle connections", protocol.name()),
        series: vec!["memory, KB".to_owned(), "CPU to connect, in 10 µs".to_owned()],
        groups: shown
            .iter()
            .map(|sample| {
                let values = vec![Some(sample.bytes_per_further_connection / 1e3), Some(sample.us_per_connect / 10.0)];
                (sample.target.name().to_owned(), values)
            })
            .collect(),
    }
}
