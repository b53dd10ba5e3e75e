//! A run over targets: the corpora are replayed, and then mutated from a seed for as long as there is time.

use crate::chance::hash;
use crate::minimise::minimise;
use crate::mutate::Mutator;
use crate::{Target, corpus};
use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// One input that takes longer than this is a failure, too: it should take microseconds.
const SLOW: Duration = Duration::from_secs(10);
/// How long a failing input may be made smaller.
const MINIMISING: Duration = Duration::from_secs(10);

/// What a run does.
#[derive(Clone, Debug)]
pub struct Plan {
    /// How long inputs are made for each target.
    pub time: Duration,
    /// What decides the inputs that are made.
    pub seed: u64,
    /// Where the corpora are, and where inputs that fail are kept.
    pub folder: PathBuf,
}

/// An input that failed.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The target.
    pub target: &'static str,
    /// Where the input is kept.
    pub input: PathBuf,
}

/// What became of one target.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Inputs that were replayed from the corpus.
    pub replayed: usize,
    /// Inputs that were made.
    pub made: u64,
    /// The longest that one input took.
    pub slowest: Duration,
    /// The first input that failed, with which the target's run ended.
    pub failure: Option<Failure>,
}

/// Runs a target: its corpus first, then what is made of it. It ends with the first failure.
///
/// # Errors
/// The corpus cannot be read, or a failing input cannot be kept.
pub fn run(target: &'static Target, plan: &Plan) -> io::Result<Report> {
    let corpus = corpus::read(&plan.folder, target.name)?;
    let mut report = Report::default();
    for (_, bytes) in &corpus {
        if !passes(target, bytes, &mut report.slowest) {
            report.failure = Some(fail(target, &plan.folder, bytes.clone())?);
            return Ok(report);
        }
        report.replayed += 1;
    }
    let corpus: Vec<Vec<u8>> = corpus.into_iter().map(|(_, bytes)| bytes).collect();
    // Each target has its own sequence, so that one can be run alone and gets the same inputs.
    let mut mutator = Mutator::new(plan.seed ^ hash(target.name.as_bytes()), &corpus, target.words);
    let until = Instant::now() + plan.time;
    while Instant::now() < until {
        let bytes = mutator.make();
        if !passes(target, &bytes, &mut report.slowest) {
            report.failure = Some(fail(target, &plan.folder, bytes)?);
            return Ok(report);
        }
        report.made += 1;
    }
    Ok(report)
}

/// Runs all of these targets, an equal share of the time each, and writes a line about each. Returns what failed.
///
/// # Errors
/// As [`run`], or the line cannot be written.
pub fn run_all(targets: &[&'static Target], plan: &Plan, out: &mut impl Write) -> io::Result<Vec<Failure>> {
    let share = plan.time / u32::try_from(targets.len().max(1)).unwrap_or(u32::MAX);
    let plan = Plan { time: share, ..plan.clone() };
    let mut failures = Vec::new();
    for target in targets {
        let Report { replayed, made, slowest, failure } = run(target, &plan)?;
        let (name, micros) = (target.name, slowest.as_micros());
        writeln!(out, "{name:<16} {replayed:>5} replayed {made:>9} made   slowest {micros:>8} us")?;
        if let Some(failure) = failure {
            let Failure { target, input } = &failure;
            let input = input.display();
            writeln!(
                out,
                "{target} FAILED (seed {}); to repeat: switchboard-fuzz --target {target} {input}",
                plan.seed
            )?;
            failures.push(failure);
        }
    }
    Ok(failures)
}

fn passes(target: &Target, bytes: &[u8], slowest: &mut Duration) -> bool {
    let began = Instant::now();
    let passed = catch_unwind(AssertUnwindSafe(|| (target.run)(bytes))).is_ok();
    let took = began.elapsed();
    *slowest = took.max(*slowest);
    passed && took < SLOW
}

/// Makes a failing input smaller and keeps it. The panics on the way say nothing new and are not shown.
fn fail(target: &'static Target, folder: &Path, bytes: Vec<u8>) -> io::Result<Failure> {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let mut slowest = Duration::ZERO;
    let small = minimise(bytes, MINIMISING, |bytes| !passes(target, bytes, &mut slowest));
    std::panic::set_hook(hook);
    let input = corpus::keep(folder, target.name, &format!("failed-{:016x}", hash(&small)), &small)?;
    Ok(Failure { target: target.name, input })
}

#[cfg(test)]
mod tests {
    use super::*;

    static FRAGILE: Target =
        Target { name: "fragile", words: &[b"!!"], run: |bytes| assert!(!bytes.windows(2).any(|pair| pair == b"!!")) };

    #[test]
    fn a_failure_is_found_made_small_and_kept() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("corpus/fragile")).unwrap();
        std::fs::write(folder.path().join("corpus/fragile/one"), b"hello").unwrap();
        let plan = Plan { time: Duration::from_secs(60), seed: 1, folder: folder.path().to_owned() };
        let mut lines = Vec::new();
        let failures = run_all(&[&FRAGILE], &plan, &mut lines).unwrap();
        assert_eq!(std::fs::read(&failures[0].input).unwrap(), b"!!");
        let lines = String::from_utf8(lines).unwrap();
        assert!(lines.contains("1 replayed") && lines.contains("--target fragile"), "{lines}");
    }
}
