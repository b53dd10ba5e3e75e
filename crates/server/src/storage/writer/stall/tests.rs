//! What the writer does with a store that cannot be written: how long it waits, what it says, and what ends it.

use super::super::*;
use super::{PROBE_INTERVAL, WAIT_MAX};
use crate::engine::mailbox::{Notices, Worker};
use switchboard_core::Seq;
use switchboard_store::{Backlog, Cutoffs, IdRecord, Loaded, Reader};

/// A store that answers every commit and every probe in the same way until the test changes it.
#[derive(Clone, Default)]
struct Stubborn(Arc<Mutex<Answer>>);

#[derive(Clone, Copy, Default)]
enum Answer {
    #[default]
    Stored,
    Full,
    Unsynced,
    Busy,
    Short,
    Gone,
}

impl Stubborn {
    fn answers(&self, answer: Answer) {
        *self.0.lock().unwrap() = answer;
    }

    fn answer(&self) -> Result<(), StoreError> {
        let path = std::path::PathBuf::from("a database");
        Err(match *self.0.lock().unwrap() {
            Answer::Stored => return Ok(()),
            Answer::Full => StoreError::Full,
            Answer::Unsynced => StoreError::Unsynced,
            Answer::Busy => StoreError::Busy { path },
            Answer::Short => StoreError::Short { path, source: std::io::ErrorKind::OutOfMemory.into() },
            Answer::Gone => StoreError::Gone { path },
        })
    }
}

impl Store for Stubborn {
    fn commit(&mut self, _: &Batch) -> Result<(), StoreError> {
        self.answer()
    }

    fn probe(&mut self) -> Result<(), StoreError> {
        self.answer()
    }

    fn look(&self) -> Result<(), StoreError> {
        self.answer().or_else(|error| if matches!(error, StoreError::Gone { .. }) { Err(error) } else { Ok(()) })
    }

    fn index(&mut self, rows_max: usize) -> Result<Backlog, StoreError> {
        let left = |unindexed| Backlog { unindexed, ..Backlog::default() };
        if rows_max > 0 { self.answer().map(|()| left(0)) } else { Ok(left(10)) }
    }

    fn load(&mut self) -> Result<Loaded, StoreError> {
        Ok(Loaded {
            epoch: switchboard_core::Epoch(1),
            secret: [0; 32],
            next_pos: 1,
            rooms: Vec::new(),
            clock: ClockLog::default(),
            ended: Vec::new(),
        })
    }

    fn reindex(&mut self, _: usize) -> Result<bool, StoreError> {
        Ok(false)
    }

    fn free_bytes(&self) -> Result<Option<u64>, StoreError> {
        // As with a quota: the file system has space.
        Ok(Some(u64::MAX))
    }

    fn recent_ids(&mut self, _: u64, _: usize, _: &mut dyn FnMut(IdRecord)) -> Result<(), StoreError> {
        unreachable!("nobody asks for ids")
    }

    fn older_than(&mut self, _: &Cutoffs) -> Result<Vec<(Arc<str>, Seq)>, StoreError> {
        Ok(Vec::new())
    }

    fn is_instant(&self) -> bool {
        false
    }

    fn reader(&self) -> Result<Box<dyn Reader>, StoreError> {
        unreachable!("nobody reads")
    }
}

fn stubborn() -> (Stubborn, Waiting, Arc<Mailbox>) {
    let (store, mailbox) = (Stubborn::default(), Arc::new(Mailbox::new(10, 1_000)));
    let settings = Settings {
        free_min: 1_000,
        retention: None,
        clock: Clock::start(),
        clock_log: ClockLog::default(),
        latest: Time(0),
    };
    let waiting = Writer::new(Box::new(store.clone()), settings, mailbox.clone(), Arc::default()).1;
    lock(&waiting.state).begin().unwrap();
    (store, waiting, mailbox)
}

