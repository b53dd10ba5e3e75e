//! What only the store on disk does: reopening, refusing, migrating, filling up, trailing.

mod common;

use common::*;
use rusqlite::Connection;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::Path;
use switchboard_core::Time;
use switchboard_core::output::HistoryRange;
use switchboard_store::{Batch, Durability, SqliteSettings, SqliteStore, Store, StoreError};
use tempfile::TempDir;

const SETTINGS: SqliteSettings = SqliteSettings { durability: Durability::Os, pages_max: None };

fn open(dir: &Path) -> Result<SqliteStore, StoreError> {
    SqliteStore::open(dir, SETTINGS)
}

/// Every file of a directory with its bytes.
fn files(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(dir).unwrap().map(Result::unwrap);
    entries.map(|e| (e.file_name().into_string().unwrap(), fs::read(e.path()).unwrap())).collect()
}

fn copy_of(dir: &Path) -> TempDir {
    let copy = tempfile::tempdir().unwrap();
    for (name, bytes) in files(dir) {
        fs::write(copy.path().join(name), bytes).unwrap();
    }
    copy
}

/// A closed database with a few hundred messages.
fn closed() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    fill(&mut open(dir.path()).unwrap());
    dir
}

/// The files as they are in the middle of the work, as after a SIGKILL: the latest events are in the log only.
fn killed() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path()).unwrap();
    fill(&mut store);
    let copy = copy_of(dir.path());
    assert!(files(copy.path())["switchboard.db-wal"].len() > 32);
    copy
}

fn fill(store: &mut dyn Store) {
    for n in 1..=300 {
        store.commit(&batch(vec![message("lobby", n, n, &format!("message {n} 東京都庁"))])).unwrap();
    }
    catch_up(store);
}

fn database(dir: &Path) -> std::path::PathBuf {
    dir.join("switchboard.db")
}

/// Opening is refused, and every file is what it was, byte for byte; no file is new.
fn refused_untouched(what: &str, dir: &Path, is_expected: impl Fn(&StoreError) -> bool) {
    let before = files(dir);
    let refusal = open(dir).map(|_| ()).unwrap_err();
    assert!(is_expected(&refusal), "{what}: {refusal:?}");
    let after = files(dir);
    assert_eq!(before.keys().collect::<Vec<_>>(), after.keys().collect::<Vec<_>>(), "{what}");
    assert!(before == after, "{what}: a file was changed");
}

fn is_damaged(error: &StoreError) -> bool {
    matches!(error, StoreError::Damaged { .. })
}

#[test]
fn the_bundled_library_has_the_fix_of_the_log_reset() {
    let numbers: Vec<u32> = SqliteStore::library_version().split('.').map(|part| part.parse().unwrap()).collect();
    assert!(numbers >= vec![3, 51, 3], "{numbers:?}");
}

#[test]
fn everything_is_there_after_reopening() {
    let dir = closed();
    let loaded = open(dir.path()).unwrap().load().unwrap();
    let mut store = open(dir.path()).unwrap();
    assert_eq!(store.load().unwrap(), loaded);
    assert_eq!((loaded.next_pos, loaded.rooms[0].next_seq), (301, 301));
    assert_eq!(found(&store, "東京都庁 299"), [299]);
    assert_eq!(read_all(&mut *store.reader().unwrap(), "lobby", 100).len(), 300);
    assert_ne!(open(closed().path()).unwrap().load().unwrap().epoch, loaded.epoch, "each database has its own");
}

#[test]
fn everything_is_there_after_a_kill() {
    let dir = killed();
    let mut store = open(dir.path()).unwrap();
    assert_eq!(read_all(&mut *store.reader().unwrap(), "lobby", 100).len(), 300);
    store.commit(&batch(vec![message("lobby", 301, 301, "on")])).unwrap();
}

#[test]
fn commits_find_room_in_the_log() {
    let dir = tempfile::tempdir().unwrap();
    let settings = SqliteSettings { durability: Durability::Fsync, pages_max: None };
    let mut store = SqliteStore::open(dir.path(), settings).unwrap();
    let log = dir.path().join("switchboard.db-wal");
    let length = || fs::metadata(&log).unwrap().len();
    let mut next = 1..;
    let mut commit = |store: &mut SqliteStore| {
        let n = next.next().unwrap();
        store.commit(&batch(vec![message("lobby", n, n, "on")])).unwrap();
        n
    };
    let mut grown = 0;
    for _ in 0..12 {
        commit(&mut store);
        store.index(64).unwrap();
        let before = length();
        (0..64).for_each(|_| _ = commit(&mut store));
        assert_eq!(length(), before, "64 commits fit into what was there");
        assert_eq!(store.index(64).unwrap().rows(), 0);
        grown += u32::from(length() > before);
    }
    assert!((1..12).contains(&grown), "it grows when its end is near, and not always: {grown} of 12");
    // As after a kill: what stands behind the last commit means nothing.
    let last = commit(&mut store);
    let copy = copy_of(dir.path());
    let mut reopened = SqliteStore::open(copy.path(), settings).unwrap();
    assert_eq!(read_all(&mut *reopened.reader().unwrap(), "lobby", 100).len() as u64, last);
    assert_eq!(reopened.load().unwrap().next_pos, last + 1);
}

