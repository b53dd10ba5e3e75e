//! The body of an answer: bytes that are there, or a file that is read piece by piece while its client takes it.

use super::budget::Budget;
use super::file_threads::{FileThreads, Kept};
use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use std::cell::Cell;
use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::net::IpAddr;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::Instant;

/// Bytes of a file that are in memory at a time, for each download that is not waiting for its client.
pub(super) const PIECE: usize = 64 * 1024;

/// The body of an answer.
#[derive(Debug)]
pub(super) enum Content {
    /// Part of the program.
    Static(&'static [u8]),
    Whole(Bytes),
    File(Box<Download>),
}

impl Default for Content {
    fn default() -> Self {
        Self::Static(&[])
    }
}

impl<T: Into<Bytes>> From<T> for Content {
    fn from(bytes: T) -> Self {
        Self::Whole(bytes.into())
    }
}

impl Content {
    /// Returns its length in bytes.
    pub(super) fn len(&self) -> u64 {
        match self {
            Self::Static(bytes) => bytes.len() as u64,
            Self::Whole(bytes) => bytes.len() as u64,
            Self::File(download) => download.left(),
        }
    }

    /// Returns what of it is in memory.
    pub(super) fn known(&self) -> &[u8] {
        match self {
            Self::Static(bytes) => bytes,
            Self::Whole(bytes) => bytes,
            Self::File(_) => &[],
        }
    }
}

/// What has to be the same each time that a file is opened: else another one has its name meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Identity {
    device: u64,
    inode: u64,
    length: u64,
    modified: (i64, i64),
}

impl Identity {
    fn of(about: &Metadata) -> Self {
        let modified = (about.mtime(), about.mtime_nsec());
        Self { device: about.dev(), inode: about.ino(), length: about.len(), modified }
    }
}

/// A part of a file that is on its way to a client. Between two pieces it holds no memory.
#[derive(Debug)]
pub(super) struct Download {
    path: PathBuf,
    identity: Identity,
    from: u64,
    to: u64,
    /// The file, if it is one of the few that stay open.
    open: Option<(File, Kept)>,
    threads: Option<FileThreads>,
}

/// Opens a regular file; nothing else: not a pipe, for which that could take for ever, not a device, for which it could
/// do something, and no link that took the file's place meanwhile.
///
/// # Errors
/// It cannot be opened, or is something else.
pub(super) fn open(path: &Path) -> io::Result<(File, Metadata)> {
    let is_file = |about: &Metadata| match about.is_file() {
        true => Ok(()),
        false => Err(io::Error::other("no regular file")),
    };
    is_file(&path.symlink_metadata()?)?;
    let file =
        OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK | libc::O_NOFOLLOW | libc::O_NOCTTY).open(path)?;
    let about = file.metadata()?;
    is_file(&about)?;
    Ok((file, about))
}

impl Download {
    /// The bytes `from..to` of an open file.
    pub(super) fn new(
        path: &Path,
        file: File,
        about: &Metadata,
        (from, to): (u64, u64),
        threads: Option<&FileThreads>,
    ) -> Self {
        let open = threads.and_then(FileThreads::keep_open).map(|kept| (file, kept));
        let threads = threads.cloned();
        Self { path: path.to_owned(), identity: Identity::of(about), from, to, open, threads }
    }

    /// Returns how many bytes are still to be sent.
    pub(super) const fn left(&self) -> u64 {
        self.to - self.from
    }

    /// So many bytes were sent.
    pub(super) fn sent(&mut self, count: usize) {
        self.from = self.to.min(self.from + count as u64);
    }

    /// Reads what comes next. It may block.
    ///
    /// # Errors
    /// The file cannot be read, or is another one or shorter now.
    pub(super) fn read(&self, most: usize) -> io::Result<Vec<u8>> {
        let opened;
        let file = match &self.open {
            Some((file, _)) => file,
            None => {
                let (file, about) = open(&self.path)?;
                if Identity::of(&about) != self.identity {
                    return Err(io::Error::other("the file was changed while it was sent"));
                }
                opened = file;
                &opened
            }
        };
        let count = usize::try_from(self.left()).unwrap_or(most).min(most);
        let mut piece = vec![0; count];
        file.read_exact_at(&mut piece, self.from)?;
        Ok(piece)
    }

    /// Reads what comes next on a thread that may block, and returns it with this.
    ///
    /// # Errors
    /// As [`Download::read`], or the disk does not answer.
    pub(super) async fn next(self: Box<Self>, most: usize) -> io::Result<(Box<Self>, Vec<u8>)> {
        let Some(threads) = self.threads.clone() else { return Err(io::ErrorKind::Unsupported.into()) };
        let read = move || {
            let piece = self.read(most);
            (self, piece)
        };
        let (download, piece) = threads.run(read).await.map_err(io::Error::other)?;
        Ok((download, piece?))
    }
}

/// A piece of a file, or the reason why there is none, with the download that it is of.
type Reading = Pin<Box<dyn Future<Output = io::Result<(Box<Download>, Bytes)>>>>;

/// A body as hyper sends it.
pub(super) struct Sent {
    content: Content,
    reading: Option<Reading>,
    budget: Arc<Budget>,
    client: IpAddr,
    patience: Duration,
    /// Hyper has all of it, or does not want it.
    is_said: Rc<Cell<bool>>,
}

