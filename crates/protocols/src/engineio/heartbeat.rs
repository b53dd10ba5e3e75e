//! The heartbeat of a session: the server asks, the client answers, and only the answer counts as life.

use super::Settings;
use crate::conversation::Tick;

/// How late a timer usually is at most, in milliseconds.
const LATE_MS: u64 = 20;

/// When the next ping is due, or by when the last one must be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heartbeat {
    /// A ping is sent at this time.
    PingAt(Tick),
    /// A ping was sent; without an answer the peer is gone at this time.
    AnswerBy(Tick),
}

/// What a passed deadline means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beat {
    /// Nothing is due.
    Quiet,
    /// Send a ping.
    Ping,
    /// The peer did not answer in time.
    Dead,
}

impl Heartbeat {
    /// The heart of a session that began at `now`: its first ping comes after a whole interval, not at once.
    #[must_use]
    pub const fn begin(now: Tick, settings: &Settings) -> Self {
        Self::PingAt(now + settings.ping_interval_ms)
    }

    /// When [`Heartbeat::turn`] has something to say.
    #[must_use]
    pub const fn deadline(self) -> Tick {
        match self {
            Self::PingAt(at) | Self::AnswerBy(at) => at,
        }
    }

    /// A pong came, asked for or not.
    pub const fn pong(&mut self, now: Tick, settings: &Settings) {
        *self = Self::PingAt(now + settings.ping_interval_ms);
    }

    /// Time passed.
    pub const fn turn(&mut self, now: Tick, settings: &Settings) -> Beat {
        if now < self.deadline() {
            return Beat::Quiet;
        }
        match *self {
            Self::PingAt(due) => {
                // Timers are a little late, and that must not add up; a turn that is very late does not shorten the
                // time to answer.
                let sent = if now - due <= LATE_MS { due } else { now };
                *self = Self::AnswerBy(sent + settings.ping_timeout_ms);
                Beat::Ping
            }
            Self::AnswerBy(_) => Beat::Dead,
        }
    }

    /// The peer was not listened to until now, so that its silence proves nothing.
    pub const fn excuse(&mut self, now: Tick, settings: &Settings) {
        if let Self::AnswerBy(_) = self {
            *self = Self::AnswerBy(now + settings.ping_timeout_ms);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pings_follow_pongs_and_silence_is_death() {
        let settings = Settings { ping_interval_ms: 300, ping_timeout_ms: 200, ..Settings::default() };
        let mut heart = Heartbeat::begin(1_000, &settings);
        assert_eq!(heart.turn(1_299, &settings), Beat::Quiet, "no ping at once");
        assert_eq!(heart.turn(1_300, &settings), Beat::Ping);
        assert_eq!(heart.turn(1_499, &settings), Beat::Quiet);
        heart.pong(1_499, &settings);
        assert_eq!(heart.deadline(), 1_799);
        assert_eq!(heart.turn(1_809, &settings), Beat::Ping);
        assert_eq!(heart.turn(1_998, &settings), Beat::Quiet);
        assert_eq!(heart.turn(1_999, &settings), Beat::Dead, "not rounded up");
    }

    #[test]
    fn a_late_ping_leaves_the_whole_time_to_answer() {
        let settings = Settings { ping_interval_ms: 300, ping_timeout_ms: 200, ..Settings::default() };
        let mut heart = Heartbeat::begin(0, &settings);
        assert_eq!(heart.turn(900, &settings), Beat::Ping);
        assert_eq!(heart.turn(1_099, &settings), Beat::Quiet);
        heart.excuse(1_099, &settings);
        assert_eq!(heart.turn(1_298, &settings), Beat::Quiet);
        assert_eq!(heart.turn(1_299, &settings), Beat::Dead);
    }
}