#[test]
fn files_are_for_this_user_only() {
    let parent = tempfile::tempdir().unwrap();
    let dir = parent.path().join("a/b #1?x%20");
    let mut store = open(&dir).unwrap();
    fill(&mut store);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&dir), 0o700);
    assert!(files(&dir).len() >= 4);
    for name in files(&dir).keys() {
        assert_eq!(mode(&dir.join(name)), 0o600, "{name}");
    }
    drop(store);
    // The unusual name also survives being examined.
    open(&dir).unwrap();
}

#[test]
fn a_second_store_is_refused_until_the_first_and_its_readers_are_gone() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path()).unwrap();
    fill(&mut store);
    let in_use = |error: &StoreError| matches!(error, StoreError::InUse { .. });
    refused_untouched("a store is open", dir.path(), in_use);
    let mut reader = store.reader().unwrap();
    drop(store);
    refused_untouched("a reader is open", dir.path(), in_use);
    assert_eq!(reader.indexed().unwrap(), 300);
    drop(reader);
    open(dir.path()).unwrap();
}

#[test]
fn a_newer_version_is_refused_untouched() {
    for (what, dir) in [("closed", closed()), ("killed", killed())] {
        let connection = Connection::open(database(dir.path())).unwrap();
        connection.execute_batch("PRAGMA user_version = 99; CREATE TABLE future (x)").unwrap();
        // Copied while it is open, so that the version itself stands in the log only.
        let dir = copy_of(dir.path());
        let newer = |error: &StoreError| matches!(error, StoreError::Newer { found: 99, known: 4, .. });
        refused_untouched(what, dir.path(), newer);
        drop(connection);
    }
}

#[test]
fn a_database_of_another_program_is_refused_untouched() {
    let dir = tempfile::tempdir().unwrap();
    Connection::open(database(dir.path())).unwrap().execute_batch("CREATE TABLE theirs (x)").unwrap();
    refused_untouched("theirs", dir.path(), is_damaged);
}

#[test]
fn a_damaged_database_is_refused_untouched() {
    type Harm = fn(&Path);
    let noise = |count: usize| -> Vec<u8> {
        let mut state = 1_u32;
        let step = |_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state.to_be_bytes()[0]
        };
        (0..count).map(step).collect()
    };
    let garbage = noise(50_000);
    let harms: [(&str, Harm); 9] = [
        ("a text file", |dir| fs::write(database(dir), "this is not a database, but it is long enough").unwrap()),
        ("one byte", |dir| fs::write(database(dir), "S").unwrap()),
        ("only the magic", |dir| cut(&database(dir), 16)),
        ("cut in the first page", |dir| cut(&database(dir), 1_000)),
        ("cut in the middle", |dir| cut(&database(dir), fs::metadata(database(dir)).unwrap().len() / 2)),
        ("a zeroed schema", |dir| write_at(&database(dir), 100, &[0; 3_000])),
        ("a wrong application", |dir| write_at(&database(dir), 68, b"oops")),
        ("no secret", |dir| {
            Connection::open(database(dir)).unwrap().execute_batch("DELETE FROM meta WHERE key = 'secret'").unwrap();
        }),
        ("no table of events", |dir| {
            Connection::open(database(dir)).unwrap().execute_batch("DROP TABLE events").unwrap();
        }),
    ];
    for (what, harm) in harms {
        let dir = closed();
        harm(dir.path());
        refused_untouched(what, dir.path(), is_damaged);
    }
    for (what, from) in [("random bytes", 0), ("random bytes after the header", 4_096), ("a random page", 40_960)] {
        let dir = closed();
        write_at(&database(dir.path()), from, &garbage[..if from == 40_960 { 4_096 } else { 50_000 }]);
        refused_untouched(what, dir.path(), is_damaged);
    }
}

