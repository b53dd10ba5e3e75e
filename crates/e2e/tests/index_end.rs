//! The index for searches, when there is much to be indexed: the server ends and starts whatever is left, goes on where it
//! was, and says meanwhile what it does not search yet.

use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use serde_json::{Value, json};
use switchboard_e2e::{Json, PATIENCE, Server, ServerOptions, http_get};
use tempfile::TempDir;

/// Messages that are stored and not indexed: several seconds of work.
const ROWS: u64 = 150_000;

/// A data directory whose room `lobby` has the message `first`, and then [`ROWS`] that no server has indexed yet, as
/// one leaves them that was killed under load.
fn behind() -> TempDir {
    let data = TempDir::new().expect("a directory");
    let server = Server::start(ServerOptions::stored(data.path()));
    assert_eq!(Json::hello("ada", server.address()).0.say("first"), 1);
    server.stop();
    let database = open(data.path());
    database
        .execute_batch(&format!(
            "BEGIN;
             WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < {ROWS})
             INSERT INTO events (pos, room, seq, time, kind, id, nick, session, user, via, text, action)
             SELECT first.pos + n, room, seq + n, time + n / 50, kind, 'id-' || n, nick, session, user, via,
                    'the number ' || n || ' of many words that are said at once', 0
             FROM numbers CROSS JOIN events AS first WHERE first.seq = 1;
             UPDATE rooms SET next_seq = next_seq + {ROWS}, last_time = (SELECT max(time) FROM events);
             UPDATE meta SET value = max(value, (SELECT max(pos) + 1 FROM events)) WHERE key = 'next_pos';
             COMMIT;"
        ))
        .expect("rows");
    assert_eq!(unindexed(data.path()), ROWS);
    data
}

fn open(data: &Path) -> Connection {
    Connection::open(data.join("switchboard.db")).expect("a database")
}

/// Rows that the database says are still to be indexed.
fn unindexed(data: &Path) -> u64 {
    count(data, "events WHERE pos > (SELECT value FROM meta WHERE key = 'indexed')")
}

fn count(data: &Path, rows: &str) -> u64 {
    let count = open(data).query_row(&format!("SELECT count(*) FROM {rows}"), [], |row| row.get::<_, i64>(0));
    count.expect("a number").unsigned_abs()
}

fn metric(server: &Server, name: &str) -> f64 {
    let metrics = http_get(server.address(), "/metrics").body;
    let line = metrics.lines().find(|line| line.starts_with(&format!("{name} ")));
    let value = line.and_then(|line| line.rsplit(' ').next()).and_then(|value| value.parse().ok());
    value.unwrap_or_else(|| panic!("no {name} in:\n{metrics}"))
}

/// Waits until at most so many rows are left.
fn wait_for_lag(server: &Server, rows: u64) {
    let deadline = Instant::now() + PATIENCE;
    while metric(server, "switchboard_index_lag_rows") > rows as f64 {
        assert!(Instant::now() < deadline, "the index does not go on");
    }
}

fn search(client: &mut Json, query: &str) -> Value {
    client.request(json!({ "type": "search", "room": "lobby", "query": query }))
}

/// The numbers of what is found.
fn found(answer: &Value) -> Vec<u64> {
    let events = answer["events"].as_array().unwrap_or_else(|| panic!("no page: {answer}"));
    events.iter().filter_map(|event| event["seq"].as_u64()).collect()
}

#[test]
fn the_end_waits_for_no_index_and_the_next_start_goes_on() {
    let data = behind();
    let options = || ServerOptions::stored(data.path());
    let server = Server::start(options());
    assert!(metric(&server, "switchboard_index_lag_rows") > 0.0);
    assert!(metric(&server, "switchboard_index_lag_seconds") > 0.0);
    let (mut ada, _) = Json::hello("ada", server.address());
    // What is not indexed is not found, and the answer says so instead of being late.
    let answer = search(&mut ada, &format!("number {ROWS}"));
    let behind = answer["behind"].as_u64().unwrap_or_else(|| panic!("it is not behind: {answer}"));
    assert!((1..ROWS).contains(&behind), "{answer}");
    assert!(found(&answer).is_empty(), "{answer}");
    assert!(metric(&server, "switchboard_searches_behind_total") >= 1.0);
    // History has it all, and messages are stored.
    let page = ada.request(json!({ "type": "history", "room": "lobby", "limit": 1 }));
    assert_eq!(found(&page), [ROWS + 1]);
    assert_eq!(ada.say("meanwhile"), ROWS + 2);
    // The end is a matter of a moment, however much is left.
    drop(ada);
    let begun = Instant::now();
    let log = server.stop();
    let took = begun.elapsed();
    let left = unindexed(data.path());
    assert!(left > ROWS / 10, "only {left} rows are left: there was too little to wait for");
    assert!(log.contains("it goes on at the next start"), "{log}");
    assert!(took < Duration::from_secs(5), "{took:?}");

    // Killed in the midst of it, it loses nothing and does nothing twice.
    let server = Server::start(options());
    assert!(metric(&server, "switchboard_index_lag_rows") <= left as f64);
    wait_for_lag(&server, left - 10_000);
    server.kill();
    let left_by_kill = unindexed(data.path());
    assert!((1..left).contains(&left_by_kill), "{left_by_kill} of {left} rows are left");

    let server = Server::start(options());
    wait_for_lag(&server, 0);
    assert!(metric(&server, "switchboard_index_lag_seconds") == 0.0);
    let (mut ada, _) = Json::hello("ada", server.address());
    for number in [1, 2, 777, ROWS / 3, ROWS / 2, ROWS + 1 - left, ROWS + 1 - left_by_kill, ROWS - 1, ROWS] {
        let answer = search(&mut ada, &format!("number {number}"));
        assert_eq!((found(&answer), &answer["behind"]), (vec![number + 1], &Value::Null), "{number}: {answer}");
    }
    assert_eq!(found(&search(&mut ada, "meanwhile")), [ROWS + 2]);
    assert_eq!(found(&search(&mut ada, "first")), [1]);
    server.stop();
    assert_eq!(count(data.path(), "words_docsize"), ROWS + 2, "every message is indexed once");
}
