//! The desk: where every thread that has something for the engine leaves it, and does the engine's turn if nobody is there.

use super::driver::{Driver, End};
use super::mailbox::{Mailbox, Offering, Worker};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The engine, with its mailbox.
///
/// A command crosses no thread on its way if the engine is idle: the shard that brings it applies it, and the writer that
/// committed a batch lets its effects leave. When more comes than one turn takes, the engine's own thread goes on.
pub struct Desk {
    mailbox: Arc<Mailbox>,
    /// Locked by whom the mailbox has at work, and so never waited for.
    driver: Mutex<Driver>,
}

impl Desk {
    /// A desk for the thread that calls [`Desk::run`].
    #[must_use]
    pub const fn new(mailbox: Arc<Mailbox>, driver: Driver) -> Self {
        Self { mailbox, driver: Mutex::new(driver) }
    }

    /// The engine's own thread: runs until the operator or a failure ends it.
    pub fn run(&self) -> End {
        loop {
            let mut driver = self.driver();
            if let Some(end) = driver.turn(Worker::Own, &self.mailbox) {
                // It is not given back: there is no further turn, for nobody.
                return end;
            }
            let wants = driver.wants();
            drop(driver);
            self.mailbox.give_back(wants);
            self.mailbox.wait();
        }
    }

    /// A shard brings commands. It waits for nobody; if nobody is at work, they are applied before this returns.
    pub fn offer(&self, shard: usize, fill: impl FnOnce(&mut Offering<'_>)) {
        let mut offering = self.mailbox.offer(shard);
        fill(&mut offering);
        if offering.done() {
            self.be_guest();
        }
    }

    /// The batch that the writer was given is committed.
    pub fn committed(&self) {
        if self.mailbox.committed() {
            self.be_guest();
        }
    }

    /// Where words for the engine's thread are left.
    #[must_use]
    pub fn mailbox(&self) -> &Mailbox {
        &self.mailbox
    }

    fn be_guest(&self) {
        let mut driver = self.driver();
        // A guest is told of no end.
        let _ = driver.turn(Worker::Guest, &self.mailbox);
        let wants = driver.wants();
        drop(driver);
        self.mailbox.give_back(wants);
    }

    fn driver(&self) -> MutexGuard<'_, Driver> {
        // A panic at work ends the process.
        self.driver.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
