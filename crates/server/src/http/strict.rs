//! The rules of a request's head, held to the letter: what two programs could read in two ways is refused.

use std::ops::ControlFlow;

/// How the body of a request is delimited (RFC 9112, 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Length {
    /// So many bytes follow the head.
    Bytes(u64),
    Chunked,
}

/// What is wrong with a request, for whoever sent it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wrong(pub(super) &'static str);

/// Headers of which a request has one at most: with two, it would depend on the reader what is meant.
const SINGLE: [&[u8]; 8] = [
    b"host",
    b"origin",
    b"content-length",
    b"transfer-encoding",
    b"content-type",
    b"expect",
    b"sec-websocket-key",
    b"sec-websocket-version",
];
const CONTENT_LENGTH: usize = 2;
const TRANSFER_ENCODING: usize = 3;

/// Checks a whole head, with the empty line at its end, and returns how its body is delimited.
///
/// # Errors
/// What is wrong with it.
pub(super) fn check(head: &[u8]) -> Result<Length, Wrong> {
    let mut lines = Lines(head);
    let mut request = lines.next_line()?;
    // Empty lines before a request are ignored (RFC 9112, 2.2).
    while request.is_empty() && !lines.0.is_empty() {
        request = lines.next_line()?;
    }
    let is_first_version = check_request_line(request)?;
    let mut found: [Option<&[u8]>; SINGLE.len()] = [None; SINGLE.len()];
    loop {
        let line = lines.next_line()?;
        if line.is_empty() {
            break;
        }
        let (name, value) = field(line)?;
        if let Some(at) = SINGLE.iter().position(|single| name.eq_ignore_ascii_case(single))
            && found[at].replace(value).is_some()
        {
            return Err(Wrong("a header that there may be one of stands there twice"));
        }
    }
    match (found[CONTENT_LENGTH], found[TRANSFER_ENCODING]) {
        (None, None) => Ok(Length::Bytes(0)),
        (Some(length), None) => number(length, 10).map(Length::Bytes).ok_or(Wrong("Content-Length is no number")),
        (Some(_), Some(_)) => Err(Wrong("there are both Content-Length and Transfer-Encoding")),
        (None, Some(_)) if is_first_version => Err(Wrong("HTTP/1.0 has no Transfer-Encoding")),
        (None, Some(coding)) if coding.eq_ignore_ascii_case(b"chunked") => Ok(Length::Chunked),
        (None, Some(_)) => Err(Wrong("the only Transfer-Encoding here is chunked")),
    }
}

/// The lines of a head.
struct Lines<'a>(&'a [u8]);

impl<'a> Lines<'a> {
    /// Returns the next line without its end, which is CR and LF (RFC 9112, 2.2).
    fn next_line(&mut self) -> Result<&'a [u8], Wrong> {
        let end = self.0.iter().position(|byte| *byte == b'\n').ok_or(Wrong("a line has no end"))?;
        let (line, rest) = self.0.split_at(end);
        self.0 = &rest[1..];
        let line = line.strip_suffix(b"\r").ok_or(Wrong("a line ends without CR"))?;
        match line.iter().all(|byte| is_visible(*byte) || matches!(byte, b' ' | b'\t')) {
            true => Ok(line),
            false => Err(Wrong("there is a control byte")),
        }
    }
}

/// A method, a target and a version with one space between them (RFC 9112, 3). Returns whether it is of HTTP/1.0.
fn check_request_line(line: &[u8]) -> Result<bool, Wrong> {
    let mut parts = line.split(|byte| *byte == b' ');
    let (Some(method), Some(target), Some(version), None) = (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(Wrong("the first line is a method, a target and a version, with one space between them"));
    };
    if !is_token(method) || target.is_empty() || target.contains(&b'\t') {
        return Err(Wrong("the first line is no request"));
    }
    match version {
        b"HTTP/1.1" => Ok(false),
        b"HTTP/1.0" => Ok(true),
        _ => Err(Wrong("the version is HTTP/1.1 or HTTP/1.0")),
    }
}

/// A name, a colon right behind it, and a value (RFC 9112, 5.1). A line that begins with space, which once went on with
/// the one before, has no name (5.2).
pub(super) fn field(line: &[u8]) -> Result<(&[u8], &[u8]), Wrong> {
    let colon = line.iter().position(|byte| *byte == b':').ok_or(Wrong("a header line has no colon"))?;
    let (name, value) = (&line[..colon], &line[colon + 1..]);
    match is_token(name) {
        true => Ok((name, value.trim_ascii())),
        false => Err(Wrong("a header line does not begin with a name and a colon right behind it")),
    }
}

