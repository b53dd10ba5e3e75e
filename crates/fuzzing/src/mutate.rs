//! The mutator: from the inputs of a corpus to inputs that are nearly like them.

use crate::chance::Chance;

/// Bytes of an input. Most are far shorter; once in a while one is repeated up to this, past every limit on a line,
/// a frame or a datagram.
const BYTES_MAX: usize = 80_000;
/// Bytes that an input usually has at most.
const BYTES_USUAL: usize = 4_096;
/// Changes made to one input at most.
const CHANGES_MAX: usize = 8;

/// Bytes at which something often begins or ends.
const EDGES: [u8; 16] =
    [0x00, 0x01, 0x0A, 0x0D, 0x1B, 0x20, 0x22, 0x5C, 0x7B, 0x7D, 0x7E, 0x7F, 0x80, 0xC3, 0xF7, 0xFF];

/// Numbers at which something often overflows, as text.
const NUMBERS: [&[u8]; 12] = [
    b"0",
    b"1",
    b"-1",
    b"63",
    b"64",
    b"65536",
    b"4294967295",
    b"4294967296",
    b"9223372036854775808",
    b"18446744073709551615",
    b"18446744073709551616",
    b"1e400",
];

/// Makes new inputs of old ones.
pub(crate) struct Mutator<'a> {
    chance: Chance,
    corpus: &'a [Vec<u8>],
    words: &'a [&'a [u8]],
}

impl<'a> Mutator<'a> {
    /// `words` are pieces of what the target reads.
    pub(crate) const fn new(seed: u64, corpus: &'a [Vec<u8>], words: &'a [&'a [u8]]) -> Self {
        Self { chance: Chance::new(seed), corpus, words }
    }

    /// The next input.
    pub(crate) fn make(&mut self) -> Vec<u8> {
        let mut bytes = self.chance.one_of(self.corpus).cloned().unwrap_or_default();
        for _ in 0..=self.chance.below(CHANGES_MAX) {
            self.change(&mut bytes);
        }
        let bytes_max = if self.chance.once_in(64) { BYTES_MAX } else { BYTES_USUAL };
        bytes.truncate(bytes_max);
        bytes
    }

    fn change(&mut self, bytes: &mut Vec<u8>) {
        match self.chance.below(12) {
            0 => self.flip(bytes),
            1 => self.set(bytes),
            2 => self.insert_chance(bytes),
            3 | 4 => self.insert_word(bytes),
            5 => self.delete(bytes),
            6 => self.repeat(bytes),
            7 => self.copy(bytes),
            8 | 9 => self.splice(bytes),
            10 => self.number(bytes),
            _ => bytes.truncate(self.chance.below(bytes.len() + 1)),
        }
    }

    fn flip(&mut self, bytes: &mut [u8]) {
        let at = self.chance.below(bytes.len());
        if let Some(byte) = bytes.get_mut(at) {
            *byte ^= 1 << self.chance.below(8);
        }
    }

    fn set(&mut self, bytes: &mut [u8]) {
        let at = self.chance.below(bytes.len());
        if let Some(byte) = bytes.get_mut(at) {
            *byte =
                if self.chance.once_in(2) { EDGES[self.chance.below(EDGES.len())] } else { self.chance.next() as u8 };
        }
    }

    fn insert_chance(&mut self, bytes: &mut Vec<u8>) {
        let at = self.chance.below(bytes.len() + 1);
        let new: Vec<u8> = (0..=self.chance.below(6)).map(|_| self.chance.next() as u8).collect();
        bytes.splice(at..at, new);
    }

    fn insert_word(&mut self, bytes: &mut Vec<u8>) {
        let Some(word) = self.chance.one_of(self.words) else { return };
        let at = self.chance.below(bytes.len() + 1);
        // In half of the cases it takes the place of as many bytes.
        let end = if self.chance.once_in(2) { bytes.len().min(at + word.len()) } else { at };
        bytes.splice(at..end, word.iter().copied());
    }

    fn delete(&mut self, bytes: &mut Vec<u8>) {
        let range = self.range(bytes);
        bytes.drain(range);
    }

    fn repeat(&mut self, bytes: &mut Vec<u8>) {
        let range = self.range(bytes);
        let (at, part) = (range.end, bytes[range].to_vec());
        let often = if self.chance.once_in(16) { 10_000 } else { 10 };
        let times = (1 + self.chance.below(often)).min(BYTES_MAX / part.len().max(1));
        bytes.splice(at..at, part.repeat(times));
        bytes.truncate(BYTES_MAX);
    }

    fn copy(&mut self, bytes: &mut Vec<u8>) {
        let range = self.range(bytes);
        let part = bytes[range].to_vec();
        let at = self.chance.below(bytes.len() + 1);
        bytes.splice(at..at, part);
    }

    /// Goes on with a part of another input.
    fn splice(&mut self, bytes: &mut Vec<u8>) {
        let Some(other) = self.chance.one_of(self.corpus) else { return };
        let range = self.range(other);
        let at = self.chance.below(bytes.len() + 1);
        let end = if self.chance.once_in(2) { bytes.len() } else { at };
        bytes.splice(at..end, other[range].iter().copied());
    }

    /// Puts another number in the place of one that is written in digits.
    fn number(&mut self, bytes: &mut Vec<u8>) {
        let from = self.chance.below(bytes.len());
        let Some(start) = bytes[from..].iter().position(u8::is_ascii_digit).map(|at| from + at) else { return };
        let end = bytes[start..].iter().position(|byte| !byte.is_ascii_digit()).map_or(bytes.len(), |len| start + len);
        bytes.splice(start..end, NUMBERS[self.chance.below(NUMBERS.len())].iter().copied());
    }

    /// A part of the bytes, mostly a short one.
    fn range(&mut self, bytes: &[u8]) -> std::ops::Range<usize> {
        let start = self.chance.below(bytes.len());
        let longest = if self.chance.once_in(4) { bytes.len() } else { 16 };
        start..bytes.len().min(start + 1 + self.chance.below(longest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_makes_the_same_inputs_again_and_another_seed_others() {
        let corpus = [b"hello, 12345 world".to_vec(), b"{\"type\":\"ping\"}".to_vec()];
        let make = |seed| {
            let mut mutator = Mutator::new(seed, &corpus, &[b"/nick "]);
            (0..200).map(|_| mutator.make()).collect::<Vec<_>>()
        };
        assert_eq!(make(1), make(1));
        assert_ne!(make(1), make(2));
        let different: std::collections::BTreeSet<_> = make(1).into_iter().collect();
        assert!(different.len() > 100, "{} of 200", different.len());
    }

    #[test]
    fn inputs_are_bounded_and_nothing_is_needed_to_begin_with() {
        for corpus in [vec![], vec![vec![]], vec![vec![b'x'; 5_000]]] {
            let mut mutator = Mutator::new(3, &corpus, &[]);
            assert!((0..2_000).all(|_| mutator.make().len() <= BYTES_MAX));
        }
    }
}
