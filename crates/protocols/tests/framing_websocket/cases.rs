//! Each rule of the framing by example: a stream, and the messages or the violation it must give.

use switchboard_protocols::framing::websocket::frame::Opcode::{Binary, Close, Continuation, Ping, Pong, Text};
use switchboard_protocols::framing::websocket::{Message, Violation};

use crate::support::{MESSAGE_BYTES_MAX, Outcome, binary, close, closed, decode, last, part, ping, pong, text};

/// The stream's frames, the messages they give, and how decoding ends.
type Case = (&'static str, Vec<Vec<u8>>, Vec<Message<'static>>, Result<(), Violation>);

/// Runs each case in one piece, byte by byte, frame by frame, and in two pieces cut everywhere.
fn run(cases: Vec<Case>) {
    for (name, frames, messages, end) in cases {
        let expected = Outcome { messages, end };
        let stream = frames.concat();
        let frames: Vec<&[u8]> = frames.iter().map(Vec::as_slice).collect();
        assert_eq!(decode(MESSAGE_BYTES_MAX, [&stream[..]]), expected, "{name}");
        assert_eq!(decode(MESSAGE_BYTES_MAX, stream.chunks(1)), expected, "{name}, byte by byte");
        assert_eq!(decode(MESSAGE_BYTES_MAX, frames), expected, "{name}, frame by frame");
        for cut in 1..stream.len() {
            let (front, back) = stream.split_at(cut);
            assert_eq!(decode(MESSAGE_BYTES_MAX, [front, back]), expected, "{name}, cut at {cut}");
        }
    }
}

/// The frame with these bits of its first byte set, or cleared, as well.
fn with_first_byte(mut frame: Vec<u8>, change: impl FnOnce(u8) -> u8) -> Vec<u8> {
    frame[0] = change(frame[0]);
    frame
}

#[test]
fn whole_messages() {
    let mut cases: Vec<Case> = vec![(
        "the masked example of the specification",
        vec![b"\x81\x85\x37\xFA\x21\x3D\x7F\x9F\x4D\x51\x58".to_vec()],
        vec![text("Hello")],
        Ok(()),
    )];
    for len in [0, 1, 7, 8, 9, 125, 126, 127, 128, 255, 256, 999, 1000] {
        let payload: Vec<u8> = (0..len).map(|at| b'a' + (at % 23) as u8).collect();
        let as_text = str::from_utf8(&payload).expect("ASCII");
        cases.push(("a text", vec![last(Text, &payload)], vec![text(as_text)], Ok(())));
        cases.push(("a binary", vec![last(Binary, &payload)], vec![binary(&payload)], Ok(())));
    }
    cases.push((
        "several messages at once",
        vec![last(Text, "a"), last(Binary, [0xFF]), last(Text, "é€😀")],
        vec![text("a"), binary(&[0xFF]), text("é€😀")],
        Ok(()),
    ));
    run(cases);
}

#[test]
fn pings_and_pongs() {
    let longest = [0xFE; 125];
    run(vec![
        ("an empty ping", vec![last(Ping, "")], vec![ping(b"")], Ok(())),
        ("a ping of any bytes", vec![last(Ping, [0x00, 0xFF, 0xFE])], vec![ping(&[0x00, 0xFF, 0xFE])], Ok(())),
        ("the longest ping", vec![last(Ping, longest)], vec![ping(&longest)], Ok(())),
        ("a ping one byte too long", vec![last(Ping, [0; 126])], vec![], Err(Violation::ControlTooLong)),
        (
            "a pong nobody asked for, then a ping",
            vec![last(Pong, "x"), last(Ping, "y")],
            vec![pong(b"x"), ping(b"y")],
            Ok(()),
        ),
        ("ten pings", (0..10).map(|at| last(Ping, [at])).collect(), (0..10).map(|at| ping(&[at])).collect(), Ok(())),
    ]);
}

#[test]
fn reserved_bits_and_opcodes() {
    let mut cases: Vec<Case> = Vec::new();
    for bits in 1..=7_u8 {
        for opcode in [Text, Binary, Ping, Close] {
            cases.push((
                "reserved bits, after a good message",
                vec![last(Text, "good"), with_first_byte(last(opcode, ""), |first| first | bits << 4)],
                vec![text("good")],
                Err(Violation::ReservedBits),
            ));
        }
    }
    for opcode in [3, 4, 5, 6, 7, 11, 12, 13, 14, 15] {
        cases.push((
            "a reserved opcode",
            vec![last(Text, "good"), with_first_byte(last(Text, "x"), |_| 0x80 | opcode), last(Ping, "")],
            vec![text("good")],
            Err(Violation::ReservedOpcode),
        ));
    }
    run(cases);
}

