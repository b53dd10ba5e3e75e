//! Threads that may block on files, so that no shard does: a named pipe, a slow network disk, a disk that is gone.

use crate::threads;
use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::timeout;

/// Threads. A disk that hangs holds up as many at most, and then all files; nothing else.
pub(crate) const THREADS: usize = 4;
/// Work that may wait for a thread.
const QUEUE: usize = 1_024;
/// How long somebody waits for its work to be done.
const PATIENCE: Duration = Duration::from_secs(10);
/// Files that stay open from one piece to the next. All others are opened for each piece, so that downloads which nobody
/// reads do not use the descriptors up.
pub(crate) const OPEN_MAX: usize = 32;

type Work = Box<dyn FnOnce() + Send>;

/// The threads, and how many files are open.
#[derive(Clone, Debug)]
pub(crate) struct FileThreads {
    work: Sender<Work>,
    open: Arc<AtomicUsize>,
    patience: Duration,
}

/// The work was not done in time: too much of it waits, or the disk does not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the disk does not answer")]
pub(crate) struct Busy;

impl FileThreads {
    /// Starts the threads. They end with the process, and nobody waits for them then.
    ///
    /// # Errors
    /// The system refuses a thread.
    pub(crate) fn start() -> io::Result<Self> {
        let (work, waiting) = bounded(QUEUE);
        for number in 0..THREADS {
            let waiting: Receiver<Work> = waiting.clone();
            threads::spawn(&format!("files-{number}"), move || {
                for work in waiting {
                    work();
                }
            })?;
        }
        Ok(Self { work, open: Arc::default(), patience: PATIENCE })
    }

    /// Does work on one of the threads.
    ///
    /// # Errors
    /// [`Busy`].
    pub(crate) async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Busy> {
        let (tell, told) = oneshot::channel();
        let work: Work = Box::new(move || {
            // Who asked may be gone: what nobody waits for is not done.
            if !tell.is_closed() {
                let _ = tell.send(work());
            }
        });
        match self.work.try_send(work) {
            Ok(()) => {}
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => return Err(Busy),
        }
        timeout(self.patience, told).await.map_err(|_| Busy)?.map_err(|_| Busy)
    }

    /// Returns the right to keep a file open, if not too many are.
    pub(crate) fn keep_open(&self) -> Option<Kept> {
        let more = |count| (count < OPEN_MAX).then_some(count + 1);
        self.open.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).ok()?;
        Some(Kept(self.open.clone()))
    }
}

/// The right to keep a file open.
#[derive(Debug)]
pub(crate) struct Kept(Arc<AtomicUsize>);

impl Drop for Kept {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[tokio::test]
    async fn a_disk_that_hangs_holds_nobody_up_for_ever() {
        let threads = FileThreads::start().expect("threads");
        assert_eq!(threads.run(|| 7).await, Ok(7));
        let hasty = FileThreads { patience: Duration::from_millis(20), ..threads.clone() };
        let (release, hung) = mpsc::channel::<()>();
        let hung = Arc::new(std::sync::Mutex::new(hung));
        for _ in 0..THREADS {
            let hung = hung.clone();
            let hanging = hasty.run(move || hung.lock().map(|hung| hung.recv().is_ok()).is_ok());
            assert_eq!(hanging.await, Err(Busy), "it is given up");
        }
        assert_eq!(hasty.run(|| 7).await, Err(Busy), "and so is what waits behind it");
        drop(release);
        assert_eq!(threads.run(|| 7).await, Ok(7));
    }

    #[test]
    fn few_files_stay_open() {
        let threads = FileThreads::start().expect("threads");
        let mut kept: Vec<Kept> = std::iter::from_fn(|| threads.keep_open()).collect();
        assert_eq!(kept.len(), OPEN_MAX);
        kept.pop();
        assert!(threads.keep_open().is_some());
    }
}
