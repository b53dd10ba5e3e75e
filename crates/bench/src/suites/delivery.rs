//! The suites about deliveries: what one costs, and how long it takes.

use anyhow::Result;

use super::{Extent, PATIENCE, Section, Suite, installed, protocols};
use crate::fanout::{self, Findings, Plan, Sample};
use crate::load::{Pace, Protocol};
use crate::measure::machine;
use crate::report::{self, Lines, Spread, Table};
use crate::targets::{Durability, Programs, Target};

const WINDOWS: [Pace; 3] = [Pace::Window(1), Pace::Window(4), Pace::Window(16)];

/// Messages under way in all small rooms together.
const MANY_ROOMS_WINDOWS: [Pace; 3] = [Pace::Window(1), Pace::Window(4), Pace::Window(64)];

/// What a phase of window 1 delivers, in messages times receivers: long enough for its CPU time to be read well.
const QUICK_DELIVERIES: u32 = 60_000;
const FULL_DELIVERIES: u32 = 150_000;

/// The same where many combinations are measured.
const SIZES_DELIVERIES: u32 = 60_000;

/// Seconds after which a phase is cut short: a fast target needs half of that.
const PHASE_SECONDS_MAX: f64 = 1.5;

/// What a phase of window 1 delivers at most, in bytes of text.
const PHASE_BYTES: u64 = 256 * 1024 * 1024;

/// A plan of one sender, 1,000 receivers and 64 bytes in the lobby.
fn plan(extent: Extent, programs: &Programs) -> Plan {
    let plan = Plan {
        receivers: 1_000,
        senders: 1,
        rooms: 1,
        further_rooms: 0,
        text_bytes: 64,
        line_bytes: None,
        paces: WINDOWS.to_vec(),
        protocols: Vec::new(),
        targets: installed(programs),
        capacities: Vec::new(),
        rounds: extent.pick(5, 6),
        is_restarting: false,
        messages: 0,
        seconds_max: PHASE_SECONDS_MAX,
        seconds: 2.0,
        patience: PATIENCE,
    };
    with_messages(plan, extent.pick(QUICK_DELIVERIES, FULL_DELIVERIES))
}

/// As many messages as the receivers and the length of a message call for.
fn with_messages(mut plan: Plan, deliveries: u32) -> Plan {
    let heard_by = ((plan.receivers + plan.senders) / plan.rooms - 1).max(1) as u32;
    let by_count = deliveries / heard_by;
    let by_bytes = (PHASE_BYTES / (u64::from(heard_by) * plan.text_bytes as u64)) as u32;
    plan.messages = by_count.min(by_bytes).max(10);
    plan
}

fn run(plan: Plan, programs: &Programs, progress: &mut dyn FnMut(String)) -> Findings {
    /// Sockets that all targets of a protocol may have together: below the usual limit on descriptors, 20,000.
    const SOCKETS_MAX: usize = 18_000;
    let speak = |protocol| plan.targets.iter().filter(move |target| target.dialect(protocol, 0).is_some()).count();
    let targets = plan.protocols.iter().map(|protocol| speak(*protocol)).max().unwrap_or_default();
    if targets > 1 && targets * (plan.receivers + plan.senders) > SOCKETS_MAX {
        return one_by_one(plan, programs, progress);
    }
    fanout::run(plan, programs, |sample| progress(sample.line()))
}

/// Runs each round with one target after the other, for loads of which there is no room for two.
fn one_by_one(plan: Plan, programs: &Programs, progress: &mut dyn FnMut(String)) -> Findings {
    let mut all = Findings { machine: machine(), plan, samples: Vec::new(), failures: Vec::new() };
    let Findings { plan, samples, failures, .. } = &mut all;
    // Switchboard comes first, since the floors' lines are as long as its frames.
    let mut targets = plan.targets.clone();
    targets.sort_by_key(|target| target.is_floor());
    for round in 1..=plan.rounds {
        for &protocol in &plan.protocols {
            let mut line_bytes = None;
            for &target in &targets {
                let (targets, protocols) = (vec![target], vec![protocol]);
                let alone = Plan { targets, protocols, rounds: 1, line_bytes, ..plan.clone() };
                let mut found = fanout::run(alone, programs, |sample| progress(sample.line()));
                if matches!(target, Target::Switchboard(_)) {
                    line_bytes = found.samples.first().map(|sample| sample.frame_bytes.round() as usize).or(line_bytes);
                }
                found.samples.iter_mut().for_each(|sample| sample.round = round);
                samples.append(&mut found.samples);
                failures.append(&mut found.failures);
            }
        }
    }
    all
}

