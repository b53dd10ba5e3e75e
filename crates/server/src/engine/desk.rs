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

#[cfg(test)]
mod tests {
    use super::super::Engine;
    use super::super::driver::{Settings, Surroundings};
    use super::*;
    use crate::clock::Clock;
    use crate::message::{ToEngine, ToShard};
    use crate::metrics::Metrics;
    use crate::sequencer::LocalQueue;
    use crate::shard::driver::ShardHandle;
    use crate::storage::{self, Writer};
    use std::time::{Duration, Instant};
    use switchboard_core::sessions::{Peer, SessionsSettings};
    use switchboard_core::{ConnectionId, Epoch, Limits, Output, Rooms, Time, Via};
    use switchboard_store::{ClockLog, MemorySettings, MemoryStore};

    #[test]
    fn what_a_full_inbox_does_not_take_the_engines_thread_delivers_and_in_order() {
        /// More than a shard's inbox holds.
        const CONNECTIONS: u64 = 100;

        let (handle, mut inbox) = ShardHandle::new();
        let mailbox = Arc::new(Mailbox::new(1_000, 1 << 20));
        let metrics = Arc::new(Metrics::new());
        let store = Box::new(MemoryStore::new(MemorySettings::default()).expect("random numbers"));
        let (clock, clock_log) = (Clock::start(), ClockLog::default());
        let storage = storage::Settings { free_min: 0, retention: None, clock, clock_log, latest: Time(0) };
        let (writer, _) = Writer::new(store, storage, mailbox.clone(), metrics.clone());
        let limits = Limits::default();
        let rooms = Rooms::new(&limits);
        let sessions = SessionsSettings {
            limits,
            epoch: Epoch(1),
            token_key: [0; 32],
            seed: 1,
            join_code: None,
            realms: Vec::new(),
            auto_join: vec!["lobby".to_owned()],
            next_pos: 1,
        };
        let settings = Settings {
            batch_commands: 1_024,
            batch_bytes: 1 << 20,
            log_messages: false,
            grace: Duration::from_secs(10),
        };
        let around = Surroundings { shards: vec![handle], writer, metrics, settings, clock };
        let engine = Engine::new(sessions, rooms, ClockLog::default(), LocalQueue::default(), 1);
        let driver = Driver::new(engine, around);
        mailbox.give_back(driver.wants());
        let desk = Arc::new(Desk::new(mailbox, driver));
        for number in 0..CONNECTIONS {
            // It waits for nothing, though nobody takes anything out of the inbox.
            desk.offer(0, |offering| {
                let peer = Peer::new(Via::Tcp, None);
                let connect = ToEngine::Connect { connection: ConnectionId(number), peer, observe: true };
                offering.put(connect).expect("space");
            });
        }
        let own = desk.clone();
        let thread = std::thread::spawn(move || {
            own.mailbox().wait();
            own.run()
        });
        let deadline = Instant::now() + Duration::from_secs(30);
        let mut greeted = Vec::new();
        while greeted.len() < CONNECTIONS as usize {
            assert!(Instant::now() < deadline, "only {greeted:?} were greeted");
            let Some(messages) = inbox.take() else {
                std::thread::yield_now();
                continue;
            };
            greeted.extend(messages.iter().filter_map(|message| match message {
                ToShard::Output(Output::Reply { to, .. }) => Some(to.0),
                _ => None,
            }));
        }
        assert!(greeted.iter().copied().eq(0..CONNECTIONS), "{greeted:?}");
        desk.mailbox().notice(|notices| notices.shut_down = true);
        while !inbox.take().is_some_and(|messages| matches!(messages[..], [ToShard::CloseAll(_)])) {
            assert!(Instant::now() < deadline, "nobody was told of the end");
            std::thread::yield_now();
        }
        desk.mailbox().notice(|notices| notices.shards_done += 1);
        assert_eq!(thread.join().expect("no panic"), End::Asked);
    }
}
