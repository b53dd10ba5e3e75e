//! One room's log, as far as memory holds it: its numbers, its time and its topic.

use crate::ids::{Seq, Time};
use std::sync::Arc;

/// A room that has, or had, durable events.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Room {
    /// The number that the next event gets.
    next_seq: Seq,
    /// The lowest number that is still stored; equal to `next_seq` if nothing is.
    first_seq: Seq,
    /// The time of the latest event: a room's times never go back, whatever the clocks of its nodes do.
    last_time: Time,
    topic: Arc<str>,
}

impl Room {
    pub(super) const fn new(topic: Arc<str>) -> Self {
        Self { next_seq: 1, first_seq: 1, last_time: Time(0), topic }
    }

    pub(super) const fn restored(next_seq: Seq, first_seq: Seq, topic: Arc<str>, last_time: Time) -> Self {
        Self { next_seq, first_seq, last_time, topic }
    }

    /// The number and the time of a new event that was stamped with `time`.
    pub(super) fn next(&mut self, time: Time) -> (Seq, Time) {
        let seq = self.next_seq;
        self.next_seq += 1;
        self.last_time = self.time(time);
        (seq, self.last_time)
    }

    /// The time that an event gets which was stamped with `time`.
    pub(super) fn time(&self, time: Time) -> Time {
        self.last_time.max(time)
    }

    /// Forgets the events below `seq`, never more than there are and never fewer than before; answers the lowest
    /// number that is left.
    pub(super) fn trim_before(&mut self, seq: Seq) -> Seq {
        self.first_seq = self.first_seq.max(seq.min(self.next_seq));
        self.first_seq
    }

    pub(super) fn set_topic(&mut self, topic: Arc<str>) {
        self.topic = topic;
    }

    pub(super) const fn seq(&self) -> Seq {
        self.next_seq - 1
    }

    pub(super) const fn first_seq(&self) -> Seq {
        self.first_seq
    }

    pub(super) const fn topic(&self) -> &Arc<str> {
        &self.topic
    }
}
