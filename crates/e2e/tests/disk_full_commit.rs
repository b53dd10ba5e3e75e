//! A disk that is full under a commit: who said something is refused, everybody else notices nothing, and the server ends
//! when it is told to; and a disk that is full from the beginning.

use std::fs::File;
use std::os::fd::AsRawFd as _;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use switchboard_e2e::{BadDisk, Fault, Json, Line, PATIENCE, Server, ServerOptions, http_get, require_tool};
use tempfile::TempDir;

/// No answer of a server whose disk is full takes longer; the grace of its end is ten seconds.
const SOON: Duration = Duration::from_secs(5);

fn texts(client: &mut Json) -> Vec<String> {
    let page = client.request(json!({ "type": "history", "room": "lobby" }));
    let events = page["events"].as_array().unwrap_or_else(|| panic!("no page: {page}"));
    events.iter().map(|event| event["text"].as_str().expect("a text").to_owned()).collect()
}

fn said(client: &mut Json, text: &str) -> Value {
    client.request(json!({ "type": "message", "text": text }))
}

/// Sends a text until it is stored and returns its `seq`; every answer before that refuses it.
fn said_when_there_is_space(client: &mut Json, text: &str) -> u64 {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let answer = said(client, text);
        if answer["type"] == "ack" {
            return answer["seq"].as_u64().expect("a number");
        }
        assert_eq!(answer["code"], "storage_full", "{answer}");
        assert!(Instant::now() < deadline, "it is never stored");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn only_what_was_said_is_refused_and_nothing_refused_is_ever_there() {
    for fault in [Fault::WritesFull, Fault::WritesOverQuota, Fault::SyncsFull] {
        let data = TempDir::new().expect("a directory");
        let disk = BadDisk::new(Duration::ZERO, Duration::ZERO);
        let mut server =
            Server::start(disk.under(ServerOptions::stored(data.path()).set("limits.messages_per_second=0")));
        let (mut ada, _) = Json::hello("ada", server.address());
        let (mut bob, _) = Json::hello("bob", server.address());
        assert_eq!(ada.say("first"), 1);
        bob.message("first");
        disk.fail(fault);
        let begun = Instant::now();
        let refused: Vec<String> = (0..20)
            .map(|number| {
                ada.start(json!({ "type": "message", "text": format!("refused {number}"), "id": id(number) }))
            })
            .collect();
        let topic = ada.start(json!({ "type": "topic", "room": "lobby", "text": "refused" }));
        // Whoever comes in the middle of it is told what is stored.
        assert_eq!(bob.request(json!({ "type": "ping" }))["type"], "pong", "{fault:?}");
        assert_eq!(texts(&mut bob), ["first"], "{fault:?}");
        let (mut eve, welcome) = Json::hello("eve", server.address());
        assert_eq!((&welcome["rooms"][0]["seq"], &welcome["rooms"][0]["topic"]), (&json!(1), &json!("")), "{fault:?}");
        assert_eq!(bob.request(json!({ "type": "search", "room": "lobby", "query": "first" }))["type"], "search");
        let _greeted = Line::greeted("zoe", server.address());
        // After a failed sync alone the process may not say that nothing of it will ever be there.
        if fault != Fault::SyncsFull {
            for reference in refused.iter().chain([&topic]) {
                let answer = ada.answer(reference);
                assert_eq!(answer["code"], "storage_full", "{fault:?}: {answer}");
            }
        }
        assert!(begun.elapsed() < SOON * 2, "{fault:?}: it took {:?}", begun.elapsed());
        assert_eq!(http_get(server.address(), "/readyz").status, 503, "{fault:?}");
        assert_eq!(said(&mut eve, "refused at once")["code"], "storage_full", "{fault:?}");
        // A restart in the middle of it: nothing refused is there.
        let copy = TempDir::new().expect("a directory");
        for entry in std::fs::read_dir(data.path()).expect("a directory") {
            let entry = entry.expect("an entry");
            std::fs::copy(entry.path(), copy.path().join(entry.file_name())).expect("a copy");
        }
        if fault != Fault::SyncsFull {
            let other = Server::start(ServerOptions::stored(copy.path()));
            assert_eq!(texts(&mut Json::hello("ada", other.address()).0), ["first"], "{fault:?}");
        }
        // And with space again the numbers have no hole.
        disk.fail(Fault::None);
        let second = said_when_there_is_space(&mut eve, "second");
        let parked = if fault == Fault::SyncsFull { 21 } else { 0 };
        assert_eq!(second, parked + 2, "{fault:?}");
        if fault == Fault::SyncsFull {
            for reference in &refused {
                assert_eq!(ada.answer(reference)["type"], "ack", "{fault:?}: what waited is stored");
            }
            assert_eq!(ada.answer(&topic)["type"], "ack");
        }
        assert_eq!(bob.message("second")["seq"], second, "{fault:?}");
        // The same ids are stored now, once.
        let again = ada.request(json!({ "type": "message", "text": "refused 0", "id": id(0) }));
        assert_eq!((&again["type"], again["duplicate"] == true), (&json!("ack"), parked > 0), "{fault:?}: {again}");
        disk.fail(fault);
        ada.start(json!({ "type": "message", "text": "under way" }));
        let begun = Instant::now();
        server.assert_alive();
        drop((ada, bob, eve, _greeted));
        server.stop();
        assert!(begun.elapsed() < SOON * 2, "{fault:?}: the end took {:?}", begun.elapsed());
    }
}

fn id(number: usize) -> String {
    format!("message-{number:016}")
}

#[test]
fn a_disk_that_is_full_from_the_beginning_is_read() {
    let _ = require_tool("unshare", "Debian package util-linux");
    let data = TempDir::new().expect("a directory");
    let server = Server::start(ServerOptions::stored(data.path()));
    let (mut ada, _) = Json::hello("ada", server.address());
    for number in 1..=20 {
        assert_eq!(ada.say(&format!("word {number}")), number);
    }
    drop(ada);
    server.stop();
    // A disk of its own, to the last byte: the history and a file that fills the rest.
    let script = "mount -t tmpfs -o size=4m,mode=700 small \"$0\" && cp \"$1\"/switchboard.* \"$0\" && \
                  { dd if=/dev/zero of=\"$0\"/filler bs=4096 2>/dev/null; shift; exec \"$@\"; }";
    let place = TempDir::new().expect("a directory");
    let (at, from) = (place.path().display().to_string(), data.path().display().to_string());
    let options = ServerOptions::stored(place.path()).set("store.free_min=1MiB");
    let server = Server::start(options.wrapper(&["unshare", "-rm", "sh", "-c", script, &at, &from]));
    let (mut ada, welcome) = Json::hello("ada", server.address());
    assert_eq!(welcome["rooms"][0]["seq"], 20, "{welcome}");
    assert_eq!(texts(&mut ada).len(), 20);
    let found = ada.request(json!({ "type": "search", "room": "lobby", "query": "word 7" }));
    assert_eq!(found["events"][0]["seq"], 7, "{found}");
    assert_eq!(said(&mut ada, "no space")["code"], "storage_full");
    let inside = place.path().strip_prefix("/").expect("an absolute path");
    let disk =
        File::open(Path::new("/proc").join(server.id().to_string()).join("root").join(inside)).expect("the disk");
    std::fs::remove_file(format!("/proc/self/fd/{}/filler", disk.as_raw_fd())).expect("a filled disk");
    assert_eq!(said_when_there_is_space(&mut ada, "space"), 21);
    drop(ada);
    server.stop();
}
