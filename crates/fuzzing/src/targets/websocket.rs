//! WebSocket frames: any cut of the stream gives the same, within the same memory, and another implementation agrees.

use crate::input::pieces;
use std::borrow::Cow;
use std::io::{self, Cursor, Read, Write};
use switchboard_protocols::framing::websocket::{Close, Decoder, Message, Role, Violation};

pub(super) const WORDS: &[&[u8]] = &[
    b"\x81\x80\0\0\0\0",
    b"\x81\x85\0\0\0\0hello",
    b"\x01\x83\0\0\0\0abc",
    b"\x80\x83\0\0\0\0def",
    b"\x00\x80\0\0\0\0",
    b"\x82\x81\0\0\0\0x",
    b"\x89\x84\0\0\0\0ping",
    b"\x8A\x80\0\0\0\0",
    b"\x88\x80\0\0\0\0",
    b"\x88\x82\0\0\0\0\x03\xE8",
    b"\x88\x82\0\0\0\0\x03\xEC",
    b"\xFE\0\x7E",
    b"\xFF\0\0\0\0\0\x01\0\0",
    b"\x8F\0\0\0\0{\"type\":\"ping\"}",
    "é€😀".as_bytes(),
    b"\xF0\x9F",
    b"\xC1\x87\0\0\0\0\xF2\x48\xCD\xC9\xC9\x07\0",
    b"\x41\x83\0\0\0\0\xF2\x48\xCD",
    b"\x80\x84\0\0\0\0\xC9\xC9\x07\0",
    b"\xC2\x8B\0\0\0\0\0\x05\0\xFA\xFFHello\0",
    b"\xC1\x88\0\0\0\0\xF3\x48\xCD\xC9\xC9\x07\0\0",
    b"\x03\0",
    b"/help",
    b"\xF74",
    b"\xF75",
    b"\xF73",
    b"\xF76",
];

pub(super) fn run(stream: &[u8]) {
    for bytes_max in [48, 70_000] {
        for role in [Role::Server, Role::Client] {
            for inflates in [false, true] {
                let decoder = || Decoder::new(role, bytes_max).inflating(inflates);
                let whole = decode(decoder(), bytes_max, [stream]);
                assert_eq!(decode(decoder(), bytes_max, pieces(stream)), whole);
                assert_eq!(decode(decoder(), bytes_max, stream.chunks(1)), whole);
            }
        }
        compare(bytes_max, stream);
    }
}

/// The messages of a stream, and the violation with which it ended.
type Decoded = (Vec<Message<'static>>, Option<Violation>);

fn decode<'a>(mut decoder: Decoder, bytes_max: usize, pieces: impl IntoIterator<Item = &'a [u8]>) -> Decoded {
    let mut messages = Vec::new();
    for piece in pieces {
        let mut piece = piece.to_vec();
        let mut rest = &mut piece[..];
        loop {
            match decoder.next_message(&mut rest) {
                Ok(Some(message)) => messages.push(owned(message, bytes_max)),
                Ok(None) => break,
                Err(violation) => {
                    assert_eq!(
                        decoder.next_message(&mut &mut [0x81, 0x00][..]),
                        Err(violation),
                        "a violation is for good"
                    );
                    assert!(violation.to_string().is_ascii() && violation.to_string().len() <= 123);
                    return (messages, Some(violation));
                }
            }
        }
        assert!(rest.is_empty(), "all input is used");
    }
    (messages, None)
}

fn owned(message: Message<'_>, bytes_max: usize) -> Message<'static> {
    let control = |bytes: Cow<'_, [u8]>| {
        assert!(bytes.len() <= 125, "a control frame of {} bytes", bytes.len());
        Cow::Owned(bytes.into_owned())
    };
    match message {
        Message::Text(text) => {
            let held = if let Cow::Owned(text) = &text { text.capacity() } else { text.len() };
            // One byte more shows that what is inflated is too long.
            assert!(held <= bytes_max + 1, "{held} bytes held for a message of at most {bytes_max}");
            Message::Text(Cow::Owned(text.into_owned()))
        }
        Message::Binary(bytes) => {
            let held = if let Cow::Owned(bytes) = &bytes { bytes.capacity() } else { bytes.len() };
            // One byte more shows that what is inflated is too long.
            assert!(held <= bytes_max + 1, "{held} bytes held for a message of at most {bytes_max}");
            Message::Binary(Cow::Owned(bytes.into_owned()))
        }
        Message::Ping(bytes) => Message::Ping(control(bytes)),
        Message::Pong(bytes) => Message::Pong(control(bytes)),
        Message::Close(None) => Message::Close(None),
        Message::Close(Some(Close { code, reason })) => {
            Message::Close(Some(Close { code, reason: Cow::Owned(reason.into_owned()) }))
        }
    }
}

/// Ours is the stricter one: what it takes, the other takes too, and where it goes on, so does the other.
fn compare(bytes_max: usize, stream: &[u8]) {
    let (ours, violation) = decode(Decoder::new(Role::Server, bytes_max), bytes_max, [stream]);
    let theirs = decode_theirs(bytes_max, stream);
    assert!(theirs.len() >= ours.len(), "they took {theirs:?} and we {ours:?}");
    assert!(violation.is_some() || theirs.len() == ours.len(), "they took {theirs:?} and we {ours:?}");
    for (ours, theirs) in ours.iter().zip(&theirs) {
        let same = match (ours, theirs) {
            (Message::Text(ours), tungstenite::Message::Text(theirs)) => **ours == *theirs.as_str(),
            (Message::Binary(ours), tungstenite::Message::Binary(theirs))
            | (Message::Ping(ours), tungstenite::Message::Ping(theirs))
            | (Message::Pong(ours), tungstenite::Message::Pong(theirs)) => **ours == **theirs,
            // The registry of close codes has grown since theirs was written.
            (Message::Close(_), tungstenite::Message::Close(_)) => true,
            _ => false,
        };
        assert!(same, "they took {theirs:?} and we {ours:?}");
    }
}

fn decode_theirs(bytes_max: usize, stream: &[u8]) -> Vec<tungstenite::Message> {
    // Theirs holds control frames to this limit, too.
    let frame_bytes_max = bytes_max.max(125);
    let config = tungstenite::protocol::WebSocketConfig::default()
        .max_message_size(Some(bytes_max))
        .max_frame_size(Some(frame_bytes_max));
    let peer = Peer(Cursor::new(stream));
    let mut socket = tungstenite::WebSocket::from_raw_socket(peer, tungstenite::protocol::Role::Server, Some(config));
    std::iter::from_fn(|| socket.read().ok()).collect()
}

/// A peer that has sent all of a stream, and takes whatever it is sent.
struct Peer<'a>(Cursor<&'a [u8]>);

impl Read for Peer<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Write for Peer<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
