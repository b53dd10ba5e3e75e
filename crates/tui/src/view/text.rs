//! Text in columns: links and emphasis found, lines wrapped between words, widths as terminals count them.

use crate::links::link_at;
use crate::model::Target;
use ratatui::style::{Modifier, Style};
use unicode_segmentation::UnicodeSegmentation;
use unicode_width::UnicodeWidthStr;

/// Code points of one character on the screen. Whoever heaps up more marks than this loses the rest.
const MARKS_MAX: usize = 8;

/// A piece of a line in one style.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    pub text: String,
    pub style: Style,
    /// What a click on it means.
    pub target: Option<Target>,
}

impl Span {
    #[must_use]
    pub fn new(text: impl Into<String>, style: Style) -> Self {
        Self { text: text.into(), style, target: None }
    }

    #[must_use]
    pub fn plain(text: impl Into<String>) -> Self {
        Self::new(text, Style::new())
    }

    #[must_use]
    pub fn to(self, target: Target) -> Self {
        Self { target: Some(target), ..self }
    }

    #[must_use]
    pub fn width(&self) -> usize {
        self.text.width()
    }
}

/// A line of the screen.
pub type Row = Vec<Span>;

/// A text as spans: links, `code`, *strong* and _emphasized_ words stand out, and their marks stay. `code` is how
/// code looks.
#[must_use]
pub fn inline(text: &str, style: Style, code: Style) -> Vec<Span> {
    let mut spans = Vec::new();
    let mut plain = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let before = plain.chars().next_back();
        let begins = before.is_none_or(|before| !before.is_alphanumeric());
        let found = match first {
            'h' | 'H' if before.is_none_or(|before| !before.is_ascii_alphanumeric()) => link_at(rest).map(|link| {
                let span = Span::new(link, style.add_modifier(Modifier::UNDERLINED));
                (link.len(), span.to(Target::Link(link.to_owned())))
            }),
            '`' => marked(rest, '`').map(|length| (length, Span::new(&rest[..length], style.patch(code)))),
            '*' if begins => {
                marked(rest, '*').map(|length| (length, Span::new(&rest[..length], style.add_modifier(Modifier::BOLD))))
            }
            '_' if begins => marked(rest, '_')
                .map(|length| (length, Span::new(&rest[..length], style.add_modifier(Modifier::ITALIC)))),
            _ => None,
        };
        if let Some((length, span)) = found {
            if !plain.is_empty() {
                spans.push(Span::new(std::mem::take(&mut plain), style));
            }
            spans.push(span);
            rest = &rest[length..];
        } else {
            plain.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    if !plain.is_empty() {
        spans.push(Span::new(plain, style));
    }
    spans
}

/// The length of a text between two marks that begins here, with its marks.
fn marked(text: &str, mark: char) -> Option<usize> {
    let inner = &text[1..];
    let length = inner.find(mark).filter(|length| *length > 0)?;
    let (inside, after) = (&inner[..length], inner[length + 1..].chars().next());
    let tight = mark == '`' || (inside.trim() == inside && after.is_none_or(|after| !after.is_alphanumeric()));
    tight.then_some(length + 2)
}

/// Wraps spans to lines of at most `width` columns, between words where it can be.
#[must_use]
pub fn wrap(spans: &[Span], width: usize) -> Vec<Row> {
    let width = width.max(2);
    let mut rows = Vec::new();
    let mut row: Row = Vec::new();
    let mut columns = 0;
    for (span, word) in spans.iter().flat_map(|span| span.text.split_word_bounds().map(move |word| (span, word))) {
        let wide = word.width();
        // A mark on a space is a letter to be seen, and belongs to one word with it.
        let space = word.bytes().all(|byte| byte == b' ');
        if columns + wide > width && !space && wide <= width && columns > 0 {
            // A word goes to the next line with what stands tightly before it, such as a bracket or the text of a
            // link that is not broken elsewhere.
            rows.push(std::mem::take(&mut row));
            columns = 0;
        }
        if columns == 0 && space && !rows.is_empty() {
            continue;
        }
        for letter in word.graphemes(true) {
            let wide = letter.width().min(2);
            if columns + wide > width {
                rows.push(std::mem::take(&mut row));
                columns = 0;
                if space {
                    break;
                }
            }
            push(&mut row, span, letter);
            columns += wide;
        }
    }
    if !row.is_empty() || rows.is_empty() {
        rows.push(row);
    }
    rows
}

fn push(row: &mut Row, span: &Span, letter: &str) {
    let marks = letter.char_indices().nth(MARKS_MAX).map_or(letter.len(), |(end, _)| end);
    let letter = &letter[..marks];
    match row.last_mut() {
        Some(last) if last.style == span.style && last.target == span.target => last.text.push_str(letter),
        Some(_) | None => row.push(Span { text: letter.to_owned(), style: span.style, target: span.target.clone() }),
    }
}

/// A text cut to `width` columns, with an ellipsis if something is missing.
#[must_use]
pub fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut columns = 0;
    let kept = text.graphemes(true).take_while(|letter| {
        columns += letter.width();
        columns < width
    });
    let mut kept: String = kept.collect();
    if width > 0 {
        kept.push('…');
    }
    kept
}

