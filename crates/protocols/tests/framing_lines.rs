//! The line decoder: any cut of the stream gives the same lines, and a line keeps to its limit.

use std::borrow::Cow;

use proptest::prelude::*;
use switchboard_protocols::framing::lines::{LineDecoder, LineTooLong};

const BYTES_MAX: usize = 5;
const TOO_LONG: LineTooLong = LineTooLong { bytes_max: BYTES_MAX };

/// The lines of `pieces`, what is left in the decoder, and how it ended.
#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    lines: Vec<Vec<u8>>,
    partial: Vec<u8>,
    result: Result<(), LineTooLong>,
}

fn decode<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Outcome {
    let mut decoder = LineDecoder::new(BYTES_MAX);
    let mut lines = Vec::new();
    let mut result = Ok(());
    'stream: for mut piece in pieces {
        loop {
            match decoder.next_line(&mut piece) {
                Ok(Some(line)) => lines.push(line.into_owned()),
                Ok(None) => break,
                Err(error) => {
                    result = Err(error);
                    break 'stream;
                }
            }
            assert!(decoder.partial().len() <= BYTES_MAX + 1);
        }
        assert_eq!(piece, b"", "all input is used");
    }
    Outcome { partial: decoder.take_partial(), lines, result }
}

#[test]
fn streams_become_lines() {
    let ok = Ok(());
    for (stream, lines, partial, result) in [
        (&b""[..], &[][..], &b""[..], ok),
        (b"\n", &[&b""[..]], b"", ok),
        (b"\r\n", &[b""], b"", ok),
        (b"one\ntwo\r\n", &[b"one", b"two"], b"", ok),
        (b"one\ntwo", &[b"one"], b"two", ok),
        (b"a\rb\n", &[b"a\rb"], b"", ok),
        (b"a\r\r\n", &[b"a\r"], b"", ok),
        (b"\n\n\r\n", &[b"", b"", b""], b"", ok),
        (b"\xFF\x00\n", &[b"\xFF", b""], b"", ok),
        (b"Hello\0\0\0", &[b"Hello", b"", b""], b"", ok),
        (b"a\r\0b", &[b"a"], b"b", ok),
        (b"12345\n", &[b"12345"], b"", ok),
        (b"12345\r\n", &[b"12345"], b"", ok),
        (b"12345", &[], b"12345", ok),
        (b"12345\r", &[], b"12345\r", ok),
        (b"123456", &[], b"", Err(TOO_LONG)),
        (b"a\n123456\nb\n", &[b"a"], b"", Err(TOO_LONG)),
        (b"12345\rx", &[], b"", Err(TOO_LONG)),
        (b"12345\r\r\n", &[], b"", Err(TOO_LONG)),
    ] {
        let expected =
            Outcome { lines: lines.iter().map(|line| line.to_vec()).collect(), partial: partial.to_vec(), result };
        let stream_text = String::from_utf8_lossy(stream);
        assert_eq!(decode([stream]), expected, "{stream_text:?}");
        assert_eq!(decode(stream.chunks(1)), expected, "{stream_text:?} byte by byte");
    }
}

#[test]
fn a_cr_ends_a_persons_line_whatever_comes_after_it() {
    for (stream, lines, partial) in [
        (&b"one\rtwo\r"[..], &[&b"one"[..], b"two"][..], &b""[..]),
        (b"a\r\nb\n\rc\r\0d", &[b"a", b"", b"b", b"", b"c", b""], b"d"),
        (b"12345\r", &[b"12345"], b""),
    ] {
        for pieces in [vec![stream], stream.chunks(1).collect()] {
            let mut decoder = LineDecoder::for_people(BYTES_MAX);
            let mut taken = Vec::new();
            for mut piece in pieces {
                while let Some(line) = decoder.next_line(&mut piece).expect("short") {
                    taken.push(line.into_owned());
                }
            }
            assert_eq!(
                (taken.iter().map(|line| &line[..]).collect::<Vec<_>>(), decoder.partial()),
                (lines.to_vec(), partial)
            );
        }
    }
}