pub(super) fn cpu(extent: Extent, programs: &Programs, progress: &mut dyn FnMut(String)) -> Result<Section> {
    let mut plan = Plan { protocols: protocols(extent), ..plan(extent, programs) };
    // Over TCP it differs from what is said over WebSocket by a few bytes.
    plan.protocols.retain(|protocol| *protocol != Protocol::TcpJson);
    // Starting anew costs more than a quick run has.
    plan.is_restarting = extent.pick(false, true);
    let findings = run(plan, programs, progress);
    let plots = findings.plan.protocols.iter().map(|&protocol| {
        let name = format!("cpu-{}.svg", protocol.name());
        (name, report::cpu_plot(&findings, protocol).svg())
    });
    let machine = report::machine_line(&findings.machine);
    let text = format!("1,000 receivers, one sender, 64-byte text. {machine}\n\n{}", report::cpu(&findings));
    Suite::Cpu.section(text, plots.collect(), findings.failures.len()).with(&findings)
}

pub(super) fn sizes(extent: Extent, programs: &Programs, progress: &mut dyn FnMut(String)) -> Result<Section> {
    let quick: &[(usize, usize)] = &[(100, 64), (1_000, 1_024), (4_000, 64)];
    let full: &[(usize, usize)] =
        &[(100, 64), (10_000, 64), (100, 1_024), (1_000, 1_024), (10_000, 1_024), (100, 16_384), (1_000, 16_384)];
    let protocols: &[Protocol] =
        extent.pick(&[Protocol::SocketioWs], &[Protocol::TcpText, Protocol::WsJson, Protocol::SocketioWs]);
    let mut text = format!("{}\n\n", report::machine_line(&machine()));
    let mut all = Vec::new();
    let mut failures = 0;
    for &(receivers, text_bytes) in extent.pick(quick, full) {
        let mut plan = Plan { receivers, text_bytes, protocols: protocols.to_vec(), ..plan(extent, programs) };
        // To open that many connections takes longer than to measure them: there Socket.IO stands for all.
        if receivers >= 10_000 && text_bytes > 64 {
            plan.protocols.retain(|protocol| *protocol == Protocol::SocketioWs);
        }
        plan.rounds = 5;
        // What is kept costs the same whoever hears it.
        plan.targets.retain(|target| *target != Target::Switchboard(Durability::Fsync));
        let findings = run(with_messages(plan, SIZES_DELIVERIES), programs, progress);
        failures += findings.failures.len();
        text.push_str(&format!("**{receivers} receivers, {text_bytes}-byte text**\n\n{}\n", report::cpu(&findings)));
        all.push(findings);
    }
    Suite::Sizes.section(text, Vec::new(), failures).with(&all)
}

pub(super) fn scale(extent: Extent, programs: &Programs, progress: &mut dyn FnMut(String)) -> Result<Section> {
    let machine = report::machine_line(&machine());
    let switchboard = Target::Switchboard(Durability::None);
    let base = Plan {
        protocols: vec![Protocol::WsJson],
        paces: vec![Pace::Window(1), Pace::Window(4)],
        targets: vec![Target::Floor, switchboard],
        rounds: 5,
        ..plan(extent, programs)
    };
    let mut all = Vec::new();
    let mut rooms = Table::new(1, &["rooms on the server", "window 1: µs", "ratio to floor", "window 4: µs", "ratio "]);
    for further_rooms in extent.pick(&[0, 100][..], &[0, 1, 10, 100][..]) {
        let findings = run(Plan { further_rooms: *further_rooms, ..base.clone() }, programs, progress);
        rooms.row(cells((1 + further_rooms * 1_001).to_string(), &findings, switchboard));
        all.push(findings);
    }
    let mut line = Vec::new();
    let mut connections =
        Table::new(1, &["connections in the room", "window 1: µs", "ratio to floor", "window 4: µs", "ratio "]);
    for receivers in extent.pick(&[100, 1_000, 4_000][..], &[100, 1_000, 5_000, 15_000][..]) {
        let plan = with_messages(Plan { receivers: *receivers, ..base.clone() }, QUICK_DELIVERIES);
        let findings = run(plan, programs, progress);
        connections.row(cells(receivers.to_string(), &findings, switchboard));
        line.push((*receivers as f64, findings));
    }
    let mut many = Table::new(1, &["rooms of 3", "window 1: µs", "window 4: µs", "window 64: µs"]);
    for count in extent.pick(&[1_000][..], &[1_000, 5_000][..]) {
        let plan = Plan {
            receivers: 2 * count,
            senders: *count,
            rooms: *count,
            targets: vec![switchboard],
            paces: MANY_ROOMS_WINDOWS.to_vec(),
            ..base.clone()
        };
        let findings = run(Plan { messages: extent.pick(2_000, 5_000), ..plan }, programs, progress);
        let figures = MANY_ROOMS_WINDOWS.map(|pace| costs(&findings, switchboard, pace));
        many.row([count.to_string()].into_iter().chain(figures));
        all.push(findings);
    }
    let points = |target: Target| {
        let point = |(receivers, findings): &(f64, Findings)| Some((*receivers, per_delivery(findings, target)?));
        line.iter().filter_map(point).collect::<Vec<_>>()
    };
    let plot = Lines {
        title: "CPU per delivery by the members of a room, window 4".to_owned(),
        across: "members".to_owned(),
        up: "µs".to_owned(),
        series: [Target::Floor, switchboard].map(|target| (target.name().to_owned(), points(target))).to_vec(),
    };
    all.extend(line.into_iter().map(|(_, findings)| findings));
    let failures: usize = all.iter().map(|findings| findings.failures.len()).sum();
    let list: Vec<String> =
        all.iter().flat_map(|findings| &findings.failures).map(|text| format!("- {text}")).collect();
    let text = format!(
        "{machine}\n\nws-json. 1,000 receivers of the lobby, on a server with more and more rooms:\n\n{rooms}\nOne room with more \
         and more members:\n\n{connections}\nMany small rooms, in which one member speaks and two hear it (no floor \
         knows rooms):\n\n{many}\n{}\n",
        list.join("\n")
    );
    Suite::Scale.section(text, vec![("scale.svg".to_owned(), plot.svg())], failures).with(&all)
}

