//! A request that came whole goes another way in the server than one that hyper has to read: both have to be answered the
//! same, and a connection goes from one way to the other and back.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use switchboard_e2e::process::{require_connections, resident_bytes};
use switchboard_e2e::{Asked, PATIENCE, Server, ServerOptions, http_get, require_tool};

/// Ends a connection.
const LAST: &str = "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

/// A message that the server shows in its dialects.
const MESSAGE: &str = r#"{"type":"message","room":"lobby","seq":42,"from":{"nick":"bob","session":"8d147be260fac935","via":"websocket"},"text":"hi","time":"2026-11-20T08:00:00.123Z"}"#;

fn server() -> Server {
    Server::start(ServerOptions::ephemeral().listen("http://127.0.0.1:0"))
}

/// All that is answered, without the time of day.
fn answers(server: &Server, pieces: &[&str]) -> String {
    let mut stream = TcpStream::connect(server.address()).expect("a connection");
    stream.set_nodelay(true).expect("a socket option");
    for (number, piece) in pieces.iter().enumerate() {
        if number > 0 {
            // It comes by itself, nearly always; what is asserted does not depend on it.
            std::thread::sleep(Duration::from_millis(5));
        }
        // Who hangs up does not take all.
        let _ = stream.write_all(piece.as_bytes());
    }
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("answers to the end");
    let lines = text.split_inclusive('\n').map(|line| if line.starts_with("date: ") { "date\r\n" } else { line });
    lines.collect()
}

/// The same request with a line in it that makes it one for hyper.
fn for_hyper(request: &str) -> String {
    let (line, rest) = request.trim_start().split_once("\r\n").expect("a request line");
    format!("{line}\r\nExpect: nothing\r\n{rest}")
}

#[test]
fn a_request_is_answered_the_same_on_both_ways() {
    let server = server();
    let get = |target: &str, more: &str| format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n{more}\r\n");
    let post = |target: &str, body: &str| {
        let length = body.len();
        format!("POST {target} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n{body}")
    };
    let session = "EIO=4&transport=polling&sid=AAAAAAAAAAAAAAAAAAAA";
    let document = Asked::begin(server.address(), get("/", "Accept: text/html\r\nConnection: close\r\n").as_bytes());
    let document = document.answer();
    let tag = document.header("etag").expect("a tag");
    for (request, status) in [
        (get("/", ""), 200),
        (get("/", "Accept: text/html\r\n"), 200),
        (get("/", &format!("Accept: text/html\r\nIf-None-Match: {tag}\r\n")), 304),
        (get("/healthz", ""), 200),
        (get("/healthz", "Connection: x\r\nConnection: keep-alive, Close\r\n"), 200),
        (get("http://localhost/healthz", ""), 200),
        (format!("\r\n{}", get("/healthz", "")), 200),
        (get("/healthz", "").replace("GET", "HEAD"), 200),
        (get("/nowhere", "").replace("GET", "HEAD"), 404),
        (get("/healthz", "").replace("GET", "DELETE"), 405),
        (get("/healthz", "").replace("/1.1", "/1.0"), 200),
        (get("/healthz", "Connection: Keep-Alive\r\n").replace("/1.1", "/1.0"), 200),
        ("GET /healthz HTTP/1.0\r\n\r\n".to_owned(), 200),
        (get("/about.json", ""), 200),
        (get("/nowhere", ""), 404),
        (get("/healthz", "").replace("localhost", "evil.example"), 200),
        (get("/", "").replace("localhost", "evil.example"), 421),
        (get("/", "").replace("Host: localhost\r\n", ""), 400),
        (get("/ws", ""), 426),
        (get(&format!("/socket.io/?{session}"), ""), 400),
        (get(&format!("/socket.io/?{session}"), "Origin: http://localhost:5173\r\nAccept-Encoding: gzip\r\n"), 400),
        (get("/socket.io/?EIO=3&transport=polling", ""), 400),
        (get("/socket.io/", "Origin: http://localhost:5173\r\n").replace("GET", "OPTIONS"), 204),
        (post(&format!("/socket.io/?{session}"), "2"), 400),
        (post("/healthz", "abc"), 405),
        (post("/wires/dialects", MESSAGE), 200),
        (post("/wires/dialects", "{}"), 400),
    ] {
        let whole = answers(&server, &[&request, LAST]);
        assert!(
            whole.starts_with(&format!("HTTP/1.{} {status} ", i32::from(request.contains("/1.1")))),
            "{request}{whole}"
        );
        assert_eq!(answers(&server, &[&for_hyper(&request), LAST]), whole, "{request}");
        for at in [request.len() / 2, request.len() - 1] {
            let (some, rest) = request.split_at(at);
            let pieces = answers(&server, &[some, rest, LAST]);
            // Who is refused before the body came is answered, and then there is nothing more.
            let is_same = pieces == whole || request.starts_with("POST") && whole.starts_with(&pieces);
            assert!(is_same && pieces.contains("\r\n\r\n"), "in two pieces at {at}: {request}{pieces}");
        }
        assert_eq!(answers(&server, &[&format!("{request}{LAST}")]), whole, "with the next one: {request}");
    }
}

