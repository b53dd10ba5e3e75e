//! `cargo xtask long`: the tests that take their time, each by its name or all in turn.

use crate::{ledger, mutants, step, suites, tools};
use anyhow::{Context, Result, bail};
use std::process::Command;

type Part = (&'static str, fn(Option<u64>) -> Result<()>);

/// The parts, the quick ones first.
const PARTS: [Part; 15] = [
    ("gates", |_| gates()),
    ("proxies", |_| proxies()),
    ("protocols", |_| suites::protocols()),
    ("suites", |_| suites::own()),
    ("clients", |_| suites::many()),
    ("crowd", |_| crowd()),
    ("kills", kills),
    ("seeds", seeds),
    ("soak", soak),
    ("autobahn", |_| autobahn()),
    ("fuzz", fuzz),
    ("deny", |_| deny()),
    ("advisories", |_| advisories()),
    ("mutants", |_| mutants::run()),
    ("report", |_| ledger::report()),
];

/// Steps of a simulated run: most faults are found by another beginning.
const SEED_STEPS: &str = "40";

/// The version of gungraun that `crates/gates/benches/Cargo.toml` pins: its runner has to be the same.
const GUNGRAUN: &str = "0.20.0";

pub(crate) fn run(words: &[&str]) -> Result<()> {
    let asked = asked(words)?;
    if asked.iter().all(|(name, _)| *name == "report") && !asked.is_empty() {
        return ledger::report();
    }
    tools::require(tools::TEST)?;
    step("cargo", &["build", "--workspace", "--bins"], &[])?;
    for (name, part) in PARTS {
        if asked.is_empty() {
            part(None)?;
        } else if let Some((_, amount)) = asked.iter().find(|(asked, _)| *asked == name) {
            part(*amount)?;
        }
    }
    Ok(())
}

/// The parts that are asked for, each with the number behind it.
fn asked<'a>(words: &[&'a str]) -> Result<Vec<(&'a str, Option<u64>)>> {
    let mut asked: Vec<(&str, Option<u64>)> = Vec::new();
    for word in words {
        match (word.parse(), asked.last_mut()) {
            (Ok(amount), Some((_, of @ None))) => *of = Some(amount),
            _ if PARTS.iter().any(|(known, _)| known == word) => asked.push((word, None)),
            _ => {
                let known: Vec<&str> = PARTS.iter().map(|(name, _)| *name).collect();
                bail!("there is no {word}; there are {}", known.join(", "));
            }
        }
    }
    Ok(asked)
}

/// Instructions within their budgets, the shard's included, under gungraun.
fn gates() -> Result<()> {
    let place = "target/gungraun";
    let version = format!("={GUNGRAUN}");
    step("cargo", &["install", "gungraun-runner", "--locked", "--version", &version, "--root", place], &[])?;
    let runner = crate::root().join(place).join("bin/gungraun-runner");
    let manifest = "crates/gates/benches/Cargo.toml";
    let arguments = ["bench", "--manifest-path", manifest, "--bench", "instructions"];
    step("cargo", &arguments, &[("GUNGRAUN_RUNNER", &runner.to_string_lossy())])
}

/// The lines of docs/proxies.md, run with nginx, Caddy and HAProxy.
fn proxies() -> Result<()> {
    tools::require(tools::PROXIES)?;
    step("cargo", &["test", "-p", "switchboard-e2e", "--test", "proxies", "--", "--ignored"], &[])
}

/// 1,000 Socket.IO clients that poll and 1,000 with WebSockets in one room: nothing lost, nothing twice, in order.
fn crowd() -> Result<()> {
    step("cargo", &["run", "-p", "switchboard-e2e", "--bin", "crowd"], &[])
}

/// SIGKILL at a random moment, 200 times if no number is given: nothing acknowledged lost.
fn kills(amount: Option<u64>) -> Result<()> {
    let kills = amount.unwrap_or(200);
    let arguments = ["test", "-p", "switchboard-e2e", "--test", "crash", "--", "--nocapture"];
    ledger::record("kills", kills, || step("cargo", &arguments, &[("SWITCHBOARD_KILLS", &kills.to_string())]))
}

