//! The work that trails the commits of the store on disk: it goes on wherever it ended.

mod common;

use common::*;
use rusqlite::Connection;
use std::fs;
use std::path::Path;
use switchboard_store::{Backlog, Durability, SqliteSettings, SqliteStore, Store};

fn open(dir: &Path) -> SqliteStore {
    SqliteStore::open(dir, SqliteSettings { durability: Durability::Os, pages_max: None }).unwrap()
}

/// A number that a query gives.
fn rows(dir: &Path, query: &str) -> i64 {
    let connection = Connection::open(dir.join("switchboard.db")).unwrap();
    connection.query_row(query, [], |row| row.get(0)).unwrap()
}

#[test]
fn the_index_goes_on_where_it_was_however_it_ended() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path());
    let events = (1..=100).map(|n| message("lobby", n, n, &format!("word number{n}")));
    store.commit(&batch(events.collect())).unwrap();
    let mut left = 100;
    while left > 0 {
        let backlog = store.index(7).unwrap();
        assert_eq!(backlog, Backlog { unindexed: u64::saturating_sub(left, 7), unswept: 0 });
        left = backlog.unindexed;
        // What a kill leaves is what is on the disk at any moment.
        let killed = tempfile::tempdir().unwrap();
        for file in fs::read_dir(dir.path()).unwrap().map(Result::unwrap) {
            fs::copy(file.path(), killed.path().join(file.file_name())).unwrap();
        }
        let mut revived = open(killed.path());
        assert_eq!(revived.index(0).unwrap(), backlog);
        while revived.index(64).unwrap().rows() > 0 {}
        for n in [1, 50, 100 - left, 101 - left, 100] {
            let page = revived.reader().unwrap().search("lobby", &format!("number{n}"), None, 10).unwrap();
            assert_eq!(seqs(&page), if n == 101 { vec![] } else { vec![n] });
        }
        drop(revived);
        assert_eq!(rows(killed.path(), "SELECT count(*) FROM words_docsize"), 100, "nothing is indexed twice");
    }
}

#[test]
fn an_index_of_any_version_is_merged_in_the_same_way() {
    let automerge = "SELECT sum(v) FROM (SELECT k, v FROM words_config UNION ALL SELECT k, v FROM trigrams_config)
                     WHERE k = 'automerge'";
    let new = tempfile::tempdir().unwrap();
    let old = tempfile::tempdir().unwrap();
    let connection = Connection::open(old.path().join("switchboard.db")).unwrap();
    connection.execute_batch(include_str!("fixtures/version-2.sql")).unwrap();
    drop(connection);
    for dir in [new.path(), old.path()] {
        for _ in 0..2 {
            drop(open(dir));
            assert_eq!(rows(dir, automerge), 2 * 8);
        }
    }
}