#[test]
fn requests_follow_each_other_in_order_whichever_way_they_go() {
    let server = server();
    let ways = [
        "GET /about.json HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned(),
        "GET /healthz HTTP/1.1\r\nHost: localhost\r\nExpect: nothing\r\n\r\n".to_owned(),
        format!(
            "POST /wires/dialects HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n{MESSAGE}",
            MESSAGE.len()
        ),
        format!(
            "POST /wires/dialects HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{MESSAGE}\r\n0\r\n\r\n",
            MESSAGE.len()
        ),
        // Its body is read by nobody: it must not be taken for a request.
        format!("GET /healthz HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n{LAST}", LAST.len()),
    ];
    let alone: Vec<_> = ways.iter().map(|request| answers(&server, &[request, LAST])).collect();
    let last = answers(&server, &[LAST]);
    let alone =
        alone.iter().map(|text| text.strip_suffix(&last).unwrap_or_else(|| panic!("{text}"))).collect::<Vec<_>>();
    // Every way after every other, in one piece and each by itself.
    let order: Vec<usize> = (0..ways.len()).flat_map(|one| (0..ways.len()).flat_map(move |then| [one, then])).collect();
    let requests: Vec<&str> = order.iter().map(|way| &*ways[*way]).chain([LAST]).collect();
    let expected: String = order.iter().map(|way| alone[*way]).chain([&*last]).collect();
    assert_eq!(answers(&server, &requests), expected);
    assert_eq!(answers(&server, &[&requests.concat()]), expected);
}

#[test]
fn a_head_that_does_not_end_in_time_is_answered() {
    let server = Server::start(ServerOptions::ephemeral().listen("http://127.0.0.1:0").set("limits.header_timeout=1s"));
    let begun = Instant::now();
    let late = answers(&server, &["GET / HTTP/1.1\r\nHost:"]);
    assert!(late.starts_with("HTTP/1.1 408 "), "{late}");
    assert!(begun.elapsed() >= Duration::from_secs(1));
    // The same after a request that was answered; silence needs no answer.
    let late = answers(&server, &["GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", "GET /"]);
    assert!(late.starts_with("HTTP/1.1 200 ") && late.contains("ok\nHTTP/1.1 408 "), "{late}");
    let idle = answers(&server, &["GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"]);
    assert!(idle.starts_with("HTTP/1.1 200 ") && idle.ends_with("\r\n\r\nok\n"), "{idle}");
}

/// Says that it is over, in any case.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// The two ends of a client that only has to be quick, and its program, if it has one.
type Flood = (Box<dyn Write + Send>, Box<dyn Read + Send>, Option<Child>);

fn plain_flood(server: &Server) -> Flood {
    let stream = TcpStream::connect(server.address()).expect("a connection");
    (Box::new(stream.try_clone().expect("a descriptor")), Box::new(stream), None)
}

