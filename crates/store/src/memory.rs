//! The store for `--ephemeral`: the latest events of each room in memory, gone with the process.

use crate::clock::{ClockLog, Cutoffs};
use crate::durable::{Durable, next_pos_after, text_of};
use crate::error::StoreError;
use crate::page::PageBuilder;
use crate::record::{Backlog, Batch, IdRecord, Loaded, Page, RoomRecord};
use crate::words::Query;
use crate::{Reader, Store};
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, RwLock, RwLockReadGuard, RwLockWriteGuard};
use switchboard_core::counted::Backwards;
use switchboard_core::limits::ENDED_MAX;
use switchboard_core::output::HistoryRange;
use switchboard_core::{Epoch, Event, Pos, Seq, SessionId};

/// What an event costs beside its text: the allocations for itself, its sender's nick and its id.
const EVENT_BYTES: usize = 320;

/// How much is kept.
#[derive(Clone, Copy, Debug)]
pub struct MemorySettings {
    /// Events kept of each room. More: the oldest are forgotten.
    pub events_per_room: usize,
    /// Memory for the events of all rooms, in bytes. More: the oldest of all are forgotten, whatever their room; the
    /// latest event stays.
    pub bytes_max: usize,
}

impl Default for MemorySettings {
    fn default() -> Self {
        Self { events_per_room: 10_000, bytes_max: 256 << 20 }
    }
}

/// The store in memory. It forgets by itself what is beyond its bounds, by raising `first_seq` as a trim does, so
/// that a page may begin later than the numbers that the core knows.
#[derive(Debug)]
pub struct MemoryStore {
    settings: MemorySettings,
    log: Arc<RwLock<Log>>,
}

impl MemoryStore {
    /// An empty store with an epoch and a secret of its own.
    ///
    /// # Errors
    /// [`StoreError::Io`]: the system gives no random numbers.
    pub fn new(settings: MemorySettings) -> Result<Self, StoreError> {
        let mut epoch = [0; 8];
        let mut secret = [0; 32];
        getrandom::fill(&mut epoch).and_then(|()| getrandom::fill(&mut secret)).map_err(|error| StoreError::Io {
            path: PathBuf::from("the system's random numbers"),
            source: io::Error::other(error),
        })?;
        let log = Log {
            epoch: Epoch(u64::from_ne_bytes(epoch)),
            secret,
            next_pos: 1,
            last_pos: 0,
            rooms: BTreeMap::new(),
            oldest: BTreeMap::new(),
            bytes: 0,
            clock: ClockLog::default(),
            ended: VecDeque::new(),
        };
        Ok(Self { settings, log: Arc::new(RwLock::new(log)) })
    }

    fn read(&self) -> RwLockReadGuard<'_, Log> {
        self.log.read().expect("nobody panics while writing the log")
    }

    fn write(&self) -> RwLockWriteGuard<'_, Log> {
        self.log.write().expect("nobody panics while writing the log")
    }
}

impl Store for MemoryStore {
    fn load(&mut self) -> Result<Loaded, StoreError> {
        let log = self.read();
        Ok(Loaded {
            epoch: log.epoch,
            secret: log.secret,
            next_pos: log.next_pos,
            rooms: log.rooms.values().map(|room| room.record.clone()).collect(),
            clock: log.clock.clone(),
            ended: log.ended.iter().copied().collect(),
        })
    }

    fn recent_ids(&mut self, age_ms: u64, max: usize, each: &mut dyn FnMut(IdRecord)) -> Result<(), StoreError> {
        let log = self.read();
        let mut found = Vec::new();
        for event in log.rooms.values().flat_map(|room| &room.events) {
            let Durable { room, seq, time, id, text, action, .. } = Durable::of(event)?;
            if let Some(id) = id {
                let (room, id, text) = (Arc::clone(room), Arc::clone(id), Arc::clone(text));
                found.push((event.pos, IdRecord { room, id, seq, time, text, action }));
            }
        }
        found.sort_unstable_by_key(|(pos, _)| *pos);
        let mut walk = Backwards::new(age_ms);
        let wanted = found.iter().rev().take(max).take_while(|(_, record)| walk.wants(record.time)).count();
        let skip = found.len() - wanted;
        found.into_iter().skip(skip).for_each(|(_, record)| each(record));
        Ok(())
    }