#[test]
fn fragments() {
    let split = [part(Text, "frag"), last(Continuation, "ment")];
    run(vec![
        ("two fragments", split.to_vec(), vec![text("fragment")], Ok(())),
        (
            "three binary fragments",
            vec![part(Binary, [1]), part(Continuation, [2]), last(Continuation, [3])],
            vec![binary(&[1, 2, 3])],
            Ok(()),
        ),
        (
            "only empty fragments",
            vec![part(Text, ""), part(Continuation, ""), last(Continuation, "")],
            vec![text("")],
            Ok(()),
        ),
        (
            "empty fragments around a full one",
            vec![part(Text, ""), part(Continuation, "x"), last(Continuation, "")],
            vec![text("x")],
            Ok(()),
        ),
        ("all in the last fragment", vec![part(Binary, ""), last(Continuation, [7])], vec![binary(&[7])], Ok(())),
        (
            "a ping between the fragments comes first",
            vec![split[0].clone(), last(Ping, "p"), split[1].clone()],
            vec![ping(b"p"), text("fragment")],
            Ok(()),
        ),
        (
            "messages one after the other",
            [&split[..], &[last(Text, "whole")], &split[..]].concat(),
            vec![text("fragment"), text("whole"), text("fragment")],
            Ok(()),
        ),
        (
            "a fragmented ping",
            vec![part(Ping, "a"), last(Continuation, "b")],
            vec![],
            Err(Violation::ControlFragmented),
        ),
        (
            "a fragmented pong in a fragmented message",
            vec![split[0].clone(), part(Pong, "")],
            vec![],
            Err(Violation::ControlFragmented),
        ),
        (
            "a continuation of nothing",
            vec![last(Continuation, "x"), last(Text, "y")],
            vec![],
            Err(Violation::ContinuationUnexpected),
        ),
        (
            "an unfinished continuation of nothing",
            vec![part(Continuation, "x")],
            vec![],
            Err(Violation::ContinuationUnexpected),
        ),
        (
            "a continuation after a whole message",
            vec![last(Text, "x"), part(Continuation, "y")],
            vec![text("x")],
            Err(Violation::ContinuationUnexpected),
        ),
        (
            "a continuation after the last fragment",
            [&split[..], &[last(Continuation, "x")]].concat(),
            vec![text("fragment")],
            Err(Violation::ContinuationUnexpected),
        ),
        (
            "a message inside a message",
            vec![split[0].clone(), last(Text, "x")],
            vec![],
            Err(Violation::ContinuationMissing),
        ),
        (
            "a fragment of another message inside a message",
            vec![split[0].clone(), part(Binary, "x")],
            vec![],
            Err(Violation::ContinuationMissing),
        ),
    ]);
}

#[test]
fn closes() {
    let reason = "r".repeat(123);
    let mut cases: Vec<Case> = vec![
        ("a close that says nothing", vec![last(Close, "")], vec![Message::Close(None)], Ok(())),
        ("a close with half a code", vec![last(Close, [3])], vec![], Err(Violation::CloseCodeCut)),
        ("a close with a code", vec![close(1000, b"")], vec![closed(1000, "")], Ok(())),
        ("a close with the longest reason", vec![close(1000, reason.as_bytes())], vec![closed(1000, &reason)], Ok(())),
        (
            "a close with a reason one byte too long",
            vec![close(1000, &[b'r'; 124])],
            vec![],
            Err(Violation::ControlTooLong),
        ),
        (
            "a close with a reason that is not UTF-8",
            vec![close(1000, b"\xCE\xBA\xED\xA0\x80")],
            vec![],
            Err(Violation::InvalidUtf8),
        ),
        (
            "a close with a reason that ends inside a character",
            vec![close(1000, b"\xE2\x82")],
            vec![],
            Err(Violation::InvalidUtf8),
        ),
        ("a fragmented close", vec![part(Close, "")], vec![], Err(Violation::ControlFragmented)),
        (
            "messages, pings and a second close after a close",
            vec![close(1000, b"bye"), last(Text, "x"), last(Ping, ""), close(1000, b""), vec![0xFF; 20]],
            vec![closed(1000, "bye")],
            Ok(()),
        ),
        (
            "a close between fragments",
            vec![part(Text, "x"), close(1001, b""), last(Continuation, "y")],
            vec![closed(1001, "")],
            Ok(()),
        ),
    ];
    for code in [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999] {
        cases.push(("a good code", vec![close(code, b"why")], vec![closed(code, "why")], Ok(())));
    }
    for code in [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535] {
        cases.push((
            "a code that may not be sent",
            vec![close(code, b"")],
            vec![],
            Err(Violation::CloseCodeInvalid { code }),
        ));
    }
    run(cases);
}

#[test]
fn headers_that_are_not_a_clients() {
    let mut cases: Vec<Case> = vec![
        ("a text without a mask", vec![b"\x81\x01x".to_vec()], vec![], Err(Violation::NotMasked)),
        ("an empty ping without a mask", vec![b"\x89\x00".to_vec()], vec![], Err(Violation::NotMasked)),
    ];
    for header in [
        &[0x82, 0xFE, 0, 0][..],
        &[0x82, 0xFE, 0, 125],
        &[0x82, 0xFF, 0, 0, 0, 0, 0, 0, 0, 5],
        &[0x82, 0xFF, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF],
        &[0x82, 0xFF, 0x80, 0, 0, 0, 0, 0, 0, 0],
        &[0x82, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF],
    ] {
        cases.push((
            "a length that is not the shortest",
            vec![header.to_vec()],
            vec![],
            Err(Violation::LengthNotMinimal),
        ));
    }
    run(cases);
}
