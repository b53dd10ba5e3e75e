//! The report of a `fanout` run.

use super::{Bars, Lines, Spread, Table, failures_list, machine_line};
use crate::fanout::{Findings, Sample};
use crate::load::{Pace, Protocol};
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
    for (protocol, pace, target, samples) in groups(findings) {
        let names = [protocol.name().to_owned(), pace.name(), target.name().to_owned()];
        table.row(names.into_iter().chain(figures(&samples, &findings.samples)));
    }
    let mut notes = String::new();
    let unasked: u64 = findings.samples.iter().map(|sample| sample.unasked).sum();
    if unasked > 0 {
        notes = format!("Receivers also got {unasked} other messages, which are in the CPU time.\n");
    }
    format!(
        "{} receivers, {} sending, {} rooms, {}-byte text, {} rounds; median (95 % interval). {}\n\n{table}{notes}{}",
        plan.receivers,
        plan.senders,
        plan.rooms,
        plan.text_bytes,
        plan.rounds,
        machine_line(&findings.machine),
        failures_list(&findings.failures)
    )
}

/// CPU time per delivery and its ratio to the floor: one row for each protocol and target, two columns for each pace.
#[must_use]
pub fn cpu(findings: &Findings) -> String {
    let plan = &findings.plan;
    let mut head = vec!["protocol".to_owned(), "target".to_owned(), "frame B".to_owned()];
    for pace in &plan.paces {
        head.extend([format!("{}: µs", pace.name()), "ratio to floor".to_owned()]);
    }
    head.extend(["in the kernel %".to_owned(), "deliveries/s, most".to_owned()]);
    let mut table = Table::new(2, &head.iter().map(String::as_str).collect::<Vec<_>>());
    for &protocol in &plan.protocols {
        for &target in &plan.targets {
            let of = |pace: Option<Pace>| -> Vec<&Sample> {
                let samples = findings.samples.iter();
                let samples = samples.filter(|sample| sample.protocol == protocol && sample.target == target);
                samples.filter(|sample| pace.is_none_or(|pace| sample.pace == pace)).collect()
            };
            let all = of(None);
            if all.is_empty() {
                continue;
            }
            let shown = |decimals: usize, values: &mut dyn Iterator<Item = f64>| {
                Spread::of(values).map_or_else(String::new, |spread| format!("{spread:.decimals$}"))
            };
            let middle = |values: &mut dyn Iterator<Item = f64>| Spread::of(values).map_or(0.0, |spread| spread.median);
            let mut row = vec![
                protocol.name().to_owned(),
                target.name().to_owned(),
                format!("{:.0}", middle(&mut all.iter().map(|sample| sample.frame_bytes))),
            ];
            let mut most = 0.0_f64;
            for &pace in &plan.paces {
                let samples = of(Some(pace));
                row.push(shown(2, &mut samples.iter().map(|sample| sample.us_per_delivery())));
                row.push(shown(2, &mut samples.iter().filter_map(|sample| ratio_to_floor(sample, &findings.samples))));
                most = most.max(middle(&mut samples.iter().map(|sample| sample.deliveries as f64 / sample.seconds)));
            }
            let in_kernel = |sample: &&Sample| sample.cpu.system_us / sample.cpu.total_us.max(1.0) * 100.0;
            row.push(format!("{:.0}", middle(&mut all.iter().map(in_kernel))));
            row.push(format!("{most:.0}"));
            table.row(row);
        }
    }
    format!("{table}{}", failures_list(&findings.failures))
}

/// The ratios of [`cpu`] for one protocol.
#[must_use]
pub fn cpu_plot(findings: &Findings, protocol: Protocol) -> Bars {
    let plan = &findings.plan;
    let mut groups = Vec::new();
    for &target in &plan.targets {
        let median = |pace| {
            let samples = findings.samples.iter();
            let samples =
                samples.filter(|sample| sample.protocol == protocol && sample.target == target && sample.pace == pace);
            Spread::of(samples.map(Sample::us_per_delivery)).map(|spread| spread.median)
        };
        let values: Vec<Option<f64>> = plan.paces.iter().map(|&pace| median(pace)).collect();
        if values.iter().any(Option::is_some) {
            groups.push((target.name().to_owned(), values));
        }
    }
    Bars {
        title: format!("{}: CPU µs of the server per delivery, {} receivers", protocol.name(), plan.receivers),
        series: plan.paces.iter().map(|pace| pace.name()).collect(),
        groups,
    }
}

