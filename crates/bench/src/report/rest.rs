//! The reports of `storm`, `startup` and `store`.

use super::{Spread, Table, failures_list, machine_line};
use crate::{startup, storing, storm};

/// The report of a `storm` run: one row for each protocol and target.
#[must_use]
pub fn storm(findings: &storm::Findings) -> String {
    let plan = &findings.plan;
    let head = ["protocol", "target", "all back after s", "connects/s", "CPU µs per connect"];
    let mut table = Table::new(2, &head);
    for &protocol in &plan.protocols {
        for &target in &plan.targets {
            let is_one = |sample: &&storm::Sample| sample.protocol == protocol && sample.target == target;
            let samples: Vec<&storm::Sample> = findings.samples.iter().filter(is_one).collect();
            if samples.is_empty() {
                continue;
            }
            let shown = |decimals: usize, value: &dyn Fn(&storm::Sample) -> f64| {
                Spread::of(samples.iter().map(|sample| value(sample)))
                    .map_or_else(String::new, |spread| format!("{spread:.decimals$}"))
            };
            table.row([
                protocol.name().to_owned(),
                target.name().to_owned(),
                shown(2, &|sample| sample.seconds),
                shown(0, &|sample| sample.connections as f64 / sample.seconds),
                shown(1, &|sample| sample.us_per_connect),
            ]);
        }
    }
    format!(
        "{} connections are cut at once and come back, {} rounds. {}\n\n{table}{}",
        plan.connections,
        plan.rounds,
        machine_line(&findings.machine),
        failures_list(&findings.failures)
    )
}

/// The report of a `startup` run: one row for each target.
#[must_use]
pub fn startup(findings: &startup::Findings) -> String {
    let head = ["target", "ready after ms", "first clients welcome after ms", "RSS MB"];
    let mut table = Table::new(1, &head);
    for &(target, _) in &findings.plan.targets {
        let samples = || findings.samples.iter().filter(move |sample| sample.target == target);
        let shown = |values: &mut dyn Iterator<Item = f64>| {
            Spread::of(values).map_or_else(String::new, |spread| format!("{spread:.1}"))
        };
        if samples().next().is_none() {
            continue;
        }
        table.row([
            target.name().to_owned(),
            shown(&mut samples().map(|sample| sample.ready_ms)),
            shown(&mut samples().map(|sample| sample.welcome_ms)),
            shown(&mut samples().map(|sample| sample.resident_bytes as f64 / 1e6)),
        ]);
    }
    let (rounds, machine) = (findings.plan.rounds, machine_line(&findings.machine));
    format!("{rounds} starts each, in turn. {machine}\n\n{table}{}", failures_list(&findings.failures))
}

/// The report of a `store` run: one row for each durability and size of batches.
#[must_use]
pub fn storing(findings: &storing::Findings) -> String {
    let head = ["durability", "messages a batch", "stored and indexed/s", "stored/s", "µs per commit"];
    let mut table = Table::new(1, &head);
    for is_synced in [true, false] {
        for &batch in &findings.plan.batches {
            let is_one = |sample: &&storing::Sample| sample.is_synced == is_synced && sample.batch == batch;
            let samples: Vec<&storing::Sample> = findings.samples.iter().filter(is_one).collect();
            let shown = |value: &dyn Fn(&storing::Sample) -> f64| {
                Spread::of(samples.iter().map(|sample| value(sample)))
                    .map_or_else(String::new, |spread| format!("{spread:.0}"))
            };
            table.row([
                if is_synced { "fsync" } else { "os" }.to_owned(),
                batch.to_string(),
                shown(&|sample| sample.per_second),
                shown(&|sample| sample.stored_per_second),
                shown(&|sample| sample.us_per_commit),
            ]);
        }
    }
    let rounds = findings.plan.rounds;
    format!("The history alone, {rounds} rounds. {}\n\n{table}", machine_line(&findings.machine))
}
