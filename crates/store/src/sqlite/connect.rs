//! How a connection to the database is opened and set up, and what its durability leaves in the database.

use super::{Durability, SqliteSettings, schema};
use crate::error::{At, Severity, StoreError};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use std::path::Path;
use std::time::Duration;

/// How long a statement waits for a program that looks into the database from outside, such as `sqlite3`.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// What the connections of this process share with those of other programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sharing {
    /// The log's index is in a file, and others may look into the database.
    Files,
    /// The log's index is in memory: it needs no space on the disk, and the database is ours alone.
    Nothing,
}

impl Sharing {
    /// Opens a connection of this kind.
    pub(super) fn open(self, path: &Path, flags: OpenFlags) -> rusqlite::Result<Connection> {
        match self {
            Self::Files => Connection::open_with_flags(path, flags),
            Self::Nothing => Connection::open_with_flags_and_vfs(path, flags, c"unix-excl"),
        }
    }
}

/// Opens a connection that writes, with the settings of the store.
///
/// # Errors
/// The database cannot be opened or set up; [`StoreError::Full`] if the disk has no space for the log's index.
pub(super) fn connect(path: &Path, settings: SqliteSettings, sharing: Sharing) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = sharing.open(path, flags).at(path)?;
    match set_up(&connection, settings).at(path) {
        Ok(()) => Ok(connection),
        Err(error) => Err(error.by_errno(switchboard_sys::sqlite::errno(&connection))),
    }
}

fn set_up(connection: &Connection, settings: SqliteSettings) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(64);
    plan_once(connection)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(
        None,
        "synchronous",
        match settings.durability {
            Durability::Fsync => "FULL",
            Durability::Os => "NORMAL",
            Durability::None => "OFF",
        },
    )?;
    // A checkpoint happens within the commit that reaches this many pages (16 MiB): a larger log means that pages
    // written again and again are moved once, and that a checkpoint's two fsyncs are shared by more commits.
    connection.pragma_update(None, "wal_autocheckpoint", 4_000)?;
    // A log that grew during a long read gives its space back.
    connection.pragma_update(None, "journal_size_limit", 64 << 20)?;
    connection.pragma_update(None, "cache_size", -16_384)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    if let Some(pages) = settings.pages_max {
        connection.pragma_update(None, "max_page_count", pages)?;
    }
    Ok(())
}

/// Has a statement planned once, and not again for other values: the plans do not depend on them.
pub(super) fn plan_once(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map(|_| ())
}

/// Records in the database whether commits are waited for: only then is the log judged by that.
///
/// That, and the tables, are moved out of the log at once where they are new: it cannot be judged by what is in itself.
pub(super) fn settle_durability(
    connection: &Connection,
    settings: SqliteSettings,
    is_known: bool,
) -> rusqlite::Result<()> {
    let is_counted = schema::trailed(connection)?.is_some();
    if !is_counted {
        schema::count_trailing(connection)?;
    }
    if !is_known || !is_counted {
        connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    }
    let is_lax = schema::is_lax(connection)?;
    if settings.durability != Durability::Fsync {
        if !is_lax {
            schema::set_lax(connection)?;
            // A power cut must not take this and leave what is not waited for.
            connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
        }
        return Ok(());
    }
    if is_lax {
        // What was not waited for leaves the log first. If another program prevents that, the log is judged later.
        let is_busy: bool = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
        if !is_busy {
            schema::unset_lax(connection)?;
        }
    }
    Ok(())
}

/// A full disk, or another program's lock, does not keep the store from being opened.
pub(super) fn unless_full(error: StoreError, connection: &Connection) -> Result<(), StoreError> {
    let error = error.by_errno(switchboard_sys::sqlite::errno(connection));
    match error.severity() {
        Severity::Danger => Err(error),
        Severity::Wait | Severity::Housekeeping => Ok(()),
    }
}
