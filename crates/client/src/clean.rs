//! Makes what other people wrote harmless for a terminal.
//!
//! A terminal obeys what it prints: an escape sequence in a nick could move the cursor, rename the window or answer
//! as if typed, and a bidi override could make a line read backwards. Nothing of the kind is shown.

use std::borrow::Cow;

/// A text on one line: without control characters, escapes, bidi controls or invisible characters. A tab or a line
/// break becomes a space.
#[must_use]
pub fn line(text: &str) -> Cow<'_, str> {
    if text.chars().all(|c| !is_break(c) && !is_hidden(c)) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(
        text.chars().filter_map(|c| if is_break(c) { Some(' ') } else { (!is_hidden(c)).then_some(c) }).collect(),
    )
}

/// The lines of a text, each clean.
pub fn lines(text: &str) -> impl Iterator<Item = Cow<'_, str>> {
    text.split(['\n', '\u{2028}', '\u{2029}']).map(|part| line(part.strip_suffix('\r').unwrap_or(part)))
}

/// A message without what nobody sees at its ends: the byte order mark that a program begins its output with, the NUL
/// that ends a string of C and the zeros that fill its buffer, zero-width characters, a carriage return on the wrong
/// side. What belongs to the character before it stays: a variation selector, the tags of a flag, the end of a
/// bidirectional isolate.
#[must_use]
pub fn trim(text: &str) -> &str {
    let mut rest = text.trim_start_matches(|c| is_unseen(c) && !keeps_place(c));
    while let Some(last) = rest.chars().next_back().filter(|c| is_unseen(*c) && !keeps_place(*c)) {
        let before = &rest[..rest.len() - last.len_utf8()];
        let belongs = match last {
            '\u{fe00}'..='\u{fe0f}' | '\u{e0100}'..='\u{e01ef}' | '\u{180b}'..='\u{180d}' | '\u{180f}' => {
                before.chars().next_back().is_some_and(|c| !c.is_whitespace() && !is_unseen(c))
            }
            '\u{e0020}'..='\u{e007f}' => {
                let base = before.trim_end_matches(|c| matches!(c, '\u{e0020}'..='\u{e007f}'));
                base.chars().next_back().is_some_and(|c| !c.is_whitespace() && !c.is_ascii() && !is_unseen(c))
            }
            '\u{202c}' => before.contains(['\u{202a}', '\u{202b}', '\u{202d}', '\u{202e}']),
            '\u{2069}' => before.contains(['\u{2066}', '\u{2067}', '\u{2068}']),
            _ => false,
        };
        if belongs {
            break;
        }
        rest = before;
    }
    rest
}

/// A word without spaces and without what nobody sees at its ends.
#[must_use]
pub fn trim_word(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_whitespace() || is_unseen(c))
}

/// Whether there is nothing in a text that anybody could see.
#[must_use]
pub fn is_blank(text: &str) -> bool {
    text.chars().all(|c| c.is_whitespace() || is_unseen(c))
}

/// Hidden characters, variation selectors, and signs that are drawn as nothing.
pub(crate) const fn is_unseen(c: char) -> bool {
    is_hidden(c)
        || matches!(
            c,
            '\u{2028}' | '\u{2029}' | '\u{fe0e}' | '\u{fe0f}' | '\u{2800}' | '\u{13430}'..='\u{1343f}' | '\u{1d159}'
        )
}

/// Whether a character that nobody sees is left where it is: it is a space of some kind, or begins an escape sequence.
const fn keeps_place(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\u{1b}' | '\u{115f}'..='\u{1160}' | '\u{2800}' | '\u{3164}' | '\u{ffa0}' | '\u{1d159}')
}

const fn is_break(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\u{2028}' | '\u{2029}')
}

/// C0, DEL and C1 controls; the default-ignorable code points of Unicode 17 (zero-width, bidi controls, fillers, tags)
/// but for the variation selectors that emoji are written with; and interlinear annotations.
const fn is_hidden(c: char) -> bool {
    matches!(c,
        '\0'..='\x1f'
        | '\x7f'..='\u{9f}'
        | '\u{ad}'
        | '\u{34f}'
        | '\u{61c}'
        | '\u{115f}'..='\u{1160}'
        | '\u{17b4}'..='\u{17b5}'
        | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{3164}'
        | '\u{fe00}'..='\u{fe0d}'
        | '\u{feff}'
        | '\u{ffa0}'
        | '\u{fff0}'..='\u{fffb}'
        | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_a_terminal_would_obey_is_taken_out() {
        for (text, shown) in [
            ("hello, wörld ❤\u{fe0f} 你好", "hello, wörld ❤\u{fe0f} 你好"),
            ("\x1b[31mred\x1b]0;title\x07", "[31mred]0;title"),
            ("a\u{9b}2Jb\u{85}c\x7f\x08", "a2Jbc"),
            ("abc\u{202e}fed\u{2066}x\u{200f}", "abcfedx"),
            ("a\u{200b}d\u{feff}m\u{2060}in\u{ad}", "admin"),
            ("tab\there\r", "tab here"),
            ("two\nlines", "two lines"),
            ("\u{e0041}\u{e007f}tags", "tags"),
        ] {
            assert_eq!(line(text), shown, "{text:?}");
        }
    }

    #[test]
    fn what_nobody_sees_at_the_ends_goes_and_what_belongs_to_a_character_stays() {
        for (text, seen) in [
            ("\u{feff}hello\0\0", "hello"),
            ("\r/nick ada\u{200b}", "/nick ada"),
            ("  two spaces\n", "  two spaces\n"),
            ("❤\u{fe0f}\0", "❤\u{fe0f}"),
            ("🏴\u{e0067}\u{e007f}", "🏴\u{e0067}\u{e007f}"),
            ("a\u{2067}b\u{2069}", "a\u{2067}b\u{2069}"),
            ("\u{2800}x", "\u{2800}x"),
            ("\u{200b}", ""),
        ] {
            assert_eq!(trim(text), seen, "{text:?}");
        }
        assert!(is_blank("\u{feff} \u{2800}\0\r\n") && !is_blank("."));
        assert_eq!(trim_word("\u{feff} ada\0"), "ada");
    }

    #[test]
    fn a_text_is_cut_at_its_line_breaks() {
        assert_eq!(lines("a\r\nb\u{2028}c\n\x1bd").collect::<Vec<_>>(), ["a", "b", "c", "d"]);
    }

    proptest! {
        #[test]
        fn nothing_hidden_ever_comes_through(text in any::<String>(), evil in "[\0-\u{9f}\u{200b}-\u{206f}\u{fff0}-\u{ffff}]*") {
            let text = format!("{text}{evil}{text}");
            let clean = line(&text);
            prop_assert!(clean.chars().all(|c| !c.is_control() && !is_hidden(c)));
            prop_assert_eq!(line(&clean), clean.as_ref());
        }
    }
}
