//! The tables, the steps that lead from each version to the next, and the values that a database has once.

use super::write::Write;
use crate::clock::ClockLog;
use rusqlite::{Connection, OptionalExtension};
use switchboard_core::limits::ENDED_MAX;
use switchboard_core::{Epoch, Pos, SessionId};

/// `PRAGMA application_id`: "SwBd".
pub(super) const APPLICATION_ID: i32 = 0x5377_4264;

/// `PRAGMA user_version` of a database that has had every migration.
pub(super) const VERSION: i32 = MIGRATIONS.len() as i32;

/// The migrations in order: the n-th one (from 1) leads to version n. A migration that was ever released is never
/// changed again.
const MIGRATIONS: [&str; 4] = [LOG, SEARCH, REINDEX, IDS];

/// Version 1: the log.
///
/// `events.pos` is the table's key, so that commits append to it whatever their rooms are, and so that the work which
/// trails them finds what is new; a room's pages go through the index on (room, seq). `rooms.next_seq` is a column and
/// not a maximum, since numbers are not used again when everything was trimmed. Rows below `first_seq` are forgotten
/// at once and deleted later; those from `swept_seq` on may still be there.
const LOG: &str = "
    CREATE TABLE meta (
        key TEXT PRIMARY KEY,
        value ANY NOT NULL
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE rooms (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        next_seq INTEGER NOT NULL,
        first_seq INTEGER NOT NULL,
        swept_seq INTEGER NOT NULL,
        topic TEXT NOT NULL,
        last_time INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX rooms_to_sweep ON rooms (id) WHERE swept_seq < first_seq;

    CREATE TABLE events (
        pos INTEGER PRIMARY KEY,
        room INTEGER NOT NULL,
        seq INTEGER NOT NULL,
        time INTEGER NOT NULL,
        kind INTEGER NOT NULL,
        id TEXT,
        nick TEXT NOT NULL,
        session INTEGER NOT NULL,
        user INTEGER NOT NULL,
        via INTEGER NOT NULL,
        text TEXT NOT NULL,
        action INTEGER NOT NULL,
        UNIQUE (room, seq)
    ) STRICT;
    CREATE INDEX events_with_id ON events (time) WHERE id IS NOT NULL;
";

/// Version 2: search.
///
/// Both tables hold what `words.rs` makes of a text and nothing of the text itself; a row's id is the event's `pos`,
/// and `room` is a token that stands for the room, so that a search touches only what the room has of a word.
/// `trigrams` has rows only for texts in scripts without spaces. The tokenizers take every character but the space as
/// part of a token: where tokens begin and end was decided before.
const SEARCH: &str = "
    CREATE VIRTUAL TABLE words USING fts5 (
        room, text, content = '', contentless_delete = 1,
        tokenize = \"unicode61 remove_diacritics 2 categories 'L* M* N* P* S* C*'\"
    );
    CREATE VIRTUAL TABLE trigrams USING fts5 (
        room, text, content = '', contentless_delete = 1, tokenize = 'trigram'
    );
    INSERT INTO meta (key, value) VALUES ('indexed', 0);
";

/// Version 3: what is indexed is indexed again, from the latest to the first, since words are cut differently.
///
/// Version 2 took what nobody sees for the end of a word, found no emoji and folded fewer letters. The value is the
/// highest position that may still be indexed in the old way: the rows are replaced one by one while the server works
/// (`index.rs`), so that neither the start nor a search waits for it. Of plain ASCII texts the rows are the same.
const REINDEX: &str = "
    INSERT INTO meta (key, value) SELECT 'reindex', value FROM meta WHERE key = 'indexed';
";

/// Version 4: messages with an id are found by their positions, and sessions that were ended are known.
///
/// By their times, a message that a wrong clock had stamped stood before or behind all others for days.
const IDS: &str = "
    DROP INDEX events_with_id;
    CREATE INDEX events_with_id ON events (pos) WHERE id IS NOT NULL;
    CREATE TABLE ended (
        number INTEGER PRIMARY KEY,
        session INTEGER NOT NULL
    ) STRICT;
";

/// The version of the database, 0 if it is new.
pub(super) fn version(connection: &Connection) -> rusqlite::Result<i32> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

/// Brings the database to [`VERSION`], each step in a transaction of its own. `fresh` are the values that a new
/// database gets.
pub(super) fn migrate(connection: &Connection, fresh: &Meta) -> rusqlite::Result<()> {
    for (before, statements) in (0..).zip(MIGRATIONS).skip(usize::try_from(version(connection)?).unwrap_or(0)) {
        let transaction = Write::begin(connection)?;
        transaction.execute_batch(statements)?;
        if before == 0 {
            fresh.insert(&transaction)?;
            transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        }
        transaction.pragma_update(None, "user_version", before + 1)?;
        transaction.commit()?;
    }
    Ok(())
}

/// The values that a database has once.
pub(super) struct Meta {
    pub(super) epoch: Epoch,
    pub(super) secret: [u8; 32],
    /// Every position below this may have been used.
    pub(super) next_pos: Pos,
}

impl Meta {
    pub(super) fn read(connection: &Connection) -> rusqlite::Result<Self> {
        let mut statement = connection.prepare_cached("SELECT value FROM meta WHERE key = ?1")?;
        let epoch: i64 = statement.query_row(["epoch"], |row| row.get(0))?;
        let secret = statement.query_row(["secret"], |row| row.get(0))?;
        let next_pos: i64 = statement.query_row(["next_pos"], |row| row.get(0))?;
        Ok(Self { epoch: Epoch(epoch.cast_unsigned()), secret, next_pos: next_pos.cast_unsigned() })
    }

    fn insert(&self, transaction: &Write<'_>) -> rusqlite::Result<()> {
        let mut statement = transaction.prepare("INSERT INTO meta (key, value) VALUES (?1, ?2)")?;
        statement.execute(("epoch", self.epoch.0.cast_signed()))?;
        statement.execute(("secret", self.secret))?;
        statement.execute(("next_pos", self.next_pos.cast_signed()))?;
        Ok(())
    }
}

/// Stores that every position below `next_pos` may have been used.
pub(super) fn set_next_pos(connection: &Connection, next_pos: Pos) -> rusqlite::Result<()> {
    set(connection, "next_pos", next_pos)
}

/// The highest position that was indexed for search.
pub(super) fn indexed(connection: &Connection) -> rusqlite::Result<Pos> {
    let mut statement = connection.prepare_cached("SELECT value FROM meta WHERE key = 'indexed'")?;
    let pos: Option<i64> = statement.query_row([], |row| row.get(0)).optional()?;
    Ok(pos.map_or(0, i64::cast_unsigned))
}

/// Stores the highest position that was indexed for search.
pub(super) fn set_indexed(connection: &Connection, pos: Pos) -> rusqlite::Result<()> {
    set(connection, "indexed", pos)
}

/// The highest position whose event may still be indexed as an earlier version did it; 0: none.
pub(super) fn reindex(connection: &Connection) -> rusqlite::Result<Pos> {
    let mut statement = connection.prepare_cached("SELECT value FROM meta WHERE key = 'reindex'")?;
    statement.query_row([], |row| row.get(0)).map(i64::cast_unsigned)
}

/// Stores the highest position whose event may still be indexed as an earlier version did it.
pub(super) fn set_reindex(connection: &Connection, pos: Pos) -> rusqlite::Result<()> {
    set(connection, "reindex", pos)
}

/// Stores another epoch.
pub(super) fn set_epoch(connection: &Connection, epoch: Epoch) -> rusqlite::Result<()> {
    set(connection, "epoch", epoch.0)
}

/// How many transactions trailed the commits, by the counter that each of them writes; none if the database was last used
/// by a version that did not count.
pub(super) fn trailed(connection: &Connection) -> rusqlite::Result<Option<u64>> {
    get(connection, "trailed")
}

/// Counts a transaction that is not waited for. With that it writes the page of `meta`, by which the log tells it from a
/// commit (`scan.rs`).
pub(super) fn count_trailing(connection: &Connection) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO meta (key, value) VALUES ('trailed', 0) ON CONFLICT (key) DO UPDATE SET value = value + 1",
        )?
        .execute([])
        .map(|_| ())
}