#[test]
fn what_ended_a_line_is_known_and_a_nul_is_not_a_line_end_that_counts() {
    let mut decoder = LineDecoder::for_people(BYTES_MAX);
    let ends = |decoder: &mut LineDecoder, mut bytes: &[u8]| {
        decoder.next_line(&mut bytes).expect("short").expect("a line");
        (decoder.ended_by_nul(), decoder.has_seen_end())
    };
    assert_eq!(ends(&mut decoder, b"a\0"), (true, false));
    assert_eq!(ends(&mut decoder, b"a\r"), (false, true));
    assert_eq!(ends(&mut decoder, b"a\0"), (true, true));
    decoder.hold(b"\0a\n").expect("short");
    assert_eq!(decoder.partial(), b"\0a\n");
    assert_eq!(decoder.hold(b"123"), Err(TOO_LONG));
}

#[test]
fn a_line_that_lies_in_the_input_is_borrowed_and_the_rest_of_the_input_stays() {
    let mut decoder = LineDecoder::new(BYTES_MAX);
    let mut input = &b"one\ntwo\nth"[..];
    let line = decoder.next_line(&mut input).expect("short");
    assert!(matches!(line, Some(Cow::Borrowed(b"one"))));
    assert_eq!(input, b"two\nth");
    assert_eq!(decoder.partial(), b"");
}

#[test]
fn what_is_taken_of_a_line_is_gone_from_it() {
    let mut decoder = LineDecoder::new(BYTES_MAX);
    assert_eq!(decoder.next_line(&mut &b"Hel"[..]), Ok(None));
    assert!(!decoder.has_seen_end());
    assert_eq!(decoder.partial(), b"Hel");
    assert_eq!(decoder.take_partial(), b"Hel");
    assert_eq!(decoder.partial(), b"");
    let line = decoder.next_line(&mut &b"lo\n"[..]).expect("short");
    assert_eq!(line.as_deref(), Some(&b"lo"[..]));
    assert!(decoder.has_seen_end());
}

#[test]
fn a_line_too_long_ends_the_stream_for_good() {
    let mut decoder = LineDecoder::new(BYTES_MAX);
    assert_eq!(decoder.next_line(&mut &b"123"[..]), Ok(None));
    assert_eq!(decoder.next_line(&mut &b"456"[..]), Err(TOO_LONG));
    assert_eq!(decoder.partial(), b"", "its memory is given back");
    assert_eq!(decoder.next_line(&mut &b"\nok\n"[..]), Err(TOO_LONG));
    assert_eq!(TOO_LONG.to_string(), "line longer than 5 bytes");
}

/// Streams in which line ends, lengths around the limit and lone CRs are frequent.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![3 => Just(b'\n'), 3 => Just(b'\r'), 4 => Just(b'x'), 1 => any::<u8>()];
    prop::collection::vec(byte, 0..40)
}

proptest! {
    #[test]
    fn any_cut_gives_the_same_lines(stream in stream(), cuts in prop::collection::vec(1_usize..9, 1..9)) {
        let mut rest = &stream[..];
        let mut pieces = Vec::new();
        for cut in cuts.iter().cycle() {
            if rest.is_empty() {
                break;
            }
            let (piece, after) = rest.split_at((*cut).min(rest.len()));
            pieces.push(piece);
            rest = after;
        }
        prop_assert_eq!(decode(pieces), decode([&stream[..]]));
    }

    #[test]
    fn the_lines_are_those_of_the_stream(stream in stream()) {
        let outcome = decode([&stream[..]]);
        let mut expected: Vec<Vec<u8>> = stream
            .split_inclusive(|byte| matches!(byte, b'\n' | 0))
            .filter_map(|line| line.strip_suffix(b"\n").or(line.strip_suffix(b"\0")))
            .map(|line| line.strip_suffix(b"\r").unwrap_or(line).to_vec())
            .collect();
        if let Some(long) = expected.iter().position(|line| line.len() > BYTES_MAX) {
            expected.truncate(long);
            prop_assert_eq!(outcome.result, Err(TOO_LONG));
        }
        prop_assert_eq!(outcome.lines, expected);
    }
}
