//! Compressed messages (RFC 7692): the specification's own examples, every bound, and what damage does.

use std::io::Write;

use bytes::Bytes;
use flate2::write::DeflateEncoder;
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress};
use proptest::prelude::*;
use switchboard_protocols::framing::websocket::frame::Opcode::{Binary, Close, Continuation, Ping, Text};
use switchboard_protocols::framing::websocket::frame::{self, FrameHeader};
use switchboard_protocols::framing::websocket::{Decoder, Deflate, FINAL_BLOCKS_MAX, Message, Role, Violation, Window};

use crate::support::{
    MESSAGE_BYTES_MAX, Outcome, binary, compressed, decode, fails_after, inflate, last, part, ping, text,
};

const WINDOWS: [Window; Window::COUNT] = [Window::Full, Window::Small];
const HELLO: [u8; 7] = [0xF2, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00];

fn all(window: Window) -> Deflate {
    Deflate { window, bytes_min: 0 }
}

/// What a client makes of a message, in deflate's best level.
fn squeezed(message: &[u8]) -> Vec<u8> {
    let mut compress = Compress::new(Compression::best(), false);
    let mut out = Vec::with_capacity(message.len() + message.len() / 8 + 64);
    compress.compress_vec(message, &mut out, FlushCompress::Sync).expect("there is room");
    out.strip_suffix(&[0, 0, 0xFF, 0xFF]).expect("a flush ends like this").to_vec()
}

#[test]
fn the_examples_of_the_specification() {
    let hello = || Outcome { messages: vec![text("Hello")], end: Ok(()) };
    for (name, stream, outcome) in [
        ("7.2.3.1, whole", compressed(true, Text, HELLO), hello()),
        (
            "7.2.3.1, in two fragments",
            [compressed(false, Text, &HELLO[..3]), last(Continuation, &HELLO[3..])].concat(),
            hello(),
        ),
        ("7.2.3.3, a block that is not compressed", compressed(true, Text, b"\x00\x05\x00\xFA\xFFHello\x00"), hello()),
        ("7.2.3.4, a final block", compressed(true, Text, b"\xF3\x48\xCD\xC9\xC9\x07\x00\x00"), hello()),
        (
            "7.2.3.5, two blocks",
            compressed(true, Text, b"\xF2\x48\x05\x00\x00\x00\xFF\xFF\xCA\xC9\xC9\x07\x00"),
            hello(),
        ),
        ("7.2.3.6, nothing", compressed(true, Text, [0]), Outcome { messages: vec![text("")], end: Ok(()) }),
        (
            "7.2.3.2, a window that was shared without leave",
            [compressed(true, Text, HELLO), compressed(true, Text, [0xF2, 0x00, 0x11, 0x00, 0x00])].concat(),
            Outcome { messages: vec![text("Hello")], end: Err(Violation::InvalidDeflate) },
        ),
        (
            "7.2.3.2, without sharing",
            [compressed(true, Text, HELLO), compressed(true, Text, HELLO)].concat(),
            Outcome { messages: vec![text("Hello"), text("Hello")], end: Ok(()) },
        ),
    ] {
        assert_eq!(inflate(MESSAGE_BYTES_MAX, [&stream[..]]), outcome, "{name}");
        assert_eq!(inflate(MESSAGE_BYTES_MAX, stream.chunks(1)), outcome, "{name}, byte by byte");
    }
}

#[test]
fn plain_messages_fragments_and_control_frames_stand_between() {
    let stream = [
        last(Text, "plain"),
        compressed(false, Text, &HELLO[..2]),
        last(Ping, "p"),
        part(Continuation, ""),
        part(Continuation, &HELLO[2..]),
        last(Continuation, ""),
        compressed(true, Binary, HELLO),
    ]
    .concat();
    let messages = vec![text("plain"), ping(b"p"), text("Hello"), binary(b"Hello")];
    assert_eq!(inflate(MESSAGE_BYTES_MAX, [&stream[..]]), Outcome { messages, end: Ok(()) });
}

