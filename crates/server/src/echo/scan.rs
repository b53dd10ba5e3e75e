//! Looking for an echo server among the ports of this machine, without disturbing who else is there.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

use switchboard_protocols::first::ECHO_PROBE;

use crate::ports::LOOPBACK;

/// The time for one port to take the connection, and again to answer.
const ANSWER_TIME_MAX: Duration = Duration::from_millis(500);

/// The time for all ports.
const SCAN_TIME_MAX: Duration = Duration::from_secs(30);

/// As much of an answer as is looked at.
const ANSWER_BYTES_MAX: usize = 4_096;

/// An echo server that was found.
#[derive(Debug)]
pub struct Found {
    /// Where it listens.
    pub address: SocketAddr,
    /// The connection that it was asked on, with its answer taken off. Programs from tutorials take one connection and
    /// end with it: it is the one to go on with.
    pub stream: TcpStream,
}

/// The first echo server on a port of `range`, at 127.0.0.1 or ::1.
///
/// It says a line, [`ECHO_PROBE`], and whoever sends it back is an echo server, in capitals too, as some tutorials have
/// it. Our own echo server sends it back whatever it answers else, and does not print it; our chat server knows it and
/// says it to nobody.
#[must_use]
pub fn find(range: RangeInclusive<u16>) -> Option<Found> {
    let deadline = Instant::now() + SCAN_TIME_MAX;
    range
        .flat_map(|port| LOOPBACK.map(|ip| SocketAddr::new(ip, port)))
        .take_while(|_| Instant::now() < deadline)
        .find_map(|address| Some(Found { address, stream: ask(address).ok()?? }))
}

/// The connection, if who answers there is an echo server.
fn ask(address: SocketAddr) -> io::Result<Option<TcpStream>> {
    let mut stream = TcpStream::connect_timeout(&address, ANSWER_TIME_MAX)?;
    let deadline = Instant::now() + ANSWER_TIME_MAX;
    stream.set_nodelay(true)?;
    stream.set_write_timeout(Some(ANSWER_TIME_MAX))?;
    stream.write_all(format!("{ECHO_PROBE}\n").as_bytes())?;

    let mut answer = Vec::new();
    let mut byte = [0];
    while answer.len() < ANSWER_BYTES_MAX {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            break;
        }
        stream.set_read_timeout(Some(left))?;
        // One at a time: what follows the answer's end is for whoever goes on with the connection.
        match stream.read(&mut byte) {
            Ok(0) => break,
            Ok(_) => answer.push(byte[0]),
            // A server that takes the line end off does not send it back either.
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => break,
            Err(error) => return Err(error),
        }
        match judge(&answer) {
            Answer::Echo => return Ok(Some(stream)),
            Answer::Other => return Ok(None),
            Answer::SoFar | Answer::WithoutEnd => {}
        }
    }
    Ok((judge(&answer) == Answer::WithoutEnd).then_some(stream))
}

/// What has come so far.
#[derive(Debug, PartialEq, Eq)]
enum Answer {
    /// The line that was said.
    Echo,
    /// It but for its end, which may yet come.
    WithoutEnd,
    /// Its beginning.
    SoFar,
    /// Something else.
    Other,
}

fn judge(answer: &[u8]) -> Answer {
    let probe = ECHO_PROBE.as_bytes();
    let (said, end) = answer.split_at(answer.len().min(probe.len()));
    if !said.eq_ignore_ascii_case(&probe[..said.len()]) {
        return Answer::Other;
    }
    match end {
        _ if said.len() < probe.len() => Answer::SoFar,
        b"" | b"\r" => Answer::WithoutEnd,
        b"\n" | b"\r\n" => Answer::Echo,
        _ => Answer::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_echo_server_is_known_by_its_answer() {
        let (half, loud) = (&ECHO_PROBE[..9], ECHO_PROBE.to_ascii_uppercase());
        for (answer, expected) in [
            (format!("{ECHO_PROBE}\n"), Answer::Echo),
            (format!("{ECHO_PROBE}\r\n"), Answer::Echo),
            (format!("{loud}\n"), Answer::Echo),
            (ECHO_PROBE.to_owned(), Answer::WithoutEnd),
            (format!("{ECHO_PROBE}\r"), Answer::WithoutEnd),
            (half.to_owned(), Answer::SoFar),
            (String::new(), Answer::SoFar),
            (format!("{ECHO_PROBE}?\n"), Answer::Other),
            ("-- Welcome to Switchboard.".to_owned(), Answer::Other),
            ("HTTP/1.1 400 Bad Request\r\n".to_owned(), Answer::Other),
            ("+PONG\r\n".to_owned(), Answer::Other),
        ] {
            assert_eq!(judge(answer.as_bytes()), expected, "{answer:?}");
        }
    }
}