#[test]
fn a_damaged_log_is_refused_untouched() {
    let wal = |dir: &TempDir| dir.path().join("switchboard.db-wal");
    let killed_and = |harm: &dyn Fn(&TempDir)| {
        let dir = killed();
        harm(&dir);
        dir
    };
    for (what, dir) in [
        ("garbage", killed_and(&|dir| fs::write(wal(dir), [0xA5; 9_000]).unwrap())),
        (
            "a flipped bit in the header",
            killed_and(&|dir| write_at(&wal(dir), 17, &[!files(dir.path())["switchboard.db-wal"][17]])),
        ),
        ("a lost database", killed_and(&|dir| fs::remove_file(database(dir.path())).unwrap())),
        ("an emptied database", killed_and(&|dir| cut(&database(dir.path()), 0))),
        ("a garbled database", killed_and(&|dir| write_at(&database(dir.path()), 0, &[7; 512]))),
    ] {
        refused_untouched(what, dir.path(), is_damaged);
    }
}

#[test]
fn what_a_power_cut_leaves_of_the_log_is_not_damage() {
    for (what, log) in [("nothing", vec![]), ("a piece", vec![0x37, 0x7f]), ("unwritten blocks", vec![0; 8_192])] {
        let dir = closed();
        fs::write(dir.path().join("switchboard.db-wal"), log).unwrap();
        let store = open(dir.path()).unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!(read_all(&mut *store.reader().unwrap(), "lobby", 100).len(), 300, "{what}");
    }
    // The end of the log was not written: the events before it are there, without a hole.
    let dir = killed();
    let wal = dir.path().join("switchboard.db-wal");
    cut(&wal, fs::metadata(&wal).unwrap().len() - 10_000);
    fs::remove_file(dir.path().join("switchboard.db-shm")).unwrap();
    let events = read_all(&mut *open(dir.path()).unwrap().reader().unwrap(), "lobby", 100);
    assert!(!events.is_empty());
    assert!((1..).zip(&events).all(|(n, event)| event.seq() == Some(n)));
}

#[test]
fn a_making_that_was_cut_short_is_begun_again() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(database(dir.path()), "").unwrap();
    fill(&mut open(dir.path()).unwrap());
    let dir = tempfile::tempdir().unwrap();
    Connection::open(database(dir.path())).unwrap().execute_batch("PRAGMA journal_mode = WAL").unwrap();
    fill(&mut open(dir.path()).unwrap());
}

#[test]
fn damage_that_is_found_while_reading_is_named_as_such() {
    let dir = closed();
    let mut store = open(dir.path()).unwrap();
    let other = Connection::open(database(dir.path())).unwrap();
    other.execute_batch("UPDATE events SET kind = 77 WHERE seq = 300").unwrap();
    let read = store.reader().unwrap().history("lobby", HistoryRange::Latest, 5, 1_000);
    assert!(is_damaged(&read.unwrap_err()));
    other.execute_batch("DELETE FROM events WHERE seq = 1").unwrap();
    assert!(is_damaged(&store.older_than(&Time(5).into()).unwrap_err()));
}

#[test]
fn version_1_is_migrated() {
    let dir = tempfile::tempdir().unwrap();
    let connection = Connection::open(database(dir.path())).unwrap();
    connection.execute_batch(include_str!("fixtures/version-1.sql")).unwrap();
    drop(connection);
    let mut store = open(dir.path()).unwrap();
    let loaded = store.load().unwrap();
    assert_eq!((loaded.epoch.0, loaded.secret, loaded.next_pos), (42, [0xAB; 32], 500));
    assert_eq!(store.index(1).unwrap().rows(), 1, "what was stored before there was a search is indexed");
    catch_up(&mut store);
    assert_eq!(found(&store, "grusse"), [1]);
    assert_eq!(found(&store, "東京都"), [2]);
    store.commit(&batch(vec![message("lobby", 500, 3, "new")])).unwrap();
    drop(store);
    assert_eq!(open(dir.path()).unwrap().load().unwrap().rooms[0].next_seq, 4);
}

#[test]
fn ids_of_an_earlier_version_are_known_in_the_order_of_their_positions() {
    let dir = tempfile::tempdir().unwrap();
    let connection = Connection::open(database(dir.path())).unwrap();
    connection.execute_batch(include_str!("fixtures/version-2.sql")).unwrap();
    drop(connection);
    let mut store = open(dir.path()).unwrap();
    store.commit(&batch(vec![message_with("dev", 600, 1, 3, Some("earlier-by-its-stamp"), "x")])).unwrap();
    let names: Vec<_> = ids(&mut store, u64::MAX, 9).into_iter().map(|id| id.id.to_string()).collect();
    assert_eq!(names, ["01JD0000000000000000000000", "earlier-by-its-stamp"]);
}

