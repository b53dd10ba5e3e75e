//! `switchboard-bench`: measures Switchboard beside a bare epoll floor.
//!
//! To repeat the published figures, on a machine with nothing else to do:
//!
//! ```text
//! cargo build --release -p switchboard -p switchboard-bench
//! target/release/switchboard-bench fanout --json fanout.json
//! target/release/switchboard-bench fanout --rate 200 --windows 1 --json latency.json
//! target/release/switchboard-bench idle --json idle.json
//! ```
//!
//! Both print a Markdown table on standard output and tell of each phase on standard error. The programs under test are
//! looked for beside this one; `--switchboard PATH` and `--floor PATH` name others, such as two versions to compare.
//! Figures with `fsync` need `--data-parent DIR` on a real disk. The method is described in
//! `docs/benchmarks/README.md`.

use std::env;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use clap::{Args, Parser, Subcommand, ValueEnum};
use switchboard_bench::load::{MARKER_BYTES, Pace, Protocol};
use switchboard_bench::targets::{Durability, Programs, Target};
use switchboard_bench::{fanout, idle, report};

#[derive(Parser)]
#[command(name = "switchboard-bench", about = "Measures Switchboard beside a bare epoll floor")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// CPU time per delivery, throughput and latency: few senders, many receivers
    Fanout(FanoutArgs),
    /// Memory per idle connection, and CPU time per connect
    Idle(IdleArgs),
}

#[derive(Args)]
struct FanoutArgs {
    /// Connections that only receive
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    receivers: u32,
    /// Connections that send in turn
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=998))]
    senders: u32,
    /// Length of each message's text, in bytes
    #[arg(long, default_value_t = 64)]
    bytes: usize,
    /// Numbers of messages under way, each a phase in closed loop
    #[arg(long, value_delimiter = ',', default_value = "1,4,16", value_parser = clap::value_parser!(u32).range(1..=4_096))]
    windows: Vec<u32>,
    /// Messages a second, each a phase in open loop
    #[arg(long, value_delimiter = ',', value_parser = rate)]
    rate: Vec<f64>,
    /// How often all is repeated
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    rounds: u32,
    /// Messages of a phase, for each message of its window
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    messages: u32,
    #[command(flatten)]
    common: CommonArgs,
}

#[derive(Args)]
struct IdleArgs {
    /// Numbers of open connections, rising
    #[arg(long, value_delimiter = ',', default_value = "1000,5000,10000")]
    connections: Vec<usize>,
    #[command(flatten)]
    common: CommonArgs,
}

#[derive(Args)]
struct CommonArgs {
    /// What is spoken
    #[arg(long, value_enum, value_delimiter = ',', default_value = "tcp-text,tcp-json,ws-json")]
    protocols: Vec<Protocol>,
    /// Which servers are measured
    #[arg(long, value_enum, value_delimiter = ',', default_value = "floor,switchboard")]
    targets: Vec<Server>,
    /// How Switchboard keeps messages, each in a server of its own
    #[arg(long, value_enum, value_delimiter = ',', default_value = "none,fsync")]
    durability: Vec<Durability>,
    /// The program `switchboard` [default: beside this program]
    #[arg(long)]
    switchboard: Option<PathBuf>,
    /// The program `switchboard-bench-floor` [default: beside this program]
    #[arg(long)]
    floor: Option<PathBuf>,
    /// A further setting for Switchboard
    #[arg(long = "set", value_name = "KEY=VALUE")]
    settings: Vec<String>,
    /// Where data directories are made [default: the directory for temporary files]
    #[arg(long)]
    data_parent: Option<PathBuf>,
    /// Seconds without progress after which the run is given up
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=3_600))]
    patience: u64,
    /// Also writes every sample to this file
    #[arg(long)]
    json: Option<PathBuf>,
}

