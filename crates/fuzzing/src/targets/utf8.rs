//! UTF-8 in pieces, and datagrams of it, against the standard library.

use crate::input::pieces;
use switchboard_protocols::framing::datagram::{self, BadDatagram};
use switchboard_protocols::framing::utf8::{InvalidUtf8, Utf8Decoder, unfinished_len};

pub(super) const WORDS: &[&[u8]] = &[
    "é".as_bytes(),
    "€".as_bytes(),
    "😀".as_bytes(),
    b"\xC0\x80",
    b"\xED\xA0\x80",
    b"\xF4\x90\x80\x80",
    b"\xE2\x82",
    b"\xF0\x9F\x98",
    b"\r\n",
];

pub(super) fn run(bytes: &[u8]) {
    let expected = match str::from_utf8(bytes) {
        Ok(_) => Ok(0),
        Err(error) if error.error_len().is_none() => Ok(bytes.len() - error.valid_up_to()),
        Err(_) => Err(InvalidUtf8),
    };
    let unfinished = expected.map(|unfinished| (bytes[..bytes.len() - unfinished].to_vec(), unfinished));
    assert_eq!(decode([bytes]), unfinished);
    assert_eq!(decode(pieces(bytes)), unfinished);
    assert_eq!(decode(bytes.chunks(1)), unfinished);
    if let Ok(unfinished) = expected {
        assert_eq!(unfinished_len(bytes), unfinished);
    }
    datagrams(bytes);
}

/// What was decoded, and how many bytes of a last character are kept.
fn decode<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Result<(Vec<u8>, usize), InvalidUtf8> {
    let mut decoder = Utf8Decoder::default();
    let mut text = String::new();
    for piece in pieces {
        let (completed, rest) = decoder.decode(piece)?;
        text.extend(completed);
        text.push_str(rest);
    }
    assert_eq!(decoder.is_complete(), decoder.pending_len() == 0);
    Ok((text.into_bytes(), decoder.pending_len()))
}

fn without_zeros(mut bytes: &[u8]) -> &[u8] {
    while let [rest @ .., 0] = bytes {
        bytes = rest;
    }
    bytes
}

fn datagrams(bytes: &[u8]) {
    // Zeros around the line's end are no part of it.
    let filled = without_zeros(bytes);
    let end = if filled.ends_with(b"\r\n") { 2 } else { usize::from(filled.ends_with(b"\n")) };
    let line = without_zeros(&filled[..filled.len() - end]);
    for bytes_max in [8, 65_507] {
        let expected = if line.len() > bytes_max {
            Err(BadDatagram::TooLong { bytes_max })
        } else {
            str::from_utf8(line).map_err(|_| BadDatagram::InvalidUtf8(InvalidUtf8))
        };
        assert_eq!(datagram::text(bytes, bytes_max), expected);
    }
}
