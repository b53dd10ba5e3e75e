//! Sessions that their clients ended: no token of theirs is good any more.

use crate::ids::SessionId;
use crate::limits::ENDED_MAX;
use std::collections::{BTreeSet, VecDeque};

/// The latest [`ENDED_MAX`] sessions that were ended by a goodbye.
#[derive(Debug, Default)]
pub(super) struct Ended {
    known: BTreeSet<SessionId>,
    /// The same, oldest first.
    order: VecDeque<SessionId>,
    /// Those that the store has not been given yet.
    news: Vec<SessionId>,
}

impl Ended {
    pub(super) fn contains(&self, session: SessionId) -> bool {
        self.known.contains(&session)
    }

    /// A client said goodbye.
    pub(super) fn add(&mut self, session: SessionId) {
        if self.restore(session) {
            self.news.push(session);
            // Of more than are known, the store need not be told.
            if self.news.len() > 2 * ENDED_MAX {
                self.news.drain(..ENDED_MAX);
            }
        }
    }

    /// The store did not take these: it is given them again with the next batch.
    pub(super) fn give_back(&mut self, mut news: Vec<SessionId>) {
        news.append(&mut self.news);
        self.news = news;
    }

    /// Puts back what the store knows; in the order in which they ended. Returns whether it is new.
    pub(super) fn restore(&mut self, session: SessionId) -> bool {
        if !self.known.insert(session) {
            return false;
        }
        self.order.push_back(session);
        if self.order.len() > ENDED_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        true
    }

    pub(super) const fn has_news(&self) -> bool {
        !self.news.is_empty()
    }

    pub(super) fn take_news(&mut self) -> Vec<SessionId> {
        std::mem::take(&mut self.news)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_are_known() {
        let mut ended = Ended::default();
        for number in 0..=ENDED_MAX as u64 {
            ended.add(SessionId(number));
            ended.add(SessionId(number));
        }
        assert!(!ended.contains(SessionId(0)) && ended.contains(SessionId(1)));
        assert!(ended.contains(SessionId(ENDED_MAX as u64)));
        assert_eq!((ended.known.len(), ended.order.len()), (ENDED_MAX, ENDED_MAX));
        let news = ended.take_news();
        assert_eq!(news.len(), ENDED_MAX + 1);
        assert!(!ended.has_news() && ended.take_news().is_empty());
        ended.add(SessionId(u64::MAX));
        ended.give_back(news);
        let news = ended.take_news();
        assert_eq!((news.len(), news.last()), (ENDED_MAX + 2, Some(&SessionId(u64::MAX))));
        (0..3 * ENDED_MAX as u64).for_each(|number| ended.add(SessionId(1 << 32 | number)));
        assert!(ended.take_news().len() <= 2 * ENDED_MAX);
    }
}
