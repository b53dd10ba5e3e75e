//! `cargo xtask long`: the tests that take their time, each by its name or all in turn.

use crate::{step, suites, tools};
use anyhow::{Result, bail};

type Part = (&'static str, fn() -> Result<()>);

/// The parts, the quick ones first.
const PARTS: [Part; 12] = [
    ("gates", gates),
    ("proxies", proxies),
    ("protocols", suites::protocols),
    ("suites", suites::own),
    ("clients", suites::many),
    ("crowd", crowd),
    ("kills", kills),
    ("seeds", seeds),
    ("soak", soak),
    ("autobahn", autobahn),
    ("fuzz", fuzz),
    ("deny", deny),
];

/// The version of gungraun that `crates/gates/benches/Cargo.toml` pins: its runner has to be the same.
const GUNGRAUN: &str = "0.20.0";

pub(crate) fn run(names: &[&str]) -> Result<()> {
    tools::require(tools::TEST)?;
    if let Some(unknown) = names.iter().find(|name| PARTS.iter().all(|(known, _)| known != *name)) {
        let known: Vec<&str> = PARTS.iter().map(|(name, _)| *name).collect();
        bail!("there is no {unknown}; there are {}", known.join(", "));
    }
    step("cargo", &["build", "--workspace", "--bins"], &[])?;
    for (name, part) in PARTS {
        if names.is_empty() || names.contains(&name) {
            part()?;
        }
    }
    Ok(())
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

/// 200 times SIGKILL at a random moment, nothing acknowledged lost.
fn kills() -> Result<()> {
    let arguments = ["test", "-p", "switchboard-e2e", "--test", "crash", "--", "--nocapture"];
    step("cargo", &arguments, &[("SWITCHBOARD_KILLS", "200")])
}

/// Many runs of the simulator.
fn seeds() -> Result<()> {
    step("cargo", &["run", "--release", "-p", "switchboard-sim", "--", "--seeds", "1..2000"], &[])
}

/// Ten minutes of clients that come, go, talk and are cut.
fn soak() -> Result<()> {
    step("cargo", &["run", "-p", "switchboard-e2e", "--bin", "soak", "--", "600"], &[])
}

/// The WebSocket fuzzing client: cases 1 to 10, and with compression the same again with 12 and 13; needs a Python 2
/// (`PYTHON2`).
fn autobahn() -> Result<()> {
    step("scripts/autobahn.sh", &[], &[])?;
    step("scripts/autobahn.sh", &["--compression"], &[])
}

/// Coverage-guided fuzzing, a minute for each target; needs a nightly toolchain and cargo-fuzz.
fn fuzz() -> Result<()> {
    let own_target = crate::root().join("fuzz/target");
    for target in std::fs::read_dir(crate::root().join("fuzz/fuzz_targets"))? {
        let name = target?.path().file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
        // What it finds goes beside the corpus of the repository, not into it.
        let finds = own_target.join("corpus").join(&name);
        std::fs::create_dir_all(&finds)?;
        let (finds, corpus) = (finds.to_string_lossy().into_owned(), format!("fuzz/corpus/{name}"));
        let limits = ["-max_total_time=60", "-max_len=4096", "-timeout=20", "-rss_limit_mb=2048"];
        let mut arguments = vec!["+nightly", "fuzz", "run", name.as_str(), &finds, &corpus, "--"];
        arguments.extend(limits);
        step("cargo", &arguments, &[("CARGO_TARGET_DIR", &own_target.to_string_lossy())])?;
    }
    Ok(())
}

/// Licences, sources and bans of the dependencies; needs cargo-deny. Advisories need its database from the network.
fn deny() -> Result<()> {
    step("cargo", &["deny", "check", "bans", "licenses", "sources"], &[])
}
