//! Descriptors that tokio's runtime waits for, though they are none of tokio's own.

use mio::Poll;
use std::cell::OnceCell;
use std::io::{self, IoSlice, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::rc::Rc;
use std::task::{Context, ready};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Lets this thread's runtime wait until one of the sockets registered with `poll` is ready.
///
/// # Errors
/// The runtime's own epoll instance takes no more.
///
/// # Panics
/// There is no runtime here, or one without I/O.
pub fn await_poll(poll: Poll) -> io::Result<AsyncFd<Poll>> {
    // SAFETY: a `Poll` owns its descriptor, gives the same one each time, and closes it only when it is dropped, which
    // the `AsyncFd` does after the descriptor has left the runtime.
    unsafe { AsyncFd::register_with_interest(poll, Interest::READABLE) }.map_err(io::Error::from)
}

/// A listener whose connections belong to no runtime: each is for the thread that it will be handed to.
pub struct Acceptor(AsyncFd<mio::net::TcpListener>);

impl Acceptor {
    /// Lets this thread's runtime wait for connections. The listener must not block.
    ///
    /// # Errors
    /// The runtime's epoll instance takes no more.
    ///
    /// # Panics
    /// There is no runtime here, or one without I/O.
    pub fn new(listener: TcpListener) -> io::Result<Self> {
        let listener = mio::net::TcpListener::from_std(listener);
        // SAFETY: a listener owns its descriptor, gives the same one each time, and closes it only when it is dropped,
        // which the `AsyncFd` does after the descriptor has left the runtime.
        let listener = unsafe { AsyncFd::register_with_interest(listener, Interest::READABLE) }?;
        Ok(Self(listener))
    }

    /// Waits for the next connection. It does not block.
    ///
    /// # Errors
    /// As `accept(2)`: of one connection, or because descriptors are used up.
    pub async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        let (stream, peer) = self.0.async_io(Interest::READABLE, |listener| listener.accept()).await?;
        Ok((stream.into(), peer))
    }
}

/// A TCP socket that this thread's runtime waits for from the first time on that somebody has to wait. What is there at
/// once costs no registration.
pub struct LazyStream {
    readiness: OnceCell<AsyncFd<Rc<TcpStream>>>,
    tcp: Rc<TcpStream>,
}

impl LazyStream {
    /// A socket that nobody waits for yet. It must not block.
    #[must_use]
    pub fn new(tcp: TcpStream) -> Self {
        Self { readiness: OnceCell::new(), tcp: Rc::new(tcp) }
    }

    /// Parts the socket from the runtime.
    ///
    /// # Panics
    /// Never: the runtime's reference is given back first.
    #[must_use]
    pub fn into_inner(self) -> TcpStream {
        drop(self.readiness);
        Rc::into_inner(self.tcp).expect("the only other reference was the runtime's")
    }

    /// Reads what is there; 0 is the end.
    ///
    /// # Errors
    /// `WouldBlock` when nothing is there.
    pub fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.readiness.get() {
            Some(readiness) => readiness.try_io(Interest::READABLE, |tcp| (&mut &**tcp).read(buffer)),
            None => (&mut &*self.tcp).read(buffer),
        }
    }

    /// Reads when there is something to be read; 0 is the end. Whoever is given less than fits has read all that was
    /// there, and the next one waits without asking the socket first.
    ///
    /// # Errors
    /// As [`LazyStream::try_read`], but never `WouldBlock`.
    pub fn poll_read(&self, context: &mut Context<'_>, buffer: &mut [u8]) -> std::task::Poll<io::Result<usize>> {
        if self.readiness.get().is_none() {
            match (&mut &*self.tcp).read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                result => return std::task::Poll::Ready(result),
            }
        }
        let readiness = self.readiness()?;
        loop {
            let mut guard = ready!(readiness.poll_read_ready(context))?;
            match (&mut &*self.tcp).read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => guard.clear_ready(),
                Ok(count) if (1..buffer.len()).contains(&count) => {
                    // What comes from now on is an event of its own; the end, which may have come with these bytes, is
                    // never cleared.
                    guard.clear_ready();
                    return std::task::Poll::Ready(Ok(count));
                }
                result => {
                    guard.retain_ready();
                    return std::task::Poll::Ready(result);
                }
            }
        }
    }

    /// Writes as much as is taken.
    ///
    /// # Errors
    /// `WouldBlock` when nothing was taken.
    pub fn try_write_vectored(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        match self.readiness.get() {
            Some(readiness) => readiness.try_io(Interest::WRITABLE, |tcp| (&mut &**tcp).write_vectored(slices)),
            None => (&mut &*self.tcp).write_vectored(slices),
        }
    }

    /// Waits until there may be something to read, or the socket has failed.
    ///
    /// # Errors
    /// The runtime takes no more, or ends.
    pub fn poll_read_ready(&self, context: &mut Context<'_>) -> std::task::Poll<io::Result<()>> {
        ready!(self.readiness()?.poll_read_ready(context))?.retain_ready();
        std::task::Poll::Ready(Ok(()))
    }

    /// Waits until something may be taken, or the socket has failed.
    ///
    /// # Errors
    /// The runtime takes no more, or ends.
    pub fn poll_write_ready(&self, context: &mut Context<'_>) -> std::task::Poll<io::Result<()>> {
        ready!(self.readiness()?.poll_write_ready(context))?.retain_ready();
        std::task::Poll::Ready(Ok(()))
    }

    fn readiness(&self) -> io::Result<&AsyncFd<Rc<TcpStream>>> {
        if let Some(readiness) = self.readiness.get() {
            return Ok(readiness);
        }
        // SAFETY: the `AsyncFd` holds a reference to the socket, which owns its descriptor and gives the same one each
        // time: it stays open for as long as the runtime knows it.
        let readiness = unsafe { AsyncFd::register(self.tcp.clone()) }?;
        Ok(self.readiness.get_or_init(|| readiness))
    }
}

