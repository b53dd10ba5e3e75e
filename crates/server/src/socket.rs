//! A stream socket, with TLS or without: read and written at once or not at all, never waited for.

use rustls::ServerConnection;
use std::cell::RefCell;
use std::future::poll_fn;
use std::io::{self, IoSlice, Read, Write};
use std::net::Shutdown;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use switchboard_sys::LazyStream;
use tokio::time::timeout;

/// Plaintext that rustls may hold encrypted and unsent: two records, so that a slow reader's bytes wait in its outbox,
/// where they are counted, and not here.
const TLS_BUFFER: usize = 32 * 1024;

/// A fatal alert, `decode_error`, in a record of TLS 1.2 (RFC 8446, 6.2).
const DECODE_ERROR: &[u8] = &[0x15, 3, 3, 0, 2, 2, 50];

/// A TCP socket that does not wait.
pub(crate) trait Tcp: AsFd {
    fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize>;
    fn try_write_vectored(&self, slices: &[IoSlice<'_>]) -> io::Result<usize>;
}

impl Tcp for LazyStream {
    fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        Self::try_read(self, buffer)
    }

    fn try_write_vectored(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        Self::try_write_vectored(self, slices)
    }
}

impl Tcp for std::net::TcpStream {
    fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        { self }.read(buffer)
    }

    fn try_write_vectored(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        { self }.write_vectored(slices)
    }
}

/// A TCP socket and, where there is one, the TLS connection on it. While it is found out what a connection speaks, its
/// thread's runtime can wait for the socket.
pub(crate) struct Socket<T = LazyStream> {
    tcp: T,
    tls: Option<Box<RefCell<ServerConnection>>>,
}

/// A socket that no runtime waits for: it is between two threads, or its shard waits for it together with all others.
pub(crate) type Loose = Socket<std::net::TcpStream>;

impl Socket {
    /// Parts a socket from this thread's runtime.
    #[must_use]
    pub(crate) fn loosen(self) -> Loose {
        Loose { tcp: self.tcp.into_inner(), tls: self.tls }
    }

    /// Lets this thread's runtime wait for a socket, when somebody has to wait.
    #[must_use]
    pub(crate) fn fasten(loose: Loose) -> Self {
        Self { tcp: LazyStream::new(loose.tcp), tls: loose.tls }
    }

    /// A socket without TLS. It must not block.
    #[must_use]
    pub(crate) fn plain(tcp: std::net::TcpStream) -> Self {
        Self { tcp: LazyStream::new(tcp), tls: None }
    }

    /// Begins TLS on a socket; [`Socket::handshake`] goes through with it.
    ///
    /// # Errors
    /// The configuration cannot be used.
    pub(crate) fn tls(tcp: LazyStream, config: Arc<rustls::ServerConfig>) -> io::Result<Self> {
        let mut tls = ServerConnection::new(config).map_err(io::Error::other)?;
        tls.set_buffer_limit(Some(TLS_BUFFER));
        Ok(Self { tcp, tls: Some(Box::new(RefCell::new(tls))) })
    }

