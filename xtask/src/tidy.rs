//! Checks of the sources that no compiler makes: every file says what it is, none outgrows itself, documents are true.

use anyhow::{Context, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Lines of a source file. More, and one sentence will hardly say what it is.
const LINES_MAX: usize = 600;
/// The documents whose file names are checked.
const DOCUMENTS: [&str; 3] = ["ARCHITECTURE.md", "README.md", "docs/protocol.md"];

pub(crate) fn run() -> Result<()> {
    let mut faults = Vec::new();
    let files = tracked()?;
    for file in files.iter().filter(|file| file.extension().is_some_and(|extension| extension == "rs")) {
        let text = read(file)?;
        if !text.starts_with("//!") {
            faults.push(format!("{}: does not begin with a sentence (//!) that says what it is", file.display()));
        }
        let lines = text.lines().count();
        if lines > LINES_MAX {
            faults.push(format!("{}: {lines} lines are more than {LINES_MAX}; split it by meaning", file.display()));
        }
    }
    for document in DOCUMENTS {
        let text = read(Path::new(document))?;
        for name in file_names(&text) {
            if !names_a_file(name, &files) {
                faults.push(format!("{document}: there is no {name}"));
            }
        }
    }
    faults.extend(crate::proofs::faults(&files)?);
    if !faults.is_empty() {
        bail!("{}", faults.join("\n"));
    }
    println!("tidy: {} files", files.len());
    Ok(())
}

/// The files that git knows, or would know with the next commit.
fn tracked() -> Result<Vec<PathBuf>> {
    let output = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .current_dir(crate::root())
        .output()
        .context("git ls-files")?;
    let text = String::from_utf8(output.stdout)?;
    Ok(text.lines().map(PathBuf::from).filter(|file| crate::root().join(file).exists()).collect())
}

pub(crate) fn read(file: &Path) -> Result<String> {
    fs::read_to_string(crate::root().join(file)).with_context(|| file.display().to_string())
}

/// The names in backticks that look like a source file or a folder of the tree.
fn file_names(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2).filter(|name| {
        let is_path = name.chars().all(|c| c.is_ascii_alphanumeric() || "._-/".contains(c));
        let is_source = name.ends_with(".rs") || (name.ends_with('/') && name.starts_with("crates/"));
        is_path && is_source
    })
}

/// Documents may shorten a name to its end, as `shard/driver.rs` for the whole path.
fn names_a_file(name: &str, files: &[PathBuf]) -> bool {
    files.iter().any(|file| match name.strip_suffix('/') {
        Some(folder) => file.starts_with(folder),
        None => file.ends_with(name),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_backticks_are_found_and_looked_up() {
        let text = "see `shard/driver.rs`, `crates/core/` and `serve --lan`, not `http://x/`";
        assert_eq!(file_names(text).collect::<Vec<_>>(), ["shard/driver.rs", "crates/core/"]);
        let files = [PathBuf::from("crates/server/src/shard/driver.rs"), PathBuf::from("crates/core/src/lib.rs")];
        assert!(names_a_file("shard/driver.rs", &files));
        assert!(names_a_file("crates/core/", &files));
        assert!(!names_a_file("hard/driver.rs", &files));
        assert!(!names_a_file("crates/cor/", &files));
    }
}
