//! Checks of the documents that promise something: each promise names a test, and each test that is named exists.

use anyhow::Result;
use std::collections::BTreeSet;
use std::path::PathBuf;

/// The documents whose tables end in a column of tests.
const PROMISES: [&str; 2] = ["docs/guarantees.md", "docs/security.md"];
/// The document that has a row for each limit.
const LIMITS: &str = "docs/limits.md";
/// Where all settings stand.
const SETTINGS: &str = "docs/configuration.md";

/// Returns what is wrong with the documents, a line each.
pub(crate) fn faults(files: &[PathBuf]) -> Result<Vec<String>> {
    let mut tests = BTreeSet::new();
    for file in files.iter().filter(|file| file.extension().is_some_and(|extension| extension == "rs")) {
        tests.extend(tests_of(&crate::tidy::read(file)?));
    }
    let mut faults = Vec::new();
    for document in PROMISES {
        let text = crate::tidy::read(document.as_ref())?;
        faults.extend(unproved(&text, &tests).map(|fault| format!("{document}: {fault}")));
    }
    let (limits, settings) = (crate::tidy::read(LIMITS.as_ref())?, crate::tidy::read(SETTINGS.as_ref())?);
    let missing = settings.lines().filter_map(|line| line.strip_prefix("### ")).filter(|name| {
        name.starts_with("limits.") && !limits.contains(&format!("`{}`", name.trim_start_matches("limits.")))
    });
    faults.extend(missing.map(|name| format!("{LIMITS}: there is no row for {name}")));
    Ok(faults)
}

/// The names of the tests in a Rust source: functions behind an attribute that makes them tests.
fn tests_of(source: &str) -> Vec<String> {
    let mut is_test = false;
    let mut names = Vec::new();
    for line in source.lines().map(str::trim) {
        if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
            is_test = true;
        } else if let Some(rest) = line.strip_prefix("async fn ").or_else(|| line.strip_prefix("fn "))
            && std::mem::take(&mut is_test)
        {
            names.push(rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect());
        }
    }
    names
}

/// The rows of a document's tables whose last column names no test, or one that does not exist.
fn unproved<'a>(text: &'a str, tests: &'a BTreeSet<String>) -> impl Iterator<Item = String> + 'a {
    let mut above = "";
    text.lines().filter_map(move |line| {
        let is_head = !above.starts_with('|');
        above = line;
        if !line.starts_with('|') || is_head || line.starts_with("|---") {
            return None;
        }
        let cells: Vec<&str> = line.trim_matches('|').split('|').collect();
        let named: Vec<&str> = cells.last()?.split('`').skip(1).step_by(2).collect();
        if named.is_empty() {
            return Some(format!("no test holds \"{}\"", cells.first()?.trim()));
        }
        let unknown = named.into_iter().find(|name| !tests.contains(*name) && !name.contains(['/', ' ']))?;
        Some(format!("there is no test {unknown}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_without_a_test_and_a_test_that_is_not_there_are_told() {
        let source = "#[test]\nfn one_holds() {}\nfn helper() {}\n#[tokio::test]\nasync fn two_hold() {}\n";
        let tests: BTreeSet<String> = tests_of(source).into_iter().collect();
        assert_eq!(tests, ["one_holds", "two_hold"].map(str::to_owned).into());
        let text = "| promise | test |\n|---|---|\n| a | `one_holds`, `two_hold` |\n| b | soon |\n| c | `helper` |\n\
                    | d | `cargo xtask long kills` |\n";
        let faults: Vec<String> = unproved(text, &tests).collect();
        assert_eq!(faults, ["no test holds \"b\"", "there is no test helper"]);
    }
}
