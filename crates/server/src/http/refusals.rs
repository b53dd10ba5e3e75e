//! The log of refusals that an operator can do something about, bounded whoever asks how often.

use crate::admission::LogLimiter;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How often the log tells of the same refusal.
const INTERVAL: Duration = Duration::from_secs(60);
/// Different refusals that are told within that time. Of all others, one line in as long as [`OTHERS_INTERVAL`].
const KINDS_MAX: usize = 16;
const OTHERS_INTERVAL: Duration = Duration::from_secs(5);

/// What was told lately.
#[derive(Debug)]
pub struct Refusals(Mutex<Told>);

#[derive(Debug)]
struct Told {
    kinds: Vec<Kind>,
    others: LogLimiter,
}

#[derive(Debug)]
struct Kind {
    words: String,
    at: Instant,
    skipped: u64,
}

impl Default for Refusals {
    fn default() -> Self {
        Self(Mutex::new(Told { kinds: Vec::new(), others: LogLimiter::new(OTHERS_INTERVAL) }))
    }
}

impl Refusals {
    /// Somebody was refused with these words at `now`. If that may be logged: how many refusals had no line since the last
    /// one of this kind.
    pub(crate) fn note(&self, words: &str, now: Instant) -> Option<u64> {
        // Nothing in here is ever half done.
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_old = |kind: &Kind| now.saturating_duration_since(kind.at) >= INTERVAL;
        if let Some(kind) = told.kinds.iter_mut().find(|kind| kind.words == words) {
            if !is_old(kind) {
                kind.skipped += 1;
                return None;
            }
            kind.at = now;
            return Some(std::mem::take(&mut kind.skipped));
        }
        if told.kinds.len() >= KINDS_MAX {
            let Some(old) = told.kinds.iter().position(is_old) else { return told.others.note(now) };
            told.kinds.swap_remove(old);
        }
        told.kinds.push(Kind { words: words.to_owned(), at: now, skipped: 0 });
        Some(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_is_told_once_in_a_while_and_a_flood_of_kinds_is_bounded() {
        let refusals = Refusals::default();
        let start = Instant::now();
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        assert_eq!(refusals.note("a", at(0)), Some(0));
        assert_eq!(refusals.note("b", at(0)), Some(0), "another kind has a line of its own");
        assert_eq!(refusals.note("a", at(59)), None);
        assert_eq!(refusals.note("a", at(60)), Some(1));
        let told = (0..10_000).filter(|number| refusals.note(&format!("flood {number}"), at(60)).is_some()).count();
        // `b` is old and makes room.
        assert_eq!(told, KINDS_MAX - 1 + 1, "as many kinds as are kept, and one of all others");
        assert_eq!(refusals.note("late", at(64)), None);
        let skipped = refusals.note("late", at(65)).expect("one of all others again");
        assert_eq!(skipped, 10_000 - told as u64 + 1);
        assert_eq!(refusals.note("c", at(120)), Some(0), "room again");
    }
}
