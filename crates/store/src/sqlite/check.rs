//! The examination of a database before it is opened for writing, which changes no byte of the directory.
//!
//! What SQLite does of its own accord when it opens a file can destroy evidence: it recovers, truncates or deletes a
//! write-ahead log, and takes a short file for an empty one. So whatever is refused is refused here, before that.

use super::schema::{self, Meta};
use super::{scan, wal};
use crate::error::{At, StoreError};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension};
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Databases up to this size are read through when they are opened, which takes about a tenth of a second. In a larger
/// one a damaged page is found when it is first read.
const WHOLE_CHECK_BYTES_MAX: u64 = 16 << 20;

/// The first bytes of every SQLite database.
const MAGIC: &[u8; 16] = b"SQLite format 3\0";

/// Refuses a database that is damaged, foreign or of a newer version.
pub(super) fn examine(path: &Path) -> Result<(), StoreError> {
    let damaged = |detail: &str| Err(StoreError::Damaged { path: path.to_owned(), detail: detail.to_owned() });
    let wal = wal::path_of(path);
    let wal_bytes = length(&wal).at(&wal)?.unwrap_or(0);
    let bytes = length(path).at(path)?.unwrap_or(0);
    if bytes == 0 {
        return if wal_bytes == 0 {
            Ok(())
        } else {
            damaged("its write-ahead log is there, but the database is empty or missing")
        };
    }
    let mut magic = [0; 16];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut magic));
    if !read_whole(read).at(path)? || &magic != MAGIC {
        return damaged("it is not an SQLite database");
    }
    if wal_bytes > 0 && !wal_header_is_valid(&wal).at(&wal)? {
        return damaged("the header of its write-ahead log (-wal) is not valid");
    }
    let broken = if wal_bytes > 0 { scan::damaged_frame(&wal).at(&wal)? } else { None };
    let connection = connect(path, wal_bytes > 0).at(path)?;
    let looked_into = inspect(&connection, path, bytes).and_then(|()| match broken {
        Some(frame) if waits_for_commits(&connection).at(path)? => damaged(&format!(
            "frame {frame} of its write-ahead log (-wal) is, and acknowledged messages stand behind it, which would be \
             lost (the sqlite3 program gives them up: PRAGMA wal_checkpoint(TRUNCATE))"
        )),
        _ => Ok(()),
    });
    looked_into.map_err(|error| match error {
        // Our statements are fixed: what makes them wrong are tables that are not as we made them.
        StoreError::Sqlite { path, source } if source.sqlite_error_code() == Some(ErrorCode::Unknown) => {
            StoreError::Damaged { path, detail: source.to_string() }
        }
        other => other,
    })
}

/// A connection to a database that was examined.
pub(super) fn connect_to(path: &Path) -> Result<Connection, StoreError> {
    let wal = wal::path_of(path);
    let has_log = length(&wal).at(&wal)?.unwrap_or(0) > 0;
    connect(path, has_log).at(path)
}

/// A connection that writes nothing. Without a log, `immutable` promises SQLite that nobody writes, so that it makes
/// no files. With a log, SQLite must read it, for which exclusive mode keeps the log's index in memory instead of in a
/// file, and the log is not to be moved into the database on closing. (Nobody else is there: we hold the lock.)
fn connect(path: &Path, has_log: bool) -> rusqlite::Result<Connection> {
    if !has_log {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        return Connection::open_with_flags(immutable_uri(path), flags);
    }
    let connection =
        Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    connection.pragma_update(None, "query_only", true)?;
    connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
    Ok(connection)
}

/// Whether every commit was waited for, and the log tells commits from other transactions.
fn waits_for_commits(connection: &Connection) -> rusqlite::Result<bool> {
    Ok(schema::version(connection)? > 0 && schema::trailed(connection)?.is_some() && !schema::is_lax(connection)?)
}

