//! Which characters nobody sees, and what is left of a text without those at its ends.

/// Whether a character must never reach a terminal raw, because it is obeyed there or hides what is shown.
///
/// These are all control characters (C0, DEL, C1, with tab and the line ends among them), the line and paragraph
/// separators, and what Unicode calls default-ignorable or a format control where it is invisible: zero-width
/// characters, bidirectional marks, embeddings, overrides and isolates, fillers, annotations, and tags. The variation
/// selectors U+FE00 to U+FE0F are not among them: they choose between the text and the picture of an emoji.
#[must_use]
pub const fn is_hidden(character: char) -> bool {
    // Most text is ASCII.
    if character.is_ascii() {
        return character.is_ascii_control();
    }
    matches!(
        character,
        '\u{80}'..='\u{9F}'
            | '\u{AD}'
            | '\u{34F}'
            | '\u{61C}'
            | '\u{115F}'..='\u{1160}'
            | '\u{17B4}'..='\u{17B5}'
            | '\u{180B}'..='\u{180F}'
            | '\u{200B}'..='\u{200F}'
            | '\u{2028}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}'
            | '\u{3164}'
            | '\u{FEFF}'
            | '\u{FFA0}'
            | '\u{FFF0}'..='\u{FFFB}'
            | '\u{13430}'..='\u{1343F}'
            | '\u{1BCA0}'..='\u{1BCA3}'
            | '\u{1D173}'..='\u{1D17A}'
            | '\u{E0000}'..='\u{E0FFF}'
    )
}

/// Whether nobody sees a character that stands alone: hidden ones, variation selectors, and signs that are drawn as
/// nothing. Spaces are not among them.
#[must_use]
pub const fn is_invisible(character: char) -> bool {
    is_hidden(character) || matches!(character, '\u{FE00}'..='\u{FE0F}' | '\u{2800}' | '\u{1D159}')
}

/// Whether there is nothing in a text that anybody could see: a message like that is empty, in every language.
#[must_use]
pub fn is_blank(text: &str) -> bool {
    text.chars().all(|character| character.is_whitespace() || is_invisible(character))
}

/// A message without what nobody sees at its ends.
///
/// Spaces, tabs and line feeds are left, and so is what nobody sees but everybody would miss: signs that are drawn as
/// a space, the escape that begins a colour, and at the end what belongs to the character before it (a variation
/// selector, the tags of a flag, the end of a bidirectional isolate that the text begins).
#[must_use]
pub fn trim(text: &str) -> &str {
    let mut rest = text.trim_start_matches(may_go);
    while let Some(last) = rest.chars().next_back().filter(|last| may_go(*last)) {
        let before = &rest[..rest.len() - last.len_utf8()];
        if belongs(last, before) {
            break;
        }
        rest = before;
    }
    rest
}

/// A name, a code or a word without any invisible character or space at its ends: none of them belongs to such.
#[must_use]
pub fn trim_word(text: &str) -> &str {
    text.trim_matches(|character: char| character.is_whitespace() || is_invisible(character))
}

/// Whether a character at the end of a message is no part of it.
const fn may_go(character: char) -> bool {
    is_invisible(character) && !keeps_place(character)
}

/// Whether a character that nobody sees is left where it is: it is a space of some kind, or begins an escape sequence.
const fn keeps_place(character: char) -> bool {
    matches!(
        character,
        '\t' | '\n' | '\u{1B}' | '\u{115F}'..='\u{1160}' | '\u{2800}' | '\u{3164}' | '\u{FFA0}' | '\u{1D159}'
    )
}

/// Whether an invisible character after `before` belongs to what is seen there.
fn belongs(character: char, before: &str) -> bool {
    let is_seen = |character: char| !character.is_whitespace() && !is_invisible(character);
    match character {
        '\u{FE00}'..='\u{FE0F}' | '\u{E0100}'..='\u{E01EF}' | '\u{180B}'..='\u{180D}' | '\u{180F}' => {
            before.chars().next_back().is_some_and(is_seen)
        }
        '\u{E0020}'..='\u{E007F}' => {
            let base = before.trim_end_matches(|tag| matches!(tag, '\u{E0020}'..='\u{E007F}'));
            base.chars().next_back().is_some_and(|base| is_seen(base) && !base.is_ascii())
        }
        '\u{202C}' => before.contains(['\u{202A}', '\u{202B}', '\u{202D}', '\u{202E}']),
        '\u{2069}' => before.contains(['\u{2066}', '\u{2067}', '\u{2068}']),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_nobody_sees_at_the_ends_is_no_part_of_a_text() {
        for (text, seen) in [
            ("plain", "plain"),
            ("", ""),
            ("\u{FEFF}Hello\0\0", "Hello"),
            ("\rHello\r", "Hello"),
            ("done\u{7}", "done"),
            ("\u{200B}a\u{200B}b\u{200D}\u{2060}", "a\u{200B}b"),
            ("\u{202A}C:\\x\u{202C}", "C:\\x"),
            ("  spaces stay\t ", "  spaces stay\t "),
            ("line\n", "line\n"),
            ("\u{1B}[31mred\u{1B}[0m", "\u{1B}[31mred\u{1B}[0m"),
            ("\u{2800}\u{28FF}\u{2800}", "\u{2800}\u{28FF}\u{2800}"),
            ("❤\u{FE0F}", "❤\u{FE0F}"),
            ("❤\u{FE0F}\u{FE0F}\0", "❤\u{FE0F}"),
            (" \u{FE0F}", " "),
            ("👩\u{200D}💻\u{200D}", "👩\u{200D}💻"),
            ("葛\u{E0100}", "葛\u{E0100}"),
            ("🏴\u{E0067}\u{E0062}\u{E007F}", "🏴\u{E0067}\u{E0062}\u{E007F}"),
            ("a\u{E0067}\u{E007F}", "a"),
            ("a \u{2067}ש\u{2069}\0", "a \u{2067}ש\u{2069}"),
        ] {
            assert_eq!(trim(text), seen, "{text:?}");
        }
        assert_eq!(trim_word("\u{FEFF} 1234\u{200B} \0"), "1234");
    }

    #[test]
    fn a_text_with_nothing_to_see_is_blank() {
        let blank =
            ["", " \t", "\0", "\u{200B}", "\u{2060}\u{FEFF}", "\u{AD}", "\u{3164}", "\u{2800}", "\u{FE0F}", "\u{34F}"];
        for text in blank {
            assert!(is_blank(text), "{text:?}");
        }
        for text in ["a", ".", "\u{301}", "👍", " \u{200B}x"] {
            assert!(!is_blank(text), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn trimming_takes_only_what_nobody_sees_and_is_done_once(text in any::<String>(), ends in "[\0\r\u{200b}-\u{200f}\u{feff}\u{fe0f}]{0,4}") {
            let text = format!("{ends}{text}{ends}");
            let trimmed = trim(&text);
            prop_assert_eq!(trim(trimmed), trimmed);
            prop_assert_eq!(is_blank(trimmed), is_blank(&text));
            let seen = |text: &str| text.chars().filter(|c| !is_invisible(*c)).collect::<String>();
            prop_assert_eq!(seen(trimmed), seen(&text));
        }
    }
}
