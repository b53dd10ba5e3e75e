//! Polls that wait, for which the server keeps nothing of HTTP: nobody can tell from the wire.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Instant;

use switchboard_e2e::process::{require_connections, resident_bytes};
use switchboard_e2e::{Json, Line, PATIENCE, Server, ServerOptions, WebSocket, http_get, http_raw};

/// A poll that asks for nothing special.
const PLAIN: &str = "GET / HTTP/1.1\r\n";

/// A server whose sessions hear nothing by themselves; `/echo` gives back what it gets.
fn server(shards: usize) -> Server {
    Server::start(options().set(&format!("server.shards={shards}")))
}

fn options() -> ServerOptions {
    let options = ServerOptions::ephemeral().listen("http://127.0.0.1:0").set("socketio.recovery=false");
    let options = options.set("socketio.ping_interval=5m").set("limits.messages_per_second=0");
    options.set("socketio.namespaces=[\"/echo all\"]")
}

/// Waits until so many polls are parked.
fn wait_for_parked(server: &Server, polls: usize) {
    let (wanted, begun) = (format!("\nswitchboard_parked_polls {polls}\n"), Instant::now());
    while !http_get(server.address(), "/metrics").body.contains(&wanted) {
        assert!(begun.elapsed() < PATIENCE, "there are not {polls} polls that wait");
    }
}

/// A session that polls.
struct Session<'a> {
    server: &'a Server,
    target: String,
}

impl<'a> Session<'a> {
    /// Opened at an endpoint.
    fn open(server: &'a Server, endpoint: &str) -> Self {
        Self::open_on(&mut Kept::connect(server), server, endpoint)
    }

    fn open_on(kept: &mut Kept, server: &'a Server, endpoint: &str) -> Self {
        let target = format!("{endpoint}?EIO=4&transport=polling");
        let handshake = kept.get(server, &target);
        let sid = handshake.split('"').nth(3).unwrap_or_else(|| panic!("no handshake: {handshake}"));
        Self { server, target: format!("{target}&sid={sid}") }
    }

    /// One that is in a namespace and was told so.
    fn joined(server: &'a Server) -> Self {
        let session = Self::open(server, "/socket.io/");
        session.post("40/echo,");
        let welcome = http_get(server.address(), &session.target).body;
        assert!(welcome.starts_with("40/echo,{\"sid\":"), "{welcome}");
        session
    }

    /// Has `/echo` say something to it.
    fn hear(&self, text: &str) {
        self.post(&heard(text));
    }

    fn post(&self, body: &str) {
        let (address, len) = (self.server.address(), body.len());
        let head = format!("POST {} HTTP/1.1\r\nHost: {address}\r\nConnection: close", self.target);
        let answer = http_raw(address, format!("{head}\r\nContent-Length: {len}\r\n\r\n{body}").as_bytes());
        assert_eq!((answer.status, &*answer.body), (200, "ok"));
    }

    /// Waits until something waits for its poll.
    fn wait_for_news(&self) {
        let begun = Instant::now();
        while http_get(self.server.address(), "/wires.json").body.contains("\"outbox_bytes\":0,") {
            assert!(begun.elapsed() < PATIENCE, "nothing comes");
        }
    }

    /// The bytes of a poll that begins as `like` does: a request line whose target is replaced, and header lines.
    fn poll(&self, like: &str) -> String {
        format!("{}Host: {}\r\n\r\n", like.replacen(" / ", &format!(" {} ", self.target), 1), self.server.address())
    }

    fn assert_ends(&self) {
        let begun = Instant::now();
        while http_get(self.server.address(), &self.target).status != 400 {
            assert!(begun.elapsed() < PATIENCE, "the session lives on");
        }
    }
}

/// What `/echo` sends, and what it hears for it.
fn heard(text: &str) -> String {
    format!("42/echo,[\"said\",\"{text}\"]")
}

/// A connection that is used for one request after the other.
struct Kept(Line);

impl Kept {
    fn connect(server: &Server) -> Self {
        Self(Line::connect("HTTP", server.address()))
    }

