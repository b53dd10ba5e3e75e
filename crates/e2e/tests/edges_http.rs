//! Requests that two programs could read in two ways are refused, whoever reads them here and however they come; and
//! whoever is refused again and again is read more slowly.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::Value;
use switchboard_e2e::{Json, PATIENCE, Server, ServerOptions, http_get};

/// What follows a request that is refused is never answered, and never said.
const NEXT: &str = "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";

/// All that is answered to a request, and to what follows it, until the server closes.
fn answers(server: &Server, bytes: &[u8], step: usize) -> String {
    let mut stream = TcpStream::connect(server.address()).expect("a connection");
    stream.set_nodelay(true).expect("a socket option");
    stream.set_read_timeout(Some(PATIENCE)).expect("a socket option");
    for piece in bytes.chunks(step) {
        // A server that closed already does not take all of it.
        if stream.write_all(piece).is_err() {
            break;
        }
        if step < bytes.len() {
            // It comes by itself, nearly always; what is asserted does not depend on it.
            std::thread::sleep(Duration::from_micros(300));
        }
    }
    let mut answer = Vec::new();
    // What was not read is lost with a reset, sometimes, and never what was answered before.
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

/// Requests with something in them that is wrong.
fn wrong() -> Vec<String> {
    let head = |line: &str| format!("GET /healthz HTTP/1.1\r\nHost: localhost\r\n{line}\r\n\r\n");
    let post = |line: &str, body: &str| format!("POST /poll/ HTTP/1.1\r\nHost: localhost\r\n{line}\r\n\r\n{body}");
    let mut all: Vec<String> = [
        "Host: localhost",
        "Origin: http://localhost\r\nOrigin: http://localhost",
        "Content-Length: 0\r\nContent-Length: 1",
        "Content-Length: +5",
        "Content-Length: 0x5",
        "Content-Length: 99999999999999999999",
        "Content-Length: 0\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: gzip, chunked",
        "Transfer-Encoding : chunked",
        "X : y",
        " folded",
        "X: a\u{1}b",
        "X: a\rb",
        "X: a\nY: b",
        "Sec-WebSocket-Key: a\r\nSec-WebSocket-Key: b",
    ]
    .map(head)
    .into();
    all.extend(
        [
            "GET  /healthz HTTP/1.1",
            "GET\t/healthz HTTP/1.1",
            "GET /healthz  HTTP/1.1",
            "GET /healthz HTTP/1.1 ",
            "GET /heal thz HTTP/1.1",
        ]
        .map(|line| format!("{line}\r\nHost: localhost\r\n\r\n")),
    );
    all.push("GET /healthz HTTP/1.1\nHost: localhost\n\n".to_owned());
    all.push("GET /healthz HTTP/1.1\r\nHost: localhost\r\n\n".to_owned());
    all.push(post("Content-Length: 3\r\nContent-Length: 3", "abc"));
    all
}

/// Chunks with something in them that is wrong, for a handler that reads them.
const CHUNKS: [&str; 12] = [
    "+3\r\nabc\r\n0\r\n\r\n",
    "-3\r\nabc\r\n0\r\n\r\n",
    "0x3\r\nabc\r\n0\r\n\r\n",
    " 3\r\nabc\r\n0\r\n\r\n",
    "3 \r\nabc\r\n0\r\n\r\n",
    "3\nabc\r\n0\r\n\r\n",
    "3\r\nabc\n0\r\n\r\n",
    "3\r\nabcd\r\n0\r\n\r\n",
    "10000000000000003\r\nabc\r\n0\r\n\r\n",
    "3\r\nabc\r\n0\r\nX : y\r\n\r\n",
    "3\r\nabc\r\n0\r\n folded\r\n\r\n",
    "\r\nabc\r\n0\r\n\r\n",
];

#[test]
fn what_could_be_read_in_two_ways_is_refused_and_never_said() {
    let server = Server::start(ServerOptions::ephemeral().set("limits.http_refusals_per_second=0"));
    let (mut ada, _) = Json::hello("ada", server.address());
    for request in wrong() {
        let for_hyper = request.replacen("\r\nHost:", "\r\nExpect: nothing\r\nHost:", 1);
        for request in [request, for_hyper] {
            let bytes = format!("{request}{NEXT}").into_bytes();
            for step in [bytes.len(), 7] {
                let said = answers(&server, &bytes, step);
                assert!(said.starts_with("HTTP/1.1 400 "), "pieces of {step}: {request:?}\n{said}");
                assert_eq!(said.matches("HTTP/1.1 ").count(), 1, "pieces of {step}: {request:?}\n{said}");
            }
        }
    }
    let heard = ada.drain();
    assert_eq!(heard, [] as [Value; 0], "nobody came, and nothing was said");
}

#[test]
fn odd_chunks_are_refused_and_nothing_in_them_is_a_request() {
    let server = Server::start(ServerOptions::ephemeral().set("limits.http_refusals_per_second=0"));
    let session = || {
        let body = http_get(server.address(), "/socket.io/?EIO=4&transport=polling").body;
        body.split("\"sid\":\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a session").to_owned()
    };
    let post = |chunks: &str| {
        format!(
            "POST /socket.io/?EIO=4&transport=polling&sid={} HTTP/1.1\r\nHost: localhost\r\n\
             Transfer-Encoding: chunked\r\n\r\n{chunks}{NEXT}",
            session()
        )
        .into_bytes()
    };
    for chunks in CHUNKS {
        for step in [usize::MAX, 5] {
            let bytes = post(chunks);
            let said = answers(&server, &bytes, step.min(bytes.len()));
            assert!(said.starts_with("HTTP/1.1 400 "), "pieces of {step}: {chunks:?}\n{said}");
            assert!(!said.contains("ok\n"), "pieces of {step}: {chunks:?}\n{said}");
        }
    }
    // Those that are right go on to the next request, whatever they hold.
    for chunks in ["2;x=\"y\"\r\n40\r\n0\r\nX: y\r\n\r\n", "1\r\n4\r\n01\r\n0\r\n000\r\n\r\n"] {
        for step in [usize::MAX, 5] {
            let bytes = post(chunks);
            let said = answers(&server, &bytes, step.min(bytes.len()));
            assert_eq!(said.matches("HTTP/1.1 200 ").count(), 2, "pieces of {step}: {chunks:?}\n{said}");
            assert!(said.ends_with("ok\n"), "{said}");
        }
    }
}

#[test]
fn a_body_that_nobody_wants_is_no_request() {
    let server = Server::start(ServerOptions::ephemeral().set("limits.http_refusals_per_second=0"));
    let inner = "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n";
    for path in ["/", "/healthz", "/nowhere", "/socket.io/?EIO=4&transport=polling&sid=AAAAAAAAAAAAAAAAAAAA"] {
        for body in [
            format!("Content-Length: {}\r\n\r\n{inner}", inner.len()),
            format!("Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{inner}\r\n0\r\n\r\n", inner.len()),
        ] {
            for method in ["POST", "GET", "PUT"] {
                let request = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n{body}{NEXT}");
                for step in [usize::MAX, 9] {
                    let said = answers(&server, request.as_bytes(), step.min(request.len()));
                    assert!(!said.contains("switchboard_"), "pieces of {step}: {request:?}\n{said}");
                    assert!(said.matches("HTTP/1.1 ").count() <= 2, "pieces of {step}: {request:?}\n{said}");
                }
            }
        }
    }
}

#[test]
fn who_is_refused_again_and_again_waits_and_others_do_not() {
    let server = Server::start(
        ServerOptions::ephemeral().set("limits.http_refusals_per_second=10").set("limits.http_refusals=60"),
    );
    // A refusal that does not end its connection.
    let refused = "GET /socket.io/?EIO=3&transport=polling HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let begun = Instant::now();
    let said = answers(&server, refused.repeat(1_000).as_bytes(), usize::MAX);
    // At the limit of a connection it is closed, however many more it sent.
    assert_eq!(said.matches("HTTP/1.1 400 ").count(), 60, "{}", said.len());
    // Fifty are free; the other ten wait up to a second, the one after the other.
    assert!(begun.elapsed() >= Duration::from_secs(1), "{:?}", begun.elapsed());
    let metrics = http_get(server.address(), "/metrics").body;
    for limit in ["http_refusals", "http_refusals_per_second"] {
        assert!(metrics.contains(&format!("switchboard_limit_hits_total{{limit=\"{limit}\"}}")), "{limit}:\n{metrics}");
    }
    // What is not refused is not held up, not even for the same address.
    let begun = Instant::now();
    for _ in 0..20 {
        assert_eq!(http_get(server.address(), "/healthz").status, 200);
    }
    println!("{:?} for twenty requests that are right", begun.elapsed());
    let (mut ada, _) = Json::hello("ada", server.address());
    ada.say("here I am");
}
