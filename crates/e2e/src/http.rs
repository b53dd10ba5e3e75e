//! HTTP requests by hand, so that they can be as wrong as a test wants.

use std::net::SocketAddr;

use crate::Line;

/// An answer.
#[derive(Debug)]
pub struct Response {
    /// The status code; 0 if the connection was closed without an answer.
    pub status: u16,
    /// The status line and the header lines.
    pub head: String,
    /// What came after them until the end of the connection.
    pub body: String,
}

impl Response {
    /// The value of the first header with this name, in any case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

/// Asks for `path` with the right Host on a connection of its own.
///
/// # Panics
/// The connection does not end.
#[must_use]
pub fn http_get(address: SocketAddr, path: &str) -> Response {
    http_raw(address, format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").as_bytes())
}

/// Sends these bytes and reads until the server closes.
///
/// # Panics
/// It does not.
#[must_use]
pub fn http_raw(address: SocketAddr, request: &[u8]) -> Response {
    Asked::begin(address, request).answer()
}

/// A request on a connection of its own, whose answer is waited for later. Dropped, it hangs up.
#[derive(Debug)]
pub struct Asked(Line);

impl Asked {
    /// Sends these bytes.
    ///
    /// # Panics
    /// There is no server.
    #[must_use]
    pub fn begin(address: SocketAddr, request: &[u8]) -> Self {
        let mut line = Line::connect("http", address);
        // The server may answer and hang up before it has read all of a request that it does not like.
        let _ = line.try_send(request);
        Self(line)
    }

    /// Sends more of them.
    pub fn go_on(&mut self, bytes: &[u8]) {
        let _ = self.0.try_send(bytes);
    }

    /// Reads until the server closes.
    ///
    /// # Panics
    /// It does not.
    #[must_use]
    pub fn answer(mut self) -> Response {
        let answer = self.0.heard.expect_end();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        let status = head.strip_prefix("HTTP/1.").and_then(|rest| rest.get(2..5)).and_then(|code| code.parse().ok());
        Response { status: status.unwrap_or(0), head: head.to_owned(), body: body.to_owned() }
    }
}
