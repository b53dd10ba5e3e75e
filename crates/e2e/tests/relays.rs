//! Relays of Socket.IO with the official clients: names, rooms, receivers, presence, senders, patterns, and rates.

use std::path::Path;
use std::process::Command;

use switchboard_e2e::{Program, Server, ServerOptions, http_raw, require_tool};
use tempfile::TempDir;

/// Where the clients' programs are.
const JS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/js");

const NAMESPACES: &str = "socketio.namespaces=[\"/game\",\"/other\",\"/lounge presence\",\"/signed from\",\
                          \"/loud all from\",\"/table-* presence\",\"/wide-*\"]";

fn options() -> ServerOptions {
    // Without an additional argument.
    ServerOptions::ephemeral().set(NAMESPACES).set("socketio.recovery=\"0s\"")
}

fn url(server: &Server) -> String {
    format!("http://localhost:{}", server.port())
}

fn run(case: &str, server: &Server, more: &[&str]) {
    let installed = Path::new(JS).join("node_modules/socket.io-client");
    assert!(installed.is_dir(), "{} is not there: run `npm ci` in {JS} first", installed.display());
    let mut command = Command::new(require_tool("node", "Debian package nodejs"));
    command.arg(format!("{JS}/relays.mjs")).args([case, &url(server)]).args(more);
    Program::start(case, &mut command).finish();
}

#[test]
fn every_name_that_official_servers_take_is_passed_on() {
    let folder = TempDir::new().expect("a directory");
    std::fs::write(folder.path().join("index.html"), "<h1>mine").expect("a file");
    let server = Server::start(options().arg("--static").arg(folder.path().to_str().expect("a plain path")));
    run("names", &server, &["/game", "/"]);
}

#[test]
fn rooms_are_called_as_their_clients_call_them_and_receivers_are_found() {
    run("rooms", &Server::start(options()), &[]);
}

#[test]
fn what_msgpack_has_more_than_json_arrives() {
    run("msgpack", &Server::start(options()), &[]);
}

#[test]
fn bytes_in_every_form_of_base64_arrive() {
    run("base64", &Server::start(options()), &[]);
}

#[test]
fn a_drawing_at_sixty_events_a_second_is_seen_whole_with_the_usual_limits() {
    run("drawing", &Server::start(options()), &[]);
}

#[test]
fn who_is_refused_for_too_many_events_is_told() {
    let limits = options().set("limits.events_per_second=1").set("limits.event_burst=10");
    run("rates", &Server::start(limits.set("limits.event_deliveries_per_second=20")), &[]);
}

#[test]
fn presence_tells_who_comes_who_goes_and_who_is_there() {
    run("presence", &Server::start(options()), &[]);
}

#[test]
fn the_sender_of_an_event_cannot_be_forged() {
    run("from", &Server::start(options()), &[]);
}

#[test]
fn namespaces_of_a_pattern_are_each_by_themselves_and_bounded() {
    run("patterns", &Server::start(options().set("limits.namespaces=3")), &[]);
    run("many", &Server::start(options()), &[]);
}

#[test]
fn the_clients_scripts_are_in_the_program_at_whatever_path() {
    run("script", &Server::start(options()), &["/socket.io/"]);
    let server = Server::start(options().set("socketio.path=\"/my/io/\""));
    run("script", &server, &["/my/io/"]);
    let host = format!("localhost:{}", server.port());
    let request = format!("GET /socket.io/socket.io.js HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    assert_eq!(http_raw(server.address(), request.as_bytes()).status, 404, "it is elsewhere");
}
