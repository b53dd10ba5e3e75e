//! An epoll instance of one's own that tokio's runtime waits for like for any other descriptor.

use mio::Poll;
use std::io;
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

#[cfg(test)]
mod tests {
    use super::*;
    use mio::unix::SourceFd;
    use mio::{Events, Token};
    use std::io::Write;
    use std::os::fd::AsRawFd;
    use std::time::Duration;

    #[test]
    fn what_becomes_readable_is_told_through_both() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
        runtime.block_on(async {
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
}