impl Drop for Sent {
    fn drop(&mut self) {
        self.is_said.set(true);
    }
}

impl Sent {
    /// `patience` is how long a piece may wait for its place in memory. `is_said` is set when hyper needs it no more.
    pub(super) const fn new(
        content: Content,
        budget: Arc<Budget>,
        client: IpAddr,
        patience: Duration,
        is_said: Rc<Cell<bool>>,
    ) -> Self {
        Self { content, reading: None, budget, client, patience, is_said }
    }

    async fn next(
        download: Box<Download>,
        budget: Arc<Budget>,
        client: IpAddr,
        patience: Duration,
    ) -> io::Result<(Box<Download>, Bytes)> {
        let until = Instant::now() + patience;
        let share = budget.take(client, PIECE, until).await.ok_or(io::ErrorKind::TimedOut)?;
        let (mut download, piece) = download.next(PIECE).await?;
        download.sent(piece.len());
        // The share is given back when hyper has written the piece.
        Ok((download, Bytes::from_owner(Owned { piece, _share: share })))
    }
}

/// A piece, and the right to have it in memory.
struct Owned {
    piece: Vec<u8>,
    _share: super::budget::Share,
}

impl AsRef<[u8]> for Owned {
    fn as_ref(&self) -> &[u8] {
        &self.piece
    }
}

impl Body for Sent {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let this = &mut *self;
        loop {
            if let Some(reading) = &mut this.reading {
                let read = ready!(reading.as_mut().poll(context));
                this.reading = None;
                return Poll::Ready(Some(read.map(|(download, piece)| {
                    this.content = Content::File(download);
                    Frame::data(piece)
                })));
            }
            let bytes = match std::mem::take(&mut this.content) {
                Content::File(download) if download.left() > 0 => {
                    let next = Self::next(download, this.budget.clone(), this.client, this.patience);
                    this.reading = Some(Box::pin(next));
                    continue;
                }
                Content::File(_) => return Poll::Ready(None),
                Content::Static(bytes) => Bytes::from_static(bytes),
                Content::Whole(bytes) => bytes,
            };
            return Poll::Ready((!bytes.is_empty()).then(|| Ok(Frame::data(bytes))));
        }
    }

    fn is_end_stream(&self) -> bool {
        self.reading.is_none() && self.content.len() == 0
    }

    fn size_hint(&self) -> SizeHint {
        // Asked for before the first piece, to say the length.
        SizeHint::with_exact(self.content.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt;

    fn download(bytes: &[u8], threads: Option<&FileThreads>) -> (tempfile::TempDir, PathBuf, Box<Download>) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("file");
        std::fs::write(&path, bytes).expect("a file");
        let (file, about) = open(&path).expect("a regular file");
        let download = Download::new(&path, file, &about, (0, bytes.len() as u64), threads);
        (folder, path, Box::new(download))
    }

    #[test]
    fn only_regular_files_are_opened_and_nothing_is_waited_for() {
        let folder = tempfile::tempdir().expect("a folder");
        let pipe = folder.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status().expect("mkfifo runs");
        assert!(made.success());
        let link = folder.path().join("link");
        std::os::unix::fs::symlink("/etc/passwd", &link).expect("a link");
        let socket = folder.path().join("socket");
        let _listener = std::os::unix::net::UnixListener::bind(&socket).expect("a socket");
        for path in [&pipe, &link, &socket, Path::new("/dev/zero"), Path::new("/dev/tty"), folder.path()] {
            assert!(open(path).is_err(), "{}", path.display());
        }
    }

    #[tokio::test]
    async fn a_file_is_sent_in_pieces_by_hyper_too() {
        let threads = FileThreads::start().expect("threads");
        let bytes: Vec<u8> = (0..3 * PIECE + 5).map(|number| number as u8).collect();
        let (_folder, _, download) = download(&bytes, Some(&threads));
        let budget = Budget::new(PIECE);
        let client = IpAddr::from([192, 0, 2, 1]);
        let is_said = Rc::new(Cell::new(false));
        let patience = Duration::from_secs(1);
        let mut sent = Sent::new(Content::File(download), budget.clone(), client, patience, is_said.clone());
        assert_eq!(sent.size_hint().exact(), Some(bytes.len() as u64));
        let mut got = Vec::new();
        while let Some(frame) = sent.frame().await {
            got.extend_from_slice(frame.expect("a piece").data_ref().expect("bytes"));
            assert_eq!(budget.held_bytes(), 0, "what was written is given back");
        }
        assert!(got == bytes);
        assert!(sent.is_end_stream() && !is_said.get());
        drop(sent);
        assert!(is_said.get());
    }

    #[test]
    fn a_file_that_is_another_one_meanwhile_is_not_sent_as_one_with_it() {
        let (folder, path, mut download) = download(b"0123456789", None);
        assert_eq!(download.read(4).expect("a piece"), b"0123");
        download.sent(4);
        assert_eq!((download.read(40).expect("a piece"), download.left()), (b"456789".to_vec(), 6));
        let other = folder.path().join("other");
        std::fs::write(&other, "9876543210").expect("a file");
        std::fs::rename(&other, &path).expect("a file");
        assert!(download.read(4).is_err());
        std::fs::remove_file(&path).expect("a file");
        assert!(download.read(4).is_err());
    }
}
