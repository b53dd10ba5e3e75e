//! What a shard writes to the log about its connections: a bounded number of lines a second, whatever peers do.

use super::Shard;
use switchboard_core::Code;
use switchboard_core::cost::{Meter, Rate};
use switchboard_protocols::Tick;

/// Lines about connections that begin, end or are refused. At 300 bytes a line these are 15 KB a second in the long run.
const CONNECTION_LINES: Rate = Rate::per_second(50, 1_000);
/// Lines about wrong join codes: a flood of connections does not hide them.
const WRONG_CODE_LINES: Rate = Rate::per_second(20, 200);

/// What a shard may write.
#[derive(Default)]
pub(super) struct Lines {
    connections: Meter,
    wrong_codes: Meter,
    /// Lines that were not written since the last one that was.
    left_out: u64,
}

impl Lines {
    /// Whether a line about a connection may be written now.
    fn may_tell(&mut self, now: Tick) -> bool {
        self.may(now, |lines| lines.connections.take(now, CONNECTION_LINES, 1))
    }

    /// Whether a line about a wrong join code may be.
    fn may_tell_wrong_code(&mut self, now: Tick) -> bool {
        self.may(now, |lines| lines.wrong_codes.take(now, WRONG_CODE_LINES, 1))
    }

    fn may(&mut self, now: Tick, take: impl FnOnce(&mut Self) -> bool) -> bool {
        if !take(self) {
            self.left_out += 1;
            return false;
        }
        // What was left out is told with the next line that may be written, and takes one from the rate, too.
        if self.left_out > 0 && self.connections.take(now, CONNECTION_LINES, 1) {
            let lines = std::mem::take(&mut self.left_out);
            tracing::warn!(lines, "so many lines about connections were left out");
        }
        true
    }
}

impl Shard {
    /// Whether the log may have one more line about a connection.
    pub(super) fn may_log(&mut self) -> bool {
        self.lines.may_tell(self.now)
    }

    /// Logs that somebody said a wrong join code. The form of the line is a promise: docs/limits.md has a filter for it.
    pub(super) fn log_wrong_code(&mut self, slot: u32) {
        let connection = &self.connections[slot as usize];
        if let Some(address) = connection.address.map(|address| address.ip().to_canonical())
            && self.lines.may_tell_wrong_code(self.now)
        {
            tracing::warn!(code = Code::PassWrong.as_str(), %address, "wrong join code");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_happens_a_bounded_number_of_lines_is_written() {
        let mut lines = Lines::default();
        let mut written = 0;
        for now in 0..10_000 {
            written += (0..100).filter(|_| lines.may_tell(now)).count();
        }
        assert!((1_400..=1_500).contains(&written), "{written}");
        assert!(lines.may_tell_wrong_code(10_000), "wrong codes have lines of their own");
        let wrong = (0..1_000).filter(|_| lines.may_tell_wrong_code(10_000)).count();
        assert_eq!(wrong, 199);
        assert!(lines.left_out > 0);
        assert!((0..2).all(|_| lines.may_tell(20_000)));
        assert_eq!(lines.left_out, 0, "it was said how many were left out");
    }
}
