//! What the first bytes of a connection say it is.

mod request;

use crate::framing::datagram::{self, BadDatagram};
use switchboard_core::CloseReason;
use switchboard_core::visible::{is_blank, is_invisible};

pub use request::ECHO_PROBE;
pub(crate) use request::{FirstLine, judge_line};

/// What a connection turns out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// A TLS record: a ClientHello comes.
    Tls,
    /// An HTTP/1.x request.
    Http,
    /// The JSON protocol.
    Json,
    /// The text protocol.
    Text,
    /// Text after two bytes of its length, as Java's `writeUTF` sends it.
    Prefixed,
    /// Text in UTF-16.
    Utf16,
    /// Something that is neither meant for us nor a person's words: binary data, or another protocol's greeting.
    Foreign,
    /// More bytes are needed, or none has come that means anything.
    Undecided,
}

/// As many bytes as ever decide, after those that begin nothing ([`skipped`]): the longest method, a space and the
/// longest of what may follow it, or an opening brace and the most space that may follow it.
pub const DECIDING_BYTES: usize = 16;

const HTTP_METHODS: [&[u8]; 9] =
    [b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"CONNECT", b"OPTIONS", b"TRACE", b"PATCH"];

/// What follows an HTTP method and a space: a path, `*`, or an absolute URL.
const HTTP_TARGETS: [&[u8]; 3] = [b"/", b"*", b"http"];

/// Spaces and tabs that may stand between them for it still to be meant as HTTP.
const SPACES_MAX: usize = 5;

/// HTTP/2 with prior knowledge, the PROXY protocol version 1, and SSH.
const FOREIGN: [&[u8]; 3] = [b"PRI *", b"PROXY ", b"SSH-"];

/// What the PROXY protocol version 2 begins with (2.2).
const PROXY_V2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// Characters of a text after its two length bytes that are enough to know it by.
const PREFIXED_BYTES: usize = 6;

/// Judges the bytes that a connection has sent so far, from its very first on.
///
/// A verdict other than [`Verdict::Undecided`] is final: no further byte changes it. Only the very first bytes can mean
/// that a connection is foreign; control bytes later in its first line are cleaned as in any other.
#[must_use]
pub fn judge(bytes: &[u8]) -> Verdict {
    match *bytes {
        [high @ 0..=6, ref rest @ ..] => judge_length(high, rest),
        [0xFE] => Verdict::Undecided,
        [0xFE, 0xFF, ..] => Verdict::Utf16,
        // It begins with line ends, so that other protocols' servers answer nothing to them.
        _ if bytes.starts_with(PROXY_V2) => Verdict::Foreign,
        _ if PROXY_V2.starts_with(bytes) => Verdict::Undecided,
        _ => judge_later(bytes),
    }
}

/// Judges the bytes of a connection of which nothing has come so far but what begins nothing.
#[must_use]
pub fn judge_later(bytes: &[u8]) -> Verdict {
    let bytes = &bytes[skipped(bytes)..];
    match *bytes {
        [] | [0x16] => Verdict::Undecided,
        [0x16, 0x03, ..] => Verdict::Tls,
        [b'{', ref rest @ ..] => judge_after_brace(rest),
        [first, ..] if is_foreign_control(first) => Verdict::Foreign,
        _ if may_be_invisible(bytes) => Verdict::Undecided,
        _ => judge_word(bytes),
    }
}

/// How many bytes at the front of these begin nothing: line ends, a byte order mark, and whatever else nobody sees.
#[must_use]
pub fn skipped(bytes: &[u8]) -> usize {
    let mut at = 0;
    loop {
        match bytes[at..] {
            [0 | 7 | 8 | b'\r' | b'\n' | 0x7F, ..] => at += 1,
            [0xC2..=0xF4, ..] => match invisible_len(&bytes[at..]) {
                Some(len) => at += len,
                None => return at,
            },
            _ => return at,
        }
    }
}

