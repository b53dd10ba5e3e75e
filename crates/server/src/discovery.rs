//! The note that a running server leaves for clients on the same machine.

use std::fs::{self, DirBuilder};
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::{env, process};

use serde::Serialize;
use switchboard_sys::{effective_uid, process_exists};

use crate::private_file;

/// What the note says. It is a JSON object with these fields and the process id as `pid`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Note {
    /// Where our own client connects to, as `tcp://127.0.0.1:12345`.
    pub url: String,
    /// All listeners.
    pub listeners: Vec<SocketAddr>,
    /// Whether they speak TLS.
    pub tls: bool,
    /// The SHA-256 fingerprint of the certificate, as `AA:BB:...`, with TLS.
    pub fingerprint: Option<String>,
    /// Where the history is; none with `--ephemeral`.
    pub data_dir: Option<PathBuf>,
}

/// Why there is no note; the server can do without.
#[derive(Debug, thiserror::Error)]
pub enum DiscoveryError {
    /// The directory is not ours alone, so that what stands in it proves nothing.
    #[error("{} {why}", path.display())]
    Unsafe {
        /// The directory.
        path: PathBuf,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The file system refuses.
    #[error("cannot write {}: {error}", path.display())]
    Write {
        /// The directory or file.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
}

/// Keeps the note while it lives; dropping it removes the note.
#[derive(Debug)]
#[must_use = "the note is removed when this is dropped"]
pub struct Published {
    path: PathBuf,
}

impl Published {
    /// The file: `server-<pid>.json` in the runtime directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Published {
    fn drop(&mut self) {
        // What cannot be removed is recognised as stale by its process id.
        let _ = fs::remove_file(&self.path);
    }
}

/// Leaves a note in the [`runtime_dir`].
///
/// # Errors
/// [`DiscoveryError`] when the directory cannot be trusted or written to.
pub fn publish(note: &Note) -> Result<Published, DiscoveryError> {
    publish_in(&runtime_dir(), note)
}

/// Leaves a note in `directory`, which is made, with mode 0700, if it does not exist.
///
/// The directory must be a real one, belong to this user and be closed to all others: then nobody
/// else can have put a note or a link into it. Notes of processes that are gone are removed.
///
/// # Errors
/// [`DiscoveryError`] when the directory cannot be trusted or written to.
pub fn publish_in(directory: &Path, note: &Note) -> Result<Published, DiscoveryError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |error| DiscoveryError::Write { path, error }
    };
    match DirBuilder::new().mode(0o700).create(directory) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(failed(directory)(error)),
    }
    check(directory)?;
    remove_stale(directory);

    let pid = process::id();
    let path = directory.join(format!("server-{pid}.json"));
    let bytes = serde_json::to_vec(&File { pid, note }).map_err(|error| failed(&path)(error.into()))?;
    private_file::replace(&path, &bytes).map_err(failed(&path))?;
    Ok(Published { path })
}

/// `$XDG_RUNTIME_DIR/switchboard`, or `switchboard-<uid>` in the directory for temporary files when
/// that variable is not the absolute path of a directory.
#[must_use]
pub fn runtime_dir() -> PathBuf {
    runtime_dir_from(env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from))
}

fn runtime_dir_from(xdg: Option<PathBuf>) -> PathBuf {
    match xdg.filter(|path| path.is_absolute() && path.is_dir()) {
        Some(path) => path.join("switchboard"),
        None => env::temp_dir().join(format!("switchboard-{}", effective_uid())),
    }
}

#[derive(Serialize)]
struct File<'a> {
    pid: u32,
    #[serde(flatten)]
    note: &'a Note,
}

fn check(directory: &Path) -> Result<(), DiscoveryError> {
    let is_unsafe = |why| Err(DiscoveryError::Unsafe { path: directory.to_owned(), why });
    // Of the link itself, if it is one.
    let metadata =
        fs::symlink_metadata(directory).map_err(|error| DiscoveryError::Write { path: directory.to_owned(), error })?;
    if !metadata.is_dir() {
        return is_unsafe("is not a directory");
    }
    if metadata.uid() != effective_uid() {
        return is_unsafe("belongs to another user");
    }
    if metadata.permissions().mode() & 0o077 != 0 {
        return is_unsafe("is open to other users (its mode should be 0700)");
    }
    Ok(())
}

