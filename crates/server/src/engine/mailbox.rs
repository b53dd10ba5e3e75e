//! The engine's mailbox: the bounded inbox of the shards' commands, the few words of the storage and the operator, and
//! whose turn at the engine it is.

use crate::message::ToEngine;
use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use switchboard_core::Seq;
use switchboard_store::{Batch, RoomRecord};

/// What waits for the engine. A shard never waits for it: what does not fit stays with the shard.
///
/// One thread at a time is *at work* on the engine: its own, or one that brought something and found nobody there, which
/// then is its guest for one turn and spares the machine two changes of threads.
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
    /// Nothing can be stored for now, and the commit under way was not.
    pub stalled: Option<Stalled>,
    /// What waits to be stored has waited long enough.
    pub refuse: bool,
    /// What waited can be stored.
    pub resumed: bool,
    /// The storage failed for good; the text is for the log.
    pub failed: Option<String>,
    /// Rooms with events that are older than the retention, and the first number that is to stay.
    pub trims: Vec<(Arc<str>, Seq)>,
    /// The operator wants the server to end.
    pub shut_down: bool,
    /// A shard has no connection any more, after it was told to close them all.
    pub shards_done: usize,
}

/// A commit that cannot be made for now.
#[derive(Debug)]
pub struct Stalled {
    /// What was to be stored. Nothing of it is.
    pub batch: Batch,
    /// Every room as it is stored.
    pub rooms: Vec<RoomRecord>,
    /// Nothing of it comes back after a restart: it may be refused.
    pub is_sure: bool,
}

/// Who is at work on the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Worker {
    /// The engine's thread, which may wait for a shard and heeds every notice.
    Own,
    /// Another thread for one turn, which waits for nobody and heeds commands and commits only.
    Guest,
}

/// When the engine wants its next turn, and whose.
#[derive(Clone, Copy, Debug)]
pub struct Wants {
    /// Its batch has room for commands.
    pub commands: bool,
    /// It wants a turn at this time whatever comes.
    pub deadline: Option<Instant>,
    /// It is to be left to its own thread.
    pub no_guests: bool,
}

struct Inner {
    commands: VecDeque<ToEngine>,
    bytes: usize,
    notices: Notices,
    /// There are notices that are for the engine's thread.
    noticed: bool,
    /// The shards that hold commands back until there is space.
    refused: Vec<usize>,
    /// A thread is at work on the engine.
    at_work: bool,
    wants: Wants,
    /// When the engine's thread wakes by itself, if it sleeps and knows a time.
    alarm: Option<Instant>,
}

/// The mailbox while a shard puts commands in.
#[must_use = "the engine learns of them by `done`"]
pub struct Offering<'a> {
    mailbox: &'a Mailbox,
    inner: MutexGuard<'a, Inner>,
    shard: usize,
}

impl Mailbox {
    /// A mailbox for `commands_max` commands of at most `bytes_max` bytes together. The engine's thread is at work from
    /// the beginning.
    #[must_use]
    pub fn new(commands_max: usize, bytes_max: usize) -> Self {
        let inner = Inner {
            commands: VecDeque::new(),
            bytes: 0,
            notices: Notices::default(),
            noticed: false,
            refused: Vec::new(),
            at_work: true,
            wants: Wants { commands: true, deadline: None, no_guests: false },
            alarm: None,
        };
        Self { inner: Mutex::new(inner), wake: Condvar::new(), commands_max, bytes_max }
    }

