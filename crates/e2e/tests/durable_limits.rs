//! What the store refuses to open is refused in plain words, and left byte for byte as it was.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;

use switchboard_e2e::{Json, Server, ServerOptions};
use tempfile::TempDir;

/// The exit code of a server that cannot start.
const CANNOT_START: i32 = 1;

const LOG: &str = "switchboard.db-wal";

/// Every file of a directory, whole, with its times.
fn contents(directory: &Path) -> BTreeMap<String, (Vec<u8>, std::time::SystemTime)> {
    fs::read_dir(directory)
        .expect("a directory")
        .map(|entry| {
            let entry = entry.expect("an entry");
            let modified = entry.metadata().and_then(|metadata| metadata.modified()).expect("a time");
            let name = entry.file_name().to_string_lossy().into_owned();
            (name, (fs::read(entry.path()).expect("a file"), modified))
        })
        .collect()
}

/// A server on `data` refuses to start, with these words, and changes nothing.
fn assert_refused(what: &str, data: &Path, words: &[&str]) {
    let before = contents(data);
    let (status, said) = Server::refused(ServerOptions::stored(data));
    assert_eq!(status.code(), Some(CANNOT_START), "{what}: {said}");
    for word in words {
        assert!(said.contains(word), "{what}: no {word:?} in {said}");
    }
    assert!(said.contains(&*data.display().to_string()), "{what}: which one? {said}");
    assert!(!said.contains("panicked"), "{what}: {said}");
    let after = contents(data);
    assert!(before.keys().eq(after.keys()), "{what}: {:?} became {:?}", before.keys(), after.keys());
    for (name, (bytes, modified)) in before {
        assert!(after[&name].0 == bytes, "{what}: {name} was changed");
        assert!(after[&name].1 == modified, "{what}: {name} was written");
    }
}

/// A running server with some history.
fn with_history(data: &Path) -> Server {
    let server = Server::start(ServerOptions::stored(data).set("limits.messages_per_second=0"));
    let (mut ada, _) = Json::hello("ada", server.address());
    for number in 1..=100 {
        ada.say(&format!("message {number}: {}", "words and more words ".repeat(20)));
    }
    server
}

/// A data directory whose history is in the write-ahead log: the server was killed.
fn in_the_log() -> TempDir {
    let data = TempDir::new().expect("a directory");
    with_history(data.path()).kill();
    assert!(data.path().join(LOG).metadata().expect("a log").len() > 0);
    data
}

/// A data directory whose history is in the database alone.
fn in_one_file() -> TempDir {
    let data = TempDir::new().expect("a directory");
    with_history(data.path()).stop();
    assert!(!data.path().join(LOG).exists());
    data
}

fn overwrite(file: &Path, at: u64, bytes: &[u8]) {
    let mut file = fs::File::options().write(true).open(file).expect("a file");
    file.seek(SeekFrom::Start(at)).expect("a place");
    file.write_all(bytes).expect("a write");
}

#[test]
fn a_second_server_on_the_same_directory_is_refused_and_the_first_goes_on() {
    let data = TempDir::new().expect("a directory");
    let server = Server::start(ServerOptions::stored(data.path()));
    let (mut ada, _) = Json::hello("ada", server.address());
    assert_eq!(ada.say("one"), 1);
    assert_refused("in use", data.path(), &["is in use by another process", "--data-dir"]);
    assert_eq!(ada.say("two"), 2);
    server.kill();
    // The lock died with its owner.
    let server = Server::start(ServerOptions::stored(data.path()));
    assert_eq!(Json::hello("ada", server.address()).0.say("three"), 3);
    server.stop();
}

#[test]
fn a_damaged_database_is_refused_and_left_as_it_is() {
    type Damage = fn(&Path);
    let cases: [(&str, bool, Damage); 8] = [
        ("not a database", false, |file| overwrite(file, 0, b"something else\0\0")),
        ("text instead", false, |file| fs::write(file, "Dear diary\n").expect("a write")),
        ("noise instead of its first page", false, |file| overwrite(file, 16, &[0xa5; 3_000])),
        ("noise in the middle", false, |file| {
            let pages = fs::metadata(file).expect("a file").len() / 4_096;
            assert!(pages > 8, "the history is too short for this test");
            for page in 2..pages {
                overwrite(file, page * 4_096, &[0xa5; 64]);
            }
        }),
        ("cut in half", false, |file| {
            let length = fs::metadata(file).expect("a file").len();
            fs::File::options().write(true).open(file).and_then(|file| file.set_len(length / 2)).expect("a cut");
        }),
        ("cut to a few bytes", false, |file| {
            fs::File::options().write(true).open(file).and_then(|file| file.set_len(50)).expect("a cut");
        }),
        ("noise at the head of its log", true, |file| {
            overwrite(&file.with_file_name(LOG), 0, &[0xa5; 32]);
        }),
        ("gone, with its log still there", true, |file| fs::remove_file(file).expect("a file")),
    ];
    let (stopped, killed) = (in_one_file(), in_the_log());
    for (what, with_log, damage) in cases {
        let data = TempDir::new().expect("a directory");
        for entry in fs::read_dir(if with_log { killed.path() } else { stopped.path() }).expect("a directory") {
            let entry = entry.expect("an entry");
            fs::copy(entry.path(), data.path().join(entry.file_name())).expect("a copy");
        }
        damage(&data.path().join("switchboard.db"));
        assert_refused(what, data.path(), &["is damaged", "restore a backup"]);
    }
}

#[test]
fn a_server_that_stopped_in_order_leaves_its_whole_history_in_one_file() {
    let data = TempDir::new().expect("a directory");
    with_history(data.path()).stop();
    let left: Vec<String> = contents(data.path()).into_keys().collect();
    assert_eq!(left, ["switchboard.db", "switchboard.lock", "switchboard.mark"]);
}

#[test]
fn a_database_of_a_later_release_is_refused_and_left_as_it_is() {
    let data = in_one_file();
    // The user's version of an SQLite database is at byte 60 (SQLite's file format, section 1.3).
    overwrite(&data.path().join("switchboard.db"), 60, &9_999_u32.to_be_bytes());
    assert_refused("newer", data.path(), &["9999", "later"]);
}

#[test]
fn a_directory_that_cannot_be_one_is_refused() {
    let home = TempDir::new().expect("a directory");
    let file = home.path().join("file");
    fs::write(&file, "a file").expect("a write");
    let (status, said) = Server::refused(ServerOptions::stored(&file));
    assert_eq!(status.code(), Some(CANNOT_START), "{said}");
    assert!(said.contains(&*file.display().to_string()), "{said}");
    assert_eq!(fs::read(&file).expect("a file"), b"a file");
}