#[test]
fn version_2_is_indexed_again_while_it_is_used() {
    let expected = [
        ("grusse 🎉", vec![2]),
        ("東京都庁", vec![3]),
        ("database", vec![4]),
        ("data", vec![]),
        ("plain words", vec![5]),
        ("ringing", vec![6]),
        ("islak", vec![7]),
        ("🎉", vec![8, 2]),
        ("trimmed", vec![]),
    ];
    // With whatever is done at a time, whatever else happens in between, and however often the program is started.
    for rows_max in 1..10 {
        let dir = tempfile::tempdir().unwrap();
        let connection = Connection::open(database(dir.path())).unwrap();
        connection.execute_batch(include_str!("fixtures/version-2.sql")).unwrap();
        drop(connection);
        let mut store = open(dir.path()).unwrap();
        assert_eq!(found(&store, "plain words"), [5], "what was indexed is found meanwhile");
        assert_eq!(found(&store, "database"), []);
        assert_eq!(store.index(0).unwrap().rows(), 1 + 1, "nothing that is waited for is more than it was");
        assert!(store.reindex(0).unwrap());
        let mut steps = 1;
        while store.reindex(rows_max).unwrap() {
            steps += 1;
            if steps % 3 == 0 {
                store.index(1).unwrap();
            } else if steps % 3 == 1 {
                drop(store);
                store = open(dir.path()).unwrap();
            }
        }
        assert!(steps <= 7 / rows_max + 1);
        catch_up(&mut store);
        for (query, seqs) in &expected {
            assert_eq!(found(&store, query), *seqs, "{query} by {rows_max}");
        }
        assert!(!store.reindex(100).unwrap());
        drop(store);
        let mut store = open(dir.path()).unwrap();
        assert!(!store.reindex(100).unwrap(), "once is enough");
        assert_eq!(rows(dir.path(), "SELECT count(*) FROM words_docsize"), 7);
    }
}

#[test]
fn a_new_database_has_nothing_to_index_again() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path()).unwrap();
    fill(&mut store);
    drop(store);
    assert!(!open(dir.path()).unwrap().reindex(1).unwrap());
}

#[test]
fn a_full_database_refuses_cleanly_and_goes_on_with_space() {
    let dir = tempfile::tempdir().unwrap();
    let small = SqliteSettings { pages_max: Some(100), ..SETTINGS };
    let mut store = SqliteStore::open(dir.path(), small).unwrap();
    let text = "x".repeat(4_000);
    let two =
        |n: u64| batch(vec![message("lobby", 2 * n - 1, 2 * n - 1, &text), message("lobby", 2 * n, 2 * n, &text)]);
    let refused = (1..).find(|n| match store.commit(&two(*n)) {
        Ok(()) => false,
        Err(StoreError::Full) => true,
        Err(other) => panic!("{other}"),
    });
    let refused = refused.unwrap();
    assert!(refused > 10);
    // Nothing of the batch is there, reading goes on, and trying again fails again in the same way.
    for _ in 0..3 {
        assert!(matches!(store.commit(&two(refused)), Err(StoreError::Full)));
        assert_eq!(read_all(&mut *store.reader().unwrap(), "lobby", 10).len() as u64, 2 * refused - 2);
        assert_eq!(store.load().unwrap().rooms[0].next_seq, 2 * refused - 1);
    }
    drop(store);
    let mut store = open(dir.path()).unwrap();
    store.commit(&two(refused)).unwrap();
    drop(store);
    // Space can also come from a trim.
    let mut store = SqliteStore::open(dir.path(), SqliteSettings { pages_max: Some(120), ..SETTINGS }).unwrap();
    store.commit(&trim("lobby", 20)).unwrap();
    catch_up(&mut store);
    for n in refused + 1..refused + 8 {
        store.commit(&two(n)).unwrap();
    }
}

#[test]
fn a_search_finds_what_is_indexed_and_the_rest_later() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path()).unwrap();
    let events = (1..=10).map(|n| message("lobby", n * 3, n, "word 東京都"));
    store.commit(&batch(events.collect())).unwrap();
    let mut reader = store.reader().unwrap();
    assert_eq!((found(&store, "word"), reader.indexed().unwrap()), (vec![], 0));
    assert_eq!(store.index(4).unwrap().rows(), 6);
    assert_eq!((found(&store, "word"), reader.indexed().unwrap()), (vec![4, 3, 2, 1], 12));
    drop((store, reader));
    // How far it was is remembered, and also what was trimmed before it was indexed.
    let mut store = open(dir.path()).unwrap();
    assert_eq!(store.index(0).unwrap().rows(), 6);
    store.commit(&trim("lobby", 6)).unwrap();
    assert_eq!(store.index(0).unwrap().rows(), 6 + 5);
    assert_eq!(found(&store, "word"), []);
    drop(store);
    let mut store = open(dir.path()).unwrap();
    assert_eq!(store.index(0).unwrap().rows(), 6 + 5);
    catch_up(&mut store);
    assert_eq!(found(&store, "word 東京都"), [10, 9, 8, 7, 6]);
    assert_eq!(store.reader().unwrap().indexed().unwrap(), 30);
    assert_eq!(rows(dir.path(), "SELECT count(*) FROM events"), 5);
}

