//! `startup`: how long a server takes from its start until it lets somebody in.

use std::time::{Duration, Instant};

use anyhow::Result;
use serde::Serialize;

use crate::load::{Generator, OPENED_AT_ONCE, Protocol, Setup};
use crate::measure::{Machine, machine, resident_bytes};
use crate::targets::{Occasion, Programs, Target};

/// What is run.
#[derive(Clone, Debug, Serialize)]
pub struct Plan {
    /// The servers that are compared, each with what its first client speaks.
    pub targets: Vec<(Target, Protocol)>,
    /// How often all of it is repeated.
    pub rounds: u32,
    /// How long nothing may come while something is due.
    #[serde(skip)]
    pub patience: Duration,
}

/// One start.
#[derive(Clone, Debug, Serialize)]
pub struct Sample {
    /// The server.
    pub target: Target,
    /// From its start until it said that it was ready, in milliseconds.
    pub ready_ms: f64,
    /// From its start until two clients were welcome, in milliseconds.
    pub welcome_ms: f64,
    /// Its resident memory then, in bytes.
    pub resident_bytes: u64,
}

/// All that a run found.
#[derive(Clone, Debug, Serialize)]
pub struct Findings {
    /// What it was run on.
    pub machine: Machine,
    /// What was run.
    pub plan: Plan,
    /// Every start, in the order in which they were made.
    pub samples: Vec<Sample>,
    /// Targets that did not start.
    pub failures: Vec<String>,
}

/// Runs the whole plan.
#[must_use]
pub fn run(plan: Plan, programs: &Programs) -> Findings {
    let mut findings = Findings { machine: machine(), plan, samples: Vec::new(), failures: Vec::new() };
    let Findings { plan, samples, failures, .. } = &mut findings;
    for _ in 0..plan.rounds {
        for &(target, protocol) in &plan.targets {
            match start(target, protocol, plan.patience, programs) {
                Ok(sample) => samples.extend(sample),
                Err(error) => failures.push(format!("{}: {error:#}", target.name())),
            }
        }
    }
    findings
}

fn start(target: Target, protocol: Protocol, patience: Duration, programs: &Programs) -> Result<Option<Sample>> {
    let Some(dialect) = target.dialect(protocol, 64) else { return Ok(None) };
    let started = Instant::now();
    let server = target.start(programs, Occasion { protocol, rooms: 1 })?;
    let setup = Setup {
        dialect,
        receivers: 1,
        senders: 1,
        rooms: 1,
        further_rooms: 0,
        is_encrypted: target.is_encrypted(protocol),
        opened_at_once: OPENED_AT_ONCE,
        text_bytes: 64,
        patience,
    };
    Generator::new(server.address(), setup)?.open()?;
    let milliseconds = |duration: Duration| duration.as_secs_f64() * 1e3;
    Ok(Some(Sample {
        target,
        ready_ms: milliseconds(server.ready_after()),
        welcome_ms: milliseconds(started.elapsed()),
        resident_bytes: resident_bytes(server.pid())?,
    }))
}
