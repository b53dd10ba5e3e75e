//! The suites about connections: idle ones, a storm of them, and the first one after a start.

use anyhow::Result;

use super::{Extent, PATIENCE, Section, Suite, installed, protocols};
use crate::load::Protocol;
use crate::report;
use crate::targets::{Durability, Programs, Target};
use crate::{idle, startup, storm};

/// What is kept makes no difference to those who say nothing; presence is not stored.
const WITH_STORE: Target = Target::Switchboard(Durability::Fsync);

pub(super) fn idle(extent: Extent, programs: &Programs, progress: &mut dyn FnMut(String)) -> Result<Section> {
    let plan = idle::Plan {
        connections: extent.pick(&[1_000, 4_000][..], &[1_000, 5_000, 15_000][..]).to_vec(),
        protocols: protocols(extent),
        targets: installed(programs)
            .into_iter()
            .filter(|target| *target != WITH_STORE && *target != Target::UringFloor)
            .collect(),
        patience: PATIENCE,
    };
    let findings = idle::run(plan, programs, |sample| {
        let (protocol, target, connections) = (sample.protocol.name(), sample.target.name(), sample.connections);
        progress(format!("{protocol} {target}: {connections} idle, {:.0} bytes each", sample.bytes_per_connection));
    })?;
    let plots = findings.plan.protocols.iter().map(|&protocol| {
        let name = format!("idle-{}.svg", protocol.name());
        (name, report::idle_plot(&findings, protocol).svg())
    });
    Suite::Idle.section(report::idle(&findings), plots.collect(), findings.failures.len()).with(&findings)
}

pub(super) fn storm(extent: Extent, programs: &Programs, progress: &mut dyn FnMut(String)) -> Result<Section> {
    let (quick, full): (&[Protocol], &[Protocol]) =
        (&[Protocol::SocketioWs], &[Protocol::TcpText, Protocol::WsJson, Protocol::SocketioWs]);
    let plan = storm::Plan {
        connections: extent.pick(3_000, 15_000),
        protocols: extent.pick(quick, full).to_vec(),
        targets: installed(programs).into_iter().filter(|target| *target != WITH_STORE && !target.is_floor()).collect(),
        rounds: extent.pick(1, 3),
        patience: PATIENCE,
    };
    let findings = storm::run(plan, programs, |sample| {
        let (protocol, target) = (sample.protocol.name(), sample.target.name());
        progress(format!("round {} {protocol} {target}: all back after {:.2} s", sample.round, sample.seconds));
    });
    Suite::Storm.section(report::storm(&findings), Vec::new(), findings.failures.len()).with(&findings)
}

pub(super) fn startup(extent: Extent, programs: &Programs) -> Result<Section> {
    let mut targets = Vec::new();
    for target in installed(programs) {
        // What its first client speaks: what it is known for.
        let protocol = match target {
            Target::Floor | Target::UringFloor => continue,
            Target::Switchboard(_) | Target::SocketIo | Target::Socketioxide => Protocol::SocketioWs,
            Target::Ws => Protocol::WsJson,
            Target::Nats => Protocol::TcpText,
        };
        targets.push((target, protocol));
    }
    let plan = startup::Plan { targets, rounds: extent.pick(7, 25), patience: PATIENCE };
    let findings = startup::run(plan, programs);
    Suite::Startup.section(report::startup(&findings), Vec::new(), findings.failures.len()).with(&findings)
}