    /// One on which a poll waits.
    fn polling(session: &Session<'_>) -> Self {
        let mut kept = Self::connect(session.server);
        kept.0.send(session.poll(PLAIN).as_bytes());
        wait_for_parked(session.server, 1);
        kept
    }

    /// An answer's head but for its date, and its body.
    fn answer(&mut self) -> (String, String) {
        let mut head = self.0.heard.expect("\r\n\r\n");
        let field = |name: &str| {
            let from = head.find(name).unwrap_or_else(|| panic!("no {name:?}: {head}")) + name.len();
            from..from + head[from..].find("\r\n").expect("a line end")
        };
        let (length, date) = (head[field("content-length: ")].parse(), field("date: "));
        assert_eq!(date.len(), "Sun, 06 Nov 1994 08:49:37 GMT".len(), "{head}");
        head.replace_range(date, "");
        (head, self.0.heard.exactly(length.expect("a number")))
    }

    fn body(&mut self) -> String {
        self.answer().1
    }

    fn get(&mut self, server: &Server, target: &str) -> String {
        self.0.send(format!("GET {target} HTTP/1.1\r\nHost: {}\r\n\r\n", server.address()).as_bytes());
        self.body()
    }

    fn assert_goes_on(&mut self, server: &Server) {
        assert_eq!(self.get(server, "/healthz"), "ok\n");
    }
}

#[test]
fn a_poll_that_waited_is_answered_to_the_byte_like_one_that_did_not() {
    let likes = [
        (PLAIN, true),
        ("GET / HTTP/1.1\r\nConnection: close\r\n", false),
        ("GET / HTTP/1.1\r\nConnection: x\r\nConnection: keep-alive, Close\r\n", false),
        ("GET / HTTP/1.0\r\n", false),
        ("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n", true),
        ("GET / HTTP/1.1\r\nOrigin: http://localhost:5173\r\n", true),
        ("GET / HTTP/1.1\r\nOrigin: http://localhost:5173\r\nAccept-Encoding: gzip\r\n", true),
        ("GET / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 0\r\n", true),
    ];
    for shards in [1, 3] {
        let server = server(shards);
        let session = Session::joined(&server);
        for (like, goes_on) in likes {
            for text in ["a".to_owned(), "b".repeat(3_000)] {
                session.hear(&text);
                session.wait_for_news();
                let mut at_once = Kept::connect(&server);
                at_once.0.send(session.poll(like).as_bytes());
                let expected = at_once.answer();
                let mut waiting = Kept::connect(&server);
                waiting.0.send(session.poll(like).as_bytes());
                wait_for_parked(&server, 1);
                session.hear(&text);
                assert_eq!(waiting.answer(), expected, "{like}");
                for mut kept in [at_once, waiting] {
                    if goes_on {
                        kept.assert_goes_on(&server);
                    } else {
                        assert_eq!(kept.0.heard.expect_end(), "", "{like}");
                    }
                }
            }
        }
    }
}

#[test]
fn a_poll_with_a_body_is_answered_too() {
    let server = server(1);
    let session = Session::joined(&server);
    let mut kept = Kept::connect(&server);
    kept.0.send(session.poll("GET / HTTP/1.1\r\nContent-Length: 3\r\n").as_bytes());
    kept.0.send(b"abc");
    session.hear("a");
    assert_eq!(kept.body(), heard("a"));
    kept.assert_goes_on(&server);
}

#[test]
fn a_connection_serves_a_hundred_polls() {
    for shards in [1, 3] {
        let server = server(shards);
        let session = Session::joined(&server);
        let mut kept = Kept::connect(&server);
        for number in 0..100 {
            kept.0.send(session.poll(PLAIN).as_bytes());
            if number % 10 == 0 {
                wait_for_parked(&server, 1);
            }
            session.hear(&number.to_string());
            assert_eq!(kept.body(), heard(&number.to_string()));
        }
    }
}

