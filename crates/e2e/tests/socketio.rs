//! Socket.IO: the official clients, unmodified, and what they share the room with.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use switchboard_e2e::{PATIENCE, Program, Response, Server, ServerOptions, http_raw, require_tool};
use tempfile::TempDir;

/// Where the clients' programs are.
const JS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/js");
const PYTHON: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/python");

/// One for everybody, and one for the clients of each parser.
const NAMESPACES: &str = "socketio.namespaces=[\"/game\",\"/packed others msgpack\",\"/plain all json\"]";

fn server() -> Server {
    Server::start(ServerOptions::ephemeral().set(NAMESPACES).set("limits.messages_per_second=0"))
}

fn url(server: &Server) -> String {
    format!("http://localhost:{}", server.port())
}

/// A program of Node's, with the official client that `cargo xtask test` installed.
fn node(script: &str) -> Command {
    let installed = Path::new(JS).join("node_modules/socket.io-client");
    assert!(installed.is_dir(), "{} is not there: run `npm ci` in {JS} first", installed.display());
    let mut command = Command::new(require_tool("node", "Debian package nodejs"));
    command.arg(format!("{JS}/{script}"));
    command
}

/// A program of Python's, with the packages that `cargo xtask test` installed.
fn python(script: &str) -> Command {
    let python = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/socketio-venv/bin/python"));
    assert!(python.is_file(), "{} is not there: run `cargo xtask socketio-clients` first", python.display());
    let mut command = Command::new(python);
    command.arg(format!("{PYTHON}/{script}"));
    command
}

fn run(name: &str, command: &mut Command) {
    Program::start(name, command).finish();
}

#[test]
fn the_official_client_by_polling_only() {
    let server = server();
    run("polling", node("client.mjs").args(["polling", &url(&server)]));
}

#[test]
fn the_official_client_by_websocket_only() {
    let server = server();
    run("websocket", node("client.mjs").args(["websocket", &url(&server)]));
}

#[test]
fn the_official_client_as_it_is_with_the_upgrade() {
    let server = server();
    run("upgrade", node("client.mjs").args(["upgrade", &url(&server)]));
}

#[test]
fn the_official_client_with_base64_only() {
    let server = server();
    run("base64", node("client.mjs").args(["base64", &url(&server)]));
}

#[test]
fn the_official_client_with_the_msgpack_parser() {
    let server = server();
    run("msgpack", node("client.mjs").args(["msgpack", &url(&server)]));
}

#[test]
fn the_official_client_over_tls() {
    let data = TempDir::new().expect("a directory");
    let options = ServerOptions::stored(data.path()).arg("--tls-self-signed").set(NAMESPACES);
    let server = Server::start(options.set("limits.messages_per_second=0"));
    for manner in ["websocket", "upgrade", "polling"] {
        run(manner, node("client.mjs").args([manner, &format!("https://localhost:{}", server.port())]));
    }
}

#[test]
fn compression_for_who_offers_it() {
    let server = Server::start(
        ServerOptions::ephemeral()
            .set(NAMESPACES)
            .set("limits.messages_per_second=0")
            .set("limits.commands_per_second=0")
            .set("websocket.compression=true"),
    );
    run("compression", node("compression.mjs").arg(url(&server)));
}

#[test]
fn everything_a_front_end_does_goes_compressed_too() {
    let server = Server::start(
        ServerOptions::ephemeral()
            .set(NAMESPACES)
            .set("limits.messages_per_second=0")
            .set("websocket.compression=true")
            .set("websocket.compression_min=0"),
    );
    for manner in ["websocket", "upgrade", "msgpack", "base64"] {
        run(manner, node("client.mjs").args([manner, &url(&server)]));
    }
}

#[test]
fn python_with_threads_and_with_asyncio_on_every_transport() {
    let server = server();
    for manner in ["sync", "async"] {
        for transport in ["polling", "websocket", "upgrade"] {
            run(&format!("{manner} {transport}"), python("client.py").args([manner, transport, &url(&server)]));
        }
    }
}

#[test]
fn a_client_that_comes_back_is_recovered_and_given_what_it_missed() {
    let data = TempDir::new().expect("a directory");
    let options = || {
        ServerOptions::stored(data.path())
            .set(NAMESPACES)
            .set("socketio.recovery=true")
            .set("limits.messages_per_second=0")
            .set("limits.commands_per_second=0")
            .set("limits.events_per_second=0")
            .set("limits.event_deliveries_per_second=0")
    };
    let mut server = Server::start(options().listen("0"));
    let port = server.port();
    let mut client = Program::start("recovery", node("recovery.mjs").arg(url(&server)));
    client.out.expect("restart");
    let _ = server.stop();
    server = Server::start(options().listen(&port.to_string()));
    client.say("restarted");
    client.out.expect("done");
    client.finish();
    let _ = server.stop();
}

