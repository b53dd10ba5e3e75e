//! How a client finds the server of this machine: a small JSON file that each server keeps while it runs.
//!
//! The files are named `server-<pid>.json` and lie in `$XDG_RUNTIME_DIR/switchboard`, or, where there is no such
//! variable, in `switchboard-<uid>` under the system's temporary directory. The directory is its user's alone
//! (mode 0700), and a directory that somebody else could write to is not believed: whoever can put a file there can
//! send this user's talk, and trust in a certificate, wherever they like.

use crate::address::Address;
use crate::fingerprint::Fingerprint;
use serde::Deserialize;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Bytes of a discovery file that are read. A longer one is not ours: a server writes some hundred.
const FILE_BYTES_MAX: u64 = 64 * 1024;

/// Entries of the directory that are looked at. More servers than this on one machine are not expected.
const FILES_MAX: usize = 1_000;

/// A server that runs on this machine, as it says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Server {
    pub pid: u32,
    /// `address:port` of each listener.
    #[serde(default)]
    pub listeners: Vec<String>,
    /// Whether its listeners speak TLS.
    #[serde(default)]
    pub tls: bool,
    /// The SHA-256 of its certificate.
    #[serde(default)]
    pub fingerprint: Option<String>,
    /// The address for clients.
    pub url: String,
}

/// Why no server was found.
#[derive(Debug, thiserror::Error)]
pub enum NotFound {
    /// No server of this user runs here, as far as the files say.
    #[error("no server found on this machine: start one with `switchboard serve`, or give an address")]
    NoServer,
    /// Others could have written the files.
    #[error("{} does not belong to this user alone, so what it says of servers is not believed", .0.display())]
    Untrusted(PathBuf),
    /// The directory could not be read.
    #[error("{}: {}", .0.display(), .1)]
    Unreadable(PathBuf, io::Error),
}

/// The newest server of this user on this machine that is alive.
///
/// # Errors
/// [`NotFound`] says why there is none.
pub fn find() -> Result<Server, NotFound> {
    let mut first_error = None;
    let mut found = Vec::new();
    for directory in directories() {
        match servers_in(&directory) {
            Ok(servers) => found.extend(servers),
            Err(error) => {
                first_error.get_or_insert(error);
            }
        }
    }
    newest(found).ok_or_else(|| first_error.unwrap_or(NotFound::NoServer))
}

/// The certificate of the server of this machine that listens where `address` points, if `address` is loopback.
#[must_use]
pub fn fingerprint_at(address: &Address) -> Option<Fingerprint> {
    if !address.is_loopback() {
        return None;
    }
    let servers = directories().into_iter().filter_map(|directory| servers_in(&directory).ok()).flatten();
    newest(servers.filter(|(_, server)| server.listens_on(address.port)).collect())?.fingerprint?.parse().ok()
}

/// The directories where a server of this user may keep its file, the one that a server prefers first.
#[must_use]
pub fn directories() -> Vec<PathBuf> {
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|path| path.is_absolute());
    let mut directories: Vec<_> = runtime.map(|path| path.join("switchboard")).into_iter().collect();
    #[cfg(unix)]
    directories.push(std::env::temp_dir().join(format!("switchboard-{}", rustix::process::geteuid().as_raw())));
    directories
}

impl Server {
    /// Whether one of its listeners has this port. A server has one certificate for all of its listeners, so the
    /// address before the port does not matter to the one question this answers.
    fn listens_on(&self, port: u16) -> bool {
        self.listeners
            .iter()
            .any(|listener| listener.rsplit(':').next().and_then(|port| port.parse().ok()) == Some(port))
    }
}

fn newest(servers: Vec<(SystemTime, Server)>) -> Option<Server> {
    servers.into_iter().max_by_key(|(written, server)| (*written, server.pid)).map(|(_, server)| server)
}

/// The living servers of a directory, each with the time its file was written. A missing directory has none.
fn servers_in(directory: &Path) -> Result<Vec<(SystemTime, Server)>, NotFound> {
    let unreadable = |error| NotFound::Unreadable(directory.to_owned(), error);
    match fs::symlink_metadata(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(unreadable(error)),
        Ok(metadata) if !is_ours_alone(&metadata) => return Err(NotFound::Untrusted(directory.to_owned())),
        Ok(_) => {}
    }
    let entries = fs::read_dir(directory).map_err(unreadable)?.take(FILES_MAX).flatten();
    Ok(entries
        .filter(|entry| is_server_file(&entry.file_name().to_string_lossy()))
        .filter_map(|entry| read(&entry.path()))
        .collect())
}