#[test]
fn what_comes_behind_a_poll_that_waits_is_answered_after_it_and_in_order() {
    const REQUESTS: usize = 300;
    let server = server(1);
    let session = Session::joined(&server);
    let poll = session.poll(PLAIN);
    let health = format!("GET /healthz HTTP/1.1\r\nHost: {}\r\n\r\n", server.address());
    // In the read that brings the poll, and in later ones.
    for in_one_piece in [true, false] {
        let mut kept = Kept::connect(&server);
        if in_one_piece {
            kept.0.send(format!("{poll}{health}{poll}").as_bytes());
            wait_for_parked(&server, 1);
        } else {
            kept.0.send(poll.as_bytes());
            wait_for_parked(&server, 1);
            kept.0.send(health.as_bytes());
            kept.0.send(poll.as_bytes());
        }
        // More than one read takes, and a request that comes in two pieces.
        let many = health.repeat(REQUESTS);
        kept.0.send(&many.as_bytes()[..many.len() - 5]);
        session.hear("first");
        assert_eq!(kept.body(), heard("first"));
        assert_eq!(kept.body(), "ok\n");
        session.hear("second");
        assert_eq!(kept.body(), heard("second"));
        for _ in 1..REQUESTS {
            assert_eq!(kept.body(), "ok\n");
        }
        kept.0.send(&many.as_bytes()[many.len() - 5..]);
        assert_eq!(kept.body(), "ok\n");
    }
}

#[test]
fn a_poll_behind_answers_that_nobody_reads_does_not_lose_them() {
    // More than the kernel keeps of what a client does not read.
    const REQUESTS: usize = 40_000;
    let server = server(1);
    let session = Session::joined(&server);
    let mut stream = TcpStream::connect(server.address()).expect("a connection");
    socket2::SockRef::from(&stream).set_recv_buffer_size(65_536).expect("a socket option");
    let mut writer = stream.try_clone().expect("a descriptor");
    let head = format!("HEAD /healthz HTTP/1.1\r\nHost: {}\r\n\r\n", server.address());
    let poll = session.poll("GET / HTTP/1.1\r\nConnection: close\r\n");
    let asking = std::thread::spawn(move || writer.write_all(format!("{}{poll}", head.repeat(REQUESTS)).as_bytes()));
    session.hear("a");
    let mut answers = String::new();
    stream.read_to_string(&mut answers).expect("answers to the end");
    asking.join().expect("a thread").expect("a connection");
    assert_eq!(answers.matches("HTTP/1.1 200 OK\r\n").count(), REQUESTS + 1);
    assert!(answers.ends_with(&heard("a")), "{}", &answers[answers.len() - 100..]);
}

#[test]
fn a_poll_whose_client_says_that_it_is_done_ends_its_session() {
    for shards in [1, 3] {
        let server = server(shards);
        let session = Session::joined(&server);
        let mut kept = Kept::polling(&session);
        kept.0.half_close();
        assert_eq!(kept.0.heard.expect_end(), "");
        session.assert_ends();
        wait_for_parked(&server, 0);
    }
}

#[test]
fn a_poll_whose_client_goes_in_the_middle_of_its_answer_ends_its_session() {
    // More than the kernel keeps of what a client does not read.
    const MESSAGES: usize = 20;
    let options = options().set("limits.outbox_bytes=64MiB").set("server.shards=1");
    let server = Server::start(options);
    let session = Session::joined(&server);
    let text = "x".repeat(900_000);
    for _ in 0..MESSAGES {
        session.hear(&text);
    }
    let mut stream = TcpStream::connect(server.address()).expect("a connection");
    stream.write_all(session.poll(PLAIN).as_bytes()).expect("a server that reads");
    wait_for_parked(&server, 1);
    drop(stream);
    // Before that is noticed, another poll would be the client that has come back.
    wait_for_parked(&server, 0);
    session.assert_ends();
}

#[test]
fn a_poll_that_waits_is_let_go_for_a_websocket() {
    for shards in [1, 3] {
        let server = server(shards);
        let session = Session::joined(&server);
        let mut kept = Kept::polling(&session);
        let path = session.target.replace("polling", "websocket");
        let mut socket = WebSocket::connect("a WebSocket", server.address(), &path);
        socket.say("2probe");
        assert_eq!(socket.expect("probe"), "3probe");
        assert_eq!(kept.body(), "6");
        socket.say("5");
        socket.say("42/echo,[\"moved\"]");
        assert_eq!(socket.expect(""), "42/echo,[\"moved\"]");
        kept.assert_goes_on(&server);
    }
}