/// A row of `scale`: a name, and the figures of windows 1 and 4.
fn cells(name: String, findings: &Findings, target: Target) -> Vec<String> {
    let mut cells = vec![name];
    for pace in [Pace::Window(1), Pace::Window(4)] {
        cells.push(costs(findings, target, pace));
        let samples = samples(findings, target, pace);
        cells.push(shown(samples.filter_map(|sample| report::ratio_to_floor(sample, &findings.samples))));
    }
    cells
}

/// Microseconds of CPU time for each delivery.
fn costs(findings: &Findings, target: Target, pace: Pace) -> String {
    shown(samples(findings, target, pace).map(Sample::us_per_delivery))
}

fn samples(findings: &Findings, target: Target, pace: Pace) -> impl Iterator<Item = &Sample> {
    findings.samples.iter().filter(move |sample| sample.pace == pace && sample.target == target)
}

fn shown(values: impl Iterator<Item = f64>) -> String {
    Spread::of(values).map_or_else(String::new, |spread| format!("{spread:.2}"))
}

fn per_delivery(findings: &Findings, target: Target) -> Option<f64> {
    let samples = findings.samples.iter();
    let samples = samples.filter(|sample| sample.target == target && sample.pace == Pace::Window(4));
    Spread::of(samples.map(Sample::us_per_delivery)).map(|spread| spread.median)
}

pub(super) fn latency(extent: Extent, programs: &Programs, progress: &mut dyn FnMut(String)) -> Result<Section> {
    let protocols: &[Protocol] =
        extent.pick(&[Protocol::SocketioWs], &[Protocol::TcpText, Protocol::WsJson, Protocol::SocketioWs]);
    let mut text = format!("{}\n\n", report::machine_line(&machine()));
    let (mut plots, mut all, mut failures) = (Vec::new(), Vec::new(), 0);
    for &protocol in protocols {
        let mut plan = Plan { protocols: vec![protocol], ..plan(extent, programs) };
        plan.targets.retain(|target| *target != Target::UringFloor);
        // First, how much each of them can take.
        let saturation = Plan { paces: vec![Pace::Window(16)], rounds: 3, ..plan.clone() };
        let saturated = run(saturation, programs, progress);
        let mut most = Vec::new();
        for &target in &plan.targets {
            let samples = saturated.samples.iter().filter(|sample| sample.target == target);
            let rates = samples.map(|sample| sample.deliveries as f64 / plan.receivers as f64 / sample.seconds);
            if let Some(rate) = Spread::of(rates) {
                most.push((target, rate.median));
            }
        }
        let of = |target| most.iter().find(|(whose, _)| *whose == target).map(|(_, rate)| *rate);
        let Some(own) = of(Target::Switchboard(Durability::None)) else {
            failures += saturated.failures.len();
            text.push_str(&report::latency(&saturated));
            continue;
        };
        let mut rates: Vec<f64> = [0.1, 0.25, 0.5, 0.8].iter().map(|share| (own * share).round()).collect();
        // Half of what each peer can take, where it and we can be compared.
        rates.extend(most.iter().filter(|(whose, _)| !whose.is_floor()).map(|(_, rate)| (rate / 2.0).round()));
        rates.retain(|rate| *rate >= 1.0 && *rate <= own * 0.8);
        rates.sort_by(f64::total_cmp);
        rates.dedup_by(|one, other| *one < *other * 1.1);
        plan.paces = rates.into_iter().map(Pace::Rate).collect();
        plan.capacities = most.iter().map(|&(target, rate)| (protocol, target, rate * 0.8)).collect();
        plan.rounds = 5;
        let findings = run(plan, programs, progress);
        let list: Vec<String> = most.iter().map(|(target, rate)| format!("{} {rate:.0}", target.name())).collect();
        text.push_str(&format!(
            "**{}**. Messages a second at saturation (window 16): {}. No target is asked for more than 80 % of its \
             own.\n\n{}\n",
            protocol.name(),
            list.join(", "),
            report::latency(&findings)
        ));
        plots.push((format!("latency-{}.svg", protocol.name()), report::latency_plot(&findings, protocol).svg()));
        failures += saturated.failures.len() + findings.failures.len();
        all.push(findings);
    }
    Suite::Latency.section(text, plots, failures).with(&all)
}
