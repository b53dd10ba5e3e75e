//! How the writer goes about what an earlier version indexed, and how it ends whatever is left.

use super::*;
use crate::engine::mailbox::Worker;
use crate::storage::testing::Rows;
use std::sync::atomic::{AtomicU64, Ordering};
use switchboard_core::{Body, Event, Sender, Seq, SessionId, UserId, Via};
use switchboard_store::{Backlog, Cutoffs, IdRecord, Loaded, MemorySettings, MemoryStore, Reader};

/// A store with `left` events to index again, on a disk that is `free`.
#[derive(Clone, Default)]
struct Old {
    left: Arc<AtomicU64>,
    free: Arc<AtomicU64>,
    full: Arc<AtomicU64>,
}

impl Store for Old {
    fn reindex(&mut self, rows_max: usize) -> Result<bool, StoreError> {
        if self.full.load(Ordering::Relaxed) > 0 {
            return Err(StoreError::Full);
        }
        let left = self.left.load(Ordering::Relaxed).saturating_sub(rows_max as u64);
        self.left.store(left, Ordering::Relaxed);
        Ok(left > 0)
    }

    fn free_bytes(&self) -> Result<Option<u64>, StoreError> {
        Ok(Some(self.free.load(Ordering::Relaxed)))
    }

    fn load(&mut self) -> Result<Loaded, StoreError> {
        unreachable!("nobody loads")
    }

    fn recent_ids(&mut self, _: u64, _: usize, _: &mut dyn FnMut(IdRecord)) -> Result<(), StoreError> {
        unreachable!("nobody asks for ids")
    }

    fn commit(&mut self, _: &Batch) -> Result<(), StoreError> {
        Ok(())
    }

