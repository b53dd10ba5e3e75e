//! A transaction that writes.

use super::schema;
use rusqlite::Connection;
use std::ops::Deref;

/// A transaction that is the only writer from its first moment. Dropped before [`Write::commit`], it is rolled back.
///
/// Its beginning and its end are parsed once for a connection, and not for each transaction, as
/// [`rusqlite::Transaction`] does it: most transactions are one small batch.
pub(super) struct Write<'a> {
    connection: &'a Connection,
    is_trailing: bool,
}

impl<'a> Write<'a> {
    pub(super) fn begin(connection: &'a Connection) -> rusqlite::Result<Self> {
        connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        Ok(Self { connection, is_trailing: false })
    }

    /// A transaction of the work that trails the commits: nobody waits until the disk has it, and the log tells so.
    pub(super) fn begin_trailing(connection: &'a Connection) -> rusqlite::Result<Self> {
        let mut write = Self::begin(connection)?;
        write.is_trailing = true;
        Ok(write)
    }

    pub(super) fn commit(self) -> rusqlite::Result<()> {
        if self.is_trailing {
            schema::count_trailing(self.connection)?;
        }
        self.connection.prepare_cached("COMMIT")?.execute([]).map(|_| ())
    }
}

impl Deref for Write<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.connection
    }
}

impl Drop for Write<'_> {
    fn drop(&mut self) {
        // Committed, or rolled back by SQLite itself, as it does when the disk is full.
        if !self.connection.is_autocommit() {
            // Whatever keeps it from being rolled back was the error of the statement before.
            let _ = self.connection.execute_batch("ROLLBACK");
        }
    }
}
