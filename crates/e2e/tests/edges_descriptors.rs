//! Descriptors that run out: the server lets in no more connections than it has room for, says so, and goes on.

use std::io::Read;
use std::net::{Shutdown, TcpStream};
use std::time::Instant;

use switchboard_e2e::process::open_files;
use switchboard_e2e::{Json, PATIENCE, Server, ServerOptions, http_get, require_tool};
use tempfile::TempDir;

const DESCRIPTORS: usize = 200;

#[test]
fn connections_are_held_to_the_descriptors_that_there_are() {
    let prlimit = require_tool("prlimit", "util-linux");
    let data = TempDir::new().expect("a directory");
    let limit = format!("--nofile={DESCRIPTORS}:{DESCRIPTORS}");
    let mut server = Server::start(ServerOptions::stored(data.path()).set("server.shards=2").wrapper(&[
        &prlimit.display().to_string(),
        &limit,
        "--",
    ]));
    server.log.expect("limits.connections_total (100000) is more than");
    server.log.expect("reserve=");
    let line = server.log.text();
    assert!(line.contains("descriptors=200"), "{line}");
    let room: usize = line
        .split("connections=")
        .nth(1)
        .and_then(|rest| rest.split_whitespace().next()?.parse().ok())
        .unwrap_or_else(|| panic!("no number of connections: {line}"));
    assert!((50..150).contains(&room), "{line}");
    let (mut ada, _) = Json::hello("ada", server.address());
    // As many as there is room for, and as many again that are turned away.
    let mut idle: Vec<TcpStream> =
        (0..2 * DESCRIPTORS).map(|_| TcpStream::connect(server.address()).expect("a place in the queue")).collect();
    let refused = idle.split_off(room - 1);
    for mut stream in refused {
        stream.set_read_timeout(Some(PATIENCE)).expect("a socket option");
        // Closed without a word, at once or with a reset.
        let count = stream.read(&mut [0; 64]).unwrap_or(0);
        assert_eq!(count, 0, "one more than there is room for was let in");
    }
    let open = open_files(server.id());
    assert!(open < DESCRIPTORS, "{open} of {DESCRIPTORS} descriptors are open: there is some reserve");
    // Whoever is in goes on, and what is said is stored.
    for number in 0..20 {
        ada.say(&format!("number {number}"));
    }
    server.assert_alive();
    // With those who leave there is room again.
    for stream in &idle {
        stream.shutdown(Shutdown::Both).expect("a connection");
    }
    let deadline = Instant::now() + PATIENCE;
    while http_get(server.address(), "/healthz").status != 200 {
        assert!(Instant::now() < deadline, "no room after they left");
    }
    let metrics = http_get(server.address(), "/metrics").body;
    assert!(metrics.contains("switchboard_limit_hits_total{limit=\"connections_total\"}"), "{metrics}");
    server.stop();
}