#[test]
fn the_mark_is_for_the_first_frame_of_a_message_where_it_was_agreed_on() {
    let hello = compressed(true, Text, HELLO);
    assert_eq!(decode(MESSAGE_BYTES_MAX, [&hello[..]]).end, Err(Violation::ReservedBits), "not agreed on");
    assert_eq!(fails_after(&hello), Some(2), "as early as the bytes show it");
    for (name, stream) in [
        ("a ping", compressed(true, Ping, "")),
        ("a close", compressed(true, Close, "")),
        (
            "a continuation",
            [compressed(false, Text, &HELLO[..3]), compressed(true, Continuation, &HELLO[3..])].concat(),
        ),
        ("a continuation of a plain message", [part(Text, "a"), compressed(true, Continuation, "b")].concat()),
        ("RSV2", vec![0xA1, 0x80, 0, 0, 0, 0]),
        ("RSV3 beside RSV1", vec![0xD1, 0x80, 0, 0, 0, 0]),
    ] {
        let outcome = inflate(MESSAGE_BYTES_MAX, [&stream[..]]);
        assert_eq!(outcome, Outcome { messages: vec![], end: Err(Violation::ReservedBits) }, "{name}");
    }
}

#[test]
fn damage_is_invalid_data() {
    let whole = squeezed("the quick brown fox jumps over the lazy dog, and again the quick brown fox".as_bytes());
    for (name, payload) in [
        ("nothing at all", vec![]),
        ("a reserved kind of block", vec![0xFF]),
        ("a stored block that is cut", b"\x00\x05\x00\xFA\xFFHel".to_vec()),
        ("a message that is cut", whole[..whole.len() / 2].to_vec()),
        ("a message with its tail", [&HELLO[..], &[0, 0, 0xFF]].concat()),
        ("a final block without the beginning of another", vec![0xF3, 0x48, 0xCD, 0xC9, 0xC9, 0x07, 0x00]),
        ("a reference to what was before the message", vec![0xF2, 0x00, 0x11, 0x00, 0x00]),
    ] {
        for chunk in [1, 100] {
            let stream = compressed(true, Binary, &payload);
            let outcome = inflate(MESSAGE_BYTES_MAX, stream.chunks(chunk));
            assert_eq!(outcome, Outcome { messages: vec![], end: Err(Violation::InvalidDeflate) }, "{name}");
        }
    }
    assert_eq!(inflate(100, [&compressed(true, Text, squeezed(b"\xC3"))[..]]).end, Err(Violation::InvalidUtf8));
    let cut = [compressed(false, Text, &HELLO[..3]), last(Continuation, &HELLO[3..5])].concat();
    assert_eq!(inflate(100, [&cut[..]]).end, Err(Violation::InvalidDeflate));
}

#[test]
fn a_message_may_be_as_long_as_the_limit_and_no_longer_however_it_is_compressed() {
    // Chance cannot be compressed, and is longer when it was tried.
    let noise: Vec<u8> = (0..=MESSAGE_BYTES_MAX as u64)
        .map(|n| (n.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(23).wrapping_mul(n | 1) >> 40) as u8)
        .collect();
    for source in [vec![b'x'; MESSAGE_BYTES_MAX + 1], noise] {
        for level in [Compression::none(), Compression::fast(), Compression::best()] {
            let squeeze = |message: &[u8]| {
                let mut encoder = DeflateEncoder::new(Vec::new(), level);
                encoder.write_all(message).expect("memory");
                encoder.flush().expect("memory");
                let out = encoder.get_ref().clone();
                out.strip_suffix(&[0, 0, 0xFF, 0xFF]).expect("a flush ends like this").to_vec()
            };
            let fits = compressed(true, Binary, squeeze(&source[..MESSAGE_BYTES_MAX]));
            let expected = Outcome { messages: vec![binary(&source[..MESSAGE_BYTES_MAX])], end: Ok(()) };
            assert_eq!(inflate(MESSAGE_BYTES_MAX, [&fits[..]]), expected, "{level:?}");
            let over = compressed(true, Binary, squeeze(&source));
            let too_big = Violation::MessageTooBig { bytes_max: MESSAGE_BYTES_MAX };
            let expected = Outcome { messages: vec![], end: Err(too_big) };
            assert_eq!(inflate(MESSAGE_BYTES_MAX, [&over[..]]), expected, "{level:?}");
        }
    }
}

