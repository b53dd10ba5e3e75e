//! Engine.IO on the wire, by hand: what the official suites try by their titles, and each row of the table of errors that
//! needs a session. Each request comes on a connection of its own, and so to any shard.

use std::time::{Duration, Instant};

use switchboard_e2e::{Asked, PATIENCE, Response, Server, ServerOptions, WebSocket, http_raw};
use tokio_tungstenite::tungstenite::Message;

const UNKNOWN: &str = r#"{"code":1,"message":"Session ID unknown"}"#;
const BAD_REQUEST: &str = r#"{"code":3,"message":"Bad request"}"#;

/// A server on which nothing happens by itself: its pings are far away, and `/echo` gives back what it gets.
fn server() -> Server {
    Server::start(options().set("socketio.ping_interval=5m"))
}

fn options() -> ServerOptions {
    let options = ServerOptions::ephemeral().listen("http://127.0.0.1:0").set("socketio.recovery=false");
    options.set("socketio.namespaces=[\"/echo all\"]").set("limits.messages_per_second=0")
}

/// One client's session that polls.
struct Session<'a> {
    server: &'a Server,
    sid: String,
}

impl<'a> Session<'a> {
    fn open(server: &'a Server) -> Self {
        let answer = request(server, "GET", "transport=polling", "", "");
        assert_eq!(answer.status, 200, "{}", answer.body);
        let sid = answer.body.split('"').nth(3).expect("a handshake").to_owned();
        Self { server, sid }
    }

    /// One that is in a namespace and was told so.
    fn joined(server: &'a Server) -> Self {
        let session = Self::open(server);
        assert_eq!(session.post("40/echo,").body, "ok");
        let welcome = session.get().body;
        assert!(welcome.starts_with("40/echo,{\"sid\":"), "{welcome}");
        session
    }

    fn query(&self) -> String {
        format!("transport=polling&sid={}", self.sid)
    }

    fn get(&self) -> Response {
        request(self.server, "GET", &self.query(), "", "")
    }

    fn post(&self, body: &str) -> Response {
        request(self.server, "POST", &self.query(), "", body)
    }

    /// A poll whose answer is waited for later.
    fn poll(&self) -> Asked {
        Asked::begin(self.server.address(), text(self.server, "GET", &self.query(), "", "").as_bytes())
    }

    /// Hears back what it says.
    fn assert_lives(&self) {
        assert_eq!(self.post("42/echo,[\"alive\"]").body, "ok");
        assert_eq!(self.get().body, "42/echo,[\"alive\"]");
    }

    /// Polls until it is told that there is no such session.
    fn assert_ends(&self) {
        let begun = Instant::now();
        loop {
            let answer = self.get();
            if answer.status == 400 {
                return assert_eq!(answer.body, UNKNOWN);
            }
            assert!(begun.elapsed() < PATIENCE, "the session lives on: {}", answer.body);
        }
    }

    /// A WebSocket that probes, and has its answer.
    fn probe(&self) -> WebSocket {
        let mut socket = self.socket();
        socket.say("2probe");
        assert_eq!(socket.expect("probe"), "3probe");
        socket
    }

    fn socket(&self) -> WebSocket {
        let path = format!("/socket.io/?EIO=4&transport=websocket&sid={}", self.sid);
        WebSocket::connect("a WebSocket", self.server.address(), &path)
    }
}

fn text(server: &Server, method: &str, query: &str, headers: &str, body: &str) -> String {
    let (host, len) = (server.address(), body.len());
    format!(
        "{method} /socket.io/?EIO=4&{query} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\
         Content-Length: {len}\r\n{headers}\r\n{body}"
    )
}

fn request(server: &Server, method: &str, query: &str, headers: &str, body: &str) -> Response {
    http_raw(server.address(), text(server, method, query, headers, body).as_bytes())
}

fn websocket(server: &Server) -> WebSocket {
    WebSocket::connect("a WebSocket", server.address(), "/socket.io/?EIO=4&transport=websocket")
}

