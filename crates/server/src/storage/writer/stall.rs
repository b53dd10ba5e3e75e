//! While nothing can be stored: what is tried, what is said about it, and for how long.

use crate::engine::mailbox::{Mailbox, Stalled};
use std::time::{Duration, Instant};
use switchboard_store::{Batch, Severity, Store, StoreError};

/// How long a commit is tried before everything else goes on without it.
const PATIENCE: Duration = Duration::from_millis(500);
/// How often it is tried meanwhile.
const RETRY: Duration = Duration::from_millis(50);
/// How often it is tried afterwards.
pub(super) const PROBE_INTERVAL: Duration = Duration::from_millis(250);
/// How long what was asked for waits for another program's lock, or for memory; then it is refused. A full disk does not
/// become empty by waiting: there it is refused at once.
pub(super) const WAIT_MAX: Duration = Duration::from_secs(60);
/// How often the log is told why work does not get on.
const SAID_AGAIN: Duration = Duration::from_secs(10);

/// What became of a batch.
pub(super) enum Outcome {
    Stored,
    /// It cannot be stored for now.
    Stalled,
}

/// A time in which nothing can be stored.
pub(super) struct Stall {
    since: Instant,
    probed: Instant,
    /// What waited was refused.
    refused: bool,
}

impl Stall {
    /// It begins now; `refused`: nothing waits for its end.
    pub(super) fn new(refused: bool) -> Self {
        let now = Instant::now();
        Self { since: now, probed: now, refused }
    }

    /// Whether what is asked for is to be refused before it is applied.
    pub(super) const fn refuses(&self) -> bool {
        self.refused
    }
}

/// What was last said of a failure, so that the log is not filled with it.
#[derive(Default)]
pub(super) struct Complaints(Option<(String, Instant)>);

impl Complaints {
    /// Logs why something does not get on, unless the same was logged just now.
    pub(super) fn say(&mut self, what: &'static str, error: &StoreError) {
        let text = error.to_string();
        let is_known = self.0.as_ref().is_some_and(|(said, at)| *said == text && at.elapsed() < SAID_AGAIN);
        if !is_known {
            tracing::warn!(error = text, "{what}");
            self.0 = Some((text, Instant::now()));
        }
    }
}

/// Commits a batch, trying it for a short time while that may help: once if it is known that nothing can be stored. Gives
/// why it could not be.
///
/// # Errors
/// The store failed for good.
pub(super) fn commit(
    store: &mut dyn Store,
    batch: &Batch,
    is_stalled: bool,
    complaints: &mut Complaints,
) -> Result<Result<(), StoreError>, StoreError> {
    let begun = Instant::now();
    loop {
        let Err(error) = store.commit(batch) else { return Ok(Ok(())) };
        if error.severity() == Severity::Danger {
            return Err(error);
        }
        complaints.say("messages wait to be stored", &error);
        if is_stalled || begun.elapsed() >= PATIENCE {
            return Ok(Err(error));
        }
        std::thread::sleep(RETRY);
    }
}

/// Reports to the engine that a batch was not stored.
///
/// # Errors
/// The rooms cannot be read.
pub(super) fn begin(
    store: &mut dyn Store,
    mailbox: &Mailbox,
    batch: Batch,
    why: &StoreError,
) -> Result<Stall, StoreError> {
    let rooms = store.load()?.rooms;
    let refused = matches!(why, StoreError::Full);
    let is_sure = !matches!(why, StoreError::Unsynced);
    mailbox.notice(|notices| {
        notices.stalled = Some(Stalled { batch, rooms, is_sure });
        notices.refuse = refused;
        if refused || !is_sure {
            notices.writable = Some(false);
        }
    });
    Ok(Stall::new(refused || !is_sure))
}

impl Stall {
    /// As if it had begun so much earlier.
    #[cfg(test)]
    pub(super) fn has_lasted(&mut self, time: Duration) {
        self.since = self.since.checked_sub(time).expect("the machine runs for longer");
    }

    /// Tries whether something can be stored again, if it is time. Gives whether it can.
    ///
    /// # Errors
    /// The store failed for good.
    pub(super) fn probe(
        &mut self,
        store: &mut dyn Store,
        mailbox: &Mailbox,
        complaints: &mut Complaints,
    ) -> Result<bool, StoreError> {
        if self.probed.elapsed() < PROBE_INTERVAL {
            return Ok(false);
        }
        self.probed = Instant::now();
        let Err(error) = store.probe() else {
            mailbox.notice(|notices| notices.resumed = true);
            return Ok(true);
        };
        if error.severity() == Severity::Danger {
            return Err(error);
        }
        complaints.say("nothing can be stored", &error);
        let is_full = matches!(error, StoreError::Full | StoreError::Unsynced);
        if !self.refused && (is_full || self.since.elapsed() >= WAIT_MAX) {
            self.refused = true;
            mailbox.notice(|notices| {
                notices.refuse = true;
                notices.writable = Some(false);
            });
        }
        Ok(false)
    }
}

#[cfg(test)]
mod tests;