/// Bytes of the character that these begin with, if it is not ASCII and nobody sees it.
fn invisible_len(bytes: &[u8]) -> Option<usize> {
    let end = (2..=bytes.len().min(4)).find(|end| str::from_utf8(&bytes[..*end]).is_ok())?;
    let character = str::from_utf8(&bytes[..end]).ok()?.chars().next()?;
    is_invisible(character).then_some(end)
}

/// Whether bytes end inside a character that may yet be one that nobody sees.
const fn may_be_invisible(bytes: &[u8]) -> bool {
    matches!(
        bytes,
        [0xC2 | 0xCD | 0xD8 | 0xE1 | 0xE2 | 0xE3 | 0xEF | 0xF0 | 0xF3]
            | [0xE1, 0x85 | 0x9E | 0xA0]
            | [0xE2, 0x80 | 0x81 | 0xA0]
            | [0xE3, 0x85]
            | [0xEF, 0xB8 | 0xBB | 0xBE | 0xBF]
            | [0xF0, 0x93 | 0x9B | 0x9D]
            | [0xF0, 0x93, 0x90]
            | [0xF0, 0x9B, 0xB2]
            | [0xF0, 0x9D, 0x85]
            | [0xF3, 0xA0]
            | [0xF3, 0xA0, _]
    )
}

/// Whether a byte is a control byte that no keyboard or terminal puts into a line of talk.
///
/// Tab, the line ends, escape, bell and backspace are not among them: people do hit the arrow and the backspace key
/// where the terminal sends them raw, and scripts ring the bell.
#[must_use]
pub const fn is_foreign_control(byte: u8) -> bool {
    matches!(byte, 0x00..=0x06 | 0x0B | 0x0C | 0x0E..=0x1A | 0x1C..=0x1F)
}

/// Whether bytes are no text of any language here: they hold control bytes that no text has, or are not UTF-8. Zeros
/// are not looked at, and neither is a character that is cut by the end.
#[must_use]
pub(crate) fn is_binary(bytes: &[u8]) -> bool {
    let is_invalid = str::from_utf8(bytes).is_err_and(|error| error.error_len().is_some());
    is_invalid || bytes.iter().any(|byte| *byte != 0 && is_foreign_control(*byte))
}

/// What a datagram is whose sender has said nothing yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stranger {
    /// Somebody's words, or an object: a conversation begins.
    Speech,
    /// Nobody's words: noise, other protocols' datagrams, nothing to see, or a scanner's question.
    Nothing,
    /// Meant as words, which cannot be read for this reason.
    Unreadable(CloseReason),
}

/// Judges the first datagram of a sender; one of more than `bytes_max` bytes is too long to be read.
#[must_use]
pub fn judge_datagram(datagram: &[u8], bytes_max: usize) -> Stranger {
    if is_foreign_datagram(datagram) {
        return Stranger::Nothing;
    }
    match datagram::text(datagram, bytes_max) {
        Ok(text) if is_blank(text) || datagram::is_netcats_probe(datagram) => Stranger::Nothing,
        Ok(_) => Stranger::Speech,
        Err(BadDatagram::TooLong { .. }) => Stranger::Unreadable(CloseReason::LineTooLong),
        Err(BadDatagram::InvalidUtf8(_)) if has_controls(datagram) => Stranger::Nothing,
        Err(BadDatagram::InvalidUtf8(_)) => Stranger::Unreadable(CloseReason::InvalidUtf8),
    }
}

/// How many bytes at the front of a datagram no control byte may be among: further on it is cleaned.
const DATAGRAM_HEAD: usize = 4;

