//! What a word is, for every store: how texts and queries are folded and cut before they are compared.
//!
//! A text becomes *tokens*: without regard to case, compatibility forms and diacritics (see `fold.rs`), a run of letters
//! and digits is one token. Scripts that are written without spaces between words (Chinese, Japanese, Thai, ...), or with
//! particles joined to them (Korean), have no words that could be found without a dictionary: there each character is a
//! token of its own, so that any part of a text is found. A word of a query is cut in the same way and matches where its
//! tokens follow one another. What nobody sees (a soft hyphen, a zero-width space) neither cuts a word nor is part of it.
//!
//! Each emoji is a token, without its colour of skin and its variation selector; a flag and a keycap are one each, and a
//! sequence that is joined to one picture is its parts, so that a part finds it as well.
//!
//! All of this is done here rather than by SQLite's tokenizers, so that every store finds the same, and so that
//! nothing a person writes reaches SQLite's query syntax: a token holds letters, digits, marks and symbols only, and of
//! ASCII's signs `#` and `*` at most.

mod classes;
mod fold;

use classes::{
    FLAG, KEYCAP, is_invisible, is_key, is_keycap, is_regional_indicator, is_skin_tone, is_symbol, is_tag, is_unspaced,
    tag_letter,
};
use fold::fold;
use unicode_normalization::char::is_combining_mark;

/// Stands between two characters of unspaced scripts that had something else between them, so that the end of one
/// sentence and the beginning of the next are not found as a word. Private use: it never is a token itself.
const BREAK: char = '\u{F8FE}';

/// A person's query: all its terms must match.
#[derive(Debug, PartialEq)]
pub(crate) struct Query {
    pub(crate) terms: Vec<Term>,
}

/// One word of a query.
#[derive(Debug, PartialEq)]
pub(crate) struct Term {
    /// Its tokens with one space between them.
    pub(crate) tokens: String,
    /// The tokens without the spaces, if they are three or more characters of unspaced scripts: what an index of
    /// trigrams finds faster than one of single characters.
    pub(crate) run: Option<String>,
}

impl Query {
    pub(crate) fn parse(text: &str) -> Self {
        let terms = text.split_whitespace().map(tokens).filter(|tokens| !tokens.is_empty());
        Self { terms: terms.map(|tokens| Term { run: whole_run(&tokens), tokens }).collect() }
    }

    /// Whether the text has all the words; a query without any finds nothing.
    pub(crate) fn matches(&self, text: &str) -> bool {
        if self.terms.is_empty() {
            return false;
        }
        let hay = format!(" {} ", tokens(text));
        self.terms.iter().all(|term| hay.contains(&format!(" {} ", term.tokens)))
    }
}

/// The tokens of a text with one space between them.
pub(crate) fn tokens(text: &str) -> String {
    if text.is_ascii() { ascii_tokens(text) } else { folded_tokens(&fold(text)) }
}

/// The same for a text in which every byte is a character, none has a second form, and all scripts have spaces.
fn ascii_tokens(text: &str) -> String {
    let mut tokens = String::with_capacity(text.len());
    let mut gap = false;
    for byte in text.bytes() {
        match ASCII[usize::from(byte & 0x7F)] {
            Ascii::Part(small) => {
                if gap && !tokens.is_empty() {
                    tokens.push(' ');
                }
                gap = false;
                tokens.push(char::from(small));
            }
            Ascii::Gap => gap = true,
            Ascii::Nothing => {}
        }
    }
    tokens
}

/// What a byte is to [`ascii_tokens`].
#[derive(Clone, Copy)]
enum Ascii {
    Part(u8),
    Gap,
    Nothing,
}

const ASCII: [Ascii; 128] = {
    let mut table = [Ascii::Gap; 128];
    let mut byte = 0_u8;
    while byte < 128 {
        table[byte as usize] = if byte.is_ascii_alphanumeric() {
            Ascii::Part(byte.to_ascii_lowercase())
        } else if is_invisible(byte as char) {
            Ascii::Nothing
        } else {
            Ascii::Gap
        };
        byte += 1;
    }
    table
};

