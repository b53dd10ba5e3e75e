//! Lines of the log that come in floods, and of which one now and then is enough.

use std::time::{Duration, Instant};

/// Limits equal log lines to one in each span of time, and counts the others.
///
/// Whoever connects a thousand times a second must not fill the disk with what is said about it.
#[derive(Debug, Clone)]
pub struct LogLimiter {
    interval: Duration,
    last: Option<Instant>,
    suppressed: u64,
}

impl LogLimiter {
    /// One line in each `interval`.
    #[must_use]
    pub const fn new(interval: Duration) -> Self {
        Self { interval, last: None, suppressed: 0 }
    }

    /// Something happened at `now`. If it may be logged: how many times it happened since the last
    /// line without a line of its own.
    pub fn note(&mut self, now: Instant) -> Option<u64> {
        let is_due = self.last.is_none_or(|last| now.saturating_duration_since(last) >= self.interval);
        if is_due {
            self.last = Some(now);
            Some(std::mem::take(&mut self.suppressed))
        } else {
            self.suppressed += 1;
            None
        }
    }
}
