//! What the client keeps between runs, in `$XDG_STATE_HOME/switchboard`: messages that were not sent, and the
//! certificates that the person trusts. Files are for their owner alone.

use crate::model::Unsent;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

/// Bytes of a file that are read: a full queue of messages is smaller. A larger one is not ours.
const FILE_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Files of earlier runs that are looked at.
const FILES_MAX: usize = 1_000;

/// The directory: `$XDG_STATE_HOME/switchboard`, or below `~/.local/state`.
pub fn directory(variable: impl Fn(&str) -> Option<String>) -> PathBuf {
    let absolute = |name| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let home = || absolute("HOME").unwrap_or_else(std::env::temp_dir).join(".local").join("state");
    absolute("XDG_STATE_HOME").unwrap_or_else(home).join("switchboard")
}

/// The messages of this run to one server that are not acknowledged. Each run has a file of its own, so that two at
/// once do not disturb each other, and a lock beside it that tells whether the run still lives.
#[derive(Debug)]
pub struct Outbox {
    directory: PathBuf,
    name: String,
    address: String,
    lock: Option<File>,
    /// The files of earlier runs whose messages this one has taken up.
    taken: Vec<PathBuf>,
}

#[derive(Serialize, Deserialize)]
struct Kept {
    address: String,
    messages: Vec<Unsent>,
}

impl Outbox {
    /// The outbox of a run to this server; `name` is the run's own.
    #[must_use]
    pub fn new(directory: PathBuf, name: &str, address: &str) -> Self {
        Self { directory, name: format!("unsent-{name}"), address: address.to_owned(), lock: None, taken: Vec::new() }
    }

    /// What earlier runs, which are over, could not send to this server. Their files go with the next
    /// [`Outbox::keep`].
    pub fn take_up(&mut self) -> Vec<Unsent> {
        let Ok(entries) = fs::read_dir(&self.directory) else { return Vec::new() };
        let mut messages = Vec::new();
        for path in entries.flatten().map(|entry| entry.path()).take(FILES_MAX) {
            let ours = path.file_stem().is_some_and(|stem| stem.to_string_lossy().starts_with("unsent-"));
            let kept = path.extension().is_some_and(|extension| extension == "json");
            if !ours || !kept || is_locked(&path.with_extension("lock")) {
                continue;
            }
            let Some(kept) = read(&path).and_then(|text| serde_json::from_str::<Kept>(&text).ok()) else { continue };
            if kept.address == self.address {
                messages.extend(kept.messages);
                self.taken.push(path);
            }
        }
        messages.sort_by(|a, b| a.id.cmp(&b.id));
        messages.dedup_by(|a, b| a.id == b.id);
        messages
    }

    /// Keeps these messages; none: removes the file.
    ///
    /// # Errors
    /// The disk's.
    pub fn keep(&mut self, messages: Vec<Unsent>) -> io::Result<()> {
        let path = self.directory.join(&self.name).with_extension("json");
        if messages.is_empty() {
            remove(&path)?;
            if self.lock.take().is_some() {
                remove(&path.with_extension("lock"))?;
            }
        } else {
            if self.lock.is_none() {
                make(&self.directory)?;
                let lock = private(&path.with_extension("lock"))?;
                lock.lock()?;
                self.lock = Some(lock);
            }
            write(&path, &serde_json::to_string(&Kept { address: self.address.clone(), messages })?)?;
        }
        for taken in self.taken.drain(..) {
            remove(&taken)?;
            remove(&taken.with_extension("lock"))?;
        }
        Ok(())
    }
}

/// The certificate that the person trusts for an address.
#[must_use]
pub fn trusted(directory: &Path, address: &str) -> Option<String> {
    certificates(directory).remove(address)
}

/// Trusts a certificate for an address from now on.
///
/// # Errors
/// The disk's.
pub fn trust(directory: &Path, address: &str, fingerprint: &str) -> io::Result<()> {
    let mut all = certificates(directory);
    all.insert(address.to_owned(), fingerprint.to_owned());
    make(directory)?;
    write(&directory.join("certificates.json"), &serde_json::to_string_pretty(&all)?)
}

/// A file with a text for the editor.
///
/// # Errors
/// The disk's.
pub fn draft(directory: &Path, text: &str) -> io::Result<PathBuf> {
    make(directory)?;
    let path = directory.join(format!("draft-{}.txt", std::process::id()));
    private(&path)?.write_all(text.as_bytes())?;
    Ok(path)
}

fn certificates(directory: &Path) -> BTreeMap<String, String> {
    let text = read(&directory.join("certificates.json"));
    text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default()
}

fn read(path: &Path) -> Option<String> {
    let mut text = String::new();
    File::open(path).ok()?.take(FILE_BYTES_MAX).read_to_string(&mut text).ok()?;
    Some(text)
}

/// Whether a run that lives holds this lock. A lock that is not there is held by nobody.
fn is_locked(path: &Path) -> bool {
    File::open(path).is_ok_and(|file| matches!(file.try_lock(), Err(fs::TryLockError::WouldBlock)))
}

fn make(directory: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(directory)
}

fn private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Replaces a file as a whole. The client waits for no disk: what is written survives its own end, and that of the
/// machine as a rule.
fn write(path: &Path, text: &str) -> io::Result<()> {
    let new = path.with_extension("new");
    let mut file = private(&new)?;
    file.write_all(text.as_bytes())?;
    fs::rename(&new, path)
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(id: &str) -> Unsent {
        Unsent {
            id: id.to_owned(),
            to: "lobby".to_owned(),
            private: false,
            text: "hi".to_owned(),
            action: false,
            said: 1,
        }
    }

    fn outbox(directory: &Path, name: &str, address: &str) -> Outbox {
        Outbox::new(directory.join("state"), name, address)
    }

    #[test]
    fn what_was_not_sent_is_taken_up_once_and_only_from_runs_that_are_over() {
        let directory = tempfile::tempdir().unwrap();
        let mut first = outbox(directory.path(), "1", "a");
        first.keep(vec![message("x"), message("y")]).unwrap();
        assert!(outbox(directory.path(), "2", "a").take_up().is_empty(), "the first one lives");
        drop(first);
        assert!(outbox(directory.path(), "2", "b").take_up().is_empty(), "another server");
        let mut second = outbox(directory.path(), "2", "a");
        let messages = second.take_up();
        assert_eq!(messages, [message("x"), message("y")]);
        second.keep(messages).unwrap();
        assert!(outbox(directory.path(), "3", "a").take_up().is_empty());
        second.keep(Vec::new()).unwrap();
        assert_eq!(fs::read_dir(directory.path().join("state")).unwrap().count(), 0, "nothing is left");
    }

    #[cfg(unix)]
    #[test]
    fn files_are_for_their_owner_alone() {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().unwrap();
        let mut outbox = outbox(directory.path(), "1", "a");
        outbox.keep(vec![message("x")]).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let state = directory.path().join("state");
        assert_eq!((mode(&state), mode(&state.join("unsent-1.json"))), (0o700, 0o600));
    }

    #[test]
    fn a_trusted_certificate_is_remembered_for_its_address() {
        let directory = tempfile::tempdir().unwrap();
        trust(directory.path(), "tls://a:1", "ab").unwrap();
        trust(directory.path(), "tls://b:1", "cd").unwrap();
        assert_eq!(trusted(directory.path(), "tls://a:1").as_deref(), Some("ab"));
        assert_eq!(trusted(directory.path(), "tls://c:1"), None);
    }
}
