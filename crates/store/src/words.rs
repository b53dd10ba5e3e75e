//! What a word is, for every store: how texts and queries are folded and cut before they are compared.
//!
//! A text becomes *tokens*: without regard to case, compatibility forms and diacritics, a run of letters and digits is
//! one token. Scripts that are written without spaces between words (Chinese, Japanese, Thai, ...), or with particles
//! joined to them (Korean), have no words that could be found without a dictionary: there each character is a token
//! of its own, so that any part of a text is found. A word of a query is cut in the same way and matches where its
//! tokens follow one another.
//!
//! All of this is done here rather than by SQLite's tokenizers, so that every store finds the same, and so that
//! nothing a person writes reaches SQLite's query syntax: a token holds letters, digits and marks only.

use unicode_normalization::UnicodeNormalization;
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
    let mut tokens = String::with_capacity(text.len() + 8);
    let mut before = Before::Gap;
    let mut gap = false;
    for character in fold(text).chars() {
        let now = if !(character.is_alphanumeric() || is_combining_mark(character)) {
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
        let joined = !gap && before == Before::Spaced && now == Before::Spaced;
        if !joined && !tokens.is_empty() {
            tokens.push(' ');
        }
        tokens.push(character);
        before = now;
        gap = false;
    }
    tokens
}

/// The runs of three or more characters of unspaced scripts in a text's [`tokens`], with one space between them.
pub(crate) fn runs(tokens: &str) -> String {
    let mut runs = String::new();
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
}

fn whole_run(tokens: &str) -> Option<String> {
    let unspaced = tokens.split(' ').all(is_unspaced_token);
    let run: String = tokens.split(' ').collect();
    (unspaced && run.chars().count() >= 3).then_some(run)
}

fn is_unspaced_token(token: &str) -> bool {
    token.chars().next().is_some_and(is_unspaced)
}

/// The text in lower case, in compatibility composition (full-width letters and half-width kana are the usual ones),
/// without diacritics.
fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    // Decomposed, a letter gives up its diacritics; composed again, Hangul syllables and voiced kana are whole.
    // Decomposition can bring capitals (the sign for "telephone"), so lower case comes after it.
    let bare = text.nfkd().filter(|c| !is_diacritic(*c)).nfc();
    let mut folded = String::with_capacity(text.len());
    for character in bare.flat_map(char::to_lowercase).filter(|c| !is_diacritic(*c)) {
        // The two letters that have another form beside the upper and the lower one.
        match character {
            'ß' => folded.push_str("ss"),
            'ς' => folded.push('σ'),
            other => folded.push(other),
        }
    }
    folded
}

/// Marks that people leave out when they search: those of the Latin, Greek and Cyrillic scripts, Hebrew points and
/// Arabic vowel signs. Other marks, such as the vowels of Indic scripts, are part of the spelling.
const fn is_diacritic(c: char) -> bool {
    matches!(c,
        '\u{0300}'..='\u{036F}'
        | '\u{0591}'..='\u{05BD}'
        | '\u{05BF}' | '\u{05C1}' | '\u{05C2}' | '\u{05C4}' | '\u{05C5}' | '\u{05C7}'
        | '\u{064B}'..='\u{065F}'
        | '\u{0670}'
        | '\u{1AB0}'..='\u{1AFF}'
        | '\u{1DC0}'..='\u{1DFF}'
        | '\u{20D0}'..='\u{20FF}'
        | '\u{FE20}'..='\u{FE2F}')
}

/// Whether a character belongs to a script whose words are not separated, or not only by spaces.
const fn is_unspaced(c: char) -> bool {
    matches!(c,
        '\u{0E00}'..='\u{0EFF}'       // Thai, Lao
        | '\u{1000}'..='\u{109F}'     // Myanmar
        | '\u{1100}'..='\u{11FF}'     // Hangul Jamo
        | '\u{1780}'..='\u{17FF}'     // Khmer
        | '\u{3005}'..='\u{3007}'     // ideographic iteration mark, closing mark and zero
        | '\u{3040}'..='\u{318F}'     // Hiragana, Katakana, Bopomofo, Hangul compatibility Jamo
        | '\u{31A0}'..='\u{31BF}'     // Bopomofo extended
        | '\u{31F0}'..='\u{31FF}'     // Katakana extensions
        | '\u{3400}'..='\u{4DBF}'     // Han extension A
        | '\u{4E00}'..='\u{9FFF}'     // Han
        | '\u{A960}'..='\u{A97F}'     // Hangul Jamo extended A
        | '\u{AC00}'..='\u{D7FF}'     // Hangul syllables, Jamo extended B
        | '\u{F900}'..='\u{FAFF}'     // Han compatibility
        | '\u{20000}'..='\u{3FFFF}') // Han extensions B and later
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn runs_of_three_and_more_are_for_the_trigrams() {
        assert_eq!(runs(&tokens("今日は天気 ok 東京 大阪府")), "今日は天気 大阪府");
        assert_eq!(runs(&tokens("plain words")), "");
        let run_of = |text| Query::parse(text).terms.into_iter().next().and_then(|term| term.run);
        assert_eq!(run_of("大阪府").as_deref(), Some("大阪府"));
        assert_eq!(run_of("大阪"), None);
        assert_eq!(run_of("大阪x府"), None);
        assert_eq!(run_of("大阪。府"), None);
    }

    #[test]
    fn syntax_has_no_meaning() {
        assert!(Query::parse("\" * ( ) : ^ % _ +").terms.is_empty());
        assert!(!Query::parse("***").matches("***"));
        assert!(Query::parse("\"AND\" or* NOT:").matches("not now and or never"));
        assert!(!Query::parse("a OR b").matches("a b"));
    }
}
