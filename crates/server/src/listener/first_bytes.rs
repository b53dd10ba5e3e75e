//! The first bytes of a connection, read until they decide.

use super::Left;
use crate::socket::Socket;
use std::io;
use std::time::Duration;
use switchboard_protocols::first::{Verdict, judge, skipped};
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
            if let Some(said) = self.decide()? {
                return Ok(said);
            }
            let wait = silence.filter(|_| self.is_no_word()).unwrap_or(patience);
            match self.read_once(socket) {
                Ok(0) if self.is_no_word() => return Err(Left.into()),
                // The end decides what was still open: half a request line is nothing that HTTP could go on with.
                Ok(0) => return Ok(Said::Text),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    match timeout_at(begun + wait, socket.readable()).await {
                        Ok(ready) => ready?,
                        Err(_) if self.is_no_word() && silence.is_some() => return Ok(Said::Silence),
                        Err(_) => {
                            if self.0.first().is_some_and(u8::is_ascii_uppercase) {
                                crate::http::say_timeout(socket);
                            }
                            return Err(io::ErrorKind::TimedOut.into());
                        }
                    }
                }
                Err(error) if self.is_no_word() && error.kind() == io::ErrorKind::ConnectionReset => {
                    return Err(Left.into());
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Waits until the first byte has come, and reads what came with it. `false`: none came for so long.
    ///
    /// # Errors
    /// The peer left without a word, or the socket failed.
    pub(super) async fn await_byte(&mut self, socket: &Socket, most: Duration) -> io::Result<bool> {
        let until = Instant::now() + most;
        while self.0.is_empty() {
            match self.read_once(socket) {
                Ok(0) => return Err(Left.into()),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    match timeout_at(until, socket.readable()).await {
                        Ok(ready) => ready?,
                        Err(_) => return Ok(false),
                    }
                }
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    /// Whether not a single byte has come.
    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the first byte that begins something, if there is one.
    pub(super) fn begins_with(&self) -> Option<u8> {
        self.0.get(skipped(&self.0)).copied()
    }

    /// An empty line is no word, and neither is what nobody sees: it decides as little as silence does.
    fn is_no_word(&self) -> bool {
        !matches!(self.0.first(), Some(0)) && skipped(&self.0) == self.0.len()
    }

    /// What the bytes so far say, if they say it already.
    fn decide(&self) -> io::Result<Option<Said>> {
        Ok(Some(match judge(&self.0) {
            Verdict::Tls => Said::Tls,
            Verdict::Http => Said::Http,
            Verdict::Json => Said::Json,
            // What is text in another form is told so by the text protocol.
            Verdict::Text | Verdict::Prefixed | Verdict::Utf16 => Said::Text,
            Verdict::Foreign => return Err(io::Error::new(io::ErrorKind::InvalidData, "no protocol of ours")),
            Verdict::Undecided if self.0.len() >= FIRST_BYTES => {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "nothing but empty lines"));
            }
            Verdict::Undecided => return Ok(None),
        }))
    }

    /// Takes in what is there; 0 is the end. The buffer is not part of the task that waits.
    fn read_once(&mut self, socket: &Socket) -> io::Result<usize> {
        let mut buffer = [0; FIRST_BYTES];
        let count = socket.try_read(&mut buffer)?;
        self.0.extend_from_slice(&buffer[..count]);
        Ok(count)
    }
}
