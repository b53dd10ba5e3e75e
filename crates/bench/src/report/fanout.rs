//! The report of a `fanout` run.

use super::{Spread, Table, machine_line};
use crate::fanout::{Findings, Sample};
use crate::measure::Histogram;
use crate::targets::Target;

/// The report as Markdown: what was run, and one row for each protocol, pace and target.
#[must_use]
pub fn fanout(findings: &Findings) -> String {
    let plan = &findings.plan;
    let mut table = Table::new(
        3,
        &[
            "protocol",
            "pace",
            "target",
            "frame B",
            "CPU µs/delivery",
            "user",
            "system",
            "ratio to floor",
            "deliveries/s",
            "p50 µs",
            "p99 µs",
            "p99.9 µs",
            "server busy %",
            "generator busy %",
        ],
    );
    for &protocol in &plan.protocols {
        for &pace in &plan.paces {
            for &target in &plan.targets {
                let samples: Vec<&Sample> = findings
                    .samples
                    .iter()
                    .filter(|sample| sample.protocol == protocol && sample.pace == pace && sample.target == target)
                    .collect();
                let names = [protocol.name().to_owned(), pace.name(), target.name().to_owned()];
                table.row(names.into_iter().chain(figures(&samples, &findings.samples)));
            }
        }
    }
    let mut notes = String::new();
    let unasked: u64 = findings.samples.iter().map(|sample| sample.unasked).sum();
    if unasked > 0 {
        notes = format!("Receivers also got {unasked} other messages, which are in the CPU time.\n");
    }
    format!(
        "{} receivers, {} sending, {}-byte text, {} rounds; median (least-greatest). {}\n\n{table}{notes}",
        plan.receivers,
        plan.senders,
        plan.text_bytes,
        plan.rounds,
        machine_line(&findings.machine)
    )
}

fn figures(samples: &[&Sample], all: &[Sample]) -> Vec<String> {
    let spread = |decimals: usize, value: &dyn Fn(&Sample) -> f64| {
        Spread::of(samples.iter().map(|sample| value(sample)))
            .map_or_else(String::new, |spread| format!("{spread:.decimals$}"))
    };
    let per_delivery = |us: f64, sample: &Sample| us / sample.deliveries.max(1) as f64;
    let ratios = samples.iter().filter_map(|sample| ratio_to_floor(sample, all));
    let mut latency = Histogram::new();
    for sample in samples {
        latency.merge(&sample.latency);
    }
    let percentile = |share| format!("{:.0}", latency.quantile(share) as f64 / 1e3);
    vec![
        spread(0, &|sample| sample.frame_bytes),
        spread(2, &Sample::us_per_delivery),
        spread(2, &|sample| per_delivery(sample.cpu.user_us, sample)),
        spread(2, &|sample| per_delivery(sample.cpu.system_us, sample)),
        Spread::of(ratios).map_or_else(String::new, |spread| spread.to_string()),
        spread(0, &|sample| sample.deliveries as f64 / sample.seconds),
        percentile(0.5),
        percentile(0.99),
        percentile(0.999),
        spread(0, &|sample| sample.server_busy() * 100.0),
        spread(0, &|sample| sample.generator_busy * 100.0),
    ]
}

/// CPU time per delivery, divided by the floor's of the same round. None for the floor itself.
fn ratio_to_floor(sample: &Sample, all: &[Sample]) -> Option<f64> {
    if sample.target == Target::Floor {
        return None;
    }
    let floor = all.iter().find(|other| other.target == Target::Floor && other.is_beside(sample))?;
    Some(sample.us_per_delivery() / floor.us_per_delivery())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::fanout::Plan;
    use crate::load::{Pace, Protocol};
    use crate::measure::{CpuSpent, machine};
    use crate::targets::Durability;

    fn sample(round: u32, target: Target, us_per_delivery: f64) -> Sample {
        let mut latency = Histogram::new();
        latency.record(100_000);
        Sample {
            round,
            protocol: Protocol::TcpText,
            pace: Pace::Window(4),
            target,
            deliveries: 1_000,
            frame_bytes: 79.0,
            seconds: 0.5,
            cpu: CpuSpent {
                total_us: us_per_delivery * 1e3,
                user_us: us_per_delivery * 250.0,
                system_us: us_per_delivery * 750.0,
            },
            generator_busy: 0.5,
            unasked: 0,
            latency,
        }
    }

    #[test]
    fn each_ratio_is_taken_within_its_own_round() {
        let switchboard = Target::Switchboard(Durability::None);
        let targets = vec![Target::Floor, switchboard];
        let samples = vec![
            sample(1, Target::Floor, 4.0),
            sample(1, switchboard, 4.4),
            sample(2, switchboard, 9.0),
            sample(2, Target::Floor, 10.0),
            sample(3, Target::Floor, 5.0),
            sample(3, switchboard, 5.0),
        ];
        let plan = Plan {
            receivers: 1_000,
            senders: 1,
            text_bytes: 64,
            paces: vec![Pace::Window(4)],
            protocols: vec![Protocol::TcpText],
            targets,
            rounds: 3,
            messages: 1,
            patience: Duration::ZERO,
        };
        let report = fanout(&Findings { machine: machine(), plan, samples });
        let row = report.lines().find(|line| line.contains("no store")).unwrap();
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        assert_eq!(
            cells[4..10],
            ["79", "5.00 (4.40-9.00)", "1.25 (1.10-2.25)", "3.75 (3.30-6.75)", "1.00 (0.90-1.10)", "2000"]
        );
        let floor = report.lines().find(|line| line.contains("| floor")).unwrap();
        assert!(floor.contains("5.00 (4.00-10.00)"), "{floor}");
    }
}