fn is_server_file(name: &str) -> bool {
    name.strip_prefix("server-")
        .and_then(|rest| rest.strip_suffix(".json"))
        .is_some_and(|pid| pid.parse::<u32>().is_ok())
}

/// A file that is damaged, half written by a foreign hand, or left by a dead server counts as none.
fn read(path: &Path) -> Option<(SystemTime, Server)> {
    let file = File::open(path).ok()?;
    let metadata = file.metadata().ok()?;
    if !metadata.is_file() || metadata.len() > FILE_BYTES_MAX {
        return None;
    }
    let mut text = String::new();
    file.take(FILE_BYTES_MAX).read_to_string(&mut text).ok()?;
    let server: Server = serde_json::from_str(&text).ok()?;
    is_alive(server.pid).then_some((metadata.modified().ok()?, server))
}

#[cfg(unix)]
fn is_ours_alone(metadata: &fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    metadata.is_dir() && metadata.uid() == rustix::process::geteuid().as_raw() && metadata.mode() & 0o077 == 0
}

/// Elsewhere the runtime directory is protected by where it lies, in the user's own profile.
#[cfg(not(unix))]
fn is_ours_alone(metadata: &fs::Metadata) -> bool {
    metadata.is_dir()
}

/// Whether there is a process of this number.
#[cfg(unix)]
#[must_use]
pub fn is_alive(pid: u32) -> bool {
    let pid = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw);
    // A process of another user may not be asked, but it is there.
    pid.is_some_and(|pid| !matches!(rustix::process::test_kill_process(pid), Err(rustix::io::Errno::SRCH)))
}

/// Where nobody can be asked, connecting will tell.
#[cfg(not(unix))]
#[must_use]
pub fn is_alive(_pid: u32) -> bool {
    true
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;
    use std::time::Duration;

    /// No process has it: it is above the kernel's greatest, 2^22.
    const DEAD: u32 = 0x7fff_fff0;

    fn directory(mode: u32) -> tempfile::TempDir {
        let directory = tempfile::tempdir().expect("a directory");
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(mode)).expect("its mode");
        directory
    }

    fn write(directory: &Path, name: &str, pid: u32, port: u16, age: Duration) {
        let path = directory.join(name);
        let text =
            format!(r#"{{"pid":{pid},"listeners":["127.0.0.1:{port}"],"tls":false,"url":"tcp://127.0.0.1:{port}"}}"#);
        fs::write(&path, text).expect("a file");
        let file = File::options().write(true).open(&path).expect("the file");
        file.set_modified(SystemTime::now() - age).expect("its time");
    }

    fn found(directory: &Path) -> Option<String> {
        newest(servers_in(directory).expect("a good directory")).map(|server| server.url)
    }

    #[test]
    fn the_newest_living_server_is_found() {
        let directory = directory(0o700);
        let (path, me) = (directory.path(), std::process::id());
        assert_eq!(found(path), None);
        write(path, "server-1.json", me, 1, Duration::from_secs(30));
        write(path, "server-2.json", me, 2, Duration::from_secs(20));
        write(path, "server-3.json", DEAD, 3, Duration::from_secs(10));
        write(path, "other-4.json", me, 4, Duration::ZERO);
        fs::write(path.join("server-5.json"), "{\"pid\":").expect("a damaged file");
        assert_eq!(found(path).as_deref(), Some("tcp://127.0.0.1:2"));
    }

    #[test]
    fn a_directory_open_to_others_is_not_believed() {
        let directory = directory(0o770);
        write(directory.path(), "server-1.json", std::process::id(), 1, Duration::ZERO);
        assert!(matches!(servers_in(directory.path()), Err(NotFound::Untrusted(_))));
    }

    #[test]
    fn a_missing_directory_has_no_servers() {
        let directory = directory(0o700);
        assert_eq!(found(&directory.path().join("none")), None);
    }

    #[test]
    fn a_listener_is_known_by_its_port() {
        let server = Server {
            pid: 1,
            listeners: vec!["127.0.0.1:12345".to_owned(), "[::1]:999".to_owned()],
            tls: true,
            fingerprint: None,
            url: String::new(),
        };
        assert!(server.listens_on(12345) && server.listens_on(999) && !server.listens_on(1));
    }
}
