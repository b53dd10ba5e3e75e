//! What the system said when SQLite failed.

use rusqlite::Connection;
use rusqlite::ffi;

/// The system's last error number on this connection: of the file operation for which SQLite gave an I/O error.
#[must_use]
pub fn errno(connection: &Connection) -> i32 {
    // SAFETY: the handle is that of an open connection, which is borrowed for the call; the call only reads it.
    unsafe { ffi::sqlite3_system_errno(connection.handle()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_not_there_is_told_from_others() {
        let directory = std::env::temp_dir();
        let connection = Connection::open_in_memory().unwrap();
        assert_eq!(errno(&connection), 0);
        let missing = format!("ATTACH 'file:{}/no/such/place?mode=rw' AS other", directory.display());
        connection.execute_batch(&missing).unwrap_err();
        assert_eq!(std::io::Error::from_raw_os_error(errno(&connection)).kind(), std::io::ErrorKind::NotFound);
    }
}
