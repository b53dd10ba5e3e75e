//! Sockets that have much to read at once: one with more than its turn, with its end behind it, and many at a time.

use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, TcpStream};
use std::thread;

use serde_json::{Value, json};
use switchboard_e2e::{Json, PATIENCE, Server, ServerOptions};

/// More sockets than a shard reads before those that write have their turn.
const CROWD: usize = 600;
/// Messages of one client: over a megabyte, many times what is read of one socket before others have their turn, and more
/// than may wait for the engine.
const FLOOD: u64 = 20_000;

fn unlimited() -> ServerOptions {
    ServerOptions::ephemeral()
        .set("server.shards=1")
        .set("limits.messages_per_second=0")
        .set("limits.commands_per_second=0")
        .set("limits.connections_per_ip=0")
        .set("log.level=warn")
}

#[test]
fn all_that_came_before_the_end_is_answered_however_much_it_is() {
    // Made before there is a connection: one that says nothing for a while is taken for a person's.
    let mut bytes = json!({ "type": "hello", "nick": "flood" }).to_string() + "\n";
    for number in 1..=FLOOD {
        let message = json!({ "type": "message", "text": format!("number {number}"), "ref": number.to_string() });
        bytes += &message.to_string();
        bytes.push('\n');
    }
    for io in ["auto", "epoll"] {
        let mut server = Server::start(unlimited().set(&format!("server.io={io}")));
        let (mut bystander, _) = Json::hello("bystander", server.address());
        let stream = TcpStream::connect(server.address()).expect("a server");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        let mut writing = stream.try_clone().expect("a descriptor");
        let bytes = bytes.clone();
        let flood = thread::spawn(move || {
            writing.write_all(bytes.as_bytes()).expect("the server reads on");
            writing.shutdown(Shutdown::Write).expect("an open socket");
        });
        let mut acknowledged = 0;
        for line in BufReader::new(stream).lines() {
            let object: Value = serde_json::from_str(&line.expect("the end comes in order")).expect("JSON");
            if object["type"] == "ack" {
                acknowledged += 1;
                assert_eq!(object["ref"], acknowledged.to_string(), "with server.io = {io}");
            }
        }
        assert_eq!(acknowledged, FLOOD, "with server.io = {io}");
        flood.join().expect("it sent everything");
        bystander.message(&format!("number {FLOOD}"));
        server.assert_alive();
    }
}

#[test]
fn a_crowd_that_speaks_at_once_is_heard() {
    let mut server = Server::start(unlimited());
    let mut crowd: Vec<Json> = (0..CROWD)
        .map(|number| {
            let (mut member, _) = Json::hello(&format!("member-{number}"), server.address());
            // Six hundred who hear six hundred others are not what this is about.
            let joined = member.request(json!({ "type": "join", "room": format!("room-{number}") }));
            assert_eq!(joined["type"], "ack", "{joined}");
            member
        })
        .collect();
    for _ in 0..3 {
        let asked: Vec<String> = crowd
            .iter_mut()
            .enumerate()
            .map(|(number, member)| {
                let room = format!("room-{number}");
                member.start(json!({ "type": "message", "room": room, "text": "all at once" }))
            })
            .collect();
        for (member, reference) in crowd.iter_mut().zip(asked) {
            assert_eq!(member.answer(&reference)["type"], "ack");
        }
    }
    server.assert_alive();
}