    fn commit(&mut self, batch: &Batch) -> Result<(), StoreError> {
        let settings = self.settings;
        let mut log = self.write();
        let checked = log.check(batch)?;
        log.store(batch, checked);
        log.forget(batch, settings);
        Ok(())
    }

    fn index(&mut self, _rows_max: usize) -> Result<Backlog, StoreError> {
        Ok(Backlog::default())
    }

    fn reindex(&mut self, _rows_max: usize) -> Result<bool, StoreError> {
        Ok(false)
    }

    fn older_than(&mut self, before: &Cutoffs) -> Result<Vec<(Arc<str>, Seq)>, StoreError> {
        let log = self.read();
        let older = log.rooms.values().filter_map(|Room { record, events }| {
            let count = events.partition_point(|event| before.is_older(event.pos, event.time)) as u64;
            (count > 0).then(|| (Arc::clone(&record.name), record.first_seq + count))
        });
        Ok(older.collect())
    }

    fn free_bytes(&self) -> Result<Option<u64>, StoreError> {
        Ok(None)
    }

    fn is_instant(&self) -> bool {
        true
    }

    fn reader(&self) -> Result<Box<dyn Reader>, StoreError> {
        Ok(Box::new(MemoryReader { log: Arc::clone(&self.log) }))
    }
}

#[derive(Debug)]
struct Log {
    epoch: Epoch,
    secret: [u8; 32],
    next_pos: Pos,
    last_pos: Pos,
    rooms: BTreeMap<Arc<str>, Room>,
    /// Each room that has events, by the position of its oldest one: what is forgotten first.
    oldest: BTreeMap<Pos, Arc<str>>,
    bytes: usize,
    clock: ClockLog,
    ended: VecDeque<SessionId>,
}

#[derive(Debug)]
struct Room {
    record: RoomRecord,
    /// The events from `record.first_seq` on, without a hole.
    events: VecDeque<Arc<Event>>,
}

/// What a batch, once it is checked, makes of the log.
struct Checked {
    last_pos: Pos,
    rooms: BTreeMap<Arc<str>, RoomRecord>,
}

impl Log {
    /// Computes what the batch changes, without changing anything: all of it is stored, or nothing.
    fn check(&self, batch: &Batch) -> Result<Checked, StoreError> {
        let mut checked = Checked { last_pos: self.last_pos, rooms: BTreeMap::new() };
        for event in &batch.events {
            let durable = Durable::of(event)?;
            checked.last_pos = next_pos_after(checked.last_pos, event)?;
            let record = checked.rooms.entry(Arc::clone(durable.room)).or_insert_with_key(|name| {
                self.rooms.get(name).map_or_else(|| RoomRecord::new(Arc::clone(name)), |room| room.record.clone())
            });
            record.append(&durable)?;
        }
        Ok(checked)
    }

    fn store(&mut self, batch: &Batch, checked: Checked) {
        for event in &batch.events {
            let Some(name) = &event.room else { continue };
            let room = self
                .rooms
                .entry(Arc::clone(name))
                .or_insert_with_key(|name| Room { record: RoomRecord::new(Arc::clone(name)), events: VecDeque::new() });
            if room.events.is_empty() {
                self.oldest.insert(event.pos, Arc::clone(name));
            }
            room.events.push_back(Arc::clone(event));
            self.bytes += cost(event);
        }
        for (name, record) in checked.rooms {
            if let Some(room) = self.rooms.get_mut(&name) {
                room.record = record;
            }
        }
        for trim in &batch.trims {
            self.trim(&trim.room, trim.before);
        }
        if let Some(clock) = &batch.clock {
            self.clock = clock.clone();
        }
        self.ended.extend(&batch.ended);
        let too_many = self.ended.len().saturating_sub(ENDED_MAX);
        self.ended.drain(..too_many);
        self.last_pos = checked.last_pos;
        self.next_pos = self.next_pos.max(batch.reserve_pos.unwrap_or(0)).max(self.last_pos + 1);
    }

