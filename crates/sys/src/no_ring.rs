//! In the place of `io_uring`, where there is none.

use crate::flusher::{Seat, Unfinished, Writes};
use std::io;
use std::os::fd::BorrowedFd;

/// A ring that cannot be made.
pub(crate) enum Ring {}

impl Ring {
    pub(crate) fn new() -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(crate) fn enter(&mut self, _: BorrowedFd<'_>) -> Option<Seat> {
        match *self {}
    }

    pub(crate) fn leave(&mut self, _: Seat) {
        match *self {}
    }

    pub(crate) fn flush(&mut self, _: &Writes<'_>, _: &mut Vec<Unfinished>) -> bool {
        match *self {}
    }
}
