//! Where a link in a text begins and ends: as on the page (web/state/links.js), and both are held to
//! web/tests/links.json.

/// The links of a text.
pub(crate) fn links(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    let mut before = None;
    std::iter::from_fn(move || {
        loop {
            let start = next_scheme(rest)?;
            let last = rest[..start].chars().next_back().or(before);
            let (found, behind) = match link_at(&rest[start..]) {
                Some(link) if !last.is_some_and(|c| c.is_ascii_alphanumeric()) => (Some(link), start + link.len()),
                Some(_) | None => (None, start + 4),
            };
            before = rest[..behind].chars().next_back();
            rest = &rest[behind..];
            if found.is_some() {
                return found;
            }
        }
    })
}

/// Where the next `http` is, in small letters or capitals.
fn next_scheme(text: &str) -> Option<usize> {
    text.as_bytes().windows(4).position(|four| four.eq_ignore_ascii_case(b"http"))
}

/// The link that a text begins with.
pub(crate) fn link_at(text: &str) -> Option<&str> {
    let begins = |scheme: &&&str| text.get(..scheme.len()).is_some_and(|first| first.eq_ignore_ascii_case(scheme));
    let scheme = ["http://", "https://"].iter().find(begins)?.len();
    // What is before an @ looks like the host and is not.
    let host = text[scheme..].split(|c: char| matches!(c, '/' | '?' | '#') || is_stop(c)).next()?;
    if host.contains('@') {
        return None;
    }
    let mut open = Vec::new();
    let mut end = text.len();
    for (at, c) in text.char_indices().skip(scheme) {
        let is_over = match c {
            '(' | '[' | '{' => {
                open.push(c);
                false
            }
            ')' => open.pop() != Some('('),
            ']' => open.pop() != Some('['),
            '}' => open.pop() != Some('{'),
            ',' | ';' => text[at + 1..].starts_with("http://") || text[at + 1..].starts_with("https://"),
            other => is_stop(other),
        };
        if is_over {
            end = at;
            break;
        }
    }
    let link = text[..end].trim_end_matches(is_tail);
    let host = link.get(scheme..)?;
    (!host.is_empty() && !host.starts_with(['/', '?', '#'])).then_some(link)
}

/// What no link goes on after: white space, what nobody sees (but for the joiners that some scripts need), quotation
/// marks and the marks of Chinese and Japanese.
fn is_stop(c: char) -> bool {
    c.is_whitespace()
        || c.is_control()
        || matches!(c,
            '<' | '>' | '"' | '`' | '\u{AD}' | '\u{61C}' | '\u{200B}' | '\u{200E}' | '\u{200F}' | '\u{2028}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}' | '\u{FEFF}' | '“' | '”' | '„' | '‟' | '«' | '»' | '‹' | '›' | '…' | '、' | '。' | '〃'
            | '〈'..='】' | '〔'..='〟' | '！' | '（' | '）' | '，' | '．' | '：' | '；' | '？' | '［' | '］' | '｛' | '｜' | '｝'
            | '～' | '｟'..='､')
}

/// Ends a sentence, an emphasis or a quotation, not a link.
const fn is_tail(c: char) -> bool {
    matches!(c,
        '\u{200C}' | '\u{200D}' | '\u{FE0E}' | '\u{FE0F}' | '.' | ',' | ';' | ':' | '!' | '?' | '\'' | '*' | '_' | '~' | '|' | '(' | '[' | '{'
        | '¡' | '§' | '¶' | '·' | '¿' | '\u{2010}'..='\u{2027}' | '\u{2030}'..='\u{205E}'
        | '\u{589}' | '\u{58A}' | '\u{5BE}' | '\u{60C}' | '\u{61B}' | '\u{61F}' | '\u{66A}'..='\u{66D}' | '\u{6D4}'
        | '\u{964}' | '\u{965}' | '\u{E4F}' | '\u{E5A}' | '\u{E5B}' | '\u{1361}'..='\u{1368}' | '\u{30FB}' | '〜')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_found_as_on_the_page() {
        let cases: Vec<(String, Vec<String>)> =
            serde_json::from_str(include_str!("../../../web/tests/links.json")).unwrap();
        for (text, expected) in cases {
            assert_eq!(links(&text).collect::<Vec<_>>(), expected, "{text}");
        }
    }
}
