//! A full disk: what cannot be stored is refused or waits, nothing acknowledged is lost, and everything goes on when
//! there is space again.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use switchboard_e2e::{
    BadDisk, Heard, Json, Log, Member, Mounted, PATIENCE, Server, ServerOptions, SmallDisk, http_get,
};
use tempfile::TempDir;

const MIB: u64 = 1 << 20;

fn said(client: &mut Json, text: &str) -> Value {
    client.request(json!({ "type": "message", "text": text }))
}

/// The log tells what the store saw; this waits until what admits messages has heard of it.
fn wait_until_writable(server: &Server, writable: bool) {
    let wanted = format!("switchboard_writable {}", u8::from(writable));
    let deadline = Instant::now() + PATIENCE;
    loop {
        let metrics = http_get(server.address(), "/metrics").body;
        if metrics.lines().any(|line| line == wanted) {
            return;
        }
        assert!(Instant::now() < deadline, "never {wanted:?}: {metrics}");
    }
}

/// A server on a copy of this disk, as after a crash.
fn revived(disk: &Mounted) -> (Server, TempDir) {
    let copy = TempDir::new().expect("a directory");
    disk.copy_to(copy.path());
    (Server::start(ServerOptions::stored(copy.path()).set("limits.commands_per_second=0")), copy)
}

#[test]
fn below_the_least_free_space_messages_are_refused_and_reading_goes_on() {
    let small = SmallDisk::new(32 * MIB);
    let mut server = Server::start(small.options().set("store.free_min=8MiB"));
    let disk = small.of(&server);
    let (mut ada, _) = Json::hello("ada", server.address());
    let (mut bob, _) = Json::hello("bob", server.address());
    for number in 1..=20 {
        assert_eq!(ada.say(&format!("before {number}")), number);
    }
    disk.fill(6 * MIB);
    server.log.expect("the disk is nearly full");
    wait_until_writable(&server, false);
    for refused in
        [said(&mut ada, "refused"), ada.request(json!({ "type": "topic", "room": "lobby", "text": "refused" }))]
    {
        assert_eq!((&refused["type"], &refused["code"]), (&json!("error"), &json!("storage_full")), "{refused}");
    }
    // Nothing else is the worse for it.
    let page = bob.request(json!({ "type": "history", "room": "lobby" }));
    assert_eq!(page["events"].as_array().map(Vec::len), Some(20), "{page}");
    let found = bob.request(json!({ "type": "search", "room": "lobby", "query": "before 7" }));
    assert_eq!(found["events"][0]["seq"], 7, "{found}");
    assert_eq!(bob.request(json!({ "type": "join", "room": "other" }))["type"], "ack");
    assert_eq!(ada.request(json!({ "type": "message", "to": "bob", "text": "psst" }))["type"], "ack");
    assert_eq!(bob.message("psst")["from"]["nick"], "ada");
    disk.empty();
    server.log.expect("there is space on the disk again");
    wait_until_writable(&server, true);
    assert_eq!(ada.say("after"), 21, "what was refused has taken no number");
    assert_eq!(bob.message("after")["seq"], 21);
    // And killed while it is full, it comes back with everything.
    disk.fill(6 * MIB);
    server.log.expect("the disk is nearly full");
    server.kill();
    let (server, _copy) = revived(&disk);
    let mut log = Log::default();
    log.read_on(server.address());
    assert_eq!(log.last(), 21);
    assert_eq!(Json::hello("ada", server.address()).0.say("again"), 22);
}

#[test]
fn a_disk_that_is_full_in_the_middle_of_a_commit_loses_nothing() {
    let small = SmallDisk::new(24 * MIB);
    // The watch looks four times a second; it cannot see what comes between.
    let bad = BadDisk::new(Duration::ZERO, Duration::ZERO);
    let options = small.options().set("store.free_min=1MiB").set("limits.messages_per_second=0");
    let mut server = Server::start(bad.under(options));
    let disk = small.of(&server);
    let mut ada = Member::new("member-ada");
    let mut bob = Member::new("member-bob");
    for member in [&mut ada, &mut bob] {
        member.connect(server.address()).expect("a server");
    }
    let text = "x".repeat(2_000);
    let mut refused = 0;
    for round in 1..=40 {
        // Commits are under way, and the disk fills.
        for _ in 0..20 {
            ada.say(&text).expect("a connection");
        }
        disk.fill(0);
        for _ in 0..20 {
            ada.say(&text).expect("a connection");
        }
        server.log.expect("the disk is nearly full");
        assert!(disk.free_bytes() < MIB);
        disk.empty();
        while ada.waiting() > 0 {
            match ada.turn().expect("a connection") {
                Heard::Acknowledged { duplicate: false, .. } | Heard::Other(_) => {}
                Heard::Refused(code) if code == "storage_full" => refused += 1,
                other => panic!("{other:?}"),
            }
        }
        server.log.expect("there is space on the disk again");
        if bad.state().writes_refused > 0 && round >= 3 {
            break;
        }
    }
    server.assert_alive();
    let writes = bad.state().writes_refused;
    println!("{writes} writes of commits found the disk full, {refused} messages were refused");
    assert!(writes > 0, "no commit ever found the disk full");
    wait_until_writable(&server, true);
    ada.say("the end").expect("a connection");
    ada.finish().expect("a connection");
    let (last, _) = ada.acknowledged().last().expect("an acknowledgement").clone();
    bob.hear_up_to(last).expect("a connection");
    server.kill();
    let (server, _copy) = revived(&disk);
    let mut log = Log::default();
    log.read_on(server.address());
    assert_eq!(log.last(), last);
    log.assert_holds(&ada);
    log.assert_holds(&bob);
}
