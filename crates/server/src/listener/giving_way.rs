//! Connections that end before it is known what they speak: those that give way to others, and those whose TLS fails.

use super::First;
use crate::admission::Notice;
use crate::config::Pin;
use crate::socket::Socket;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::sync::Arc;
use std::task::Poll;
use switchboard_core::CloseReason;
use switchboard_protocols::{Settings, conversation};

/// What somebody reads who began a line and did not end it.
const TEXT: &[u8] = b"-- Too many others are beginning as well (limits.handshakes). Try again. Goodbye.\n";
/// What a client reads that began a request line and did not end it (RFC 9110, 15.6.4).
const HTTP: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\nconnection: close\r\n\
                      content-type: text/plain; charset=utf-8\r\ncontent-length: 63\r\n\r\n\
                      too many others are beginning as well (limits.handshakes): 503\n";
/// A fatal alert, `handshake_failure`, in a record of TLS 1.0, which every client understands (RFC 8446, 5.1 and 6).
const ALERT: &[u8] = &[0x15, 3, 1, 0, 2, 2, 40];

/// The connection had its time to say what it speaks, and gave way to others (`limits.handshakes`).
#[derive(Debug, thiserror::Error)]
#[error("limits.handshakes reached: the oldest connection that had not said what it speaks was closed")]
pub(super) struct GaveWay;

/// Works until it is done or the connection has to give way.
///
/// # Errors
/// Those of the work, and [`GaveWay`].
pub(super) async fn unless_noticed<T>(
    notice: &Notice,
    mut work: impl Future<Output = io::Result<T>> + Unpin,
) -> io::Result<T> {
    poll_fn(|context| {
        // Who decides at the last moment has decided.
        if let Poll::Ready(result) = std::pin::Pin::new(&mut work).poll(context) {
            return Poll::Ready(result);
        }
        notice.poll(context).map(|()| Err(io::Error::other(GaveWay)))
    })
    .await
}

/// Writes to a connection that gives way why it is closed, if it has said enough to show its language.
pub(super) fn tell(socket: &Socket, first: &First, pin: Pin, speech: &Arc<Settings>) {
    let json = || conversation::stream_json(speech).farewell(CloseReason::TooManyConnections);
    let words = match (first.begins_with(), pin) {
        (Some(b'{'), Pin::Any | Pin::Json) => {
            if let Some(farewell) = json() {
                // A fresh socket has room for a line; who closed already does not read it.
                let _ = socket.try_write(&[IoSlice::new(farewell.bytes())]);
            }
            return socket.shut();
        }
        (Some(b'A'..=b'Z'), Pin::Any | Pin::Http) => HTTP,
        (Some(_), Pin::Any) | (_, Pin::Text) => TEXT,
        // Whoever said nothing may speak anything.
        _ => &[],
    };
    let _ = socket.try_write(&[IoSlice::new(words)]);
    socket.shut();
}

/// Sends the TLS alert to a client that wants TLS where there is none.
pub(super) fn alert(socket: &Socket) {
    // As above.
    let _ = socket.try_write(&[IoSlice::new(ALERT)]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_says_how_long_it_is() {
        let text = str::from_utf8(HTTP).expect("text");
        let (head, body) = text.split_once("\r\n\r\n").expect("a head");
        assert!(head.ends_with(&format!("content-length: {}", body.len())), "{}", body.len());
    }
}
