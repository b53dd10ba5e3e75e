//! The project's chores: `cargo xtask test` runs all tests, `cargo xtask long` what is too long for it.

mod bench;
mod clients;
mod ledger;
mod long;
mod mutants;
mod page;
mod proofs;
mod suites;
mod test;
mod tidy;
mod tools;

use anyhow::{Context, Result, bail};
use std::process::{Command, ExitCode};

const HELP: &str = "\
cargo xtask test   everything that has to pass: format, lints, documentation, tests, a minute of fuzzing
cargo xtask long   what is too long for that: official suites, clients, a crowd, kills, seeds, soak, Autobahn, fuzzing, ...;
                   after kills, seeds, soak (minutes) and fuzz (seconds) a number says how many: `long seeds 20000`
cargo xtask bench  measures Switchboard beside its peers and writes docs/benchmarks/results.md; --quick: in half an hour
cargo xtask bench-peers  only installs the servers to compare with
cargo xtask tidy   only the checks of the sources and of the documentation's file names
cargo xtask socketio-clients  only the Socket.IO clients that the tests run, from npm and PyPI
cargo xtask tools  only the programs that the tests need: installs them as root, else says what is missing";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match words.as_slice() {
        ["test"] => test::run(),
        ["long", parts @ ..] => long::run(parts),
        ["bench", arguments @ ..] => bench::run(arguments),
        ["bench-peers"] => bench::install_peers(),
        ["socketio-clients"] => clients::install(),
        ["tidy"] => tidy::run(),
        ["tools"] => tools::require(tools::TEST),
        _ => {
            eprintln!("{HELP}");
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Runs a command in the project's root, and fails if it does.
fn step(program: &str, arguments: &[&str], variables: &[(&str, &str)]) -> Result<()> {
    println!("\n$ {program} {}", arguments.join(" "));
    let status = Command::new(program).args(arguments).envs(variables.iter().copied()).current_dir(root()).status()?;
    if !status.success() {
        bail!("{program} {} failed: {status}", arguments.join(" "));
    }
    Ok(())
}

/// The project's root.
fn root() -> std::path::PathBuf {
    let own = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().unwrap_or(own).to_owned()
}

/// The text of a file below the root, empty if there is no such file.
fn read_if_there(path: &str) -> Result<String> {
    match std::fs::read_to_string(root().join(path)) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(String::new()),
        result => result.context(path.to_owned()),
    }
}
