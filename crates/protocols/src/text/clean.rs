//! What other people wrote, made safe for a terminal.
//!
//! A terminal obeys control characters, and shows text with bidirectional or invisible characters as something else
//! than it is. None of them leaves here, and a line end in a message cannot begin a line that looks like the server's.

use switchboard_core::visible::is_hidden;

/// What a line of a message that is not its first begins with.
pub const CONTINUATION: &str = "| ";

/// Whether a character must never reach a terminal raw: [`is_hidden`] lists them.
#[must_use]
pub const fn is_forbidden(character: char) -> bool {
    is_hidden(character)
}

/// Appends a message's text. Its further lines begin with [`CONTINUATION`], tabs become spaces, and forbidden
/// characters vanish. It ends without a line end.
pub fn write_text(out: &mut Vec<u8>, text: &str) {
    write(out, text, CONTINUATION);
}

/// Appends a message's text with its line ends as they are, for terminals of people who asked for the bare text.
pub fn write_bare(out: &mut Vec<u8>, text: &str) {
    write(out, text, "");
}

/// Appends a name or a sentence: like [`write_text`], with a space for each line end.
pub fn write_line(out: &mut Vec<u8>, text: &str) {
    if is_plain_ascii(text) {
        out.extend_from_slice(text.as_bytes());
        return;
    }
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        if character == '\t' || is_line_end(character) {
            characters.next_if(|next| character == '\r' && *next == '\n');
            out.push(b' ');
        } else if !is_forbidden(character) {
            push(out, character);
        }
    }
}

fn write(out: &mut Vec<u8>, text: &str, continuation: &str) {
    if is_plain_ascii(text) {
        out.extend_from_slice(text.as_bytes());
        return;
    }
    let mut characters = text.trim_end_matches(is_line_end).chars().peekable();
    while let Some(character) = characters.next() {
        if character == '\t' {
            out.push(b' ');
        } else if is_line_end(character) {
            characters.next_if(|next| character == '\r' && *next == '\n');
            out.push(b'\n');
            out.extend_from_slice(continuation.as_bytes());
        } else if !is_forbidden(character) {
            push(out, character);
        }
    }
}

/// Most text is, and needs no look at its characters.
fn is_plain_ascii(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}

/// What some program takes for the end of a line: LF, VT, FF, CR, NEL, and the two separators.
const fn is_line_end(character: char) -> bool {
    matches!(character, '\n'..='\r' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

fn push(out: &mut Vec<u8>, character: char) {
    out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(text: &str) -> String {
        let mut out = Vec::new();
        write_text(&mut out, text);
        String::from_utf8(out).unwrap()
    }

    fn line(text: &str) -> String {
        let mut out = Vec::new();
        write_line(&mut out, text);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn dangerous_text_is_cleaned() {
        for (dirty, clean) in [
            ("plain", "plain"),
            ("tab\there", "tab here"),
            ("\u{1B}[31mred\u{1B}[0m", "[31mred[0m"),
            ("\u{9B}31m", "31m"),
            ("bell\u{7}\u{8}\u{7F}", "bell"),
            ("a\u{202E}b\u{2066}c\u{200B}d\u{FEFF}", "abcd"),
            ("one\ntwo\r\nthree\rfour", "one\n| two\n| three\n| four"),
            ("one\u{2028}two\u{85}three\u{B}four", "one\n| two\n| three\n| four"),
            ("ends\r\n\n", "ends"),
            ("👍\u{FE0F} é 한국어 العربية", "👍\u{FE0F} é 한국어 العربية"),
        ] {
            assert_eq!(text(dirty), clean, "{dirty:?}");
        }
        assert_eq!(line("a\nb\r\nc\u{1B}\td"), "a b c d");
        let mut bare = Vec::new();
        write_bare(&mut bare, "a\r\nb\u{1B}");
        assert_eq!(bare, b"a\nb");
    }

    proptest! {
        #[test]
        fn nothing_forbidden_gets_through(dirty in prop::collection::vec(any::<char>(), 0..60)) {
            let dirty: String = dirty.into_iter().collect();
            prop_assert!(!line(&dirty).chars().any(is_forbidden));
            let cleaned = text(&dirty);
            prop_assert!(!cleaned.chars().any(|character| character != '\n' && is_forbidden(character)));
            prop_assert!(cleaned.lines().skip(1).all(|line| line.starts_with(CONTINUATION)));
        }

        #[test]
        fn what_is_allowed_stays(text_in in "[ -~¡-¬À-ʯЀ-Ӿ一-龠가-힣]{0,40}") {
            prop_assert_eq!(text(&text_in), text_in);
        }
    }
}
