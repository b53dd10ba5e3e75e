//! `fanout`: few senders, many receivers, and the CPU that each delivery costs.
//!
//! In a round all targets are up at the same time, each with its own connections; the phases alternate between them,
//! so that what is compared was measured within seconds of each other. The order turns round with every round.

use std::time::Duration;

use anyhow::{Context as _, Result};
use serde::Serialize;

use crate::load::{Generator, Outcome, Pace, Protocol, Setup};
use crate::measure::{CpuSpent, Histogram, Machine, cpu_reading, machine};
use crate::targets::{Programs, Running, Target};

/// Work that a server puts off (such as indexing for search) is waited for, so that it counts.
const AFTERMATH: Duration = Duration::from_millis(400);

/// The floor's lines while there is no other server whose frames it could match: the text and a newline.
const BARE_FRAME_EXTRA_BYTES: usize = 1;

/// What is run.
#[derive(Clone, Debug, Serialize)]
pub struct Plan {
    /// Connections that only receive.
    pub receivers: usize,
    /// Connections that send.
    pub senders: usize,
    /// The length of a message's text, in bytes.
    pub text_bytes: usize,
    /// The phases of a round.
    pub paces: Vec<Pace>,
    /// The protocols, each in its own part of the round.
    pub protocols: Vec<Protocol>,
    /// The servers that are compared.
    pub targets: Vec<Target>,
    /// How often all of it is repeated.
    pub rounds: u32,
    /// Messages of a phase: this many for each message of the window, so that phases last about equally long.
    pub messages: u32,
    /// How long nothing may come while something is due.
    #[serde(skip)]
    pub patience: Duration,
}

/// One phase of one target in one round.
#[derive(Clone, Debug, Serialize)]
pub struct Sample {
    /// The round, from 1.
    pub round: u32,
    /// The protocol that was measured.
    pub protocol: Protocol,
    /// How fast messages were sent.
    pub pace: Pace,
    /// The server.
    pub target: Target,
    /// Messages times their receivers.
    pub deliveries: u64,
    /// The mean length of a delivered message on the wire, in bytes.
    pub frame_bytes: f64,
    /// From the first message to the last delivery, in seconds.
    pub seconds: f64,
    /// The server's CPU time in the phase.
    pub cpu: CpuSpent,
    /// The load generator's own CPU time divided by the phase's length. Near 1 it may have been the bottleneck.
    pub generator_busy: f64,
    /// Messages of the server that receivers got besides, such as notices.
    pub unasked: u64,
    /// From the sending of a message to each delivery, in nanoseconds.
    #[serde(serialize_with = "percentiles")]
    pub latency: Histogram,
}

impl Sample {
    /// The server's CPU time for each delivery, in microseconds.
    #[must_use]
    pub fn us_per_delivery(&self) -> f64 {
        self.cpu.total_us / self.deliveries.max(1) as f64
    }

    /// The server's CPU time divided by the phase's length: 1 is one CPU.
    #[must_use]
    pub fn server_busy(&self) -> f64 {
        self.cpu.total_us / 1e6 / self.seconds
    }

    /// Whether both were measured under the same conditions in the same round.
    #[must_use]
    pub fn is_beside(&self, other: &Self) -> bool {
        self.round == other.round && self.protocol == other.protocol && self.pace == other.pace
    }
}

/// All that a run found.
#[derive(Clone, Debug, Serialize)]
pub struct Findings {
    /// What it was run on.
    pub machine: Machine,
    /// What was run.
    pub plan: Plan,
    /// Every phase, in the order in which they were run.
    pub samples: Vec<Sample>,
}