fn folded_tokens(folded: &str) -> String {
    let mut tokens = String::with_capacity(folded.len() + 8);
    let mut before = Before::Gap;
    let mut gap = false;
    let mut characters = folded.chars().peekable();
    while let Some(character) = characters.next() {
        if is_key(character) && characters.next_if(|next| is_keycap(*next)).is_some() {
            separate(&mut tokens);
            tokens.extend([character, KEYCAP]);
            (before, gap) = (Before::Symbol, false);
            continue;
        }
        let now = if is_keycap(character) {
            continue;
        } else if is_tag(character) {
            if !gap && before == Before::Flag {
                tokens.extend(tag_letter(character));
            }
            continue;
        } else if is_regional_indicator(character) {
            if !gap && before == Before::HalfFlag { Before::Symbol } else { Before::HalfFlag }
        } else if is_skin_tone(character) && !gap && matches!(before, Before::Symbol | Before::Flag) {
            continue;
        } else if character == FLAG {
            Before::Flag
        } else if is_symbol(character) {
            Before::Symbol
        } else if !(character.is_alphanumeric() || is_combining_mark(character)) {
            gap = true;
            continue;
        } else if is_unspaced(character) {
            Before::Unspaced
        } else {
            Before::Spaced
        };
        if gap && before == Before::Unspaced && now == Before::Unspaced {
            tokens.extend([' ', BREAK]);
        }
        let joined = match (before, now) {
            (Before::Spaced, Before::Spaced) => true,
            (Before::HalfFlag, Before::Symbol) => is_regional_indicator(character),
            _ => false,
        };
        if gap || !joined {
            separate(&mut tokens);
        }
        tokens.push(character);
        before = now;
        gap = false;
    }
    tokens
}

fn separate(tokens: &mut String) {
    if !tokens.is_empty() {
        tokens.push(' ');
    }
}

/// Whether a text is cut as every version of this has cut it: only what this version cuts differently is indexed again.
pub(crate) fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' '..=b'~' | b'\t' | b'\n' | b'\r'))
}

/// The runs of three or more characters of unspaced scripts in a text's [`tokens`], with one space between them.
pub(crate) fn runs(tokens: &str) -> String {
    let mut runs = String::new();
    if tokens.is_ascii() {
        return runs;
    }
    let mut run = String::new();
    // The empty token at the end completes the last run.
    for token in tokens.split(' ').chain([""]) {
        if is_unspaced_token(token) {
            run.push_str(token);
            continue;
        }
        if run.chars().count() >= 3 {
            if !runs.is_empty() {
                runs.push(' ');
            }
            runs.push_str(&run);
        }
        run.clear();
    }
    runs
}

/// What the last token was made of.
#[derive(Clone, Copy, PartialEq)]
enum Before {
    Gap,
    Spaced,
    Unspaced,
    /// An emoji or another symbol, complete.
    Symbol,
    /// The first letter of a flag, which a second one completes.
    HalfFlag,
    /// A black flag, which tags make the flag of a region.
    Flag,
}

fn whole_run(tokens: &str) -> Option<String> {
    let unspaced = tokens.split(' ').all(is_unspaced_token);
    let run: String = tokens.split(' ').collect();
    (unspaced && run.chars().count() >= 3).then_some(run)
}