#[test]
fn sends_and_receives_payloads_of_one_and_of_several_packets_and_of_bytes() {
    let server = server();
    let session = Session::joined(&server);
    session.assert_lives();
    let three = ["42/echo,[\"a\"]", "42/echo,[\"b\"]", "42/echo,[\"c\"]"].join("\u{1e}");
    assert_eq!(session.post(&three).body, "ok");
    assert_eq!(session.get().body, three, "in one poll");
    let bytes = "451-/echo,[\"bytes\",{\"_placeholder\":true,\"num\":0}]\u{1e}bAQIDBA==";
    assert_eq!(session.post(bytes).body, "ok");
    assert_eq!(session.get().body, bytes);
    let waiting = session.poll();
    assert_eq!(session.post("42/echo,[\"later\"]").body, "ok");
    assert_eq!(waiting.answer().body, "42/echo,[\"later\"]", "whether the poll is there before it or after it");
}

#[test]
fn closes_the_session_upon_invalid_packets_and_bodies() {
    let server = server();
    for body in ["abc", "7", "", "b!", "2", "2probe", "4abc", "42/echo,[\"a\"]\u{1e}x"] {
        let session = Session::joined(&server);
        let answer = session.post(body);
        assert_eq!((answer.status, &*answer.body), (400, BAD_REQUEST), "{body:?}");
        session.assert_ends();
    }
    let session = Session::joined(&server);
    let binary = request(&server, "POST", &session.query(), "Content-Type: application/octet-stream\r\n", "4hello");
    assert_eq!((binary.status, &*binary.body), (400, BAD_REQUEST));
    session.assert_ends();
}

#[test]
fn takes_what_is_strange_and_harmless() {
    let server = server();
    let session = Session::joined(&server);
    for body in ["3", "0", "5", "6", "3\u{1e}6"] {
        let answer = session.post(body);
        assert_eq!((answer.status, &*answer.body), (200, "ok"), "{body:?}");
    }
    for method in ["PUT", "DELETE", "PATCH"] {
        let answer = request(&server, method, &session.query(), "", "");
        assert_eq!((answer.status, &*answer.body), (400, BAD_REQUEST), "{method}");
    }
    let origin = request(&server, "GET", "transport=polling", "Origin: http://\u{e9}\r\n", "");
    assert_eq!((origin.status, &*origin.body), (400, BAD_REQUEST), "no origin at all");
    session.assert_lives();
}

#[test]
fn a_session_that_is_not_known_is_not_known_to_any_request() {
    let server = server();
    let known = Session::open(&server);
    let (first, rest) = known.sid.split_at(1);
    let other = if first == "A" { "B" } else { "A" };
    for sid in ["abc".to_owned(), String::new(), format!("{other}{rest}"), format!("{}x", known.sid)] {
        for method in ["GET", "POST"] {
            let answer = request(&server, method, &format!("transport=polling&sid={sid}"), "", "3");
            assert_eq!((answer.status, &*answer.body), (400, UNKNOWN), "{method} {sid}");
        }
    }
}

#[test]
fn a_body_over_the_limit_is_refused_in_words_and_ends_the_session() {
    let server = Server::start(options().set("socketio.max_payload=1KiB"));
    let session = Session::joined(&server);
    let fits = format!("42/echo,[\"a\",\"{}\"]", "x".repeat(1_024 - 16));
    assert_eq!((fits.len(), &*session.post(&fits).body), (1_024, "ok"));
    assert_eq!(session.get().body, fits);
    let answer = session.post(&format!("{fits} "));
    assert_eq!(answer.status, 413);
    assert!(answer.body.contains("socketio.max_payload (1024 bytes)"), "{}", answer.body);
    session.assert_ends();
}

#[test]
fn closes_the_session_upon_duplicate_poll_requests() {
    let server = server();
    let session = Session::joined(&server);
    let polls = [session.poll(), session.poll()];
    let mut answers = polls.map(Asked::answer);
    answers.sort_unstable_by_key(|answer| answer.status);
    assert_eq!((answers[0].status, &*answers[0].body), (200, "1"), "the one that waited");
    assert_eq!((answers[1].status, &*answers[1].body), (400, BAD_REQUEST), "the one too many");
    session.assert_ends();
}

