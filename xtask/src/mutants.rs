//! Mutants of what must not be wrong: admission, names and the first bytes. Each has to fail a test, or be explained.

use crate::{ledger, read_if_there, root, step};
use anyhow::{Context, Result, bail};
use std::collections::BTreeSet;
use std::fs;

/// Where cargo-mutants is installed if it is missing, and its version.
const PLACE: &str = "target/mutants";
const VERSION: &str = "=27.1.0";
/// What is changed, and by whose tests that has to be noticed.
const CHANGED: [(&str, &[&str]); 2] = [
    (
        "switchboard-core",
        &["crates/core/src/sessions/**/*.rs", "crates/core/src/names.rs", "crates/core/src/names/*.rs"],
    ),
    ("switchboard-protocols", &["crates/protocols/src/first.rs", "crates/protocols/src/first/*.rs"]),
];
/// Mutants that no test can notice, a line for each as cargo-mutants names it, and why before it. Without the file, there
/// are none.
const EXPLAINED: &str = "docs/reliability/survivors.txt";

/// Runs them, and fails if one survives that is not explained.
pub(crate) fn run() -> Result<()> {
    let program = root().join(PLACE).join("bin/cargo-mutants");
    if !program.exists() {
        step("cargo", &["install", "cargo-mutants", "--locked", "--version", VERSION, "--root", PLACE], &[])?;
    }
    let explained = read_if_there(EXPLAINED)?;
    let explained: BTreeSet<&str> = explained.lines().filter(|line| !line.starts_with('#')).collect();
    for (package, files) in CHANGED {
        let output = format!("{PLACE}/{package}");
        let mut arguments = vec!["mutants", "--package", package, "--timeout", "120", "--output", &output];
        files.iter().for_each(|file| arguments.extend(["--file", file]));
        // It fails where one survives; which, is in its files.
        let outcome = step(&program.to_string_lossy(), &arguments, &[]);
        let list = |name: &str| fs::read_to_string(root().join(&output).join("mutants.out").join(name));
        let (missed, caught) = (list("missed.txt"), list("caught.txt"));
        let (missed, caught) = match (missed, caught) {
            (Ok(missed), Ok(caught)) => (missed, caught),
            _ => return outcome.context("cargo-mutants left no lists"),
        };
        let amount = (missed.lines().count() + caught.lines().count()) as u64;
        ledger::record("mutants", amount, || {
            let unexplained: Vec<&str> = missed.lines().filter(|line| !explained.contains(line)).collect();
            if unexplained.is_empty() {
                return Ok(());
            }
            bail!("{} mutants survive and are not in {EXPLAINED}:\n{}", unexplained.len(), unexplained.join("\n"))
        })?;
    }
    Ok(())
}
