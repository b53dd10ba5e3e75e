//! Any sequence of batches, read back, equals a model that is too simple to be wrong.

mod common;

use common::*;
use proptest::collection::vec;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;
use switchboard_core::output::HistoryRange;
use switchboard_core::{Event, Pos, Seq, Time};
use switchboard_store::{
    Batch, Durability, IdRecord, MemorySettings, MemoryStore, SqliteSettings, SqliteStore, Store, Trim,
};

const ROOMS: [&str; 3] = ["lobby", "kitchen", "東京"];
const TEXTS: [&str; 6] = ["red fox", "blue fox", "狐が走る", "red 狐 café", "", "fox fox: red"];
const QUERIES: [&str; 7] = ["fox", "red fox", "狐", "狐が走", "cafe 狐", "blue red", "走る 狐が走"];

#[derive(Clone, Debug)]
enum Step {
    Commit { messages: Vec<(usize, usize, bool)>, trims: Vec<(usize, u64)>, reserve: Option<u64> },
    Index(usize),
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    let messages = vec((0..ROOMS.len(), 0..TEXTS.len(), any::<bool>()), 0..6);
    let trims = vec((0..ROOMS.len(), 0..12_u64), 0..2);
    prop_oneof![
        4 => (messages, trims, proptest::option::of(0..40_u64))
            .prop_map(|(messages, trims, reserve)| Step::Commit { messages, trims, reserve }),
        2 => (0..8_usize).prop_map(Step::Index),
        1 => Just(Step::Reopen),
    ]
}

#[derive(Default)]
struct Model {
    rooms: BTreeMap<&'static str, (Vec<Arc<Event>>, Seq)>,
    ids: u64,
    last_pos: Pos,
    next_pos: Pos,
}

impl Model {
    fn batch(&mut self, messages: &[(usize, usize, bool)], trims: &[(usize, u64)], reserve: Option<u64>) -> Batch {
        let mut batch = Batch { reserve_pos: reserve, ..Batch::default() };
        for (room, text, with_id) in messages {
            let (events, _) = self.rooms.entry(ROOMS[*room]).or_insert((Vec::new(), 1));
            // Two apart, as ephemeral events take positions too.
            self.last_pos += 2;
            self.ids += u64::from(*with_id);
            let id = with_id.then(|| format!("id-{:013}", self.ids));
            let seq = events.len() as u64 + 1;
            let event = message_with(ROOMS[*room], self.last_pos, seq, self.last_pos / 3, id.as_deref(), TEXTS[*text]);
            events.push(Arc::clone(&event));
            batch.events.push(event);
        }
        for (room, before) in trims {
            batch.trims.push(Trim { room: Arc::from(ROOMS[*room]), before: *before });
            if let Some((events, first)) = self.rooms.get_mut(ROOMS[*room]) {
                *first = (*first).max((*before).min(events.len() as u64 + 1));
            }
        }
        self.next_pos = self.next_pos.max(reserve.unwrap_or(0)).max(self.last_pos + 1);
        batch
    }

    fn stored(&self, room: &str) -> &[Arc<Event>] {
        self.rooms.get(room).map_or(&[], |(events, first)| &events[*first as usize - 1..])
    }

    fn ids(&self) -> Vec<IdRecord> {
        let mut ids: Vec<(Pos, IdRecord)> = ROOMS
            .iter()
            .flat_map(|room| self.stored(room))
            .filter_map(|event| match &event.body {
                switchboard_core::Body::Message { seq: Some(seq), id: Some(id), text, action, .. } => Some((
                    event.pos,
                    IdRecord {
                        room: event.room.clone()?,
                        id: Arc::clone(id),
                        seq: *seq,
                        time: event.time,
                        text: Arc::clone(text),
                        action: *action,
                    },
                )),
                _ => None,
            })
            .collect();
        ids.sort_by_key(|(pos, _)| *pos);
        ids.into_iter().map(|(_, record)| record).collect()
    }
}