#[test]
fn closes_the_session_upon_two_posts_at_once() {
    let server = server();
    let session = Session::joined(&server);
    let whole = text(&server, "POST", &session.query(), "", "3");
    let mut slow = Asked::begin(server.address(), &whole.as_bytes()[..whole.len() - 1]);
    // As soon as the server has the head of the one, it has no use for another.
    let begun = Instant::now();
    while session.post("3").status == 200 {
        assert!(begun.elapsed() < PATIENCE, "the other one is refused");
    }
    slow.go_on(b"3");
    assert_eq!(slow.answer().status, 400, "the session is closed");
    session.assert_ends();
}

#[test]
fn a_post_that_is_refused_before_its_body_came_is_answered() {
    let server = server();
    for round in 1..=300 {
        let session = Session::open(&server);
        let whole = text(&server, "POST", &session.query(), "", "3");
        let begin = || Asked::begin(server.address(), &whole.as_bytes()[..whole.len() - 1]);
        // One of them is one too many, if it comes before the other is done, and ends the session for both.
        for mut post in [begin(), begin()] {
            post.go_on(b"3");
            let status = post.answer().status;
            assert!(matches!(status, 200 | 400), "round {round}: {status}");
        }
    }
}

#[test]
fn closes_the_session_upon_a_cancelled_poll_request() {
    let server = server();
    let session = Session::joined(&server);
    let begun = Instant::now();
    loop {
        let waiting = session.poll();
        // It may have come when this is answered, and has come at last when the server is not too busy.
        session.post("3");
        drop(waiting);
        if session.post("3").status == 400 {
            return session.assert_ends();
        }
        assert!(begun.elapsed() < PATIENCE, "the session lives on");
    }
}

#[test]
fn forcefully_closes_a_session_that_polls() {
    let server = server();
    let session = Session::joined(&server);
    let waiting = session.poll();
    assert_eq!(session.post("1").body, "ok");
    let let_go = waiting.answer();
    assert!(let_go.body == "6" || let_go.body == UNKNOWN, "it is let go, unless it came too late: {}", let_go.body);
    session.assert_ends();
}

#[test]
fn forcefully_closes_a_websocket() {
    let server = server();
    let mut socket = websocket(&server);
    socket.expect("0{\"sid\":");
    socket.say("1");
    assert_eq!(socket.expect_close().map(|frame| frame.code.into()), Some(1_000_u16));
}

#[test]
fn the_first_ping_comes_after_its_interval_and_no_answer_ends_the_session() {
    let interval = Duration::from_millis(300);
    let server = Server::start(options().set("socketio.ping_interval=300ms").set("socketio.ping_timeout=200ms"));
    let begun = Instant::now();
    let session = Session::open(&server);
    assert_eq!(session.get().body, "2");
    assert!(begun.elapsed() >= interval, "it comes after {:?}", begun.elapsed());
    session.assert_ends();
    let begun = Instant::now();
    let mut socket = websocket(&server);
    assert!(socket.expect("").starts_with("0{"));
    assert_eq!(socket.expect(""), "2");
    assert!(begun.elapsed() >= interval, "it comes after {:?}", begun.elapsed());
    let _ = socket.expect_close();
}

#[test]
fn sends_pings_and_receives_pongs() {
    // Who is slow on a busy machine has time.
    let server = Server::start(options().set("socketio.ping_interval=100ms").set("socketio.ping_timeout=1m"));
    let session = Session::open(&server);
    let mut socket = websocket(&server);
    socket.expect("0{");
    for _ in 0..3 {
        assert_eq!(session.get().body, "2");
        assert_eq!(session.post("3").body, "ok");
        assert_eq!(socket.expect(""), "2");
        socket.say("3");
    }
}

#[test]
fn closes_a_connection_that_joins_nothing() {
    let server = Server::start(options().set("socketio.connect_timeout=100ms"));
    let session = Session::open(&server);
    let mut socket = websocket(&server);
    let _ = socket.expect_close();
    session.assert_ends();
}

