//! A poll that waits, when nothing of HTTP is left of its request but what its answer needs.

use super::site::Answer;
use super::socketio::{Manner, answer};
use crate::shard::driver::Local;
use crate::shard::polling::{Outcome, Underway, Wish};
use crate::socket::Socket;
use hyper::body::Body;
use hyper::header::{self, HeaderValue};
use hyper::{Request, Version};
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use switchboard_protocols::engineio::{Refused, Sid};
use tokio::sync::oneshot;

/// Bytes of the Connection headers of a request that can be parked: they are kept with it. They are 10 in nearly all.
const CONNECTION_BYTES_MAX: usize = 64;
/// Bytes of one read of what a client sends while it waits.
const CHUNK: usize = 4_096;

/// A poll that was asked for. Its client may leave before it is answered: then it is dropped, and the session is over.
pub(super) struct Waiting {
    underway: Underway,
    sid: Sid,
    told: oneshot::Receiver<Outcome>,
    is_answered: bool,
}

impl Waiting {
    /// Asks for what waits for a session.
    pub(super) async fn begin(local: &Rc<Local>, sid: Sid) -> Self {
        let underway = Underway::begin(local);
        let told = local.ask(sid, Wish::Poll).await;
        Self { underway, sid, told, is_answered: false }
    }
}

impl Future for Waiting {
    type Output = Outcome;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Outcome> {
        let told = ready!(Pin::new(&mut self.told).poll(context));
        self.is_answered = true;
        Poll::Ready(told.unwrap_or(Outcome::Refused(Refused::SessionUnknown)))
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if !self.is_answered {
            self.underway.0.abandon(self.sid);
        }
    }
}

/// A poll that waits, and what is kept of its request.
pub(super) struct Parked {
    waiting: Waiting,
    manner: Manner,
    /// A request that says of the connection what the poll's said. hyper, made anew for the answer, reads it first, and
    /// answers it as it would have answered the poll.
    stub: Box<[u8]>,
}

impl Parked {
    /// Parks a poll; gives it back if its request cannot be set aside, because there is more to it than a head.
    pub(super) fn new<B: Body>(waiting: Waiting, request: &Request<B>, manner: &Manner) -> Result<Self, Waiting> {
        match stub(request) {
            Some(stub) => Ok(Self { waiting, manner: manner.kept(), stub }),
            None => Err(waiting),
        }
    }

    /// Waits for the answer with no more than the poll itself.
    pub(super) fn poll_outcome(&mut self, context: &mut Context<'_>) -> Poll<Outcome> {
        Pin::new(&mut self.waiting).poll(context)
    }

    /// Waits for the answer, and meanwhile for the end of the socket. `first` is what the client has sent beyond the
    /// poll: one read of it is taken in, the rest waits in the socket.
    ///
    /// # Errors
    /// The client is gone.
    pub(super) async fn wait(&mut self, socket: &Socket, first: &mut Vec<u8>) -> io::Result<Outcome> {
        poll_fn(|context| {
            if let Poll::Ready(outcome) = self.poll_outcome(context) {
                return Poll::Ready(Ok(outcome));
            }
            while first.is_empty() {
                match read(socket, first) {
                    Ok(0) => return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into())),
                    Ok(_) => {}
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                        ready!(socket.tcp().poll_read_ready(context))?;
                    }
                    Err(error) => return Poll::Ready(Err(error)),
                }
            }
            Poll::Pending
        })
        .await
    }

    /// The answer. `first` begins with its request then.
    pub(super) async fn resume(self, outcome: Outcome, first: &mut Vec<u8>) -> Box<Answer> {
        first.splice(..0, self.stub);
        Box::new(self.manner.apply(answer(outcome)).await)
    }
}

fn read(socket: &Socket, into: &mut Vec<u8>) -> io::Result<usize> {
    let mut chunk = [0; CHUNK];
    let count = socket.try_read(&mut chunk)?;
    into.extend_from_slice(&chunk[..count]);
    Ok(count)
}

/// The least request with the same version and the same wish for what becomes of the connection (RFC 9112, 9.3).
fn stub<B: Body>(request: &Request<B>) -> Option<Box<[u8]>> {
    let connection = request.headers().get_all(header::CONNECTION);
    let bytes: usize = connection.iter().map(HeaderValue::len).sum();
    if !request.body().is_end_stream()
        || request.headers().contains_key(header::UPGRADE)
        || bytes > CONNECTION_BYTES_MAX
    {
        return None;
    }
    let mut stub = Vec::with_capacity(CONNECTION_BYTES_MAX);
    stub.extend_from_slice(if request.version() == Version::HTTP_10 {
        b"GET / HTTP/1.0\r\n"
    } else {
        b"GET / HTTP/1.1\r\n"
    });
    for value in connection {
        stub.extend_from_slice(b"connection:");
        stub.extend_from_slice(value.as_bytes());
        stub.extend_from_slice(b"\r\n");
    }
    stub.extend_from_slice(b"\r\n");
    Some(stub.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::{Empty, Full};

    fn text(request: &Request<impl Body>) -> Option<String> {
        stub(request).map(|stub| String::from_utf8_lossy(&stub).into_owned())
    }

    #[test]
    fn a_stub_says_what_the_request_said_of_the_connection() {
        let request = || Request::get("/poll/?sid=x").header("host", "h").header("accept", "*/*");
        let plain = request().body(Empty::<&[u8]>::new()).expect("a request");
        assert_eq!(text(&plain).as_deref(), Some("GET / HTTP/1.1\r\n\r\n"));
        let old = request().version(Version::HTTP_10).header("connection", "Keep-Alive");
        let old = old.body(Empty::<&[u8]>::new()).expect("a request");
        assert_eq!(text(&old).as_deref(), Some("GET / HTTP/1.0\r\nconnection:Keep-Alive\r\n\r\n"));
        let two = request().header("connection", "x").header("connection", "close");
        let two = two.body(Empty::<&[u8]>::new()).expect("a request");
        assert_eq!(text(&two).as_deref(), Some("GET / HTTP/1.1\r\nconnection:x\r\nconnection:close\r\n\r\n"));
    }

    #[test]
    fn what_is_more_than_a_head_is_not_set_aside() {
        let body = Request::get("/").body(Full::new(&b"x"[..])).expect("a request");
        assert_eq!(text(&body), None);
        let upgrade = Request::get("/").header("upgrade", "h2c").body(Empty::<&[u8]>::new()).expect("a request");
        assert_eq!(text(&upgrade), None);
        let long = Request::get("/").header("connection", "x".repeat(CONNECTION_BYTES_MAX + 1));
        let long = long.body(Empty::<&[u8]>::new()).expect("a request");
        assert_eq!(text(&long), None);
    }
}