/// A number without a sign, a prefix or a space, as long as one of 64 bits at most.
pub(super) fn number(digits: &[u8], radix: u32) -> Option<u64> {
    let add = |sum: u64, byte: &u8| {
        let digit = char::from(*byte)
            .to_digit(radix)
            .and_then(|digit| sum.checked_mul(u64::from(radix)).and_then(|sum| sum.checked_add(u64::from(digit))));
        digit.map_or(ControlFlow::Break(()), ControlFlow::Continue)
    };
    let sum = digits.iter().try_fold(0, add);
    sum.continue_value().filter(|_| !digits.is_empty())
}

/// The characters of names and methods (RFC 9110, 5.6.2).
fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte))
}

/// Neither space nor a control byte. What is not ASCII is opaque (RFC 9110, 5.5).
pub(super) const fn is_visible(byte: u8) -> bool {
    matches!(byte, 0x21..=0x7e | 0x80..)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "POST /x?y HTTP/1.1\r\nHost: h\r\nX: \t\u{e9} y\r\nX:\r\n\r\n";

    fn with(line: &str) -> Result<Length, Wrong> {
        check(GOOD.replace("X:\r\n", &format!("{line}\r\n")).as_bytes())
    }

    #[test]
    fn heads_say_how_their_bodies_end() {
        for (head, expected) in [
            (GOOD.to_owned(), Length::Bytes(0)),
            (format!("\r\n\r\n{GOOD}"), Length::Bytes(0)),
            ("GET / HTTP/1.0\r\n\r\n".to_owned(), Length::Bytes(0)),
        ] {
            assert_eq!(check(head.as_bytes()), Ok(expected), "{head:?}");
        }
        for (line, expected) in [
            ("Content-Length: 0", Length::Bytes(0)),
            ("content-length:012", Length::Bytes(12)),
            ("Content-Length: 18446744073709551615", Length::Bytes(u64::MAX)),
            ("transfer-encoding: Chunked", Length::Chunked),
        ] {
            assert_eq!(with(line), Ok(expected), "{line}");
        }
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_wrong() {
        for line in [
            "Host: h",
            "host: other",
            "Origin: http://a\r\nOrigin: http://a",
            "Content-Type: a\r\ncontent-type: b",
            "Content-Length: 3\r\nContent-Length: 3",
            "Content-Length: 3\r\nContent-Length: 4",
            "Content-Length: 3, 3",
            "Content-Length: +5",
            "Content-Length: -5",
            "Content-Length: 0x5",
            "Content-Length: 5 5",
            "Content-Length:",
            "Content-Length: 18446744073709551616",
            "Content-Length: 3\r\nTransfer-Encoding: chunked",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
            "Transfer-Encoding: gzip, chunked",
            "Transfer-Encoding: identity",
            "Transfer-Encoding: xchunked",
            "Transfer-Encoding:",
            "Transfer-Encoding : chunked",
            "Content-Length : 3",
            "Content-Length\t: 3",
            " X: folded",
            "\tfolded",
            ": nameless",
            "nothing",
            "X: a\rb",
            "X: a\0b",
            "X: a\u{b}b",
            "X: a\u{7f}b",
            "X(: a",
            "X\u{e9}: a",
            "X: a\nY: b",
        ] {
            assert!(with(line).is_err(), "{line:?}");
        }
        for (part, instead) in [
            ("POST /", "POST  /"),
            ("POST /", "POST\t/"),
            ("POST /", " POST /"),
            ("POST /", "PO(ST /"),
            ("/x?y HTTP", "/x?y  HTTP"),
            ("/x?y HTTP", "/x y HTTP"),
            ("/x?y HTTP", "HTTP"),
            ("/x?y HTTP", " HTTP"),
            ("/x?y", "/x\u{1}y"),
            ("HTTP/1.1", "HTTP/1.1 "),
            ("HTTP/1.1", "HTTP/1.2"),
            ("HTTP/1.1", "http/1.1"),
            ("HTTP/1.1", "HTTP/01.1"),
            ("\r\nHost", "\nHost"),
            ("\r\n\r\n", "\r\n\n"),
            ("\r\n\r\n", "\n\r\n"),
            ("POST", "\nPOST"),
            ("\r\nX", "\r\r\nX"),
        ] {
            let head = GOOD.replacen(part, instead, 1);
            assert!(check(head.as_bytes()).is_err(), "{head:?}");
        }
        assert!(check(b"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n").is_err());
    }
}