impl AsFd for LazyStream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.tcp.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mio::unix::SourceFd;
    use mio::{Events, Token};
    use std::future::poll_fn;
    use std::os::fd::AsRawFd;
    use std::time::Duration;

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap()
    }

    #[test]
    fn what_becomes_readable_is_told_through_both() {
        runtime().block_on(async {
            let (near, mut far) = std::os::unix::net::UnixStream::pair().unwrap();
            let poll = Poll::new().unwrap();
            let descriptor = near.as_raw_fd();
            poll.registry().register(&mut SourceFd(&descriptor), Token(7), mio::Interest::READABLE).unwrap();
            let mut poll = await_poll(poll).unwrap();
            let mut events = Events::with_capacity(8);
            for _ in 0..3 {
                far.write_all(b"x").unwrap();
                let mut ready = poll.readable_mut().await.unwrap();
                ready.get_inner_mut().poll(&mut events, Some(Duration::ZERO)).unwrap();
                ready.clear_ready();
                assert_eq!(events.iter().map(|event| event.token()).collect::<Vec<_>>(), [Token(7)]);
            }
        });
    }

    #[test]
    fn a_socket_is_waited_for_from_the_first_time_that_it_has_to_be() {
        runtime().block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            listener.set_nonblocking(true).unwrap();
            let address = listener.local_addr().unwrap();
            let acceptor = Acceptor::new(listener).unwrap();
            let mut far = TcpStream::connect(address).unwrap();
            let (near, peer) = acceptor.accept().await.unwrap();
            assert_eq!(peer, far.local_addr().unwrap());
            let near = LazyStream::new(near);
            let mut buffer = [0; 2];
            assert_eq!(near.try_read(&mut buffer).unwrap_err().kind(), io::ErrorKind::WouldBlock);
            assert_eq!(near.try_write_vectored(&[IoSlice::new(b"hi")]).unwrap(), 2);
            assert!(near.readiness.get().is_none());
            for _ in 0..3 {
                far.write_all(b"abcd").unwrap();
                // A part is left: nobody may wait for it in vain.
                for part in [b"ab", b"cd"] {
                    poll_fn(|context| near.poll_read_ready(context)).await.unwrap();
                    assert_eq!(near.try_read(&mut buffer).unwrap(), 2);
                    assert_eq!(&buffer, part);
                }
                assert_eq!(near.try_read(&mut buffer).unwrap_err().kind(), io::ErrorKind::WouldBlock);
            }
            poll_fn(|context| near.poll_write_ready(context)).await.unwrap();
            // The full socket takes bytes again when they were read.
            let chunk = [0; 64 * 1024];
            while near.try_write_vectored(&[IoSlice::new(&chunk)]).is_ok() {}
            let reader = std::thread::spawn(move || io::copy(&mut far, &mut io::sink()).unwrap());
            poll_fn(|context| near.poll_write_ready(context)).await.unwrap();
            assert!(near.try_write_vectored(&[IoSlice::new(b"x")]).is_ok());
            drop(near.into_inner());
            assert!(reader.join().unwrap() > 0);
        });
    }

    #[test]
    fn a_read_that_took_all_waits_for_what_comes_next_and_the_end_is_never_missed() {
        runtime().block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            for at_once in [true, false] {
                let mut far = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
                let (near, _) = listener.accept().unwrap();
                near.set_nonblocking(true).unwrap();
                let near = LazyStream::new(near);
                let mut buffer = [0; 4];
                let mut read = async || poll_fn(|context| near.poll_read(context, &mut buffer)).await.unwrap();
                if at_once {
                    far.write_all(b"ab").unwrap();
                    assert_eq!(read().await, 2, "before anybody waits");
                }
                let mut told = Context::from_waker(std::task::Waker::noop());
                let mut none = [0; 1];
                assert!(near.poll_read(&mut told, &mut none).is_pending());
                for _ in 0..3 {
                    far.write_all(b"abc").unwrap();
                    assert_eq!(read().await, 3);
                    // Exactly what fits may be all, or not.
                    far.write_all(b"abcdef").unwrap();
                    assert_eq!((read().await, read().await), (4, 2));
                }
                // The last bytes and the end are one event.
                far.write_all(b"a").unwrap();
                drop(far);
                assert_eq!((read().await, read().await, read().await), (1, 0, 0));
            }
        });
    }
}
