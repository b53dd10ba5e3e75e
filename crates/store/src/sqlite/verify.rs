//! The examination of everything in a database that nobody uses: each room against its record, the index against the
//! messages.

use super::check;
use super::lock::DirectoryLock;
use super::schema;
use super::{FILE, mark::Mark, mark::Said, writer};
use crate::error::{At, StoreError};
use rusqlite::Connection;
use std::path::Path;

/// Sentences for one kind of fault; the rest is counted only.
const FAULTS_MAX: usize = 10;

/// What was found in a database that can be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    pub rooms: u64,
    /// Stored events.
    pub events: u64,
    /// What is wrong, each in a sentence; none if the database is whole.
    pub faults: Vec<String>,
    /// What is no fault but worth knowing.
    pub notes: Vec<String>,
}

/// Examines the database of a data directory, and changes nothing in it.
///
/// # Errors
/// [`StoreError::InUse`]: a server has it. [`StoreError::Damaged`], [`StoreError::Newer`]: it would not be opened.
/// Others: there is none, or it cannot be read.
pub fn verify(directory: &Path) -> Result<Report, StoreError> {
    let path = directory.join(FILE);
    path.metadata().at(&path)?;
    let lock = DirectoryLock::take(directory)?;
    let report = check::examine(&path).and_then(|()| examine_all(directory, &path));
    lock.withdraw();
    report
}

fn examine_all(directory: &Path, path: &Path) -> Result<Report, StoreError> {
    let connection = check::connect_to(path)?;
    let mut report = Report::default();
    let look = |report: &mut Report| -> rusqlite::Result<()> {
        if schema::version(&connection)? == 0 {
            report.notes.push("nothing was ever stored".to_owned());
            return Ok(());
        }
        let count = |sql: &str| connection.query_row(sql, [], |row| row.get(0)).map(i64::cast_unsigned);
        report.rooms = count("SELECT count(*) FROM rooms")?;
        report.events = count("SELECT count(*) FROM events")?;
        whole(&connection, report)?;
        rooms(&connection, report)?;
        index(&connection, report)
    };
    look(&mut report).at(path)?;
    if report.faults.is_empty() && schema::version(&connection).at(path)? > 0 {
        marked(&connection, directory, path, &mut report)?;
    }
    Ok(report)
}

/// SQLite's own examination: pages, order, and each index against its table.
fn whole(connection: &Connection, report: &mut Report) -> rusqlite::Result<()> {
    let mut statement = connection.prepare("PRAGMA integrity_check(10)")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let verdict: String = row.get(0)?;
        if verdict != "ok" {
            report.faults.push(format!("the database: {verdict}"));
        }
    }
    Ok(())
}

/// A room as its events are walked through.
struct Walk {
    id: i64,
    name: String,
    next_seq: i64,
    swept_seq: i64,
    last_time: i64,
}

/// Each room's events against its record: every number once, positions and times that do not go back.
fn rooms(connection: &Connection, report: &mut Report) -> rusqlite::Result<()> {
    let mut list = connection.prepare("SELECT id, name, next_seq, swept_seq, last_time, first_seq FROM rooms")?;
    let mut events = connection.prepare("SELECT seq, pos, time FROM events WHERE room = ?1 ORDER BY seq")?;
    let mut rows = list.query([])?;
    let mut known = 0;
    while let Some(row) = rows.next()? {
        let room = Walk {
            id: row.get(0)?,
            name: row.get(1)?,
            next_seq: row.get(2)?,
            swept_seq: row.get(3)?,
            last_time: row.get(4)?,
        };
        let first_seq: i64 = row.get(5)?;
        if !(1 <= room.swept_seq && room.swept_seq <= first_seq && first_seq <= room.next_seq) {
            fault(report, format!("room {}: its record contradicts itself", room.name));
        }
        let mut found = events.query([room.id])?;
        let (mut expected, mut last_pos, mut last_time) = (room.swept_seq, 0, 0);
        while let Some(event) = found.next()? {
            let (seq, pos, time): (i64, i64, i64) = (event.get(0)?, event.get(1)?, event.get(2)?);
            known += 1;
            if seq != expected {
                fault(report, format!("room {}: number {seq} stands where {expected} should", room.name));
            }
            if pos <= last_pos {
                fault(report, format!("room {}: the position of number {seq} goes back", room.name));
            }
            if time < last_time {
                fault(report, format!("room {}: the time of number {seq} goes back", room.name));
            }
            (expected, last_pos, last_time) = (seq + 1, pos, time);
        }
        if expected != room.next_seq {
            fault(report, format!("room {}: it ends before {expected}, and not before {}", room.name, room.next_seq));
        } else if last_time > room.last_time {
            fault(report, format!("room {}: its last message is later than its record says", room.name));
        }
    }
    if known != report.events {
        fault(report, format!("{} messages belong to no room", report.events.abs_diff(known)));
    }
    Ok(())
}

/// The full-text index against the messages: each that was indexed and is wanted is there, and nothing else.
fn index(connection: &Connection, report: &mut Report) -> rusqlite::Result<()> {
    let count = |sql: &str| connection.query_row(sql, [], |row| row.get(0)).map(i64::cast_unsigned);
    let indexed = schema::indexed(connection)?;
    let waiting = count(&format!("SELECT count(*) FROM events WHERE pos > {indexed}"))?;
    if waiting > 0 {
        report.notes.push(format!("{waiting} messages are still to be indexed; the server does that"));
    }
    let missing = count(&format!(
        "SELECT count(*) FROM events AS e JOIN rooms AS r ON r.id = e.room
         WHERE e.pos <= {indexed} AND e.seq >= r.first_seq AND e.pos NOT IN (SELECT id FROM words_docsize)"
    ))?;
    if missing > 0 {
        fault(report, format!("{missing} messages cannot be found: they are missing in the index"));
    }
    let extra = count("SELECT count(*) FROM words_docsize WHERE id NOT IN (SELECT pos FROM events)")?;
    if extra > 0 {
        fault(report, format!("the index has {extra} messages that are not stored"));
    }
    Ok(())
}

/// The database against the mark beside it.
fn marked(connection: &Connection, directory: &Path, path: &Path, report: &mut Report) -> Result<(), StoreError> {
    let epoch = schema::Meta::read(connection).at(path)?.epoch;
    let events = writer::events_ever(connection).at(path)?;
    let now = Said::of(&path.metadata().at(path)?, epoch, events);
    let is_kept = match Mark::read(directory)? {
        Some(said) => said.is_kept_by(&now),
        None => !schema::is_marked(connection).at(path)?,
    };
    if !is_kept {
        let note = "this is a copy, or what was acknowledged last is missing: the server will give it another epoch";
        report.notes.push(note.to_owned());
    }
    Ok(())
}

fn fault(report: &mut Report, what: String) {
    match report.faults.len() {
        FAULTS_MAX => report.faults.push("and more".to_owned()),
        0..FAULTS_MAX => report.faults.push(what),
        _ => {}
    }
}
