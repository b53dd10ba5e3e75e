//! How targets read their inputs: streams cut in pieces, scripts of steps, and numbers.

use crate::chance::{Chance, hash};

/// What ends a piece in a script; the byte after it says what is done then. It is no part of any UTF-8 text.
pub(crate) const MARK: u8 = 0xF7;

/// The stream in pieces of chance length, always the same ones for the same stream.
pub(crate) fn pieces(stream: &[u8]) -> Vec<&[u8]> {
    let mut chance = Chance::new(hash(stream));
    let mut rest = stream;
    let mut pieces = Vec::new();
    while !rest.is_empty() {
        let longest = if chance.once_in(4) { 300 } else { 7 };
        let (piece, after) = rest.split_at((1 + chance.below(longest)).min(rest.len()));
        pieces.push(piece);
        rest = after;
    }
    pieces
}

/// Splits a script into its pieces, each with the byte that says what is done after it; the last has none.
pub(crate) fn steps(mut script: &[u8]) -> Vec<(&[u8], Option<u8>)> {
    let mut steps = Vec::new();
    loop {
        match script.iter().position(|byte| *byte == MARK) {
            Some(at) if at + 1 < script.len() => {
                steps.push((&script[..at], Some(script[at + 1])));
                script = &script[at + 2..];
            }
            Some(at) => {
                steps.push((&script[..at], None));
                return steps;
            }
            None => {
                steps.push((script, None));
                return steps;
            }
        }
    }
}

/// Numbers from the front of an input; zeros when it is used up.
pub(crate) struct Numbers<'a>(&'a [u8]);

impl<'a> Numbers<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The next byte.
    pub(crate) fn byte(&mut self) -> u8 {
        self.0.split_off_first().copied().unwrap_or_default()
    }

    /// A number below `bound`, and 0 if that is 0.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        usize::from(self.byte()).checked_rem(bound).unwrap_or_default()
    }

    /// As many bytes as the next byte says.
    pub(crate) fn bytes(&mut self) -> &'a [u8] {
        let len = usize::from(self.byte()).min(self.0.len());
        self.0.split_off(..len).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_the_whole() {
        let stream: Vec<u8> = (0..=255).cycle().take(2_000).collect();
        assert_eq!(pieces(&stream).concat(), stream);
        assert!(pieces(&stream).len() > 10);
    }

    #[test]
    fn a_script_is_split_at_its_marks() {
        assert_eq!(steps(b"ab\xF71c\xF7"), [(&b"ab"[..], Some(b'1')), (b"c", None)]);
        assert_eq!(steps(b"ab"), [(&b"ab"[..], None)]);
        assert_eq!(steps(b"\xF72"), [(&b""[..], Some(b'2')), (b"", None)]);
    }
}