#[test]
fn without_recovery_a_client_is_given_nothing_that_nobody_emitted() {
    let server = server();
    run("plain", node("plain.mjs").arg(url(&server)));
}

#[test]
fn a_page_that_counts_messages_is_given_those_it_has_not_seen() {
    let options = ServerOptions::ephemeral().arg("--message-event").arg("chat message");
    let server = Server::start(options.set("limits.messages_per_second=0"));
    run("offsets", node("offsets.mjs").arg(url(&server)));
}

#[test]
fn no_poll_is_answered_with_more_packets_than_the_strictest_client_takes() {
    let server = Server::start(ServerOptions::ephemeral().set(NAMESPACES).set("limits.commands_per_second=0"));
    let open = || {
        let opened = request(&server, "GET /socket.io/?EIO=4&transport=polling", "");
        let (_, rest) = opened.body.split_once("\"sid\":\"").expect("a handshake");
        let (sid, _) = rest.split_once('"').expect("a handshake");
        format!("/socket.io/?EIO=4&transport=polling&sid={sid}")
    };
    let poll = |path: &str| -> Vec<String> {
        request(&server, &format!("GET {path}"), "").body.split('\u{1e}').map(str::to_owned).collect()
    };
    let post = |path: &str, body: &str| {
        let headers = format!("Content-Length: {}\r\n\r\n{body}", body.len());
        assert_eq!(request(&server, &format!("POST {path}"), &headers).body, "ok");
    };
    let (sender, receiver) = (open(), open());
    for path in [&sender, &receiver] {
        post(path, "40/game,");
        assert!(poll(path)[0].starts_with("40/game,{\"sid\":"));
    }
    let events: Vec<String> = (0..100).map(|number| format!("42/game,[\"n\",{number}]")).collect();
    post(&sender, &format!("{}\u{1e}42/game,7[\"all\"]", events.join("\u{1e}")));
    assert!(poll(&sender)[0].starts_with("43/game,7"), "all of it was passed on");
    let mut heard = Vec::new();
    let mut sizes = Vec::new();
    while heard.last().is_none_or(|packet| packet != "42/game,[\"all\"]") {
        let packets = poll(&receiver);
        sizes.push(packets.len());
        heard.extend(packets);
    }
    assert_eq!(heard[..100], events);
    assert!(sizes.iter().all(|size| *size <= 16) && sizes.contains(&16), "{sizes:?}");
}

#[test]
fn the_get_started_page_works_in_the_same_room_as_everybody() {
    let folder = TempDir::new().expect("a directory");
    std::fs::write(folder.path().join("index.html"), "<h1>mine").expect("a file");
    let folder = folder.path().to_str().expect("a plain path");
    let options = ServerOptions::ephemeral().arg("--static").arg(folder).arg("--message-event").arg("chat message");
    let server = Server::start(options);
    let page = request(&server, "GET /", "");
    assert!(page.body.contains("<h1>mine"), "{}", page.body);
    let script = request(&server, "GET /socket.io/socket.io.js", "");
    assert!(script.status == 200 && script.body.contains("Socket.IO v4"), "{}", script.head);
    run("getting started", node("started.mjs").arg(url(&server)));
}

#[test]
fn a_crowd_that_polls_and_a_crowd_of_websockets_hear_the_same_in_the_same_order() {
    let server = Server::start(
        ServerOptions::ephemeral()
            .set("limits.messages_per_second=0")
            .set("limits.session_ttl=\"30s\"")
            .set("socketio.recovery=true")
            .set("limits.handshakes=0")
            .listen("http://127.0.0.1:0"),
    );
    run("crowd", node("crowd.mjs").args([&format!("http://{}", server.address()), "120", "100"]));
}

fn request(server: &Server, line: &str, headers: &str) -> Response {
    let host = format!("localhost:{}", server.port());
    let text = format!("{line} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{headers}\r\n");
    http_raw(server.address(), text.as_bytes())
}

