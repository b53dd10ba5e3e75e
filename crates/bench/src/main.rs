//! `switchboard-bench`: measures Switchboard beside other servers and bare floors.
//!
//! `cargo xtask bench` installs the other servers, builds everything in release and runs `switchboard-bench all`, which
//! writes the report into `docs/benchmarks/`. The other commands measure one thing with options of one's own: each
//! prints a Markdown table on standard output and tells of each phase on standard error.
//!
//! The programs under test are looked for beside this one; `--switchboard PATH` and `--floor PATH` name others, such as
//! two versions to compare. Figures with `fsync` need `--data-parent DIR` on a real disk. The method is described in
//! `docs/benchmarks/README.md`.

use std::env;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use clap::{Args, Parser, Subcommand, ValueEnum};
use switchboard_bench::load::{MARKER_BYTES, Pace, Protocol};
use switchboard_bench::suites::{self, Extent, Places, Suite};
use switchboard_bench::targets::{Durability, Programs, Target};
use switchboard_bench::{fanout, idle, report, sustained};

#[derive(Parser)]
#[command(name = "switchboard-bench", about = "Measures Switchboard beside other servers and bare floors")]
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
    /// A steady rate for a long time, stored and searchable; then the end and the next start
    Sustained(SustainedArgs),
    /// Everything that the published report holds, or parts of it
    All(AllArgs),
}

#[derive(Args)]
struct AllArgs {
    /// The main figures only, in about half an hour
    #[arg(long)]
    quick: bool,
    /// Only these parts; the report keeps the others as they were
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Suite>,
    /// Where the report and its plots are written
    #[arg(long, default_value = "docs/benchmarks")]
    out: PathBuf,
    #[command(flatten)]
    places: PlaceArgs,
    /// Where every sample is written
    #[arg(long, default_value = "target/benchmark-samples.json")]
    json: PathBuf,
}

#[derive(Args)]
struct FanoutArgs {
    /// Connections that only receive
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    receivers: u32,
    /// Connections that send in turn
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=50_000))]
    senders: u32,
    /// Rooms, to which the connections are dealt out in turn; each needs a sender
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=50_000))]
    rooms: u32,
    /// Further rooms, in which nothing is said, that each connection joins
    #[arg(long, default_value_t = 0)]
    further_rooms: usize,
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
    /// Messages of a phase in closed loop, for each message of its window
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    messages: u32,
    /// Seconds after which a phase in closed loop is cut short
    #[arg(long, default_value_t = 60.0)]
    seconds_max: f64,
    /// Length of a phase in open loop, in seconds
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    /// Keeps the servers for all rounds; otherwise each round has servers of its own
    #[arg(long)]
    keep: bool,
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
struct SustainedArgs {
    /// Messages a second
    #[arg(long, default_value = "50000", value_parser = rate)]
    rate: f64,
    /// How long, in seconds
    #[arg(long, default_value_t = 600, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    seconds: u64,
    /// Connections that send, each to a room of its own
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    connections: u32,
    #[command(flatten)]
    places: PlaceArgs,
    /// Also writes every second to this file
    #[arg(long)]
    json: Option<PathBuf>,
}

#[derive(Args)]
struct CommonArgs {
    /// What is spoken
    #[arg(long, value_enum, value_delimiter = ',', default_value = "tcp-text,ws-json,socketio-ws")]
    protocols: Vec<Protocol>,
    /// Which servers are measured
    #[arg(long, value_enum, value_delimiter = ',', default_value = "floor,switchboard")]
    targets: Vec<Server>,
    /// How Switchboard keeps messages, each in a server of its own
    #[arg(long, value_enum, value_delimiter = ',', default_value = "none,fsync")]
    durability: Vec<Durability>,
    /// Seconds without progress after which a target is given up
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=3_600))]
    patience: u64,
    #[command(flatten)]
    places: PlaceArgs,
    /// Also writes every sample to this file
    #[arg(long)]
    json: Option<PathBuf>,
}

#[derive(Args)]
struct PlaceArgs {
    /// The program `switchboard` [default: beside this program]
    #[arg(long)]
    switchboard: Option<PathBuf>,
    /// The program `switchboard-bench-floor` [default: beside this program]
    #[arg(long)]
    floor: Option<PathBuf>,
    /// The folder in which the other servers are installed [default: that of the sources]
    #[arg(long)]
    peers: Option<PathBuf>,
    /// A further setting for Switchboard
    #[arg(long = "set", value_name = "KEY=VALUE")]
    settings: Vec<String>,
    /// Where data directories are made [default: the directory for temporary files]
    #[arg(long)]
    data_parent: Option<PathBuf>,
}

