//! What the first bytes of a connection say it is.

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
    /// Something that is neither meant for us nor a person's words: binary data, or another protocol's greeting.
    Foreign,
    /// More bytes are needed, or none has come that means anything.
    Undecided,
}

/// As many bytes as ever decide: the longest method, a space and the longest of what may follow it, or an opening
/// brace and the most space that may follow it.
pub const DECIDING_BYTES: usize = 16;

const HTTP_METHODS: [&[u8]; 9] =
    [b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"CONNECT", b"OPTIONS", b"TRACE", b"PATCH"];

/// What follows an HTTP method and a space: a path, `*`, or an absolute URL.
const HTTP_TARGETS: [&[u8]; 3] = [b"/", b"*", b"http"];

/// HTTP/2 with prior knowledge, the PROXY protocol version 1, and SSH.
const FOREIGN: [&[u8]; 3] = [b"PRI *", b"PROXY ", b"SSH-"];

/// Judges the bytes that a connection has sent so far.
///
/// A verdict other than [`Verdict::Undecided`] is final: no further byte changes it. Line ends at the beginning mean
/// nothing, so the caller judges from the first line on that is not empty.
#[must_use]
pub fn judge(bytes: &[u8]) -> Verdict {
    match *bytes {
        [] | [b'\r'] | [b'\n', ..] | [b'\r', b'\n', ..] | [0x16] => Verdict::Undecided,
        [0x16, 0x03, ..] => Verdict::Tls,
        [b'{', ref rest @ ..] => judge_after_brace(rest),
        [first, ..] if is_foreign_control(first) => Verdict::Foreign,
        _ => judge_word(bytes),
    }
}

/// Whether a byte is a control byte that no keyboard or terminal puts into a line of talk.
///
/// Tab, the line ends, escape and backspace are not among them: people do hit the arrow and the backspace key where
/// the terminal sends them raw.
#[must_use]
pub const fn is_foreign_control(byte: u8) -> bool {
    matches!(byte, 0x00..=0x07 | 0x0B | 0x0C | 0x0E..=0x1A | 0x1C..=0x1F)
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
            Begin::Yes([]) | Begin::Yes([b' ']) | Begin::SoFar => undecided = true,
            Begin::Yes([b' ', target @ ..]) => {
                for word in HTTP_TARGETS {
                    match begins(target, word) {
                        Begin::Yes(_) => return Verdict::Http,
                        Begin::SoFar => undecided = true,
                        Begin::No => {}
                    }
                }
            }
            Begin::Yes(_) | Begin::No => {}
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
            (b"\x00", Verdict::Foreign),
            (b"\x05\x01\x00", Verdict::Foreign),
            (b"SSH-2.0-x", Verdict::Foreign),
            (b"PRI * HTTP/2.0", Verdict::Foreign),
            (b"PROXY TCP4", Verdict::Foreign),
            (b"SSH", Verdict::Undecided),
            (b"P", Verdict::Undecided),
            (b"GET", Verdict::Undecided),
            (b"GET ", Verdict::Undecided),
            (b"GET /", Verdict::Http),
            (b"OPTIONS *", Verdict::Http),
            (b"CONNECT http", Verdict::Http),
            (b"GET htt", Verdict::Undecided),
            (b"GET up", Verdict::Text),
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
            (b"Hello", Verdict::Text),
            ("é".as_bytes(), Verdict::Text),
        ] {
            assert_eq!(judge(bytes), verdict, "{:?}", bytes.escape_ascii().to_string());
        }
    }

    proptest! {
        #[test]
        fn a_verdict_is_final_and_needs_no_more_than_the_deciding_bytes(
            start in prop::sample::select(vec!["", "{", "{ ", "GET ", "P", "CONNECT htt", "S", "\x16"]),
            rest in prop::collection::vec(any::<u8>(), 0..24),
        ) {
            let mut bytes = start.as_bytes().to_vec();
            bytes.extend(rest);
            let verdicts: Vec<_> = (0..=bytes.len()).map(|len| judge(&bytes[..len])).collect();
            if matches!(bytes.first(), None | Some(b'\r' | b'\n')) {
                return Ok(());
            }
            for pair in verdicts.windows(2) {
                prop_assert!(pair[0] == Verdict::Undecided || pair[0] == pair[1]);
            }
            if bytes.len() >= DECIDING_BYTES {
                prop_assert_ne!(verdicts[DECIDING_BYTES], Verdict::Undecided);
            }
        }
    }
}