/// Latency at fixed rates: one row for each protocol, rate and target.
#[must_use]
pub fn latency(findings: &Findings) -> String {
    let plan = &findings.plan;
    let head = ["protocol", "rate", "target", "p50 µs", "p99 µs", "p99.9 µs", "server busy %", "generator busy %"];
    let mut table = Table::new(3, &head);
    for (protocol, pace, target, samples) in groups(findings) {
        let mut latency = Histogram::new();
        for sample in &samples {
            latency.merge(&sample.latency);
        }
        // Each round's own percentile shows how far they differ.
        let percentile = |share| {
            let values = samples.iter().map(|sample| sample.latency.quantile(share) as f64 / 1e3);
            Spread::of(values).map_or_else(String::new, |spread| format!("{spread:.0}"))
        };
        let busy = |value: &dyn Fn(&Sample) -> f64| {
            Spread::of(samples.iter().map(|sample| value(sample) * 100.0))
                .map_or_else(String::new, |spread| format!("{:.0}", spread.median))
        };
        table.row([
            protocol.name().to_owned(),
            pace.name(),
            target.name().to_owned(),
            percentile(0.5),
            percentile(0.99),
            percentile(0.999),
            busy(&Sample::server_busy),
            busy(&|sample| sample.generator_busy),
        ]);
    }
    format!(
        "{} receivers, {}-byte text.\n\n{table}{}",
        plan.receivers,
        plan.text_bytes,
        failures_list(&findings.failures)
    )
}

/// The p99 of [`latency`] for one protocol, in milliseconds.
#[must_use]
pub fn latency_plot(findings: &Findings, protocol: Protocol) -> Lines {
    let plan = &findings.plan;
    let mut series = Vec::new();
    for &target in &plan.targets {
        let mut points = Vec::new();
        for (of, pace, whose, samples) in groups(findings) {
            let Pace::Rate(rate) = pace else { continue };
            if (of, whose) == (protocol, target)
                && let Some(p99) = Spread::of(samples.iter().map(|sample| sample.latency.quantile(0.99) as f64 / 1e6))
            {
                points.push((rate, p99.median));
            }
        }
        points.sort_by(|one, other| one.0.total_cmp(&other.0));
        if !points.is_empty() {
            series.push((target.name().to_owned(), points));
        }
    }
    Lines {
        title: format!("{}: p99 latency, {} receivers", protocol.name(), plan.receivers),
        across: "messages a second".to_owned(),
        up: "ms".to_owned(),
        series,
    }
}

/// The samples of each protocol, pace and target of which there are some, in the order of the plan.
fn groups(findings: &Findings) -> Vec<(Protocol, Pace, Target, Vec<&Sample>)> {
    let plan = &findings.plan;
    let mut groups = Vec::new();
    for &protocol in &plan.protocols {
        for &pace in &plan.paces {
            for &target in &plan.targets {
                let is_one =
                    |sample: &&Sample| sample.protocol == protocol && sample.pace == pace && sample.target == target;
                let samples: Vec<&Sample> = findings.samples.iter().filter(is_one).collect();
                if !samples.is_empty() {
                    groups.push((protocol, pace, target, samples));
                }
            }
        }
    }
    groups
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
#[must_use]
pub fn ratio_to_floor(sample: &Sample, all: &[Sample]) -> Option<f64> {
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
            rooms: 1,
            further_rooms: 0,
            text_bytes: 64,
            line_bytes: None,
            paces: vec![Pace::Window(4)],
            protocols: vec![Protocol::TcpText],
            targets,
            capacities: Vec::new(),
            rounds: 3,
            is_restarting: true,
            messages: 1,
            seconds_max: 1.0,
            seconds: 1.0,
            patience: Duration::ZERO,
        };
        let findings = Findings { machine: machine(), plan, samples, failures: vec!["ws did not start".into()] };
        let report = fanout(&findings);
        let row = report.lines().find(|line| line.contains("no store")).unwrap();
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        assert_eq!(
            cells[4..10],
            ["79", "5.00 (4.40-9.00)", "1.25 (1.10-2.25)", "3.75 (3.30-6.75)", "1.00 (0.90-1.10)", "2000"]
        );
        let floor = report.lines().find(|line| line.contains("| floor")).unwrap();
        assert!(floor.contains("5.00 (4.00-10.00)"), "{floor}");
        assert!(report.contains("- Not measured: ws did not start"), "{report}");

        let short = cpu(&findings);
        let row = short.lines().find(|line| line.contains("no store")).unwrap();
        assert!(row.contains("5.00 (4.40-9.00)") && row.contains("1.00 (0.90-1.10)"), "{row}");
        assert_eq!(cpu_plot(&findings, Protocol::TcpText).groups.len(), 2);
    }
}