/// A text of this width exactly, at the left or the right of it.
#[must_use]
pub fn pad(text: &str, width: usize, right: bool) -> String {
    let text = cut(text, width);
    let space = " ".repeat(width.saturating_sub(text.width()));
    if right { space + &text } else { text + &space }
}

/// The lines of a text being written, broken at any character, and the row and column of the cursor.
#[must_use]
pub fn written(text: &str, cursor: usize, width: usize) -> (Vec<String>, (usize, usize)) {
    let width = width.max(2);
    let mut rows = vec![String::new()];
    let (mut columns, mut place) = (0, (0, 0));
    let mut at = 0;
    for letter in text.graphemes(true) {
        let wide = letter.width().min(2);
        if letter != "\n" && columns + wide > width {
            rows.push(String::new());
            columns = 0;
        }
        if at == cursor {
            place = (rows.len() - 1, columns);
        }
        at += letter.len();
        if letter == "\n" {
            rows.push(String::new());
            columns = 0;
        } else {
            if let Some(row) = rows.last_mut() {
                row.push_str(letter);
            }
            columns += wide;
        }
    }
    if cursor >= at {
        if columns >= width {
            rows.push(String::new());
            columns = 0;
        }
        place = (rows.len() - 1, columns);
    }
    (rows, place)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn wrapped(text: &str, width: usize) -> Vec<String> {
        let rows = wrap(&[Span::plain(text)], width);
        rows.into_iter().map(|row| row.into_iter().map(|span| span.text).collect()).collect()
    }

    #[test]
    fn lines_break_between_words_where_they_can() {
        for (text, width, rows) in [
            ("one two three", 8, &["one two ", "three"][..]),
            ("one two", 7, &["one two"]),
            ("abcdefghij", 4, &["abcd", "efgh", "ij"]),
            ("x abcdefghij", 4, &["x ab", "cdef", "ghij"]),
            ("", 4, &[""]),
            ("你好世界", 5, &["你好", "世界"]),
            ("  indented", 20, &["  indented"]),
            ("ab \u{d82}", 2, &["ab", " \u{d82}"]),
        ] {
            assert_eq!(wrapped(text, width), rows, "{text:?}");
        }
    }

    #[test]
    fn emphasis_needs_its_marks_around_words() {
        for (text, spans) in
            [("a *b c* d", 3), ("2 * 3 * 4", 1), ("snake_case_name", 1), ("`let x`", 1), ("a_b_ `c` _d_", 4)]
        {
            let found = inline(text, Style::new(), Style::new().add_modifier(Modifier::DIM));
            assert_eq!(found.len(), spans, "{text:?}: {found:?}");
            assert_eq!(found.iter().map(|span| span.text.as_str()).collect::<String>(), text, "nothing is hidden");
        }
    }

    #[test]
    fn the_cursor_is_where_the_next_letter_goes() {
        for (text, cursor, width, rows, place) in [
            ("", 0, 4, &[""][..], (0, 0)),
            ("abcd", 4, 4, &["abcd", ""], (1, 0)),
            ("abcde", 4, 4, &["abcd", "e"], (1, 0)),
            ("ab\nc", 2, 4, &["ab", "c"], (0, 2)),
            ("ab\nc", 4, 4, &["ab", "c"], (1, 1)),
        ] {
            let (shown, at) = written(text, cursor, width);
            assert_eq!((shown, at), (rows.iter().map(|row| (*row).to_owned()).collect(), place), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn no_line_is_too_wide_and_no_word_is_lost(text in "\\PC{0,80}", width in 2_usize..30) {
            let rows = wrapped(&text, width);
            prop_assert!(rows.iter().all(|row| row.graphemes(true).map(|letter| letter.width().min(2)).sum::<usize>() <= width));
            let letters = |text: &str| text.chars().filter(|c| !c.is_whitespace()).take(20).collect::<String>();
            if text.graphemes(true).all(|letter| letter.chars().count() <= MARKS_MAX) {
                prop_assert_eq!(letters(&rows.concat()), letters(&text));
            }
        }
    }
}
