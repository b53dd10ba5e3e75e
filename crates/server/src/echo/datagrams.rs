//! Datagrams to the echo server.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::time::{Instant, sleep};

use super::PORTS;
use super::request::Request;
use super::server::Shared;

/// The most bytes a datagram can carry.
const DATAGRAM_BYTES_MAX: usize = 65_535;

/// Replies a second to addresses that are not loopback. A sender's address can be forged; what is
/// sent there must not become a flood.
const FOREIGN_REPLIES_PER_SECOND: u32 = 1_000;

/// How long nothing is received after receiving failed.
const PAUSE: Duration = Duration::from_millis(100);

/// Answers datagrams for ever.
pub(super) async fn serve(socket: UdpSocket, shared: Shared) {
    let mut buffer = vec![0; DATAGRAM_BYTES_MAX];
    let mut budget = Budget::new(Instant::now());
    loop {
        let Ok((len, from)) = socket.recv_from(&mut buffer).await else {
            sleep(PAUSE).await;
            continue;
        };
        let request = Request::from_message(&buffer[..len]);
        if from.ip().to_canonical().is_loopback() {
            for parameter in request.parameters() {
                let reply = [shared.answer(from, parameter), request.end.bytes()].concat();
                // A datagram may be lost; one that cannot be sent is.
                let _ = socket.send_to(&reply, from).await;
            }
        } else if !is_a_server(from) && budget.take(Instant::now()) {
            for parameter in request.parameters() {
                shared.journal.note(from, parameter);
            }
            let reply = foreign_reply(&request, shared.reply.as_deref());
            let _ = socket.send_to(&reply, from).await;
        }
    }
}

/// The one reply to a datagram from elsewhere, never longer than its request: all of it, or as much
/// of the text as fits, in whole characters.
fn foreign_reply(request: &Request, text: Option<&str>) -> Vec<u8> {
    let reply = match text {
        Some(text) => &text.as_bytes()[..text.floor_char_boundary(request.bytes().len())],
        None => request.bytes(),
    };
    [reply, request.end.bytes()].concat()
}

/// Whether an address is likely that of a server that answers, too: with a forged sender two of
/// them would talk to each other for ever.
fn is_a_server(address: SocketAddr) -> bool {
    address.port() < 1024 || PORTS.contains(&address.port())
}

/// So many replies in each second.
struct Budget {
    second: Instant,
    left: u32,
}

impl Budget {
    const fn new(now: Instant) -> Self {
        Self { second: now, left: FOREIGN_REPLIES_PER_SECOND }
    }

    /// Whether there may be one more at `now`.
    fn take(&mut self, now: Instant) -> bool {
        if now.saturating_duration_since(self.second) >= Duration::from_secs(1) {
            *self = Self::new(now);
        }
        let is_left = self.left > 0;
        self.left = self.left.saturating_sub(1);
        is_left
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_foreign_reply_is_never_longer_than_its_request() {
        for (request, text, expected) in [
            ("a,b,c", None, "a,b,c"),
            ("a,,b\n", None, "a,,b\n"),
            ("a\r\n", None, "a\r\n"),
            ("", None, ""),
            ("a,b,c", Some("ok"), "ok"),
            ("a\n", Some("ok"), "o\n"),
            ("abc", Some("ééé"), "é"),
            ("", Some("ok"), ""),
            ("\n", Some("ok"), "\n"),
        ] {
            let reply = foreign_reply(&Request::from_message(request.as_bytes()), text);
            assert_eq!(reply, expected.as_bytes(), "{request:?} {text:?}");
            assert!(reply.len() <= request.len());
        }
    }

    #[test]
    fn addresses_of_servers_are_not_answered() {
        for (port, expected) in [(7, true), (53, true), (9_000, true), (9_998, true), (40_000, false)] {
            assert_eq!(is_a_server(SocketAddr::new([192, 0, 2, 1].into(), port)), expected);
        }
    }

    #[test]
    fn a_second_has_its_budget() {
        let start = Instant::now();
        let mut budget = Budget::new(start);
        let at = |millis| start + Duration::from_millis(millis);
        let taken = (0..2_000).filter(|_| budget.take(at(500))).count();
        assert_eq!(taken, 1_000);
        assert!(!budget.take(at(999)));
        assert!(budget.take(at(1_000)));
    }
}
