//! The incremental decoder of one connection: any cut of the bytes gives the same messages.

use anyhow::{Result, bail};

use super::polling::{SEPARATOR, parse_response};
use super::websocket::{ServerFrame, parse_server_frame};

/// The longest unfinished line or HTTP head that is kept, in bytes. More is an error of the run.
const UNFINISHED_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Something whole that came from the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Incoming<'a> {
    /// A message, without its framing.
    Message(&'a [u8]),
    /// A ping, to be answered with a pong of the same payload.
    Ping(&'a [u8]),
    /// The server agreed to speak WebSocket, and Engine.IO if that was asked for.
    Upgraded,
    /// The handshake of a session of long-polling, in JSON.
    Opened(&'a [u8]),
    /// The end of an HTTP response: the connection is free for the next request.
    Answered,
}

/// [`Incoming`], with its length on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece<'a> {
    /// What it is.
    pub incoming: Incoming<'a>,
    /// Its bytes on the wire, framing included; the first packet of an HTTP response has the response's head.
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
    /// The answer to an upgrade; Engine.IO comes after it or not.
    HttpHead {
        engineio: bool,
    },
    WebSocket {
        engineio: bool,
    },
    /// Whole responses of long-polling.
    Polling {
        head_bytes: usize,
        left: usize,
        is_answered: bool,
    },
    Nats,
}

impl Decoder {
    /// For messages that end in a newline.
    #[must_use]
    pub const fn lines() -> Self {
        Self::new(Framing::Lines)
    }

    /// For the answer to an upgrade request, then WebSocket frames.
    #[must_use]
    pub const fn websocket() -> Self {
        Self::new(Framing::HttpHead { engineio: false })
    }

    /// The same with Engine.IO packets in the frames. Binary attachments have no meaning here.
    #[must_use]
    pub const fn engineio() -> Self {
        Self::new(Framing::HttpHead { engineio: true })
    }

    /// For the responses of Engine.IO's long-polling.
    #[must_use]
    pub const fn polling() -> Self {
        Self::new(Framing::Polling { head_bytes: 0, left: 0, is_answered: false })
    }

    /// For the client protocol of NATS.
    #[must_use]
    pub const fn nats() -> Self {
        Self::new(Framing::Nats)
    }

    const fn new(framing: Framing) -> Self {
        Self { framing, unfinished: Vec::new() }
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

/// Bytes that were used up, and what they were, if that means something to us.
type Found<'a> = (usize, Option<Piece<'a>>);

impl Framing {
    /// Gives each whole piece to `take`, and returns how many bytes they were.
    fn pieces(&mut self, bytes: &[u8], take: &mut impl FnMut(Piece<'_>) -> Result<()>) -> Result<usize> {
        let mut used = 0;
        while let Some((count, piece)) = self.first(&bytes[used..])? {
            used += count;
            if let Some(piece) = piece {
                take(piece)?;
            }
        }
        Ok(used)
    }

    /// The first whole piece of `bytes`.
    fn first<'a>(&mut self, bytes: &'a [u8]) -> Result<Option<Found<'a>>> {
        match self {
            Self::Lines => Ok(memchr::memchr(b'\n', bytes).map(|end| {
                let line = &bytes[..end];
                let line = line.strip_suffix(b"\r").unwrap_or(line);
                found(end + 1, Some(Incoming::Message(line)))
            })),
            Self::HttpHead { engineio } => {
                let Some(end) = memchr::memmem::find(bytes, b"\r\n\r\n") else { return Ok(None) };
                if !bytes.starts_with(b"HTTP/1.1 101 ") {
                    let head = String::from_utf8_lossy(&bytes[..end]);
                    bail!("no upgrade to WebSocket: {}", head.lines().next().unwrap_or_default());
                }
                let engineio = *engineio;
                *self = Self::WebSocket { engineio };
                // The Engine.IO session is there when its first packet is.
                Ok(Some(found(end + 4, (!engineio).then_some(Incoming::Upgraded))))
            }
            Self::WebSocket { engineio } => websocket_message(bytes, *engineio),
            Self::Polling { head_bytes, left, is_answered } => {
                if *is_answered {
                    *is_answered = false;
                    return Ok(Some(found(0, Some(Incoming::Answered))));
                }
                if *left == 0 {
                    let Some((head, body)) = parse_response(bytes)? else { return Ok(None) };
                    (*head_bytes, *left, *is_answered) = (head, body, body == 0);
                    return Ok(Some((head, None)));
                }
                let body = &bytes[..*left];
                let end = memchr::memchr(SEPARATOR, body);
                let packet = &body[..end.unwrap_or(body.len())];
                let used = end.map_or(body.len(), |end| end + 1);
                *left -= used;
                *is_answered = *left == 0;
                let wire_bytes = used + std::mem::take(head_bytes);
                // The answer to a POST is not a packet.
                let incoming = if packet == b"ok" { None } else { engineio_packet(packet, true)? };
                Ok(Some((used, incoming.map(|incoming| Piece { incoming, wire_bytes }))))
            }
            Self::Nats => nats_message(bytes),
        }
    }
}

const fn found(count: usize, incoming: Option<Incoming<'_>>) -> Found<'_> {
    match incoming {
        Some(incoming) => (count, Some(Piece { incoming, wire_bytes: count })),
        None => (count, None),
    }
}

fn websocket_message(bytes: &[u8], engineio: bool) -> Result<Option<Found<'_>>> {
    let Some(frame) = parse_server_frame(bytes)? else { return Ok(None) };
    let wire_bytes = frame.header_bytes + frame.payload_bytes;
    let payload = &bytes[frame.header_bytes..wire_bytes];
    let incoming = match frame.opcode {
        ServerFrame::TEXT if engineio => engineio_packet(payload, false)?,
        ServerFrame::TEXT | ServerFrame::BINARY => Some(Incoming::Message(payload)),
        ServerFrame::PING => Some(Incoming::Ping(payload)),
        ServerFrame::PONG => None,
        ServerFrame::CLOSE => bail!("the server closed the WebSocket: {}", close_reason(payload)),
        opcode => bail!("a WebSocket frame of the unknown kind {opcode:#x}"),
    };
    Ok(Some(found(wire_bytes, incoming)))
}

/// A packet of Engine.IO: its first byte is its type.
fn engineio_packet(packet: &[u8], polling: bool) -> Result<Option<Incoming<'_>>> {
    Ok(match packet {
        [b'0', handshake @ ..] if polling => Some(Incoming::Opened(handshake)),
        [b'0', ..] => Some(Incoming::Upgraded),
        b"1" => bail!("the server closed the Engine.IO session"),
        b"2" => Some(Incoming::Ping(b"")),
        b"6" => None,
        [b'4', ..] => Some(Incoming::Message(packet)),
        other => bail!("an Engine.IO packet of an unknown kind: {}", String::from_utf8_lossy(other)),
    })
}

