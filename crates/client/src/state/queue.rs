//! Messages of ours that the server has not acknowledged yet, in the order they were said.

use super::pace::Pace;
use crate::request::{Outgoing, Target};
use std::collections::VecDeque;

/// Messages that wait. More: the caller waits, or is told so.
const MESSAGES_MAX: usize = 1_000;

/// Bytes of text that wait, with one message beyond it.
const BYTES_MAX: usize = 4 * 1024 * 1024;

/// Messages sent and not yet acknowledged. Enough for a link of 100 ms to carry more than the usual rate.
const WINDOW: usize = 16;

/// How long to wait after a `rate_limited`, in milliseconds: the time of ten messages at the usual rate.
const HOLD_MS: u64 = 1_000;

/// A message that waits.
#[derive(Debug)]
pub(crate) struct Pending {
    pub message: Outgoing,
    /// Its place among all messages that were ever said.
    number: u64,
    /// When it was sent on this connection.
    sent_at: Option<u64>,
}

/// The queue.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    waiting: VecDeque<Pending>,
    /// The number of the latest message.
    last: u64,
    bytes: usize,
    pub pace: Pace,
    /// The server asked for patience: nothing goes before this, nor while anything sent before is undecided, so that
    /// the order is kept from here on.
    held_until: Option<u64>,
}

impl Queue {
    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    pub(crate) fn has_room(&self) -> bool {
        self.waiting.len() < MESSAGES_MAX && self.bytes < BYTES_MAX
    }

    pub(crate) fn push(&mut self, message: Outgoing) {
        self.bytes += message.text.len();
        self.last += 1;
        self.waiting.push_back(Pending { message, number: self.last, sent_at: None });
    }

    /// Returns the number of the latest message that was said.
    pub(crate) const fn last(&self) -> u64 {
        self.last
    }

    /// Returns whether every message up to a number was acknowledged or refused.
    pub(crate) fn is_settled(&self, up_to: u64) -> bool {
        self.waiting.iter().all(|pending| pending.number > up_to)
    }

    /// Returns the next message to send, now marked as sent, if its number is at most `up_to`.
    pub(crate) fn next(&mut self, now: u64, up_to: u64) -> Option<&Outgoing> {
        let place = self.next_place(now, up_to)?;
        if !self.pace.take(now) {
            return None;
        }
        let pending = self.waiting.get_mut(place)?;
        pending.sent_at = Some(now);
        self.held_until = None;
        Some(&pending.message)
    }

    /// When [`Queue::next`] may have one, if an answer alone does not decide that.
    pub(crate) fn ready_at(&self, up_to: u64) -> Option<u64> {
        let place = self.next_place(u64::MAX, up_to)?;
        self.waiting.get(place)?;
        Some(self.pace.ready_at().max(self.held_until.unwrap_or_default()))
    }

    pub(crate) fn contains(&self, id: &str) -> bool {
        self.place(id).is_some()
    }

    /// Takes a message out: it was acknowledged or refused.
    pub(crate) fn remove(&mut self, id: &str) -> Option<Outgoing> {
        let place = self.place(id)?;
        let pending = self.waiting.remove(place)?;
        self.bytes -= pending.message.text.len();
        Some(pending.message)
    }

    /// Takes out what was not sent yet and is for `room`.
    pub(crate) fn withdraw(&mut self, room: &str) -> Vec<Outgoing> {
        let (withdrawn, waiting) = std::mem::take(&mut self.waiting).into_iter().partition(|pending: &Pending| {
            pending.sent_at.is_none() && matches!(&pending.message.target, Target::Room(target) if target == room)
        });
        self.waiting = waiting;
        let withdrawn: VecDeque<Pending> = withdrawn;
        self.bytes -= withdrawn.iter().map(|pending| pending.message.text.len()).sum::<usize>();
        withdrawn.into_iter().map(|pending| pending.message).collect()
    }

    /// The server refused a message for the rate alone: it is sent again later.
    pub(crate) fn hold(&mut self, id: &str, now: u64) -> bool {
        let Some(pending) = self.place(id).and_then(|place| self.waiting.get_mut(place)) else {
            return false;
        };
        pending.sent_at = None;
        self.held_until = Some(now + HOLD_MS);
        true
    }

    /// The server will not decide a message any more on this connection: it is sent again on the next.
    pub(crate) fn postpone(&mut self, id: &str) -> bool {
        self.hold(id, u64::MAX - HOLD_MS)
    }

    /// The connection is gone: what was sent is sent again on the next one. Private messages are not stored, so the
    /// server could not tell the second time; those that were sent come back to be reported.
    pub(crate) fn cut(&mut self) -> Vec<Outgoing> {
        self.held_until = None;
        let mut lost = Vec::new();
        for pending in std::mem::take(&mut self.waiting) {
            match (&pending.message.target, pending.sent_at) {
                (Target::User(_), Some(_)) => {
                    self.bytes -= pending.message.text.len();
                    lost.push(pending.message);
                }
                (Target::User(_), None) | (Target::Room(_) | Target::Current, _) => {
                    self.waiting.push_back(Pending { sent_at: None, ..pending });
                }
            }
        }
        lost
    }