#[test]
fn a_bomb_takes_no_more_memory_than_the_limit() {
    let bomb = squeezed(&vec![0; 10_000_000]);
    assert!(bomb.len() < 11_000, "{}", bomb.len());
    let stream = compressed(true, Binary, &bomb);
    let too_big = Violation::MessageTooBig { bytes_max: 64 * 1024 };
    assert_eq!(inflate(64 * 1024, [&stream[..]]), Outcome { messages: vec![], end: Err(too_big) });
    let mut stream = compressed(true, Binary, squeezed(&[0; 5_000]));
    let mut decoder = Decoder::new(Role::Server, 5_000).inflating(true);
    let Ok(Some(Message::Binary(bytes))) = decoder.next_message(&mut &mut stream[..]) else { panic!("it fits") };
    assert!(bytes.into_owned().capacity() <= 5_001, "the limit, and the byte that would show more");
}

#[test]
fn what_comes_is_bounded_at_its_header_before_anything_is_inflated() {
    let most = MESSAGE_BYTES_MAX + MESSAGE_BYTES_MAX / 7 + 64;
    let header = |len: usize| {
        let header = FrameHeader { compressed: true, mask: Some([0; 4]), ..FrameHeader::whole(Binary, len) };
        header.encode().to_vec()
    };
    assert_eq!(inflate(MESSAGE_BYTES_MAX, [&header(most)[..]]).end, Ok(()));
    let too_big = Err(Violation::MessageTooBig { bytes_max: MESSAGE_BYTES_MAX });
    assert_eq!(inflate(MESSAGE_BYTES_MAX, [&header(most + 1)[..]]).end, too_big);
}

#[test]
fn final_blocks_are_counted() {
    let blocks = |count: usize| [[0x03, 0x00].repeat(count), vec![0x00]].concat();
    let good = compressed(true, Text, blocks(FINAL_BLOCKS_MAX));
    assert_eq!(inflate(MESSAGE_BYTES_MAX, [&good[..]]), Outcome { messages: vec![text("")], end: Ok(()) });
    let bad = compressed(true, Text, blocks(FINAL_BLOCKS_MAX + 1));
    assert_eq!(inflate(MESSAGE_BYTES_MAX, [&bad[..]]).end, Err(Violation::InvalidDeflate));
}

#[test]
fn only_what_is_long_enough_and_becomes_shorter_is_compressed() {
    let long = "to be, or not to be ".repeat(20);
    for window in WINDOWS {
        let deflate = Deflate { window, bytes_min: 100 };
        for same in [
            frame::text(&long[..99]),
            frame::binary(b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_.!~*'()[]{}<>#%&+=|^`$@\"\\/;:,?\x01\x02\x03\x04\x05\x06\x07\x08"),
            frame::ping(&[b'x'; 125]),
            Bytes::new(),
        ] {
            let out = deflate.compress(&same);
            assert_eq!((out.as_ptr(), out.len()), (same.as_ptr(), same.len()), "the very same bytes");
        }
        let packet = Bytes::from([frame::text("short"), frame::text(&long), frame::binary(long.as_bytes())].concat());
        let out = deflate.compress(&packet);
        assert!(out.len() < packet.len() / 4, "{} of {}", out.len(), packet.len());
        assert_eq!(out[..7], frame::text("short")[..]);
        let mut decoder = Decoder::new(Role::Client, 1_000).inflating(true);
        let mut bytes = out.to_vec();
        let mut input = &mut bytes[..];
        let mut heard = Vec::new();
        while let Some(message) = decoder.next_message(&mut input).expect("good frames") {
            heard.push(match message {
                Message::Text(text) => text.into_owned(),
                Message::Binary(bytes) => String::from_utf8(bytes.into_owned()).expect("text"),
                other => panic!("{other:?}"),
            });
        }
        assert_eq!(heard, ["short", &long, &long]);
    }
}

#[test]
fn what_cannot_be_compressed_leaves_nothing_behind_for_the_next() {
    let mut state = 1_u64;
    let mut noise = |len: usize| -> Vec<u8> {
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 56) as u8
        };
        (0..len).map(|_| next()).collect()
    };
    for window in WINDOWS {
        for len in [2_000, 60_000, 70_000, 200_000, 131_072, 65_536, 1_000_000] {
            for message in [noise(len), "the same words ".repeat(len / 15).into_bytes(), noise(len)] {
                let mut bytes = all(window).compress(&frame::binary(&message)).to_vec();
                let mut decoder = Decoder::new(Role::Client, len).inflating(true);
                let heard = decoder.next_message(&mut &mut bytes[..]);
                assert!(heard == Ok(Some(Message::Binary((&message[..]).into()))), "{window:?}, {len} bytes");
            }
        }
    }
}

