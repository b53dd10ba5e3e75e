//! Connections that nobody meant as a visit, browsers' and scanners', leave no trace in a room.

use std::net::SocketAddr;
use std::process::Command;

use serde_json::Value;
use switchboard_e2e::{
    Json, Line, Program, Server, ServerOptions, WebSocket, http_get, require_chromium, require_openbsd_nc,
};
use tempfile::TempDir;

/// How often the page is loaded.
const PAGE_LOADS: usize = 20;

/// Of them, how many the machine may be too busy for: a browser whose request comes later than the silence that makes a
/// person finds a greeting where it expects an answer. Even that must leave no trace.
const GREETED_MAX: usize = PAGE_LOADS / 4;

/// A server, somebody in the lobby of it, and somebody else who makes sure that what happened was told.
struct Lobby {
    server: Server,
    witness: Json,
    other: Json,
}

impl Lobby {
    fn new() -> Self {
        let server = Server::start(ServerOptions::ephemeral());
        let (mut witness, _) = Json::hello("witness", server.address());
        let (other, _) = Json::hello("other", server.address_v6());
        witness.event("joined");
        Self { server, witness, other }
    }

    fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Nobody came and nobody went.
    #[track_caller]
    fn assert_undisturbed(&mut self, by: &str) {
        self.other.say("anybody?");
        self.witness.message("anybody?");
        let heard = self.witness.drain();
        assert_eq!(heard, [] as [Value; 0], "{by}");
        let members = self.witness.request(serde_json::json!({ "type": "members" }));
        assert_eq!(members["count"], 2, "{by}: {members}");
    }

    /// Waits until only the two are connected: what others left behind would be told by then.
    fn wait_until_alone(&self) {
        let deadline = std::time::Instant::now() + switchboard_e2e::PATIENCE;
        loop {
            let metrics = http_get(self.address(), "/metrics").body;
            let others = metrics
                .lines()
                .filter(|line| line.starts_with("switchboard_connections{") && !line.contains("protocol=\"json\""))
                .filter(|line| !line.ends_with(" 0"))
                .count();
            if others == 0 {
                return;
            }
            assert!(std::time::Instant::now() < deadline, "somebody is still connected:\n{metrics}");
        }
    }
}

#[test]
fn a_browser_that_loads_the_page_is_no_visitor() {
    let mut lobby = Lobby::new();
    let chromium = require_chromium();
    let url = format!("http://localhost:{}/", lobby.server.port());
    let mut greeted = 0;
    for load in 0..PAGE_LOADS {
        let profile = TempDir::new().expect("a directory");
        let mut browser = Program::start(
            "chromium",
            Command::new(&chromium)
                .args([
                    "--headless",
                    "--no-sandbox",
                    "--disable-gpu",
                    "--disable-quic",
                    "--disable-dev-shm-usage",
                    "--no-first-run",
                    "--disable-background-networking",
                    "--disable-component-update",
                    "--disable-sync",
                    "--dump-dom",
                ])
                .arg(format!("--user-data-dir={}", profile.path().display()))
                .env("HOME", profile.path())
                .arg(&url),
        );
        browser.wait();
        let (page, errors) = (browser.out.text(), browser.err.text());
        if errors.contains("ERR_INVALID_HTTP_RESPONSE") {
            greeted += 1;
        } else {
            assert!(page.contains("Switchboard"), "load {load} shows: {page}\n{errors}");
        }
    }
    assert!(greeted <= GREETED_MAX, "{greeted} of {PAGE_LOADS} loads were greeted as people");
    lobby.wait_until_alone();
    lobby.assert_undisturbed("a browser");
}

#[test]
fn spare_sockets_as_browsers_open_them_leave_no_trace() {
    let mut lobby = Lobby::new();
    for _ in 0..PAGE_LOADS {
        // Opened in advance and never used.
        let spare = Line::connect("spare socket", lobby.address());
        // Opened in advance, and used after the server took it for a person and greeted it.
        let mut late = Line::greeted("late socket", lobby.address());
        late.send(format!("GET / HTTP/1.1\r\nHost: {}\r\n\r\n", lobby.address()).as_bytes());
        drop(late);
        let page = http_get(lobby.address(), "/");
        assert_eq!(page.status, 200);
        drop(spare);
        // A socket for a WebSocket that never says anything.
        drop(WebSocket::connect("idle page", lobby.address(), "/ws"));
    }
    lobby.wait_until_alone();
    lobby.assert_undisturbed("spare sockets");
}

#[test]
fn port_scans_leave_no_trace() {
    let mut lobby = Lobby::new();
    let nc = require_openbsd_nc();
    let port = lobby.server.port().to_string();
    for host in ["127.0.0.1", "::1"] {
        for _ in 0..10 {
            let status = Command::new(&nc).args(["-z", host, &port]).status().expect("nc runs");
            assert!(status.success(), "nc -z {host}: {status}");
        }
    }
    // One that stays until it is greeted, and leaves without a word.
    for _ in 0..10 {
        drop(Line::greeted("scanner", lobby.address()));
    }
    lobby.wait_until_alone();
    lobby.assert_undisturbed("nc -z");
}

#[test]
fn health_checks_leave_no_trace() {
    let mut lobby = Lobby::new();
    for _ in 0..10 {
        for path in ["/healthz", "/readyz", "/metrics"] {
            assert_eq!(http_get(lobby.address(), path).status, 200, "{path}");
        }
        // A balancer knows an address and no name.
        let answer = switchboard_e2e::http_raw(lobby.address(), b"GET /healthz HTTP/1.0\r\n\r\n");
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    lobby.wait_until_alone();
    lobby.assert_undisturbed("health checks");
}

#[test]
fn measuring_is_no_visit() {
    let mut lobby = Lobby::new();
    let url = format!("tcp://{}", lobby.address());
    let status = lobby.server.command(["ping", &url, "--count", "1"]).output().expect("switchboard ping runs").status;
    assert!(status.success(), "{status}");
    lobby.assert_undisturbed("switchboard ping");
}

#[test]
fn whoever_only_listens_is_neither_announced_nor_counted() {
    let mut lobby = Lobby::new();
    let mut listener = Line::greeted("listener", lobby.address());
    lobby.assert_undisturbed("a listener");
    // It hears the room all the same, and is somebody with its first word.
    listener.heard.expect("<other> anybody?\n");
    listener.say("me!");
    let joined = lobby.witness.event("joined");
    let said = lobby.witness.message("me!");
    assert_eq!(joined["from"]["nick"], said["from"]["nick"]);
}
