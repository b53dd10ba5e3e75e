//! What a damaged or cut-off log is taken for, and what is noticed of files that other programs change.

mod common;

use common::*;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use switchboard_store::sqlite::verify;
use switchboard_store::{Batch, Durability, SqliteSettings, SqliteStore, Store, StoreError};
use tempfile::TempDir;

const FRAME: u64 = 24 + 4_096;

fn open(dir: &Path, durability: Durability) -> Result<SqliteStore, StoreError> {
    SqliteStore::open(dir, SqliteSettings { durability, pages_max: None })
}

fn wal(dir: &Path) -> PathBuf {
    dir.join("switchboard.db-wal")
}

fn copy_of(dir: &Path) -> TempDir {
    let copy = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(dir).unwrap().map(Result::unwrap) {
        fs::copy(entry.path(), copy.path().join(entry.file_name())).unwrap();
    }
    copy
}

/// Commits messages as the server does, which reserves positions in advance.
fn say(store: &mut dyn Store, numbers: std::ops::RangeInclusive<u64>) {
    store.commit(&Batch { reserve_pos: Some(1_000_000), ..Batch::default() }).unwrap();
    for n in numbers {
        store.commit(&batch(vec![message("lobby", n, n, &format!("message {n}"))])).unwrap();
    }
}

fn frames(dir: &Path) -> u64 {
    let log = fs::read(wal(dir)).unwrap();
    // The file is longer than the log.
    (log.iter().rposition(|byte| *byte != 0).unwrap() as u64 - 32) / FRAME + 1
}

fn flip(dir: &Path, at: u64) {
    let file = File::options().read(true).write(true).open(wal(dir)).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[byte[0] ^ 0x10], at).unwrap();
}

/// How many messages are read, all from the first one without a hole.
fn kept(dir: &Path, durability: Durability) -> Result<u64, StoreError> {
    let store = open(dir, durability)?;
    let events = read_all(&mut *store.reader().unwrap(), "lobby", 100);
    assert!((1..).zip(&events).all(|(n, event)| event.seq() == Some(n)));
    Ok(events.len() as u64)
}

#[test]
fn a_flip_anywhere_is_refused_or_costs_no_more_than_the_last_transactions() {
    const MESSAGES: u64 = 8;
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path(), Durability::Fsync).unwrap();
    say(&mut store, 1..=MESSAGES / 2);
    // Work that trails the commits is among them.
    while store.index(1).unwrap().rows() > 0 {}
    say(&mut store, MESSAGES / 2 + 1..=MESSAGES);
    let killed = copy_of(dir.path());
    let (mut refused, mut opened) = (0, 0);
    for frame in 0..frames(killed.path()) {
        // The head that follows is judged by the checksum in this one.
        let is_in_two_sectors = [frame, frame + 1].iter().any(|frame| (32 + frame * FRAME) % 512 > 512 - 24);
        // Each field of the frame's head, and its page.
        for place in [1, 5, 9, 21, 24, 4_119] {
            let copy = copy_of(killed.path());
            flip(copy.path(), 32 + frame * FRAME + place);
            match kept(copy.path(), Durability::Fsync) {
                Err(StoreError::Damaged { .. }) => refused += 1,
                // Of a head in two sectors it is not known whether a power cut tore it.
                Ok(kept) if kept + 2 + u64::from(is_in_two_sectors) >= MESSAGES => opened += 1,
                other => panic!("frame {frame}, byte {place}: {other:?}"),
            }
        }
    }
    assert!(refused > opened && opened > 0, "{refused} {opened}");
}

