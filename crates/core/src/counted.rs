//! Time as far as it can be believed: what went by between stored messages, whatever their clocks said.

use crate::ids::Time;

/// Differences of this length and longer are not counted, in milliseconds: they are a clock that was set, a server that
/// was down, or a quiet hour, and nobody can tell which.
pub const STEP_MS: u64 = 60 * 60 * 1_000;

/// Adds up the time between messages in the order in which they were stored.
///
/// A message that is less than [`STEP_MS`] from the latest time counts as far as it is later, so that clocks which run
/// a little apart count no moment twice. One that is further away, in either direction, counts nothing and is not
/// believed alone: a room that was once stamped ahead keeps that time for all its messages until the clock comes there.
/// Only when the next message goes on from it by less than [`STEP_MS`], the clock was set, and counting goes on there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counted {
    total_ms: u64,
    /// The latest time that is believed; none before the first message.
    latest: Option<Time>,
    /// The time of the last message.
    previous: Time,
}

impl Counted {
    /// The count before the first message.
    pub const NONE: Self = Self { total_ms: 0, latest: None, previous: Time(0) };

    /// The count when a message with this time has been stored.
    #[must_use]
    pub fn after(self, time: Time) -> Self {
        let Self { total_ms, latest, previous } = self;
        let Some(latest) = latest else { return Self { total_ms, latest: Some(time), previous: time } };
        let is_near = time.0.abs_diff(latest.0) < STEP_MS;
        let gained_ms = time.since(if is_near { latest } else { previous });
        // A time that neither is near nor goes on from the last message is not believed yet.
        if gained_ms == 0 || gained_ms >= STEP_MS {
            return Self { total_ms, latest: Some(latest), previous: time };
        }
        Self { total_ms: total_ms + gained_ms, latest: Some(time), previous: time }
    }

    /// What was counted, in milliseconds.
    #[must_use]
    pub const fn total_ms(self) -> u64 {
        self.total_ms
    }
}

/// Finds from the latest message backwards where a count of so many milliseconds begins: what has to be read to know
/// every message of that age.
#[derive(Clone, Copy, Debug)]
pub struct Backwards {
    counted: Counted,
    age_ms: u64,
}

impl Backwards {
    /// A walk that ends when `age_ms` have surely been counted.
    #[must_use]
    pub const fn new(age_ms: u64) -> Self {
        Self { counted: Counted::NONE, age_ms }
    }

    /// Whether the next earlier message, which has this time, is still wanted.
    ///
    /// A count in one direction and one in the other differ by less than two steps, by which times they believe at
    /// their ends; so much further the walk goes.
    pub fn wants(&mut self, time: Time) -> bool {
        // Backwards is forwards with the times mirrored.
        self.counted = self.counted.after(Time(u64::MAX - time.0));
        self.counted.total_ms <= self.age_ms.saturating_add(2 * STEP_MS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HOUR: u64 = STEP_MS;
    const DAY: u64 = 24 * HOUR;
    const NOW: u64 = 1_800_000_000_000;

    fn counted(times: impl IntoIterator<Item = u64>) -> u64 {
        times.into_iter().fold(Counted::NONE, |counted, time| counted.after(Time(time))).total_ms()
    }

    #[test]
    fn what_goes_by_is_counted_once() {
        assert_eq!(counted([]), 0);
        assert_eq!(counted([NOW]), 0);
        assert_eq!(counted([NOW, NOW + 5, NOW + 5, NOW + 20]), 20);
        assert_eq!(counted([NOW, NOW + HOUR - 1]), HOUR - 1);
        assert_eq!(counted([NOW, NOW + HOUR]), 0);
    }

    #[test]
    fn a_clock_that_is_set_counts_nothing_and_goes_on() {
        for to in [NOW + 100 * DAY, NOW - 100 * DAY, NOW - DAY, NOW + 2 * HOUR, 0] {
            assert_eq!(counted([NOW, NOW + 10, to, to + 10, to + 30]), 40, "{to}");
        }
    }

    #[test]
    fn a_room_that_stands_ahead_neither_counts_nor_keeps_others_from_it() {
        let ahead = NOW + 2 * DAY;
        let mixed = (0..1_000).flat_map(|n| [NOW + n * 60_000, ahead, ahead]);
        assert_eq!(counted(mixed), 999 * 60_000);
    }

    #[test]
    fn clocks_that_run_apart_count_no_moment_twice() {
        for apart in [1, 1_000, HOUR / 2, HOUR - 1_000] {
            let mixed = (0..1_000).flat_map(|n| [NOW + n * 500, NOW + n * 500 + apart]);
            assert!(counted(mixed) <= 999 * 500 + apart, "{apart}");
        }
        for apart in [HOUR, 5 * HOUR, 365 * DAY] {
            let mixed = (0..1_000).flat_map(|n| [NOW + n * 500, NOW + n * 500 + apart]);
            assert!(counted(mixed) <= 999 * 500, "{apart}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        /// However clocks jump between messages, no more is counted than went by, and a walk backwards reaches at least
        /// as far as a count forwards.
        #[test]
        fn no_jump_is_counted(moves in proptest::collection::vec((0_u64..3 * HOUR, 0_u8..10, 0_u64..400 * DAY), 1..80)) {
            let (mut clock, mut went_by, mut times) = (NOW, 0, Vec::new());
            for (passed, jumps, by) in moves {
                went_by += if jumps < 2 { 0 } else { passed };
                clock = match jumps {
                    0 => clock + HOUR + by,
                    1 => clock.saturating_sub(2 * HOUR + by),
                    _ => clock + passed,
                };
                times.push(clock);
            }
            let forwards = counted(times.iter().copied());
            prop_assert!(forwards <= went_by, "{} of {}", forwards, went_by);
            let mut walk = Backwards::new(12 * HOUR);
            let wanted = times.iter().rev().take_while(|time| walk.wants(Time(**time))).count();
            let from = times.len() - wanted;
            if from > 0 {
                prop_assert!(counted(times[from..].iter().copied()) >= 12 * HOUR);
            }
        }
    }
}
