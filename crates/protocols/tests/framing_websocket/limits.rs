//! The bounds: on a message, on its memory, on empty fragments; and what costs no memory at all.

use std::borrow::Cow;

use switchboard_protocols::framing::websocket::frame::Opcode::{Binary, Close, Continuation, Ping, Text};
use switchboard_protocols::framing::websocket::frame::{self, FrameHeader};
use switchboard_protocols::framing::websocket::{CloseCode, Decoder, EMPTY_FRAGMENTS_MAX, Message, Role, Violation};

use crate::support::{MESSAGE_BYTES_MAX, Outcome, binary, close, decode, fails_after, feed, last, part, text};

const TOO_BIG: Violation = Violation::MessageTooBig { bytes_max: MESSAGE_BYTES_MAX };

#[test]
fn a_message_over_the_limit_fails_at_its_header() {
    let header_len = 8;
    let whole = last(Binary, [0; MESSAGE_BYTES_MAX + 1]);
    assert_eq!(fails_after(&whole), Some(header_len));

    let first = part(Text, [b'x'; MESSAGE_BYTES_MAX - 200]);
    let second = last(Continuation, [b'x'; 201]);
    let stream = [&first[..], &second].concat();
    assert_eq!(fails_after(&stream), Some(first.len() + header_len));

    let huge =
        FrameHeader { fin: true, compressed: false, opcode: Text, mask: Some([0; 4]), payload_len: i64::MAX as u64 };
    for opcode in [Text, Binary] {
        let header = FrameHeader { opcode, ..huge }.encode();
        assert_eq!(fails_after(&header), Some(header.len()));
    }
    let continued = [part(Text, "x"), FrameHeader { opcode: Continuation, ..huge }.encode().to_vec()].concat();
    assert_eq!(decode(MESSAGE_BYTES_MAX, [&continued[..]]).end, Err(TOO_BIG));
}

#[test]
fn the_limit_counts_the_message_and_not_what_stands_between() {
    let half = [7; MESSAGE_BYTES_MAX / 2];
    let stream =
        [part(Binary, half), last(Ping, [0; 125]), last(Continuation, half), last(Binary, [7; MESSAGE_BYTES_MAX])]
            .concat();
    let outcome = decode(MESSAGE_BYTES_MAX, stream.chunks(100));
    assert_eq!(outcome.end, Ok(()));
    assert_eq!(outcome.messages[1..], [binary(&[7; MESSAGE_BYTES_MAX]), binary(&[7; MESSAGE_BYTES_MAX])]);
}

#[test]
fn a_character_at_the_limit_counts_in_bytes() {
    for (limit, fits) in [(6, true), (5, false)] {
        for stream in [
            last(Text, "€€"),
            [part(Text, "€\u{20AC}".as_bytes().split_at(4).0), last(Continuation, b"\x82\xAC")].concat(),
        ] {
            let expected = if fits {
                Outcome { messages: vec![text("€€")], end: Ok(()) }
            } else {
                Outcome { messages: vec![], end: Err(Violation::MessageTooBig { bytes_max: limit }) }
            };
            assert_eq!(decode(limit, stream.chunks(1)), expected);
        }
    }
}

#[test]
fn empty_fragments_are_counted_for_each_message() {
    let empty = part(Continuation, "");
    let count = usize::from(EMPTY_FRAGMENTS_MAX) - 1;
    let good = [part(Text, ""), empty.repeat(count), last(Continuation, "")].concat();
    let outcome = decode(MESSAGE_BYTES_MAX, [&good[..], &good]);
    assert_eq!(outcome.end, Ok(()));
    assert_eq!(outcome.messages, [text(""), text("")]);

    let bad = [part(Text, ""), empty.repeat(count + 1)].concat();
    assert_eq!(decode(MESSAGE_BYTES_MAX, [&bad[..]]).end, Err(Violation::TooManyEmptyFragments));
}