#[test]
fn positions_are_remembered_when_nothing_is_left() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path()).unwrap();
    store.commit(&batch(vec![message("lobby", 200, 1, "x")])).unwrap();
    store.commit(&trim("lobby", 2)).unwrap();
    // The event is deleted before it was ever indexed, so that neither tells its position.
    assert_eq!(store.index(1).unwrap().rows(), 0);
    assert_eq!(rows(dir.path(), "SELECT count(*) FROM events"), 0);
    drop(store);
    assert_eq!(open(dir.path()).unwrap().load().unwrap().next_pos, 201);
}

#[test]
fn deletion_goes_on_while_events_keep_coming() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path()).unwrap();
    fill(&mut store);
    store.commit(&trim("lobby", 301)).unwrap();
    for n in 301..=400 {
        let events = vec![message("lobby", 2 * n, 2 * n - 301, "x"), message("lobby", 2 * n + 1, 2 * n - 300, "y")];
        store.commit(&batch(events)).unwrap();
        store.index(4).unwrap();
    }
    assert!(rows(dir.path(), "SELECT count(*) FROM events WHERE seq < 301") < 220);
    catch_up(&mut store);
    assert_eq!(rows(dir.path(), "SELECT count(*) FROM events"), 200);
    assert_eq!(rows(dir.path(), "SELECT count(*) FROM words_docsize"), 200);
    assert_eq!(rows(dir.path(), "SELECT count(*) FROM trigrams_docsize"), 0);
}

#[test]
fn a_batch_with_every_durability_reads_back() {
    for durability in [Durability::Fsync, Durability::Os, Durability::None] {
        let dir = tempfile::tempdir().unwrap();
        let mut store = SqliteStore::open(dir.path(), SqliteSettings { durability, pages_max: None }).unwrap();
        store_texts(&mut store, &["one", "two"]);
        store.commit(&Batch { reserve_pos: Some(77), ..trim("lobby", 2) }).unwrap();
        drop(store);
        let loaded = open(dir.path()).unwrap().load().unwrap();
        assert_eq!((loaded.next_pos, loaded.rooms[0].first_seq), (77, 2), "{durability:?}");
    }
}

#[test]
fn readers_do_not_wait_for_the_writer() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path()).unwrap();
    store_texts(&mut store, &["first"]);
    // A write transaction of somebody else stays open: readers still answer.
    let mut other = Connection::open(database(dir.path())).unwrap();
    let transaction = other.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate).unwrap();
    transaction.execute("UPDATE rooms SET topic = 'held'", []).unwrap();
    let readers = (0..4).map(|_| {
        let mut reader = store.reader().unwrap();
        std::thread::spawn(move || read_all(&mut *reader, "lobby", 10).len())
    });
    assert!(readers.collect::<Vec<_>>().into_iter().all(|reader| reader.join().unwrap() == 1));
    drop(transaction);
    store.commit(&batch(vec![message("lobby", 2, 2, "second")])).unwrap();
    assert_eq!(&*store.load().unwrap().rooms[0].topic, "");
}

fn rows(dir: &Path, sql: &str) -> i64 {
    Connection::open(database(dir)).unwrap().query_row(sql, [], |row| row.get(0)).unwrap()
}

fn cut(path: &Path, bytes: u64) {
    fs::OpenOptions::new().write(true).open(path).unwrap().set_len(bytes).unwrap();
}

fn write_at(path: &Path, offset: u64, bytes: &[u8]) {
    fs::OpenOptions::new().write(true).open(path).unwrap().write_all_at(bytes, offset).unwrap();
}

#[test]
fn a_store_can_be_sent_to_its_thread() {
    let dir = tempfile::tempdir().unwrap();
    let mut store: Box<dyn Store> = Box::new(open(dir.path()).unwrap());
    let written = std::thread::spawn(move || {
        fill(&mut *store);
        store.load().unwrap()
    });
    assert_eq!(&*written.join().unwrap().rooms[0].name, "lobby");
}
