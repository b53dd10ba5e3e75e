//! The lock that keeps a second process out of a data directory.

use crate::error::{At, StoreError};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// The lock file's name in the data directory. It is empty and stays behind; only the lock on it means anything.
const FILE: &str = "switchboard.lock";

/// A held lock (flock). It ends with the last handle, so with the process at the latest.
///
/// The directory itself is locked as well, so that nobody gets in where somebody deleted the file.
#[derive(Debug)]
pub(super) struct DirectoryLock {
    _file: File,
    directory: File,
    path: PathBuf,
    made: bool,
}

impl DirectoryLock {
    /// Takes the lock, or fails at once with [`StoreError::InUse`].
    pub(super) fn take(directory: &Path) -> Result<Self, StoreError> {
        let path = directory.join(FILE);
        loop {
            let (file, made) = match open(&path, true) {
                Ok(file) => (file, true),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => match open(&path, false) {
                    Ok(file) => (file, false),
                    Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                    Err(error) => return Err(error).at(&path),
                },
                Err(error) => return Err(error).at(&path),
            };
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Err(StoreError::InUse { path: directory.to_owned() }),
                Err(TryLockError::Error(error)) => return Err(error).at(&path),
            }
            // Between our open and our lock another process may have withdrawn the file: then we hold a lock that
            // nobody else can see.
            if !is_still_at(&file, &path).at(&path)? {
                continue;
            }
            return match lock_directory(directory) {
                Ok(directory) => Ok(Self { _file: file, directory, path, made }),
                Err(refusal) => {
                    withdraw(&path, made);
                    Err(refusal)
                }
            };
        }
    }

    /// Gives the lock back, with the file if this process made it: a refused open leaves nothing behind.
    pub(super) fn withdraw(self) {
        withdraw(&self.path, self.made);
    }

    /// Which directory it is.
    pub(super) fn metadata(&self) -> io::Result<fs::Metadata> {
        self.directory.metadata()
    }
}

fn withdraw(path: &Path, made: bool) {
    if made {
        // A failure leaves an empty file, which disturbs nobody; the refusal itself is what counts.
        let _ = fs::remove_file(path);
    }
}

fn lock_directory(path: &Path) -> Result<File, StoreError> {
    let directory = File::open(path).at(path)?;
    match directory.try_lock() {
        Err(TryLockError::WouldBlock) => Err(StoreError::InUse { path: path.to_owned() }),
        // Some file systems lock no directories: there the file has to do.
        Ok(()) | Err(TryLockError::Error(_)) => Ok(directory),
    }
}

fn open(path: &Path, new: bool) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create_new(new).mode(0o600).open(path)
}

fn is_still_at(file: &File, path: &Path) -> io::Result<bool> {
    let held = file.metadata()?;
    match fs::metadata(path) {
        Ok(there) => Ok(there.dev() == held.dev() && there.ino() == held.ino()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_holds_it_and_a_withdrawn_one_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let lock = DirectoryLock::take(dir.path()).unwrap();
        assert!(matches!(DirectoryLock::take(dir.path()), Err(StoreError::InUse { .. })));
        lock.withdraw();
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
        drop(DirectoryLock::take(dir.path()).unwrap());
        let lock = DirectoryLock::take(dir.path()).unwrap();
        fs::remove_file(dir.path().join(FILE)).unwrap();
        assert!(matches!(DirectoryLock::take(dir.path()), Err(StoreError::InUse { .. })), "the file is gone");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0, "and no other is left behind");
        drop(lock);
        drop(DirectoryLock::take(dir.path()).unwrap());
        DirectoryLock::take(dir.path()).unwrap().withdraw();
        assert!(dir.path().join(FILE).exists(), "a file that was there before stays");
    }
}
