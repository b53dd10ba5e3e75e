//! The body of a POST, as it is handed from the request to the session that it is for.

use super::budget::Share;
use super::files::Reader;
use super::{CHUNK, NO_ROOM};
use bytes::{Buf, BufMut, BytesMut};
use hyper::body::Body;
use std::future::poll_fn;
use std::pin::pin;
use tokio::time::{Instant, timeout_at};

/// Bytes of a body that is too large that are read to be forgotten.
const DISCARDED_BYTES_MAX: usize = 64 * 1024 * 1024;

/// A body, and the right to have it in memory.
#[derive(Debug)]
pub struct Posted {
    pub(crate) bytes: BytesMut,
    #[expect(dead_code, reason = "held for its drop, which gives the memory back")]
    share: Option<Share>,
}

/// Why there is no body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unread {
    /// It is larger than it may be. It was read to its end all the same, within reason, because a client that is still
    /// sending does not read why it should not.
    TooLarge,
    /// It did not come as it should have.
    Broken,
    /// It did not come in time.
    Late,
    /// There was no room for it.
    NoRoom,
}

impl Unread {
    /// Returns a sentence for whoever sent it.
    pub(super) const fn message(self) -> &'static str {
        match self {
            Self::TooLarge => "the body is too large\n",
            Self::Broken => "the body is broken\n",
            Self::Late => "the body took longer than limits.body_timeout\n",
            Self::NoRoom => NO_ROOM,
        }
    }
}

/// Reads a body of at most `max` bytes, when there is room for as many as it says that it has.
///
/// # Errors
/// There is none.
pub(super) async fn read<B: Body>(body: B, max: usize, reader: Reader<'_>) -> Result<Posted, Unread> {
    let until = Instant::now() + reader.patience;
    let expected = body.size_hint().upper().map_or(max, |upper| usize::try_from(upper).unwrap_or(usize::MAX));
    // What is so small came with its head, and what is too large is not kept.
    let share = if (CHUNK + 1..=max).contains(&expected) {
        Some(reader.budget.take(reader.client, expected, until).await.ok_or(Unread::NoRoom)?)
    } else {
        None
    };
    let mut bytes = BytesMut::with_capacity(if expected <= max { expected } else { 0 });
    let mut body = pin!(body);
    let mut count = 0;
    while let Some(frame) =
        timeout_at(until, poll_fn(|context| body.as_mut().poll_frame(context))).await.map_err(|_| Unread::Late)?
    {
        let Ok(mut data) = frame.map_err(|_| Unread::Broken)?.into_data() else { continue };
        count += data.remaining();
        if count > max.saturating_add(DISCARDED_BYTES_MAX) {
            break;
        }
        if count <= max {
            bytes.put(&mut data);
        }
    }
    if count <= max { Ok(Posted { bytes, share }) } else { Err(Unread::TooLarge) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Budget;
    use bytes::Bytes;
    use http_body_util::Full;
    use hyper::body::Frame;
    use std::convert::Infallible;
    use std::net::IpAddr;
    use std::sync::Arc;
    use std::task::Poll;
    use std::time::Duration;

    const MAX: usize = 100_000;

    fn reader(budget: &Arc<Budget>) -> Reader<'_> {
        Reader { client: IpAddr::from([192, 0, 2, 1]), budget, patience: Duration::from_secs(60) }
    }

    fn full(length: usize) -> Full<Bytes> {
        Full::new(vec![b'x'; length].into())
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_is_read_to_its_limit_and_counted_while_it_is_there() {
        let budget = Budget::new(2 * MAX);
        let most = read(full(MAX), MAX, reader(&budget)).await.expect("at the limit");
        assert_eq!((most.bytes.len(), budget.held_bytes()), (MAX, MAX));
        assert_eq!(read(full(MAX + 1), MAX, reader(&budget)).await.unwrap_err(), Unread::TooLarge);
        drop(most);
        let small = read(full(CHUNK), MAX, reader(&budget)).await.expect("a small one");
        assert_eq!((small.bytes.len(), budget.held_bytes()), (CHUNK, 0));
        let _others = budget.charge(IpAddr::from([192, 0, 2, 2]), 2 * MAX);
        assert_eq!(read(full(MAX), MAX, reader(&budget)).await.unwrap_err(), Unread::NoRoom);
        assert!(read(full(CHUNK), MAX, reader(&budget)).await.is_ok(), "a small one does not wait");
    }

    /// A byte in each second, for so many seconds.
    struct Slow(u64, std::pin::Pin<Box<tokio::time::Sleep>>);

    impl Body for Slow {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: std::pin::Pin<&mut Self>,
            context: &mut std::task::Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            std::task::ready!(self.1.as_mut().poll(context));
            if self.0 == 0 {
                return Poll::Ready(None);
            }
            self.0 -= 1;
            let next = self.1.deadline() + Duration::from_secs(1);
            self.1.as_mut().reset(next);
            Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"x")))))
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_has_its_time_and_no_more() {
        let budget = Budget::new(2 * MAX);
        let slow = |seconds| Slow(seconds, Box::pin(tokio::time::sleep(Duration::from_secs(1))));
        let begun = Instant::now();
        assert_eq!(read(slow(59), MAX, reader(&budget)).await.expect("in time").bytes.len(), 59);
        assert_eq!(read(slow(61), MAX, reader(&budget)).await.unwrap_err(), Unread::Late);
        assert_eq!(begun.elapsed(), Duration::from_secs(60 + 60));
        assert_eq!(budget.held_bytes(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_without_a_length_has_room_for_the_longest() {
        let budget = Budget::new(2 * MAX);
        let slow = Slow(3, Box::pin(tokio::time::sleep(Duration::from_secs(1))));
        let posted = read(slow, MAX, reader(&budget)).await.expect("a body");
        assert_eq!((&posted.bytes[..], budget.held_bytes()), (&b"xxx"[..], MAX));
    }
}
