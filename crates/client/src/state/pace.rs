//! How fast messages may go out, so that the server need not refuse them.

/// A message's cost: the bucket counts in thousandths, so that a millisecond fills it by messages per second.
const MESSAGE: u64 = 1_000;

/// A token bucket filled by the server's own limits.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pace {
    /// Messages per second; 0: any number.
    rate: u64,
    capacity: u64,
    filled: u64,
    filled_at: u64,
}

impl Pace {
    /// Takes over the server's limits. What was used of the old ones stays used: a resumed session has the same bucket.
    pub(crate) fn set(&mut self, now: u64, rate: u32, burst: u32) {
        // A quarter of the burst is left for what the network bunches up on its way.
        let capacity = (u64::from(burst) * MESSAGE * 3 / 4).max(MESSAGE);
        let fresh = self.rate == 0;
        self.fill(now);
        self.rate = u64::from(rate);
        self.capacity = capacity;
        self.filled = if fresh { capacity } else { self.filled.min(capacity) };
        self.filled_at = now;
    }

    /// Takes one message's worth, if there is that much.
    pub(crate) fn take(&mut self, now: u64) -> bool {
        self.fill(now);
        if self.rate == 0 {
            return true;
        }
        let enough = self.filled >= MESSAGE;
        if enough {
            self.filled -= MESSAGE;
        }
        enough
    }

    /// When the next message may go.
    pub(crate) fn ready_at(&self) -> u64 {
        if self.rate == 0 {
            return 0;
        }
        self.filled_at + MESSAGE.saturating_sub(self.filled).div_ceil(self.rate)
    }

    fn fill(&mut self, now: u64) {
        let gained = now.saturating_sub(self.filled_at).saturating_mul(self.rate);
        self.filled = self.filled.saturating_add(gained).min(self.capacity);
        self.filled_at = self.filled_at.max(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_the_burst_messages_go_at_the_rate() {
        let mut pace = Pace::default();
        pace.set(0, 10, 4);
        assert_eq!((0..5).filter(|_| pace.take(0)).count(), 3);
        assert_eq!(pace.ready_at(), 100);
        assert!(!pace.take(99));
        assert!(pace.take(100));
        assert!(!pace.take(101));
    }

    #[test]
    fn a_new_welcome_gives_no_new_burst() {
        let mut pace = Pace::default();
        pace.set(0, 10, 4);
        (0..3).for_each(|_| assert!(pace.take(0)));
        pace.set(1, 10, 4);
        assert!(!pace.take(1));
    }

    #[test]
    fn without_a_limit_everything_goes_at_once() {
        let mut pace = Pace::default();
        assert!((0..1_000).all(|_| pace.take(0)));
        assert_eq!(pace.ready_at(), 0);
    }
}
