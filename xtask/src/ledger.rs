//! The ledger of the long tests: what was run, of which commit, and what came of it; docs/reliability.md is its sum.

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs::{self, OpenOptions};
use std::process::Command;

const LEDGER: &str = "docs/reliability/ledger.jsonl";
const PAGE: &str = "docs/reliability.md";

/// Each kind of run, what it is counted in, what it is meant to come to, and what holds if it holds.
const KINDS: [(&str, &str, u64, &str); 6] = [
    (
        "seeds",
        "seeds",
        1_000_000,
        "the simulator: nothing acknowledged lost, told twice, out of order or too early, with cuts, crashes, full disks and wrong clocks",
    ),
    ("kills", "kills", 1_000, "SIGKILL of the real server at a random moment: nothing acknowledged lost"),
    ("soak", "minutes", 60, "mixed clients that come, go and are cut: order, loss, duplicates and memory"),
    ("fuzzing", "seconds", 86_400, "coverage-guided fuzzing: no panic, no hang, no unbounded memory"),
    ("mutants", "mutants", 0, "changes to admission, names and first bytes: each fails a test, or is explained"),
    ("advisories", "checks", 0, "no advisory concerns a dependency"),
];

/// Runs something, writes down what came of it, and makes the page anew.
pub(crate) fn record(kind: &str, amount: u64, run: impl FnOnce() -> Result<()>) -> Result<()> {
    let first = if kind == "seeds" { Some(next_seed()?) } else { None };
    let (commit, date) = (commit()?, said(Command::new("date").args(["-u", "+%F"]))?);
    let outcome = run();
    let mut entry = json!({ "commit": commit, "date": date, "kind": kind, "amount": amount, "held": outcome.is_ok() });
    if let Some(first) = first {
        entry["first"] = first.into();
    }
    let path = crate::root().join(LEDGER);
    let mut ledger = OpenOptions::new().append(true).create(true).open(&path).context(LEDGER)?;
    std::io::Write::write_all(&mut ledger, format!("{entry}\n").as_bytes())?;
    report()?;
    outcome
}

/// The first seed that the ledger does not have; those of the test command are not repeated either.
pub(crate) fn next_seed() -> Result<u64> {
    let ends = read()?.into_iter().filter_map(|entry| Some(entry["first"].as_u64()? + entry["amount"].as_u64()?));
    Ok(ends.max().unwrap_or(1_000))
}

/// Makes the page anew.
pub(crate) fn report() -> Result<()> {
    fs::write(crate::root().join(PAGE), page(&read()?)?).context(PAGE)
}

fn read() -> Result<Vec<Value>> {
    let text = crate::read_if_there(LEDGER)?;
    text.lines().map(|line| serde_json::from_str(line).with_context(|| format!("{LEDGER}: {line}"))).collect()
}

/// The commit that is checked out; with a `+` where something is changed.
fn commit() -> Result<String> {
    let commit = said(Command::new("git").args(["rev-parse", "--short=12", "HEAD"]))?;
    let places = ["--", ".", ":!docs/reliability.md", ":!docs/reliability"];
    let changed = said(Command::new("git").args(["status", "--porcelain"]).args(places))?;
    Ok(if changed.is_empty() { commit } else { format!("{commit}+") })
}

fn said(command: &mut Command) -> Result<String> {
    let output = command.current_dir(crate::root()).output()?;
    if !output.status.success() {
        bail!("{command:?} failed: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// The sums of the ledger.
fn page(entries: &[Value]) -> Result<String> {
    let mut text = String::from(
        "# Reliability\n\nWhat `cargo xtask long` ran, added up over all runs that `docs/reliability/ledger.jsonl` holds; \
         made by `cargo xtask long report`.\nA run that failed is counted as failed for ever, and its commit named: what it \
         found was mended after it.\n\n| what | held | goal | runs | failed | latest |\n|---|---|---|---|---|---|\n",
    );
    for (kind, unit, goal, what) in KINDS {
        let of_kind: Vec<&Value> = entries.iter().filter(|entry| entry["kind"] == kind).collect();
        let held: u64 = of_kind.iter().filter(|entry| entry["held"] == true).filter_map(|e| e["amount"].as_u64()).sum();
        let failed: Vec<&Value> = of_kind.iter().filter(|entry| entry["held"] != true).copied().collect();
        let name = |entry: &Value| {
            let word = |key: &str| entry[key].as_str().unwrap_or("?").to_owned();
            format!("{} ({})", word("commit"), word("date"))
        };
        let goal = if goal == 0 { "-".to_owned() } else { goal.to_string() };
        let failed_names = failed.iter().map(|entry| name(entry)).collect::<Vec<_>>().join(", ");
        let failed = if failed.is_empty() { "0".to_owned() } else { format!("{}: {failed_names}", failed.len()) };
        let latest = of_kind.last().map_or_else(|| "never".to_owned(), |entry| name(entry));
        let runs = of_kind.len();
        writeln!(text, "| {what} | {held} {unit} | {goal} | {runs} | {failed} | {latest} |")?;
    }
    let mut unknown = BTreeMap::new();
    for entry in entries.iter().filter(|entry| KINDS.iter().all(|(kind, ..)| entry["kind"] != *kind)) {
        *unknown.entry(entry["kind"].to_string()).or_insert(0) += 1;
    }
    if unknown.is_empty() { Ok(text) } else { bail!("{LEDGER} has runs of unknown kinds: {unknown:?}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_the_sum_of_the_ledger() {
        let entries = read().unwrap();
        assert_eq!(fs::read_to_string(crate::root().join(PAGE)).unwrap(), page(&entries).unwrap());
    }

    #[test]
    fn runs_add_up_and_failures_stay() {
        let run = |kind: &str, amount: u64, held: bool| json!({ "commit": "abc", "date": "d", "kind": kind, "amount": amount, "held": held });
        let page =
            page(&[run("seeds", 5, true), run("seeds", 7, false), run("seeds", 11, true), run("kills", 3, true)]);
        let page = page.unwrap();
        assert!(page.contains("| 16 seeds | 1000000 | 3 | 1: abc (d) | abc (d) |"), "{page}");
        assert!(page.contains("| 3 kills | 1000 | 1 | 0 | abc (d) |"), "{page}");
        assert!(super::page(&[run("nothing", 1, true)]).is_err());
    }
}
