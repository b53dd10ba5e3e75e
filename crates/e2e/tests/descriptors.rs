//! Descriptors used up by idle connections: who is here goes on, and what is acknowledged is stored.

use std::net::TcpStream;
use std::time::Duration;

use serde_json::json;
use switchboard_e2e::{Json, Log, Server, ServerOptions, process};
use tempfile::TempDir;

const LIMIT: usize = 128;

#[test]
fn messages_are_stored_while_no_descriptor_is_left() {
    let data = TempDir::new().expect("a directory");
    let limit = format!("ulimit -n {LIMIT}; exec \"$@\"");
    let options = ServerOptions::stored(data.path())
        .set("limits.messages_per_second=0")
        .set("limits.commands_per_second=0")
        .set("limits.connections_per_ip=0");
    let mut server = Server::start(options.wrapper(&["sh", "-c", &limit, "sh"]));
    let (mut ada, _) = Json::hello("ada", server.address());
    let (mut bob, _) = Json::hello("bob", server.address());
    let mut idle = Vec::new();
    for _ in 0..2 * LIMIT {
        idle.extend(TcpStream::connect_timeout(&server.address(), Duration::from_secs(5)).ok());
        // Where the server keeps some descriptors for itself, it refuses before they are used up.
        if process::open_files(server.id()) >= LIMIT {
            break;
        }
    }
    // Enough commits for the log to be made longer, to be begun anew, and for everything to be indexed behind them.
    let text = "x".repeat(3_000);
    for number in 1..=400 {
        assert_eq!(ada.say(&format!("{number} {text}")), number);
    }
    bob.message(&format!("400 {text}"));
    let found = bob.request(json!({ "type": "search", "room": "lobby", "query": "399" }));
    assert_eq!(found["events"][0]["seq"], 399, "{found}");
    server.assert_alive();
    drop(idle);
    let mut log = Log::default();
    log.read_on(server.address());
    assert_eq!(log.last(), 400);
    server.stop();
}
