//! Requests that are wrong, too large, too slow, or not for this server.

use switchboard_e2e::{Line, Response, ServerOptions, http_raw};

use crate::room::Room;

#[test]
fn bad_http_is_answered_with_its_status() {
    let mut room = Room::new(ServerOptions::ephemeral());
    let address = room.address();
    let host = format!("Host: {address}\r\n");
    let key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\n";
    let long = "x".repeat(20_000);
    let many: String = (0..2_000).map(|number| format!("X-{number}: 1\r\n")).collect();
    for (status, request) in [
        (404, format!("GET /nothing HTTP/1.1\r\n{host}\r\n")),
        (405, format!("DELETE / HTTP/1.1\r\n{host}\r\n")),
        (405, format!("POST /ws HTTP/1.1\r\n{host}Content-Length: 0\r\n\r\n")),
        (400, "GET / HTTP/1.1\r\n\r\n".to_owned()),
        (400, format!("GET / HTTP/1.1\r\n{host}{host}\r\n")),
        (400, format!("GET / HTTP/1.1\r\n{host}bad header\r\n\r\n")),
        (400, format!("GET / HTTP/1.1\r\n{host}Content-Length: 1\r\nContent-Length: 2\r\n\r\n")),
        (400, format!("GET / HTTP/1.1\r\n{host}X: a\0b\r\n\r\n")),
        (400, format!("GET /ws?protocol=morse HTTP/1.1\r\n{host}{upgrade}{key}Sec-WebSocket-Version: 13\r\n\r\n")),
        (400, format!("GET /ws HTTP/1.1\r\n{host}{upgrade}Sec-WebSocket-Version: 13\r\n\r\n")),
        (
            403,
            format!(
                "GET /ws HTTP/1.1\r\n{host}Origin: https://evil.example\r\n{upgrade}{key}Sec-WebSocket-Version: 13\r\n\r\n"
            ),
        ),
        (403, format!("GET / HTTP/1.1\r\n{host}Origin: null\r\n\r\n")),
        (421, "GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n".to_owned()),
        (426, format!("GET /ws HTTP/1.1\r\n{host}\r\n")),
        (426, format!("GET /ws HTTP/1.1\r\n{host}{upgrade}{key}Sec-WebSocket-Version: 8\r\n\r\n")),
        (431, format!("GET / HTTP/1.1\r\n{host}X: {long}\r\n\r\n")),
        (431, format!("GET / HTTP/1.1\r\n{host}{many}\r\n")),
        (431, format!("GET /{long} HTTP/1.1\r\n{host}\r\n")),
    ] {
        let response = http_raw(address, request.as_bytes());
        let shown = request.get(..200).unwrap_or(&request);
        assert_eq!(response.status, status, "{shown}: {response:?}");
        room.check(shown);
    }
    // The refusals name what would allow it.
    let refused: Response =
        http_raw(address, format!("GET / HTTP/1.1\r\n{host}Origin: https://evil.example\r\n\r\n").as_bytes());
    assert!(refused.body.contains("https://evil.example") && refused.body.contains("http.origins"), "{refused:?}");
    let refused = http_raw(address, b"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n");
    assert!(refused.body.contains("evil.example") && refused.body.contains("http.hosts"), "{refused:?}");
    room.check("bad HTTP");
}

#[test]
fn a_dripped_request_is_never_chat() {
    let options = ServerOptions::ephemeral().set("limits.header_timeout=400ms").set("limits.handshake_timeout=400ms");
    let mut room = Room::new(options);
    // Half a method, a whole one, half a request line, half a header: 408.
    for begun in ["GE", "GET ", "GET / HTTP/1.1\r\n", "GET / HTTP/1.1\r\nHost: localhost\r\nX-Half"] {
        let mut line = Line::connect(begun, room.address());
        for byte in begun.as_bytes() {
            line.send(&[*byte]);
        }
        let answer = line.heard.expect_end();
        assert!(answer.starts_with("HTTP/1.1 408 "), "{begun:?} was answered with {answer:?}");
        room.check(begun);
    }
    // The beginning of a JSON object that never goes on is closed without a word of HTTP.
    let mut line = Line::connect("json", room.address());
    line.send(b"{  ");
    assert!(!line.heard.expect_end().contains("HTTP"));
    room.check("a brace");
}
