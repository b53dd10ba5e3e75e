//! What the writer does: commits, and the questions that the engine asks when it starts or trims.

use super::rows;
use super::schema::{self, Meta};
use super::write::Write;
use crate::clock::Cutoffs;
use crate::durable::{Durable, next_pos_after};
use crate::error::{At, StoreError};
use crate::record::{Batch, IdRecord, Loaded, RoomRecord};
use rusqlite::{Connection, OptionalExtension, Row, params};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use switchboard_core::counted::Backwards;
use switchboard_core::{Pos, Seq, Time};

/// What a commit changed beside the rows.
pub(super) struct Committed {
    pub(super) next_pos: Pos,
    pub(super) last_pos: Pos,
    /// How many more rows are to be deleted.
    pub(super) trimmed: u64,
}

/// Stores a batch in one transaction.
pub(super) fn commit(
    connection: &Connection,
    path: &Path,
    batch: &Batch,
    next_pos: Pos,
    last_pos: Pos,
) -> Result<Committed, StoreError> {
    // Dropping the transaction on an error rolls it back.
    let transaction = Write::begin(connection).at(path)?;
    let mut rooms = Rooms { transaction: &transaction, path, rooms: BTreeMap::new() };
    let mut done = Committed { next_pos, last_pos, trimmed: 0 };
    for event in &batch.events {
        let durable = Durable::of(event)?;
        done.last_pos = next_pos_after(done.last_pos, event)?;
        let room = rooms.find_or_make(durable.room)?;
        room.record.append(&durable)?;
        rows::insert(&transaction, room.id, event.pos, &durable).at(path)?;
    }
    for trim in &batch.trims {
        if let Some(room) = rooms.find(&trim.room)? {
            let before = room.record.first_seq;
            room.record.trim(trim.before);
            done.trimmed += room.record.first_seq - before;
        }
    }
    rooms.store()?;
    // Positions are reserved in advance, so that most commits need not write this.
    done.next_pos = next_pos.max(batch.reserve_pos.unwrap_or(0)).max(done.last_pos + 1);
    if done.next_pos > next_pos {
        schema::set_next_pos(&transaction, done.next_pos).at(path)?;
    }
    for session in &batch.ended {
        schema::add_ended(&transaction, *session).at(path)?;
    }
    if let Some(clock) = &batch.clock {
        schema::set_clock(&transaction, clock).at(path)?;
    }
    transaction.commit().at(path)?;
    Ok(done)
}

/// The rooms that a batch touches.
struct Rooms<'a> {
    transaction: &'a Write<'a>,
    path: &'a Path,
    rooms: BTreeMap<Arc<str>, Room>,
}

struct Room {
    id: i64,
    record: RoomRecord,
}

impl Rooms<'_> {
    fn find(&mut self, name: &Arc<str>) -> Result<Option<&mut Room>, StoreError> {
        if !self.rooms.contains_key(name) {
            let found = self
                .transaction
                .prepare_cached("SELECT name, next_seq, first_seq, topic, last_time, id FROM rooms WHERE name = ?1")
                .and_then(|mut statement| {
                    let read = |row: &Row<'_>| Ok(Room { id: row.get(5)?, record: record(row)? });
                    statement.query_row([name], read).optional()
                })
                .at(self.path)?;
            if let Some(room) = found {
                self.rooms.insert(Arc::clone(name), room);
            }
        }
        Ok(self.rooms.get_mut(name))
    }

    fn find_or_make(&mut self, name: &Arc<str>) -> Result<&mut Room, StoreError> {
        if self.find(name)?.is_none() {
            self.transaction
                .prepare_cached(
                    "INSERT INTO rooms (name, next_seq, first_seq, swept_seq, topic, last_time)
                     VALUES (?1, 1, 1, 1, '', 0)",
                )
                .and_then(|mut statement| statement.execute([name]))
                .at(self.path)?;
        }
        let path = self.path;
        self.find(name)?.ok_or(rusqlite::Error::QueryReturnedNoRows).at(path)
    }

    fn store(self) -> Result<(), StoreError> {
        for Room { id, record } in self.rooms.into_values() {
            self.transaction
                .prepare_cached(
                    "UPDATE rooms SET next_seq = ?2, first_seq = ?3, topic = ?4, last_time = ?5 WHERE id = ?1",
                )
                .and_then(|mut statement| {
                    statement.execute(params![
                        id,
                        record.next_seq.cast_signed(),
                        record.first_seq.cast_signed(),
                        record.topic,
                        record.last_time.0.cast_signed(),
                    ])
                })
                .at(self.path)?;
        }
        Ok(())
    }
}

/// The highest position of a stored event, 0 if there is none.
pub(super) fn last_pos(connection: &Connection) -> rusqlite::Result<Pos> {
    let pos: Option<i64> = connection.query_row("SELECT max(pos) FROM events", [], |row| row.get(0))?;
    Ok(pos.map_or(0, i64::cast_unsigned))
}

