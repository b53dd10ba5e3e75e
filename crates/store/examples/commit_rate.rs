//! Prints how many commits and events a second the store takes, by batch size, with and without indexing, and how long
//! a search takes in a small room beside a large one.
//!
//! `cargo run --release -p switchboard-store --example commit_rate [DIRECTORY] [fsync|os|none]`: the directory is where
//! the databases are made (and deleted); choose the disk to be measured.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use switchboard_core::{Body, Event, Sender, SessionId, Time, UserId, Via};
use switchboard_store::{Batch, Durability, SqliteSettings, SqliteStore, Store};

/// How long each line of the table is measured.
const MEASURE: Duration = Duration::from_secs(1);
const WORDS: [&str; 8] = ["deploy", "the", "server", "before", "lunch", "meeting", "天気予報", "please"];

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let place = arguments.next().map_or_else(std::env::temp_dir, PathBuf::from);
    let durability = match arguments.next().as_deref() {
        None | Some("fsync") => Durability::Fsync,
        Some("os") => Durability::Os,
        Some("none") => Durability::None,
        Some(other) => return Err(format!("{other}: not a durability").into()),
    };
    println!("{durability:?} in {}", place.display());
    println!("{:>6} {:>8} {:>10} {:>10}", "batch", "indexed", "commits/s", "events/s");
    for size in [1, 4, 16, 64, 256, 1_024] {
        for indexed in [false, true] {
            let commits = measure(&place, durability, size, indexed)?;
            println!("{size:>6} {indexed:>8} {commits:>10.0} {:>10.0}", commits * size as f64);
        }
    }
    search(&place)
}

/// Commits a second.
fn measure(place: &Path, durability: Durability, size: u64, indexed: bool) -> Result<f64, Box<dyn Error>> {
    let dir = tempfile::tempdir_in(place)?;
    let mut store = SqliteStore::open(dir.path(), SqliteSettings { durability, pages_max: None })?;
    let (start, mut commits, mut pending) = (Instant::now(), 0, 0);
    while start.elapsed() < MEASURE {
        store.commit(&batch("lobby", commits * size, 0, size))?;
        commits += 1;
        pending += size;
        // As the server does: in steps of 64 rows and more.
        while indexed && pending >= 64 {
            pending = store.index(256)?.rows();
        }
    }
    Ok(commits as f64 / start.elapsed().as_secs_f64())
}

/// Times searches in a room of 1,000 events beside one of 300,000.
fn search(place: &Path) -> Result<(), Box<dyn Error>> {
    const LARGE: u64 = 300_000;
    let dir = tempfile::tempdir_in(place)?;
    let mut store = SqliteStore::open(dir.path(), SqliteSettings { durability: Durability::None, pages_max: None })?;
    store.commit(&batch("small", 0, 0, 500))?;
    for from in (0..LARGE).step_by(1_000) {
        store.commit(&batch("large", from, 500, 1_000))?;
    }
    store.commit(&batch("small", 500, LARGE, 500))?;
    let start = Instant::now();
    while store.index(1_024)?.rows() > 0 {}
    println!("{LARGE} events indexed in {:.1?}", start.elapsed());
    let mut reader = store.reader()?;
    for (room, query) in [
        ("small", "server"),
        ("small", "server please"),
        ("small", "天気"),
        ("small", "天気予報 lunch"),
        ("small", "nowhere"),
        ("large", "server"),
        ("large", "天気予報 lunch"),
        ("large", "nowhere"),
    ] {
        let start = Instant::now();
        let page = reader.search(room, query, None, 20)?;
        println!("{room} {query:?}: {} found in {:.2?}", page.events.len(), start.elapsed());
    }
    Ok(())
}

/// `count` messages of a room from the number `from + 1` on; positions are `shift` higher than numbers.
fn batch(room: &str, from: u64, shift: u64, count: u64) -> Batch {
    let room: Arc<str> = Arc::from(room);
    let nick: Arc<str> = Arc::from("ada");
    let message = |seq: u64| {
        let word = |nth: u64| WORDS[(seq.wrapping_mul(2_654_435_761) >> (nth * 3 + 8)) as usize % WORDS.len()];
        let text = format!("{} {} {} {} number {seq}", word(0), word(1), word(2), word(3));
        let from =
            Sender { nick: Arc::clone(&nick), session: SessionId(1), user: UserId(2), via: Via::Tcp, address: None };
        let id = Some(Arc::from(format!("01JD{seq:022}")));
        let body = Body::Message { seq: Some(seq), id, from, to: None, text: Arc::from(text), action: false };
        Arc::new(Event { pos: seq + shift, time: Time(seq + shift), room: Some(Arc::clone(&room)), body })
    };
    Batch { events: (from + 1..=from + count).map(message).collect(), ..Batch::default() }
}
