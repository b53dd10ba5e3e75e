//! The incremental decoder of one connection: any cut of the bytes gives the same messages.

use anyhow::{Result, bail};

use super::websocket::{ServerFrame, parse_server_frame};

/// The longest unfinished line or HTTP head that is kept, in bytes. More is an error of the run.
const UNFINISHED_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Something whole that came from the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Incoming<'a> {
    /// A message, without its framing.
    Message(&'a [u8]),
    /// A WebSocket ping, to be answered with a pong of the same payload.
    Ping(&'a [u8]),
    /// The server agreed to speak WebSocket.
    Upgraded,
}

/// [`Incoming`], with its length on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece<'a> {
    /// What it is.
    pub incoming: Incoming<'a>,
    /// Its bytes on the wire, framing included.
    pub wire_bytes: usize,
}

/// Turns the bytes of one connection into pieces. Between reads it holds only an unfinished piece, usually nothing.
#[derive(Debug)]
pub struct Decoder {
    framing: Framing,
    unfinished: Vec<u8>,
}

#[derive(Clone, Copy, Debug)]
enum Framing {
    Lines,
    HttpHead,
    WebSocket,
}

impl Decoder {
    /// For messages that end in a newline.
    #[must_use]
    pub const fn lines() -> Self {
        Self { framing: Framing::Lines, unfinished: Vec::new() }
    }

    /// For the answer to an upgrade request, then WebSocket frames.
    #[must_use]
    pub const fn websocket() -> Self {
        Self { framing: Framing::HttpHead, unfinished: Vec::new() }
    }

    /// Takes what was read and gives each whole piece to `take`, in order.
    ///
    /// # Errors
    /// When the server broke the protocol or closed the WebSocket, and those of `take`.
    pub fn feed(&mut self, bytes: &[u8], mut take: impl FnMut(Piece<'_>) -> Result<()>) -> Result<()> {
        if self.unfinished.is_empty() {
            let used = self.framing.pieces(bytes, &mut take)?;
            self.unfinished.extend_from_slice(&bytes[used..]);
        } else {
            self.unfinished.extend_from_slice(bytes);
            let used = self.framing.pieces(&self.unfinished, &mut take)?;
            self.unfinished.drain(..used);
        }
        if self.unfinished.len() > UNFINISHED_BYTES_MAX {
            bail!("{} bytes without an end of message", self.unfinished.len());
        }
        Ok(())
    }
}

impl Framing {
    /// Gives each whole piece to `take`, and returns how many bytes they were.
    fn pieces(&mut self, bytes: &[u8], take: &mut impl FnMut(Piece<'_>) -> Result<()>) -> Result<usize> {
        let mut used = 0;
        while let Some((wire_bytes, incoming)) = self.first(&bytes[used..])? {
            used += wire_bytes;
            if let Some(incoming) = incoming {
                take(Piece { incoming, wire_bytes })?;
            }
        }
        Ok(used)
    }

    /// The first whole piece of `bytes` and its length; what means nothing to us is only a length.
    fn first<'a>(&mut self, bytes: &'a [u8]) -> Result<Option<(usize, Option<Incoming<'a>>)>> {
        match self {
            Self::Lines => Ok(memchr::memchr(b'\n', bytes).map(|end| {
                let line = &bytes[..end];
                let line = line.strip_suffix(b"\r").unwrap_or(line);
                (end + 1, Some(Incoming::Message(line)))
            })),
            Self::HttpHead => {
                let Some(end) = memchr::memmem::find(bytes, b"\r\n\r\n") else { return Ok(None) };
                if !bytes.starts_with(b"HTTP/1.1 101 ") {
                    let head = String::from_utf8_lossy(&bytes[..end]);
                    bail!("no upgrade to WebSocket: {}", head.lines().next().unwrap_or_default());
                }
                *self = Self::WebSocket;
                Ok(Some((end + 4, Some(Incoming::Upgraded))))
            }
            Self::WebSocket => {
                let Some(frame) = parse_server_frame(bytes)? else { return Ok(None) };
                let wire_bytes = frame.header_bytes + frame.payload_bytes;
                let payload = &bytes[frame.header_bytes..wire_bytes];
                let incoming = match frame.opcode {
                    ServerFrame::TEXT | ServerFrame::BINARY => Some(Incoming::Message(payload)),
                    ServerFrame::PING => Some(Incoming::Ping(payload)),
                    ServerFrame::PONG => None,
                    ServerFrame::CLOSE => bail!("the server closed the WebSocket: {}", close_reason(payload)),
                    opcode => bail!("a WebSocket frame of the unknown kind {opcode:#x}"),
                };
                Ok(Some((wire_bytes, incoming)))
            }
        }
    }
}

fn close_reason(payload: &[u8]) -> String {
    match payload {
        &[a, b, ref text @ ..] => format!("{} {}", u16::from_be_bytes([a, b]), String::from_utf8_lossy(text)),
        [] | [_] => "without a code".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, Debug, PartialEq)]
    enum Owned {
        Message(Vec<u8>, usize),
        Ping(Vec<u8>),
        Upgraded,
    }

    fn decode<'a>(mut decoder: Decoder, reads: impl IntoIterator<Item = &'a [u8]>) -> Result<Vec<Owned>> {
        let mut found = Vec::new();
        for read in reads {
            decoder.feed(read, |piece| {
                found.push(match piece.incoming {
                    Incoming::Message(message) => Owned::Message(message.to_vec(), piece.wire_bytes),
                    Incoming::Ping(payload) => Owned::Ping(payload.to_vec()),
                    Incoming::Upgraded => Owned::Upgraded,
                });
                Ok(())
            })?;
        }
        Ok(found)
    }

    fn every_cut_gives(decoder: impl Fn() -> Decoder, bytes: &[u8], expected: &[Owned]) {
        for cut in 0..=bytes.len() {
            let (left, right) = bytes.split_at(cut);
            assert_eq!(decode(decoder(), [left, right]).unwrap(), expected, "cut at {cut}");
        }
        assert_eq!(decode(decoder(), bytes.chunks(1)).unwrap(), expected, "single bytes");
    }

    fn message(text: &str, framing_bytes: usize) -> Owned {
        Owned::Message(text.as_bytes().to_vec(), text.len() + framing_bytes)
    }

    #[test]
    fn lines_at_any_cut() {
        let expected = [message("one", 1), message("", 1), message("two", 2), message("three", 1)];
        every_cut_gives(Decoder::lines, b"one\n\ntwo\r\nthree\nunfinished", &expected);
    }

    #[test]
    fn websocket_at_any_cut() {
        let long = "y".repeat(300);
        let mut bytes = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n".to_vec();
        bytes.extend_from_slice(b"\x81\x03one\x89\x02hi\x8a\x00\x81\x7e\x01\x2c");
        bytes.extend_from_slice(long.as_bytes());
        bytes.extend_from_slice(b"\x82\x00\x81\x05unf");
        let expected =
            [Owned::Upgraded, message("one", 2), Owned::Ping(b"hi".to_vec()), message(&long, 4), message("", 2)];
        every_cut_gives(Decoder::websocket, &bytes, &expected);
    }

    #[test]
    fn a_refused_upgrade_and_a_close_say_why() {
        let refused = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n".as_slice();
        let closed = b"HTTP/1.1 101 x\r\n\r\n\x88\x06\x03\xf0slow".as_slice();
        for (bytes, reason) in [(refused, "HTTP/1.1 403 Forbidden"), (closed, "1008 slow")] {
            let error = decode(Decoder::websocket(), [bytes]).unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
    }
}
