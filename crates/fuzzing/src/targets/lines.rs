//! Lines and telnet, against the same things done the simple way on the whole stream.

use crate::input::pieces;
use switchboard_protocols::framing::lines::LineDecoder;
use switchboard_protocols::framing::telnet::{Asked, Telnet};

pub(super) const WORDS: &[&[u8]] = &[
    b"\n",
    b"\r\n",
    b"\r",
    b"\r\r\n",
    b"\0",
    b"\r\0",
    b"\n\r",
    b"\xFF\xF7",
    b"\xFF\xF8",
    b"\xFF\xF6",
    b"\xFF\xFD\x01",
    b"\xFF\xFB\x1F",
    b"\xFF\xFA\x1F\x00\x50\xFF\xF0",
    b"\xFF\xFF",
    b"\xFF\xF1",
    b"0123456789012345678901234567890123456789",
];

/// Answers to 64 requests of three bytes each.
const ANSWER_BYTES_MAX: usize = 192;

pub(super) fn run(bytes: &[u8]) {
    for (bytes_max, for_people) in [1, 40, 4_096].into_iter().flat_map(|max| [(max, false), (max, true)]) {
        let expected = simply(bytes, bytes_max, for_people);
        assert_eq!(cut([bytes], bytes_max, for_people), expected);
        assert_eq!(cut(pieces(bytes), bytes_max, for_people), expected);
        assert_eq!(cut(bytes.chunks(1), bytes_max, for_people), expected);
    }
    let whole = strip([bytes]);
    assert_eq!(strip(pieces(bytes)), whole);
    assert_eq!(strip(bytes.chunks(1)), whole);
    let (data, answers) = whole;
    assert!(answers.len() <= ANSWER_BYTES_MAX && answers.len().is_multiple_of(3), "{} bytes", answers.len());
    assert!(data.len() <= bytes.len());
    assert!(bytes.contains(&0xFF) || (data == bytes && answers.is_empty()), "only what begins with IAC is taken out");
}

/// The lines, and what is left of one or that it was too long.
type Cut = (Vec<Vec<u8>>, Option<Vec<u8>>);

fn simply(bytes: &[u8], bytes_max: usize, for_people: bool) -> Cut {
    let without_cr = |line: &'_ [u8]| line.strip_suffix(b"\r").unwrap_or(line).to_vec();
    let is_end = |byte: &u8| matches!(byte, b'\n' | 0) || (for_people && *byte == b'\r');
    let mut parts: Vec<&[u8]> = bytes.split(is_end).collect();
    let rest = parts.pop().unwrap_or_default();
    let mut lines = Vec::new();
    for part in parts {
        let line = without_cr(part);
        if line.len() > bytes_max {
            return (lines, None);
        }
        lines.push(line);
    }
    let rest = (without_cr(rest).len() <= bytes_max).then(|| rest.to_vec());
    (lines, rest)
}

fn cut<'a>(pieces: impl IntoIterator<Item = &'a [u8]>, bytes_max: usize, for_people: bool) -> Cut {
    let mut decoder = if for_people { LineDecoder::for_people(bytes_max) } else { LineDecoder::new(bytes_max) };
    let mut lines = Vec::new();
    for mut piece in pieces {
        loop {
            match decoder.next_line(&mut piece) {
                Ok(Some(line)) => lines.push(line.into_owned()),
                Ok(None) => break,
                Err(error) => {
                    assert_eq!(decoder.next_line(&mut &b"x\n"[..]), Err(error), "an error is for good");
                    return (lines, None);
                }
            }
        }
        assert!(decoder.partial().len() <= bytes_max + 1, "{} bytes are kept", decoder.partial().len());
    }
    (lines, Some(decoder.take_partial()))
}

fn strip<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<u8>, Vec<u8>) {
    let (mut telnet, mut data, mut answers) = (Telnet::default(), Vec::new(), Vec::new());
    for piece in pieces {
        let mut piece = piece.to_vec();
        let mut input = &mut piece[..];
        while let Some((some, asked)) = telnet.next(&mut input, &mut answers) {
            data.extend_from_slice(some);
            // A mark for what is asked between the data, of one byte, as the command had two.
            data.extend_from_slice(match asked {
                Asked::Nothing => b"",
                Asked::EraseLine => b"\xF8",
                Asked::AreYouThere => b"\xF6",
            });
        }
    }
    (data, answers)
}
