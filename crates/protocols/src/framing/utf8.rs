//! UTF-8 that arrives in pieces: a decoder that fails at the first byte that cannot be right.

/// The bytes are not UTF-8, and no further byte could make them so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("invalid UTF-8")]
pub struct InvalidUtf8;

/// Decodes UTF-8 (RFC 3629) across any cut of the byte stream, in four bytes of state.
///
/// It keeps the one to three bytes of a character whose end has not come, and nothing else.
#[derive(Debug, Clone, Copy, Default)]
pub struct Utf8Decoder {
    pending: [u8; 3],
    pending_len: u8,
}

impl Utf8Decoder {
    /// Decodes `bytes`, which follow everything decoded so far.
    ///
    /// Returns the character that was cut by the start of `bytes`, if it is now complete, and the
    /// text after it, lent from `bytes`. A character cut by the end of `bytes` is kept for the
    /// next call.
    ///
    /// # Errors
    /// [`InvalidUtf8`] as soon as the bytes so far cannot be the beginning of any valid text; the
    /// decoder is then of no more use.
    pub fn decode<'a>(&mut self, mut bytes: &'a [u8]) -> Result<(Option<char>, &'a str), InvalidUtf8> {
        let mut completed = None;
        while !self.is_complete() {
            let Some((&byte, rest)) = bytes.split_first() else {
                return Ok((None, ""));
            };
            bytes = rest;
            completed = self.complete_with(byte)?;
        }
        let (whole, cut) = bytes.split_at(bytes.len() - unfinished_len(bytes));
        let text = str::from_utf8(whole).map_err(|_| InvalidUtf8)?;
        self.pending[..cut.len()].copy_from_slice(cut);
        self.pending_len = cut.len() as u8;
        Ok((completed, text))
    }

    /// Whether the bytes so far end at the end of a character.
    pub fn is_complete(&self) -> bool {
        self.pending_len == 0
    }

    /// How many bytes of an unfinished character are kept: 0 to 3.
    pub fn pending_len(&self) -> usize {
        usize::from(self.pending_len)
    }

    /// Adds one byte to the unfinished character and returns the character if that ends it.
    fn complete_with(&mut self, byte: u8) -> Result<Option<char>, InvalidUtf8> {
        let len = self.pending_len();
        let mut joined = [0; 4];
        joined[..len].copy_from_slice(&self.pending[..len]);
        joined[len] = byte;
        match str::from_utf8(&joined[..=len]) {
            Ok(text) => {
                self.pending_len = 0;
                Ok(text.chars().next())
            }
            // Unfinished, so at most three of at most four bytes: there is room for this one.
            Err(error) if error.error_len().is_none() => {
                self.pending[len] = byte;
                self.pending_len += 1;
                Ok(None)
            }
            Err(_) => Err(InvalidUtf8),
        }
    }
}

/// How many bytes at the end of `bytes` begin a character that is not finished: 0 to 3.
///
/// Bytes that can no longer become a character are not unfinished but invalid, and count as 0.
/// Whoever must cut a stream of text somewhere cuts it before these.
pub fn unfinished_len(bytes: &[u8]) -> usize {
    for len in 1..=bytes.len().min(3) {
        let tail = &bytes[bytes.len() - len..];
        match tail[0] {
            0x80..=0xBF => continue,
            0xC0..=0xFF => {
                let unfinished =
                    str::from_utf8(tail).is_err_and(|error| error.valid_up_to() == 0 && error.error_len().is_none());
                return if unfinished { len } else { 0 };
            }
            0x00..=0x7F => return 0,
        }
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Decodes `pieces` one after the other into one string.
    fn decode_all<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Result<(String, bool), InvalidUtf8> {
        let mut decoder = Utf8Decoder::default();
        let mut text = String::new();
        for piece in pieces {
            let (completed, rest) = decoder.decode(piece)?;
            text.extend(completed);
            text.push_str(rest);
        }
        Ok((text, decoder.is_complete()))
    }

    #[test]
    fn the_state_is_four_bytes() {
        assert_eq!(size_of::<Utf8Decoder>(), 4);
    }

    #[test]
    fn a_byte_that_cannot_be_right_fails_at_once() {
        // The sequence, and how many of its bytes may pass before the one that must fail.
        for (bytes, good) in [
            (&b"\x80"[..], 0),
            (b"a\xFF", 1),
            (b"\xC0\xAF", 0),
            (b"\xC2a", 1),
            (b"\xE0\x9F\xBF", 1),
            (b"\xED\xA0\x80", 1),
            (b"\xE2\x82\x28", 2),
            (b"\xF0\x8F\xBF\xBF", 1),
            (b"\xF4\x90\x80\x80", 1),
            (b"\xF5\x80\x80\x80", 0),
            (b"\xF1\x80\x80a", 3),
        ] {
            let mut decoder = Utf8Decoder::default();
            for (at, byte) in bytes[..=good].iter().enumerate() {
                let result = decoder.decode(&[*byte]).map(drop);
                let expected = if at == good { Err(InvalidUtf8) } else { Ok(()) };
                assert_eq!(result, expected, "byte {at} of {bytes:x?}");
            }
        }
    }

    #[test]
    fn unfinished_characters_are_measured() {
        for (bytes, len) in [
            (&b""[..], 0),
            (b"abc", 0),
            ("é€😀".as_bytes(), 0),
            (b"a\xC3", 1),
            (b"a\xE2", 1),
            (b"a\xE2\x82", 2),
            (b"\xF0\x9F\x98", 3),
            (b"\xE0\x80", 0),
            (b"\xC0", 0),
            (b"\x80\x80\x80\x80", 0),
            (b"a\xFF", 0),
        ] {
            assert_eq!(unfinished_len(bytes), len, "{bytes:x?}");
        }
    }

    proptest! {
        #[test]
        fn any_cut_gives_the_same_text(text in "\\PC{0,40}", cuts in prop::collection::vec(1_usize..5, 1..9)) {
            let mut rest = text.as_bytes();
            let mut pieces = Vec::new();
            for cut in cuts.iter().cycle() {
                if rest.is_empty() {
                    break;
                }
                let (piece, after) = rest.split_at((*cut).min(rest.len()));
                pieces.push(piece);
                rest = after;
            }
            prop_assert_eq!(decode_all(pieces), Ok((text, true)));
        }

        #[test]
        fn arbitrary_bytes_are_judged_as_the_standard_library_judges_them(bytes in prop::collection::vec(any::<u8>(), 0..12)) {
            let expected = match str::from_utf8(&bytes) {
                Ok(_) => Ok(true),
                Err(error) if error.error_len().is_none() => Ok(false),
                Err(_) => Err(InvalidUtf8),
            };
            prop_assert_eq!(decode_all([&bytes[..]]).map(|(_, complete)| complete), expected);
            prop_assert_eq!(decode_all(bytes.chunks(1)).map(|(_, complete)| complete), expected);
        }
    }
}
