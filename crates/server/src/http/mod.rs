//! HTTP/1.1 on a shard: the page, the few answers beside it, and the way to a WebSocket.

mod assets;
mod files;
mod io;
mod origin;
mod parked;
mod site;
pub(crate) mod socketio;
mod wires;

use crate::admission::Permit;
use crate::listener::{Route, note_end};
use crate::shard::Opening;
use crate::shard::driver::{Inbound, Local};
use crate::shard::polling::{Outcome, Probe};
use crate::socket::Socket;
pub(crate) use files::Files;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioTimer;
use io::HttpIo;
pub(crate) use origin::Policy;
use parked::Parked;
pub(crate) use site::{Readiness, Site};
use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::future::poll_fn;
use std::io::IoSlice;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;
use switchboard_core::Via;
use switchboard_protocols::Framing;
use switchboard_protocols::conversation::{self, Choice};
use switchboard_protocols::framing::websocket::{CloseCode, Deflate, frame};
use tokio::task::spawn_local;
use tokio::time::timeout;

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
    /// When it is answered, a WebSocket.
    WebSocket(Upgrade),
    /// When it is answered, a WebSocket of an Engine.IO session.
    Engine(socketio::Promise),
    /// Until it is answered, nothing but a socket.
    Park(Box<Parked>),
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
    let mut answered = None;
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
            Ok(outcome) => answered = Some((parked, outcome)),
            Err(error) => {
                visitor.socket.shut();
                return Err(error);
            }
        }
    }
}

/// Speaks HTTP until there is nothing to say, beginning with the answer to the poll that waited, if one did.
async fn converse(
    local: &Rc<Local>,
    visitor: Box<Visitor>,
    mut first: Vec<u8>,
    answered: Option<(Box<Parked>, Outcome)>,
) -> std::io::Result<Turn> {
    let arrivals = &local.environment.arrivals;
    let Visitor { socket, route, mut permit, needs_tls } = *visitor;
    let answer = Cell::new(match answered {
        Some((parked, outcome)) => Some(parked.resume(outcome, &mut first).await),
        None => None,
    });
    let next = RefCell::new(None);
    let service = service_fn(|request| {
        let (answer, next) = (&answer, &next);
        Box::pin(async move {
            if let Some(answer) = answer.take() {
                return Ok(answer);
            }
            let endpoint = arrivals.socketio.as_ref().filter(|_| !needs_tls);
            let path = request.uri().path();
            let script = endpoint
                .and_then(|endpoint| path.strip_prefix(&*endpoint.path))
                .and_then(|name| arrivals.site.files.script(request.method(), name, request.headers()));
            if let Some(script) = script {
                return Ok(script);
            }
            let polling = Some(&arrivals.polling).filter(|_| !needs_tls);
            let mut endpoints = endpoint.into_iter().chain(polling);
            Ok::<_, Infallible>(match endpoints.find(|endpoint| endpoint.is_at(request.uri().path())) {
                Some(endpoint) => endpoint.respond(arrivals, local, request, route, next).await,
                None => arrivals.site.respond(arrivals, request, route, needs_tls, next).await,
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
        if is_parked { Poll::Ready(Ok(())) } else { polled }
    })
    .await;
    let parts = connection.into_parts();
    let (socket, mut left) = parts.io.into_parts(&parts.read_buf);
    match next.take() {
        Some(Next::Park(parked)) if is_parked => {
            return Ok(Turn::Parked(Box::new(Visitor { socket, route, permit, needs_tls }), parked, left));
        }
        // A poll whose client is gone.
        Some(Next::Park(_)) | None => {}
        Some(Next::WebSocket(Upgrade { compression, language, peer })) => {
            served.map_err(std::io::Error::other)?;
            permit.locate(peer.ip()).map_err(std::io::Error::other)?;
            let opening = Opening {
                conversation: conversation::websocket(&arrivals.conversations, compression, language, local.tick()),
                via: Via::WebSocket,
                address: Some(peer),
                // Whoever chose text is greeted, like every line client; the others speak first.
                observe: language == Some(Choice::Text),
                idle_ms: arrivals.idle_ms,
            };
            local.open(socket.loosen(), permit, opening, &mut left);
            return Ok(Turn::HandedOver);
        }
        Some(Next::Engine(promise)) => {
            served.map_err(std::io::Error::other)?;
            permit.locate(promise.peer.ip()).map_err(std::io::Error::other)?;
            // Whoever promised is there.
            let endpoint = arrivals.socketio.as_ref().ok_or(std::io::ErrorKind::NotFound)?;
            go_on(endpoint, local, socket, permit, left, &promise).await?;
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

/// Makes an Engine.IO session of a WebSocket, or hands it to the shard whose session it wants to take over.
async fn go_on(
    endpoint: &socketio::Endpoint,
    local: &Rc<Local>,
    socket: Socket,
    permit: Permit,
    mut first: Vec<u8>,
    promise: &socketio::Promise,
) -> std::io::Result<()> {
    let sid = match promise.target {
        socketio::Target::New => {
            let framing = Framing::websocket(promise.compression);
            let (_, carrier) = endpoint.begin(&promise.query, local, framing).map_err(std::io::Error::other)?;
            local.open_engine(socket.loosen(), permit, carrier, promise.peer, &mut first);
            return Ok(());
        }
        socketio::Target::TakeOver(sid) => sid,
        socketio::Target::Nothing => {
            let close = frame::close(CloseCode::POLICY, "the session has a WebSocket already");
            let _ = socket.try_write(&[IoSlice::new(&close)]);
            socket.shut();
            let _ = timeout(LINGER, drain(&socket)).await;
            return Err(std::io::ErrorKind::AlreadyExists.into());
        }
    };
    let patience = Duration::from_millis(endpoint.settings.upgrade_timeout_ms);
    let compression = promise.compression;
    let probe = Box::new(Probe { sid, socket: socket.loosen(), permit, first, patience, compression });
    // It counts where it goes.
    local.count_out();
    if sid.shard() == local.environment.settings.number {
        local.clone().probe(*probe);
    } else if let Some(shard) = local.environment.arrivals.shards.get(usize::from(sid.shard())) {
        shard.hand(Inbound::Probe(probe)).await;
    }
    Ok(())
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
