//! `switchboard-fuzz`: replays the corpora and mutates them from a seed.

use anyhow::{Context, bail};
use clap::Parser;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;
use switchboard_fuzzing::campaign::{Plan, run_all};
use switchboard_fuzzing::{TARGETS, Target, corpus};

/// Fuzzes everything that reads what others wrote.
#[derive(Parser)]
struct Args {
    /// How long inputs are made, in seconds, shared by all targets; 0 only replays the corpora.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// What decides the inputs that are made.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Only this target; may be given several times.
    #[arg(long)]
    target: Vec<String>,
    /// Print the names of the targets, and do nothing.
    #[arg(long)]
    list: bool,
    /// Only run the one target on these files.
    files: Vec<PathBuf>,
}

fn main() -> anyhow::Result<ExitCode> {
    let args = Args::parse();
    if args.list {
        for target in TARGETS {
            println!("{}", target.name);
        }
        return Ok(ExitCode::SUCCESS);
    }
    let targets = chosen(&args.target)?;
    if !args.files.is_empty() {
        repeat(&targets, &args.files)?;
        return Ok(ExitCode::SUCCESS);
    }
    let plan = Plan { time: Duration::from_secs(args.seconds), seed: args.seed, folder: corpus::folder() };
    let failures = run_all(&targets, &plan, &mut std::io::stdout())?;
    Ok(if failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn chosen(names: &[String]) -> anyhow::Result<Vec<&'static Target>> {
    if names.is_empty() {
        return Ok(TARGETS.iter().collect());
    }
    let find = |name: &String| {
        TARGETS
            .iter()
            .find(|target| target.name == *name)
            .with_context(|| format!("there is no target {name}: see --list"))
    };
    names.iter().map(find).collect()
}

/// Runs a target on files; what is wrong ends the program with its panic.
fn repeat(targets: &[&'static Target], files: &[PathBuf]) -> anyhow::Result<()> {
    let [target] = targets else { bail!("files are for one target: name it with --target") };
    for file in files {
        let bytes = std::fs::read(file).with_context(|| file.display().to_string())?;
        println!("{}", file.display());
        (target.run)(&bytes);
    }
    Ok(())
}