/// Whether commits were not waited for when the database was last used.
pub(super) fn is_lax(connection: &Connection) -> rusqlite::Result<bool> {
    get(connection, "lax").map(|lax| lax.is_some())
}

/// Whether the database has a mark beside it.
pub(super) fn is_marked(connection: &Connection) -> rusqlite::Result<bool> {
    get(connection, "marked").map(|marked| marked.is_some())
}

/// Stores that the database has a mark beside it.
pub(super) fn set_marked(connection: &Connection) -> rusqlite::Result<()> {
    put(connection, "marked")
}

/// Stores that commits are not waited for from now on.
pub(super) fn set_lax(connection: &Connection) -> rusqlite::Result<()> {
    put(connection, "lax")
}

/// Stores that every commit is waited for from now on.
pub(super) fn unset_lax(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute("DELETE FROM meta WHERE key = 'lax'", []).map(|_| ())
}

fn get(connection: &Connection, key: &str) -> rusqlite::Result<Option<u64>> {
    let mut statement = connection.prepare_cached("SELECT value FROM meta WHERE key = ?1")?;
    statement.query_row([key], |row| row.get(0)).optional().map(|value| value.map(i64::cast_unsigned))
}

fn put(connection: &Connection, key: &str) -> rusqlite::Result<()> {
    connection.execute("INSERT OR IGNORE INTO meta (key, value) VALUES (?1, 1)", [key]).map(|_| ())
}