    /// The protocol that both sides agreed upon in the TLS handshake (RFC 7301), if they did.
    #[must_use]
    pub(crate) fn is_http_by_alpn(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.borrow().alpn_protocol() == Some(b"http/1.1"))
    }

    /// Goes through the TLS handshake, of which `first` was read already.
    ///
    /// # Errors
    /// The peer left, or is no TLS client that we understand; it was sent the alert that says so.
    pub(crate) async fn handshake(&self, mut first: &[u8]) -> io::Result<()> {
        let Some(tls) = &self.tls else { return Ok(()) };
        while !first.is_empty() {
            let mut tls = tls.borrow_mut();
            tls.read_tls(&mut first)?;
            self.process(&mut tls)?;
        }
        loop {
            let (handshaking, wants_write) = {
                let mut tls = tls.borrow_mut();
                send_tls(&self.tcp, &mut tls)?;
                (tls.is_handshaking(), tls.wants_write())
            };
            if !handshaking {
                return Ok(());
            }
            if wants_write {
                poll_fn(|context| self.tcp.poll_write_ready(context)).await?;
                continue;
            }
            let received = self.receive_tls(&mut tls.borrow_mut());
            match received {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.readable().await?,
                Err(error) => return Err(error),
            }
        }
    }

    /// Waits until there is something to read, or the socket has failed.
    ///
    /// # Errors
    /// The runtime does not take the socket.
    pub(crate) async fn readable(&self) -> io::Result<()> {
        poll_fn(|context| self.tcp.poll_read_ready(context)).await
    }

    /// Reads when there is something to be read; 0 is the end.
    ///
    /// # Errors
    /// The socket failed, or what came is not TLS.
    pub(crate) fn poll_read(&self, context: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        if self.tls.is_none() {
            return self.tcp.poll_read(context, buffer);
        }
        loop {
            match self.try_read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    ready!(self.tcp.poll_read_ready(context))?;
                }
                result => return Poll::Ready(result),
            }
        }
    }

    /// Waits until the socket takes something, or has failed. What TLS holds goes first.
    ///
    /// # Errors
    /// The peer is gone.
    pub(crate) async fn writable(&self) -> io::Result<()> {
        while !self.try_flush()? {
            poll_fn(|context| self.tcp.poll_write_ready(context)).await?;
        }
        poll_fn(|context| self.tcp.poll_write_ready(context)).await
    }

    /// Sends bytes, and others behind them, to their end.
    ///
    /// # Errors
    /// The peer is gone, or took nothing for as long as `patience`.
    pub(crate) async fn send(&self, mut first: &[u8], mut then: &[u8], patience: Duration) -> io::Result<()> {
        while !(first.is_empty() && then.is_empty() && self.try_flush()?) {
            match self.try_write(&[IoSlice::new(first), IoSlice::new(then)]) {
                Ok(count) => {
                    let of_first = count.min(first.len());
                    first = &first[of_first..];
                    then = &then[count - of_first..];
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    timeout(patience, poll_fn(|context| self.tcp.poll_write_ready(context))).await??;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// The TCP socket of a connection without TLS, to begin TLS on it.
    #[must_use]
    pub(crate) fn into_tcp(self) -> LazyStream {
        self.tcp
    }
}

impl<T: Tcp> Socket<T> {
    /// Whether it is encrypted.
    #[must_use]
    pub(crate) const fn is_tls(&self) -> bool {
        self.tls.is_some()
    }

    /// The TCP socket, for those who wait in their own way.
    #[must_use]
    pub(crate) const fn tcp(&self) -> &T {
        &self.tcp
    }

    /// Reads what is there; 0 is the end.
    ///
    /// # Errors
    /// `WouldBlock` when nothing is there.
    pub(crate) fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(tls) = &self.tls else { return self.tcp.try_read(buffer) };
        let mut tls = tls.borrow_mut();
        loop {
            match tls.reader().read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                // A peer that ends without TLS's own goodbye is what every other line client does as well.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(0),
                result => return result,
            }
            self.receive_tls(&mut tls)?;
        }
    }

    /// Writes as much as is taken, all of a TLS connection's slices in one record where they fit.
    ///
    /// # Errors
    /// `WouldBlock` when nothing was taken.
    pub(crate) fn try_write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let Some(tls) = &self.tls else {
            return self.tcp.try_write_vectored(slices);
        };
        let mut tls = tls.borrow_mut();
        send_tls(&self.tcp, &mut tls)?;
        if tls.wants_write() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let count = tls.writer().write_vectored(slices)?;
        send_tls(&self.tcp, &mut tls)?;
        Ok(count)
    }

    /// The file of a connection without TLS, which is written by whoever writes many at once.
    #[must_use]
    pub(crate) fn plain_file(&self) -> Option<BorrowedFd<'_>> {
        self.tls.is_none().then(|| self.tcp.as_fd())
    }

    /// Sends what TLS still holds. Gives whether everything has gone.
    ///
    /// # Errors
    /// The socket failed.
    pub(crate) fn try_flush(&self) -> io::Result<bool> {
        let Some(tls) = &self.tls else { return Ok(true) };
        let mut tls = tls.borrow_mut();
        send_tls(&self.tcp, &mut tls)?;
        Ok(!tls.wants_write())
    }

    /// Ends our side: the peer reads what was written, and then the end.
    pub(crate) fn shut(&self) {
        if let Some(tls) = &self.tls {
            let mut tls = tls.borrow_mut();
            tls.send_close_notify();
            // The peer may be gone already.
            let _ = send_tls(&self.tcp, &mut tls);
        }
        let _ = socket2::SockRef::from(&self.tcp).shutdown(Shutdown::Write);
    }

    /// Reads from the network into TLS; 0 is the end.
    fn receive_tls(&self, tls: &mut ServerConnection) -> io::Result<usize> {
        let count = tls.read_tls(&mut Wire(&self.tcp))?;
        self.process(tls)?;
        Ok(count)
    }

    /// Takes in what was read of TLS, and sends what TLS itself has to say: tickets, key updates, the goodbye, and the
    /// alert that says what is wrong.
    fn process(&self, tls: &mut ServerConnection) -> io::Result<()> {
        if let Err(error) = tls.process_new_packets() {
            let has_alert = tls.wants_write();
            // The connection is over either way.
            let _ = send_tls(&self.tcp, tls);
            if !has_alert && tls.negotiated_cipher_suite().is_none() {
                // Of what is no TLS at all rustls says nothing. Nothing is encrypted yet.
                let _ = self.tcp.try_write_vectored(&[IoSlice::new(DECODE_ERROR)]);
            }
            return Err(io::Error::new(io::ErrorKind::InvalidData, error));
        }
        send_tls(&self.tcp, tls)
    }
}

/// Sends what TLS has ready until the socket takes no more.
fn send_tls(tcp: &impl Tcp, tls: &mut ServerConnection) -> io::Result<()> {
    while tls.wants_write() {
        match tls.write_tls(&mut Wire(tcp)) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// The raw socket as rustls wants it.
struct Wire<'a, T>(&'a T);

impl<T: Tcp> Read for Wire<'_, T> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.try_read(buffer)
    }
}

impl<T: Tcp> Write for Wire<'_, T> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.try_write_vectored(&[IoSlice::new(bytes)])
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.0.try_write_vectored(slices)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