/// Whether a first datagram is of another protocol: it begins like one, or like binary data, or is a string of C with
/// binary data after it.
pub(crate) fn is_foreign_datagram(datagram: &[u8]) -> bool {
    let head = &datagram[..datagram.len().min(DATAGRAM_HEAD)];
    let begins_foreign = match judge(datagram) {
        Verdict::Tls | Verdict::Http | Verdict::Foreign | Verdict::Prefixed | Verdict::Utf16 => true,
        Verdict::Json => return false,
        Verdict::Text | Verdict::Undecided => false,
    };
    let text = datagram.split(|byte| *byte == 0).next().unwrap_or_default();
    begins_foreign
        || head[..text.len().min(head.len())].iter().any(|byte| is_foreign_control(*byte))
        || (datagram.contains(&0) && is_binary(datagram))
}

fn has_controls(bytes: &[u8]) -> bool {
    bytes.iter().any(|byte| is_foreign_control(*byte))
}

/// Judges what begins with a zero or another small byte: the high byte of a length, as far as we know it.
fn judge_length(high: u8, rest: &[u8]) -> Verdict {
    let Some((&low, text)) = rest.split_first() else { return Verdict::Undecided };
    let is_text = |byte: u8| matches!(byte, b'\t' | b'\n' | b'\r' | b' '..=b'~' | 0x80..);
    // A character of UTF-16 with its bytes the other way round: then the next one's high byte is a zero, too.
    if let (0, true, [0, after @ ..]) = (high, is_text(low), text) {
        return match after {
            [] => Verdict::Undecided,
            [next, ..] if is_text(*next) => Verdict::Utf16,
            [_, ..] => Verdict::Foreign,
        };
    }
    let wanted = usize::from(u16::from_be_bytes([high, low])).min(PREFIXED_BYTES);
    if wanted == 0 || text.iter().take(wanted).any(|byte| !is_text(*byte)) {
        return Verdict::Foreign;
    }
    if text.len() < wanted { Verdict::Undecided } else { Verdict::Prefixed }
}

fn judge_after_brace(rest: &[u8]) -> Verdict {
    match rest.iter().position(|byte| !matches!(byte, b' ' | b'\t')) {
        Some(at) if at < DECIDING_BYTES - 1 && matches!(rest[at], b'"' | b'}') => Verdict::Json,
        Some(_) => Verdict::Text,
        None if rest.len() < DECIDING_BYTES - 1 => Verdict::Undecided,
        None => Verdict::Text,
    }
}

fn judge_word(bytes: &[u8]) -> Verdict {
    let mut undecided = false;
    for word in FOREIGN {
        match begins(bytes, word) {
            Begin::Yes(_) => return Verdict::Foreign,
            Begin::SoFar => undecided = true,
            Begin::No => {}
        }
    }
    for method in HTTP_METHODS {
        match begins(bytes, method) {
            Begin::SoFar => undecided = true,
            Begin::Yes(after) => {
                // Nobody but a broken client puts more than one space there: HTTP tells it so.
                let spaces = after.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
                let target = &after[spaces..];
                if spaces > SPACES_MAX || (spaces == 0 && !after.is_empty()) {
                    continue;
                }
                undecided |= target.is_empty();
                for word in HTTP_TARGETS {
                    match begins(target, word) {
                        Begin::Yes(_) => return Verdict::Http,
                        Begin::SoFar => undecided = true,
                        Begin::No => {}
                    }
                }
            }
            Begin::No => {}
        }
    }
    if undecided { Verdict::Undecided } else { Verdict::Text }
}

/// How `bytes` relate to a word they might begin with.
enum Begin<'a> {
    /// They begin with it, and this follows.
    Yes(&'a [u8]),
    /// They end before the word does, and agree with it so far.
    SoFar,
    No,
}

