//! `idle`: what connections that say nothing cost in memory, and what opening one costs in CPU time.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde::Serialize;

use crate::load::{Generator, Protocol, Setup};
use crate::measure::{Machine, cpu_reading, machine, resident_bytes};
use crate::targets::{Programs, Target};

/// Connections opened before the first reading, so that what a server allocates once is not counted.
const FIRST_CONNECTIONS: usize = 64;

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
    /// The server's CPU time for each connection of this step, in microseconds. It includes what the server tells
    /// those that are there already.
    pub us_per_connect: f64,
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
}

/// Runs the whole plan. `progress` is told of each step.
///
/// # Errors
/// When the steps do not rise, and when a server does not start or does not take all connections.
pub fn run(plan: Plan, programs: &Programs, mut progress: impl FnMut(&Sample)) -> Result<Findings> {
    let rising = plan.connections.is_sorted_by(|one, next| one < next);
    let first = plan.connections.first().copied().unwrap_or_default();
    ensure!(rising && first > FIRST_CONNECTIONS, "connections must rise from more than {FIRST_CONNECTIONS}");
    let machine = machine();
    let mut samples = Vec::new();
    for &protocol in &plan.protocols {
        for &target in &plan.targets {
            steps(target, protocol, &plan, programs, |sample| {
                progress(&sample);
                samples.push(sample);
            })
            .with_context(|| format!("{}, {}", target.name(), protocol.name()))?;
        }
    }
    Ok(Findings { machine, plan, samples })
}

fn steps(
    target: Target,
    protocol: Protocol,
    plan: &Plan,
    programs: &Programs,
    mut take: impl FnMut(Sample),
) -> Result<()> {
    let server = target.start(programs)?;
    let pid = server.pid();
    let receivers = plan.connections.iter().max().copied().unwrap_or_default() - 1;
    let setup =
        Setup { dialect: target.dialect(protocol, 64), receivers, senders: 1, text_bytes: 64, patience: plan.patience };
    let mut generator = Generator::new(server.address(), setup)?;
    generator.open_up_to(FIRST_CONNECTIONS)?;
    generator.settle()?;
    let first_bytes = resident_bytes(pid)?;
    let mut cpu = cpu_reading(pid)?;
    let mut opened = FIRST_CONNECTIONS;
    for &connections in &plan.connections {
        generator.open_up_to(connections)?;
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
            us_per_connect: now.since(&cpu).total_us / (connections - opened) as f64,
        });
        (cpu, opened) = (now, connections);
    }
    Ok(())
}
