//! In the place of `io_uring`, where there is none.

use crate::flusher::Writes;
use std::io;

/// A ring that cannot be made.
pub(crate) enum Ring {}

impl Ring {
    pub(crate) fn new() -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(crate) fn flush(&mut self, _: &Writes<'_>, _: &mut Vec<io::Result<usize>>) -> bool {
        match *self {}
    }
}
