//! `idle`: what connections that say nothing cost in memory, and what opening one costs in CPU time.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use serde::Serialize;

use crate::load::{Generator, OPENED_AT_ONCE, Protocol, Setup};
use crate::measure::{Machine, cpu_reading, machine, resident_bytes};
use crate::targets::{Occasion, Programs, Target};

/// Connections opened before the first reading, so that what a server allocates once is not counted.
const FIRST_CONNECTIONS: usize = 64;

/// Nothing is said, but a load has a length of text.
const TEXT_BYTES: usize = 64;

/// What is run.
#[derive(Clone, Debug, Serialize)]
pub struct Plan {
    /// The numbers of open connections at which readings are taken, rising.
    pub connections: Vec<usize>,
    /// The protocols, each with a server of its own.
    pub protocols: Vec<Protocol>,
    /// The servers that are compared.
    pub targets: Vec<Target>,
    /// How long nothing may come while something is due.
    #[serde(skip)]
    pub patience: Duration,
}

/// One step of one server.
#[derive(Clone, Debug, Serialize)]
pub struct Sample {
    /// The protocol of the connections.
    pub protocol: Protocol,
    /// The server.
    pub target: Target,
    /// Connections that are open.
    pub connections: usize,
    /// The server's resident memory, in bytes.
    pub resident_bytes: u64,
    /// The growth of the resident memory for each connection beyond the first few, in bytes.
    pub bytes_per_connection: f64,
    /// The same for the connections of this step alone: what a server allocates once weighs less in later steps.
    pub bytes_per_further_connection: f64,
    /// The server's CPU time for each connection of this step, in microseconds. It includes what the server tells
    /// those that are there already.
    pub us_per_connect: f64,
    /// From the first connection of this step to the last welcome, for each connection, in microseconds.
    pub wall_us_per_connect: f64,
}

/// All that a run found.
#[derive(Clone, Debug, Serialize)]
pub struct Findings {
    /// What it was run on.
    pub machine: Machine,
    /// What was run.
    pub plan: Plan,
    /// Every step, in the order in which they were run.
    pub samples: Vec<Sample>,
    /// Targets that did not start or did not take all connections.
    pub failures: Vec<String>,
}

/// Runs the whole plan. `progress` is told of each step.
///
/// # Errors
/// When the steps do not rise.
pub fn run(plan: Plan, programs: &Programs, mut progress: impl FnMut(&Sample)) -> Result<Findings> {
    let rising = plan.connections.is_sorted_by(|one, next| one < next);
    let first = plan.connections.first().copied().unwrap_or_default();
    ensure!(rising && first > FIRST_CONNECTIONS, "connections must rise from more than {FIRST_CONNECTIONS}");
    let mut findings = Findings { machine: machine(), plan, samples: Vec::new(), failures: Vec::new() };
    let Findings { plan, samples, failures, .. } = &mut findings;
    for &protocol in &plan.protocols {
        for &target in &plan.targets {
            let taken = steps(target, protocol, plan, programs, |sample| {
                progress(&sample);
                samples.push(sample);
            });
            if let Err(error) = taken {
                failures.push(format!("{}, {}: {error:#}", target.name(), protocol.name()));
            }
        }
    }
    Ok(findings)
}

fn steps(
    target: Target,
    protocol: Protocol,
    plan: &Plan,
    programs: &Programs,
    mut take: impl FnMut(Sample),
) -> Result<()> {
    let Some(dialect) = target.dialect(protocol, TEXT_BYTES) else { return Ok(()) };
    let server = target.start(programs, Occasion { protocol, rooms: 1 })?;
    let pid = server.pid();
    let setup = Setup {
        dialect,
        receivers: plan.connections.iter().max().copied().unwrap_or_default() - 1,
        senders: 1,
        rooms: 1,
        further_rooms: 0,
        is_encrypted: target.is_encrypted(protocol),
        opened_at_once: OPENED_AT_ONCE,
        text_bytes: TEXT_BYTES,
        patience: plan.patience,
    };
    let mut generator = Generator::new(server.address(), setup)?;
    generator.open_up_to(FIRST_CONNECTIONS)?;
    generator.settle()?;
    let first_bytes = resident_bytes(pid)?;
    let mut cpu = cpu_reading(pid)?;
    let (mut opened, mut last_bytes) = (FIRST_CONNECTIONS, first_bytes);
    for &connections in &plan.connections {
        let started = Instant::now();
        generator.open_up_to(connections)?;
        let wall_us = started.elapsed().as_secs_f64() * 1e6;
        generator.settle()?;
        let now = cpu_reading(pid)?;
        let resident_bytes = resident_bytes(pid)?;
        let grown = resident_bytes as f64 - first_bytes as f64;
        take(Sample {
            protocol,
            target,
            connections,
            resident_bytes,
            bytes_per_connection: grown / (connections - FIRST_CONNECTIONS) as f64,
            bytes_per_further_connection: (resident_bytes as f64 - last_bytes as f64) / (connections - opened) as f64,
            us_per_connect: now.since(&cpu).total_us / (connections - opened) as f64,
            wall_us_per_connect: wall_us / (connections - opened) as f64,
        });
        (cpu, opened, last_bytes) = (now, connections, resident_bytes);
    }
    Ok(())
}