#[test]
fn what_breaks_the_rules_closes_a_websocket() {
    let server = server();
    for text in ["abc", "", "2", "7", "b!", "4abc", "47", "42{}", "42abc[\"message-with-ack\"]"] {
        let mut socket = websocket(&server);
        socket.expect("0{");
        socket.say("40/echo,");
        socket.expect("40/echo,{");
        socket.say(text);
        assert!(socket.expect_close().is_some(), "{text:?}");
    }
    let mut socket = websocket(&server);
    socket.expect("0{");
    socket.send(Message::binary(vec![1])).expect("a connection");
    assert!(socket.expect_close().is_some(), "bytes that nothing announced are no packet of either parser");
}

#[test]
fn upgrades_from_polling_to_a_websocket() {
    let server = server();
    let session = Session::joined(&server);
    let mut socket = session.probe();
    assert_eq!(session.get().body, "6", "a poll is let go, so that the client can say that it takes over");
    assert_eq!(session.post("42/echo,[\"waits\"]").body, "ok", "until then, polling works");
    socket.say("5");
    socket.say("42/echo,[\"hello\"]");
    assert_eq!(socket.expect(""), "42/echo,[\"waits\"]", "what waited comes first, once");
    assert_eq!(socket.expect(""), "42/echo,[\"hello\"]");
    let late = session.get();
    assert_eq!((late.status, &*late.body), (400, BAD_REQUEST), "the id is known, and of no use");
    assert_eq!(session.post("42/echo,[\"late\"]").status, 400);
    let mut second = session.socket();
    assert!(second.expect_close().is_some(), "a second WebSocket is closed");
    socket.say("42/echo,[\"still here\"]");
    assert_eq!(socket.expect(""), "42/echo,[\"still here\"]", "and the first goes on");
}

#[test]
fn a_poll_that_races_with_the_upgrade_never_hangs() {
    let server = server();
    for _ in 0..5 {
        let session = Session::joined(&server);
        let mut socket = session.probe();
        let racing = session.poll();
        socket.say("5");
        let answer = racing.answer();
        let is_answered = matches!((answer.status, &*answer.body), (200, "6") | (400, BAD_REQUEST));
        assert!(is_answered, "{}: {}", answer.status, answer.body);
        socket.say("42/echo,[\"a\"]");
        assert_eq!(socket.expect(""), "42/echo,[\"a\"]");
        assert_eq!(session.get().status, 400);
    }
}

#[test]
fn a_probe_that_comes_to_nothing_leaves_the_polling_alone() {
    let server = Server::start(options().set("socketio.upgrade_timeout=100ms").set("socketio.ping_interval=5m"));
    for first in [Some("4hello"), Some("5"), Some("2"), None] {
        let session = Session::joined(&server);
        let mut socket = session.socket();
        match first {
            Some(text) => socket.say(text),
            None => drop(socket.stream().shutdown(std::net::Shutdown::Both)),
        }
        if first.is_some() {
            let _ = socket.expect_close();
        }
        session.assert_lives();
    }
    let session = Session::joined(&server);
    let mut silent = session.probe();
    let _ = silent.expect_close();
    session.assert_lives();
}

#[test]
fn a_websocket_that_was_probed_does_not_make_polls_spin() {
    let server = server();
    let session = Session::joined(&server);
    let _socket = session.probe();
    assert_eq!(session.get().body, "6");
    let begun = Instant::now();
    for _ in 0..3 {
        assert_eq!(session.get().body, "6");
    }
    // The first of them may have come at any time of the interval of 100 ms.
    assert!(begun.elapsed() >= Duration::from_millis(200), "three polls in {:?}", begun.elapsed());
}

#[test]
fn a_second_websocket_while_one_probes_is_closed() {
    let server = server();
    let session = Session::joined(&server);
    let mut socket = session.probe();
    let mut second = session.socket();
    assert!(second.expect_close().is_some());
    socket.say("5");
    socket.say("42/echo,[\"the first\"]");
    assert_eq!(socket.expect(""), "42/echo,[\"the first\"]");
}
