//! A history that is damaged is refused with what to do, and `switchboard check` says what is wrong with it.

use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::json;
use switchboard_e2e::{Dice, Json, Server, ServerOptions, require_tool, switchboard};
use tempfile::TempDir;

const FRAME: u64 = 24 + 4_096;
const MESSAGES: u64 = 120;

fn check(data: &Path) -> (Option<i32>, String) {
    let home = TempDir::new().expect("a directory");
    let Output { status, stdout, stderr } =
        switchboard(home.path()).args(["check", "--data-dir"]).arg(data).output().expect("it runs");
    (status.code(), String::from_utf8_lossy(&stdout).into_owned() + &String::from_utf8_lossy(&stderr))
}

fn copy_of(data: &Path) -> TempDir {
    let copy = TempDir::new().expect("a directory");
    for entry in fs::read_dir(data).expect("a directory") {
        let entry = entry.expect("an entry");
        fs::copy(entry.path(), copy.path().join(entry.file_name())).expect("a copy");
    }
    copy
}

/// Changes a database with a program of its own.
fn sql(data: &Path, statement: &str) {
    let python = require_tool("python3", "Debian package python3");
    let program =
        "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute(sys.argv[2]); c.commit(); c.close()";
    let done = Command::new(python).args(["-c", program]).arg(data.join("switchboard.db")).arg(statement).status();
    assert!(done.expect("python starts").success(), "{statement}");
}

/// The files of a server that was killed, with all messages in the log.
fn killed() -> (TempDir, String) {
    let data = TempDir::new().expect("a directory");
    let server = Server::start(ServerOptions::stored(data.path()).set("limits.messages_per_second=0"));
    let (mut ada, welcome) = Json::hello("ada", server.address());
    for number in 1..=MESSAGES {
        assert_eq!(ada.say(&format!("message {number}")), number);
    }
    server.kill();
    (data, welcome["epoch"].as_str().expect("an epoch").to_owned())
}

#[test]
fn a_flipped_bit_in_the_log_is_refused_and_not_taken_for_its_end() {
    let (data, epoch) = killed();
    let log = fs::read(data.path().join("switchboard.db-wal")).expect("a log");
    // The file is longer than the log.
    let written = log.iter().rposition(|byte| *byte != 0).expect("a log") as u64;
    let frames = (written - 32) / FRAME;
    assert!(frames > 200, "{frames}");
    let mut dice = Dice::seeded();
    for _ in 0..12 {
        let copy = copy_of(data.path());
        // Anywhere but in the last commits, which a power cut may take as well.
        let at = 32 + dice.below((frames - 40) * FRAME);
        let path = copy.path().join("switchboard.db-wal");
        let bit = 1 << dice.below(8);
        let file = File::options().write(true).open(&path).expect("a log");
        file.write_all_at(&[log[at as usize] ^ bit], at).expect("a small write");
        let (status, why) = Server::refused(ServerOptions::stored(copy.path()));
        assert_eq!(status.code(), Some(1), "{why}");
        assert!(why.contains("is damaged: frame") && why.contains("restore a backup"), "{why}");
        let (code, said) = check(copy.path());
        assert!(code == Some(74) && said.contains("is damaged: frame"), "{code:?}: {said}");
    }
    // As it was, nothing is missing, and it is the same history.
    assert_eq!(check(data.path()).0, Some(0));
    let server = Server::start(ServerOptions::stored(data.path()));
    let (_, welcome) = Json::hello("ada", server.address());
    assert_eq!((&welcome["rooms"][0]["seq"], &welcome["epoch"]), (&json!(MESSAGES), &json!(epoch)));
    let (code, said) = check(data.path());
    assert!(code == Some(3) && said.contains("is in use"), "{code:?}: {said}");
}

#[test]
fn what_a_restore_loses_changes_the_epoch() {
    let (data, epoch) = killed();
    let epoch_of = |data: &Path| {
        let server = Server::start(ServerOptions::stored(data));
        let (client, welcome) = Json::hello("ada", server.address());
        drop(client);
        server.stop();
        welcome["epoch"].as_str().expect("an epoch").to_owned()
    };
    let backup = copy_of(data.path());
    assert_eq!(epoch_of(data.path()), epoch, "a kill loses nothing");
    assert_eq!(epoch_of(data.path()), epoch, "nor does an end");
    // Whoever has the copy cannot know what was said since.
    let restored = epoch_of(backup.path());
    assert_ne!(restored, epoch);
    assert_eq!(epoch_of(backup.path()), restored, "once is enough");
    // Also where only the contents were put back, into the same file.
    let older = fs::read(data.path().join("switchboard.db")).expect("a database");
    let server = Server::start(ServerOptions::stored(data.path()));
    let (mut ada, _) = Json::hello("ada", server.address());
    assert_eq!(ada.say("after the backup"), MESSAGES + 1);
    drop(ada);
    server.stop();
    fs::write(data.path().join("switchboard.db"), older).expect("a database");
    let (code, said) = check(data.path());
    assert!(code == Some(0) && said.contains("another epoch"), "{code:?}: {said}");
    assert_ne!(epoch_of(data.path()), epoch);
}

#[test]
fn check_finds_what_is_wrong() {
    let (data, _) = killed();
    Server::start(ServerOptions::stored(data.path())).stop();
    let (code, said) = check(data.path());
    assert!(code == Some(0) && said.contains(&format!("1 rooms, {MESSAGES} messages")), "{code:?}: {said}");
    for (statement, expected) in [
        ("DELETE FROM events WHERE seq = 50", "number 51 stands where 50 should"),
        ("DELETE FROM events WHERE seq = 120", "do not end where its record says"),
        ("UPDATE rooms SET next_seq = 120", "do not end where its record says"),
        ("UPDATE events SET time = 1 WHERE seq = 50", "the time of number 50 goes back"),
        ("UPDATE events SET room = 9 WHERE seq = 50", "number 51 stands where 50 should"),
        ("DELETE FROM words_docsize WHERE id = (SELECT pos FROM events WHERE seq = 50)", "missing in the index"),
        ("UPDATE rooms SET first_seq = 500", "its record contradicts itself"),
    ] {
        let copy = copy_of(data.path());
        sql(copy.path(), statement);
        let (code, said) = check(copy.path());
        assert!(code == Some(74) && said.contains(expected), "{statement}: {code:?}: {said}");
    }
    let nothing = TempDir::new().expect("a directory");
    assert_eq!(check(nothing.path()).0, Some(74), "there is nothing to examine");
    assert_eq!(fs::read_dir(nothing.path()).expect("a directory").count(), 0);
}
