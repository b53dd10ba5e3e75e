//! Power cuts at random moments: whatever of the last writes reached the disk, all that was acknowledged is there, without
//! a hole, and no such disk is taken for a damaged one.

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::thread;

use serde_json::json;
use switchboard_e2e::{Cut, Dice, Json, RecordedDisk, Server, ServerOptions, switchboard};
use tempfile::TempDir;

const WRITERS: usize = 4;
const MESSAGES: usize = 80;
const IMAGES_OF_EACH: usize = 10;

/// What a writer was told: where the record was then, the number, and the text.
type Acknowledged = (u64, u64, String);

fn write(writer: usize, address: SocketAddr, disk: &RecordedDisk) -> Vec<Acknowledged> {
    let (mut client, _) = Json::hello(&format!("writer-{writer}"), address);
    let mut acknowledged = Vec::new();
    for number in 0..MESSAGES {
        let long = if writer.is_multiple_of(2) { number * 37 % 3_000 } else { number % 60 };
        let text = format!("{writer} {number} {}", "x".repeat(long));
        let seq = client.say(&text);
        acknowledged.push((disk.now(), seq, text));
        if number % 10 == 9 {
            // The index goes on meanwhile, which nobody waits for.
            client.request(json!({ "type": "search", "room": "lobby", "query": "x" }));
        }
    }
    acknowledged
}

fn history(client: &mut Json) -> BTreeMap<u64, String> {
    let mut events = BTreeMap::new();
    let mut after = 0;
    loop {
        let page = client.request(json!({ "type": "history", "room": "lobby", "after": after, "limit": 200 }));
        for event in page["events"].as_array().into_iter().flatten() {
            let seq = event["seq"].as_u64().expect("a number");
            assert_eq!(seq, after + 1, "a hole");
            after = seq;
            events.insert(seq, event["text"].as_str().expect("a text").to_owned());
        }
        if page["more"] != true {
            return events;
        }
    }
}

#[test]
fn nothing_acknowledged_is_lost_and_no_cut_is_taken_for_damage() {
    let disk = RecordedDisk::new();
    let data = TempDir::new().expect("a directory");
    let options =
        ServerOptions::stored(data.path()).set("limits.messages_per_second=0").set("limits.commands_per_second=0");
    let server = Server::start(disk.under(options));
    let address = server.address();
    let acknowledged: Vec<Acknowledged> = thread::scope(|scope| {
        let disk = &disk;
        let writers: Vec<_> = (0..WRITERS).map(|writer| scope.spawn(move || write(writer, address, disk))).collect();
        writers.into_iter().flat_map(|writer| writer.join().expect("a writer")).collect()
    });
    server.kill();
    let record = disk.record();
    let mut dice = Dice::seeded();
    for number in 0..Cut::ALL.len() * IMAGES_OF_EACH {
        let cut = Cut::ALL[number % Cut::ALL.len()];
        // The first steps make the database; a server that was cut off there begins anew.
        let count = 40 + dice.below(record.len() as u64 - 40) as usize;
        let image = TempDir::new().expect("a directory");
        record.cut(count, cut, &mut dice, image.path());
        let what = format!("{cut:?} after {count} of {} steps", record.len());

        let server = Server::start(ServerOptions::stored(image.path()).set("limits.commands_per_second=0"));
        let (mut reader, _) = Json::hello("reader", server.address());
        let found = history(&mut reader);
        for (at, seq, text) in &acknowledged {
            if *at <= record.end(count) {
                assert_eq!(found.get(seq), Some(text), "{what}: number {seq} was acknowledged");
            }
        }
        assert_eq!(reader.say("after the cut"), found.len() as u64 + 1, "{what}");
        server.kill();
        if number % 10 == 0 {
            let mut check = switchboard(image.path());
            let output = check.args(["check", "--data-dir"]).arg(image.path()).output().expect("it runs");
            assert!(output.status.success(), "{what}: {}", String::from_utf8_lossy(&output.stderr));
        }
    }
    assert!(fs::metadata(data.path().join("switchboard.db-wal")).expect("a log").len() > 0);
}
