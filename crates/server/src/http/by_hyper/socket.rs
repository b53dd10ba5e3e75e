//! A socket as hyper reads and writes it.

use crate::http::CHUNK;
use crate::socket::Socket;
use hyper::rt::ReadBufCursor;
use std::cell::Cell;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// A socket, and what was read of it before hyper had it.
pub(super) struct HttpIo<'a> {
    socket: Socket,
    first: Vec<u8>,
    /// hyper has nothing more to write: it flushed, and that went through.
    is_flushed: &'a Cell<bool>,
}

impl<'a> HttpIo<'a> {
    pub(super) const fn new(socket: Socket, first: Vec<u8>, is_flushed: &'a Cell<bool>) -> Self {
        Self { socket, first, is_flushed }
    }

    /// The socket, and what was read and not used.
    pub(super) fn into_parts(self, read: &[u8]) -> (Socket, Vec<u8>) {
        (self.socket, [read, &self.first].concat())
    }
}

impl hyper::rt::Read for HttpIo<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        mut buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.first.is_empty() {
            let count = self.first.len().min(buffer.remaining());
            buffer.put_slice(&self.first[..count]);
            self.first.drain(..count);
            return Poll::Ready(Ok(()));
        }
        let mut chunk = [0; CHUNK];
        let room = buffer.remaining().min(CHUNK);
        let count = ready!(self.socket.poll_read(context, &mut chunk[..room]))?;
        buffer.put_slice(&chunk[..count]);
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
        self.is_flushed.set(false);
        loop {
            match self.socket.try_write(slices) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    ready!(self.socket.tcp().poll_write_ready(context))?;
                }
                result => return Poll::Ready(result),
            }
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.socket.try_flush()? {
            ready!(self.socket.tcp().poll_write_ready(context))?;
        }
        self.is_flushed.set(true);
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.socket.shut();
        Poll::Ready(Ok(()))
    }
}
