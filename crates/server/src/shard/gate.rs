//! The gate of a resuming connection: what happens while missed events are replayed waits behind it.

use std::collections::VecDeque;
use std::sync::Arc;
use switchboard_core::{Event, Pos, Seq, Time};
use switchboard_protocols::{Frame, Tick};

/// A part of a room's log that is to be replayed: `after < seq <= through`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Missed {
    pub room: Arc<str>,
    pub after: Seq,
    pub through: Seq,
    /// The position and the time of the latest event when this was missed: a gap that nothing follows is told with them.
    pub pos: Pos,
    pub time: Time,
}

/// What an open gate holds back, and what has to be replayed before it drains.
pub(super) struct Gate {
    /// When it has been open for too long.
    until: Tick,
    /// Missed events that are at hand, each with whether it is the user's own; they come first.
    kept: VecDeque<(Arc<Event>, bool)>,
    missed: VecDeque<Missed>,
    held: VecDeque<Frame>,
    held_bytes: usize,
    /// A page was asked for and is not here yet.
    reading: bool,
}

/// The gate cannot hold any more.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Overflow;

impl Gate {
    /// An open gate that holds nothing yet.
    #[must_use]
    pub(super) const fn new(until: Tick) -> Self {
        Self {
            until,
            kept: VecDeque::new(),
            missed: VecDeque::new(),
            held: VecDeque::new(),
            held_bytes: 0,
            reading: false,
        }
    }

    /// When it has been open for too long.
    #[must_use]
    pub(super) const fn until(&self) -> Tick {
        self.until
    }

    /// Adds a part to be replayed, after those that are there.
    pub(super) fn miss(&mut self, missed: Missed) {
        self.missed.push_back(missed);
    }

    /// Adds missed events that are at hand.
    pub(super) fn keep(&mut self, events: Vec<(Arc<Event>, bool)>) {
        self.kept.extend(events);
    }

    /// The next of the missed events that are at hand.
    pub(super) fn next_kept(&mut self) -> Option<(Arc<Event>, bool)> {
        self.kept.pop_front()
    }

    /// Holds a frame back until everything missed was replayed.
    ///
    /// # Errors
    /// The gate holds `events_max` frames or would hold more than `bytes_max` bytes.
    pub(super) fn hold(&mut self, frame: Frame, events_max: usize, bytes_max: usize) -> Result<(), Overflow> {
        if self.held.len() >= events_max || self.held_bytes + frame.len() > bytes_max {
            return Err(Overflow);
        }
        self.held_bytes += frame.len();
        self.held.push_back(frame);
        Ok(())
    }

    /// The next page to read, unless one is under way.
    pub(super) fn next_page(&mut self) -> Option<Missed> {
        if self.reading {
            return None;
        }
        let next = self.missed.front()?.clone();
        self.reading = true;
        Some(next)
    }

    /// A page arrived that ends with `last` (none: there is nothing more); what follows it is next.
    pub(super) fn page(&mut self, last: Option<Seq>) {
        self.reading = false;
        if let Some(missed) = self.missed.front_mut() {
            match last {
                Some(last) if last < missed.through => missed.after = last,
                Some(_) | None => drop(self.missed.pop_front()),
            }
        }
    }

    /// The part that is being replayed.
    #[must_use]
    pub(super) fn at(&self) -> Option<&Missed> {
        self.missed.front()
    }

    /// Whether everything missed was replayed.
    #[must_use]
    pub(super) fn is_done(&self) -> bool {
        self.kept.is_empty() && self.missed.is_empty() && !self.reading
    }

    /// The next frame of those held back, in order; they go when everything missed was replayed.
    pub(super) fn release(&mut self) -> Option<Frame> {
        let frame = self.held.pop_front()?;
        self.held_bytes -= frame.len();
        Some(frame)
    }

    /// Puts another frame in the place of each that is held back.
    pub(super) fn change(&mut self, change: impl Fn(&Frame) -> Frame) {
        self.held_bytes = 0;
        for frame in &mut self.held {
            *frame = change(frame);
            self.held_bytes += frame.len();
        }
    }

    /// How many frames are held back, and their bytes.
    #[must_use]
    pub(super) fn held(&self) -> (usize, usize) {
        (self.held.len(), self.held_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn missed(room: &str, after: Seq, through: Seq) -> Missed {
        Missed { room: room.into(), after, through, pos: 9, time: Time(5) }
    }

    #[test]
    fn parts_are_read_one_after_the_other_and_page_by_page() {
        let mut gate = Gate::new(60_000);
        gate.miss(missed("a", 3, 7));
        gate.miss(missed("b", 0, 1));
        assert_eq!(gate.next_page(), Some(missed("a", 3, 7)));
        assert_eq!(gate.next_page(), None, "one page at a time");
        gate.page(Some(5));
        assert_eq!(gate.next_page(), Some(missed("a", 5, 7)));
        gate.page(Some(7));
        assert!(!gate.is_done());
        assert_eq!(gate.next_page(), Some(missed("b", 0, 1)));
        gate.page(None);
        assert!(gate.is_done(), "a page with nothing in it ends its part: those events were trimmed");
    }

    #[test]
    fn it_holds_as_much_as_it_may_and_not_one_more() {
        let frame = || Frame::new(Bytes::from_static(b"12345"));
        let mut gate = Gate::new(60_000);
        assert_eq!(gate.hold(frame(), 2, 10), Ok(()));
        assert_eq!(gate.hold(frame(), 2, 10), Ok(()));
        assert_eq!(gate.hold(frame(), 2, 100), Err(Overflow), "by count");
        assert_eq!(gate.hold(frame(), 9, 10), Err(Overflow), "by bytes");
        assert_eq!(gate.held(), (2, 10));
        assert_eq!(gate.release(), Some(frame()));
        assert_eq!(gate.held(), (1, 5));
    }
}
