//! Datagrams as text: each is one message, whose one trailing line end does not count.

use super::utf8::InvalidUtf8;

/// Why a datagram is no message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadDatagram {
    /// It is longer than the limit, its line end not counted.
    #[error("datagram longer than {bytes_max} bytes")]
    TooLong {
        /// The limit in bytes.
        bytes_max: usize,
    },
    /// It is not UTF-8.
    #[error(transparent)]
    InvalidUtf8(#[from] InvalidUtf8),
}

/// The text of a datagram of up to `bytes_max` bytes, without the one LF or CRLF it may end in.
///
/// An empty datagram is an empty text.
///
/// # Errors
/// [`BadDatagram`] when it is too long or not UTF-8. A datagram stands alone, so the next one from
/// the same address is judged anew.
pub fn text(datagram: &[u8], bytes_max: usize) -> Result<&str, BadDatagram> {
    let line = datagram.strip_suffix(b"\r\n").or_else(|| datagram.strip_suffix(b"\n")).unwrap_or(datagram);
    if line.len() > bytes_max {
        return Err(BadDatagram::TooLong { bytes_max });
    }
    str::from_utf8(line).map_err(|_| InvalidUtf8.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_end_is_stripped_and_the_rest_is_judged() {
        let too_long = Err(BadDatagram::TooLong { bytes_max: 5 });
        let invalid = Err(BadDatagram::InvalidUtf8(InvalidUtf8));
        for (datagram, expected) in [
            (&b""[..], Ok("")),
            (b"\n", Ok("")),
            (b"hello", Ok("hello")),
            (b"hello\n", Ok("hello")),
            (b"hello\r\n", Ok("hello")),
            (b"hi\n\n", Ok("hi\n")),
            (b"hi\r", Ok("hi\r")),
            (b"a\nb\n", Ok("a\nb")),
            (b"hello!", too_long),
            (b"hello\n\n", too_long),
            (b"\xE2\x82", invalid),
            (b"a\xFF", invalid),
        ] {
            assert_eq!(text(datagram, 5), expected, "{datagram:?}");
        }
    }
}
