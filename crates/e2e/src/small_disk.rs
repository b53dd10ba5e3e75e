//! A small disk of the server's own: a tmpfs in its own namespaces, which can be filled from outside and looked into
//! after the server's end.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::{Server, ServerOptions, require_tool};

const CHUNK: usize = 64 * 1024;

/// Where the disk will be mounted, and how large it will be.
#[derive(Debug)]
pub struct SmallDisk {
    place: TempDir,
    bytes: u64,
}

/// The disk of a running server, seen from outside its namespace.
#[derive(Debug)]
pub struct Mounted {
    /// Keeps the disk when the server and its namespace are gone.
    directory: File,
}

impl SmallDisk {
    /// A disk of `bytes` bytes.
    ///
    /// # Panics
    /// The system has no namespaces for users, or no `unshare`.
    #[must_use]
    pub fn new(bytes: u64) -> Self {
        let unshare = require_tool("unshare", "Debian package util-linux");
        let tried = std::process::Command::new(unshare).args(["-rm", "true"]).output().expect("unshare starts");
        let why = String::from_utf8_lossy(&tried.stderr).into_owned();
        assert!(tried.status.success(), "this test needs user and mount namespaces: {why}");
        Self { place: TempDir::new().expect("a directory"), bytes }
    }

    /// A server whose data directory is this disk, which nobody else sees.
    #[must_use]
    pub fn options(&self) -> ServerOptions {
        let mount = format!("mount -t tmpfs -o size={},mode=700 small \"$0\" && exec \"$@\"", self.bytes);
        let place = self.place.path().display().to_string();
        ServerOptions::stored(self.place.path()).wrapper(&["unshare", "-rm", "sh", "-c", &mount, &place])
    }

    /// The disk of `server`, which was started with [`Self::options`].
    ///
    /// # Panics
    /// It cannot be seen.
    #[must_use]
    pub fn of(&self, server: &Server) -> Mounted {
        let inside = self.place.path().strip_prefix("/").expect("an absolute path");
        let path = Path::new("/proc").join(server.id().to_string()).join("root").join(inside);
        let directory = File::open(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Mounted { directory }
    }
}

impl Mounted {
    /// Fills the disk until no more than `left` bytes are free.
    ///
    /// # Panics
    /// It cannot be written for another reason than that it is full.
    pub fn fill(&self, left: u64) {
        let mut filler = File::options().append(true).create(true).open(self.path().join("filler")).expect("a file");
        loop {
            let free = self.free_bytes();
            let Ok(want) = usize::try_from(free.saturating_sub(left)) else { return };
            match filler.write(&[0; CHUNK][..want.min(CHUNK)]) {
                Ok(0) => return,
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::StorageFull => return,
                Err(error) => panic!("{error}"),
            }
        }
    }

    /// Takes away what [`Self::fill`] wrote.
    ///
    /// # Panics
    /// It was not filled.
    pub fn empty(&self) {
        fs::remove_file(self.path().join("filler")).expect("a filled disk");
    }

    /// The free space, in bytes.
    ///
    /// # Panics
    /// The disk is gone.
    #[must_use]
    pub fn free_bytes(&self) -> u64 {
        switchboard_sys::disk::free_bytes(&self.path()).expect("a disk")
    }

    /// Copies the server's files to `to`, also after the server's end.
    ///
    /// # Panics
    /// They cannot be read.
    pub fn copy_to(&self, to: &Path) {
        for entry in fs::read_dir(self.path()).expect("a disk") {
            let entry = entry.expect("an entry");
            let is_ours = entry.file_name().to_string_lossy().starts_with("switchboard.");
            if is_ours {
                fs::copy(entry.path(), to.join(entry.file_name())).expect("a copy");
            }
        }
    }

    fn path(&self) -> PathBuf {
        PathBuf::from(format!("/proc/self/fd/{}", self.directory.as_raw_fd()))
    }
}