    /// Room messages sent `age` milliseconds ago without an answer, now marked as sent again.
    pub(crate) fn overdue(&mut self, now: u64, age: u64) -> impl Iterator<Item = &Outgoing> {
        self.waiting.iter_mut().filter_map(move |pending| {
            let stored = !matches!(pending.message.target, Target::User(_));
            let due = pending.sent_at.is_some_and(|sent_at| now >= sent_at.saturating_add(age));
            (stored && due).then(|| {
                pending.sent_at = Some(now);
                &pending.message
            })
        })
    }

    /// When the first of them is.
    pub(crate) fn overdue_at(&self, age: u64) -> Option<u64> {
        let stored = self.waiting.iter().filter(|pending| !matches!(pending.message.target, Target::User(_)));
        stored.filter_map(|pending| pending.sent_at).min().map(|sent_at| sent_at.saturating_add(age))
    }

    /// A room's canonical name became known, or the room that is meant by none.
    pub(crate) fn rename(&mut self, from: &Target, room: &str) {
        for pending in self.waiting.iter_mut().filter(|pending| pending.message.target == *from) {
            pending.message.target = Target::Room(room.to_owned());
        }
    }

    fn place(&self, id: &str) -> Option<usize> {
        self.waiting.iter().position(|pending| pending.message.id == id)
    }

    fn next_place(&self, now: u64, up_to: u64) -> Option<usize> {
        let in_flight = self.waiting.iter().filter(|pending| pending.sent_at.is_some()).take(WINDOW).count();
        let allowed = match self.held_until {
            None => in_flight < WINDOW,
            Some(until) => in_flight == 0 && now >= until,
        };
        let place = allowed.then(|| self.waiting.iter().position(|pending| pending.sent_at.is_none()))??;
        (self.waiting[place].number <= up_to).then_some(place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue(messages: usize) -> Queue {
        let mut queue = Queue::default();
        for number in 0..messages {
            queue.push(Outgoing {
                id: number.to_string(),
                target: Target::Current,
                text: "hi".to_owned(),
                action: false,
            });
        }
        queue
    }

    fn sent(queue: &mut Queue, now: u64) -> Vec<String> {
        std::iter::from_fn(|| queue.next(now, u64::MAX).map(|message| message.id.clone())).collect()
    }

    #[test]
    fn the_window_bounds_what_is_under_way() {
        let mut queue = queue(20);
        assert_eq!(sent(&mut queue, 0).len(), WINDOW);
        queue.remove("3");
        assert_eq!(sent(&mut queue, 0), ["16"]);
    }

    #[test]
    fn after_rate_limited_the_order_is_kept() {
        let mut queue = queue(3);
        assert_eq!(sent(&mut queue, 0), ["0", "1", "2"]);
        assert!(queue.hold("1", 5));
        assert!(sent(&mut queue, 2_000).is_empty(), "others are undecided");
        assert!(queue.hold("2", 6));
        queue.remove("0");
        assert_eq!(queue.ready_at(u64::MAX), Some(1_006));
        assert!(sent(&mut queue, 1_005).is_empty());
        assert_eq!(sent(&mut queue, 1_006), ["1", "2"]);
    }

    #[test]
    fn a_cut_sends_all_again_but_a_private_message() {
        let mut queue = queue(2);
        let private = Outgoing {
            id: "p".to_owned(),
            target: Target::User("bob".to_owned()),
            text: "hi".to_owned(),
            action: false,
        };
        queue.push(private.clone());
        queue.push(Outgoing { id: "q".to_owned(), ..private.clone() });
        queue.waiting[3].sent_at = None;
        (0..3).for_each(|_| assert!(queue.next(0, u64::MAX).is_some()));
        assert_eq!(queue.cut(), [private]);
        assert_eq!(sent(&mut queue, 0), ["0", "1", "q"]);
    }

    #[test]
    fn messages_behind_a_command_wait_for_it_and_those_for_a_refused_room_come_back() {
        let mut queue = queue(3);
        assert!(queue.next(0, 1).is_some());
        assert!(queue.next(0, 1).is_none());
        assert_eq!(queue.ready_at(1), None);
        assert!(!queue.is_settled(1) && queue.is_settled(0));
        queue.remove("0");
        assert!(queue.is_settled(1) && !queue.is_settled(2));
        queue.rename(&Target::Current, "ops");
        assert_eq!(queue.withdraw("dev"), []);
        assert!(queue.next(0, u64::MAX).is_some());
        assert_eq!(queue.withdraw("ops").into_iter().map(|message| message.id).collect::<Vec<_>>(), ["2"]);
        assert!(queue.contains("1"), "what was sent is the server's to refuse");
    }

    #[test]
    fn what_waits_is_bounded() {
        let mut queue = queue(MESSAGES_MAX);
        assert!(!queue.has_room());
        queue.remove("0");
        assert!(queue.has_room());
    }
}
