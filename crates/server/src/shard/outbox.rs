//! The bounded queue of frames that wait for one socket.

use std::collections::VecDeque;
use std::io::IoSlice;
use switchboard_protocols::Frame;
use switchboard_sys::SLICES_MAX;

/// Frames that wait, with how much of the first is written already. With one frame or none, which is how outboxes of
/// sockets that keep up are, it owns no memory.
#[derive(Default)]
pub(super) struct Outbox {
    first: Option<Frame>,
    /// What comes after the first; empty while there is none.
    #[expect(clippy::box_collection, reason = "what nearly never is there should not make every connection larger")]
    rest: Option<Box<VecDeque<Frame>>>,
    /// Bytes of the first frame that are written.
    written: usize,
    /// Bytes that wait, the written part of the first frame not counted.
    bytes: usize,
}

impl Outbox {
    /// Bytes that wait.
    #[must_use]
    #[inline]
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Puts a frame at the end.
    #[inline]
    pub(super) fn push(&mut self, frame: Frame) {
        if frame.is_empty() {
            return;
        }
        self.bytes += frame.len();
        match self.first {
            None => self.first = Some(frame),
            Some(_) => self.rest.get_or_insert_default().push_back(frame),
        }
    }

    /// Adds the bytes to write next, as slices in order, at most [`SLICES_MAX`]; gives how many slices there are.
    #[inline]
    pub(super) fn gather<'a>(&'a self, slices: &mut Vec<IoSlice<'a>>) -> usize {
        let Some(first) = &self.first else { return 0 };
        slices.push(IoSlice::new(&first.bytes()[self.written..]));
        let Some(rest) = &self.rest else { return 1 };
        let before = slices.len();
        slices.extend(rest.iter().take(SLICES_MAX - 1).map(|frame| IoSlice::new(frame.bytes())));
        1 + slices.len() - before
    }

    /// The first frame whole, for transports on which a frame is one datagram.
    #[must_use]
    pub(super) const fn first(&self) -> Option<&Frame> {
        self.first.as_ref()
    }

    /// Takes the first frame out, whole: for outboxes whose frames go elsewhere than to a socket.
    pub(super) fn take(&mut self) -> Option<Frame> {
        let frame = self.first.take()?;
        self.advance();
        self.bytes -= frame.len();
        Some(frame)
    }

    /// Takes the beginning of the first frame out; what is left of it is a frame of its own.
    pub(super) fn wrote_whole(&mut self, count: usize) {
        let Some(first) = self.first.take() else { return };
        self.bytes -= count;
        if count < first.len() {
            self.first = Some(Frame::new(first.bytes().slice(count..)));
        } else {
            self.advance();
        }
    }

    /// Puts another frame in the place of each, of an outbox of which nothing is partly written.
    pub(super) fn change(&mut self, change: impl Fn(&Frame) -> Frame) {
        self.bytes = 0;
        for frame in self.first.iter_mut().chain(self.rest.iter_mut().flat_map(|rest| rest.iter_mut())) {
            *frame = change(frame);
            self.bytes += frame.len();
        }
    }

    /// The socket took this many bytes.
    #[inline]
    pub(super) fn wrote(&mut self, mut count: usize) {
        self.bytes -= count;
        while count > 0 {
            let left = self.first.as_ref().map_or(0, Frame::len) - self.written;
            if count < left {
                self.written += count;
                return;
            }
            count -= left;
            self.written = 0;
            self.first = None;
            self.advance();
        }
    }

    /// The socket took all that [`Self::gather`] gave; gives how many bytes that were.
    #[inline]
    pub(super) fn wrote_all(&mut self) -> usize {
        if self.rest.is_none() {
            self.first = None;
            self.written = 0;
            return std::mem::take(&mut self.bytes);
        }
        let mut slices = Vec::new();
        self.gather(&mut slices);
        let count = slices.iter().map(|slice| slice.len()).sum();
        self.wrote(count);
        count
    }

    /// Puts the next frame into the first place, which is empty.
    #[inline]
    fn advance(&mut self) {
        let Some(rest) = &mut self.rest else { return };
        self.first = rest.pop_front();
        if rest.is_empty() {
            self.rest = None;
        }
    }

    /// Drops what waits, but for the rest of a frame that is partly written: a peer never gets half a frame followed by
    /// another. Gives how many bytes were dropped.
    pub(super) fn clear(&mut self) -> usize {
        let before = self.bytes;
        self.rest = None;
        if self.written == 0 {
            self.first = None;
        }
        self.bytes = self.first.as_ref().map_or(0, |frame| frame.len() - self.written);
        before - self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_sizes_of_write_give_the_same_bytes(
            frames in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..20), 0..150),
            writes in prop::collection::vec(1usize..50, 1..20),
        ) {
            let mut outbox = Outbox::default();
            for frame in &frames {
                outbox.push(Frame::new(Bytes::from(frame.clone())));
            }
            let whole: Vec<u8> = frames.concat();
            prop_assert_eq!(outbox.bytes(), whole.len());
            let mut written = Vec::new();
            // A write of 49 stands for one that takes all it is given.
            for size in writes.iter().cycle() {
                if outbox.bytes() == 0 {
                    break;
                }
                let mut slices = Vec::new();
                prop_assert!(outbox.gather(&mut slices) <= SLICES_MAX);
                let bytes: Vec<u8> = slices.iter().flat_map(|slice| slice.iter().copied()).collect();
                if *size == 49 {
                    prop_assert_eq!(outbox.wrote_all(), bytes.len());
                    written.extend_from_slice(&bytes);
                    continue;
                }
                let taken = bytes.len().min(*size);
                written.extend_from_slice(&bytes[..taken]);
                outbox.wrote(taken);
            }
            prop_assert_eq!(written, whole);
            prop_assert_eq!(outbox.bytes(), 0);
        }
    }

    #[test]
    fn clearing_keeps_the_rest_of_a_frame_that_was_begun() {
        let mut outbox = Outbox::default();
        for text in ["first", "second", "third"] {
            outbox.push(Frame::new(Bytes::from_static(text.as_bytes())));
        }
        outbox.wrote(2);
        assert_eq!(outbox.clear(), 11);
        let mut slices = Vec::new();
        assert_eq!(outbox.gather(&mut slices), 1);
        assert_eq!(&*slices[0], b"rst");
        outbox.wrote(3);
        assert_eq!(outbox.bytes(), 0);
        assert_eq!(outbox.clear(), 0);
    }
}