/// A program under test; with [`Durability`] it becomes a [`Target`].
#[derive(Clone, Copy, ValueEnum)]
enum Server {
    Floor,
    Switchboard,
}

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Fanout(args) => run_fanout(args),
        Command::Idle(args) => run_idle(args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("switchboard-bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run_fanout(args: FanoutArgs) -> Result<()> {
    let common = args.common;
    ensure!(args.bytes >= MARKER_BYTES, "--bytes must be at least {MARKER_BYTES}: each text carries a marker");
    let targets = common.targets();
    let sockets = (args.receivers as usize + args.senders as usize) * targets.len();
    allow_sockets(sockets)?;
    let paces = args.windows.iter().map(|&window| Pace::Window(window));
    let plan = fanout::Plan {
        receivers: args.receivers as usize,
        senders: args.senders as usize,
        text_bytes: args.bytes,
        paces: paces.chain(args.rate.iter().map(|&rate| Pace::Rate(rate))).collect(),
        protocols: common.protocols.clone(),
        targets,
        rounds: args.rounds,
        messages: args.messages,
        patience: Duration::from_secs(common.patience),
    };
    let findings = fanout::run(plan, &common.programs()?, |sample| {
        eprintln!(
            "round {} {:9} {:10} {:22} {:7.3} µs/delivery {:9.0} deliveries/s",
            sample.round,
            sample.protocol.name(),
            sample.pace.name(),
            sample.target.name(),
            sample.us_per_delivery(),
            sample.deliveries as f64 / sample.seconds
        );
    })?;
    println!("{}", report::fanout(&findings));
    common.json.map_or(Ok(()), |path| report::write_json(&path, &findings))
}

fn run_idle(args: IdleArgs) -> Result<()> {
    let common = args.common;
    allow_sockets(args.connections.iter().max().copied().unwrap_or_default())?;
    let plan = idle::Plan {
        connections: args.connections,
        protocols: common.protocols.clone(),
        targets: common.targets(),
        patience: Duration::from_secs(common.patience),
    };
    let findings = idle::run(plan, &common.programs()?, |sample| {
        eprintln!(
            "{:9} {:22} {:6} connections {:7.0} bytes each",
            sample.protocol.name(),
            sample.target.name(),
            sample.connections,
            sample.bytes_per_connection
        );
    })?;
    println!("{}", report::idle(&findings));
    common.json.map_or(Ok(()), |path| report::write_json(&path, &findings))
}

impl CommonArgs {
    fn targets(&self) -> Vec<Target> {
        let targets = self.targets.iter().flat_map(|server| match server {
            Server::Floor => vec![Target::Floor],
            Server::Switchboard => self.durability.iter().map(|&kept| Target::Switchboard(kept)).collect(),
        });
        targets.collect()
    }

    fn programs(&self) -> Result<Programs> {
        let data_parent = self.data_parent.clone().unwrap_or_else(env::temp_dir);
        if self.durability.contains(&Durability::Fsync) && is_in_memory(&data_parent) {
            let place = data_parent.display();
            eprintln!("switchboard-bench: {place} is kept in memory: figures with fsync mean nothing there");
        }
        let own = env::current_exe().context("cannot find this program's own directory")?;
        let beside = |given: &Option<PathBuf>, name| given.clone().unwrap_or_else(|| own.with_file_name(name));
        Ok(Programs {
            switchboard: beside(&self.switchboard, "switchboard"),
            floor: beside(&self.floor, "switchboard-bench-floor"),
            settings: self.settings.clone(),
            data_parent,
        })
    }
}

/// Whether a directory is on a tmpfs. One that cannot be asked is reported when it is used.
fn is_in_memory(directory: &Path) -> bool {
    /// `TMPFS_MAGIC` of statfs(2).
    const TMPFS: i64 = 0x0102_1994;
    rustix::fs::statfs(directory).is_ok_and(|system| system.f_type == TMPFS)
}

/// Raises the limit on open files, and says early when it will not do.
fn allow_sockets(sockets: usize) -> Result<()> {
    /// The three standard streams, the servers' pipes, the epolls, the report.
    const OTHER_FILES: usize = 64;
    let limit = switchboard_sys::raise_nofile()?.soft;
    let needed = (sockets + OTHER_FILES) as u64;
    ensure!(limit >= needed, "{needed} open files are needed, but only {limit} are allowed (ulimit -n)");
    Ok(())
}

fn rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if rate.is_finite() && (0.01..=1e6).contains(&rate) => Ok(rate),
        Ok(_) | Err(_) => Err("a rate is a number of messages a second, from 0.01 to 1000000".to_owned()),
    }
}