fn tls_flood(server: &Server) -> Flood {
    let mut openssl = Command::new(require_tool("openssl", "Debian package openssl"))
        .args(["s_client", "-quiet", "-connect", &server.address().to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("openssl runs");
    let (stdin, stdout) = (openssl.stdin.take().expect("a pipe"), openssl.stdout.take().expect("a pipe"));
    (Box::new(stdin), Box::new(stdout), Some(openssl))
}

/// How many of its requests may be answered while one of another client is. What the kernel takes in at once is some
/// thousands; over TLS a server that does not look around answers 80,000.
const FLOOD_MAX: usize = 25_000;

#[test]
fn a_client_that_sends_without_an_end_leaves_others_their_turn() {
    let options = ServerOptions::ephemeral().arg("--tls-self-signed").set("server.shards=1");
    let server = Server::start(options.set("limits.header_timeout=1s"));
    let whole = "HEAD /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n".to_owned();
    for (request, flood) in [
        (whole.clone(), plain_flood as fn(&Server) -> Flood),
        (for_hyper(&whole), plain_flood),
        (whole.clone(), tls_flood),
        (for_hyper(&whole), tls_flood),
    ] {
        let many = request.repeat(1_000);
        let (mut requests, mut answers, program) = flood(&server);
        let is_over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let sending = scope.spawn(|| {
                let mut rounds = 0;
                while !is_over.load(Ordering::Relaxed) {
                    requests.write_all(many.as_bytes()).expect("a server that reads");
                    rounds += 1;
                }
                rounds
            });
            let (begin, begun) = mpsc::channel();
            let reading = scope.spawn(move || {
                let mut text = String::new();
                answers.by_ref().take(1).read_to_string(&mut text).expect("an answer");
                begin.send(()).expect("somebody who waits for it");
                answers.read_to_string(&mut text).expect("answers to the end");
                text.matches("HTTP/1.1 200 OK\r\n").count()
            });
            let over = Over(&is_over);
            begun.recv_timeout(PATIENCE).expect("an answer");
            let others: Vec<_> = (0..20).map(|_| http_get(server.address(), "/healthz").status).collect();
            drop(over);
            // The server ends the connection when nothing comes any more.
            let (rounds, answers) = (sending.join().expect("a thread"), reading.join().expect("a thread"));
            assert_eq!((others, answers), (vec![200; 20], rounds * 1_000), "{request}");
            let each = answers / 20;
            println!("{each} requests in the time of one of another client");
            assert!(each < FLOOD_MAX, "{each} requests in the time of one of another client: {request}");
        });
        if let Some(mut program) = program {
            program.wait().expect("it ends with its connection");
        }
    }
}

/// Connections that wait for their next request.
const KEPT: usize = 1_000;
/// The most that one of them may cost in the server, in bytes.
const KEPT_BYTES_MAX: f64 = 3_072.0;

#[test]
fn a_connection_between_two_requests_costs_little() {
    require_connections(KEPT);
    let server = Server::start(ServerOptions::ephemeral().listen("http://127.0.0.1:0").set("server.shards=1"));
    for request in [
        "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "GET /healthz HTTP/1.1\r\nHost: localhost\r\nExpect: nothing\r\n\r\n",
    ] {
        let mut kept = Vec::new();
        let mut open = |count: usize| {
            for _ in 0..count {
                let mut stream = TcpStream::connect(server.address()).expect("a connection");
                stream.set_read_timeout(Some(PATIENCE)).expect("a socket option");
                stream.write_all(request.as_bytes()).expect("a request");
                let mut answer = Vec::new();
                while !answer.ends_with(b"ok\n") {
                    let mut byte = [0];
                    stream.read_exact(&mut byte).expect("an answer");
                    answer.extend(byte);
                }
                kept.push(stream);
            }
            resident_bytes(server.id())
        };
        let before = open(KEPT / 10);
        let each = open(KEPT).saturating_sub(before) as f64 / KEPT as f64;
        println!("{each:.0} bytes for each of {KEPT} connections that wait for a request");
        assert!(each < KEPT_BYTES_MAX, "{each:.0} bytes for each: {request}");
    }
}
