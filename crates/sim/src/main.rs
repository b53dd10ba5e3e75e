//! `switchboard-sim [--seeds A..B] [--steps N]` runs many seeds; `--seed N --trace` repeats one and prints its trace.

use std::ops::Range;
use std::panic::catch_unwind;
use std::process::ExitCode;
use switchboard_sim::run;

const USAGE: &str = "usage: switchboard-sim [--seeds A..B | --seed N] [--steps N] [--trace]";

fn main() -> ExitCode {
    let Some(options) = Options::parse(std::env::args().skip(1)) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    let mut failed = 0;
    let mut events = 0;
    for seed in options.seeds.clone() {
        let what = match catch_unwind(|| run(seed, options.steps, options.trace)) {
            Ok(Ok(report)) => {
                events += report.events;
                if options.trace {
                    println!("{report:?}");
                }
                continue;
            }
            Ok(Err(failure)) => format!("at {} ms: {}", failure.at_ms, failure.what),
            Err(_) => "panicked".to_owned(),
        };
        failed += 1;
        println!("seed {seed} {what}");
        println!("  again: switchboard-sim --seed {seed} --steps {} --trace", options.steps);
    }
    println!("{} seeds, {failed} failed, {events} events", options.seeds.count());
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

struct Options {
    seeds: Range<u64>,
    steps: usize,
    trace: bool,
}

impl Options {
    fn parse(mut words: impl Iterator<Item = String>) -> Option<Self> {
        let mut options = Self { seeds: 0..100, steps: 400, trace: false };
        while let Some(word) = words.next() {
            match word.as_str() {
                "--trace" => options.trace = true,
                "--steps" => options.steps = words.next()?.parse().ok()?,
                "--seed" => {
                    let seed = words.next()?.parse().ok()?;
                    options.seeds = seed..seed + 1;
                }
                "--seeds" => {
                    let range = words.next()?;
                    let (from, to) = range.split_once("..")?;
                    options.seeds = from.parse().ok()?..to.parse().ok()?;
                }
                _ => return None,
            }
        }
        Some(options)
    }
}
