//! Datagrams as text: each is one message; one line end at its end does not count, and neither do zeros.

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

/// Whether a first datagram is one of those that OpenBSD's `nc -uv` and `nc -uvz` send to find out whether somebody
/// answers: a lone letter, which a person would end with a line end.
pub fn is_netcats_probe(datagram: &[u8]) -> bool {
    datagram == b"X"
}

/// The text of a datagram of up to `bytes_max` bytes, without the one LF or CRLF it may end in, and without the zeros
/// around that: C ends its strings with one, and fills its buffers with them.
///
/// An empty datagram is an empty text.
///
/// # Errors
/// [`BadDatagram`] when it is too long or not UTF-8. A datagram stands alone, so the next one from
/// the same address is judged anew.
pub fn text(datagram: &[u8], bytes_max: usize) -> Result<&str, BadDatagram> {
    let line = without_zeros(datagram);
    let line = without_zeros(line.strip_suffix(b"\r\n").or_else(|| line.strip_suffix(b"\n")).unwrap_or(line));
    if line.len() > bytes_max {
        return Err(BadDatagram::TooLong { bytes_max });
    }
    str::from_utf8(line).map_err(|_| InvalidUtf8.into())
}

fn without_zeros(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    &bytes[..end]
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
            (b"hello\0", Ok("hello")),
            (b"hello\r\n\0\0\0\0\0\0\0\0\0", Ok("hello")),
            (b"hi\0\n", Ok("hi")),
            (b"\0\0\0", Ok("")),
            (b"a\0b\0", Ok("a\0b")),
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
