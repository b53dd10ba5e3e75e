//! A socket as hyper reads and writes it: one request, checked as it comes, and nothing behind it.

use crate::http::CHUNK;
use crate::http::message::Message;
use crate::http::strict::Wrong;
use crate::socket::Socket;
use hyper::rt::ReadBufCursor;
use std::cell::Cell;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::time::Instant;

/// What is known of a conversation from outside of it.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// hyper has nothing more to write: it flushed, and that went through.
    pub(super) is_flushed: Cell<bool>,
    /// Hyper was given all of the request.
    pub(super) is_over: Cell<bool>,
    /// Something was written.
    pub(super) has_answered: Cell<bool>,
    /// The request's body is not as it should be.
    pub(super) wrong: Cell<Option<Wrong>>,
    /// The client has taken nothing since then.
    pub(super) blocked_since: Cell<Option<Instant>>,
}

/// A socket, and what was read of it that hyper does not have.
pub(super) struct HttpIo<'a> {
    socket: Socket,
    first: Vec<u8>,
    /// The request; none: it has no end that is known, and hyper refuses it.
    message: Option<Message>,
    known: &'a Known,
}

impl<'a> HttpIo<'a> {
    pub(super) const fn new(socket: Socket, first: Vec<u8>, message: Option<Message>, known: &'a Known) -> Self {
        Self { socket, first, message, known }
    }

    /// The socket, and what was read and not used: `read` is what hyper has of it. Of a request whose end is known that
    /// is a body which nobody wanted, and by no means the beginning of another request.
    pub(super) fn into_parts(self, read: &[u8]) -> (Socket, Vec<u8>) {
        let read = if self.message.is_some() { &[] } else { read };
        (self.socket, [read, &self.first].concat())
    }

    /// How many of these bytes are the request's.
    fn take(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(message) = &mut self.message else { return Ok(bytes.len()) };
        let taken = message.take(bytes).map_err(|wrong| {
            self.known.wrong.set(Some(wrong));
            io::Error::new(io::ErrorKind::InvalidData, wrong.0)
        });
        self.known.is_over.set(message.is_over());
        taken
    }

    /// The request is over: what follows it is kept, as far as it fits, and only the end of the client is told.
    fn poll_end(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut chunk = [0; CHUNK];
        while self.first.len() < CHUNK {
            match ready!(self.socket.poll_read(context, &mut chunk))? {
                0 => return Poll::Ready(Ok(())),
                count => self.first.extend_from_slice(&chunk[..count]),
            }
        }
        Poll::Pending
    }
}

impl hyper::rt::Read for HttpIo<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        mut buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        if self.message.as_ref().is_some_and(Message::is_over) {
            return self.poll_end(context);
        }
        if !self.first.is_empty() {
            let first = std::mem::take(&mut self.first);
            let count = self.take(&first[..first.len().min(buffer.remaining())])?;
            buffer.put_slice(&first[..count]);
            self.first = first;
            self.first.drain(..count);
            return Poll::Ready(Ok(()));
        }
        let mut chunk = [0; CHUNK];
        let room = buffer.remaining().min(CHUNK);
        let count = ready!(self.socket.poll_read(context, &mut chunk[..room]))?;
        let taken = self.take(&chunk[..count])?;
        buffer.put_slice(&chunk[..taken]);
        self.first.extend_from_slice(&chunk[taken..count]);
        Poll::Ready(Ok(()))
    }
}

impl hyper::rt::Write for HttpIo<'_> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(context, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.known.is_flushed.set(false);
        loop {
            match self.socket.try_write(slices) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let since = self.known.blocked_since.get().unwrap_or_else(Instant::now);
                    self.known.blocked_since.set(Some(since));
                    ready!(self.socket.tcp().poll_write_ready(context))?;
                }
                result => {
                    self.known.blocked_since.set(None);
                    self.known.has_answered.set(true);
                    return Poll::Ready(result);
                }
            }
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.socket.try_flush()? {
            let since = self.known.blocked_since.get().unwrap_or_else(Instant::now);
            self.known.blocked_since.set(Some(since));
            ready!(self.socket.tcp().poll_write_ready(context))?;
        }
        self.known.blocked_since.set(None);
        self.known.is_flushed.set(true);
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.socket.shut();
        Poll::Ready(Ok(()))
    }
}
