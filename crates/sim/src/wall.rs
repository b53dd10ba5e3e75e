//! The clock on the wall of the simulated machine: it is set, stands still, and runs too fast or too slow.

use crate::agenda::{MS, Micros};
use crate::prng::Random;
use switchboard_core::Time;
use switchboard_store::clock::Reading;

/// The wall's time at the beginning of every run.
const BEGINNING_MS: u64 = 1_800_000_000_000;
const HOUR_MS: u64 = 60 * 60 * 1_000;
const DAY_MS: u64 = 24 * HOUR_MS;

/// A clock that may be wrong, beside the time that goes by.
#[derive(Clone, Debug)]
pub(crate) struct Wall {
    /// What it showed, in milliseconds, at a time.
    shown: u64,
    at: Micros,
    /// How fast it goes, in percent: 0 stands still.
    speed: u64,
    /// Which start of the machine this is.
    boot: u128,
}

impl Wall {
    pub(crate) const fn new() -> Self {
        Self { shown: BEGINNING_MS, at: 0, speed: 100, boot: 1 }
    }

    pub(crate) const fn reading(&self, now: Micros) -> Reading {
        Reading { wall: Time(self.shows(now)), uptime_ms: now / MS, boot: self.boot }
    }

    /// Something happens to it; what, is said for the trace.
    pub(crate) fn go_wrong(&mut self, random: &mut Random, now: Micros) -> String {
        (self.shown, self.at) = (self.shows(now), now);
        match random.below(100) {
            0..30 => {
                let by_ms = random.pick(&[61_000, HOUR_MS, 5 * HOUR_MS, 2 * DAY_MS, 100 * DAY_MS, 40_000 * DAY_MS]);
                self.shown += by_ms;
                format!("the clock is set {by_ms} ms forward")
            }
            30..60 => {
                let by_ms = random.pick(&[500, 61_000, 5 * HOUR_MS, 2 * DAY_MS, 100 * DAY_MS, 40_000 * DAY_MS]);
                self.shown = self.shown.saturating_sub(by_ms);
                format!("the clock is set {by_ms} ms back")
            }
            60..85 => {
                self.speed = random.pick(&[0, 50, 90, 100, 110, 300]);
                format!("the clock goes at {} %", self.speed)
            }
            _ => {
                (self.shown, self.speed) = (BEGINNING_MS + now / MS, 100);
                "the clock is right again".to_owned()
            }
        }
    }

    /// The machine is started again. Its clock may have lost the time while it was off, or all of it; that it goes forward
    /// while the machine is off would be believed.
    pub(crate) fn reboot(&mut self, random: &mut Random, now: Micros) {
        (self.shown, self.at) = (self.shows(now), now);
        self.boot += 1;
        let by_ms = random.pick(&[0, 3_000, DAY_MS, 100_000 * DAY_MS]);
        self.shown = self.shown.saturating_sub(by_ms);
    }

    const fn shows(&self, now: Micros) -> u64 {
        self.shown + (now - self.at) / MS * self.speed / 100
    }
}
