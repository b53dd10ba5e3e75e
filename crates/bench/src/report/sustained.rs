//! The findings of `sustained` as a table.

use super::{Table, machine_line};
use crate::sustained::Findings;

/// What a steady rate did to the server, what its end cost, and its next start.
#[must_use]
pub fn sustained(findings: &Findings) -> String {
    let Findings { plan, seconds, .. } = findings;
    let greatest = |of: fn(&crate::sustained::Second) -> f64| seconds.iter().map(of).fold(0.0, f64::max);
    let mut searches: Vec<f64> = seconds.iter().map(|second| second.search_ms).collect();
    searches.sort_by(f64::total_cmp);
    let median = searches.get(searches.len() / 2).copied().unwrap_or_default();
    let behind = seconds.iter().filter(|second| second.behind > 0).count();
    let mut table = Table::new(1, &["", "figure"]);
    let mut row = |name: &str, figure: String| table.row([name.to_owned(), figure]);
    row("wanted, messages/s", format!("{:.0}", plan.rate));
    row("stored, messages/s", format!("{:.0}", findings.stored as f64 / findings.took));
    row("stored, messages", findings.stored.to_string());
    row("acknowledged after, median, ms", format!("{:.2}", findings.ack_ms[0]));
    row("acknowledged after, 99 of 100, ms", format!("{:.2}", findings.ack_ms[1]));
    row("CPU time of the server, µs/message", format!("{:.2}", findings.us_per_message));
    row("lag of the index, greatest, rows", format!("{:.0}", greatest(|second| second.lag_rows)));
    row("lag of the index, greatest, s", format!("{:.2}", greatest(|second| second.lag_seconds)));
    row("search for the latest message, median, ms", format!("{median:.1}"));
    row("search for the latest message, greatest, ms", format!("{:.1}", greatest(|second| second.search_ms)));
    row("searches that were behind", format!("{behind} of {}", seconds.len()));
    row("not indexed at the end, rows", format!("{:.0}", findings.left_at_end));
    row("from SIGTERM to the exit, s", format!("{:.2}", findings.end_seconds));
    row("next start until ready, s", format!("{:.2}", findings.ready_seconds));
    row("from then until all is indexed, s", format!("{:.2}", findings.caught_up_seconds));
    format!("{}\n{table}", machine_line(&findings.machine))
}