    /// Opens the mailbox for a shard.
    pub fn offer(&self, shard: usize) -> Offering<'_> {
        Offering { mailbox: self, inner: self.lock(), shard }
    }

    /// Leaves a word for the engine's thread.
    pub fn notice(&self, write: impl FnOnce(&mut Notices)) {
        let mut inner = self.lock();
        write(&mut inner.notices);
        inner.noticed = true;
        if !inner.at_work {
            self.wake.notify_one();
        }
    }

    /// The commit under way is done. Gives whether the caller is at work on the engine now, for one turn.
    #[must_use]
    pub fn committed(&self) -> bool {
        let mut inner = self.lock();
        inner.notices.committed = true;
        self.invite(&mut inner)
    }

    /// Takes the words that are for this worker, and up to `commands` commands of up to `bytes` bytes. Gives the shards
    /// that were refused and may try again.
    pub fn take(
        &self,
        worker: Worker,
        commands: usize,
        bytes: usize,
        into: &mut Vec<ToEngine>,
    ) -> (Notices, Vec<usize>) {
        let mut inner = self.lock();
        let mut taken_bytes = 0;
        while into.len() < commands && taken_bytes < bytes {
            let Some(command) = inner.commands.pop_front() else { break };
            taken_bytes += command.bytes();
            into.push(command);
        }
        inner.bytes -= taken_bytes;
        let refused = if inner.commands.is_empty() { std::mem::take(&mut inner.refused) } else { Vec::new() };
        let notices = match worker {
            Worker::Own => {
                inner.noticed = false;
                std::mem::take(&mut inner.notices)
            }
            Worker::Guest => Notices { committed: std::mem::take(&mut inner.notices.committed), ..Notices::default() },
        };
        (notices, refused)
    }

    /// Whoever was at work has done its turn.
    pub fn give_back(&self, wants: Wants) {
        let mut inner = self.lock();
        inner.at_work = false;
        inner.wants = wants;
        let is_earlier = match (wants.deadline, inner.alarm) {
            (Some(deadline), Some(alarm)) => deadline < alarm,
            (Some(_), None) => true,
            (None, _) => false,
        };
        if inner.is_due() || is_earlier {
            self.wake.notify_one();
        }
    }

    /// Waits until the engine wants a turn and nobody is at work; from then on its own thread is.
    pub fn wait(&self) {
        let mut inner = self.lock();
        loop {
            if inner.at_work {
                inner = self.wake.wait(inner).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            let now = Instant::now();
            let deadline = inner.wants.deadline;
            if inner.is_due() || deadline.is_some_and(|deadline| deadline <= now) {
                break;
            }
            inner.alarm = deadline;
            inner = match deadline {
                None => self.wake.wait(inner).unwrap_or_else(PoisonError::into_inner),
                Some(deadline) => {
                    let waited = self.wake.wait_timeout(inner, deadline - now);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
            };
            inner.alarm = None;
        }
        inner.at_work = true;
    }

    /// Has the caller do a turn if nobody is at work, or wakes the engine's thread where guests are not wanted.
    fn invite(&self, inner: &mut Inner) -> bool {
        if inner.at_work || !inner.is_due() {
            return false;
        }
        if inner.wants.no_guests || inner.noticed {
            self.wake.notify_one();
            return false;
        }
        inner.at_work = true;
        true
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// Whether there is something that the engine wants now.
    fn is_due(&self) -> bool {
        self.noticed || self.notices.committed || self.wants.commands && !self.commands.is_empty()
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

    /// Closes the mailbox. Gives whether the caller is at work on the engine now, for one turn.
    #[must_use]
    pub fn done(mut self) -> bool {
        self.mailbox.invite(&mut self.inner)
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
        assert!(!offering.done(), "the engine's thread is at work");
        let mut taken = Vec::new();
        let (_, refused) = mailbox.take(Worker::Own, 1, 1 << 20, &mut taken);
        assert_eq!((taken.len(), refused), (1, vec![]), "half full is no time to call");
        taken.clear();
        let (_, refused) = mailbox.take(Worker::Own, 9, 1 << 20, &mut taken);
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

    const QUIET: Wants = Wants { commands: true, deadline: None, no_guests: false };

    /// Puts a command in and gives whether a turn comes with it.
    fn bring(mailbox: &Mailbox) -> bool {
        let mut offering = mailbox.offer(0);
        assert_eq!(offering.put(command(1)), Ok(()));
        offering.done()
    }

    #[test]
    fn a_word_wakes_the_engine_even_when_it_takes_no_commands() {
        let mailbox = Arc::new(Mailbox::new(2, 1 << 20));
        assert!(!bring(&mailbox));
        mailbox.give_back(Wants { commands: false, ..QUIET });
        let teller = mailbox.clone();
        let thread = std::thread::spawn(move || teller.notice(|notices| notices.shut_down = true));
        mailbox.wait();
        let (notices, _) = mailbox.take(Worker::Own, 0, 0, &mut Vec::new());
        thread.join().expect("the teller ends");
        assert!(notices.shut_down);
    }

    #[test]
    fn who_brings_something_and_finds_nobody_does_one_turn_and_no_other_does_meanwhile() {
        let mailbox = Mailbox::new(9, 1 << 20);
        mailbox.give_back(QUIET);
        assert!(!mailbox.offer(0).done(), "nothing was brought");
        assert!(bring(&mailbox));
        assert!(!bring(&mailbox), "somebody is at work");
        assert!(!mailbox.committed());
        let mut taken = Vec::new();
        let (notices, _) = mailbox.take(Worker::Guest, 9, 1 << 20, &mut taken);
        assert!(notices.committed && taken.len() == 2);
        mailbox.give_back(QUIET);
        assert!(mailbox.committed());
    }

    #[test]
    fn what_is_for_the_engines_thread_stays_there_until_it_comes() {
        let mailbox = Mailbox::new(9, 1 << 20);
        mailbox.give_back(QUIET);
        assert!(bring(&mailbox));
        mailbox.notice(|notices| notices.writable = Some(false));
        let (notices, _) = mailbox.take(Worker::Guest, 9, 1 << 20, &mut Vec::new());
        assert_eq!(notices.writable, None);
        mailbox.give_back(QUIET);
        assert!(!bring(&mailbox), "the engine's thread is to come first");
        mailbox.wait();
        let (notices, _) = mailbox.take(Worker::Own, 9, 1 << 20, &mut Vec::new());
        assert_eq!(notices.writable, Some(false));
    }

    #[test]
    fn where_guests_are_not_wanted_the_engines_thread_comes() {
        let mailbox = Mailbox::new(9, 1 << 20);
        mailbox.give_back(Wants { no_guests: true, ..QUIET });
        assert!(!bring(&mailbox));
        mailbox.wait();
        assert!(!bring(&mailbox));
    }

    #[test]
    fn a_full_batch_waits_for_its_commit_and_for_nothing_else() {
        let mailbox = Mailbox::new(9, 1 << 20);
        mailbox.give_back(Wants { commands: false, ..QUIET });
        assert!(!bring(&mailbox));
        assert!(mailbox.committed());
    }

    #[test]
    fn a_deadline_that_a_guest_set_wakes_the_engines_thread() {
        let mailbox = Arc::new(Mailbox::new(9, 1 << 20));
        mailbox.give_back(QUIET);
        let own = mailbox.clone();
        let thread = std::thread::spawn(move || own.wait());
        assert!(bring(&mailbox));
        mailbox.take(Worker::Guest, 9, 1 << 20, &mut Vec::new());
        mailbox.give_back(Wants { deadline: Some(Instant::now()), ..QUIET });
        thread.join().expect("it wakes");
        assert!(!mailbox.committed(), "it is at work");
    }
}