/// Runs the whole plan. `progress` is told of each phase.
///
/// # Errors
/// When a server does not start, loses or disorders a message, or stops delivering.
pub fn run(plan: Plan, programs: &Programs, mut progress: impl FnMut(&Sample)) -> Result<Findings> {
    let machine = machine();
    let mut samples = Vec::new();
    for round in 1..=plan.rounds {
        for &protocol in &plan.protocols {
            let mut contestants = plan
                .targets
                .iter()
                .map(|&target| {
                    Contestant::start(target, protocol, &plan, programs)
                        .with_context(|| format!("{}, {}", target.name(), protocol.name()))
                })
                .collect::<Result<Vec<_>>>()?;
            if round % 2 == 0 {
                contestants.reverse();
            }
            let mut frame_bytes = contestants.iter().find_map(Contestant::own_frame_bytes);
            for &pace in &plan.paces {
                for contestant in &mut contestants {
                    if let Some(bytes) = frame_bytes {
                        contestant.generator.set_line_bytes(bytes);
                    }
                    let sample = contestant.measure(round, protocol, pace, plan.messages).with_context(|| {
                        format!("{}, {}, {}", contestant.target.name(), protocol.name(), pace.name())
                    })?;
                    frame_bytes = contestant.own_frame_bytes().or(frame_bytes);
                    progress(&sample);
                    samples.push(sample);
                }
            }
        }
    }
    Ok(Findings { machine, plan, samples })
}

/// One server of a round, with its connections.
struct Contestant {
    target: Target,
    generator: Generator,
    frame_bytes: f64,
    /// Dropped after the generator: the connections go before the server.
    server: Running,
}

impl Contestant {
    fn start(target: Target, protocol: Protocol, plan: &Plan, programs: &Programs) -> Result<Self> {
        let server = target.start(programs)?;
        let setup = Setup {
            dialect: target.dialect(protocol, plan.text_bytes + BARE_FRAME_EXTRA_BYTES),
            receivers: plan.receivers,
            senders: plan.senders,
            text_bytes: plan.text_bytes,
            patience: plan.patience,
        };
        let mut generator = Generator::new(server.address(), setup)?;
        generator.open()?;
        let outcome = generator.warm_up()?;
        Ok(Self { target, generator, frame_bytes: outcome.frame_bytes, server })
    }

    /// The length of the frames that this target makes itself; the floor makes none.
    fn own_frame_bytes(&self) -> Option<usize> {
        match self.target {
            Target::Floor => None,
            Target::Switchboard(_) => Some(self.frame_bytes.round() as usize),
        }
    }

    fn measure(&mut self, round: u32, protocol: Protocol, pace: Pace, messages: u32) -> Result<Sample> {
        let messages = match pace {
            Pace::Window(window) => messages.saturating_mul(window),
            Pace::Rate(_) => messages,
        };
        let (pid, generator_pid) = (self.server.pid(), std::process::id());
        self.generator.linger(AFTERMATH)?;
        let before = cpu_reading(pid)?;
        let generator_before = cpu_reading(generator_pid)?;
        let outcome = self.generator.run(pace, messages)?;
        let generator_cpu = cpu_reading(generator_pid)?.since(&generator_before);
        self.generator.linger(AFTERMATH)?;
        let cpu = cpu_reading(pid)?.since(&before);
        let Outcome { messages: _, deliveries, frame_bytes, elapsed, latency, unasked } = outcome;
        self.frame_bytes = frame_bytes;
        let seconds = elapsed.as_secs_f64();
        Ok(Sample {
            round,
            protocol,
            pace,
            target: self.target,
            deliveries,
            frame_bytes,
            seconds,
            cpu,
            generator_busy: generator_cpu.total_us / 1e6 / seconds,
            unasked,
            latency,
        })
    }
}

fn percentiles<S: serde::Serializer>(latency: &Histogram, serializer: S) -> Result<S::Ok, S::Error> {
    use serde::ser::SerializeMap as _;
    let mut map = serializer.serialize_map(None)?;
    for (name, share) in [("p50_ns", 0.5), ("p99_ns", 0.99), ("p999_ns", 0.999), ("max_ns", 1.0)] {
        map.serialize_entry(name, &latency.quantile(share))?;
    }
    map.end()
}
