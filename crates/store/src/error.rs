//! What can go wrong in a store, in sentences that say what to do about it.

use std::io;
use std::path::{Path, PathBuf};

/// Why a store did not do what it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Nothing of the transaction was stored, and memory and disk agree: the same call may be made again.
    #[error("the disk is full: nothing of this was stored; free some space and it can be tried again")]
    Full,

    /// A second process wants the same data directory.
    #[error(
        "{} is in use by another process; stop that one, or give this one a data directory of its own (--data-dir)",
        path.display()
    )]
    InUse { path: PathBuf },

    /// The database was made by a later release. It was left as it is.
    #[error(
        "{} has version {found}, and this release knows versions up to {known}; use the release that wrote it, or a \
         later one (nothing was changed)",
        path.display()
    )]
    Newer { path: PathBuf, found: i32, known: i32 },

    /// The database is not one, or not whole. When opening found it, the files were left as they are.
    #[error(
        "{} is damaged: {detail}; keep a copy of the whole directory, then restore a backup, or move the directory \
         away to start an empty one",
        path.display()
    )]
    Damaged { path: PathBuf, detail: String },

    /// What was to be stored contradicts what is stored: an error of this program. Nothing of it was stored.
    #[error("events do not follow the ones that are stored, which is an error of this program: {detail}")]
    Inconsistent { detail: String },

    /// The operating system refused a file operation.
    #[error("{}: {source}; check that the directory exists and belongs to this user", path.display())]
    Io { path: PathBuf, source: io::Error },

    /// SQLite failed for a reason that is none of the above: an I/O error most of the time. What the last transaction
    /// left on the disk is unknown, so the process must end, and reads the truth when it starts again.
    #[error("{}: {source}; check the disk and the system's log, then start again", path.display())]
    Sqlite { path: PathBuf, source: rusqlite::Error },
}

/// Turns the errors of the layers below into [`StoreError`], naming the file that they are about.
pub(crate) trait At<T> {
    fn at(self, path: &Path) -> Result<T, StoreError>;
}

impl<T> At<T> for io::Result<T> {
    fn at(self, path: &Path) -> Result<T, StoreError> {
        self.map_err(|source| match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StoreError::Full,
            _ => StoreError::Io { path: path.to_owned(), source },
        })
    }
}

impl<T> At<T> for rusqlite::Result<T> {
    fn at(self, path: &Path) -> Result<T, StoreError> {
        use rusqlite::ErrorCode;
        self.map_err(|source| {
            let damaged =
                |source: rusqlite::Error| StoreError::Damaged { path: path.to_owned(), detail: source.to_string() };
            match source.sqlite_error_code() {
                Some(ErrorCode::DiskFull) => StoreError::Full,
                Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                    StoreError::InUse { path: path.to_owned() }
                }
                Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => damaged(source),
                Some(_) => StoreError::Sqlite { path: path.to_owned(), source },
                // Errors that rusqlite makes itself while reading: a row is missing, or holds what we never write.
                None => damaged(source),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rusqlite::ffi;

    fn sqlite(code: i32) -> StoreError {
        let error: rusqlite::Result<()> = Err(rusqlite::Error::SqliteFailure(ffi::Error::new(code), None));
        error.at(Path::new("x.db")).unwrap_err()
    }

    #[test]
    fn result_codes_become_the_errors_that_callers_tell_apart() {
        assert!(matches!(sqlite(ffi::SQLITE_FULL), StoreError::Full));
        assert!(matches!(sqlite(ffi::SQLITE_BUSY), StoreError::InUse { .. }));
        assert!(matches!(sqlite(ffi::SQLITE_CORRUPT), StoreError::Damaged { .. }));
        assert!(matches!(sqlite(ffi::SQLITE_CORRUPT_VTAB), StoreError::Damaged { .. }));
        assert!(matches!(sqlite(ffi::SQLITE_NOTADB), StoreError::Damaged { .. }));
        assert!(matches!(sqlite(ffi::SQLITE_IOERR_FSYNC), StoreError::Sqlite { .. }));
        let missing: rusqlite::Result<()> = Err(rusqlite::Error::QueryReturnedNoRows);
        assert!(matches!(missing.at(Path::new("x.db")), Err(StoreError::Damaged { .. })));
    }

    #[test]
    fn a_sentence_names_the_file_and_the_way_out() {
        let text = StoreError::InUse { path: PathBuf::from("/data/chat") }.to_string();
        assert!(text.starts_with("/data/chat is in use"), "{text}");
        assert!(text.contains("--data-dir"), "{text}");
    }
}
