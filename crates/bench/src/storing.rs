//! `store`: messages a second that the history takes, indexed for search, by the size of the batches.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context as _, Result};
use serde::Serialize;
use switchboard_core::{Body, Event, Sender, SessionId, UserId, Via};
use switchboard_store::{Batch, Durability, SqliteSettings, SqliteStore, Store as _};

use crate::measure::{Machine, machine};

/// Rows that are indexed in one transaction, as in the server.
const INDEX_ROWS: usize = 256;

/// The words that texts are made of; a person's messages have more, most of them rare.
const WORDS: [&str; 16] = [
    "red", "green", "apple", "river", "stone", "garden", "window", "summer", "letter", "music", "bridge", "morning",
    "yellow", "engine", "paper", "silver",
];

/// What is run.
#[derive(Clone, Debug, Serialize)]
pub struct Plan {
    /// Messages of each transaction, each a measurement.
    pub batches: Vec<u64>,
    /// Messages of a measurement. Small batches have fewer: at most [`Plan::commits`] transactions.
    pub messages: u64,
    /// The most transactions of a measurement.
    pub commits: u64,
    /// How often all of it is repeated, each time in a new database.
    pub rounds: u32,
}

/// One measurement.
#[derive(Clone, Debug, Serialize)]
pub struct Sample {
    /// Whether each transaction waited for the disk.
    pub is_synced: bool,
    /// Messages of each transaction.
    pub batch: u64,
    /// Messages a second, stored and indexed.
    pub per_second: f64,
    /// The same without the index.
    pub stored_per_second: f64,
    /// The mean time of a transaction, in microseconds.
    pub us_per_commit: f64,
}

/// All that a run found.
#[derive(Clone, Debug, Serialize)]
pub struct Findings {
    /// What it was run on.
    pub machine: Machine,
    /// What was run.
    pub plan: Plan,
    /// Every measurement, in the order in which they were made.
    pub samples: Vec<Sample>,
}

/// Runs the whole plan in new directories in `data_parent`.
///
/// # Errors
/// When a database cannot be made or written.
pub fn run(plan: Plan, data_parent: &Path) -> Result<Findings> {
    let machine = machine();
    let mut samples = Vec::new();
    for _ in 0..plan.rounds {
        for durability in [Durability::Fsync, Durability::Os] {
            for &batch in &plan.batches {
                samples.push(measure(durability, batch, &plan, data_parent)?);
            }
        }
    }
    Ok(Findings { machine, plan, samples })
}

fn measure(durability: Durability, batch: u64, plan: &Plan, data_parent: &Path) -> Result<Sample> {
    let directory = tempfile::Builder::new()
        .prefix("switchboard-bench-")
        .tempdir_in(data_parent)
        .with_context(|| format!("cannot make a data directory in {}", data_parent.display()))?;
    let mut store = SqliteStore::open(directory.path(), SqliteSettings { durability, ..SqliteSettings::default() })?;
    let commits = (plan.messages / batch).clamp(1, plan.commits);
    let batches: Vec<Batch> = (0..commits).map(|number| self::batch(number * batch, batch)).collect();
    let started = Instant::now();
    for batch in &batches {
        store.commit(batch)?;
    }
    let stored = started.elapsed().as_secs_f64();
    while store.index(INDEX_ROWS)?.rows() > 0 {}
    let indexed = started.elapsed().as_secs_f64();
    let messages = (commits * batch) as f64;
    Ok(Sample {
        is_synced: durability == Durability::Fsync,
        batch,
        per_second: messages / indexed,
        stored_per_second: messages / stored,
        us_per_commit: stored / commits as f64 * 1e6,
    })
}

fn batch(first: u64, count: u64) -> Batch {
    let events = (first..first + count).map(|number| Arc::new(message(number))).collect();
    Batch { events, ..Batch::default() }
}

/// The text of a message of about 64 bytes, whose last word occurs nowhere else.
pub(crate) fn text(number: u64) -> String {
    let words = (0..9).map(|place| WORDS[(number * 7 + place * (number % 5 + 1)) as usize % WORDS.len()]);
    let mut text = words.collect::<Vec<_>>().join(" ");
    text.push_str(&format!(" {number}"));
    text
}

/// The message of this number, with its [`text`].
fn message(number: u64) -> Event {
    let text = text(number);
    let from = Sender { nick: "ada".into(), session: SessionId(1), user: UserId(1), via: Via::Tcp, address: None };
    let body = Body::Message { seq: Some(number + 1), id: None, from, to: None, text: text.into(), action: false };
    Event { pos: number + 1, time: switchboard_core::Time(1_000 + number), room: Some("lobby".into()), body }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_of_any_size_are_stored_and_indexed() {
        let directory = tempfile::tempdir().unwrap();
        let plan = Plan { batches: vec![1, 7], messages: 14, commits: 10, rounds: 1 };
        let findings = run(plan, directory.path()).unwrap();
        let found: Vec<(bool, u64)> = findings.samples.iter().map(|sample| (sample.is_synced, sample.batch)).collect();
        assert_eq!(found, [(true, 1), (true, 7), (false, 1), (false, 7)]);
        assert!(findings.samples.iter().all(|sample| sample.stored_per_second >= sample.per_second));
    }
}
