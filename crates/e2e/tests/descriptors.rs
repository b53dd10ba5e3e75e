//! No descriptor to be had: who is here goes on, and what is acknowledged is stored.

use std::net::TcpStream;

use rustix::process::{Pid, Resource, Rlimit, prlimit};
use serde_json::json;
use switchboard_e2e::{Json, Log, Server, ServerOptions};
use tempfile::TempDir;

/// The server's limit from now on. Below what it has open, it can open nothing more.
fn limit_descriptors(server: &Server, limit: u64) -> Rlimit {
    let id = Pid::from_raw(server.id().cast_signed()).expect("a process");
    let before = rustix::process::getrlimit(Resource::Nofile);
    let limits = Rlimit { current: Some(limit), maximum: before.maximum };
    prlimit(Some(id), Resource::Nofile, limits).expect("the limit of a child")
}

#[test]
fn messages_are_stored_while_no_descriptor_is_left() {
    let data = TempDir::new().expect("a directory");
    let options = ServerOptions::stored(data.path())
        .set("limits.messages_per_second=0")
        .set("limits.commands_per_second=0")
        .set("limits.connections_per_ip=0");
    let mut server = Server::start(options);
    let (mut ada, _) = Json::hello("ada", server.address());
    let (mut bob, _) = Json::hello("bob", server.address());
    let before = limit_descriptors(&server, 0);
    // It is in the queue of the system; the server cannot take it from there.
    let _queued = TcpStream::connect(server.address()).expect("a place in the queue");
    server.log.expect("cannot accept connections");
    // Enough commits for the log to be made longer, to be begun anew, and for everything to be indexed behind them.
    let text = "x".repeat(3_000);
    for number in 1..=400 {
        assert_eq!(ada.say(&format!("{number} {text}")), number);
    }
    bob.message(&format!("400 {text}"));
    let found = bob.request(json!({ "type": "search", "room": "lobby", "query": "399" }));
    assert_eq!(found["events"][0]["seq"], 399, "{found}");
    server.assert_alive();
    limit_descriptors(&server, before.current.expect("a limit"));
    let mut log = Log::default();
    log.read_on(server.address());
    assert_eq!(log.last(), 400);
    server.stop();
}