#[test]
fn a_connection_whose_poll_waits_is_counted_and_its_session_is_shown() {
    let server = Server::start(options().set("limits.connections_total=3"));
    let mut connections = [Kept::connect(&server), Kept::connect(&server)];
    for kept in &mut connections {
        let session = Session::open_on(kept, &server, "/socket.io/");
        kept.0.send(session.poll(PLAIN).as_bytes());
    }
    let mut third = Kept::connect(&server);
    let begun = Instant::now();
    while !third.get(&server, "/metrics").contains("\nswitchboard_parked_polls 2\n") {
        assert!(begun.elapsed() < PATIENCE, "they do not wait");
    }
    let wires = third.get(&server, "/wires.json");
    assert_eq!(wires.matches("\"via\":\"polling\"").count(), 2, "{wires}");
    assert_eq!(http_get(server.address(), "/healthz").status, 0, "there is no place for a fourth");
    connections[0].0.half_close();
    let begun = Instant::now();
    while http_get(server.address(), "/healthz").status != 200 {
        assert!(begun.elapsed() < PATIENCE, "its place is given back");
    }
    third.assert_goes_on(&server);
}

#[test]
fn polls_that_wait_are_told_that_the_server_stops() {
    let server = server(3);
    let mut connections: Vec<_> = (0..20).map(|_| Kept::connect(&server)).collect();
    for kept in &mut connections {
        let session = Session::open_on(kept, &server, "/socket.io/");
        kept.0.send(session.poll(PLAIN).as_bytes());
    }
    wait_for_parked(&server, 20);
    server.stop();
    for mut kept in connections {
        assert_eq!(kept.body(), "1");
    }
}

#[test]
fn the_pages_sessions_wait_in_the_same_way() {
    let server = Server::start(ServerOptions::ephemeral().listen("127.0.0.1:0"));
    let session = Session::open(&server, "/poll/");
    session.post("4{\"type\":\"hello\",\"nick\":\"ada\"}");
    let mut kept = Kept::connect(&server);
    let hear = |kept: &mut Kept, wanted: &str| {
        let begun = Instant::now();
        loop {
            kept.0.send(session.poll(PLAIN).as_bytes());
            let body = kept.body();
            if body.contains(wanted) {
                break;
            }
            assert!(begun.elapsed() < PATIENCE, "no {wanted}: {body}");
        }
    };
    hear(&mut kept, "\"type\":\"welcome\"");
    let (mut bob, _) = Json::hello("bob", server.address());
    hear(&mut kept, "\"nick\":\"bob\"");
    kept.0.send(session.poll(PLAIN).as_bytes());
    wait_for_parked(&server, 1);
    bob.say("hi");
    let body = kept.body();
    assert!(body.contains("\"text\":\"hi\""), "{body}");
}

/// Sessions that poll, at the same time.
const SESSIONS: usize = 1_500;
/// The most that one of them may cost in the server with the connection on which its poll waits, in bytes, even in a
/// debug build.
const BYTES_MAX: f64 = 8_192.0;
/// Opened before the first reading, so that what is allocated once is not counted.
const FIRST: usize = 300;

#[test]
fn a_session_whose_poll_waits_costs_little() {
    require_connections(SESSIONS);
    let server = Server::start(options().set("server.shards=1").set("log.level=warn"));
    let mut connections = Vec::with_capacity(SESSIONS);
    let mut open = |count: usize| {
        for _ in 0..count {
            let session = Session::joined(&server);
            let mut stream = TcpStream::connect(server.address()).expect("a connection");
            stream.write_all(session.poll(PLAIN).as_bytes()).expect("a request");
            connections.push(stream);
        }
        wait_for_parked(&server, connections.len());
        resident_bytes(server.id())
    };
    let before = open(FIRST);
    let grown = open(SESSIONS - FIRST).saturating_sub(before);
    let each = grown as f64 / (SESSIONS - FIRST) as f64;
    println!("{each:.0} bytes for each of {SESSIONS} sessions that poll");
    assert!(each < BYTES_MAX, "{each:.0} bytes for each");
}
