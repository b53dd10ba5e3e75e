//! The engine's mailbox: the bounded inbox of the shards' commands, and the few words of the storage and the operator.

use crate::message::ToEngine;
use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use switchboard_core::Seq;

/// What waits for the engine. A shard never waits for it: what does not fit stays with the shard.
pub struct Mailbox {
    inner: Mutex<Inner>,
    wake: Condvar,
    commands_max: usize,
    bytes_max: usize,
}

/// What is in the mailbox besides commands; each has room for one, so that none of it needs a bound.
#[derive(Debug, Default)]
pub struct Notices {
    /// The commit under way is done.
    pub committed: bool,
    /// The storage can, or cannot, be written.
    pub writable: Option<bool>,
    /// The storage failed for good; the text is for the log.
    pub failed: Option<String>,
    /// Rooms with events that are older than the retention, and the first number that is to stay.
    pub trims: Vec<(Arc<str>, Seq)>,
    /// The operator wants the server to end.
    pub shut_down: bool,
    /// A shard has no connection any more, after it was told to close them all.
    pub shards_done: usize,
}

struct Inner {
    commands: VecDeque<ToEngine>,
    bytes: usize,
    notices: Notices,
    noticed: bool,
    /// The shards that hold commands back until there is space.
    refused: Vec<usize>,
    sleeping: bool,
}

/// The mailbox while a shard puts commands in.
pub struct Offering<'a> {
    mailbox: &'a Mailbox,
    inner: MutexGuard<'a, Inner>,
    shard: usize,
}

impl Mailbox {
    /// A mailbox for `commands_max` commands of at most `bytes_max` bytes together.
    #[must_use]
    pub fn new(commands_max: usize, bytes_max: usize) -> Self {
        let inner = Inner {
            commands: VecDeque::new(),
            bytes: 0,
            notices: Notices::default(),
            noticed: false,
            refused: Vec::new(),
            sleeping: false,
        };
        Self { inner: Mutex::new(inner), wake: Condvar::new(), commands_max, bytes_max }
    }

    /// Opens the mailbox for a shard.
    pub fn offer(&self, shard: usize) -> Offering<'_> {
        Offering { mailbox: self, inner: self.lock(), shard }
    }

    /// Leaves a word for the engine.
    pub fn notice(&self, write: impl FnOnce(&mut Notices)) {
        let mut inner = self.lock();
        write(&mut inner.notices);
        inner.noticed = true;
        if inner.sleeping {
            self.wake.notify_one();
        }
    }

    /// Waits for a word or, when `commands` says so, for commands; at most for `timeout`. Takes the words, and up to
    /// `commands` commands of up to `bytes` bytes. Gives the shards that were refused and may try again.
    pub fn take(
        &self,
        commands: usize,
        bytes: usize,
        timeout: Option<Duration>,
        into: &mut Vec<ToEngine>,
    ) -> (Notices, Vec<usize>) {
        let mut inner = self.lock();
        if !inner.noticed && (commands == 0 || inner.commands.is_empty()) && timeout != Some(Duration::ZERO) {
            inner.sleeping = true;
            let nothing = |inner: &mut Inner| !inner.noticed && (commands == 0 || inner.commands.is_empty());
            inner = match timeout {
                None => self.wake.wait_while(inner, nothing).unwrap_or_else(PoisonError::into_inner),
                Some(timeout) => {
                    self.wake.wait_timeout_while(inner, timeout, nothing).unwrap_or_else(PoisonError::into_inner).0
                }
            };
            inner.sleeping = false;
        }
        let mut taken_bytes = 0;
        while into.len() < commands && taken_bytes < bytes {
            let Some(command) = inner.commands.pop_front() else { break };
            taken_bytes += command.bytes();
            into.push(command);
        }
        inner.bytes -= taken_bytes;
        inner.noticed = false;
        let refused = if inner.commands.is_empty() { std::mem::take(&mut inner.refused) } else { Vec::new() };
        (std::mem::take(&mut inner.notices), refused)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Offering<'_> {
    /// Puts a command in.
    ///
    /// # Errors
    /// There is no space; the command comes back, and the shard is told when there is.
    pub fn put(&mut self, command: ToEngine) -> Result<(), ToEngine> {
        let bytes = command.bytes();
        let full = self.inner.commands.len() >= self.mailbox.commands_max
            || self.inner.bytes + bytes > self.mailbox.bytes_max && !self.inner.commands.is_empty();
        if full {
            if !self.inner.refused.contains(&self.shard) {
                self.inner.refused.push(self.shard);
            }
            return Err(command);
        }
        self.inner.bytes += bytes;
        self.inner.commands.push_back(command);
        Ok(())
    }
}

impl Drop for Offering<'_> {
    fn drop(&mut self) {
        if self.inner.sleeping && !self.inner.commands.is_empty() {
            self.mailbox.wake.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use switchboard_core::ConnectionId;

    fn command(number: u64) -> ToEngine {
        ToEngine::Disconnect { connection: ConnectionId(number) }
    }

    #[test]
    fn what_does_not_fit_comes_back_and_the_shard_is_called_when_there_is_space() {
        let mailbox = Mailbox::new(2, 1 << 20);
        let mut offering = mailbox.offer(7);
        assert_eq!(offering.put(command(1)), Ok(()));
        assert_eq!(offering.put(command(2)), Ok(()));
        assert_eq!(offering.put(command(3)), Err(command(3)));
        drop(offering);
        let mut taken = Vec::new();
        let (_, refused) = mailbox.take(1, 1 << 20, Some(Duration::ZERO), &mut taken);
        assert_eq!((taken.len(), refused), (1, vec![]), "half full is no time to call");
        taken.clear();
        let (_, refused) = mailbox.take(9, 1 << 20, Some(Duration::ZERO), &mut taken);
        assert_eq!((taken, refused), (vec![command(2)], vec![7]));
    }

    #[test]
    fn bytes_bound_it_as_well_but_a_single_large_command_passes() {
        let size = command(1).bytes();
        let mailbox = Mailbox::new(100, size);
        let mut offering = mailbox.offer(0);
        assert_eq!(offering.put(command(1)), Ok(()));
        assert_eq!(offering.put(command(2)), Err(command(2)));
        drop(offering);
        let tiny = Mailbox::new(100, 1);
        assert_eq!(tiny.offer(0).put(command(1)), Ok(()));
    }

    #[test]
    fn a_word_wakes_the_engine_even_when_it_takes_no_commands() {
        let mailbox = Arc::new(Mailbox::new(2, 1 << 20));
        let teller = mailbox.clone();
        let thread = std::thread::spawn(move || teller.notice(|notices| notices.committed = true));
        let (notices, _) = mailbox.take(0, 0, None, &mut Vec::new());
        thread.join().expect("the teller ends");
        assert!(notices.committed);
    }
}
