//! The server's clocks: the running time, which goes on evenly while the process runs, and the wall's, which may be set.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use switchboard_core::Time;
use switchboard_protocols::Tick;
use switchboard_store::clock::Reading;

/// Reads the time for the engine and the shards.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    begun: Instant,
    begun_wall: Duration,
    /// Which start of the machine this is.
    boot: u128,
}

impl Clock {
    /// A clock whose running time starts from the wall's.
    #[must_use]
    pub fn start() -> Self {
        Self { begun: Instant::now(), begun_wall: since_epoch(), boot: switchboard_sys::boot_number() }
    }

    /// The running time now. It follows the monotonic clock, so that no setting of the wall's clock ends a session early
    /// or keeps a rate from refilling.
    #[must_use]
    pub fn now(&self) -> Time {
        Time((self.begun_wall + self.begun.elapsed()).as_millis() as u64)
    }

    /// What the wall's clock shows now, which stamps messages, and what it can be held against.
    #[must_use]
    pub fn reading(&self) -> Reading {
        let uptime = switchboard_sys::uptime();
        // Without a clock of the machine's there is none to hold against, not even after a restart.
        let boot = if uptime.is_some() { self.boot } else { 0 };
        let uptime_ms = uptime.unwrap_or_else(|| self.begun.elapsed()).as_millis() as u64;
        Reading { wall: Time(since_epoch().as_millis() as u64), uptime_ms, boot }
    }

    /// How long it is until the running time `time`.
    #[must_use]
    pub fn until(&self, time: Time) -> Duration {
        Duration::from_millis(time.since(self.now()))
    }

    /// Milliseconds since the clock was started: the shards' time.
    #[must_use]
    pub fn tick(&self) -> Tick {
        self.begun.elapsed().as_millis() as Tick
    }

    /// The instant of a shard's tick.
    #[must_use]
    pub fn instant(&self, tick: Tick) -> Instant {
        self.begun + Duration::from_millis(tick)
    }
}

fn since_epoch() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use switchboard_store::ClockLog;
    use switchboard_store::clock::Noted;

    #[test]
    fn the_clocks_of_this_machine_go_together() {
        let clock = Clock::start();
        let mut log = ClockLog::default();
        assert_eq!(log.note(clock.reading(), 1), Noted::Worth);
        assert!(!log.is_behind(clock.reading()));
        let (now, wall) = (clock.now(), clock.reading().wall);
        assert!(wall.0.abs_diff(now.0) < 10_000, "{now:?} {wall:?}");
        assert!(clock.until(clock.now().plus(60_000)) <= Duration::from_secs(60));
    }
}
