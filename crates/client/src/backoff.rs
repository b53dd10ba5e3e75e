//! How long to wait before the next attempt to connect: longer each time, and never all clients at once.

use std::time::Duration;

const FIRST_MS: u64 = 200;
const LONGEST_MS: u64 = 20_000;

/// A connection that lived this long was a good one: the next attempt is the first again.
const GOOD_AFTER: Duration = Duration::from_secs(10);

/// A server that welcomes and soon closes again is called back quickly, but not in a tight loop.
const ATTEMPTS_AFTER_SHORT_LIFE: u32 = 2;

/// Exponential backoff with full jitter: each wait is evenly spread from nothing to a bound which doubles from 0.2 to
/// 20 seconds.
#[derive(Clone, Debug, Default)]
pub struct Backoff {
    attempts: u32,
}

impl Backoff {
    /// The wait before the next attempt; `chance` is any number.
    pub fn next(&mut self, chance: u64) -> Duration {
        let bound = FIRST_MS.saturating_mul(1 << self.attempts.min(16)).min(LONGEST_MS);
        self.attempts = self.attempts.saturating_add(1);
        Duration::from_millis(chance % (bound + 1))
    }

    /// A session that had been opened ended after this long.
    pub fn lived(&mut self, life: Duration) {
        self.attempts = if life >= GOOD_AFTER { 0 } else { self.attempts.min(ATTEMPTS_AFTER_SHORT_LIFE) };
    }

    /// Attempts since the last good connection.
    #[must_use]
    pub const fn attempts(&self) -> u32 {
        self.attempts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The longest wait that the next attempt can have.
    fn bound(backoff: &Backoff) -> u64 {
        (0..=LONGEST_MS)
            .rev()
            .find(|chance| backoff.clone().next(*chance) == Duration::from_millis(*chance))
            .unwrap_or(0)
    }

    #[test]
    fn the_bound_doubles_up_to_the_longest() {
        let mut backoff = Backoff::default();
        for expected in [200, 400, 800, 1_600, 3_200, 6_400, 12_800, 20_000, 20_000] {
            assert_eq!(bound(&backoff), expected);
            backoff.next(0);
        }
    }

    #[test]
    fn a_good_connection_starts_it_over_and_a_short_one_shortens_it() {
        let mut backoff = Backoff { attempts: 9 };
        backoff.lived(Duration::from_secs(1));
        assert_eq!(bound(&backoff), 800);
        backoff.lived(GOOD_AFTER);
        assert_eq!(bound(&backoff), 200);
    }
}