fn notices(mailbox: &Mailbox) -> Notices {
    mailbox.take(Worker::Own, 0, 0, &mut Vec::new()).0
}

/// Looks around until it is time to try again.
fn try_again(state: &mut State) {
    std::thread::sleep(PROBE_INTERVAL);
    state.look_around().unwrap();
}

#[test]
fn a_batch_that_cannot_be_stored_is_given_back_and_refused_if_waiting_does_not_help() {
    for (answer, refuses, is_sure, writable) in [
        (Answer::Full, true, true, Some(false)),
        (Answer::Unsynced, false, false, Some(false)),
        (Answer::Busy, false, true, None),
        (Answer::Short, false, true, None),
    ] {
        let (store, waiting, mailbox) = stubborn();
        let mut state = lock(&waiting.state);
        store.answers(answer);
        let batch = Batch { reserve_pos: Some(7), ..Batch::default() };
        assert!(matches!(state.commit(batch.clone()), Ok(Outcome::Stalled)));
        let told = notices(&mailbox);
        let stalled = told.stalled.expect("it is given back");
        assert_eq!((stalled.batch, stalled.is_sure), (batch.clone(), is_sure));
        assert_eq!((told.refuse, told.writable), (refuses, writable));
        // Space on the file system alone changes nothing.
        try_again(&mut state);
        let told = notices(&mailbox);
        assert!(!told.resumed && told.writable != Some(true));
        store.answers(Answer::Stored);
        try_again(&mut state);
        let told = notices(&mailbox);
        assert!(told.resumed && told.writable != Some(false));
        assert!(matches!(state.commit(batch), Ok(Outcome::Stored)));
    }
}

#[test]
fn a_lock_is_waited_for_so_long_and_no_longer() {
    let (store, waiting, mailbox) = stubborn();
    let mut state = lock(&waiting.state);
    store.answers(Answer::Busy);
    assert!(matches!(state.commit(Batch { reserve_pos: Some(7), ..Batch::default() }), Ok(Outcome::Stalled)));
    assert!(!notices(&mailbox).refuse);
    if let Some(stall) = &mut state.stall {
        stall.has_lasted(WAIT_MAX);
    }
    try_again(&mut state);
    let told = notices(&mailbox);
    assert!(told.refuse && told.writable == Some(false));
    store.answers(Answer::Stored);
    try_again(&mut state);
    assert!(notices(&mailbox).resumed);
}

#[test]
fn the_index_waits_for_space_and_the_end_does_not_wait_for_the_index() {
    for answer in [Answer::Full, Answer::Unsynced, Answer::Busy, Answer::Short] {
        let (store, waiting, mailbox) = stubborn();
        let mut state = lock(&waiting.state);
        store.answers(answer);
        state.index_last().unwrap();
        assert_eq!(state.indexing.rows_left(), 10);
        assert!(state.indexing.is_stuck(), "no search waits for it");
        assert_eq!(notices(&mailbox).writable, matches!(answer, Answer::Full).then_some(false));
        store.answers(Answer::Stored);
        state.index_last().unwrap();
        assert_eq!((state.indexing.rows_left(), state.indexing.is_stuck()), (0, false));
    }
}

#[test]
fn what_puts_the_acknowledged_in_danger_ends_it() {
    let (store, waiting, _) = stubborn();
    let mut state = lock(&waiting.state);
    store.answers(Answer::Gone);
    assert!(matches!(state.look_around(), Err(StoreError::Gone { .. })));
    assert!(matches!(state.commit(Batch::default()), Err(StoreError::Gone { .. })));
    assert!(matches!(state.index_last(), Err(StoreError::Gone { .. })));
    // Also while nothing can be stored.
    store.answers(Answer::Busy);
    assert!(matches!(state.commit(Batch::default()), Ok(Outcome::Stalled)));
    store.answers(Answer::Gone);
    std::thread::sleep(PROBE_INTERVAL);
    assert!(matches!(state.look_around(), Err(StoreError::Gone { .. })));
}
