//! The bounded queue of frames that wait for one socket.

use std::collections::VecDeque;
use std::io::IoSlice;
use switchboard_protocols::Frame;

/// Frames given to one write at most: what the kernel takes well under its own limit of 1,024.
pub const SLICES_MAX: usize = 64;

/// Frames that wait, with how much of the first is written already. Empty, it owns no memory.
#[derive(Default)]
pub(super) struct Outbox {
    frames: VecDeque<Frame>,
    /// Bytes of the first frame that are written.
    written: usize,
    /// Bytes that wait, the written part of the first frame not counted.
    bytes: usize,
}

impl Outbox {
    /// Bytes that wait.
    #[must_use]
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Puts a frame at the end.
    pub(super) fn push(&mut self, frame: Frame) {
        if !frame.is_empty() {
            self.bytes += frame.len();
            self.frames.push_back(frame);
        }
    }

    /// The bytes that wait, if they are of a single frame.
    #[inline]
    pub(super) fn only(&self) -> Option<&[u8]> {
        let first = self.frames.front()?;
        (self.frames.len() == 1).then(|| &first.bytes()[self.written..])
    }

    /// The bytes to write next, as slices in order; gives how many slices there are.
    pub(super) fn gather<'a>(&'a self, slices: &mut [IoSlice<'a>; SLICES_MAX]) -> usize {
        let mut count = 0;
        for (slice, frame) in slices.iter_mut().zip(&self.frames) {
            let from = if count == 0 { self.written } else { 0 };
            *slice = IoSlice::new(&frame.bytes()[from..]);
            count += 1;
        }
        count
    }

    /// The first frame whole, for transports on which a frame is one datagram.
    #[must_use]
    pub(super) fn first(&self) -> Option<&Frame> {
        self.frames.front()
    }

    /// Takes the first frame out, whole: for outboxes whose frames go elsewhere than to a socket.
    pub(super) fn take(&mut self) -> Option<Frame> {
        let frame = self.frames.pop_front()?;
        self.bytes -= frame.len();
        Some(frame)
    }

    /// Puts another frame in the place of each, of an outbox of which nothing is partly written.
    pub(super) fn change(&mut self, change: impl Fn(&Frame) -> Frame) {
        self.bytes = 0;
        for frame in &mut self.frames {
            *frame = change(frame);
            self.bytes += frame.len();
        }
    }

    /// The socket took this many bytes.
    pub(super) fn wrote(&mut self, mut count: usize) {
        self.bytes -= count;
        while count > 0 {
            let left = self.frames[0].len() - self.written;
            if count < left {
                self.written += count;
                return;
            }
            count -= left;
            self.written = 0;
            self.frames.pop_front();
        }
        if self.frames.is_empty() && self.frames.capacity() > 8 {
            self.frames = VecDeque::new();
        }
    }

    /// Drops what waits, but for the rest of a frame that is partly written: a peer never gets half a frame followed by
    /// another. Gives how many bytes were dropped.
    pub(super) fn clear(&mut self) -> usize {
        let before = self.bytes;
        self.frames.truncate(usize::from(self.written > 0));
        self.frames.shrink_to_fit();
        self.bytes = self.frames.front().map_or(0, |frame| frame.len() - self.written);
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
            for size in writes.iter().cycle() {
                if outbox.bytes() == 0 {
                    break;
                }
                let mut slices = [IoSlice::new(&[]); SLICES_MAX];
                let count = outbox.gather(&mut slices);
                let bytes: Vec<u8> = slices[..count].iter().flat_map(|slice| slice.iter().copied()).collect();
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
        let mut slices = [IoSlice::new(&[]); SLICES_MAX];
        assert_eq!(outbox.gather(&mut slices), 1);
        assert_eq!(&*slices[0], b"rst");
        outbox.wrote(3);
        assert_eq!(outbox.bytes(), 0);
        assert_eq!(outbox.clear(), 0);
    }
}
