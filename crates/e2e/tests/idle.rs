//! Many connections that say nothing: what each costs, and what happens when there are more than descriptors.

use std::net::{SocketAddr, TcpStream};

use switchboard_e2e::process::{open_files, require_connections, resident_bytes};
use switchboard_e2e::{Json, Kind, Line, Server, ServerOptions, hear};

/// Connections of one kind at the same time.
const CONNECTIONS: usize = 10_000;
/// The most that one may cost in the server, in bytes, even in a debug build.
const BYTES_MAX: f64 = 8_192.0;
/// Opened before the first reading, so that what is allocated once is not counted.
const FIRST: usize = 2 * AT_ONCE;
/// Connections that greet at the same time.
const AT_ONCE: usize = 200;

fn open(kind: Kind, count: usize, address: SocketAddr, into: &mut Vec<TcpStream>) {
    let mut left = count;
    while left > 0 {
        let some = left.min(AT_ONCE);
        left -= some;
        let mut opened: Vec<TcpStream> = (0..some).map(|_| kind.open(address, None)).collect();
        for stream in &mut opened {
            kind.settle(stream);
        }
        into.append(&mut opened);
    }
}

#[test]
fn ten_thousand_idle_connections_cost_little_each_and_disturb_nobody() {
    require_connections(CONNECTIONS);
    for kind in Kind::ALL {
        // A server for each: no kind lives in the memory that another has left.
        let mut server = Server::start(ServerOptions::ephemeral().set("log.level=warn"));
        let address = server.address();
        let mut connections = Vec::with_capacity(CONNECTIONS);
        open(kind, FIRST, address, &mut connections);
        let before = resident_bytes(server.id());
        open(kind, CONNECTIONS - FIRST, address, &mut connections);
        let grown = resident_bytes(server.id()).saturating_sub(before);
        let each = grown as f64 / (CONNECTIONS - FIRST) as f64;
        println!("{kind:?}: {each:.0} bytes for each of {CONNECTIONS} idle connections");
        assert!(each < BYTES_MAX, "{kind:?}: {each:.0} bytes for each");
        assert!(open_files(server.id()) > CONNECTIONS);
        // Among ten thousand, somebody says something and everybody hears it.
        let (mut ada, welcome) = Json::hello("ada", address);
        let members = 1 + if matches!(kind, Kind::Text) { 0 } else { CONNECTIONS };
        assert_eq!(welcome["rooms"][0]["members"], members, "who is silent is not counted");
        ada.say("hello everybody");
        for stream in &mut connections {
            hear(stream, "hello everybody");
        }
        server.assert_alive();
    }
}

#[test]
fn when_descriptors_are_used_up_the_log_says_so_and_accepting_goes_on_when_some_are_free() {
    // Fewer than are kept for the server itself, so that not even the least number of connections has room.
    let options =
        ServerOptions::ephemeral().set("server.shards=2").wrapper(&["sh", "-c", "ulimit -n 42; exec \"$@\"", "sh"]);
    let mut server = Server::start(options);
    let address = server.address();
    let (mut ada, _) = Json::hello("ada", address);
    let mut others: Vec<TcpStream> =
        (0..80).map(|_| TcpStream::connect(address).expect("the kernel takes it")).collect();
    server.log.expect("cannot accept connections");
    // Those who are there are not disturbed.
    ada.say("still here");
    others.truncate(5);
    let mut late = Line::greeted("late", address);
    late.say("here at last");
    ada.message("here at last");
    server.assert_alive();
}