/// A program under test; with [`Durability`] it becomes a [`Target`].
#[derive(Clone, Copy, ValueEnum)]
enum Server {
    Floor,
    UringFloor,
    Switchboard,
    #[value(name = "socket.io")]
    SocketIo,
    Socketioxide,
    Ws,
    Nats,
}

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Fanout(args) => run_fanout(args),
        Command::Idle(args) => run_idle(args),
        Command::Sustained(args) => run_sustained(&args),
        Command::All(args) => run_all(&args),
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
    for (name, seconds) in [("--seconds", args.seconds), ("--seconds-max", args.seconds_max)] {
        ensure!((0.01..=3_600.0).contains(&seconds), "{name} must be from 0.01 to 3600");
    }
    let sockets = (args.receivers as usize + args.senders as usize) * targets.len();
    allow_sockets(sockets)?;
    let paces = args.windows.iter().map(|&window| Pace::Window(window));
    let plan = fanout::Plan {
        receivers: args.receivers as usize,
        senders: args.senders as usize,
        rooms: args.rooms as usize,
        further_rooms: args.further_rooms,
        text_bytes: args.bytes,
        line_bytes: None,
        paces: paces.chain(args.rate.iter().map(|&rate| Pace::Rate(rate))).collect(),
        protocols: common.protocols.clone(),
        targets,
        capacities: Vec::new(),
        rounds: args.rounds,
        is_restarting: !args.keep,
        messages: args.messages,
        seconds_max: args.seconds_max,
        seconds: args.seconds,
        patience: Duration::from_secs(common.patience),
    };
    let findings = fanout::run(plan, &common.programs()?, |sample| eprintln!("{}", sample.line()));
    println!("{}", report::fanout(&findings));
    common.json.as_deref().map_or(Ok(()), |path| report::write_json(path, &findings))?;
    without(&findings.failures)
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
    common.json.as_deref().map_or(Ok(()), |path| report::write_json(path, &findings))?;
    without(&findings.failures)
}

fn run_sustained(args: &SustainedArgs) -> Result<()> {
    let plan = sustained::Plan { connections: args.connections as usize, rate: args.rate, seconds: args.seconds };
    let findings = sustained::run(plan, &args.places.programs(true)?, |number, second| {
        let sustained::Second { stored, lag_rows, lag_seconds, search_ms, behind } = second;
        eprintln!(
            "{number:4} s {stored:7} stored, lag {lag_rows:7} rows {lag_seconds:5.2} s, search {search_ms:7.1} ms, behind {behind}"
        );
    })?;
    println!("{}", report::sustained(&findings));
    args.json.as_deref().map_or(Ok(()), |path| report::write_json(path, &findings))
}

fn run_all(args: &AllArgs) -> Result<()> {
    /// The most that a part has open at once: six targets with 1,000 receivers, or one with 15,000.
    const SOCKETS: usize = 16_000;
    allow_sockets(SOCKETS)?;
    let programs = args.places.programs(true)?;
    let extent = if args.quick { Extent::Quick } else { Extent::Full };
    let mut sections = Vec::new();
    for &suite in Suite::value_variants() {
        if !args.only.is_empty() && !args.only.contains(&suite) {
            continue;
        }
        let section = suite.run(extent, &programs, &mut |line| eprintln!("{line}"));
        sections.push(section.with_context(|| suite.title())?);
        // After each part, so that what was measured is there when a later one fails.
        let places = Places { directory: &args.out, samples: &args.json };
        suites::write(places, extent, &programs, &sections)?;
    }
    println!("{}", args.out.join("results.md").display());
    let failures: usize = sections.iter().map(|section| section.failures).sum();
    ensure!(failures == 0, "{failures} measurements failed: the report says which");
    Ok(())
}

/// What failed is in the report; the exit code says so, too.
fn without(failures: &[String]) -> Result<()> {
    ensure!(failures.is_empty(), "{}", failures.join("; "));
    Ok(())
}

impl CommonArgs {
    fn targets(&self) -> Vec<Target> {
        let targets = self.targets.iter().flat_map(|server| match server {
            Server::Floor => vec![Target::Floor],
            Server::UringFloor => vec![Target::UringFloor],
            Server::Switchboard => self.durability.iter().map(|&kept| Target::Switchboard(kept)).collect(),
            Server::SocketIo => vec![Target::SocketIo],
            Server::Socketioxide => vec![Target::Socketioxide],
            Server::Ws => vec![Target::Ws],
            Server::Nats => vec![Target::Nats],
        });
        targets.collect()
    }

    fn programs(&self) -> Result<Programs> {
        self.places.programs(self.durability.contains(&Durability::Fsync))
    }
}

impl PlaceArgs {
    fn programs(&self, is_synced: bool) -> Result<Programs> {
        let data_parent = self.data_parent.clone().unwrap_or_else(env::temp_dir);
        if is_synced && is_in_memory(&data_parent) {
            let place = data_parent.display();
            eprintln!("switchboard-bench: {place} is kept in memory: figures with fsync mean nothing there");
        }
        let own = env::current_exe().context("cannot find this program's own directory")?;
        let beside = |given: &Option<PathBuf>, name| given.clone().unwrap_or_else(|| own.with_file_name(name));
        let peers = || Path::new(env!("CARGO_MANIFEST_DIR")).join("peers");
        Ok(Programs {
            switchboard: beside(&self.switchboard, "switchboard"),
            floor: beside(&self.floor, "switchboard-bench-floor"),
            peers: self.peers.clone().unwrap_or_else(peers),
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
