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
