//! How much may be asked in how short a time: a token bucket in eight bytes.

use crate::ids::Time;

/// A token bucket, kept as the moment at which it will be full again (the generic cell rate algorithm): there is one
/// for each connection and one for each session, and nothing has to run to refill them.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Bucket {
    full_at_micros: u64,
}

impl Bucket {
    /// A full one.
    pub(super) const fn new() -> Self {
        Self { full_at_micros: 0 }
    }

    /// Takes one token from a bucket that holds `burst` and gains `per_second` in a second; false if there is none.
    /// 0 in a second means any number.
    pub(super) fn take(&mut self, now: Time, per_second: u32, burst: u32) -> bool {
        self.take_many(now, per_second, burst, 1)
    }

    /// The same with `count` tokens. A full bucket always gives what is asked for, even if it holds less.
    pub(super) fn take_many(&mut self, now: Time, per_second: u32, burst: u32, count: usize) -> bool {
        if per_second == 0 {
            return true;
        }
        let token_micros = 1_000_000 / u64::from(per_second);
        let most_micros = token_micros * u64::from(burst.max(1));
        let cost_micros = token_micros.saturating_mul(count as u64).min(most_micros);
        let now_micros = now.0.saturating_mul(1_000);
        let full_at = self.full_at_micros.max(now_micros).saturating_add(cost_micros);
        if full_at - now_micros > most_micros {
            return false;
        }
        self.full_at_micros = full_at;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(bucket: &mut Bucket, now: u64, tries: usize) -> usize {
        (0..tries).filter(|_| bucket.take(Time(now), 10, 30)).count()
    }

    #[test]
    fn a_burst_then_the_rate() {
        let mut bucket = Bucket::default();
        assert_eq!(taken(&mut bucket, 1_000, 50), 30);
        assert_eq!(taken(&mut bucket, 1_099, 5), 0);
        assert_eq!(taken(&mut bucket, 1_100, 5), 1);
        assert_eq!(taken(&mut bucket, 2_100, 50), 10);
    }

    #[test]
    fn it_never_holds_more_than_its_burst() {
        let mut bucket = Bucket::default();
        assert_eq!(taken(&mut bucket, 0, 5), 5);
        assert_eq!(taken(&mut bucket, 1_000_000, 50), 30);
    }

    #[test]
    fn many_at_once_cost_as_much_as_one_by_one() {
        let mut bucket = Bucket::default();
        assert!(bucket.take_many(Time(1_000), 10, 30, 25));
        assert!(!bucket.take_many(Time(1_000), 10, 30, 6));
        assert!(bucket.take_many(Time(1_000), 10, 30, 5));
        assert!(!bucket.take_many(Time(3_900), 10, 30, 100), "more than it ever holds waits until it is full");
        assert!(bucket.take_many(Time(4_000), 10, 30, 100));
        assert!(!bucket.take(Time(4_000), 10, 30));
    }

    #[test]
    fn no_rate_is_no_bound() {
        let mut bucket = Bucket::default();
        assert!((0..1_000).all(|_| bucket.take(Time(1), 0, 1)));
    }

    #[test]
    fn a_burst_of_none_still_lets_one_pass() {
        let mut bucket = Bucket::default();
        assert!(bucket.take(Time(5), 1, 0));
        assert!(!bucket.take(Time(5), 1, 0));
    }
}