fn is_unspaced_token(token: &str) -> bool {
    token.chars().next().is_some_and(is_unspaced)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample;

    #[test]
    fn texts_are_folded_and_cut() {
        for (text, expected) in [
            ("", ""),
            ("  ... !", ""),
            ("Hello, World", "hello world"),
            ("foo-bar_baz 2.5%", "foo bar baz 2 5"),
            ("Ärger Über naïve CAFÉ", "arger uber naive cafe"),
            ("Ελλάς ΕΛΛΆΣ", "ελλασ ελλασ"),
            ("İstanbul", "istanbul"),
            ("Straße STRASSE", "strasse strasse"),
            ("Ｆｕｌｌ", "full"),
            ("我的iPhone手机", "我 的 iphone 手 机"),
            ("手。机", "手 \u{F8FE} 机"),
            ("がカﾞ", "が ガ"),
            ("서울에서", "서 울 에 서"),
            ("हिन्दी", "हिन्दी"),
            ("東京 tokyo 東京", "東 京 tokyo 東 京"),
        ] {
            assert_eq!(tokens(text), expected, "{text}");
        }
    }

    #[test]
    fn letters_are_folded_as_people_read_them() {
        for (one, other) in [
            ("IRMAK İZMİR", "ırmak izmir"),
            ("ISLAK", "ıslak"),
            ("ẞ ß", "SS ss"),
            ("ΣΊΣΥΦΟΣ", "σίσυφος"),
            ("ﬁne ﬂoor", "FINE FLOOR"),
            ("Łódź Ærø œuvre Þór Đà Nẵng", "lodz aero oeuvre thor da nang"),
            ("Ⓗⓔⓛⓛⓞ 𝐰𝐨𝐫𝐥𝐝 ℌ", "hello world h"),
            ("２０２６ ٢٠٢٦ ۲۰۲۶ २०२६", "2026 2026 2026 2026"),
            ("Ёлка", "елка"),
            ("كتـــاب أحمد", "كتاب احمد"),
            ("کتابی", "كتابي"),
            ("hawaiʻi", "hawai'i"),
            ("don’t donʼt", "don't don't"),
            ("ᾠδή", "ΩΔΗ"),
            ("ﾊﾟﾝ", "パン"),
        ] {
            assert_eq!(tokens(one), tokens(other), "{one}");
        }
    }

    #[test]
    fn every_letter_is_the_same_in_either_case() {
        // Beyond the emoji there are Han and nothing with a case.
        for character in ('\0'..'\u{20000}').filter(|c| !matches!(c, '\u{3400}'..='\u{9FFF}' | '\u{AC00}'..='\u{F8FF}'))
        {
            let own = tokens(&character.to_string());
            for other in [character.to_uppercase().to_string(), character.to_lowercase().to_string()] {
                // A subscript iota is a diacritic, and a letter of its own beside a capital.
                let is_iota = matches!(character, '\u{1F80}'..='\u{1FFC}' | '\u{345}');
                assert!(is_iota || tokens(&other) == own, "{character:?} {own} {}", tokens(&other));
            }
            let folded = fold(&character.to_string());
            assert_eq!(fold(&folded), folded, "{character:?} is folded once and for all");
        }
    }

    #[test]
    fn what_nobody_sees_is_nothing() {
        for invisible in ('\0'..=char::MAX).filter(|c| is_invisible(*c)) {
            for (text, seen) in
                [("co{}operate", "cooperate"), ("天{}气", "天气"), ("naï{}ve", "naive"), ("{}🎉{}", "🎉")]
            {
                let text = text.replace("{}", &invisible.to_string());
                assert_eq!(tokens(&text), tokens(seen), "{:x}", u32::from(invisible));
            }
            assert_eq!(tokens(&invisible.to_string()), "", "{:x}", u32::from(invisible));
        }
        assert_eq!(tokens("a\tb\u{B}c\u{85}d\u{2028}e\u{A0}f\u{3000}g"), "a b c d e f g");
    }

    #[test]
    fn emoji_are_tokens() {
        for (text, expected) in [
            ("party 🎉 now", "party 🎉 now"),
            ("party🎉🎉now", "party 🎉 🎉 now"),
            ("👍 👍🏽 👍🏿!", "👍 👍 👍"),
            ("🏽", "🏽"),
            ("❤ ❤️ ❤︎", "❤ ❤ ❤"),
            ("👩🏽‍💻", "👩 💻"),
            ("👨‍👩‍👧", "👨 👩 👧"),
            ("🤷🏻‍♀️", "🤷 ♀"),
            ("🏳️‍🌈", "🏳 🌈"),
            ("🇦🇩🇪🇸 🇩🇪", "🇦🇩 🇪🇸 🇩🇪"),
            ("🇩 🇪 🇫🎉", "🇩 🇪 🇫 🎉"),
            ("🏴󠁧󠁢󠁳󠁣󠁴󠁿 🏴", "🏴gbsct 🏴"),
            ("a\u{E0067}b", "ab"),
            ("1️⃣2️⃣ #️⃣ *⃣ 12", "1⃣ 2⃣ #⃣ *⃣ 12"),
            ("a⃣", "a"),
            ("™ Foo™ ©2026 ℹ️note ‼️", "™ foo ™ © 2026 ℹ note ‼"),
            ("→ ★ ✓done", "→ ★ ✓ done"),
            ("大阪🎉府", "大 阪 🎉 府"),
        ] {
            assert_eq!(tokens(text), expected, "{text}");
        }
    }

    #[test]
    fn runs_of_three_and_more_are_for_the_trigrams() {
        assert_eq!(runs(&tokens("今日は天気 ok 東京 大阪府")), "今日は天気 大阪府");
        assert_eq!(runs(&tokens("plain words")), "");
        let run_of = |text| Query::parse(text).terms.into_iter().next().and_then(|term| term.run);
        assert_eq!(run_of("大阪府").as_deref(), Some("大阪府"));
        assert_eq!(run_of("大阪"), None);
        assert_eq!(run_of("大阪x府"), None);
        assert_eq!(run_of("大阪。府"), None);
    }

    /// Texts of the characters that the cutting treats in ways of their own.
    fn text() -> impl Strategy<Value = String> {
        let pieces = sample::select(vec![
            " ",
            "  ",
            "\n",
            "a",
            "B",
            "ß",
            "é",
            "e\u{301}",
            "İ",
            "ı",
            "-",
            "#",
            "*",
            "1",
            "２",
            "\"",
            "'",
            "京",
            "都",
            "。",
            "が",
            "か\u{3099}",
            "ﾊﾟ",
            "한",
            "\u{1112}\u{1161}\u{11AB}",
            "ส",
            "ิ",
            "हि",
            "🎉",
            "👍",
            "🏽",
            "\u{200D}",
            "\u{FE0F}",
            "\u{20E3}",
            "🇩",
            "🇪",
            "🏴",
            "\u{E0067}",
            "\u{E007F}",
            "\u{200B}",
            "\u{AD}",
            "\u{202E}",
            "\0",
            "ﬁ",
            "™",
            "\u{F8FE}",
            "\u{E001}",
        ]);
        prop_oneof![
            vec(pieces, 0..24).prop_map(|pieces| pieces.concat()),
            ".{0,24}",
            vec(any::<char>(), 0..12).prop_map(String::from_iter)
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2_000) })]

        #[test]
        fn every_text_is_found_by_each_of_its_words(text in text()) {
            for word in text.split_whitespace().filter(|word| !tokens(word).is_empty()) {
                prop_assert!(Query::parse(word).matches(&text), "{:?} in {:?}", word, text);
            }
        }

        #[test]
        fn tokens_have_nothing_that_a_query_could_mean(text in text()) {
            for token in tokens(&text).split(' ').filter(|_| !tokens(&text).is_empty()) {
                prop_assert!(!token.is_empty() && !token.contains(|c: char| c.is_whitespace() || c.is_control() || is_invisible(c)));
                prop_assert!(token.chars().all(|c| !c.is_ascii_punctuation() || "#*".contains(c)), "{:?}", token);
            }
        }

        #[test]
        fn plain_texts_are_cut_like_all_others(text in "[ -~\\x00-\\x1f]{0,40}") {
            prop_assert_eq!(ascii_tokens(&text), folded_tokens(&fold(&text)));
        }
    }

    #[test]
    fn syntax_has_no_meaning() {
        assert!(Query::parse("\" * ( ) : ^ % _ +").terms.is_empty());
        assert!(!Query::parse("***").matches("***"));
        assert!(Query::parse("\"AND\" or* NOT:").matches("not now and or never"));
        assert!(!Query::parse("a OR b").matches("a b"));
    }
}
