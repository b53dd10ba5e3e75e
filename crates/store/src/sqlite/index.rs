//! The work that trails the commits: indexing for search, and the deletion of trimmed events.

use super::schema;
use super::write::Write;
use crate::record::Backlog;
use crate::words;
use rusqlite::{CachedStatement, Connection, OptionalExtension};
use switchboard_core::Pos;

/// How far the trailing work is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Trailing {
    /// The highest position that is indexed.
    pub(super) indexed: Pos,
    /// Stored events above it, and those below their room's `first_seq`.
    pub(super) backlog: Backlog,
}

impl Trailing {
    /// How far it was when the database was last used.
    pub(super) fn read(connection: &Connection) -> rusqlite::Result<Self> {
        let indexed = schema::indexed(connection)?;
        let count = |sql: &str, parameter: i64| {
            connection.query_row(sql, [parameter], |row| row.get(0)).map(i64::cast_unsigned)
        };
        let backlog = Backlog {
            unindexed: count("SELECT count(*) FROM events WHERE pos > ?1", indexed.cast_signed())?,
            unswept: count(
                "SELECT coalesce(sum(first_seq - swept_seq), ?1) FROM rooms WHERE swept_seq < first_seq",
                0,
            )?,
        };
        Ok(Self { indexed, backlog })
    }
}

/// Pieces of the index that are merged at once (FTS5's `automerge`). Each transaction makes a piece, and rows are written
/// again each time that theirs is merged: with twice as many pieces at once as FTS5 takes by itself, that is less often,
/// and adding a row costs a sixth less in a large index. A search looks into a few more pieces.
const PIECES: i64 = 8;

/// Has the index merged as is best for many small additions, unless it is already: also one that an earlier version made.
pub(super) fn configure(connection: &Connection) -> rusqlite::Result<()> {
    for table in ["words", "trigrams"] {
        let set: Option<i64> = connection
            .query_row(&format!("SELECT v FROM {table}_config WHERE k = 'automerge'"), [], |row| row.get(0))
            .optional()?;
        if set != Some(PIECES) {
            let transaction = Write::begin(connection)?;
            transaction.execute(&format!("INSERT INTO {table} ({table}, rank) VALUES ('automerge', ?1)"), [PIECES])?;
            transaction.commit()?;
        }
    }
    Ok(())
}

/// Does up to `rows_max` rows of the work in one transaction, and gives how far it is then.
pub(super) fn step(connection: &Connection, from: &Trailing, rows_max: usize) -> rusqlite::Result<Trailing> {
    let rows_max = rows_max as u64;
    let transaction = Write::begin_trailing(connection)?;
    let mut trailing = *from;
    // A quarter is for the deletion as long as there is any, so that new events cannot put it off for ever.
    let for_sweeping = trailing.backlog.unswept.min((rows_max / 4).max(1));
    let indexed = index(&transaction, &mut trailing, rows_max - for_sweeping)?;
    sweep(&transaction, &mut trailing, rows_max - indexed)?;
    transaction.commit()?;
    Ok(trailing)
}

/// The token that stands for a room in the index: three characters of private use, so that it is one word and also one
/// trigram, and equals nothing that a person writes.
pub(super) fn room_token(room: i64) -> String {
    let digit = |shift: u32| {
        let twelve_bits = u32::try_from((room >> shift) & 0xFFF).unwrap_or(0);
        char::from_u32(0xE000 + twelve_bits).unwrap_or('\u{E000}')
    };
    [digit(24), digit(12), digit(0)].into_iter().collect()
}

fn index(transaction: &Write<'_>, trailing: &mut Trailing, rows_max: u64) -> rusqlite::Result<u64> {
    let mut events = transaction.prepare_cached(
        "SELECT e.pos, e.room, e.text, e.seq >= r.first_seq FROM events AS e CROSS JOIN rooms AS r ON r.id = e.room
         WHERE e.pos > ?1 ORDER BY e.pos LIMIT ?2",
    )?;
    let mut add = Add::prepare(transaction)?;
    let mut rows = events.query((trailing.indexed.cast_signed(), rows_max.cast_signed()))?;
    let mut count = 0;
    while let Some(row) = rows.next()? {
        let (pos, room): (i64, i64) = (row.get(0)?, row.get(1)?);
        let is_wanted: bool = row.get(3)?;
        if is_wanted {
            add.event(pos, room, row.get_ref(2)?.as_str()?)?;
        }
        trailing.indexed = pos.cast_unsigned();
        count += 1;
    }
    if count > 0 {
        schema::set_indexed(transaction, trailing.indexed)?;
        trailing.backlog.unindexed -= count;
    }
    Ok(count)
}