/// What the machine's clock did. What this version does not understand is as good as nothing: then time goes by as the
/// clock says.
pub(super) fn clock(connection: &Connection) -> rusqlite::Result<ClockLog> {
    let mut statement = connection.prepare_cached("SELECT value FROM meta WHERE key = 'clock'")?;
    let text: Option<String> = statement.query_row([], |row| row.get(0)).optional()?;
    Ok(text.and_then(|text| ClockLog::parse(&text)).unwrap_or_default())
}

/// Stores what the machine's clock did.
pub(super) fn set_clock(connection: &Connection, clock: &ClockLog) -> rusqlite::Result<()> {
    connection
        .prepare_cached("INSERT OR REPLACE INTO meta (key, value) VALUES ('clock', ?1)")?
        .execute([clock.to_text()])
        .map(|_| ())
}

/// The latest sessions that their clients ended, oldest first.
pub(super) fn ended(connection: &Connection) -> rusqlite::Result<Vec<SessionId>> {
    let mut statement = connection.prepare("SELECT session FROM ended ORDER BY number DESC LIMIT ?1")?;
    let sessions = statement.query_map([ENDED_MAX as i64], |row| row.get(0).map(i64::cast_unsigned).map(SessionId))?;
    let mut sessions = sessions.collect::<rusqlite::Result<Vec<_>>>()?;
    sessions.reverse();
    Ok(sessions)
}

/// Stores that a session was ended, and forgets the one that is beyond the bound.
pub(super) fn add_ended(connection: &Connection, session: SessionId) -> rusqlite::Result<()> {
    connection.prepare_cached("INSERT INTO ended (session) VALUES (?1)")?.execute([session.0.cast_signed()])?;
    let beyond = connection.last_insert_rowid() - ENDED_MAX as i64;
    connection.prepare_cached("DELETE FROM ended WHERE number <= ?1")?.execute([beyond]).map(|_| ())
}

fn set(connection: &Connection, key: &str, value: u64) -> rusqlite::Result<()> {
    connection
        .prepare_cached("UPDATE meta SET value = ?2 WHERE key = ?1")?
        .execute((key, value.cast_signed()))
        .map(|_| ())
}