#[test]
fn what_nobody_waited_for_may_be_missing_in_any_part() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path(), Durability::Fsync).unwrap();
    say(&mut store, 1..=40);
    let committed = frames(dir.path());
    // Many transactions behind the last commit, none of which is waited for.
    while store.index(3).unwrap().rows() > 0 {}
    let all = frames(dir.path());
    assert!(all > committed + 20, "{committed} {all}");
    let killed = copy_of(dir.path());
    for frame in (committed..all).step_by(2) {
        for torn in [&[0_u64][..], &[4_000], &[0, 512, 1_024, 3_584]] {
            let copy = copy_of(killed.path());
            let file = File::options().write(true).open(wal(copy.path())).unwrap();
            for place in torn {
                // Sectors of the file that were never written: zeros, as they were.
                let sector = (32 + frame * FRAME + place) / 512 * 512;
                if sector >= 32 + committed * FRAME {
                    file.write_all_at(&[0; 512], sector).unwrap();
                }
            }
            assert_eq!(kept(copy.path(), Durability::Fsync).unwrap(), 40, "frame {frame}, torn at {torn:?}");
        }
    }
}

#[test]
fn without_waiting_nothing_is_judged_and_with_it_again_it_is() {
    let dir = tempfile::tempdir().unwrap();
    say(&mut open(dir.path(), Durability::Os).unwrap(), 1..=5);
    let mut store = open(dir.path(), Durability::Os).unwrap();
    say(&mut store, 6..=20);
    let killed = copy_of(dir.path());
    flip(killed.path(), 32 + FRAME + 100);
    // A cut of the power may have done this.
    assert!(kept(killed.path(), Durability::Os).unwrap() >= 5);
    drop(store);
    let mut store = open(dir.path(), Durability::Fsync).unwrap();
    say(&mut store, 21..=40);
    let killed = copy_of(dir.path());
    flip(killed.path(), 32 + 20 * FRAME + 100);
    let refusal = kept(killed.path(), Durability::Fsync).unwrap_err();
    assert!(matches!(refusal, StoreError::Damaged { .. }), "{refusal}");
    assert!(refusal.to_string().contains("restore a backup"), "{refusal}");
    assert!(matches!(verify(killed.path()), Err(StoreError::Damaged { .. })));
}

#[test]
fn files_that_others_take_away_are_missed() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path(), Durability::Os).unwrap();
    store.look().unwrap();
    for name in ["switchboard.db", "switchboard.db-wal"] {
        let (path, aside) = (dir.path().join(name), dir.path().join("aside"));
        fs::rename(&path, &aside).unwrap();
        assert!(matches!(store.look(), Err(StoreError::Gone { path: gone }) if gone == path));
        fs::copy(&aside, &path).unwrap();
        assert!(matches!(store.look(), Err(StoreError::Gone { .. })), "{name}: a copy is another file");
        fs::rename(&aside, &path).unwrap();
        store.look().unwrap();
    }
}

#[test]
fn an_epoch_is_kept_until_something_is_lost() {
    let epoch = |dir: &Path| {
        let mut store = open(dir, Durability::Fsync).unwrap();
        (store.load().unwrap().epoch, store.has_lost())
    };
    let dir = tempfile::tempdir().unwrap();
    let (first, has_lost) = epoch(dir.path());
    assert!(!has_lost, "a new one has lost nothing");
    let mut store = open(dir.path(), Durability::Fsync).unwrap();
    say(&mut store, 1..=20);
    let older = copy_of(dir.path());
    say(&mut store, 21..=30);
    drop(store);
    assert_eq!(epoch(dir.path()), (first, false));
    // What retention forgets is not lost.
    let mut store = open(dir.path(), Durability::Fsync).unwrap();
    store.commit(&trim("lobby", 31)).unwrap();
    catch_up(&mut store);
    drop(store);
    assert_eq!(epoch(dir.path()), (first, false));
    let (copied, has_lost) = epoch(copy_of(dir.path()).path());
    assert!(has_lost && copied != first);
    // The files of before, written into those of now.
    for name in ["switchboard.db", "switchboard.db-wal"] {
        let bytes = fs::read(older.path().join(name)).unwrap();
        fs::write(dir.path().join(name), bytes).unwrap();
    }
    let (second, has_lost) = epoch(dir.path());
    assert!(has_lost && second != first);
    assert_eq!(epoch(dir.path()), (second, false));
    // A mark that somebody deleted says nothing: then it cannot be known.
    fs::remove_file(dir.path().join("switchboard.mark")).unwrap();
    let (third, has_lost) = epoch(dir.path());
    assert!(has_lost && third != second);
}
