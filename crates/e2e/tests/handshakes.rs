//! A WebSocket's handshake that comes whole goes another way in the server than one that hyper has to read: both have to
//! be answered the same.

use switchboard_e2e::{Asked, Response, Server, ServerOptions};

/// A client's close frame with the status 1000, masked with zeros (RFC 6455, 5.5.1).
const GOODBYE: &[u8] = &[0x88, 0x82, 0, 0, 0, 0, 0x03, 0xe8];
/// The server's answer to it.
const FAREWELL: &str = "\u{fffd}\u{2}\u{3}\u{fffd}";

const GOOD: &str = "GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\
                    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// Says goodbye right behind the request.
fn ask(server: &Server, request: &str) -> Response {
    Asked::begin(server.address(), &[request.as_bytes(), GOODBYE].concat()).answer()
}

/// The same request, with a line in it that makes it one for hyper.
fn for_hyper(request: &str) -> String {
    request.replacen("Connection:", "Content-Length: 0\r\nConnection:", 1)
}

/// What an answer says: without the time of day, which is no part of it.
fn said(answer: &Response) -> (u16, Vec<String>) {
    let lines = answer.head.lines().map(str::to_lowercase).filter(|line| !line.starts_with("date:"));
    let mut lines: Vec<String> = lines.collect();
    lines.sort();
    (answer.status, lines)
}

#[test]
fn a_handshake_is_answered_the_same_on_both_ways() {
    let server = Server::start(ServerOptions::ephemeral().listen("http://127.0.0.1:0"));
    let change = |from: &str, to: &str| GOOD.replacen(from, to, 1);
    let engine = |query: &str| change("/ws", &format!("/socket.io/?EIO=4&{query}"));
    let compressed = change("\r\n\r\n", "\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n");
    for (request, status) in [
        (GOOD.to_owned(), 101),
        (change("/ws", "/ws?protocol=json"), 101),
        (change("\r\n\r\n", "\r\nSec-WebSocket-Protocol: other, json\r\n\r\n"), 101),
        (compressed, 101),
        (change("/ws", "http://localhost/ws"), 101),
        (change("GET", "\r\nGET"), 101),
        (change("\r\n\r\n", &format!("\r\n{}\r\n", "X: y\r\n".repeat(90))), 101),
        (change("Upgrade: websocket", "Upgrade: h2c"), 426),
        (change("keep-alive, Upgrade", "keep-alive"), 426),
        (change("Version: 13", "Version: 8"), 426),
        (change("Key: d", "Key: "), 400),
        (change("Host: localhost\r\n", ""), 400),
        (change("Host: localhost", "Host: localhost\r\nHost: localhost"), 400),
        (change("Host: localhost", "Host: evil.example"), 421),
        (change("Host: localhost", "Host: localhost\r\nOrigin: http://evil.example"), 403),
        (change("/ws", "/ws?protocol=other"), 400),
        (change("/ws", "/w s"), 400),
        (change("GET", "DELETE"), 405),
        (change("\r\n\r\n", &format!("\r\n{}\r\n", "X: y\r\n".repeat(100))), 431),
        (engine("transport=websocket"), 101),
        (engine("transport=websocket&sid=AAAAAAAAAAAAAAAAAAAA"), 400),
        (engine("transport=other"), 400),
        (change("/ws", "/socket.io/?EIO=3&transport=websocket"), 400),
        (change("/ws", "/nowhere?transport=websocket"), 404),
    ] {
        let [short, long] = [request.clone(), for_hyper(&request)].map(|request| ask(&server, &request));
        assert_eq!(short.status, status, "{request}{}", short.head);
        assert_eq!(said(&long), said(&short), "{request}");
        // What follows is the same too, but for ids.
        assert_eq!(long.body.len(), short.body.len(), "{request}{}", short.body);
        if status == 101 {
            assert!(short.body.ends_with(FAREWELL), "{request}{:?}", short.body);
            // hyper says when.
            assert_eq!((short.header("date"), long.header("date").is_some()), (None, true), "{request}");
        }
    }
}

#[test]
fn nothing_that_follows_a_refused_handshake_is_answered() {
    let server = Server::start(ServerOptions::ephemeral().listen("http://127.0.0.1:0"));
    let refused = GOOD.replacen("/ws", "/nowhere?transport=websocket", 1);
    let next = "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let answer = Asked::begin(server.address(), format!("{refused}{next}").as_bytes()).answer();
    assert_eq!(answer.status, 404);
    // A refusal ends the connection.
    assert_eq!(answer.header("connection"), Some("close"));
    assert!(!answer.body.contains("HTTP/1.1"), "{}", answer.body);
}
