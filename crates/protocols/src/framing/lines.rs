//! Lines out of a byte stream: ended by LF, CRLF or NUL, for people by CR too; bounded in length, lent without a copy.

use std::borrow::Cow;
use std::mem;

use super::growth;

/// A line is longer than its limit; the connection it came from is of no more use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("line longer than {bytes_max} bytes")]
pub struct LineTooLong {
    /// The limit in bytes, the line's end not counted.
    pub bytes_max: usize,
}

/// Cuts a byte stream into lines, whatever the pieces it arrives in.
///
/// LF ends a line, and so does NUL, with which C ends a string: a buffer that is padded with zeros is a line and many
/// empty ones. For people's lines ([`LineDecoder::for_people`]) CR ends one, too: raw terminals and some devices send
/// nothing else, some devices send LF CR, and telnet sends CR NUL. In other lines, where a CR may stand between the
/// members of an object, it is a part of the line's end only directly before the LF.
///
/// Between lines the decoder owns no heap; within one it holds at most the limit and a CR.
#[derive(Debug)]
pub struct LineDecoder {
    partial: Vec<u8>,
    bytes_max: usize,
    cr_ends: bool,
    has_seen_end: bool,
    ended_by_nul: bool,
    failed: bool,
}

impl LineDecoder {
    /// A decoder for lines of up to `bytes_max` bytes, the line's end not counted.
    pub fn new(bytes_max: usize) -> Self {
        Self { partial: Vec::new(), bytes_max, cr_ends: false, has_seen_end: false, ended_by_nul: false, failed: false }
    }

    /// The same for lines that people and devices send, which a CR ends, too.
    pub fn for_people(bytes_max: usize) -> Self {
        Self { cr_ends: true, ..Self::new(bytes_max) }
    }

    /// Takes the next line from the front of `input`, without its end.
    ///
    /// `None` means that all of `input` was used and no line is complete. A line that lies wholly
    /// in `input` is borrowed from it; one that was cut is owned.
    ///
    /// # Errors
    /// [`LineTooLong`] as soon as the bytes of a line pass the limit, whether or not its end has
    /// come; every later call gives the same error.
    pub fn next_line<'a>(&mut self, input: &mut &'a [u8]) -> Result<Option<Cow<'a, [u8]>>, LineTooLong> {
        let end = if self.cr_ends { memchr::memchr3(b'\n', b'\r', 0, input) } else { memchr::memchr2(b'\n', 0, input) };
        let piece = &input[..end.unwrap_or(input.len())];
        if let Some(at) = end {
            self.ended_by_nul = input[at] == 0;
            self.has_seen_end |= !self.ended_by_nul;
        }
        *input = &input[end.map_or(input.len(), |at| at + 1)..];

        self.check_length(piece)?;
        if end.is_some() && self.partial.is_empty() {
            return Ok(Some(Cow::Borrowed(piece.strip_suffix(b"\r").unwrap_or(piece))));
        }
        self.keep(piece);
        if end.is_none() {
            return Ok(None);
        }
        let mut line = self.take_partial();
        line.pop_if(|last| *last == b'\r');
        Ok(Some(Cow::Owned(line)))
    }

    /// Keeps bytes of which it is not known yet what they are, whatever is among them.
    ///
    /// # Errors
    /// As [`LineDecoder::next_line`].
    pub fn hold(&mut self, bytes: &[u8]) -> Result<(), LineTooLong> {
        self.check_length(bytes)?;
        self.keep(bytes);
        Ok(())
    }

    /// What has come of a line whose end has not, a CR at its end included.
    pub fn partial(&self) -> &[u8] {
        &self.partial
    }

    /// Takes what has come of a line whose end has not, as if the line had never begun.
    pub fn take_partial(&mut self) -> Vec<u8> {
        mem::take(&mut self.partial)
    }

    /// Whether the stream has ended any line so far with LF or CR. A NUL does not count: a program may send its strings
    /// now with it and now without.
    pub fn has_seen_end(&self) -> bool {
        self.has_seen_end
    }

    /// Whether a NUL ended the line that was taken last.
    pub fn ended_by_nul(&self) -> bool {
        self.ended_by_nul
    }

    fn check_length(&mut self, piece: &[u8]) -> Result<(), LineTooLong> {
        let len = self.partial.len() + piece.len();
        let last = piece.last().or(self.partial.last());
        // A CR at the end may yet turn out to be half of the line's end, which does not count.
        let allowed = self.bytes_max + usize::from(last == Some(&b'\r'));
        if self.failed || len > allowed {
            self.failed = true;
            self.partial = Vec::new();
            return Err(LineTooLong { bytes_max: self.bytes_max });
        }
        Ok(())
    }

    fn keep(&mut self, piece: &[u8]) {
        let partial = &mut self.partial;
        partial.reserve_exact(growth(partial.len(), partial.capacity(), piece.len(), self.bytes_max + 1));
        partial.extend_from_slice(piece);
    }
}
