//! Text is UTF-8, and text that is not fails at the byte that shows it, in the middle of a frame.

use switchboard_protocols::framing::websocket::Violation;
use switchboard_protocols::framing::websocket::frame::Opcode::{Continuation, Ping, Text};

use crate::support::{MESSAGE_BYTES_MAX, Outcome, decode, fails_after, last, part, ping, text};

/// The first and last character of each encoded length, and the edges of the surrogates' gap.
const EDGES: &str = "\0\u{7F}\u{80}\u{7FF}\u{800}\u{D7FF}\u{E000}\u{FFFD}\u{FFFE}\u{FFFF}\u{10000}\u{10FFFF}";

/// A header of 2 bytes and a mask of 4.
const HEADER_LEN: usize = 6;

/// The message in fragments of one byte each.
fn byte_fragments(payload: &[u8]) -> Vec<u8> {
    let mut stream = part(Text, "");
    for byte in payload {
        stream.extend(part(Continuation, [*byte]));
    }
    stream.extend(last(Continuation, ""));
    stream
}

#[test]
fn characters_may_be_cut_by_inputs_and_fragments() {
    let expected = Outcome { messages: vec![text(EDGES)], end: Ok(()) };
    let stream = last(Text, EDGES);
    for piece_len in 1..=stream.len() {
        assert_eq!(decode(MESSAGE_BYTES_MAX, stream.chunks(piece_len)), expected);
    }
    let stream = byte_fragments(EDGES.as_bytes());
    for piece_len in 1..20 {
        assert_eq!(decode(MESSAGE_BYTES_MAX, stream.chunks(piece_len)), expected);
    }
    for cut in 0..=EDGES.len() {
        let (front, back) = EDGES.as_bytes().split_at(cut);
        let stream = [part(Text, front), last(Ping, ""), last(Continuation, back)].concat();
        let expected = Outcome { messages: vec![ping(b""), text(EDGES)], end: Ok(()) };
        assert_eq!(decode(MESSAGE_BYTES_MAX, [&stream[..]]), expected);
    }
}

#[test]
fn a_byte_that_cannot_be_right_fails_before_the_frame_is_complete() {
    // The bytes, and how many of them may pass before the one that must fail.
    for (bytes, good) in [
        (&b"\x80"[..], 0),
        (b"\xBF", 0),
        (b"\xFE", 0),
        (b"\xFF", 0),
        (b"\xC0\x80", 0),
        (b"\xC1\xBF", 0),
        (b"\xC3\x28", 1),
        (b"\xC3 ", 1),
        (b"\xE0\x80\x80", 1),
        (b"\xE0\x9F\xBF", 1),
        (b"\xE2\x28\xA1", 1),
        (b"\xE2\x82\x28", 2),
        (b"\xED\xA0\x80", 1),
        (b"\xED\xBF\xBF", 1),
        (b"\xF0\x80\x80\x80", 1),
        (b"\xF0\x8F\xBF\xBF", 1),
        (b"\xF0\x9F\x98a", 3),
        (b"\xF4\x90\x80\x80", 1),
        (b"\xF5\x80\x80\x80", 0),
        (b"\xF8\x88\x80\x80\x80", 0),
        (b"\xFC\x84\x80\x80\x80\x80", 0),
    ] {
        let payload = ["κόσμε ".as_bytes(), bytes, b" and more"].concat();
        let before = "κόσμε ".len() + good;
        let invalid = Outcome { messages: vec![], end: Err(Violation::InvalidUtf8) };

        let whole = last(Text, &payload);
        assert_eq!(fails_after(&whole), Some(HEADER_LEN + before + 1), "{bytes:x?}");
        assert_eq!(decode(MESSAGE_BYTES_MAX, [&whole[..]]), invalid, "{bytes:x?}");

        let fragments = byte_fragments(&payload);
        let fragment_len = HEADER_LEN + 1;
        assert_eq!(fails_after(&fragments), Some(HEADER_LEN + (before + 1) * fragment_len), "{bytes:x?} in fragments");
        assert_eq!(decode(MESSAGE_BYTES_MAX, [&fragments[..]]), invalid, "{bytes:x?}");

        // The bad byte is the first of a fragment whose end has not come.
        let cut = [part(Text, &payload[..before]), last(Continuation, &payload[before..])].concat();
        assert_eq!(fails_after(&cut), Some(2 * HEADER_LEN + before + 1), "{bytes:x?} in the second fragment");
    }
}

#[test]
fn a_text_must_not_end_inside_a_character() {
    for bytes in [&b"\xC3"[..], b"\xE2\x82", b"\xF0\x9F\x98", b"abc\xE2"] {
        let invalid = Outcome { messages: vec![], end: Err(Violation::InvalidUtf8) };
        for stream in [last(Text, bytes), byte_fragments(bytes)] {
            assert_eq!(decode(MESSAGE_BYTES_MAX, [&stream[..]]), invalid, "{bytes:x?}");
            assert_eq!(decode(MESSAGE_BYTES_MAX, stream.chunks(1)), invalid, "{bytes:x?}");
            assert_eq!(fails_after(&stream), Some(stream.len()), "only its end shows it");
        }
    }
}
