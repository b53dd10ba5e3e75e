//! The thread that finds out which process holds the other end of a silent connection from this machine.

use super::known::Known;
use super::proc_net::{Row, holders, tcp_sockets};
use super::rule::Sockets;
use crate::threads;
use crossbeam_channel::{Receiver, Sender, bounded};
use std::collections::{HashMap, HashSet};
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// Connections that wait for the thread at most. One more is judged by its address.
const WAITING_MAX: usize = 8_192;
/// How long one search through all processes may take. Those that it was for are then judged by their addresses.
const SEARCH_MAX: Duration = Duration::from_secs(2);

/// A silent connection: its other end, and the port where it arrived.
struct Question {
    peer: SocketAddr,
    port: u16,
    answer: oneshot::Sender<Option<bool>>,
}

/// The way to the thread. The thread ends when this is dropped.
pub(super) struct Search(Sender<Question>);

impl Search {
    /// Starts the thread.
    ///
    /// # Errors
    /// The system starts no more threads.
    pub(super) fn start(known: Arc<Mutex<Known>>) -> io::Result<Self> {
        let (questions, waiting) = bounded(WAITING_MAX);
        threads::spawn("processes", move || run(&waiting, &known))?;
        Ok(Self(questions))
    }

    /// Returns whether the process at the other end may yet send an HTTP request; `None` when it cannot be told who
    /// that is.
    pub(super) async fn may_ask_later(&self, peer: SocketAddr, port: u16) -> Option<bool> {
        let (answer, answered) = oneshot::channel();
        self.0.try_send(Question { peer, port, answer }).ok()?;
        answered.await.ok()?
    }
}

fn run(waiting: &Receiver<Question>, known: &Mutex<Known>) {
    while let Ok(first) = waiting.recv() {
        // One search answers all that came meanwhile.
        let questions: Vec<Question> = std::iter::once(first).chain(waiting.try_iter().take(WAITING_MAX)).collect();
        let ends: Vec<_> = questions.iter().map(|question| (question.peer, question.port)).collect();
        let answers = answer(Path::new("/proc"), &ends, known, Instant::now() + SEARCH_MAX);
        for (question, answer) in questions.into_iter().zip(answers) {
            // A connection that is gone waits for no answer.
            let _ = question.answer.send(answer);
        }
    }
}

/// Returns for each connection whether the process at its other end may yet send an HTTP request, if it can be told.
fn answer(proc: &Path, ends: &[(SocketAddr, u16)], known: &Mutex<Known>, deadline: Instant) -> Vec<Option<bool>> {
    let rows = tcp_sockets(proc);
    let by_ends: HashMap<_, _> = rows.iter().map(|row| ((row.local, row.remote.port()), row)).collect();
    let inodes: Vec<Option<u64>> =
        ends.iter().map(|end| by_ends.get(end).map(|row: &&Row| row.inode).filter(|inode| *inode != 0)).collect();
    let wanted: HashSet<u64> = inodes.iter().flatten().copied().collect();
    let holders = holders(proc, &wanted, deadline).unwrap_or_default();
    let sockets = Sockets::new(&rows);
    let known = known.lock().unwrap_or_else(PoisonError::into_inner);
    inodes
        .into_iter()
        .map(|inode| {
            let processes = holders.get(&inode?)?;
            Some(
                processes.iter().any(|process| sockets.may_ask_later(process, |local| known.socket_speaks_http(local))),
            )
        })
        .collect()
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;
    use std::net::{TcpListener, TcpStream};

    #[test]
    fn a_process_that_takes_connections_may_ask_later_and_one_that_is_gone_cannot_be_told() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let far = TcpStream::connect(address).expect("a connection");
        let known = Mutex::new(Known::default());
        let own = far.local_addr().expect("an address");
        let ends = [(own, address.port()), (own, 1), ("127.0.0.1:1".parse().expect("an address"), address.port())];
        let soon = Instant::now() + Duration::from_secs(60);
        // This process holds the listener, too.
        assert_eq!(answer(Path::new("/proc"), &ends, &known, soon), [Some(true), None, None]);
        assert_eq!(answer(Path::new("/proc"), &ends, &known, Instant::now()), [None; 3], "there is no time left");
        assert_eq!(answer(Path::new("/nowhere"), &ends, &known, soon), [None; 3]);
    }
}
