//! A client of Engine.IO's long-polling, as far as a load generator needs it: which request comes next.
//!
//! Like an official client it always has one GET under way, and posts what it has to say meanwhile on a second
//! connection. What it says in answer to what a GET brought (a pong, the wish to join) it posts on the same connection
//! before the next GET, so that an idle client needs one connection only.

use std::net::SocketAddr;

use anyhow::{Context as _, Result, bail, ensure};

/// What separates the packets of a payload (Engine.IO protocol 4, "Payload encoding").
pub(super) const SEPARATOR: u8 = 0x1e;

/// Where a session of long-polling stands.
#[derive(Debug)]
pub(super) struct Poller {
    host: SocketAddr,
    /// Given by the server; empty before.
    session: String,
    /// What this client wants to say: packets with separators between them.
    pub(super) packets: Vec<u8>,
}

impl Poller {
    pub(super) const fn new(host: SocketAddr) -> Self {
        Self { host, session: String::new(), packets: Vec::new() }
    }

    /// Appends the request that opens the session, or waits for news.
    pub(super) fn get(&self, wire: &mut Vec<u8>) {
        wire.extend_from_slice(format!("GET {} HTTP/1.1\r\nHost: {}\r\n\r\n", self.path(), self.host).as_bytes());
    }

    /// Appends the request that says what waits to be said.
    pub(super) fn post(&mut self, wire: &mut Vec<u8>) {
        let head = format!(
            "POST {} HTTP/1.1\r\nHost: {}\r\nContent-Type: text/plain;charset=UTF-8\r\nContent-Length: {}\r\n\r\n",
            self.path(),
            self.host,
            self.packets.len()
        );
        wire.extend_from_slice(head.as_bytes());
        wire.append(&mut self.packets);
    }

    /// Takes the handshake, the packet `0{"sid":...}` without its first byte.
    pub(super) fn opened(&mut self, handshake: &[u8]) -> Result<()> {
        let handshake: serde_json::Value = serde_json::from_slice(handshake).context("the handshake is no JSON")?;
        handshake["sid"].as_str().context("the handshake has no sid")?.clone_into(&mut self.session);
        Ok(())
    }

    fn path(&self) -> String {
        let path = "/socket.io/?EIO=4&transport=polling";
        if self.session.is_empty() { path.to_owned() } else { format!("{path}&sid={}", self.session) }
    }
}

/// The lengths of the head and the body of the response at the start of `bytes`; none while it is incomplete.
///
/// # Errors
/// When it is not the answer to a request that was right, or does not say how long it is.
pub(super) fn parse_response(bytes: &[u8]) -> Result<Option<(usize, usize)>> {
    let Some(end) = memchr::memmem::find(bytes, b"\r\n\r\n") else { return Ok(None) };
    let head = String::from_utf8_lossy(&bytes[..end]);
    let mut lines = head.lines();
    let status = lines.next().unwrap_or_default();
    if !status.starts_with("HTTP/1.1 200 ") {
        bail!("a request of long-polling was answered with {status}");
    }
    let length = lines.find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>())
    });
    let length = length.context("a response without Content-Length")??;
    ensure!(length <= 64 * 1024 * 1024, "a response of {length} bytes");
    let head_bytes = end + 4;
    Ok((bytes.len() >= head_bytes + length).then_some((head_bytes, length)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_is_whole_or_waited_for() {
        let bytes = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokHTTP";
        for end in 0..bytes.len() {
            let expected = (end >= 40).then_some((38, 2));
            assert_eq!(parse_response(&bytes[..end]).unwrap(), expected, "{end}");
        }
        assert!(parse_response(b"HTTP/1.1 400 Bad Request\r\n\r\n").is_err());
        assert!(parse_response(b"HTTP/1.1 200 OK\r\n\r\n").is_err());
    }

    #[test]
    fn requests_name_the_session_once_it_is_known() {
        let mut poller = Poller::new(SocketAddr::from(([127, 0, 0, 1], 7)));
        let mut wire = Vec::new();
        poller.get(&mut wire);
        assert!(wire.starts_with(b"GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: 127.0.0.1:7\r\n"));
        poller.opened(br#"{"sid":"abc","upgrades":[]}"#).unwrap();
        poller.packets.extend_from_slice(b"40");
        wire.clear();
        poller.post(&mut wire);
        let text = String::from_utf8(wire).unwrap();
        assert!(text.starts_with("POST /socket.io/?EIO=4&transport=polling&sid=abc HTTP/1.1\r\n"), "{text}");
        assert!(text.ends_with("Content-Length: 2\r\n\r\n40"), "{text}");
        assert!(poller.packets.is_empty());
    }
}