/// How many events there ever were.
pub(super) fn events_ever(connection: &Connection) -> rusqlite::Result<u64> {
    connection
        .query_row("SELECT coalesce(sum(next_seq - 1), 0) FROM rooms", [], |row| row.get(0))
        .map(i64::cast_unsigned)
}

pub(super) fn load(connection: &Connection, last_pos: Pos) -> rusqlite::Result<Loaded> {
    let Meta { epoch, secret, next_pos } = Meta::read(connection)?;
    let mut statement =
        connection.prepare("SELECT name, next_seq, first_seq, topic, last_time FROM rooms ORDER BY name")?;
    let rooms = statement.query_map([], record)?.collect::<rusqlite::Result<_>>()?;
    let (clock, ended) = (schema::clock(connection)?, schema::ended(connection)?);
    Ok(Loaded { epoch, secret, next_pos: next_pos.max(last_pos + 1), rooms, clock, ended })
}

pub(super) fn recent_ids(
    connection: &Connection,
    age_ms: u64,
    max: usize,
    each: &mut dyn FnMut(IdRecord),
) -> rusqlite::Result<()> {
    // First backwards to the oldest one that is wanted, then forwards from there: nothing is sorted, and no more than one
    // row is in memory.
    const STORED: &str = "FROM events AS e INDEXED BY events_with_id CROSS JOIN rooms AS r ON r.id = e.room
         WHERE e.id IS NOT NULL AND e.seq >= r.first_seq";
    let mut walk = Backwards::new(age_ms);
    let mut oldest = None;
    let mut statement = connection.prepare(&format!("SELECT e.pos, e.time {STORED} ORDER BY e.pos DESC LIMIT ?1"))?;
    let mut rows = statement.query([i64::try_from(max).unwrap_or(i64::MAX)])?;
    while let Some(row) = rows.next()? {
        if !walk.wants(Time(row.get::<_, i64>(1)?.cast_unsigned())) {
            break;
        }
        oldest = Some(row.get::<_, i64>(0)?);
    }
    let Some(oldest) = oldest else { return Ok(()) };
    let mut statement = connection.prepare(&format!(
        "SELECT r.name, e.id, e.seq, e.time, e.text, e.action {STORED} AND e.pos >= ?1 ORDER BY e.pos"
    ))?;
    let mut rows = statement.query([oldest])?;
    // Most ids belong to the same few rooms, one after the other: their names are shared.
    let mut room: Arc<str> = Arc::from("");
    while let Some(row) = rows.next()? {
        let name = row.get_ref(0)?.as_str()?;
        if *room != *name {
            room = Arc::from(name);
        }
        each(IdRecord {
            room: Arc::clone(&room),
            id: row.get(1)?,
            seq: row.get::<_, i64>(2)?.cast_unsigned(),
            time: Time(row.get::<_, i64>(3)?.cast_unsigned()),
            text: row.get(4)?,
            action: row.get(5)?,
        });
    }
    Ok(())
}

pub(super) fn older_than(connection: &Connection, before: &Cutoffs) -> rusqlite::Result<Vec<(Arc<str>, Seq)>> {
    let mut times = connection.prepare_cached("SELECT pos, time FROM events WHERE room = ?1 AND seq = ?2")?;
    let mut is_older = |room: i64, seq: Seq| -> rusqlite::Result<bool> {
        let (pos, time): (i64, i64) =
            times.query_row((room, seq.cast_signed()), |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(before.is_older(pos.cast_unsigned(), Time(time.cast_unsigned())))
    };
    let mut rooms = connection.prepare(
        "SELECT name, next_seq, first_seq, topic, last_time, id FROM rooms WHERE first_seq < next_seq ORDER BY name",
    )?;
    let mut rows = rooms.query([])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let (RoomRecord { name, next_seq, first_seq, .. }, id) = (record(row)?, row.get(5)?);
        // Numbers have no holes and times never go back, so the border is found by halving. Where a clock that was set makes
        // an event seem younger than the one before it, an older one still stands at the border.
        let (mut low, mut high) = (first_seq, next_seq);
        if !is_older(id, low)? {
            continue;
        }
        while low < high {
            let middle = low + (high - low) / 2;
            if is_older(id, middle)? {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        found.push((name, low));
    }
    Ok(found)
}

/// The room in a row of name, next_seq, first_seq, topic, last_time.
fn record(row: &Row<'_>) -> rusqlite::Result<RoomRecord> {
    let unsigned = |column| row.get(column).map(i64::cast_unsigned);
    Ok(RoomRecord {
        name: row.get(0)?,
        next_seq: unsigned(1)?,
        first_seq: unsigned(2)?,
        topic: row.get(3)?,
        last_time: Time(unsigned(4)?),
    })
}
