//! `storm`: every connection is cut at once, and all come back as fast as they can.

use std::time::{Duration, Instant};

use anyhow::Result;
use serde::Serialize;

use crate::load::{Generator, Protocol, Setup};
use crate::measure::{Machine, cpu_reading, machine};
use crate::targets::{Occasion, Programs, Target};

/// Nothing is said, but a load has a length of text.
const TEXT_BYTES: usize = 64;

/// Connections that knock before the first is let in: below any server's backlog and limit on handshakes.
const AT_ONCE: usize = 512;

/// What is run.
#[derive(Clone, Debug, Serialize)]
pub struct Plan {
    /// Connections that are cut and come back.
    pub connections: usize,
    /// The protocols, each with a server of its own.
    pub protocols: Vec<Protocol>,
    /// The servers that are compared.
    pub targets: Vec<Target>,
    /// How often all of it is repeated.
    pub rounds: u32,
    /// How long nothing may come while something is due.
    #[serde(skip)]
    pub patience: Duration,
}

/// One storm.
#[derive(Clone, Debug, Serialize)]
pub struct Sample {
    /// The round, from 1.
    pub round: u32,
    /// The protocol of the connections.
    pub protocol: Protocol,
    /// The server.
    pub target: Target,
    /// Connections that came back.
    pub connections: usize,
    /// From the cut until the last of them was welcome, in seconds.
    pub seconds: f64,
    /// The server's CPU time from the cut until it was quiet again, for each of them, in microseconds.
    pub us_per_connect: f64,
}

/// All that a run found.
#[derive(Clone, Debug, Serialize)]
pub struct Findings {
    /// What it was run on.
    pub machine: Machine,
    /// What was run.
    pub plan: Plan,
    /// Every storm, in the order in which they were run.
    pub samples: Vec<Sample>,
    /// Targets that did not start or did not take all connections.
    pub failures: Vec<String>,
}

/// Runs the whole plan. `progress` is told of each storm.
#[must_use]
pub fn run(plan: Plan, programs: &Programs, mut progress: impl FnMut(&Sample)) -> Findings {
    let mut findings = Findings { machine: machine(), plan, samples: Vec::new(), failures: Vec::new() };
    let Findings { plan, samples, failures, .. } = &mut findings;
    for round in 1..=plan.rounds {
        for &protocol in &plan.protocols {
            for &target in &plan.targets {
                match storm(target, protocol, round, plan, programs) {
                    Ok(None) => {}
                    Ok(Some(sample)) => {
                        progress(&sample);
                        samples.push(sample);
                    }
                    Err(error) => failures.push(format!("{}, {}: {error:#}", target.name(), protocol.name())),
                }
            }
        }
    }
    findings
}

fn storm(target: Target, protocol: Protocol, round: u32, plan: &Plan, programs: &Programs) -> Result<Option<Sample>> {
    let Some(dialect) = target.dialect(protocol, TEXT_BYTES) else { return Ok(None) };
    let server = target.start(programs, Occasion { protocol, rooms: 1 })?;
    let connections = plan.connections;
    let setup = Setup {
        dialect,
        receivers: connections - 1,
        senders: 1,
        rooms: 1,
        further_rooms: 0,
        is_encrypted: target.is_encrypted(protocol),
        opened_at_once: AT_ONCE,
        text_bytes: TEXT_BYTES,
        patience: plan.patience,
    };
    let mut calm = Generator::new(server.address(), setup)?;
    calm.open()?;
    calm.settle()?;
    let before = cpu_reading(server.pid())?;
    let started = Instant::now();
    drop(calm);
    let mut back = Generator::new(server.address(), setup)?;
    back.open()?;
    let seconds = started.elapsed().as_secs_f64();
    back.settle()?;
    let us_per_connect = cpu_reading(server.pid())?.since(&before).total_us / connections as f64;
    Ok(Some(Sample { round, protocol, target, connections, seconds, us_per_connect }))
}