    fn index(&mut self, _: usize) -> Result<Backlog, StoreError> {
        Ok(Backlog::default())
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

fn settings(retention: Option<Duration>, clock_log: ClockLog, latest: Time) -> Settings {
    Settings { free_min: 1_000, retention, clock: Clock::start(), clock_log, latest }
}

fn waiting(store: &Old) -> Waiting {
    let settings = settings(None, ClockLog::default(), Time(0));
    Writer::new(Box::new(store.clone()), settings, Arc::new(Mailbox::new(10, 1_000)), Arc::default()).1
}

#[test]
fn what_an_earlier_version_indexed_is_done_bit_by_bit_beside_other_work() {
    let store = Old::default();
    store.left.store(3 * REINDEX_ROWS as u64, Ordering::Relaxed);
    store.free.store(1_000, Ordering::Relaxed);
    let left = || store.left.load(Ordering::Relaxed) / REINDEX_ROWS as u64;
    let waiting = waiting(&store);
    let mut state = lock(&waiting.state);
    state.begin().unwrap();
    for expected in (0..3).rev() {
        std::thread::sleep(REINDEX_INTERVAL);
        for _ in 0..3 {
            state.look_around().unwrap();
            state.commit(Batch::default()).unwrap();
        }
        assert!(left() <= expected, "each interval has its turn");
    }
    assert!(!state.reindexes(), "and then there is nothing left to be asked");
    // The end waits for none of it.
    store.left.store(1_000, Ordering::Relaxed);
    state.index_last().unwrap();
    assert_eq!(store.left.load(Ordering::Relaxed), 1_000);
}

#[test]
fn nothing_is_indexed_again_without_space() {
    let store = Old::default();
    store.left.store(1_000_000, Ordering::Relaxed);
    let waiting = waiting(&store);
    let mut state = lock(&waiting.state);
    std::thread::sleep(REINDEX_INTERVAL);
    state.look_around().unwrap();
    assert!(!state.reindexes());
    assert_eq!(store.left.load(Ordering::Relaxed), 1_000_000);
    // A disk that is full although nobody saw it coming is no error either.
    store.free.store(1_000, Ordering::Relaxed);
    store.full.store(1, Ordering::Relaxed);
    state.watch(true).unwrap();
    state.reindex().unwrap();
    assert!(!state.reindexes());
    store.full.store(0, Ordering::Relaxed);
    std::thread::sleep(stall::PROBE_INTERVAL);
    state.look_around().unwrap();
    state.reindex().unwrap();
    assert!(state.reindexes() && store.left.load(Ordering::Relaxed) < 1_000_000);
}

const DAY: u64 = 24 * 60 * 60 * 1_000;

/// A writer over a room with one event of this time at position 5, which forgets what is older than 30 days. Gives what
/// it asks the engine to forget, when asked a second time after this was stored.
fn forgets(time: Time, clock_log: ClockLog, then: Option<ClockLog>) -> bool {
    let mut store = MemoryStore::new(MemorySettings::default()).unwrap();
    let from = Sender { nick: "ada".into(), session: SessionId(1), user: UserId(1), via: Via::Tcp, address: None };
    let body = Body::Message { seq: Some(1), id: None, from, to: None, text: "x".into(), action: false };
    let event = Arc::new(Event { pos: 5, time, room: Some("lobby".into()), body });
    store.commit(&Batch { events: vec![event], ..Batch::default() }).unwrap();
    let mailbox = Arc::new(Mailbox::new(10, 1_000));
    let settings = settings(Some(Duration::from_millis(30 * DAY)), clock_log, time);
    let waiting = Writer::new(Box::new(store), settings, mailbox.clone(), Arc::default()).1;
    let mut state = lock(&waiting.state);
    state.look_around().unwrap();
    if let Some(clock) = then {
        assert_eq!(mailbox.take(Worker::Own, 0, 0, &mut Vec::new()).0.trims, [], "not before the engine took it down");
        state.commit(Batch { clock: Some(clock), ..Batch::default() }).unwrap();
        state.look_around().unwrap();
    }
    !mailbox.take(Worker::Own, 0, 0, &mut Vec::new()).0.trims.is_empty()
}

#[test]
fn retention_goes_by_the_time_that_went_by() {
    let now = Clock::start().reading();
    let ago = |days: u64| Time(now.wall.0 - days * DAY);
    let log = |reading: Reading| {
        let mut log = ClockLog::default();
        log.note(reading, 1);
        log
    };
    // A clock that was right is believed: in this run of the machine, and after one day or two.
    assert!(forgets(ago(31), log(now), None));
    assert!(!forgets(ago(29), log(now), None));
    // It was a hundred days behind when it stamped the event, and was set since.
    let behind = log(Reading { wall: ago(100), ..now });
    let mut noted = behind.clone();
    noted.note(now, 6);
    assert!(!forgets(ago(100), behind.clone(), Some(noted)));
    let mut noted = behind.clone();
    noted.note(now, 5);
    assert!(forgets(ago(100), behind, Some(noted)), "what was stamped with the right clock");
}

#[test]
fn a_clock_that_says_the_machine_was_off_for_long_is_watched_first() {
    let now = Clock::start().reading();
    let mut other_boot = ClockLog::default();
    other_boot.note(Reading { boot: now.boot ^ 1, ..now }, 1);
    assert!(!forgets(Time(now.wall.0 - 100 * DAY), other_boot.clone(), None));
    let waiting = |latest, log| {
        let store = Box::new(MemoryStore::new(MemorySettings::default()).unwrap());
        Writer::new(store, settings(None, log, latest), Arc::new(Mailbox::new(1, 1)), Arc::default()).1
    };
    for (latest, log, is_in_doubt) in [
        (Time(now.wall.0 - 100 * DAY), other_boot.clone(), true),
        (Time(now.wall.0 - DAY / 2), other_boot.clone(), false),
        (Time(now.wall.0 + 100 * DAY), other_boot.clone(), false),
        (Time(0), ClockLog::default(), false),
    ] {
        assert_eq!(lock(&waiting(latest, log).state).doubted_until.is_some(), is_in_doubt, "{latest:?}");
    }
}

#[test]
fn the_end_waits_a_moment_for_the_index_and_leaves_the_rest() {
    // A store that takes two milliseconds for 256 rows would be at it for days.
    struct Slow(Rows);
    impl Store for Slow {
        fn index(&mut self, rows_max: usize) -> Result<Backlog, StoreError> {
            std::thread::sleep(Duration::from_millis(rows_max as u64 / 128));
            self.0.index(rows_max)
        }
        fn load(&mut self) -> Result<Loaded, StoreError> {
            self.0.load()
        }
        fn recent_ids(&mut self, age_ms: u64, max: usize, each: &mut dyn FnMut(IdRecord)) -> Result<(), StoreError> {
            self.0.recent_ids(age_ms, max, each)
        }
        fn commit(&mut self, batch: &Batch) -> Result<(), StoreError> {
            self.0.commit(batch)
        }
        fn reindex(&mut self, rows_max: usize) -> Result<bool, StoreError> {
            self.0.reindex(rows_max)
        }
        fn older_than(&mut self, before: &Cutoffs) -> Result<Vec<(Arc<str>, Seq)>, StoreError> {
            self.0.older_than(before)
        }
        fn free_bytes(&self) -> Result<Option<u64>, StoreError> {
            self.0.free_bytes()
        }
        fn is_instant(&self) -> bool {
            self.0.is_instant()
        }
        fn reader(&self) -> Result<Box<dyn Reader>, StoreError> {
            self.0.reader()
        }
    }
    let rows = Rows::default();
    rows.add(10_000_000_000);
    let writer = |store: Box<dyn Store>| {
        let settings = settings(None, ClockLog::default(), Time(0));
        Writer::new(store, settings, Arc::new(Mailbox::new(10, 1_000)), Arc::default()).1
    };
    let waiting = writer(Box::new(Slow(rows.clone())));
    let mut state = lock(&waiting.state);
    state.begin().unwrap();
    state.index_last().unwrap();
    let most = INDEX_END.as_millis() as usize / 2 + 1;
    assert!((1..=most).contains(&rows.steps().len()), "{}", rows.steps().len());
    // Without space, it waits for nothing.
    let before = rows.steps().len();
    rows.set_full(true);
    state.index_last().unwrap();
    assert_eq!(rows.steps().len(), before);
    // What is quickly done is done.
    drop(state);
    let rows = Rows::default();
    rows.add(1_000);
    let waiting = writer(Box::new(rows.clone()));
    let mut state = lock(&waiting.state);
    state.begin().unwrap();
    state.index_last().unwrap();
    assert_eq!(rows.left().rows(), 0);
}
