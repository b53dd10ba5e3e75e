//! Standard input as lines, read beside everything else.

use std::io::{self, BufRead, Read};
use tokio::sync::mpsc;

/// Bytes of a line. The rest of a longer one is a line of its own: no server takes one like it.
const LINE_BYTES_MAX: u64 = 1024 * 1024;

/// Lines that were read and not taken.
const LINES: usize = 16;

/// The lines of standard input, without their ends; it ends with the input. What is not UTF-8 is replaced.
///
/// A thread of its own reads: a terminal cannot be waited for in another way everywhere, and the thread may be left
/// behind when the program ends.
pub(super) fn stdin() -> mpsc::Receiver<String> {
    let (lines, taken) = mpsc::channel(LINES);
    std::thread::spawn(move || forward(io::stdin().lock(), &lines));
    taken
}

fn forward(mut input: impl BufRead, lines: &mpsc::Sender<String>) {
    let mut line = Vec::new();
    loop {
        line.clear();
        match (&mut input).take(LINE_BYTES_MAX).read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        let text = String::from_utf8_lossy(&line);
        if lines.blocking_send(text.trim_end_matches(['\r', '\n']).to_owned()).is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn input_becomes_lines() {
        let (lines, mut taken) = mpsc::channel(LINES);
        forward(&b"one\r\n\ntw\xffo\nlast"[..], &lines);
        drop(lines);
        let read: Vec<_> = std::iter::from_fn(|| taken.blocking_recv()).collect();
        assert_eq!(read, ["one", "", "tw\u{fffd}o", "last"]);
    }
}
