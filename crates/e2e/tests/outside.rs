//! What other programs do to the data directory: they hold locks, delete files, and start a second server.

use std::fs;
use std::io::{Read as _, Write as _};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;
use switchboard_e2e::{Json, Server, ServerOptions, require_tool};
use tempfile::TempDir;

const STORAGE_FAILED: i32 = 74;

/// Another program that holds the lock for writing until it is dropped.
struct Holder(Child);

impl Holder {
    fn of(data: &TempDir) -> Self {
        let python = require_tool("python3", "Debian package python3");
        let program = "import sqlite3, sys\n\
                       c = sqlite3.connect(sys.argv[1], isolation_level=None)\n\
                       c.execute('BEGIN IMMEDIATE')\n\
                       print('held', flush=True)\n\
                       sys.stdin.read()\n\
                       c.execute('ROLLBACK')\n";
        let mut child = Command::new(python)
            .args(["-c", program])
            .arg(data.path().join("switchboard.db"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("python starts");
        let mut held = [0; 5];
        child.stdout.as_mut().expect("piped").read_exact(&mut held).expect("it holds the lock");
        Self(child)
    }

    fn release(mut self) {
        drop(self.0.stdin.take());
        assert!(self.0.wait().expect("our own child").success());
    }
}

#[test]
fn a_lock_of_another_program_is_waited_out_and_everything_else_goes_on() {
    let data = TempDir::new().expect("a directory");
    let mut server = Server::start(ServerOptions::stored(data.path()));
    let (mut ada, _) = Json::hello("ada", server.address());
    let (mut bob, _) = Json::hello("bob", server.address());
    assert_eq!(ada.say("first"), 1);
    let holder = Holder::of(&data);
    let held: Vec<_> = ["second", "third"].map(|text| ada.start(json!({ "type": "message", "text": text }))).into();
    server.log.expect("another program holds a lock on the database");
    for _ in 0..5 {
        assert_eq!(bob.request(json!({ "type": "ping" }))["type"], "pong");
        let page = bob.request(json!({ "type": "history", "room": "lobby" }));
        assert_eq!(page["events"].as_array().map(Vec::len), Some(1), "{page}");
        std::thread::sleep(Duration::from_millis(200));
    }
    // By now the commit was given up for the time being: who comes is told what is stored, and what is said waits.
    let (mut eve, welcome) = Json::hello("eve", server.address());
    assert_eq!(welcome["rooms"][0]["seq"], 1, "{welcome}");
    let last = eve.start(json!({ "type": "message", "text": "fourth" }));
    assert_eq!(eve.request(json!({ "type": "join", "room": "other" }))["type"], "ack");
    holder.release();
    for (reference, seq) in held.iter().zip(2..) {
        let answer = ada.answer(reference);
        assert_eq!((&answer["type"], &answer["seq"]), (&json!("ack"), &json!(seq)), "{answer}");
    }
    assert_eq!(eve.answer(&last)["seq"], 4);
    for (text, seq) in ["second", "third", "fourth"].into_iter().zip(2..) {
        assert_eq!(bob.message(text)["seq"], seq);
    }
    drop((ada, bob, eve));
    server.stop();
}

#[test]
fn the_server_ends_in_time_while_a_lock_is_held() {
    let data = TempDir::new().expect("a directory");
    let mut server = Server::start(ServerOptions::stored(data.path()));
    let (mut ada, _) = Json::hello("ada", server.address());
    assert_eq!(ada.say("first"), 1);
    let holder = Holder::of(&data);
    let waits = ada.start(json!({ "type": "message", "text": "second" }));
    server.log.expect("another program holds a lock on the database");
    assert_eq!(ada.request(json!({ "type": "ping" }))["type"], "pong");
    let begun = Instant::now();
    server.signal(switchboard_e2e::Signal::TERM);
    assert_eq!(ada.answer(&waits)["code"], "shutting_down");
    assert!(server.wait().success());
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    holder.release();
}

#[test]
fn files_that_are_deleted_or_replaced_end_the_server_soon() {
    type Harm = fn(&std::path::Path);
    let harms: [(&str, Harm); 5] = [
        ("the database", |data| fs::remove_file(data.join("switchboard.db")).expect("a database")),
        ("the log", |data| fs::remove_file(data.join("switchboard.db-wal")).expect("a log")),
        ("another database", |data| {
            fs::copy(data.join("switchboard.db"), data.join("copy")).expect("a copy");
            fs::rename(data.join("copy"), data.join("switchboard.db")).expect("a move");
        }),
        ("the directory", |data| fs::remove_dir_all(data).expect("a directory")),
        ("another directory", |data| {
            fs::rename(data, data.with_extension("moved")).expect("a move");
            fs::create_dir(data).expect("a directory");
        }),
    ];
    for (what, harm) in harms {
        let place = TempDir::new().expect("a directory");
        let data = place.path().join("data");
        let mut server = Server::start(ServerOptions::stored(&data));
        let (mut ada, _) = Json::hello("ada", server.address());
        assert_eq!(ada.say("stored"), 1);
        harm(&data);
        let begun = Instant::now();
        let closing = ada.event("closing");
        assert_eq!(closing["code"], "storage_failed", "{what}: {closing}");
        assert!(begun.elapsed() < Duration::from_secs(10), "{what}: {:?}", begun.elapsed());
        drop(ada);
        assert_eq!(server.wait().code(), Some(STORAGE_FAILED), "{what}");
        server.log.expect("was deleted or replaced by another program");
    }
}

#[test]
fn a_second_server_is_refused_also_without_the_lock_file_and_before_it_listens() {
    let data = TempDir::new().expect("a directory");
    let mut server = Server::start(ServerOptions::stored(data.path()));
    let (mut ada, _) = Json::hello("ada", server.address());
    assert_eq!(ada.say("first"), 1);
    for _ in 0..2 {
        let (status, why) = Server::refused(ServerOptions::stored(data.path()));
        assert_eq!(status.code(), Some(1), "{why}");
        assert!(why.contains("is in use by another process"), "{why}");
        let _ = fs::remove_file(data.path().join("switchboard.lock"));
    }
    // The directory is found to be in use before the port is found to be taken, so the port is not taken first.
    let port = format!("127.0.0.1:{}", server.port());
    let (_, why) = Server::refused(ServerOptions::stored(data.path()).listen(&port));
    assert!(why.contains("is in use by another process"), "{why}");
    // And a port that is taken is said as clearly as ever.
    let elsewhere = TempDir::new().expect("a directory");
    let (_, why) = Server::refused(ServerOptions::stored(elsewhere.path()).listen(&port));
    assert!(why.contains("cannot listen on"), "{why}");
    assert_eq!(ada.say("second"), 2);
    server.assert_alive();
}

#[test]
fn a_directory_that_others_can_read_is_warned_of() {
    use std::os::unix::fs::PermissionsExt as _;
    let data = TempDir::new().expect("a directory");
    for (mode, is_warned) in [(0o700, false), (0o750, true), (0o755, true)] {
        fs::set_permissions(data.path(), fs::Permissions::from_mode(mode)).expect("our own directory");
        let log = Server::start(ServerOptions::stored(data.path())).stop();
        assert_eq!(log.contains("other users of this machine can get at the data directory"), is_warned, "{log}");
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        if let Some(mut stdin) = self.0.stdin.take() {
            let _ = stdin.flush();
        }
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
