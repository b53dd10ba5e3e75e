//! `fanout`: few senders, many receivers, and the CPU that each delivery costs.
//!
//! All targets are up at the same time, each with its own connections; the phases alternate between them, so that what
//! is compared was measured within seconds of each other. The order turns round with every round.

use std::time::Duration;

use anyhow::Result;
use serde::Serialize;

use crate::load::{Dialect, Generator, OPENED_AT_ONCE, Outcome, Pace, Protocol, Setup};
use crate::measure::{CpuSpent, Histogram, Machine, cpu_reading, machine};
use crate::targets::{Durability, Occasion, Programs, Running, Target};

/// Work that a server puts off is waited for, so that it counts: what stores messages indexes them for search.
const AFTERMATH: Duration = Duration::from_millis(400);

/// The same for servers that store nothing.
const SHORT_AFTERMATH: Duration = Duration::from_millis(50);

/// The floor's lines while there is no other server whose frames it could match: the text and a newline.
const BARE_FRAME_EXTRA_BYTES: usize = 1;

/// What is run.
#[derive(Clone, Debug, Serialize)]
pub struct Plan {
    /// Connections that only receive.
    pub receivers: usize,
    /// Connections that send.
    pub senders: usize,
    /// Rooms, to which the connections are dealt out in turn.
    pub rooms: usize,
    /// Further rooms, in which nothing is said, that each connection joins.
    pub further_rooms: usize,
    /// The length of a message's text, in bytes.
    pub text_bytes: usize,
    /// The length of the floors' lines, in bytes; when nothing is said, that of the frames of the Switchboard beside them.
    pub line_bytes: Option<usize>,
    /// The phases of a round.
    pub paces: Vec<Pace>,
    /// The protocols, each in its own part of the round.
    pub protocols: Vec<Protocol>,
    /// The servers that are compared.
    pub targets: Vec<Target>,
    /// Messages a second beyond which a target is not asked for a rate.
    #[serde(skip)]
    pub capacities: Vec<(Protocol, Target, f64)>,
    /// How often all of it is repeated.
    pub rounds: u32,
    /// Whether each round has servers of its own; otherwise they serve all rounds.
    pub is_restarting: bool,
    /// Messages of a phase in closed loop, for each message of the window: so phases last about equally long.
    pub messages: u32,
    /// Seconds after which a phase in closed loop is cut short, for targets that are much slower than others.
    pub seconds_max: f64,
    /// Length of a phase in open loop, in seconds.
    pub seconds: f64,
    /// How long nothing may come while something is due.
    #[serde(skip)]
    pub patience: Duration,
}

impl Plan {
    /// Whether the target cannot be expected to keep up.
    fn is_beyond(&self, protocol: Protocol, target: Target, pace: Pace) -> bool {
        let Pace::Rate(rate) = pace else { return false };
        self.capacities.iter().any(|&(of, whose, most)| (of, whose) == (protocol, target) && rate > most)
    }
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

