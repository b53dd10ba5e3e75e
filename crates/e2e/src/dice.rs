//! Chance from a seed, so that what a test throws can be thrown again.

use std::time::{SystemTime, UNIX_EPOCH};

/// A generator of random numbers (splitmix64).
#[derive(Clone, Debug)]
pub struct Dice(u64);

impl Dice {
    /// The numbers that belong to `seed`.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A seed of now, or the one in the variable `SWITCHBOARD_SEED`. It is printed, so that a failure names it.
    ///
    /// # Panics
    /// The variable holds something else.
    #[must_use]
    pub fn seeded() -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64);
        let seed =
            std::env::var("SWITCHBOARD_SEED").map_or(now, |seed| seed.parse().expect("SWITCHBOARD_SEED: a number"));
        println!("SWITCHBOARD_SEED={seed}");
        Self(seed)
    }

    /// A number below `end`.
    ///
    /// # Panics
    /// `end` is 0.
    pub const fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }

    /// Another generator, whose numbers follow from this one's.
    pub const fn split(&mut self) -> Self {
        Self(self.below(u64::MAX))
    }
}
