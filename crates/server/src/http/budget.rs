//! Memory for requests and answers that are under way, shared fairly by those who ask.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use switchboard_core::cost::Origin;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

/// What all requests together may hold (`limits.http_bytes_total`).
///
/// An address that holds nothing may have all that is free; one that holds something may hold as much as is free then.
/// So one address gets half of it at most, two get a third each, and there is always something left for the next one.
#[derive(Debug)]
pub struct Budget {
    max: usize,
    held: Mutex<Held>,
    freed: Notify,
}

#[derive(Debug, Default)]
struct Held {
    total: usize,
    /// No row is 0.
    by_origin: HashMap<Origin, usize>,
}

impl Held {
    fn add(&mut self, origin: Origin, bytes: usize) {
        if bytes > 0 {
            self.total += bytes;
            *self.by_origin.entry(origin).or_default() += bytes;
        }
    }
}

/// Bytes of a [`Budget`], given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Share {
    budget: Arc<Budget>,
    origin: Origin,
    bytes: usize,
}

impl Budget {
    /// A budget of `max` bytes.
    #[must_use]
    pub fn new(max: usize) -> Arc<Self> {
        Arc::new(Self { max, held: Mutex::default(), freed: Notify::new() })
    }

    /// Takes `bytes` for an address if it may have them now.
    pub(crate) fn try_take(self: &Arc<Self>, ip: IpAddr, bytes: usize) -> Option<Share> {
        let origin = Origin::of(ip);
        let mut held = self.held();
        let left = self.max.checked_sub(held.total)?.checked_sub(bytes)?;
        if held.by_origin.get(&origin).is_some_and(|own| *own > left) {
            return None;
        }
        held.add(origin, bytes);
        Some(Share { budget: Arc::clone(self), origin, bytes })
    }

    /// Takes `bytes` for an address as soon as it may have them. `None`: it may not until then.
    pub(crate) async fn take(self: &Arc<Self>, ip: IpAddr, bytes: usize, until: Instant) -> Option<Share> {
        loop {
            let freed = self.freed.notified();
            tokio::pin!(freed);
            // What is freed from here on is heard.
            freed.as_mut().enable();
            if let Some(share) = self.try_take(ip, bytes) {
                return Some(share);
            }
            timeout_at(until, freed).await.ok()?;
        }
    }

    /// Takes `bytes` that are in memory already, whether they may be or not: it is the next who waits.
    pub(crate) fn charge(self: &Arc<Self>, ip: IpAddr, bytes: usize) -> Share {
        let origin = Origin::of(ip);
        self.held().add(origin, bytes);
        Share { budget: Arc::clone(self), origin, bytes }
    }

    /// Returns how much is held.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        self.held().total
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        // The sums are right between any two statements.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Share {
    /// Changes how much is held. `false`: there is not that much for this address.
    pub(crate) fn resize(&mut self, bytes: usize) -> bool {
        let Some(more) = bytes.checked_sub(self.bytes) else { return true };
        let mut held = self.budget.held();
        let own = held.by_origin.get(&self.origin).copied().unwrap_or(0);
        match self.budget.max.checked_sub(held.total).and_then(|free| free.checked_sub(more)) {
            Some(left) if own == self.bytes || own <= left => {
                held.add(self.origin, more);
                self.bytes = bytes;
                true
            }
            Some(_) | None => false,
        }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        if self.bytes == 0 {
            return;
        }
        {
            let mut held = self.budget.held();
            held.total -= self.bytes;
            if let Some(own) = held.by_origin.get_mut(&self.origin) {
                *own -= self.bytes;
                if *own == 0 {
                    held.by_origin.remove(&self.origin);
                }
            }
        }
        self.budget.freed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::time::Duration;

    fn ip(number: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, number])
    }

    #[test]
    fn one_address_has_half_and_two_have_two_thirds() {
        let budget = Budget::new(12);
        let fill = |number: u8| std::iter::from_fn(|| budget.try_take(ip(number), 1)).collect::<Vec<_>>();
        let first = fill(1);
        assert_eq!(first.len(), 6);
        let second = fill(2);
        assert_eq!(second.len(), 3, "as many as are free then");
        assert!(budget.try_take(ip(3), 3).is_some(), "and the rest is for whoever comes next");
        assert!(budget.try_take(ip(3), 4).is_none());
        drop(first);
        drop(second);
        assert!(budget.try_take(ip(1), 12).is_some(), "all of it where nobody else wants any");
        assert!(budget.try_take(ip(1), 13).is_none());
        assert_eq!(budget.held_bytes(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_gets_what_is_given_back_and_not_for_ever() {
        let budget = Budget::new(10);
        let all = budget.try_take(ip(1), 10).expect("all of it");
        let until = Instant::now() + Duration::from_secs(1);
        assert!(budget.take(ip(2), 1, until).await.is_none());
        assert_eq!(Instant::now(), until);
        let waiting = tokio::spawn({
            let budget = budget.clone();
            async move { budget.take(ip(2), 10, until + Duration::from_secs(1)).await.is_some() }
        });
        tokio::task::yield_now().await;
        drop(all);
        assert!(waiting.await.expect("a task"));
    }

    #[test]
    fn a_share_grows_while_there_is_room_and_never_shrinks() {
        let budget = Budget::new(10);
        let mut share = budget.try_take(ip(1), 4).expect("a part");
        assert!(share.resize(6) && share.resize(2));
        assert_eq!(budget.held_bytes(), 6);
        let other = budget.try_take(ip(2), 3).expect("a part");
        assert!(!share.resize(8));
        drop(other);
        assert!(share.resize(10), "all of it where nobody else wants any");
        drop(share);
        assert_eq!(budget.held_bytes(), 0);
    }

    #[test]
    fn what_is_there_already_is_counted_beyond_the_bound() {
        let budget = Budget::new(10);
        let share = budget.charge(ip(1), 20);
        assert!(budget.try_take(ip(2), 1).is_none());
        drop(share);
        assert!(budget.try_take(ip(2), 1).is_some());
    }

    proptest! {
        #[test]
        fn it_is_never_exceeded_and_all_is_given_back(
            steps in prop::collection::vec((0_u8..4, 0_usize..40, any::<bool>()), 0..100),
        ) {
            let budget = Budget::new(64);
            let mut shares = Vec::new();
            for (number, bytes, takes) in steps {
                if takes {
                    shares.extend(budget.try_take(ip(number), bytes));
                } else if !shares.is_empty() {
                    shares.swap_remove(bytes % shares.len());
                }
                let sum: usize = shares.iter().map(|share| share.bytes).sum();
                prop_assert_eq!(budget.held_bytes(), sum);
                prop_assert!(sum <= 64);
            }
            shares.clear();
            prop_assert!(budget.held().by_origin.is_empty());
        }
    }
}