/// Indexes again up to `rows_max` events at and below `from`, the latest first, and gives the highest position that is
/// left; 0: none.
pub(super) fn again(connection: &Connection, from: Pos, rows_max: usize) -> rusqlite::Result<Pos> {
    let transaction = Write::begin_trailing(connection)?;
    let mut events = transaction.prepare_cached(
        "SELECT e.pos, e.room, e.text, e.seq >= r.first_seq FROM events AS e CROSS JOIN rooms AS r ON r.id = e.room
         WHERE e.pos <= ?1 ORDER BY e.pos DESC LIMIT ?2",
    )?;
    let mut add = Add::prepare(&transaction)?;
    let mut rows = events.query((from.cast_signed(), rows_max as i64))?;
    let (mut left, mut count) = (from, 0);
    while let Some(row) = rows.next()? {
        let pos: i64 = row.get(0)?;
        let text = row.get_ref(2)?.as_str()?;
        if row.get(3)? && !words::is_plain(text) {
            forget(&transaction, pos)?;
            add.event(pos, row.get(1)?, text)?;
        }
        left = pos.cast_unsigned().saturating_sub(1);
        count += 1;
    }
    drop(rows);
    drop((events, add));
    if count < rows_max {
        left = 0;
    }
    schema::set_reindex(&transaction, left)?;
    transaction.commit()?;
    Ok(left)
}

/// The statements that add events to the index, looked up once for all rows of a step.
struct Add<'a> {
    words: CachedStatement<'a>,
    trigrams: CachedStatement<'a>,
}

impl<'a> Add<'a> {
    fn prepare(transaction: &'a Write<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            words: transaction.prepare_cached("INSERT INTO words (rowid, room, text) VALUES (?1, ?2, ?3)")?,
            trigrams: transaction.prepare_cached("INSERT INTO trigrams (rowid, room, text) VALUES (?1, ?2, ?3)")?,
        })
    }

    /// Adds an event's text.
    fn event(&mut self, pos: i64, room: i64, text: &str) -> rusqlite::Result<()> {
        let tokens = words::tokens(text);
        let room = room_token(room);
        self.words.execute((pos, &room, &tokens))?;
        let runs = words::runs(&tokens);
        if !runs.is_empty() {
            self.trigrams.execute((pos, &room, &runs))?;
        }
        Ok(())
    }
}

/// Takes an event out of the index.
fn forget(transaction: &Write<'_>, pos: i64) -> rusqlite::Result<()> {
    transaction.prepare_cached("DELETE FROM words WHERE rowid = ?1")?.execute([pos])?;
    transaction.prepare_cached("DELETE FROM trigrams WHERE rowid = ?1")?.execute([pos])?;
    Ok(())
}

fn sweep(transaction: &Write<'_>, trailing: &mut Trailing, rows_max: u64) -> rusqlite::Result<()> {
    let mut rooms =
        transaction.prepare_cached("SELECT id, swept_seq, first_seq FROM rooms WHERE swept_seq < first_seq LIMIT 1")?;
    let mut places = transaction.prepare_cached("SELECT pos FROM events WHERE room = ?1 AND seq >= ?2 AND seq < ?3")?;
    let mut delete = transaction.prepare_cached("DELETE FROM events WHERE room = ?1 AND seq >= ?2 AND seq < ?3")?;
    let mut advance = transaction.prepare_cached("UPDATE rooms SET swept_seq = ?2 WHERE id = ?1")?;
    let mut left = rows_max.min(trailing.backlog.unswept).cast_signed();
    while left > 0 {
        let next = rooms.query_row([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).optional()?;
        let Some((room, from, first)): Option<(i64, i64, i64)> = next else { break };
        let to = first.min(from.saturating_add(left));
        let mut rows = places.query((room, from, to))?;
        while let Some(row) = rows.next()? {
            let pos: i64 = row.get(0)?;
            if pos.cast_unsigned() <= trailing.indexed {
                forget(transaction, pos)?;
            } else {
                trailing.backlog.unindexed -= 1;
            }
        }
        drop(rows);
        delete.execute((room, from, to))?;
        advance.execute((room, to))?;
        trailing.backlog.unswept -= (to - from).cast_unsigned();
        left -= to - from;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_tokens_are_three_characters_and_unlike_each_other() {
        let rooms = [1, 2, 0xFFF, 0x1000, 0x1001, 0xFFF_FFF, 0x1_000_000, 0xFFF_FFF_FFF];
        let tokens: std::collections::BTreeSet<String> = rooms.into_iter().map(room_token).collect();
        assert_eq!(tokens.len(), rooms.len());
        assert!(tokens.iter().all(|token| token.chars().count() == 3));
    }
}