    /// What a person who waits is told of it.
    #[must_use]
    pub fn line(&self) -> String {
        format!(
            "round {} {:9} {:10} {:22} {:7.3} µs/delivery {:9.0} deliveries/s",
            self.round,
            self.protocol.name(),
            self.pace.name(),
            self.target.name(),
            self.us_per_delivery(),
            self.deliveries as f64 / self.seconds
        )
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
    /// What went wrong: a server that did not start, lost or disordered a message, or stopped delivering. It sat out
    /// the rest of its part of the round.
    pub failures: Vec<String>,
}

/// Runs the whole plan. `progress` is told of each phase.
#[must_use]
pub fn run(plan: Plan, programs: &Programs, mut progress: impl FnMut(&Sample)) -> Findings {
    let mut findings = Findings { machine: machine(), plan, samples: Vec::new(), failures: Vec::new() };
    let (rounds, protocols) = (findings.plan.rounds, findings.plan.protocols.clone());
    if findings.plan.is_restarting {
        for round in 1..=rounds {
            for &protocol in &protocols {
                let mut contestants = start(&mut findings, programs, protocol);
                cycle(&mut findings, &mut contestants, round, &mut progress);
            }
        }
    } else {
        for &protocol in &protocols {
            let mut contestants = start(&mut findings, programs, protocol);
            for round in 1..=rounds {
                cycle(&mut findings, &mut contestants, round, &mut progress);
            }
        }
    }
    findings
}

/// Starts every target that speaks the protocol.
fn start(findings: &mut Findings, programs: &Programs, protocol: Protocol) -> Vec<Contestant> {
    let Findings { plan, failures, .. } = findings;
    let mut contestants = Vec::new();
    for &target in &plan.targets {
        let line_bytes = plan.line_bytes.unwrap_or(plan.text_bytes + BARE_FRAME_EXTRA_BYTES);
        let Some(dialect) = target.dialect(protocol, line_bytes) else { continue };
        match Contestant::start(target, protocol, dialect, plan, programs) {
            Ok(contestant) => contestants.push(contestant),
            Err(error) => failures.push(format!("{}, {}: {error:#}", target.name(), protocol.name())),
        }
        answer_pings(&mut contestants, failures);
    }
    contestants
}

/// All phases of one round. A contestant that fails is out.
fn cycle(findings: &mut Findings, contestants: &mut Vec<Contestant>, round: u32, progress: &mut impl FnMut(&Sample)) {
    let Findings { plan, samples, failures, .. } = findings;
    let mut frame_bytes = contestants.iter().find_map(Contestant::own_frame_bytes);
    let order: Vec<Target> = contestants.iter().map(|contestant| contestant.target).collect();
    for &pace in &plan.paces {
        for &target in &order {
            answer_pings(contestants, failures);
            let Some(at) = contestants.iter().position(|contestant| contestant.target == target) else { continue };
            let contestant = &mut contestants[at];
            if plan.is_beyond(contestant.protocol, target, pace) {
                continue;
            }
            if let Some(bytes) = frame_bytes {
                contestant.generator.set_line_bytes(bytes);
            }
            match contestant.measure(round, pace, plan) {
                Ok(sample) => {
                    frame_bytes = contestant.own_frame_bytes().or(frame_bytes);
                    progress(&sample);
                    samples.push(sample);
                }
                Err(error) => {
                    let during = format!("round {round}, {}", pace.name());
                    failures.push(contestants.remove(at).failure(&during, &error));
                }
            }
        }
    }
    // The next round goes the other way.
    contestants.reverse();
}

/// Those who wait for their turn are asked for signs of life meanwhile.
fn answer_pings(contestants: &mut Vec<Contestant>, failures: &mut Vec<String>) {
    contestants.retain_mut(|contestant| match contestant.generator.catch_up() {
        Ok(()) => true,
        Err(error) => {
            failures.push(contestant.failure("between phases", &error));
            false
        }
    });
}

/// One server of a round, with its connections.
struct Contestant {
    target: Target,
    protocol: Protocol,
    generator: Generator,
    frame_bytes: f64,
    /// Dropped after the generator: the connections go before the server.
    server: Running,
}

impl Contestant {
    fn start(target: Target, protocol: Protocol, dialect: Dialect, plan: &Plan, programs: &Programs) -> Result<Self> {
        let server = target.start(programs, Occasion { protocol, rooms: plan.rooms })?;
        let setup = Setup {
            dialect,
            receivers: plan.receivers,
            senders: plan.senders,
            rooms: plan.rooms,
            further_rooms: plan.further_rooms,
            is_encrypted: target.is_encrypted(protocol),
            opened_at_once: OPENED_AT_ONCE,
            text_bytes: plan.text_bytes,
            patience: plan.patience,
        };
        let mut generator = Generator::new(server.address(), setup)?;
        generator.open()?;
        let outcome = generator.warm_up()?;
        Ok(Self { target, protocol, generator, frame_bytes: outcome.frame_bytes, server })
    }

    fn failure(&self, during: &str, error: &anyhow::Error) -> String {
        format!("{}, {}, {during}: {error:#}", self.target.name(), self.protocol.name())
    }

    /// The length of the frames that Switchboard makes: the floors are compared with it, and pass on as many bytes.
    fn own_frame_bytes(&self) -> Option<usize> {
        matches!(self.target, Target::Switchboard(_)).then_some(self.frame_bytes.round() as usize)
    }

    fn measure(&mut self, round: u32, pace: Pace, plan: &Plan) -> Result<Sample> {
        let (messages, longest) = match pace {
            Pace::Window(window) => (plan.messages.saturating_mul(window), Duration::from_secs_f64(plan.seconds_max)),
            Pace::Rate(rate) => ((rate * plan.seconds).ceil() as u32, Duration::MAX),
        };
        let (pid, generator_pid) = (self.server.pid(), std::process::id());
        let before = cpu_reading(pid)?;
        let generator_before = cpu_reading(generator_pid)?;
        let outcome = self.generator.run(pace, messages, longest)?;
        let generator_cpu = cpu_reading(generator_pid)?.since(&generator_before);
        let puts_off = matches!(self.target, Target::Switchboard(Durability::Os | Durability::Fsync));
        self.generator.linger(if puts_off { AFTERMATH } else { SHORT_AFTERMATH })?;
        let cpu = cpu_reading(pid)?.since(&before);
        let Outcome { messages: _, deliveries, frame_bytes, elapsed, latency, unasked } = outcome;
        self.frame_bytes = frame_bytes;
        let seconds = elapsed.as_secs_f64();
        Ok(Sample {
            round,
            protocol: self.protocol,
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
