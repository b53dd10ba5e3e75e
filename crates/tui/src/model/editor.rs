//! The text being written: a cursor between characters as people see them, cuts that can be put back, and undo.

use switchboard_client::clean;
use unicode_segmentation::UnicodeSegmentation;

/// Bytes of a text. What would make it longer is not put in.
pub const TEXT_BYTES_MAX: usize = 64 * 1024;

/// Cuts that can be put back, and steps that can be undone.
const CUTS_MAX: usize = 32;
const UNDO_MAX: usize = 200;

/// A text with a cursor. The cursor is a byte offset that is always between two grapheme clusters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Editor {
    text: String,
    cursor: usize,
    undo: Vec<(String, usize)>,
    /// The last change was a typed character: those that follow belong to the same step of undo.
    typing: bool,
    /// The bytes that were put back just now, for [`Editor::yank_older`].
    yanked: Option<(usize, usize, usize)>,
    /// The last change was a cut in this direction: the next one adds to it.
    cutting: bool,
}

/// What was cut, newest last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cuts(Vec<String>);

/// A direction in the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    Left,
    Right,
}

/// What [`Editor::change_word`] makes of a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Case {
    Upper,
    Lower,
    Capital,
}

impl Editor {
    /// A text with the cursor at its end.
    #[must_use]
    pub fn with(text: &str) -> Self {
        let mut editor = Self::default();
        editor.insert(text);
        editor.settle();
        editor.undo.clear();
        editor
    }

    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The cursor, in bytes.
    #[must_use]
    pub fn cursor(&self) -> usize {
        self.cursor
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Takes the text out and leaves nothing, not even to undo.
    pub fn take(&mut self) -> String {
        std::mem::take(self).text
    }

    /// Another text instead, as one step of undo.
    pub fn replace(&mut self, text: &str) {
        self.remember();
        self.text.clear();
        self.cursor = 0;
        self.put(text);
    }

    /// Puts a text in at the cursor: a typed character, or a paste. Line ends of every kind become LF, tabs spaces, and
    /// what a terminal would obey is taken out.
    pub fn insert(&mut self, text: &str) {
        let one_letter = text.chars().count() == 1 && !text.starts_with(char::is_whitespace);
        if !(self.typing && one_letter) {
            self.remember();
        }
        self.put(text);
        self.typing = one_letter;
    }

    /// Replaces `start..cursor` by a text: what completion does.
    pub fn replace_from(&mut self, start: usize, text: &str) {
        self.remember();
        self.text.replace_range(start..self.cursor, "");
        self.cursor = start;
        self.put(text);
    }

    pub fn step(&mut self, way: Way) {
        self.settle();
        self.cursor = self.beside(way);
    }

    pub fn step_word(&mut self, way: Way) {
        self.settle();
        self.cursor = self.word(way);
    }

    /// To the beginning or end of the line.
    pub fn step_line(&mut self, way: Way) {
        self.settle();
        self.cursor = self.line_edge(way);
    }

    /// To the beginning or end of the text.
    pub fn step_text(&mut self, way: Way) {
        self.settle();
        self.cursor = match way {
            Way::Left => 0,
            Way::Right => self.text.len(),
        };
    }

    /// To the line above or below, as near to the same column as can be; false when there is none.
    pub fn step_row(&mut self, way: Way) -> bool {
        self.settle();
        let start = self.line_edge(Way::Left);
        let column = self.text[start..self.cursor].graphemes(true).count();
        let line = match way {
            Way::Left if start == 0 => return false,
            Way::Left => self.text[..start - 1].rfind('\n').map_or(0, |end| end + 1),
            Way::Right => match self.line_edge(Way::Right) {
                end if end == self.text.len() => return false,
                end => end + 1,
            },
        };
        let end = self.text[line..].find('\n').map_or(self.text.len(), |length| line + length);
        self.cursor = line + self.text[line..end].graphemes(true).take(column).map(str::len).sum::<usize>();
        self.snap();
        true
    }

    pub fn delete(&mut self, way: Way) {
        self.cut_to(self.beside(way));
    }

    pub fn kill_word(&mut self, way: Way, cuts: &mut Cuts) {
        self.kill_to(self.word(way), cuts);
    }

    /// Back to the space before the word, as a terminal does.
    pub fn kill_space_left(&mut self, cuts: &mut Cuts) {
        let before = self.text[..self.cursor].trim_end();
        let start = before
            .rfind(char::is_whitespace)
            .map_or(0, |at| at + before[at..].chars().next().map_or(1, char::len_utf8));
        self.kill_to(start, cuts);
    }

    /// To the beginning or end of the line; from the end, the line break too.
    pub fn kill_line(&mut self, way: Way, cuts: &mut Cuts) {
        let edge = self.line_edge(way);
        self.kill_to(if edge == self.cursor { self.beside(way) } else { edge }, cuts);
    }

    pub fn squeeze(&mut self) {
        let end = self.text.len() - self.text[self.cursor..].trim_start_matches(' ').len();
        let start = self.text[..self.cursor].trim_end_matches(' ').len();
        self.cursor = end;
        self.cut_to(start);
    }

    /// Puts back the latest cut.
    pub fn yank(&mut self, cuts: &Cuts) {
        self.yank_nth(0, self.cursor, cuts);
    }

    /// Instead of what was put back just now, the cut before it.
    pub fn yank_older(&mut self, cuts: &Cuts) {
        if let Some((start, end, nth)) = self.yanked {
            self.text.replace_range(start..end, "");
            self.cursor = start;
            self.snap();
            self.yank_nth(nth + 1, start, cuts);
        }
    }

    /// Swaps the characters around the cursor; at the end, the two before it.
    pub fn swap_letters(&mut self) {
        if self.cursor == self.text.len() {
            self.cursor = self.beside(Way::Left);
        }
        let (start, end) = (self.beside(Way::Left), self.beside(Way::Right));
        if start < self.cursor && self.cursor < end {
            let swapped = format!("{}{}", &self.text[self.cursor..end], &self.text[start..self.cursor]);
            self.rewrite(start, end, &swapped);
        }
    }

    /// Swaps the word before the cursor with the one at or after it.
    pub fn swap_words(&mut self) {
        let end = self.word(Way::Right);
        let second = word_start(&self.text, end);
        let first = word_start(&self.text, second);
        let first_end = word_end(&self.text, first);
        if first < first_end && first_end <= second && second < end {
            let (one, between, two) =
                (&self.text[first..first_end], &self.text[first_end..second], &self.text[second..end]);
            let swapped = format!("{two}{between}{one}");
            self.rewrite(first, end, &swapped);
        }
    }

    /// Changes the letters from the cursor to the end of the word.
    pub fn change_word(&mut self, case: Case) {
        let end = self.word(Way::Right);
        let word = &self.text[self.cursor..end];
        let changed = match case {
            Case::Upper => word.to_uppercase(),
            Case::Lower => word.to_lowercase(),
            Case::Capital => {
                let first = word.find(char::is_alphanumeric).unwrap_or(0);
                let rest = first + word[first..].chars().next().map_or(0, char::len_utf8);
                format!("{}{}{}", &word[..first], word[first..rest].to_uppercase(), word[rest..].to_lowercase())
            }
        };
        self.rewrite(self.cursor, end, &changed);
    }

    pub fn undo(&mut self) {
        self.settle();
        if let Some((text, cursor)) = self.undo.pop() {
            self.text = text;
            self.cursor = cursor;
        }
    }

    /// Undoes everything.
    pub fn revert(&mut self) {
        self.undo.truncate(1);
        self.undo();
    }

    fn settle(&mut self) {
        self.typing = false;
        self.yanked = None;
        self.cutting = false;
    }

    fn remember(&mut self) {
        self.settle();
        if self.undo.len() == UNDO_MAX {
            self.undo.remove(0);
        }
        self.undo.push((self.text.clone(), self.cursor));
    }

    fn put(&mut self, text: &str) {
        let text = text.replace("\r\n", "\n").replace('\r', "\n");
        let clean = clean::lines(&text).collect::<Vec<_>>().join("\n");
        if self.text.len() + clean.len() <= TEXT_BYTES_MAX {
            self.text.insert_str(self.cursor, &clean);
            self.cursor += clean.len();
        }
        self.snap();
    }

    /// What was put in may have joined its neighbours to one character: then the cursor goes behind it.
    fn snap(&mut self) {
        let mut end = 0;
        for grapheme in self.text.graphemes(true) {
            if end >= self.cursor {
                break;
            }
            end += grapheme.len();
        }
        self.cursor = end;
    }

    fn cut_to(&mut self, to: usize) -> String {
        let (start, end) = (to.min(self.cursor), to.max(self.cursor));
        if start == end {
            return String::new();
        }
        self.remember();
        self.cursor = start;
        let cut = self.text.drain(start..end).collect();
        self.snap();
        cut
    }

    fn kill_to(&mut self, to: usize, cuts: &mut Cuts) {
        let (adds, leftwards) = (self.cutting, to < self.cursor);
        let cut = self.cut_to(to);
        if cut.is_empty() {
            return;
        }
        match cuts.0.last_mut() {
            Some(last) if adds && leftwards => last.insert_str(0, &cut),
            Some(last) if adds => last.push_str(&cut),
            Some(_) | None => {
                if cuts.0.len() == CUTS_MAX {
                    cuts.0.remove(0);
                }
                cuts.0.push(cut);
            }
        }
        self.cutting = true;
    }

    fn yank_nth(&mut self, nth: usize, start: usize, cuts: &Cuts) {
        if let Some(count @ 1..) = Some(cuts.0.len()) {
            let nth = nth % count;
            let text = cuts.0[count - 1 - nth].clone();
            self.remember();
            self.put(&text);
            self.yanked = (self.cursor >= start).then_some((start, self.cursor, nth));
        }
    }

    fn rewrite(&mut self, start: usize, end: usize, text: &str) {
        self.remember();
        self.text.replace_range(start..end, text);
        self.cursor = start + text.len();
        self.snap();
    }

    fn beside(&self, way: Way) -> usize {
        match way {
            Way::Left => {
                self.text[..self.cursor].graphemes(true).next_back().map_or(0, |left| self.cursor - left.len())
            }
            Way::Right => self.cursor + self.text[self.cursor..].graphemes(true).next().map_or(0, str::len),
        }
    }

    fn word(&self, way: Way) -> usize {
        match way {
            Way::Left => word_start(&self.text, self.cursor),
            Way::Right => {
                let start =
                    self.text[self.cursor..].find(char::is_alphanumeric).map_or(self.text.len(), |at| self.cursor + at);
                word_end(&self.text, start)
            }
        }
    }

    fn line_edge(&self, way: Way) -> usize {
        match way {
            Way::Left => self.text[..self.cursor].rfind('\n').map_or(0, |end| end + 1),
            Way::Right => self.text[self.cursor..].find('\n').map_or(self.text.len(), |length| self.cursor + length),
        }
    }
}

/// A word is letters and digits, with the marks that belong to them.
fn is_word(grapheme: &str) -> bool {
    grapheme.starts_with(char::is_alphanumeric)
}

/// The beginning of the word that ends before `at`, whatever stands between.
fn word_start(text: &str, at: usize) -> usize {
    let mut start = at;
    let mut inside = false;
    for grapheme in text[..at].graphemes(true).rev() {
        if inside && !is_word(grapheme) {
            break;
        }
        inside |= is_word(grapheme);
        start -= grapheme.len();
    }
    start
}

/// The end of the word that begins at `at`.
fn word_end(text: &str, at: usize) -> usize {
    at + text[at..].graphemes(true).take_while(|grapheme| is_word(grapheme)).map(str::len).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A text with the cursor at `|`.
    fn at(marked: &str) -> Editor {
        let (before, after) = marked.split_once('|').unwrap();
        let mut editor = Editor::with(&format!("{before}{after}"));
        editor.cursor = before.len();
        editor
    }

    fn shown(editor: &Editor) -> String {
        format!("{}|{}", &editor.text[..editor.cursor], &editor.text[editor.cursor..])
    }

    #[test]
    fn every_command_does_what_readline_does() {
        type Act = fn(&mut Editor, &mut Cuts);
        let cases: &[(&str, Act, &str)] = &[
            ("ab|c", |e, _| e.step(Way::Left), "a|bc"),
            ("e\u{301}|x", |e, _| e.step(Way::Left), "|e\u{301}x"),
            ("|one two", |e, _| e.step_word(Way::Right), "one| two"),
            ("one two|", |e, _| e.step_word(Way::Left), "one |two"),
            ("one, |two", |e, _| e.step_word(Way::Left), "|one, two"),
            ("a\nb|c\nd", |e, _| e.step_line(Way::Left), "a\n|bc\nd"),
            ("a\nb|c\nd", |e, _| e.step_line(Way::Right), "a\nbc|\nd"),
            ("abc\nd|", |e, _| assert!(e.step_row(Way::Left)), "a|bc\nd"),
            ("ab|c\nd", |e, _| assert!(e.step_row(Way::Right)), "abc\nd|"),
            ("a|b", |e, _| assert!(!e.step_row(Way::Left)), "a|b"),
            ("a|b", |e, _| e.delete(Way::Left), "|b"),
            ("a|b", |e, _| e.delete(Way::Right), "a|"),
            ("one two-three|", |e, c| e.kill_word(Way::Left, c), "one two-|"),
            ("one two-three|", |e, c| e.kill_space_left(c), "one |"),
            ("one| two", |e, c| e.kill_word(Way::Right, c), "one|"),
            ("a|b\nc", |e, c| e.kill_line(Way::Right, c), "a|\nc"),
            ("ab|\nc", |e, c| e.kill_line(Way::Right, c), "ab|c"),
            ("ab|\nc", |e, c| e.kill_line(Way::Left, c), "|\nc"),
            ("a  |  b", |e, _| e.squeeze(), "a|b"),
            ("ab|c", |e, _| e.swap_letters(), "acb|"),
            ("abc|", |e, _| e.swap_letters(), "acb|"),
            ("one tw|o", |e, _| e.swap_words(), "two one|"),
            ("one| two", |e, _| e.swap_words(), "two one|"),
            ("|one two", |e, _| e.change_word(Case::Upper), "ONE| two"),
            ("| oNE two", |e, _| e.change_word(Case::Capital), " One| two"),
            ("ON|E", |e, _| e.change_word(Case::Lower), "ONe|"),
            (
                "one two|",
                |e, c| {
                    e.kill_word(Way::Left, c);
                    e.kill_word(Way::Left, c);
                    e.yank(c);
                },
                "one two|",
            ),
            (
                "one two|",
                |e, c| {
                    e.kill_word(Way::Left, c);
                    e.step(Way::Left);
                    e.kill_word(Way::Left, c);
                    e.yank(c);
                    e.yank_older(c);
                },
                "two| ",
            ),
            (
                "a|",
                |e, _| {
                    e.insert("b");
                    e.insert("c");
                    e.undo();
                },
                "a|",
            ),
            (
                "a|",
                |e, _| {
                    e.insert("bc");
                    e.delete(Way::Left);
                    e.undo();
                },
                "abc|",
            ),
            ("|", |e, _| e.insert("x\x1b[2J\ty\r\nz\u{202e}"), "x[2J y\nz|"),
        ];
        for (before, act, after) in cases {
            let (mut editor, mut cuts) = (at(before), Cuts::default());
            act(&mut editor, &mut cuts);
            assert_eq!(shown(&editor), *after, "{before:?}");
        }
    }

    #[test]
    fn a_text_is_bounded() {
        let mut editor = Editor::with(&"x".repeat(TEXT_BYTES_MAX));
        editor.insert("y");
        assert_eq!(editor.text().len(), TEXT_BYTES_MAX);
    }
}
