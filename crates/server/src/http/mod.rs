//! HTTP/1.1 on a shard: the page, the few answers beside it, and the way to a WebSocket.

mod assets;
mod files;
mod io;
mod origin;
mod parked;
mod site;
pub(crate) mod socketio;
mod upgrade;
mod wires;

use crate::admission::Permit;
use crate::listener::{Route, note_end};
use crate::shard::driver::Local;
use crate::socket::Socket;
pub(crate) use files::Files;
use hyper::Request;
use hyper::body::Body;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioTimer;
use io::HttpIo;
pub(crate) use origin::Policy;
use parked::Parked;
use site::Answer;
pub(crate) use site::{Readiness, Site};
use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::future::poll_fn;
use std::io::IoSlice;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;
use switchboard_protocols::Frame;
use switchboard_protocols::conversation::Choice;
use switchboard_protocols::framing::websocket::Deflate;
use tokio::task::spawn_local;
use tokio::time::timeout;
use upgrade::{Shaken, switch_over};

/// How long a client may take to read an answer after which we close.
const LINGER: Duration = Duration::from_secs(2);

/// A connection on which HTTP is spoken.
pub(crate) struct Visitor {
    pub socket: Socket,
    pub route: Route,
    pub permit: Permit,
    /// It may not do more than be told to come back with TLS.
    pub needs_tls: bool,
}

/// What the answer to an upgrade request decided.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Upgrade {
    /// What was agreed on, if the messages may be compressed.
    pub compression: Option<Deflate>,
    /// The protocol that the client asked for; none: its first message decides.
    pub language: Option<Choice>,
    /// The client, as a trusted proxy names it.
    pub peer: std::net::SocketAddr,
}

/// What a request makes of its connection.
enum Next {
    /// When it is answered, something else.
    Switch(Switch),
    /// Until it is answered, nothing but a socket.
    Park(Box<Parked>),
}

/// What a connection goes on as.
enum Switch {
    /// A WebSocket.
    WebSocket(Upgrade),
    /// A WebSocket of an Engine.IO session.
    Engine(socketio::Promise),
}

/// How far [`converse`] came.
enum Turn {
    /// A shard has the socket.
    HandedOver,
    /// A poll waits. The bytes are what was read beyond it.
    Parked(Box<Visitor>, Box<Parked>, Vec<u8>),
}

/// Serves HTTP, in a task of its own, until the connection ends or becomes a WebSocket, which its shard then takes over.
/// `first` was read from it already.
pub(crate) fn receive(local: Rc<Local>, visitor: Box<Visitor>, first: Vec<u8>) {
    spawn_local(async move {
        let peer = visitor.route.peer;
        if let Err(error) = serve(&local, visitor, first).await {
            note_end(&local, peer, &error);
            local.count_out();
        }
    });
}

/// Speaks HTTP, and waits without it: a client that polls waits nearly all of the time, and what a request needs until
/// it is answered is large.
///
/// # Errors
/// The connection ended: as it should, or because the peer broke the rules or was too slow (408).
async fn serve(local: &Rc<Local>, mut visitor: Box<Visitor>, mut first: Vec<u8>) -> std::io::Result<()> {
    let mut answered;
    (visitor, first, answered) = match Box::pin(upgrade::shake_hands(local, visitor, first)).await? {
        Shaken::HandedOver => return Ok(()),
        Shaken::Not(visitor, first, answer) => (visitor, first, answer),
    };
    loop {
        // The box is gone while a poll waits, and the task that is left is small.
        let mut parked;
        (visitor, parked, first) = match Box::pin(converse(local, visitor, first, answered)).await? {
            Turn::HandedOver => return Ok(()),
            Turn::Parked(visitor, parked, rest) => (visitor, parked, rest),
        };
        local.environment.metrics.parked_polls.inc();
        let outcome = parked.wait(&visitor.socket, &mut first).await;
        local.environment.metrics.parked_polls.dec();
        match outcome {
            Ok(outcome) => answered = Some(Box::pin(parked.resume(outcome, &mut first)).await),
            Err(error) => {
                visitor.socket.shut();
                return Err(error);
            }
        }
    }
}