fn inspect(connection: &Connection, path: &Path, bytes: u64) -> Result<(), StoreError> {
    let damaged = |detail: String| Err(StoreError::Damaged { path: path.to_owned(), detail });
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).at(path)?;
    let application: i32 = connection.pragma_query_value(None, "application_id", |row| row.get(0)).at(path)?;
    let version = schema::version(connection).at(path)?;
    if application == 0 && version == 0 && tables == 0 {
        // Its making was cut short before anything was stored.
        return Ok(());
    }
    if application != schema::APPLICATION_ID {
        return damaged("it is the database of another program".to_owned());
    }
    if version > schema::VERSION {
        return Err(StoreError::Newer { path: path.to_owned(), found: version, known: schema::VERSION });
    }
    Meta::read(connection).at(path)?;
    connection.query_row("SELECT count(*), max(next_seq) FROM rooms", [], |_| Ok(())).at(path)?;
    connection.query_row("SELECT max(pos) FROM events", [], |_| Ok(())).at(path)?;
    if let Some(room) = room_with_another_end(connection).at(path)? {
        return damaged(format!("the messages of room {room} do not end where its record says"));
    }
    if bytes <= WHOLE_CHECK_BYTES_MAX {
        let verdict: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0)).at(path)?;
        if verdict != "ok" {
            return damaged(verdict);
        }
    }
    Ok(())
}

/// A room whose first or last stored event is not the one that its record names.
fn room_with_another_end(connection: &Connection) -> rusqlite::Result<Option<String>> {
    let mut statement = connection.prepare(
        "SELECT name FROM rooms AS r
         WHERE (SELECT max(seq) FROM events WHERE room = r.id)
                 IS NOT CASE WHEN r.swept_seq < r.next_seq THEN r.next_seq - 1 END
            OR (SELECT min(seq) FROM events WHERE room = r.id)
                 IS NOT CASE WHEN r.swept_seq < r.next_seq THEN r.swept_seq END
         LIMIT 1",
    )?;
    statement.query_row([], |row| row.get(0)).optional()
}

/// Whether the log begins as SQLite's file format, section 4.1, says. SQLite itself takes a log that does not for an
/// empty one and writes over it, with all that was in it. What may be there after a power cut is allowed: a file cut
/// short before anything was committed, or one whose blocks were never written.
fn wal_header_is_valid(wal: &Path) -> io::Result<bool> {
    let mut header = [0; 32];
    if !read_whole(File::open(wal)?.read_exact(&mut header))? || header == [0; 32] {
        return Ok(true);
    }
    let word = |index: usize| {
        let bytes = [header[index * 4], header[index * 4 + 1], header[index * 4 + 2], header[index * 4 + 3]];
        (u32::from_be_bytes(bytes), u32::from_le_bytes(bytes))
    };
    let magic = word(0).0;
    let (mut first, mut second) = (0_u32, 0_u32);
    for pair in 0..3 {
        // The magic's last bit says in which byte order the checksum was made.
        let pick = |(big, little): (u32, u32)| if magic & 1 == 1 { big } else { little };
        first = first.wrapping_add(pick(word(pair * 2))).wrapping_add(second);
        second = second.wrapping_add(pick(word(pair * 2 + 1))).wrapping_add(first);
    }
    Ok(magic & !1 == 0x377f_0682 && word(1).0 == 3_007_000 && (word(6).0, word(7).0) == (first, second))
}

/// Whether a read filled its buffer; a file that ends before is an answer, not an error.
fn read_whole(result: io::Result<()>) -> io::Result<bool> {
    match result {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

fn length(path: &Path) -> io::Result<Option<u64>> {
    match fs::metadata(path) {
        Ok(metadata) => Ok(Some(metadata.len())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn immutable_uri(path: &Path) -> String {
    let mut uri = String::from("file:");
    for byte in path.as_os_str().as_bytes() {
        match byte {
            b'/' | b'-' | b'_' | b'.' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => uri.push(char::from(*byte)),
            other => write!(uri, "%{other:02X}").expect("writing to a string does not fail"),
        }
    }
    uri.push_str("?immutable=1");
    uri
}
