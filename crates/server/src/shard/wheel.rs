//! A timer wheel: the shard's deadlines, set and passed over in constant time.
//!
//! A deadline is put into the bucket of its tick and found there when the wheel comes round; one that was moved or
//! withdrawn meanwhile is simply not the connection's deadline any more, and is passed over. So that a connection that
//! moves its deadline with every message does not fill the buckets, only a deadline earlier than the one that stands is
//! put in again: the shard looks at the clock when a bucket comes due, and sets it anew if it was moved.

use switchboard_protocols::Tick;

/// The wheel's step in milliseconds: a deadline is met up to this much late.
const STEP_MS: u64 = 10;
/// Buckets of the fine wheel: 512 × 10 ms are 5.12 s.
const FINE: usize = 512;
/// Buckets of the coarse wheel, each a whole turn of the fine one: 256 × 5.12 s are 21 min. What lies farther ahead
/// waits in the last bucket and is sorted again when that comes due.
const COARSE: usize = 256;

/// Deadlines by slot number.
pub(super) struct Wheel {
    fine: Vec<Vec<(u32, u64)>>,
    coarse: Vec<Vec<(u32, u64)>>,
    /// A bit for each fine bucket that is not empty, so that the next one is found without a look at each.
    filled: [u64; FINE / 64],
    /// The step that was last passed.
    at: u64,
    armed: usize,
}

impl Wheel {
    /// A wheel that stands at `now`.
    #[must_use]
    pub(super) fn new(now: Tick) -> Self {
        Self {
            fine: vec![Vec::new(); FINE],
            coarse: vec![Vec::new(); COARSE],
            filled: [0; FINE / 64],
            at: now / STEP_MS,
            armed: 0,
        }
    }

    /// Sets an alarm for `slot`. It goes off once, up to 10 ms late, whatever becomes of the slot meanwhile.
    pub(super) fn set(&mut self, slot: u32, deadline: Tick) {
        let due = deadline.div_ceil(STEP_MS).max(self.at + 1);
        self.armed += 1;
        self.place(slot, due);
    }

    fn place(&mut self, slot: u32, due: u64) {
        let ahead = due - self.at;
        if ahead < FINE as u64 {
            let bucket = (due % FINE as u64) as usize;
            self.fine[bucket].push((slot, due));
            self.filled[bucket / 64] |= 1 << (bucket % 64);
        } else {
            let turn = due / FINE as u64;
            let farthest = self.at / FINE as u64 + COARSE as u64 - 1;
            self.coarse[(turn.min(farthest) % COARSE as u64) as usize].push((slot, due));
        }
    }

    /// When the wheel wants to be turned next; `None` while nothing is set.
    #[must_use]
    pub(super) fn next(&self) -> Option<Tick> {
        if self.armed == 0 {
            return None;
        }
        let turn_end = (self.at / FINE as u64 + 1) * FINE as u64;
        let step = self.next_filled().map_or(turn_end, |bucket| self.at / FINE as u64 * FINE as u64 + bucket as u64);
        Some(step * STEP_MS)
    }

    /// The first bucket of this turn after the one that the wheel stands at that has something in it.
    fn next_filled(&self) -> Option<usize> {
        let from = (self.at % FINE as u64) as usize + 1;
        let mut word = from / 64;
        let mut bits = self.filled.get(word)? & (u64::MAX << (from % 64));
        while bits == 0 {
            word += 1;
            bits = *self.filled.get(word)?;
        }
        Some(word * 64 + bits.trailing_zeros() as usize)
    }

    /// Turns the wheel to `now` and gives each slot whose alarm came due.
    pub(super) fn turn(&mut self, now: Tick, due: &mut Vec<u32>) {
        let target = now / STEP_MS;
        while self.at < target {
            if self.armed == 0 {
                self.at = target;
                return;
            }
            // Steps with nothing in them are passed over, up to the end of the turn.
            let turn_end = (self.at / FINE as u64 + 1) * FINE as u64;
            let next =
                self.next_filled().map_or(turn_end, |bucket| self.at / FINE as u64 * FINE as u64 + bucket as u64);
            self.at = next.min(target);
            if self.at.is_multiple_of(FINE as u64) {
                let turn = self.at / FINE as u64;
                for (slot, step) in std::mem::take(&mut self.coarse[(turn % COARSE as u64) as usize]) {
                    if step <= self.at {
                        self.armed -= 1;
                        due.push(slot);
                    } else {
                        self.place(slot, step);
                    }
                }
            }
            let bucket = (self.at % FINE as u64) as usize;
            if !self.fine[bucket].is_empty() {
                let mut entries = std::mem::take(&mut self.fine[bucket]);
                self.filled[bucket / 64] &= !(1 << (bucket % 64));
                self.armed -= entries.len();
                due.extend(entries.drain(..).map(|(slot, _)| slot));
                if entries.capacity() <= 64 {
                    self.fine[bucket] = entries;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_alarm_goes_off_once_and_within_a_step(
            alarms in prop::collection::vec(0u64..4_000_000, 1..60),
            steps in prop::collection::vec(1u64..400_000, 1..40),
        ) {
            let mut wheel = Wheel::new(0);
            for (slot, deadline) in alarms.iter().enumerate() {
                wheel.set(slot as u32, *deadline);
            }
            let mut fired = vec![None; alarms.len()];
            let mut now = 0;
            let mut last = 0;
            for step in steps.into_iter().chain([5_000_000]) {
                now += step;
                let mut due = Vec::new();
                wheel.turn(now, &mut due);
                for slot in due {
                    prop_assert!(fired[slot as usize].is_none(), "went off twice");
                    fired[slot as usize] = Some((last, now));
                }
                last = now;
            }
            for (deadline, fired) in alarms.iter().zip(fired) {
                let (before, at) = fired.expect("went off");
                prop_assert!(*deadline <= at, "too early");
                prop_assert!(deadline + 2 * STEP_MS > before, "a turn late");
            }
            prop_assert_eq!(wheel.next(), None);
        }

        #[test]
        fn turning_when_it_asks_to_be_turned_meets_every_deadline(alarms in prop::collection::vec(1u64..3_000_000, 1..20)) {
            let mut wheel = Wheel::new(0);
            for (slot, deadline) in alarms.iter().enumerate() {
                wheel.set(slot as u32, *deadline);
            }
            let mut fired = 0;
            while let Some(next) = wheel.next() {
                let mut due = Vec::new();
                wheel.turn(next, &mut due);
                for slot in due {
                    let deadline = alarms[slot as usize];
                    prop_assert!(deadline <= next && next < deadline + 2 * STEP_MS);
                    fired += 1;
                }
            }
            prop_assert_eq!(fired, alarms.len());
        }
    }
}