fn begins<'a>(bytes: &'a [u8], word: &[u8]) -> Begin<'a> {
    match bytes.strip_prefix(word) {
        Some(rest) => Begin::Yes(rest),
        None if word.starts_with(bytes) => Begin::SoFar,
        None => Begin::No,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_first_bytes_decide() {
        for (bytes, verdict) in [
            (&b""[..], Verdict::Undecided),
            (b"\r\n", Verdict::Undecided),
            (b"\x16", Verdict::Undecided),
            (b"\x16\x03\x01", Verdict::Tls),
            (b"\x16\x04", Verdict::Foreign),
            (b"\x05\x01\x00", Verdict::Foreign),
            (b"SSH-2.0-x", Verdict::Foreign),
            (b"\r\n\r\n\0\r\nQUI", Verdict::Undecided),
            (b"\r\n\r\n\0\r\nQUIT\n\x21\x11", Verdict::Foreign),
            (b"\r\n\r\n\0\r\nQUITE\n", Verdict::Text),
            (b"PRI * HTTP/2.0", Verdict::Foreign),
            (b"PROXY TCP4", Verdict::Foreign),
            (b"SSH", Verdict::Undecided),
            (b"P", Verdict::Undecided),
            (b"GET", Verdict::Undecided),
            (b"GET ", Verdict::Undecided),
            (b"GET /", Verdict::Http),
            (b"\r\nGET /", Verdict::Http),
            (b"OPTIONS *", Verdict::Http),
            (b"CONNECT http", Verdict::Http),
            (b"GET htt", Verdict::Undecided),
            (b"GET up", Verdict::Text),
            (b"GET  ", Verdict::Undecided),
            (b"GET  /", Verdict::Http),
            (b"GET\t/", Verdict::Http),
            (b"OPTIONS     htt", Verdict::Undecided),
            (b"OPTIONS     http", Verdict::Http),
            (b"GET      /", Verdict::Text),
            (b"GET  the milk", Verdict::Text),
            (b"GET\n", Verdict::Text),
            (b"GETTING", Verdict::Text),
            (b"get /", Verdict::Text),
            (b"{", Verdict::Undecided),
            (b"{  ", Verdict::Undecided),
            (b"{\"", Verdict::Json),
            (b"{ \t}", Verdict::Json),
            (b"{\n", Verdict::Text),
            (b"{x", Verdict::Text),
            (b"{                          ", Verdict::Text),
            (b"\xFF\xFD\x01", Verdict::Text),
            (b"\x07done", Verdict::Text),
            (b"Hello", Verdict::Text),
            ("é".as_bytes(), Verdict::Text),
            ("👍".as_bytes(), Verdict::Text),
        ] {
            assert_eq!(judge(bytes), verdict, "{:?}", bytes.escape_ascii().to_string());
        }
    }

    #[test]
    fn what_nobody_sees_begins_nothing() {
        for (bytes, verdict) in [
            (&b"\xEF"[..], Verdict::Undecided),
            (b"\xEF\xBB", Verdict::Undecided),
            (b"\xEF\xBB\xBF", Verdict::Undecided),
            (b"\xEF\xBB\xBF{\"", Verdict::Json),
            (b"\xEF\xBB\xBFhi", Verdict::Text),
            (b"\xEF\xBB\xBFGET /", Verdict::Http),
            (b"\n\xE2\x80\x8B\0\r{}", Verdict::Json),
            (b"\n\0\0", Verdict::Undecided),
            (b"\n\x01", Verdict::Foreign),
            (b"\xE2\x80", Verdict::Undecided),
            ("…".as_bytes(), Verdict::Text),
            ("ﻀ".as_bytes(), Verdict::Text),
        ] {
            assert_eq!(judge(bytes), verdict, "{:?}", bytes.escape_ascii().to_string());
        }
    }

    #[test]
    fn lengths_before_a_text_and_utf16_are_known() {
        for (bytes, verdict) in [
            (&b"\0"[..], Verdict::Undecided),
            (b"\0\0", Verdict::Foreign),
            (b"\0\x05", Verdict::Undecided),
            (b"\0\x05Hell", Verdict::Undecided),
            (b"\0\x05Hello", Verdict::Prefixed),
            (b"\0\x0BHello ", Verdict::Prefixed),
            (b"\0\x01n", Verdict::Prefixed),
            (b"\x01\x2CDear a", Verdict::Prefixed),
            (b"\0\x05\xC3\xA9\xC3\xA9!", Verdict::Prefixed),
            (b"\0H\0e", Verdict::Utf16),
            (b"\0H\0", Verdict::Undecided),
            (b"\xFE", Verdict::Undecided),
            (b"\xFE\xFF\0H", Verdict::Utf16),
            (b"\xFE\x01", Verdict::Text),
            (b"\0\x1E\0\x06", Verdict::Foreign),
            (b"\0Z\0\0\x01", Verdict::Foreign),
            (b"\0\0\0\x85\xFFSMB", Verdict::Foreign),
            (b"\0\x0Bn\0", Verdict::Foreign),
            (b"\x03\0\0\x0B", Verdict::Foreign),
            (b"\x01\x02\x03", Verdict::Foreign),
        ] {
            assert_eq!(judge(bytes), verdict, "{:?}", bytes.escape_ascii().to_string());
        }
    }

    #[test]
    fn a_first_datagram_is_speech_noise_or_unreadable() {
        let long = [b'x'; 101];
        for (datagram, expected) in [
            (&b"hello"[..], Stranger::Speech),
            (b"hello\0", Stranger::Speech),
            (b"hello\0\0\0\0\0\0", Stranger::Speech),
            (b"done\x07\n", Stranger::Speech),
            (b"hello\x01world", Stranger::Speech),
            (b"a\0", Stranger::Speech),
            (b"{\"type\":\"ping\"}\0\0", Stranger::Speech),
            (b"X\n", Stranger::Speech),
            (b"X", Stranger::Nothing),
            (b"", Stranger::Nothing),
            (b"\0", Stranger::Nothing),
            (b" \r\n", Stranger::Nothing),
            (b"\x02", Stranger::Nothing),
            (b"@\x01\x01\xce\xbb.well-known\x04core", Stranger::Nothing),
            (b"eIPAD\0NAME\0JSON\0VERS\0UUID\0JVID\x06\x12\x34\x56\x78\x12\x34", Stranger::Nothing),
            (b"\xff\xff\xff\xffstatus\0", Stranger::Nothing),
            (b"GET / HTTP/1.1\r\n\r\n", Stranger::Nothing),
            (b"caf\xe9", Stranger::Unreadable(CloseReason::InvalidUtf8)),
            (&long, Stranger::Unreadable(CloseReason::LineTooLong)),
            (&long[..100], Stranger::Speech),
        ] {
            assert_eq!(judge_datagram(datagram, 100), expected, "{:?}", datagram.escape_ascii().to_string());
        }
    }

    proptest! {
        #[test]
        fn a_verdict_is_final_and_needs_no_more_than_the_deciding_bytes(
            start in prop::sample::select(vec!["", "{", "{ ", "GET ", "P", "CONNECT htt", "S", "\x16", "\0\x05", "\u{FEFF}", "\r\0"]),
            rest in prop::collection::vec(any::<u8>(), 0..24),
        ) {
            let mut bytes = start.as_bytes().to_vec();
            bytes.extend(rest);
            let verdicts: Vec<_> = (0..=bytes.len()).map(|len| judge(&bytes[..len])).collect();
            for pair in verdicts.windows(2) {
                prop_assert!(pair[0] == Verdict::Undecided || pair[0] == pair[1]);
            }
            let deciding = skipped(&bytes) + DECIDING_BYTES;
            if bytes.len() >= deciding {
                prop_assert_ne!(verdicts[deciding], Verdict::Undecided);
            }
        }
    }

    #[test]
    fn whatever_nobody_sees_is_waited_for_and_skipped() {
        for character in ('\u{80}'..=char::MAX).filter(|character| is_invisible(*character)) {
            let mut bytes = [0; 4];
            let bytes = character.encode_utf8(&mut bytes).as_bytes();
            for len in 0..=bytes.len() {
                assert_eq!(judge(&bytes[..len]), Verdict::Undecided, "{character:?}");
            }
            assert_eq!(skipped(bytes), bytes.len());
        }
    }
}