/// An operation of NATS: `MSG SUBJECT SID [REPLY] LENGTH`, then the payload, or a line.
fn nats_message(bytes: &[u8]) -> Result<Option<Found<'_>>> {
    let Some(end) = memchr::memmem::find(bytes, b"\r\n") else { return Ok(None) };
    let line = &bytes[..end];
    let used = end + 2;
    if let Some(head) = line.strip_prefix(b"MSG ") {
        let length = head.rsplit(|byte| *byte == b' ').next().and_then(|word| std::str::from_utf8(word).ok());
        let Some(length) = length.and_then(|word| word.parse::<usize>().ok()) else {
            bail!("a MSG without a length: {}", String::from_utf8_lossy(line));
        };
        let whole = used + length + 2;
        return Ok((bytes.len() >= whole).then(|| found(whole, Some(Incoming::Message(&bytes[used..used + length])))));
    }
    if line.starts_with(b"-ERR") {
        bail!("NATS says {}", String::from_utf8_lossy(line));
    }
    Ok(Some(match line {
        b"PING" => found(used, Some(Incoming::Ping(b""))),
        b"PONG" => found(used, Some(Incoming::Message(line))),
        _ => found(used, None),
    }))
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
        Opened(Vec<u8>),
        Answered,
    }

    fn decode<'a>(mut decoder: Decoder, reads: impl IntoIterator<Item = &'a [u8]>) -> Result<Vec<Owned>> {
        let mut found = Vec::new();
        for read in reads {
            decoder.feed(read, |piece| {
                found.push(match piece.incoming {
                    Incoming::Message(message) => Owned::Message(message.to_vec(), piece.wire_bytes),
                    Incoming::Ping(payload) => Owned::Ping(payload.to_vec()),
                    Incoming::Upgraded => Owned::Upgraded,
                    Incoming::Opened(handshake) => Owned::Opened(handshake.to_vec()),
                    Incoming::Answered => Owned::Answered,
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
    fn engineio_over_websocket_at_any_cut() {
        let bytes = [&b"HTTP/1.1 101 x\r\n\r\n\x81\x03"[..], b"0{}\x81\x012\x81\x0240\x81\x016\x81\x0442[]"].concat();
        let expected = [Owned::Upgraded, Owned::Ping(Vec::new()), message("40", 2), message("42[]", 2)];
        every_cut_gives(Decoder::engineio, &bytes, &expected);
    }

    #[test]
    fn polling_at_any_cut() {
        let head = "HTTP/1.1 200 OK\r\nContent-Length: ";
        let bytes = format!("{head}8\r\n\r\n0{{\"sid\"}}{head}2\r\n\r\nok{head}10\r\n\r\n2\u{1e}42[]\u{1e}40x");
        let expected = [
            Owned::Opened(b"{\"sid\"}".to_vec()),
            Owned::Answered,
            Owned::Answered,
            Owned::Ping(Vec::new()),
            message("42[]", 1),
            message("40x", 0),
            Owned::Answered,
        ];
        every_cut_gives(Decoder::polling, bytes.as_bytes(), &expected);
        let alone = format!("{head}4\r\n\r\n42[]");
        let found = decode(Decoder::polling(), [alone.as_bytes()]).unwrap();
        assert_eq!(found[0], message("42[]", alone.len() - 4), "the head is on the wire, too");
    }

    #[test]
    fn nats_at_any_cut() {
        let bytes = b"INFO {}\r\nPING\r\nMSG lobby 1 5\r\na\r\nbc\r\nPONG\r\n+OK\r\nMSG x 1 0\r\n\r\n";
        let expected = [Owned::Ping(Vec::new()), message("a\r\nbc", 17), message("PONG", 2), message("", 13)];
        every_cut_gives(Decoder::nats, bytes, &expected);
        assert!(decode(Decoder::nats(), [&b"-ERR 'no'\r\n"[..]]).is_err());
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
