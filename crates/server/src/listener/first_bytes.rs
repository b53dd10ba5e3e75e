//! The first bytes of a connection, read until they decide.

use crate::socket::Socket;
use std::io;
use std::time::Duration;
use switchboard_protocols::first::{Verdict, judge};
use tokio::time::{Instant, timeout_at};

/// Bytes read before a decision at most: far more than any decision needs, so that what came at once is read at once.
const FIRST_BYTES: usize = 4_096;

/// What a connection said first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Said {
    Tls,
    Http,
    Json,
    Text,
    /// Nothing, for as long as makes a text connection.
    Silence,
}

/// What was read of a connection before it was known what it is.
#[derive(Default)]
pub(super) struct First(Vec<u8>);

impl First {
    /// Takes what was read.
    pub(super) fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.0)
    }

    /// Reads until the bytes decide; with `silence`, a connection that says nothing for so long is decided as well.
    ///
    /// # Errors
    /// The peer left without a word, said something that is nobody's protocol, or took longer than `patience`: what
    /// looks like the beginning of HTTP is then answered with 408.
    pub(super) async fn read(
        &mut self,
        socket: &Socket,
        silence: Option<Duration>,
        patience: Duration,
    ) -> io::Result<Said> {
        let begun = Instant::now();
        loop {
            // An empty line is no word: it decides as little as silence does.
            let said_nothing = self.0.iter().all(|byte| matches!(byte, b'\r' | b'\n'));
            let wait = silence.filter(|_| said_nothing).unwrap_or(patience);
            match self.read_once(socket) {
                Ok(0) if said_nothing => return Err(io::ErrorKind::UnexpectedEof.into()),
                // The end decides what was still open: half a request line is nothing that HTTP could go on with.
                Ok(0) => return Ok(Said::Text),
                Ok(_) => {
                    let from = self.0.iter().position(|byte| !matches!(byte, b'\r' | b'\n'));
                    match judge(from.map_or(&[], |from| &self.0[from..])) {
                        Verdict::Tls => return Ok(Said::Tls),
                        Verdict::Http => return Ok(Said::Http),
                        Verdict::Json => return Ok(Said::Json),
                        Verdict::Text => return Ok(Said::Text),
                        Verdict::Foreign => {
                            return Err(io::Error::new(io::ErrorKind::InvalidData, "no protocol of ours"));
                        }
                        Verdict::Undecided if self.0.len() >= FIRST_BYTES => {
                            return Err(io::Error::new(io::ErrorKind::InvalidData, "nothing but empty lines"));
                        }
                        Verdict::Undecided => {}
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    match timeout_at(begun + wait, socket.readable()).await {
                        Ok(ready) => ready?,
                        Err(_) if said_nothing && silence.is_some() => {
                            self.0.clear();
                            return Ok(Said::Silence);
                        }
                        Err(_) => {
                            if self.0.first().is_some_and(u8::is_ascii_uppercase) {
                                crate::http::say_timeout(socket);
                            }
                            return Err(io::ErrorKind::TimedOut.into());
                        }
                    }
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Takes in what is there; 0 is the end. The buffer is not part of the task that waits.
    fn read_once(&mut self, socket: &Socket) -> io::Result<usize> {
        let mut buffer = [0; FIRST_BYTES];
        let count = socket.try_read(&mut buffer)?;
        self.0.extend_from_slice(&buffer[..count]);
        Ok(count)
    }
}
