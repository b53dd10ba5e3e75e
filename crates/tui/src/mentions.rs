//! Whether a text names somebody. The page has the same rule (web/state/mentions.js), and both are held to
//! web/tests/mentions.json; docs/protocol.md says it in words.

use crate::links;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Whether a text names somebody, in what is said and not in an address or in code.
pub(crate) fn is_named(text: &str, name: &str) -> bool {
    let name = folded(name);
    if name.is_empty() || !folded(text).contains(&name) {
        return false;
    }
    let spoken = folded(&spoken(text));
    spoken
        .match_indices(&name)
        .any(|(start, found)| begins(&spoken[..start], &name) && ends(&spoken[start + found.len()..], &name))
}

/// A text as it is compared: without regard to case, width, the form of accents, and what nobody sees.
fn folded(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let small = text.nfkc().flat_map(char::to_lowercase).filter(|c| !is_invisible(*c));
    // The letters that have several small forms, or two capitals.
    small.collect::<String>().replace("i\u{307}", "i").replace('ı', "i").replace('ς', "σ").replace('ß', "ss")
}

/// What Unicode calls default-ignorable.
const fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}' | '\u{180B}'..='\u{180F}'
        | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{3164}'
        | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF0}'..='\u{FFF8}' | '\u{1BCA0}'..='\u{1BCA3}'
        | '\u{1D173}'..='\u{1D17A}' | '\u{E0000}'..='\u{E0FFF}')
}

/// A text without its code and its addresses.
fn spoken(text: &str) -> String {
    let pieces: Vec<&str> = text.split("```").collect();
    let last = pieces.len() - 1;
    let mut spoken = String::with_capacity(text.len());
    for (at, piece) in pieces.iter().enumerate() {
        if at % 2 == 1 && at < last {
            spoken.push('\n');
            continue;
        }
        for line in piece.split_inclusive('\n') {
            without_code(line).split_inclusive(char::is_whitespace).for_each(|word| without_address(word, &mut spoken));
        }
    }
    spoken
}

/// A line with a space for each piece of code in it.
fn without_code(line: &str) -> String {
    let mut rest = line;
    let mut plain = String::with_capacity(line.len());
    while let Some((before, after)) = rest.split_once('`') {
        plain.push_str(before);
        rest = match after.split_once('`') {
            Some((code, behind)) if !code.is_empty() => {
                plain.push(' ');
                behind
            }
            Some(_) | None => {
                plain.push('`');
                after
            }
        };
    }
    plain.push_str(rest);
    plain
}

/// Appends a word, with a space for an address.
fn without_address(word: &str, out: &mut String) {
    let bare = word.trim_start_matches(['(', '[', '{', '\'', '"', '<']);
    let scheme = bare.split_once("://").is_some_and(|(scheme, _)| {
        scheme.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'.' | b'-'))
    });
    let host = bare.split_once('/').is_some_and(|(host, _)| {
        let mut labels = host.split('.');
        host.contains('.')
            && labels.all(|label| {
                !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
            })
    });
    let mut rest = word;
    for link in links::links(word) {
        let Some((before, after)) = rest.split_once(link) else { break };
        if !(scheme || host) {
            out.push_str(before);
        }
        out.push(' ');
        rest = after;
    }
    // What stands behind a link in its word is said, unless the link was refused as one.
    if rest.len() < word.len() || !(scheme || host) {
        out.push_str(rest);
    } else {
        out.push(' ');
    }
}

fn begins(before: &str, name: &str) -> bool {
    let last = before.chars().next_back();
    // A room of the same name.
    if last == Some('#') {
        return false;
    }
    let bare = before.trim_end_matches(['-', '_']);
    let joined = if bare.len() < before.len() { Some(bare) } else { before.strip_suffix(['.', '@']) };
    let joined =
        joined.and_then(|bare| bare.chars().next_back()).filter(|c| c.is_alphanumeric() || is_combining_mark(*c));
    !is_one_word(joined.or(last), name.chars().next())
}

fn ends(after: &str, name: &str) -> bool {
    let next = after.chars().next();
    // A mark belongs to the letter before it, and makes it another.
    if next.is_some_and(is_combining_mark) {
        return false;
    }
    let bare = after.trim_start_matches(['-', '_']);
    let is_hyphen = bare.len() < after.len();
    let joined = if is_hyphen { Some(bare) } else { after.strip_prefix(['.', '@']) };
    let joined = joined.and_then(|bare| bare.chars().next()).filter(|c| c.is_alphanumeric());
    if joined.is_none() && is_hyphen {
        return true;
    }
    !is_one_word(name.chars().next_back(), joined.or(next))
}

/// Whether two characters side by side are of one word.
fn is_one_word(one: Option<char>, other: Option<char>) -> bool {
    let is_part = |c: char| (c.is_alphanumeric() || is_combining_mark(c) || matches!(c, '-' | '_')) && !is_unspaced(c);
    one.is_some_and(is_part) && other.is_some_and(is_part)
}

/// Scripts without spaces between words, or with particles joined to them: any of their letters may follow a name.
const fn is_unspaced(c: char) -> bool {
    matches!(c,
        '\u{0E00}'..='\u{0EFF}'       // Thai, Lao
        | '\u{1000}'..='\u{109F}'     // Myanmar
        | '\u{1100}'..='\u{11FF}'     // Hangul Jamo
        | '\u{1780}'..='\u{17FF}'     // Khmer
        | '\u{3005}'..='\u{3007}'     // ideographic marks
        | '\u{3040}'..='\u{318F}'     // Hiragana, Katakana, Bopomofo, Hangul compatibility Jamo
        | '\u{31A0}'..='\u{31BF}' | '\u{31F0}'..='\u{31FF}'
        | '\u{3400}'..='\u{4DBF}' | '\u{4E00}'..='\u{9FFF}' | '\u{F900}'..='\u{FAFF}' | '\u{20000}'..='\u{3FFFF}'
        | '\u{A960}'..='\u{A97F}' | '\u{AC00}'..='\u{D7FF}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_as_on_the_page() {
        let cases: Vec<(String, String, bool)> =
            serde_json::from_str(include_str!("../../../web/tests/mentions.json")).unwrap();
        for (name, text, expected) in cases {
            assert_eq!(is_named(&text, &name), expected, "{name} in {text}");
        }
    }

    #[test]
    fn no_text_takes_long() {
        let size = 64 * 1024;
        for piece in [
            "ada-",
            "@ada ",
            "`",
            "``",
            "`ada",
            "http",
            "http://@",
            "http://a(",
            "https://a@",
            "https://ada/ ",
            "```",
            "a.",
            "李",
            "e\u{301}",
        ] {
            let text = format!("{} ada2", piece.repeat(size / piece.len()));
            let begun = std::time::Instant::now();
            is_named(&text, "ada");
            links::links(&text).for_each(drop);
            assert!(begun.elapsed() < std::time::Duration::from_secs(5), "{piece} took {:?}", begun.elapsed());
        }
    }
}