/// Runs of the simulator, 2,000 if no number is given: seeds that the ledger does not have, as many at a time as there are
/// processors. They are built as the tests build them, with all assertions.
fn seeds(amount: Option<u64>) -> Result<()> {
    let seeds = amount.unwrap_or(2_000);
    let first = ledger::next_seed()?;
    step("cargo", &["build", "-p", "switchboard-sim"], &[])?;
    ledger::record("seeds", seeds, || {
        let parts = std::thread::available_parallelism().map_or(1, usize::from) as u64;
        let part = |number: u64| {
            let range = format!("{}..{}", first + seeds * number / parts, first + seeds * (number + 1) / parts);
            println!("$ switchboard-sim --seeds {range} --steps {SEED_STEPS}");
            Command::new(crate::root().join("target/debug/switchboard-sim"))
                .args(["--seeds", &range, "--steps", SEED_STEPS])
                .spawn()
                .context("the simulator cannot be started")
        };
        let runs = (0..parts).map(part).collect::<Result<Vec<_>>>()?;
        let ends = runs.into_iter().map(|mut run| run.wait()).collect::<Result<Vec<_>, _>>()?;
        if ends.iter().all(std::process::ExitStatus::success) { Ok(()) } else { bail!("a seed failed") }
    })
}

/// Clients that come, go, talk and are cut, for ten minutes if no number is given.
fn soak(amount: Option<u64>) -> Result<()> {
    let minutes = amount.unwrap_or(10);
    let seconds = (minutes * 60).to_string();
    let arguments = ["run", "-p", "switchboard-e2e", "--bin", "soak", "--", &seconds];
    ledger::record("soak", minutes, || step("cargo", &arguments, &[]))
}

/// The WebSocket fuzzing client: cases 1 to 10, and with compression the same again with 12 and 13; needs a Python 2
/// (`PYTHON2`).
fn autobahn() -> Result<()> {
    step("scripts/autobahn.sh", &[], &[])?;
    step("scripts/autobahn.sh", &["--compression"], &[])
}

/// Coverage-guided fuzzing, a minute for each target if no number of seconds is given; needs a nightly toolchain and
/// cargo-fuzz.
fn fuzz(amount: Option<u64>) -> Result<()> {
    let seconds = amount.unwrap_or(60);
    let own_target = crate::root().join("fuzz/target");
    for target in std::fs::read_dir(crate::root().join("fuzz/fuzz_targets"))? {
        let name = target?.path().file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        // What it finds goes beside the corpus of the repository, not into it.
        let finds = own_target.join("corpus").join(&name);
        std::fs::create_dir_all(&finds)?;
        let (finds, corpus) = (finds.to_string_lossy().into_owned(), format!("fuzz/corpus/{name}"));
        let time = format!("-max_total_time={seconds}");
        let limits = [time.as_str(), "-max_len=4096", "-timeout=20", "-rss_limit_mb=2048"];
        let mut arguments = vec!["+nightly", "fuzz", "run", name.as_str(), &finds, &corpus, "--"];
        arguments.extend(limits);
        let variables = [("CARGO_TARGET_DIR", &*own_target.to_string_lossy())];
        ledger::record("fuzzing", seconds, || step("cargo", &arguments, &variables))?;
    }
    Ok(())
}

/// Licences, sources and bans of the dependencies; needs cargo-deny. Advisories need its database from the network.
fn deny() -> Result<()> {
    step("cargo", &["deny", "check", "bans", "licenses", "sources"], &[])
}

/// Known faults of the dependencies; needs cargo-deny, and the database of advisories from the network.
fn advisories() -> Result<()> {
    ledger::record("advisories", 1, || {
        step("cargo", &["deny", "check", "advisories"], &[]).context(
            "either an advisory concerns a dependency, or there is no cargo-deny, or the database (a Git repository) \
             cannot be fetched from here: the lines above say which",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_belongs_to_the_part_before_it() {
        assert_eq!(asked(&["seeds", "20000", "soak"]).ok(), Some(vec![("seeds", Some(20_000)), ("soak", None)]));
        assert_eq!(asked(&[]).ok(), Some(Vec::new()));
        for wrong in [&["nothing"][..], &["5"], &["seeds", "5", "6"], &["seeds", "-5"]] {
            assert!(asked(wrong).is_err(), "{wrong:?}");
        }
    }
}