#[test]
fn what_lies_in_the_input_is_not_copied_and_what_comes_after_it_stays() {
    let mut decoder = Decoder::new(Role::Server, MESSAGE_BYTES_MAX);
    let mut stream = [last(Text, "text"), last(Binary, "binary"), last(Ping, "ping")].concat();
    let mut input = &mut stream[..];
    let message = decoder.next_message(&mut input);
    assert!(matches!(message, Ok(Some(Message::Text(Cow::Borrowed("text"))))));
    assert_eq!(input.len(), 12 + 10);
    let message = decoder.next_message(&mut input);
    assert!(matches!(message, Ok(Some(Message::Binary(Cow::Borrowed(b"binary"))))));
    let message = decoder.next_message(&mut input);
    assert!(matches!(message, Ok(Some(Message::Ping(Cow::Borrowed(b"ping"))))));
    assert!(input.is_empty());
}

#[test]
fn a_message_in_pieces_takes_no_more_memory_than_the_limit() {
    for opcode in [Text, Binary] {
        for piece_len in [1, 7, 64, 333, 999] {
            let stream = last(opcode, [b'x'; MESSAGE_BYTES_MAX]);
            let mut decoder = Decoder::new(Role::Server, MESSAGE_BYTES_MAX);
            let mut capacity = None;
            for piece in stream.chunks(piece_len) {
                let mut piece = piece.to_vec();
                let mut input = &mut piece[..];
                match decoder.next_message(&mut input) {
                    Ok(Some(Message::Text(Cow::Owned(text)))) => capacity = Some(text.capacity()),
                    Ok(Some(Message::Binary(Cow::Owned(bytes)))) => {
                        capacity = Some(bytes.capacity());
                    }
                    other => assert_eq!(other, Ok(None)),
                }
            }
            assert_eq!(capacity, Some(MESSAGE_BYTES_MAX), "{opcode:?} in {piece_len}s");
        }
    }
}

#[test]
fn a_decoder_is_small() {
    assert!(size_of::<Decoder>() <= 144, "{}", size_of::<Decoder>());
}

#[test]
fn a_client_takes_unmasked_frames_only() {
    let mut decoder = Decoder::new(Role::Client, MESSAGE_BYTES_MAX);
    let mut messages = Vec::new();
    let stream = [frame::text("é"), frame::ping(b"p"), frame::binary(&[1; 300])].concat();
    for byte in stream.chunks(1) {
        assert_eq!(feed(&mut decoder, byte, &mut messages), Ok(()));
    }
    assert_eq!(messages.len(), 3);
    assert_eq!(messages[2], binary(&[1; 300]));
    assert_eq!(feed(&mut decoder, &last(Text, "x"), &mut messages), Err(Violation::Masked));
}

#[test]
fn a_violation_fits_the_close_frame_that_tells_it() {
    use Violation as V;
    for (violation, code, reason) in [
        (V::ReservedBits, 1002, "reserved bits set"),
        (V::ReservedOpcode, 1002, "reserved opcode"),
        (V::ControlFragmented, 1002, "fragmented control frame"),
        (V::ControlTooLong, 1002, "control frame longer than 125 bytes"),
        (V::LengthNotMinimal, 1002, "payload length not minimal"),
        (V::NotMasked, 1002, "client frame not masked"),
        (V::Masked, 1002, "server frame masked"),
        (V::ContinuationUnexpected, 1002, "continuation of no message"),
        (V::ContinuationMissing, 1002, "message inside a fragmented message"),
        (V::CloseCodeCut, 1002, "close code cut short"),
        (V::CloseCodeInvalid { code: 1005 }, 1002, "invalid close code 1005"),
        (V::InvalidUtf8, 1007, "invalid UTF-8"),
        (V::InvalidDeflate, 1007, "invalid compressed data"),
        (V::MessageTooBig { bytes_max: 4096 }, 1009, "message larger than 4096 bytes"),
        (V::TooManyEmptyFragments, 1008, "too many empty fragments"),
    ] {
        assert_eq!(violation.close_code().get(), code);
        assert_eq!(violation.to_string(), reason);
        assert!(reason.is_ascii() && reason.len() <= 123);
    }
}

#[test]
fn a_close_is_answered_with_its_own_code() {
    let mut stream = close(4321, b"because");
    let mut decoder = Decoder::new(Role::Server, MESSAGE_BYTES_MAX);
    let Ok(Some(Message::Close(received))) = decoder.next_message(&mut &mut stream[..]) else {
        panic!("a close");
    };
    let reply = frame::close_reply(received.as_ref());
    assert_eq!(reply, frame::close(CloseCode::new(4321).expect("good"), ""));
    assert_eq!(reply[0], 0x88, "an unmasked {Close:?}");
}
