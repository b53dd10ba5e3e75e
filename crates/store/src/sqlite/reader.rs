//! Reading of history and searching, on a connection that cannot write.

use super::connect::{BUSY_TIMEOUT, Sharing, plan_once};
use super::index::room_token;
use super::lock::DirectoryLock;
use super::{rows, schema};
use crate::Reader;
use crate::error::{At, StoreError};
use crate::page::PageBuilder;
use crate::record::Page;
use crate::words::Query;
use rusqlite::{Connection, OpenFlags, OptionalExtension, Transaction, params};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use switchboard_core::output::HistoryRange;
use switchboard_core::{Pos, Seq};

/// A reader of the database. Each has a connection of its own; in write-ahead mode readers and the writer never wait
/// for one another.
pub(super) struct SqliteReader {
    connection: Connection,
    path: PathBuf,
    // Last, so that it is given back when the connection is closed.
    _lock: Arc<DirectoryLock>,
}

impl SqliteReader {
    pub(super) fn open(path: &Path, sharing: Sharing, lock: Arc<DirectoryLock>) -> Result<Self, StoreError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = sharing.open(path, flags).at(path)?;
        connection.busy_timeout(BUSY_TIMEOUT).at(path)?;
        plan_once(&connection).at(path)?;
        connection.pragma_update(None, "cache_size", -4_096).at(path)?;
        connection.pragma_update(None, "temp_store", "MEMORY").at(path)?;
        // SQLite opens the log when it first reads, and later there may be no descriptor left for it.
        schema::indexed(&connection).at(path)?;
        Ok(Self { connection, path: path.to_owned(), _lock: lock })
    }
}

impl Reader for SqliteReader {
    fn history(&mut self, room: &str, range: HistoryRange, limit: u32, bytes_max: usize) -> Result<Page, StoreError> {
        read(&mut self.connection, |snapshot| {
            let page = PageBuilder::new(limit, bytes_max);
            Room::find(snapshot, room)?.map_or(Ok(Page::default()), |room| history(snapshot, &room, range, limit, page))
        })
        .at(&self.path)
    }

    fn search(&mut self, room: &str, query: &str, before: Option<Seq>, limit: u32) -> Result<Page, StoreError> {
        let query = Query::parse(query);
        read(&mut self.connection, |snapshot| {
            let page = PageBuilder::new(limit, usize::MAX);
            Room::find(snapshot, room)?
                .map_or(Ok(Page::default()), |room| search(snapshot, &room, &query, before, limit, page))
        })
        .at(&self.path)
    }

    fn indexed(&mut self) -> Result<Pos, StoreError> {
        schema::indexed(&self.connection).at(&self.path)
    }
}

/// Reads in one transaction: a room's borders and its events are of the same moment.
fn read<T>(
    connection: &mut Connection,
    work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<T> {
    let snapshot = connection.transaction()?;
    let result = work(&snapshot)?;
    snapshot.commit()?;
    Ok(result)
}

struct Room {
    id: i64,
    name: Arc<str>,
    first_seq: Seq,
    next_seq: Seq,
}

impl Room {
    fn find(snapshot: &Transaction<'_>, name: &str) -> rusqlite::Result<Option<Self>> {
        snapshot
            .prepare_cached("SELECT id, first_seq, next_seq FROM rooms WHERE name = ?1")?
            .query_row([name], |row| {
                let unsigned = |column| row.get(column).map(i64::cast_unsigned);
                Ok(Self { id: row.get(0)?, name: Arc::from(name), first_seq: unsigned(1)?, next_seq: unsigned(2)? })
            })
            .optional()
    }

    /// The position of the event `seq`, which must be stored.
    fn pos(&self, snapshot: &Transaction<'_>, seq: Seq) -> rusqlite::Result<i64> {
        snapshot
            .prepare_cached("SELECT pos FROM events WHERE room = ?1 AND seq = ?2")?
            .query_row((self.id, seq.cast_signed()), |row| row.get(0))
    }
}

fn history(
    snapshot: &Transaction<'_>,
    room: &Room,
    range: HistoryRange,
    limit: u32,
    mut page: PageBuilder,
) -> rusqlite::Result<Page> {
    // Both ends are within what is stored, so that they fit SQLite's signed numbers whatever was asked for.
    let (from, to, order) = match range {
        HistoryRange::Latest => (room.first_seq, room.next_seq, "DESC"),
        HistoryRange::Before(seq) => (room.first_seq, seq.min(room.next_seq), "DESC"),
        HistoryRange::After(seq) => (seq.saturating_add(1).clamp(room.first_seq, room.next_seq), room.next_seq, "ASC"),
    };
    let mut statement = snapshot.prepare_cached(&format!(
        "SELECT {} FROM events AS e WHERE e.room = ?1 AND e.seq >= ?2 AND e.seq < ?3 ORDER BY e.seq {order} LIMIT ?4",
        rows::COLUMNS
    ))?;
    let one_more = i64::from(limit) + 1;
    let mut found = statement.query(params![room.id, from.cast_signed(), to.cast_signed(), one_more])?;
    while let Some(row) = found.next()? {
        if !page.push(rows::event(row, &room.name)?) {
            break;
        }
    }
    Ok(match range {
        HistoryRange::Latest | HistoryRange::Before(_) => page.finish_reversed(),
        HistoryRange::After(_) => page.finish(),
    })
}

/// Either index gives its rows by descending position without sorting, and goes from one row that a list has to the
/// next that all lists have: the work is about the shortest of the lists, and the room itself is one of them.
fn search(
    snapshot: &Transaction<'_>,
    room: &Room,
    query: &Query,
    before: Option<Seq>,
    limit: u32,
    mut page: PageBuilder,
) -> rusqlite::Result<Page> {
    let end = before.unwrap_or(room.next_seq).min(room.next_seq);
    if end <= room.first_seq || query.terms.is_empty() {
        return Ok(page.finish());
    }
    let from = room.pos(snapshot, room.first_seq)?;
    let through = room.pos(snapshot, end - 1)?;
    // The words find everything. Trigrams are rarer than single characters, so they are faster where they suffice.
    let runs: Option<Vec<&str>> = query.terms.iter().map(|term| term.run.as_deref()).collect();
    let (table, phrases) = match runs {
        Some(runs) => ("trigrams", runs),
        None => ("words", query.terms.iter().map(|term| term.tokens.as_str()).collect()),
    };
    let mut statement = snapshot.prepare_cached(&format!(
        "SELECT {} FROM {table} AS i CROSS JOIN events AS e ON e.pos = i.rowid
         WHERE {table} MATCH ?1 AND i.rowid >= ?2 AND i.rowid <= ?3 ORDER BY i.rowid DESC LIMIT ?4",
        rows::COLUMNS
    ))?;
    let one_more = i64::from(limit) + 1;
    let mut found = statement.query(params![expression(room, &phrases), from, through, one_more])?;
    while let Some(row) = found.next()? {
        if !page.push(rows::event(row, &room.name)?) {
            break;
        }
    }
    Ok(page.finish())
}

/// The FTS5 expression for a room's rows with all of the phrases. A phrase holds letters, digits, marks and spaces only
/// (see `words.rs`), so within quotes nothing of it is syntax.
fn expression(room: &Room, phrases: &[&str]) -> String {
    let mut expression = format!("room : \"{}\"", room_token(room.id));
    for phrase in phrases {
        expression.push_str(" AND text : \"");
        expression.push_str(phrase);
        expression.push('"');
    }
    expression
}
