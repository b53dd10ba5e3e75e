//! What can go wrong in a store, in sentences that say what to do about it.

use std::io;
use std::path::{Path, PathBuf};

/// Why a store did not do what it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Nothing of the transaction was stored, and memory and disk agree: the same call may be made again.
    #[error("the disk is full: nothing of this was stored; free some space and it can be tried again")]
    Full,

    /// The disk was full when it was to keep what was written. Nothing of the transaction counts as stored, but some of
    /// it may be there after a restart. [`crate::Store::probe`] makes it certain.
    #[error("the disk is full: whether this was stored is not known; free some space")]
    Unsynced,

    /// Another program holds a lock on the database. Nothing was stored, and it may be tried again.
    #[error("another program holds a lock on the database {}: a backup, or a shell with a transaction", path.display())]
    Busy { path: PathBuf },

    /// The system is short of memory or of file descriptors. Nothing was stored, and it may be tried again.
    #[error("{}: the system is short of memory or of descriptors: {source}", path.display())]
    Short { path: PathBuf, source: io::Error },

    /// The database's files were deleted or replaced while it was open: what is stored from now on would be lost.
    #[error(
        "{} was deleted or replaced by another program while it was in use; stop whatever does that, put the files \
         back, then start again",
        path.display()
    )]
    Gone { path: PathBuf },

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

/// What an error means for the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// Acknowledged data is in danger, or what was acknowledged cannot be known: the process must end, and a restart reads
    /// the truth.
    Danger,
    /// Nothing was stored, and it may be tried again for some time.
    Wait,
    /// Nothing that was acknowledged is concerned: it is logged, and everything goes on.
    Housekeeping,
}

impl StoreError {
    /// What this means for the server. Work that trails the commits may treat [`Severity::Wait`] as
    /// [`Severity::Housekeeping`]; a commit may treat it the other way round.
    #[must_use]
    pub const fn severity(&self) -> Severity {
        match self {
            Self::Full | Self::Unsynced | Self::Busy { .. } => Severity::Wait,
            Self::Short { .. } => Severity::Housekeeping,
            Self::Gone { .. }
            | Self::InUse { .. }
            | Self::Newer { .. }
            | Self::Damaged { .. }
            | Self::Inconsistent { .. }
            | Self::Io { .. }
            | Self::Sqlite { .. } => Severity::Danger,
        }
    }

    /// What the system said when SQLite failed decides which error it is: `errno` is its last one on this connection.
    pub(crate) fn by_errno(self, errno: i32) -> Self {
        use rusqlite::{ErrorCode, ffi};
        let Self::Sqlite { path, source } = self else { return self };
        let system = io::Error::from_raw_os_error(errno);
        let is_full = matches!(system.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded);
        let extended = source.sqlite_error().map_or(0, |error| error.extended_code);
        match source.sqlite_error_code() {
            Some(ErrorCode::OutOfMemory) => Self::Short { path, source: io::ErrorKind::OutOfMemory.into() },
            Some(ErrorCode::SystemIoFailure) if extended == ffi::SQLITE_IOERR_NOMEM => {
                Self::Short { path, source: io::ErrorKind::OutOfMemory.into() }
            }
            Some(ErrorCode::SystemIoFailure | ErrorCode::CannotOpen) if is_short(&system) => {
                Self::Short { path, source: system }
            }
            Some(ErrorCode::SystemIoFailure) if is_full && is_sync(extended) => Self::Unsynced,
            Some(ErrorCode::SystemIoFailure | ErrorCode::CannotOpen) if is_full => Self::Full,
            _ => Self::Sqlite { path, source },
        }
    }
}

/// Whether an error says that there are too few descriptors, or too little memory, at the moment.
fn is_short(error: &io::Error) -> bool {
    /// Too many open files, of this process and of the system; on every Unix.
    const EMFILE: i32 = 24;
    const ENFILE: i32 = 23;
    error.kind() == io::ErrorKind::OutOfMemory || matches!(error.raw_os_error(), Some(EMFILE | ENFILE))
}

fn is_sync(extended: i32) -> bool {
    use rusqlite::ffi;
    matches!(extended, ffi::SQLITE_IOERR_FSYNC | ffi::SQLITE_IOERR_DIR_FSYNC)
}

/// Turns the errors of the layers below into [`StoreError`], naming the file that they are about.
pub(crate) trait At<T> {
    fn at(self, path: &Path) -> Result<T, StoreError>;
}

impl<T> At<T> for io::Result<T> {
    fn at(self, path: &Path) -> Result<T, StoreError> {
        self.map_err(|source| match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StoreError::Full,
            _ if is_short(&source) => StoreError::Short { path: path.to_owned(), source },
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
                Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::Busy { path: path.to_owned() },
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
        assert!(matches!(sqlite(ffi::SQLITE_BUSY), StoreError::Busy { .. }));
        assert!(matches!(sqlite(ffi::SQLITE_CORRUPT), StoreError::Damaged { .. }));
        assert!(matches!(sqlite(ffi::SQLITE_CORRUPT_VTAB), StoreError::Damaged { .. }));
        assert!(matches!(sqlite(ffi::SQLITE_NOTADB), StoreError::Damaged { .. }));
        assert!(matches!(sqlite(ffi::SQLITE_IOERR_FSYNC), StoreError::Sqlite { .. }));
        let missing: rusqlite::Result<()> = Err(rusqlite::Error::QueryReturnedNoRows);
        assert!(matches!(missing.at(Path::new("x.db")), Err(StoreError::Damaged { .. })));
    }

    #[test]
    fn each_failure_is_of_one_of_three_kinds() {
        let [eio, emfile, enfile, enomem, enospc, edquot] = [5, 24, 23, 12, 28, 122];
        let of = |code, errno| sqlite(code).by_errno(errno).severity();
        for write in [ffi::SQLITE_IOERR_WRITE, ffi::SQLITE_IOERR_FSYNC, ffi::SQLITE_IOERR_SHMSIZE, ffi::SQLITE_CANTOPEN]
        {
            for errno in [enospc, edquot] {
                assert_eq!(of(write, errno), Severity::Wait, "{write} {errno}");
            }
            for errno in [emfile, enfile, enomem] {
                assert_eq!(of(write, errno), Severity::Housekeeping, "{write} {errno}");
            }
            assert_eq!(of(write, eio), Severity::Danger, "{write}");
        }
        assert!(matches!(sqlite(ffi::SQLITE_IOERR_FSYNC).by_errno(enospc), StoreError::Unsynced));
        assert!(matches!(sqlite(ffi::SQLITE_IOERR_WRITE).by_errno(edquot), StoreError::Full));
        assert_eq!(of(ffi::SQLITE_FULL, 0), Severity::Wait);
        assert_eq!(of(ffi::SQLITE_BUSY, 0), Severity::Wait);
        assert_eq!(of(ffi::SQLITE_NOMEM, 0), Severity::Housekeeping);
        // A damaged page is no matter of space, whatever the system's last error was.
        assert_eq!(of(ffi::SQLITE_CORRUPT, enospc), Severity::Danger);
        assert_eq!(StoreError::Gone { path: PathBuf::from("x") }.severity(), Severity::Danger);
    }

    #[test]
    fn a_sentence_names_the_file_and_the_way_out() {
        let text = StoreError::InUse { path: PathBuf::from("/data/chat") }.to_string();
        assert!(text.starts_with("/data/chat is in use"), "{text}");
        assert!(text.contains("--data-dir"), "{text}");
    }
}