fn check(model: &Model, store: &mut dyn Store) {
    let loaded = store.load().unwrap();
    assert_eq!(loaded.next_pos, model.next_pos.max(1));
    let heads: Vec<_> = loaded.rooms.iter().map(|room| (&*room.name, room.next_seq, room.first_seq)).collect();
    let expected: Vec<_> =
        model.rooms.iter().map(|(name, (events, first))| (*name, events.len() as u64 + 1, *first)).collect();
    assert_eq!(heads, expected);
    let mut reader = store.reader().unwrap();
    for room in ROOMS {
        let stored = model.stored(room);
        assert_eq!(read_all(&mut *reader, room, 3), stored);
        let latest = reader.history(room, HistoryRange::Latest, 4, usize::MAX).unwrap();
        assert_eq!(latest.events, &stored[stored.len().saturating_sub(4)..]);
        assert_eq!(latest.more, stored.len() > 4);
    }
    let ids = model.ids();
    assert_eq!(common::ids(store, u64::MAX, usize::MAX), ids);
    assert_eq!(common::ids(store, u64::MAX, 3), &ids[ids.len().saturating_sub(3)..]);
    let half = model.last_pos / 6;
    let old = ROOMS.iter().filter_map(|room| {
        let stored = model.stored(room);
        let count = stored.iter().filter(|event| event.time < Time(half)).count();
        (count > 0).then(|| (Arc::<str>::from(*room), stored[0].seq().unwrap() + count as u64))
    });
    let mut old: Vec<_> = old.collect();
    old.sort();
    assert_eq!(store.older_than(&Time(half).into()).unwrap(), old);
}

/// What is left to find once the trailing work is done, compared with a second implementation: the other store.
fn check_search(model: &Model, store: &mut dyn Store) {
    catch_up(store);
    let mut plain = MemoryStore::new(MemorySettings::default()).unwrap();
    let mut all: Vec<_> = model.rooms.values().flat_map(|(events, _)| events.clone()).collect();
    all.sort_by_key(|event| event.pos);
    plain.commit(&batch(all)).unwrap();
    for room in ROOMS {
        let first = model.rooms.get(room).map_or(1, |(_, first)| *first);
        for query in QUERIES {
            let expected = plain.reader().unwrap().search(room, query, None, 1_000).unwrap().events;
            let expected: Vec<_> = expected.into_iter().filter(|event| event.seq().unwrap() >= first).collect();
            let page = store.reader().unwrap().search(room, query, None, 1_000).unwrap();
            assert_eq!(page.events, expected, "{room} {query}");
        }
    }
}

fn run(steps: &[Step], store: &mut Box<dyn Store>, mut reopen: impl FnMut(&mut Box<dyn Store>)) {
    let mut model = Model::default();
    for step in steps {
        match step {
            Step::Commit { messages, trims, reserve } => {
                store.commit(&model.batch(messages, trims, *reserve)).unwrap();
            }
            Step::Index(rows_max) => {
                let before = store.index(0).unwrap().rows();
                let left = store.index(*rows_max).unwrap().rows();
                // A row that is deleted before it was indexed was to be done twice.
                assert!(left <= before.saturating_sub(*rows_max as u64));
            }
            Step::Reopen => reopen(store),
        }
        check(&model, &mut **store);
    }
    check_search(&model, &mut **store);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(48) })]

    #[test]
    fn sqlite_equals_the_model(steps in vec(step(), 1..14)) {
        let dir = tempfile::tempdir().unwrap();
        let open = || -> Box<dyn Store> {
            let settings = SqliteSettings { durability: Durability::None, pages_max: None };
            Box::new(SqliteStore::open(dir.path(), settings).unwrap())
        };
        let mut store = open();
        run(&steps, &mut store, |store| {
            let before = store.load().unwrap();
            // The old one must be closed before the new one can be opened.
            *store = Box::new(MemoryStore::new(MemorySettings::default()).unwrap());
            *store = open();
            assert_eq!(store.load().unwrap(), before);
        });
    }

    #[test]
    fn memory_equals_the_model(steps in vec(step(), 1..14)) {
        let mut store: Box<dyn Store> = Box::new(MemoryStore::new(MemorySettings::default()).unwrap());
        run(&steps, &mut store, |_| {});
    }
}