/// What a request is answered; what becomes of its connection goes into `next`.
async fn respond<B>(
    local: &Rc<Local>,
    request: Request<B>,
    route: Route,
    needs_tls: bool,
    next: &RefCell<Option<Next>>,
) -> Answer
where
    B: Body<Data: Send, Error: Into<Box<dyn std::error::Error + Send + Sync>>>,
{
    let arrivals = &local.environment.arrivals;
    let endpoint = arrivals.socketio.as_ref().filter(|_| !needs_tls);
    let path = request.uri().path();
    let script = endpoint
        .and_then(|endpoint| path.strip_prefix(&*endpoint.path))
        .and_then(|name| arrivals.site.files.script(request.method(), name, request.headers()));
    if let Some(script) = script {
        return script;
    }
    let polling = Some(&arrivals.polling).filter(|_| !needs_tls);
    let mut endpoints = endpoint.into_iter().chain(polling);
    match endpoints.find(|endpoint| endpoint.is_at(request.uri().path())) {
        Some(endpoint) => endpoint.respond(arrivals, local, request, route, next).await,
        None => arrivals.site.respond(arrivals, request, route, needs_tls, next).await,
    }
}

/// Speaks HTTP until there is nothing to say. `answered` is for its first request.
async fn converse(
    local: &Rc<Local>,
    visitor: Box<Visitor>,
    first: Vec<u8>,
    answered: Option<Box<Answer>>,
) -> std::io::Result<Turn> {
    let arrivals = &local.environment.arrivals;
    let Visitor { socket, route, permit, needs_tls } = *visitor;
    let answered = Cell::new(answered);
    let next = RefCell::new(None);
    let service = service_fn(|request| {
        let (answered, next) = (&answered, &next);
        Box::pin(async move {
            Ok::<_, Infallible>(match answered.take() {
                Some(answer) => *answer,
                None => respond(local, request, route, needs_tls, next).await,
            })
        })
    });
    let is_flushed = Cell::new(false);
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(arrivals.site.header_timeout)
        .max_buf_size(arrivals.site.header_bytes)
        .serve_connection(HttpIo::new(socket, first, &is_flushed), service);
    let mut is_parked = false;
    let served = poll_fn(|context| {
        is_flushed.set(false);
        let polled = connection.poll_without_shutdown(context);
        // What hyper had still to write of the answers before would be lost with it. Today it reads no request sooner.
        is_parked = polled.is_pending() && is_flushed.get() && matches!(*next.borrow(), Some(Next::Park(_)));
        match polled {
            Poll::Pending if is_parked => Poll::Ready(Ok(())),
            // After an answer to a request whose body it does not want it is done before the socket took the answer.
            Poll::Ready(Ok(())) if !is_flushed.get() => Poll::Pending,
            polled => polled,
        }
    })
    .await;
    let parts = connection.into_parts();
    let (socket, left) = parts.io.into_parts(&parts.read_buf);
    match next.take() {
        Some(Next::Park(parked)) if is_parked => {
            return Ok(Turn::Parked(Box::new(Visitor { socket, route, permit, needs_tls }), parked, left));
        }
        // A poll whose client is gone.
        Some(Next::Park(_)) | None => {}
        Some(Next::Switch(switch)) => {
            served.map_err(std::io::Error::other)?;
            switch_over(local, socket, permit, switch, Frame::default(), left).await?;
            return Ok(Turn::HandedOver);
        }
    }
    if served.as_ref().is_err_and(hyper::Error::is_timeout) && !left.is_empty() {
        say_timeout(&socket);
    }
    socket.shut();
    // Closing with unread bytes would reset the connection, and the answer with it.
    let _ = timeout(LINGER, drain(&socket)).await;
    Err(served.map_or_else(std::io::Error::other, |()| std::io::ErrorKind::UnexpectedEof.into()))
}

/// Tells a client that began a request and did not finish it in time (RFC 9110, 15.5.9).
pub(crate) fn say_timeout(socket: &Socket) {
    const ANSWER: &[u8] = b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
    // A fresh socket has room for a line; who closed already does not read it.
    let _ = socket.try_write(&[IoSlice::new(ANSWER)]);
}

async fn drain(socket: &Socket) {
    let mut buffer = [0; 4_096];
    while socket.readable().await.is_ok() {
        match socket.try_read(&mut buffer) {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(_) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes of the task of a connection whose poll waits. What hyper needs is several thousand.
    const TASK_BYTES_MAX: usize = 256;

    const fn size<'a, F: Future>(_: fn(&'a Rc<Local>, Box<Visitor>, Vec<u8>) -> F) -> usize {
        size_of::<F>()
    }

    #[test]
    fn the_task_of_a_poll_that_waits_is_small() {
        assert!(size(serve) <= TASK_BYTES_MAX, "{} bytes", size(serve));
    }
}
