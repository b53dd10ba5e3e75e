//! Looking for an echo server among the ports of this machine, without disturbing who else is there.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

use super::websocket::SERVER_NAME;
use crate::ports::LOOPBACK;

/// The time for one port to take the connection, and again to answer.
const ANSWER_TIME_MAX: Duration = Duration::from_millis(500);

/// The time for all ports.
const SCAN_TIME_MAX: Duration = Duration::from_secs(30);

/// As much of an answer as is looked at.
const ANSWER_BYTES_MAX: usize = 4_096;

/// The first echo server on a port of `range`, at 127.0.0.1 or ::1.
///
/// It asks what any server may be asked, an HTTP request for `/healthz`: a chat server takes it for
/// what it is and publishes nothing, while a line of text would be a message there. Our echo server
/// answers with its name; any other gives itself away by sending the request back.
#[must_use]
pub fn find(range: RangeInclusive<u16>) -> Option<SocketAddr> {
    let deadline = Instant::now() + SCAN_TIME_MAX;
    range
        .flat_map(|port| LOOPBACK.map(|ip| SocketAddr::new(ip, port)))
        .take_while(|_| Instant::now() < deadline)
        .find(|address| is_echo(*address).unwrap_or(false))
}

fn is_echo(address: SocketAddr) -> io::Result<bool> {
    let mut stream = TcpStream::connect_timeout(&address, ANSWER_TIME_MAX)?;
    let deadline = Instant::now() + ANSWER_TIME_MAX;
    stream.set_write_timeout(Some(ANSWER_TIME_MAX))?;
    let port = address.port();
    let question = format!("GET /healthz HTTP/1.1\r\nHost: localhost:{port}\r\nConnection: close\r\n\r\n");
    stream.write_all(question.as_bytes())?;

    let mut answer = Vec::new();
    let mut buffer = [0; 1024];
    while answer.len() < ANSWER_BYTES_MAX {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            break;
        }
        stream.set_read_timeout(Some(left))?;
        match stream.read(&mut buffer)? {
            0 => break,
            len => answer.extend_from_slice(&buffer[..len]),
        }
        if let Some(verdict) = judge(&answer, &question) {
            return Ok(verdict);
        }
    }
    Ok(false)
}

/// Whether what has come so far is the answer of an echo server; `None` when it does not show yet.
fn judge(answer: &[u8], question: &str) -> Option<bool> {
    let first_line = question.split("\r\n").next().unwrap_or(question).as_bytes();
    if answer.starts_with(first_line) {
        return Some(true);
    }
    if first_line.starts_with(answer) {
        return None;
    }
    let answer = String::from_utf8_lossy(answer).to_ascii_lowercase();
    if !answer.starts_with("http/1.1 ") && !"http/1.1 ".starts_with(&answer) {
        return Some(false);
    }
    let (head, _) = answer.split_once("\r\n\r\n")?;
    Some(head.lines().any(|line| line == format!("server: {SERVER_NAME}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_echo_server_is_known_by_its_answer() {
        let question = "GET /healthz HTTP/1.1\r\nHost: localhost:9000\r\n\r\n";
        for (answer, expected) in [
            (question, Some(true)),
            ("GET /healthz HTTP/1.1", Some(true)),
            ("GET /hea", None),
            ("", None),
            ("HTTP", None),
            ("HTTP/1.1 426 Upgrade Required\r\nserver: switchboard-ec", None),
            ("HTTP/1.1 426 Upgrade Required\r\nServer: switchboard-echo\r\n\r\n", Some(true)),
            ("HTTP/1.1 200 OK\r\nserver: switchboard\r\n\r\nok", Some(false)),
            ("HTTP/1.1 200 OK\r\n\r\nserver: switchboard-echo\r\n", Some(false)),
            ("-- Welcome to Switchboard.", Some(false)),
            ("+PONG\r\n", Some(false)),
        ] {
            assert_eq!(judge(answer.as_bytes(), question), expected, "{answer:?}");
        }
    }
}
