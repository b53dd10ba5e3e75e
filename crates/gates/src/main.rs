//! `switchboard-gates`: counts the instructions of each piece of work with callgrind, and fails beyond a budget.
//!
//! `switchboard-gates run NAME COUNT` does one piece of work COUNT times; that is what callgrind looks at. Counting it
//! for two COUNTs and dividing the difference leaves out everything that is done only once. The counts are those of a
//! release build.

use std::env;
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context as _, Result, bail};
use switchboard_gates::Work;

/// How often the work is done in the shorter and in the longer run: memory that grows by doubling has little weight.
const COUNTS: [u64; 2] = [64, 576];

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        [] => check(),
        ["run", name, count] => run(name, count),
        _ => {
            eprintln!("switchboard-gates: compares instructions with budgets; needs valgrind");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("switchboard-gates: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(name: &str, count: &str) -> Result<()> {
    let mut once = Work::find(name).with_context(|| format!("there is no work {name}"))?.prepare();
    for _ in 0..count.parse()? {
        once();
    }
    Ok(())
}

fn check() -> Result<()> {
    let mut beyond = Vec::new();
    println!("{:16} {:>12} {:>12}", "work", "instructions", "budget");
    for work in Work::ALL {
        let [few, many] = COUNTS.map(|count| instructions(work.name, count));
        let each = many?.saturating_sub(few?) / (COUNTS[1] - COUNTS[0]);
        println!("{:16} {each:>12} {:>12}", work.name, work.budget);
        if each > work.budget {
            beyond.push(work.name);
        }
    }
    if !beyond.is_empty() {
        bail!(
            "beyond the budget: {}. Make it cheaper again; where it has to cost more, say why with the new budget",
            beyond.join(", ")
        );
    }
    Ok(())
}

/// The instructions of a whole run.
fn instructions(name: &str, count: u64) -> Result<u64> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(env::current_exe()?)
        .args(["run", name, &count.to_string()])
        .stdin(Stdio::null())
        .output()
        .context("cannot start valgrind")?;
    let log = String::from_utf8_lossy(&output.stderr);
    let collected = log.lines().find_map(|line| line.split_once("Collected : "));
    match collected {
        Some((_, number)) if output.status.success() => Ok(number.trim().parse()?),
        Some(_) | None => bail!("{name} under valgrind: {}\n{log}", output.status),
    }
}
