//! `cargo xtask test`: everything that has to pass before a change lands.

use crate::{clients, page, step, tidy, tools};
use anyhow::{Context as _, Result};

/// Seconds of mutation for each run; the seed is fixed, so that a failure is the same everywhere.
const FUZZ_SECONDS: &str = "60";

pub(crate) fn run() -> Result<()> {
    tools::require(tools::TEST)?;
    tidy::run()?;
    step("cargo", &["fmt", "--all", "--check"], &[])?;
    step("cargo", &["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"], &[])?;
    step("cargo", &["doc", "--workspace", "--no-deps"], &[("RUSTDOCFLAGS", "-D warnings")])?;
    clients::install()?;
    // The end-to-end tests run the real program.
    step("cargo", &["build", "--workspace", "--bins"], &[])?;
    step("cargo", &["test", "--workspace", "--no-fail-fast"], &[])?;
    // Instructions are those of a release build.
    step("cargo", &["run", "--release", "-p", "switchboard-gates"], &[])?;
    page::test()?;
    // It was built with all the others; to have cargo run it alone would compile half of them anew, with other features.
    let fuzz = std::env::current_exe()?.with_file_name("switchboard-fuzz");
    let fuzz = fuzz.to_str().context("a path in UTF-8")?;
    step(fuzz, &["--seconds", FUZZ_SECONDS, "--seed", "1"], &[])?;
    println!("\nall tests passed");
    Ok(())
}
