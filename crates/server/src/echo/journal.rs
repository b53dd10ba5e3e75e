//! What the echo server prints: each parameter with the address it came from.

use std::fmt::Write as _;
use std::io::Write;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

/// Where the parameters are printed.
#[derive(Clone)]
pub(super) struct Journal {
    out: Arc<Mutex<Box<dyn Write + Send>>>,
}

impl Journal {
    pub(super) fn new(out: Box<dyn Write + Send>) -> Self {
        Self { out: Arc::new(Mutex::new(out)) }
    }

    /// Prints a line for the parameter. A reader of the output that does not keep up slows the
    /// server down; one that is gone does not stop it.
    pub(super) fn note(&self, from: SocketAddr, parameter: &[u8]) {
        let line = format!("{from} {}\n", escaped(parameter));
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = out.write_all(line.as_bytes()).and_then(|()| out.flush());
    }
}

/// What somebody else sent, as it may be shown on a terminal: everything that is not a printable
/// character is escaped as in Rust (`\n`, `\u{1b}`, `\xff`), control characters and marks of
/// direction among it.
pub(super) fn escaped(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '"' | '\'' => text.push(character),
                _ => text.extend(character.escape_debug()),
            }
        }
        for byte in chunk.invalid() {
            // Writing to a string cannot fail.
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_reaches_a_terminal_raw() {
        for (bytes, shown) in [
            (&b"plain 'text' \"here\""[..], "plain 'text' \"here\""),
            ("grüße 你好 🦀".as_bytes(), "grüße 你好 🦀"),
            (b"\x1b[2J\x07\n\t\0\x7f", r"\u{1b}[2J\u{7}\n\t\0\u{7f}"),
            ("\u{9b}31m".as_bytes(), r"\u{9b}31m"),
            ("a\u{202e}b\u{2066}c\u{200b}d".as_bytes(), r"a\u{202e}b\u{2066}c\u{200b}d"),
            (b"\xff\xe2\x82", r"\xff\xe2\x82"),
            (br"\n", r"\\n"),
        ] {
            assert_eq!(escaped(bytes), shown);
        }
    }
}