#[test]
fn who_asked_for_a_small_window_is_given_one() {
    // It repeats itself after a thousand bytes: out of sight of the small window, well within the full one.
    let page: Vec<u8> = (0..1_000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let message = page.repeat(4);
    let payload = |window| {
        let out = all(window).compress(&frame::binary(&message));
        let (header, len) = FrameHeader::parse(&out, true).expect("good").expect("whole");
        (header.compressed, out[len..].to_vec())
    };
    assert!(payload(Window::Full).1.len() < 1_200, "{}", payload(Window::Full).1.len());
    assert!(!payload(Window::Small).0, "nothing can be gained");
    let text = "the same words ".repeat(300);
    let out = all(Window::Small).compress(&frame::text(&text));
    let (header, len) = FrameHeader::parse(&out, true).expect("good").expect("whole");
    assert!(header.compressed);
    let mut inflater = Decompress::new_with_window_bits(false, 9);
    let mut inflated = Vec::with_capacity(text.len() + 1);
    let stream = [&out[len..], &[0, 0, 0xFF, 0xFF]].concat();
    // In steps, so that nothing but its window remembers what came before.
    for byte in stream.chunks(1) {
        inflater.decompress_vec(byte, &mut inflated, FlushDecompress::Sync).expect("within its window");
    }
    assert_eq!(inflated, text.as_bytes());
}

fn message() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..300),
        prop::collection::vec(prop::sample::select(b"abc ".to_vec()), 0..900),
        ("[a-z]{1,20}", 1_usize..40).prop_map(|(word, count)| word.repeat(count).into_bytes()),
    ]
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

proptest! {
    #[test]
    fn what_is_compressed_is_inflated(messages in prop::collection::vec(message(), 1..5), small: bool) {
        let deflate = all(if small { Window::Small } else { Window::Full });
        let mut decoder = Decoder::new(Role::Client, MESSAGE_BYTES_MAX).inflating(true);
        for message in &messages {
            let mut bytes = deflate.compress(&frame::binary(message)).to_vec();
            prop_assert!(bytes.len() <= frame::binary(message).len());
            let heard = decoder.next_message(&mut &mut bytes[..]);
            prop_assert_eq!(heard, Ok(Some(Message::Binary(message.into()))));
        }
    }

    #[test]
    fn any_cut_of_the_stream_gives_the_same(
        messages in prop::collection::vec((message(), any::<bool>()), 1..4),
        fragment_lens in prop::collection::vec(1_usize..60, 1..5),
        piece_lens in prop::collection::vec(1_usize..200, 1..6),
        damage in prop::option::weighted(0.3, (any::<prop::sample::Index>(), any::<u8>())),
    ) {
        let mut stream = Vec::new();
        for (message, is_text) in &messages {
            let payload = squeezed(message);
            let opcode = if *is_text { Text } else { Binary };
            let fragments = pieces(&payload, &fragment_lens);
            stream.extend(compressed(false, opcode, fragments[0]));
            for fragment in &fragments[1..] {
                stream.extend(part(Continuation, fragment));
            }
            stream.extend(last(Continuation, ""));
        }
        if let Some((at, byte)) = damage {
            let at = at.index(stream.len());
            stream[at] = byte;
        }
        let whole = inflate(MESSAGE_BYTES_MAX, [&stream[..]]);
        if damage.is_none() && messages.iter().all(|(message, is_text)| !is_text || message.is_ascii()) {
            prop_assert_eq!(whole.messages.len(), messages.len());
        }
        prop_assert_eq!(inflate(MESSAGE_BYTES_MAX, pieces(&stream, &piece_lens)), whole);
    }
}
