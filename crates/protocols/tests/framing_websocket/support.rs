//! What the tests share: frames as a client sends them, and what a decoder makes of a stream.

use bytes::BytesMut;
use switchboard_protocols::framing::websocket::frame::{FrameHeader, Opcode};
use switchboard_protocols::framing::websocket::{Close, CloseCode, Decoder, Message, Role, Violation, client};

/// The limit of the decoders under test, unless a test is about another.
pub(crate) const MESSAGE_BYTES_MAX: usize = 1000;

const KEY: [u8; 4] = [0x37, 0xFA, 0x21, 0x3D];

/// The whole of a message, or its last fragment.
pub(crate) fn last(opcode: Opcode, payload: impl AsRef<[u8]>) -> Vec<u8> {
    frame(true, opcode, payload.as_ref())
}

/// A fragment that is not the last.
pub(crate) fn part(opcode: Opcode, payload: impl AsRef<[u8]>) -> Vec<u8> {
    frame(false, opcode, payload.as_ref())
}

fn frame(fin: bool, opcode: Opcode, payload: &[u8]) -> Vec<u8> {
    let mut out = BytesMut::new();
    client::put_frame(&mut out, fin, opcode, payload, KEY);
    out.into()
}

/// A message of which this is the compressed payload, or its first fragment.
pub(crate) fn compressed(fin: bool, opcode: Opcode, payload: impl AsRef<[u8]>) -> Vec<u8> {
    let payload = payload.as_ref();
    // A mask of zeros changes nothing.
    let header = FrameHeader { fin, compressed: true, mask: Some([0; 4]), ..FrameHeader::whole(opcode, payload.len()) };
    [&header.encode(), payload].concat()
}

/// A close frame with this code and these bytes as its reason.
pub(crate) fn close(code: u16, reason: &[u8]) -> Vec<u8> {
    last(Opcode::Close, [&code.to_be_bytes(), reason].concat())
}

/// What a decoder made of a stream.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) messages: Vec<Message<'static>>,
    pub(crate) end: Result<(), Violation>,
}

/// Decodes a stream that arrives in pieces, without compression.
pub(crate) fn decode<'a>(message_bytes_max: usize, pieces: impl IntoIterator<Item = &'a [u8]>) -> Outcome {
    decode_with(Decoder::new(Role::Server, message_bytes_max), pieces)
}

/// The same where compression was agreed on.
pub(crate) fn inflate<'a>(message_bytes_max: usize, pieces: impl IntoIterator<Item = &'a [u8]>) -> Outcome {
    decode_with(Decoder::new(Role::Server, message_bytes_max).inflating(true), pieces)
}

fn decode_with<'a>(mut decoder: Decoder, pieces: impl IntoIterator<Item = &'a [u8]>) -> Outcome {
    let mut messages = Vec::new();
    for piece in pieces {
        if let Err(violation) = feed(&mut decoder, piece, &mut messages) {
            let again = feed(&mut decoder, b"\x81\x80abcd", &mut Vec::new());
            assert_eq!(again, Err(violation), "a violation is for good");
            return Outcome { messages, end: Err(violation) };
        }
    }
    Outcome { messages, end: Ok(()) }
}

/// Gives `piece` to the decoder and collects the messages it completes.
pub(crate) fn feed(decoder: &mut Decoder, piece: &[u8], messages: &mut Vec<Message<'static>>) -> Result<(), Violation> {
    let mut piece = piece.to_vec();
    let mut input = &mut piece[..];
    while let Some(message) = decoder.next_message(&mut input)? {
        messages.push(owned(message));
    }
    assert!(input.is_empty(), "all input is used");
    Ok(())
}

/// The number of bytes after which the decoder fails when it gets them one by one.
pub(crate) fn fails_after(stream: &[u8]) -> Option<usize> {
    let mut decoder = Decoder::new(Role::Server, MESSAGE_BYTES_MAX);
    (0..stream.len()).find(|at| feed(&mut decoder, &stream[*at..=*at], &mut Vec::new()).is_err()).map(|at| at + 1)
}

pub(crate) fn text(text: &str) -> Message<'static> {
    Message::Text(text.to_owned().into())
}

pub(crate) fn binary(bytes: &[u8]) -> Message<'static> {
    Message::Binary(bytes.to_owned().into())
}

pub(crate) fn ping(bytes: &[u8]) -> Message<'static> {
    Message::Ping(bytes.to_owned().into())
}

pub(crate) fn pong(bytes: &[u8]) -> Message<'static> {
    Message::Pong(bytes.to_owned().into())
}

pub(crate) fn closed(code: u16, reason: &str) -> Message<'static> {
    Message::Close(Some(Close {
        code: CloseCode::new(code).expect("a code that may be sent"),
        reason: reason.to_owned().into(),
    }))
}

fn owned(message: Message<'_>) -> Message<'static> {
    match message {
        Message::Text(text) => Message::Text(text.into_owned().into()),
        Message::Binary(bytes) => Message::Binary(bytes.into_owned().into()),
        Message::Ping(bytes) => Message::Ping(bytes.into_owned().into()),
        Message::Pong(bytes) => Message::Pong(bytes.into_owned().into()),
        Message::Close(None) => Message::Close(None),
        Message::Close(Some(close)) => closed(close.code.get(), &close.reason),
    }
}