#[test]
fn each_row_of_the_table_of_errors_is_answered_before_any_upgrade() {
    let server = server();
    let upgrade = "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    for (line, headers, status, body) in [
        ("GET /socket.io/", "", 400, r#"{"code":0,"message":"Transport unknown"}"#),
        ("GET /socket.io/?EIO=4&transport=abc", "", 400, r#"{"code":0,"message":"Transport unknown"}"#),
        ("GET /socket.io/?EIO=4&transport=__proto__", "", 400, r#"{"code":0,"message":"Transport unknown"}"#),
        ("GET /socket.io/?EIO=4&transport=polling&sid=abc", "", 400, r#"{"code":1,"message":"Session ID unknown"}"#),
        ("POST /socket.io/?EIO=4&transport=polling", "", 400, r#"{"code":2,"message":"Bad handshake method"}"#),
        ("PUT /socket.io/?EIO=4&transport=polling", "", 400, r#"{"code":2,"message":"Bad handshake method"}"#),
        ("GET /socket.io/?EIO=4&transport=websocket", "", 400, r#"{"code":3,"message":"Bad request"}"#),
        ("GET /socket.io/?EIO=3&transport=polling", "", 400, r#"{"code":5,"message":"Unsupported protocol version"}"#),
        ("GET /socket.io/?EIO=abc&transport=websocket", upgrade, 400, r#""code":5"#),
        ("GET /socket.io/?EIO=4&transport=abc", upgrade, 400, r#""code":0"#),
        ("GET /socket.io/?EIO=4&transport=websocket&sid=abc", upgrade, 400, r#""code":1"#),
        ("GET /socket.io/?EIO=4&transport=polling", upgrade, 400, r#""code":3"#),
    ] {
        let answer = request(&server, line, headers);
        assert_eq!(answer.status, status, "{line}: {}", answer.body);
        assert!(answer.body.contains(body), "{line}: {}", answer.body);
    }
}

#[test]
fn a_front_end_on_another_port_may_connect_and_a_foreign_one_is_told_why_not() {
    let server = server();
    let open = "GET /socket.io/?EIO=4&transport=polling";
    let near = request(&server, open, "Origin: http://localhost:5173\r\n");
    assert_eq!(near.status, 200);
    assert_eq!(near.header("access-control-allow-origin"), Some("http://localhost:5173"));
    assert_eq!(near.header("access-control-allow-credentials"), Some("true"));
    assert_eq!(near.header("cache-control"), Some("no-store"));
    let wrong = request(&server, "GET /socket.io/?EIO=4&transport=abc", "Origin: http://localhost:5173\r\n");
    assert_eq!(wrong.status, 400);
    assert_eq!(wrong.header("access-control-allow-origin"), Some("http://localhost:5173"), "on errors, too");
    let asks = "Origin: http://localhost:5173\r\nAccess-Control-Request-Headers: x-mine\r\n";
    let preflight = request(&server, "OPTIONS /socket.io/?EIO=4&transport=polling", asks);
    assert_eq!(preflight.status, 204);
    assert_eq!(preflight.header("access-control-allow-headers"), Some("x-mine"));
    let foreign = request(&server, open, "Origin: https://evil.example\r\n");
    assert_eq!(foreign.status, 403);
    assert!(foreign.body.contains("evil.example") && foreign.body.contains("http.origins"), "{}", foreign.body);
    let bound = request(&server, open, "Origin: null\r\n");
    assert_eq!(bound.status, 403);
}

#[test]
fn sessions_that_poll_are_counted_where_their_clients_are() {
    let server = Server::start(
        ServerOptions::ephemeral().set("server.trusted_proxies=127.0.0.0/8,::1/128").set("limits.connections_per_ip=2"),
    );
    let open = |from: &str| {
        let headers = format!("X-Forwarded-For: {from}\r\n");
        request(&server, "GET /socket.io/?EIO=4&transport=polling", &headers)
    };
    let first = open("192.0.2.1");
    assert_eq!((first.status, open("192.0.2.1").status), (200, 200));
    let refused = open("192.0.2.1");
    assert_eq!((refused.status, &*refused.body), (503, "limits.connections_per_ip (2) reached\n"));
    assert_eq!(open("192.0.2.2").status, 200, "somebody else");
    let (_, rest) = first.body.split_once("\"sid\":\"").expect("a handshake");
    let (sid, _) = rest.split_once('"').expect("a handshake");
    let close = format!("POST /socket.io/?EIO=4&transport=polling&sid={sid}");
    assert_eq!(request(&server, &close, "X-Forwarded-For: 192.0.2.1\r\nContent-Length: 1\r\n\r\n1").status, 200);
    let begun = Instant::now();
    while open("192.0.2.1").status != 200 {
        assert!(begun.elapsed() < PATIENCE, "its place is given back");
    }
    assert_eq!(open("192.0.2.1").status, 503);
}
