//! Any stream, any cut: the same messages and the same end, no panic, and no more memory than allowed.

use proptest::prelude::*;
use switchboard_protocols::framing::websocket::frame::Opcode;

use crate::support::{MESSAGE_BYTES_MAX, Outcome, binary, decode, last, part, text};

fn opcode() -> impl Strategy<Value = Opcode> {
    prop::sample::select(vec![
        Opcode::Continuation,
        Opcode::Text,
        Opcode::Binary,
        Opcode::Close,
        Opcode::Ping,
        Opcode::Pong,
    ])
}

fn payload() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => "\\PC{0,20}".prop_map(String::into_bytes),
        1 => prop::collection::vec(any::<u8>(), 0..40),
        1 => (0_usize..1100).prop_map(|len| vec![b'x'; len]),
        1 => (1000_u16..1020).prop_map(|code| code.to_be_bytes().to_vec()),
    ]
}

/// Streams of frames, most of them good in themselves but in any order, some of them damaged.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    let frame = (any::<bool>(), opcode(), payload()).prop_map(|(fin, opcode, payload)| {
        if fin || opcode.is_control() { last(opcode, payload) } else { part(opcode, payload) }
    });
    let damage = prop::option::weighted(0.2, (any::<prop::sample::Index>(), any::<u8>()));
    (prop::collection::vec(frame, 0..8), damage).prop_map(|(frames, damage)| {
        let mut stream = frames.concat();
        if let Some((at, byte)) = damage
            && !stream.is_empty()
        {
            let at = at.index(stream.len());
            stream[at] = byte;
        }
        stream
    })
}

fn pieces<'a>(stream: &'a [u8], lens: &[usize]) -> Vec<&'a [u8]> {
    let mut rest = stream;
    let mut pieces = Vec::new();
    for len in lens.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (piece, after) = rest.split_at((*len).min(rest.len()));
        pieces.push(piece);
        rest = after;
    }
    pieces
}

fn piece_lens() -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(prop_oneof![1_usize..4, 1_usize..200], 1..12)
}

proptest! {
    #[test]
    fn any_cut_of_frames_gives_the_same(stream in stream(), lens in piece_lens()) {
        prop_assert_eq!(
            decode(MESSAGE_BYTES_MAX, pieces(&stream, &lens)),
            decode(MESSAGE_BYTES_MAX, [&stream[..]])
        );
    }

    #[test]
    fn any_cut_of_arbitrary_bytes_gives_the_same(
        stream in prop::collection::vec(any::<u8>(), 0..200),
        lens in piece_lens(),
    ) {
        prop_assert_eq!(
            decode(MESSAGE_BYTES_MAX, pieces(&stream, &lens)),
            decode(MESSAGE_BYTES_MAX, [&stream[..]])
        );
    }

    #[test]
    fn a_fragmented_message_is_the_message(
        message in "\\PC{0,60}",
        as_text: bool,
        lens in prop::collection::vec(1_usize..9, 1..9),
        cuts in piece_lens(),
    ) {
        let (opcode, expected) = if as_text {
            (Opcode::Text, text(&message))
        } else {
            (Opcode::Binary, binary(message.as_bytes()))
        };
        let mut stream = part(opcode, "");
        for fragment in pieces(message.as_bytes(), &lens) {
            stream.extend(part(Opcode::Continuation, fragment));
        }
        stream.extend(last(Opcode::Continuation, ""));
        prop_assert_eq!(
            decode(MESSAGE_BYTES_MAX, pieces(&stream, &cuts)),
            Outcome { messages: vec![expected], end: Ok(()) }
        );
    }
}
