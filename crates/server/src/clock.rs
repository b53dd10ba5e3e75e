//! The server's clock: the wall's time, which never goes back while the process runs.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use switchboard_core::Time;
use switchboard_protocols::Tick;

/// Reads the time for the engine and the shards.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    begun: Instant,
    begun_wall: Duration,
}

impl Clock {
    /// A clock that starts from the wall's time.
    #[must_use]
    pub fn start() -> Self {
        Self { begun: Instant::now(), begun_wall: SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default() }
    }

    /// The time now. It follows the monotonic clock, so that an adjustment of the wall's clock neither ends sessions
    /// nor turns time back; the wall's adjustments are taken up when the server is started again.
    #[must_use]
    pub fn now(&self) -> Time {
        Time((self.begun_wall + self.begun.elapsed()).as_millis() as u64)
    }

    /// How long it is until `time`.
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
