//! The suites: what is measured for the published report, in a quick form and in full.

mod connections;
mod delivery;
mod document;

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;
use clap::ValueEnum;
use serde::Serialize;

pub use document::{Places, write};

use crate::load::Protocol;
use crate::report;
use crate::storing;
use crate::targets::{Durability, Programs, Target};

/// How long nothing may come while something is due.
const PATIENCE: Duration = Duration::from_secs(60);

/// All targets, the floors first; who does not speak a protocol is left out where it is measured.
const EVERYBODY: [Target; 8] = [
    Target::Floor,
    Target::UringFloor,
    Target::Switchboard(Durability::None),
    Target::Switchboard(Durability::Fsync),
    Target::Socketioxide,
    Target::SocketIo,
    Target::Ws,
    Target::Nats,
];

/// A part of the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Suite {
    /// CPU per delivery in every protocol, 1,000 receivers, 64 bytes.
    Cpu,
    /// CPU per delivery by the number of receivers and the length of messages.
    Sizes,
    /// CPU per delivery by the number of rooms and of connections.
    Scale,
    /// Latency at fixed rates.
    Latency,
    /// Memory of idle connections, and CPU and time to connect.
    Idle,
    /// All connections are cut and come back.
    Storm,
    /// From the start of a server until it lets somebody in.
    Startup,
    /// Messages a second that the history takes.
    Store,
}

/// How much of a suite is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Extent {
    /// The main figures, in about half an hour for all suites.
    Quick,
    /// Everything, in about an hour and a half.
    Full,
}

impl Extent {
    /// The one value or the other.
    const fn pick<T: Copy>(self, quick: T, full: T) -> T {
        match self {
            Self::Quick => quick,
            Self::Full => full,
        }
    }
}

/// What a suite came to.
#[derive(Debug)]
pub struct Section {
    /// The suite.
    pub suite: Suite,
    /// Its text, in Markdown, without a heading.
    pub text: String,
    /// File names, and the plots that belong into them.
    pub plots: Vec<(String, String)>,
    /// Every sample, for programs.
    pub findings: serde_json::Value,
    /// How often something could not be measured.
    pub failures: usize,
    /// How long it took.
    pub took: Duration,
}

impl Suite {
    /// The heading in the report.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::Cpu => "CPU per delivery",
            Self::Sizes => "By receivers and length of message",
            Self::Scale => "By rooms and connections",
            Self::Latency => "Latency at fixed rates",
            Self::Idle => "Idle connections",
            Self::Storm => "A storm of reconnects",
            Self::Startup => "Start-up",
            Self::Store => "The history",
        }
    }

    /// Runs the suite. `progress` is told in a line of each thing that was measured.
    ///
    /// # Errors
    /// When the suite itself cannot be run; a target that fails is in the section.
    pub fn run(self, extent: Extent, programs: &Programs, progress: &mut dyn FnMut(String)) -> Result<Section> {
        let started = Instant::now();
        let mut section = match self {
            Self::Cpu => delivery::cpu(extent, programs, progress)?,
            Self::Sizes => delivery::sizes(extent, programs, progress)?,
            Self::Scale => delivery::scale(extent, programs, progress)?,
            Self::Latency => delivery::latency(extent, programs, progress)?,
            Self::Idle => connections::idle(extent, programs, progress)?,
            Self::Storm => connections::storm(extent, programs, progress)?,
            Self::Startup => connections::startup(extent, programs)?,
            Self::Store => store(extent, &programs.data_parent)?,
        };
        section.took = started.elapsed();
        Ok(section)
    }

    fn section(self, text: String, plots: Vec<(String, String)>, failures: usize) -> Section {
        let (findings, took) = (serde_json::Value::Null, Duration::ZERO);
        Section { suite: self, text, plots, findings, failures, took }
    }
}

impl Section {
    fn with(mut self, findings: &impl Serialize) -> Result<Self> {
        self.findings = serde_json::to_value(findings)?;
        Ok(self)
    }
}

/// The targets that would be measured if they were installed.
#[must_use]
pub fn missing(programs: &Programs) -> Vec<Target> {
    EVERYBODY.into_iter().filter(|target| !target.file(programs).exists()).collect()
}

/// What is spoken in the parts that go through all protocols.
fn protocols(extent: Extent) -> Vec<Protocol> {
    let quick: &[Protocol] = &[Protocol::TcpText, Protocol::WsJson, Protocol::SocketioWs];
    let full: &[Protocol] = &[
        Protocol::TcpText,
        Protocol::TcpJson,
        Protocol::WsJson,
        Protocol::SocketioWs,
        Protocol::SocketioPolling,
        Protocol::TlsText,
        Protocol::WssJson,
        Protocol::SocketioWss,
    ];
    extent.pick(quick, full).to_vec()
}

/// The targets of [`EVERYBODY`] that are installed.
fn installed(programs: &Programs) -> Vec<Target> {
    EVERYBODY.into_iter().filter(|target| target.file(programs).exists()).collect()
}

fn store(extent: Extent, data_parent: &Path) -> Result<Section> {
    let plan = storing::Plan {
        batches: vec![1, 8, 64, 512, 1_024],
        messages: extent.pick(5_000, 50_000),
        commits: extent.pick(100, 1_000),
        rounds: extent.pick(3, 7),
    };
    let findings = storing::run(plan, data_parent)?;
    Suite::Store.section(report::storing(&findings), Vec::new(), 0).with(&findings)
}
