//! `switchboard check`: the examination of a data directory, in words.

use crate::config::default_data_dir;
use std::path::PathBuf;
use switchboard_store::{StoreError, sqlite};

/// What was found, each in lines for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Everything is as it should be.
    Whole(String),
    /// Something is not, or it cannot be read.
    Damaged(String),
    /// A server is using the directory.
    InUse(String),
}

/// Examines the data directory, the default one if none is named.
#[must_use]
pub fn check(directory: Option<PathBuf>) -> Verdict {
    let Some(directory) = directory.or_else(|| default_data_dir(|name| std::env::var_os(name))) else {
        return Verdict::Damaged("switchboard: there is no default directory: name one with --data-dir\n".to_owned());
    };
    let report = match sqlite::verify(&directory) {
        Ok(report) => report,
        Err(error @ StoreError::InUse { .. }) => return Verdict::InUse(format!("switchboard: {error}\n")),
        Err(error) => return Verdict::Damaged(format!("switchboard: {error}\n")),
    };
    let mut text = format!("{}: {} rooms, {} messages\n", directory.display(), report.rooms, report.events);
    for note in &report.notes {
        text.push_str(&format!("note: {note}\n"));
    }
    for fault in &report.faults {
        text.push_str(&format!("damaged: {fault}\n"));
    }
    if report.faults.is_empty() {
        text.push_str("OK\n");
        Verdict::Whole(text)
    } else {
        text.push_str("keep a copy of the whole directory, then restore a backup\n");
        Verdict::Damaged(text)
    }
}
