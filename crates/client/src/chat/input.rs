//! Standard input as lines, read beside everything else.

use crate::clean;
use std::io::{self, BufRead, Read};
use tokio::sync::mpsc;

/// Bytes of a line. The rest of a longer one is a line of its own: no server takes one like it.
const LINE_BYTES_MAX: u64 = 1024 * 1024;

/// Lines that were read and not taken.
const LINES: usize = 16;

/// Why an input in UTF-16 is not read.
pub(crate) const UTF16: &str = "standard input is UTF-16: give UTF-8 (PowerShell: $OutputEncoding, -Encoding utf8)";

/// The lines of standard input, without their ends; it ends with the input. What is not UTF-8 is replaced; of UTF-16,
/// which PowerShell writes, nothing is said.
///
/// A thread of its own reads: a terminal cannot be waited for in another way everywhere, and the thread may be left
/// behind when the program ends.
pub(super) fn stdin() -> mpsc::Receiver<String> {
    let (lines, taken) = mpsc::channel(LINES);
    std::thread::spawn(move || {
        if !forward(io::stdin().lock(), &lines) {
            eprintln!("switchboard: {UTF16}");
        }
    });
    taken
}

/// Whether bytes begin like text in UTF-16: with its byte order mark, or with characters that have a zero each.
pub(crate) const fn is_utf16(bytes: &[u8]) -> bool {
    matches!(bytes, [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] | [1..=255, 0, 1..=255, 0, ..] | [0, 1..=255, 0, 1..=255, ..])
}

/// Hands the lines on, and says whether they were text. A NUL ends one like a line end does.
fn forward(mut input: impl BufRead, lines: &mpsc::Sender<String>) -> bool {
    let mut line = Vec::new();
    let mut is_first = true;
    loop {
        line.clear();
        match (&mut input).take(LINE_BYTES_MAX).read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return true,
            Ok(_) => {}
        }
        if std::mem::take(&mut is_first) && is_utf16(&line) {
            return false;
        }
        let text = String::from_utf8_lossy(&line);
        let parts = text.split('\0').enumerate().filter(|(at, part)| *at == 0 || !clean::is_blank(part));
        for (_, part) in parts {
            if lines.blocking_send(clean::trim(part.trim_end_matches(['\r', '\n'])).to_owned()).is_err() {
                return true;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(input: &[u8]) -> (bool, Vec<String>) {
        let (lines, mut taken) = mpsc::channel(LINES);
        let is_text = forward(input, &lines);
        drop(lines);
        (is_text, std::iter::from_fn(|| taken.blocking_recv()).collect())
    }

    #[test]
    fn input_becomes_lines() {
        assert_eq!(read(b"one\r\n\ntw\xffo\nlast").1, ["one", "", "tw\u{fffd}o", "last"]);
    }

    #[test]
    fn what_nobody_sees_is_no_part_of_a_line_and_a_nul_ends_one() {
        assert_eq!(read(b"\xEF\xBB\xBF/nick ada\r\nhi\0\0\0").1, ["/nick ada", "hi"]);
        assert_eq!(read(b"one\0two\n\rthree\n").1, ["one", "two", "three"]);
    }

    #[test]
    fn utf16_is_not_said() {
        for input in [&b"\xFF\xFEh\0i\0\n\0"[..], b"\xFE\xFF\0h\0i\0\n", b"h\0i\0\r\0\n\0", b"\0h\0i\0\n"] {
            assert_eq!(read(input), (false, vec![]), "{input:?}");
        }
    }
}