    /// Forgets what is beyond the bounds, of the rooms that the batch may have filled and then of all.
    fn forget(&mut self, batch: &Batch, settings: MemorySettings) {
        for name in batch.events.iter().filter_map(|event| event.room.as_ref()) {
            let Some(room) = self.rooms.get(name) else { continue };
            let kept_from = room.record.next_seq.saturating_sub(settings.events_per_room as u64);
            self.trim(name, kept_from);
        }
        while self.bytes > settings.bytes_max {
            let Some((pos, name)) = self.oldest.first_key_value() else { break };
            let Some(room) = self.rooms.get(name).filter(|_| *pos != self.last_pos) else { break };
            let (name, before) = (Arc::clone(name), room.record.first_seq + 1);
            self.trim(&name, before);
        }
    }

    fn trim(&mut self, name: &Arc<str>, before: Seq) {
        let Some(Room { record, events }) = self.rooms.get_mut(name) else { return };
        let from = record.first_seq;
        record.trim(before);
        let Some(oldest) = events.front().filter(|_| record.first_seq > from) else { return };
        self.oldest.remove(&oldest.pos);
        for _ in from..record.first_seq {
            self.bytes -= events.pop_front().map_or(0, |event| cost(&event));
        }
        if let Some(oldest) = events.front() {
            self.oldest.insert(oldest.pos, Arc::clone(name));
        }
    }
}

fn cost(event: &Event) -> usize {
    EVENT_BYTES + text_of(event).len()
}

struct MemoryReader {
    log: Arc<RwLock<Log>>,
}

impl MemoryReader {
    fn read(&self) -> RwLockReadGuard<'_, Log> {
        self.log.read().expect("nobody panics while writing the log")
    }
}

impl Reader for MemoryReader {
    fn history(&mut self, room: &str, range: HistoryRange, limit: u32, bytes_max: usize) -> Result<Page, StoreError> {
        let log = self.read();
        let Some(Room { record, events }) = log.rooms.get(room) else { return Ok(Page::default()) };
        let mut page = PageBuilder::new(limit, bytes_max);
        // How many events stand before `seq`.
        let place = |seq: Seq| seq.clamp(record.first_seq, record.next_seq).abs_diff(record.first_seq) as usize;
        let newest_first = |end: usize, mut page: PageBuilder| {
            let _filled = events.range(..end).rev().all(|event| page.push(Arc::clone(event)));
            page.finish_reversed()
        };
        Ok(match range {
            HistoryRange::Latest => newest_first(events.len(), page),
            HistoryRange::Before(seq) => newest_first(place(seq), page),
            HistoryRange::After(seq) => {
                let _filled = events.range(place(seq.saturating_add(1))..).all(|event| page.push(Arc::clone(event)));
                page.finish()
            }
        })
    }

    fn search(&mut self, room: &str, query: &str, before: Option<Seq>, limit: u32) -> Result<Page, StoreError> {
        let query = Query::parse(query);
        // The texts are compared outside the lock, so that a search does not hold up the writer.
        let events = self.read().rooms.get(room).map(|room| room.events.clone()).unwrap_or_default();
        let mut page = PageBuilder::new(limit, usize::MAX);
        let earlier = |event: &&Arc<Event>| before.is_none_or(|before| event.seq().is_some_and(|seq| seq < before));
        let _filled = events
            .iter()
            .rev()
            .filter(earlier)
            .filter(|event| query.matches(text_of(event)))
            .all(|event| page.push(Arc::clone(event)));
        Ok(page.finish())
    }

    fn indexed(&mut self) -> Result<Pos, StoreError> {
        Ok(self.read().last_pos)
    }
}
