//! How far a client has seen one room: what makes each event shown once, and a hole noticed.

use crate::event::Seq;
use std::collections::BTreeSet;

/// Acknowledged numbers beyond the next one that are remembered. There are only some while missed events are being
/// replayed, and then at most as many as messages went out meanwhile. More: the lowest is taken for seen.
const AHEAD_MAX: usize = 4_096;

/// A client's place in a room.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Position {
    last: Seq,
    /// Numbers of our own messages, acknowledged before the events below them arrived.
    ahead: BTreeSet<Seq>,
}

/// What an event's number says about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    /// It is to be shown: not shown before, and not our own acknowledged message.
    pub fresh: bool,
    /// Numbers before it that never came, the first and the last of them.
    pub hole: Option<(Seq, Seq)>,
}

impl Position {
    /// Everything up to `last` is seen, or is none of our business.
    pub(crate) const fn at(last: Seq) -> Self {
        Self { last, ahead: BTreeSet::new() }
    }

    /// The last number without a hole before it: what a resume asks from.
    pub(crate) const fn last(&self) -> Seq {
        self.last
    }

    /// An event with this number arrived.
    pub(crate) fn event(&mut self, seq: Seq) -> Seen {
        if seq <= self.last {
            return Seen { fresh: false, hole: None };
        }
        let fresh = !self.ahead.remove(&seq);
        let hole = self.hole_before(seq);
        self.advance(seq);
        Seen { fresh, hole }
    }

    /// Our own message got this number. The acknowledgement of one that had been stored before a cut may come while
    /// the events below it are still on their way, so it proves nothing about them.
    pub(crate) fn own(&mut self, seq: Seq) {
        if seq == next(self.last) {
            self.advance(seq);
        } else if seq > self.last {
            self.ahead.insert(seq);
            if self.ahead.len() > AHEAD_MAX
                && let Some(lowest) = self.ahead.first().copied()
            {
                self.advance(lowest);
            }
        }
    }

    /// The server went on at `seq` without replaying what was before: the numbers never shown, if there are any.
    pub(crate) fn jump(&mut self, seq: Seq) -> Option<(Seq, Seq)> {
        let hole = if seq > self.last { self.hole_before(next(seq)) } else { None };
        *self = Self::at(seq);
        hole
    }

    /// The server said that it does not replay the numbers up to `seq`.
    pub(crate) fn skip(&mut self, seq: Seq) {
        if seq > self.last {
            self.advance(seq);
        }
    }

    fn hole_before(&self, seq: Seq) -> Option<(Seq, Seq)> {
        let mut missing = (next(self.last)..seq).filter(|number| !self.ahead.contains(number));
        let first = missing.next()?;
        let last = (first..seq).rev().find(|number| !self.ahead.contains(number))?;
        Some((first, last))
    }

    fn advance(&mut self, seq: Seq) {
        self.last = seq;
        self.ahead = self.ahead.split_off(&next(seq));
        while self.ahead.remove(&next(self.last)) {
            self.last = next(self.last);
        }
    }
}

/// The number after this one. A server of ours never comes to the last number there is, but any server can name it.
const fn next(seq: Seq) -> Seq {
    seq.saturating_add(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRESH: Seen = Seen { fresh: true, hole: None };
    const KNOWN: Seen = Seen { fresh: false, hole: None };

    #[test]
    fn events_in_order_are_fresh_once() {
        let mut position = Position::at(4);
        assert_eq!(position.event(5), FRESH);
        assert_eq!(position.event(5), KNOWN);
        assert_eq!(position.event(2), KNOWN);
        assert_eq!(position.last(), 5);
    }

    #[test]
    fn an_acknowledgement_ahead_of_the_replay_hides_nothing() {
        let mut position = Position::at(4);
        position.own(7);
        assert_eq!(position.last(), 4);
        assert_eq!(position.event(5), FRESH);
        assert_eq!(position.event(6), FRESH);
        assert_eq!(position.last(), 7);
        assert_eq!(position.event(7), KNOWN);
        assert_eq!(position.event(8), FRESH);
    }

    #[test]
    fn a_hole_is_told_without_our_own_messages_at_its_edges() {
        let mut position = Position::at(4);
        position.own(6);
        position.own(9);
        assert_eq!(position.event(10), Seen { fresh: true, hole: Some((5, 8)) });
        assert_eq!(position.last(), 10);
    }

    #[test]
    fn a_jump_tells_what_it_leaves_out() {
        let mut position = Position::at(4);
        position.own(5);
        assert_eq!(position.jump(5), None);
        assert_eq!(position.jump(9), Some((6, 9)));
        assert_eq!(position.jump(3), None);
        assert_eq!(position.last(), 3);
    }

    #[test]
    fn the_last_number_there_is_does_no_harm() {
        let mut position = Position::at(4);
        position.own(Seq::MAX);
        assert_eq!(position.event(5), FRESH);
        assert_eq!(position.jump(Seq::MAX), Some((6, Seq::MAX - 1)));
        position.own(Seq::MAX);
        assert_eq!(position.event(Seq::MAX), KNOWN);
        assert_eq!(position.last(), Seq::MAX);
        assert_eq!(position.jump(3), None);
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut position = Position::at(0);
        (2..10_000).step_by(2).for_each(|seq| position.own(seq));
        assert!(position.ahead.len() <= AHEAD_MAX);
    }
}