/// Removes the notes of servers that were killed. Whatever goes wrong here can wait.
fn remove_stale(directory: &Path) {
    let Ok(entries) = fs::read_dir(directory) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let pid = name
            .to_str()
            .and_then(|name| name.strip_prefix("server-"))
            .and_then(|name| name.strip_suffix(".json"))
            .and_then(|pid| pid.parse().ok());
        if pid.is_some_and(|pid| !process_exists(pid)) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;
    use std::process::Command;

    use serde_json::{Value, json};

    use super::*;

    fn note() -> Note {
        Note {
            url: "tcp://127.0.0.1:12345".to_owned(),
            listeners: ["127.0.0.1:12345", "[::1]:12345"].map(|text| text.parse().unwrap()).into(),
            tls: false,
            fingerprint: None,
            data_dir: Some("/data".into()),
        }
    }

    #[test]
    fn a_note_is_there_as_long_as_its_guard() {
        let parent = tempfile::tempdir().unwrap();
        let directory = parent.path().join("switchboard");
        let published = publish_in(&directory, &note()).unwrap();
        let pid = process::id();
        assert_eq!(published.path(), directory.join(format!("server-{pid}.json")));
        let written: Value = serde_json::from_slice(&fs::read(published.path()).unwrap()).unwrap();
        assert_eq!(
            written,
            json!({
                "pid": pid,
                "url": "tcp://127.0.0.1:12345",
                "listeners": ["127.0.0.1:12345", "[::1]:12345"],
                "tls": false,
                "fingerprint": null,
                "data_dir": "/data",
            })
        );
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&directory), mode(published.path())), (0o700, 0o600));
        drop(published);
        assert_eq!(fs::read_dir(&directory).unwrap().count(), 0);
    }

    #[test]
    fn a_directory_that_others_can_touch_is_refused() {
        let parent = tempfile::tempdir().unwrap();
        let path = |name: &str| parent.path().join(name);
        fs::create_dir(path("open")).unwrap();
        fs::set_permissions(path("open"), PermissionsExt::from_mode(0o755)).unwrap();
        DirBuilder::new().mode(0o700).create(path("target")).unwrap();
        symlink(path("target"), path("link")).unwrap();
        fs::write(path("file"), "").unwrap();
        for (name, expected) in [
            ("open", "is open to other users (its mode should be 0700)"),
            ("link", "is not a directory"),
            ("file", "is not a directory"),
        ] {
            let error = publish_in(&path(name), &note()).unwrap_err().to_string();
            assert_eq!(error, format!("{} {expected}", path(name).display()));
        }
        assert_eq!(fs::read_dir(path("target")).unwrap().count(), 0);
        let error = publish_in(&path("no/such"), &note()).unwrap_err();
        assert!(matches!(error, DiscoveryError::Write { .. }), "{error}");
    }

    #[test]
    fn the_notes_of_the_dead_are_removed_and_nothing_else() {
        let parent = tempfile::tempdir().unwrap();
        let directory = parent.path().join("switchboard");
        DirBuilder::new().mode(0o700).create(&directory).unwrap();
        let mut child = Command::new("true").spawn().unwrap();
        let dead = format!("server-{}.json", child.id());
        child.wait().unwrap();
        let parent_alive = format!("server-{}.json", std::os::unix::process::parent_id());
        for name in [&dead, &parent_alive, "notes.txt", "server-x.json"] {
            fs::write(directory.join(name), "{}").unwrap();
        }
        let published = publish_in(&directory, &note()).unwrap();
        let mut left: Vec<_> =
            fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        left.sort();
        let ours = published.path().file_name().unwrap().to_str().unwrap().to_owned();
        let mut expected = [ours, parent_alive, "notes.txt".to_owned(), "server-x.json".to_owned()];
        expected.sort();
        assert_eq!(left, expected);
    }

    #[test]
    fn the_runtime_directory_is_the_users_own() {
        let parent = tempfile::tempdir().unwrap();
        let xdg = parent.path().to_owned();
        assert_eq!(runtime_dir_from(Some(xdg.clone())), xdg.join("switchboard"));
        let fallback = env::temp_dir().join(format!("switchboard-{}", effective_uid()));
        assert_eq!(runtime_dir_from(None), fallback);
        assert_eq!(runtime_dir_from(Some(".".into())), fallback);
        assert_eq!(runtime_dir_from(Some(xdg.join("missing"))), fallback);
        assert_eq!(runtime_dir_from(Some(PathBuf::new())), fallback);
    }
}
