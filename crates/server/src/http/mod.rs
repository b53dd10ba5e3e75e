//! HTTP/1.1 on a shard: the page, the few answers beside it, and the way to a WebSocket.

mod assets;
mod by_hyper;
mod client;
mod files;
mod forwarded;
mod health;
mod origin;
mod parked;
mod refusals;
mod site;
pub(crate) mod socketio;
mod upgrade;
mod whole;
mod wires;

use crate::admission::Permit;
use crate::listener::{Left, Route, note_end};
use crate::shard::driver::Local;
use crate::socket::Socket;
use by_hyper::{Turn, converse};
pub(crate) use files::Files;
pub(crate) use health::Readiness;
use hyper::Request;
use hyper::body::Body;
pub(crate) use origin::Policy;
use parked::Parked;
pub(crate) use refusals::Refusals;
use site::Answer;
pub(crate) use site::Site;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, SystemTime};
use switchboard_protocols::Frame;
use switchboard_protocols::conversation::Choice;
use switchboard_protocols::framing::websocket::Deflate;
use tokio::task::{spawn_local, yield_now};
use tokio::time::{Instant, timeout, timeout_at};
use upgrade::switch_over;
use whole::{Said, Terms};

/// Requests after which a client waits until others had their turn: as many as with hyper.
const REQUESTS_PER_TURN: u32 = 16;
/// Bytes of one read: a request fits, nearly always.
const CHUNK: usize = 4_096;
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

/// What a request comes to. Boxed, because it is there while a poll waits.
enum Reply {
    Answer(Box<Answer>),
    /// When it is answered, the connection is something else.
    Switch(Box<(Answer, Switch)>),
    /// There will be an answer when there is something to say.
    Wait(Box<Parked>),
}

impl From<Answer> for Reply {
    fn from(answer: Answer) -> Self {
        Self::Answer(Box::new(answer))
    }
}

/// What a connection goes on as.
enum Switch {
    /// A WebSocket.
    WebSocket(Upgrade),
    /// A WebSocket of an Engine.IO session.
    Engine(socketio::Promise),
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

/// Answers what a client asks, one request after the other. What came whole is answered here, so that a connection that
/// waits, for an answer or for a request, is a socket and a small task; all else is hyper's.
///
/// # Errors
/// The connection ended: as it should, or because the peer broke the rules or was too slow (408).
async fn serve(local: &Rc<Local>, mut visitor: Box<Visitor>, mut first: Vec<u8>) -> io::Result<()> {
    let site = &local.environment.arrivals.site;
    let mut begun = Instant::now();
    let mut seen = 0;
    let mut turn = 0;
    loop {
        if turn >= REQUESTS_PER_TURN {
            turn = 0;
            yield_now().await;
        }
        let (request, end) = match whole::read(&first, seen, site.header_bytes) {
            Said::Request(request, end) => (request, end),
            Said::Part => {
                seen = first.len();
                Box::pin(more(&visitor.socket, &mut first, begun + site.header_timeout)).await?;
                continue;
            }
            Said::Unusual => match Box::pin(converse(local, visitor, first)).await? {
                Turn::HandedOver => return Ok(()),
                Turn::Answered(same, left) => {
                    (visitor, first, seen, begun) = (same, left, 0, Instant::now());
                    // It may have come back because hyper thinks the same.
                    turn = REQUESTS_PER_TURN;
                    continue;
                }
            },
        };
        first = first.split_off(end);
        let terms = Terms::of(&request);
        let (answer, parked) = match Box::pin(respond(local, *request, visitor.route, visitor.needs_tls)).await {
            Reply::Answer(answer) => (answer, None),
            Reply::Wait(mut parked) => match Box::pin(parked.answer_unless_gone(&visitor.socket, &mut first)).await {
                Ok(answer) => (answer, Some(parked)),
                Err(error) => {
                    visitor.socket.shut();
                    return Err(error);
                }
            },
            Reply::Switch(switch) => return Box::pin(turn_into(local, visitor, switch, terms, first)).await,
        };
        let terms = terms.with(&answer);
        Box::pin(give(&visitor.socket, answer, terms)).await?;
        if let Some(mut parked) = parked {
            parked.given();
        }
        if !terms.persists {
            Box::pin(close(&visitor.socket)).await;
            return Err(Left.into());
        }
        turn += 1;
        (seen, begun) = (0, Instant::now());
    }
}

/// Sends an answer to its end.
///
/// # Errors
/// The client is gone.
async fn give(socket: &Socket, answer: Box<Answer>, terms: Terms) -> io::Result<()> {
    let head = whole::head(&answer, terms, SystemTime::now());
    let body = whole::body(*answer, terms);
    socket.send(&head, &body).await
}

/// Goes on as what a request made of its connection, and answers it with the first words of that.
async fn turn_into(
    local: &Rc<Local>,
    visitor: Box<Visitor>,
    switch: Box<(Answer, Switch)>,
    terms: Terms,
    left: Vec<u8>,
) -> io::Result<()> {
    let (answer, switch) = *switch;
    let Visitor { socket, permit, .. } = *visitor;
    let head = Frame::new(whole::head(&answer, terms, SystemTime::now()).into());
    switch_over(local, socket, permit, switch, head, left).await
}

/// Waits for more of a request.
///
/// # Errors
/// There will be none: the client is done, or it was too slow, and is told so if it began a request (408).
async fn more(socket: &Socket, first: &mut Vec<u8>, until: Instant) -> io::Result<()> {
    match timeout_at(until, poll_fn(|context| take_in(socket, context, first))).await {
        Ok(Ok(1..)) => Ok(()),
        // Between two requests there is nothing to miss.
        Ok(_) if first.is_empty() => {
            socket.shut();
            Err(Left.into())
        }
        Ok(end) => {
            socket.shut();
            Err(end.err().unwrap_or_else(|| io::ErrorKind::UnexpectedEof.into()))
        }
        Err(_) if first.is_empty() => {
            Box::pin(close(socket)).await;
            Err(Left.into())
        }
        Err(_) => {
            say_timeout(socket);
            Box::pin(close(socket)).await;
            Err(io::ErrorKind::TimedOut.into())
        }
    }
}

/// What a request is answered, and what becomes of its connection.
async fn respond<B>(local: &Rc<Local>, request: Request<B>, route: Route, needs_tls: bool) -> Reply
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
        return script.into();
    }
    let polling = Some(&arrivals.polling).filter(|_| !needs_tls);
    let mut endpoints = endpoint.into_iter().chain(polling);
    match endpoints.find(|endpoint| endpoint.is_at(request.uri().path())) {
        Some(endpoint) => endpoint.respond(arrivals, local, request, route).await,
        None => arrivals.site.respond(arrivals, request, route, needs_tls).await,
    }
}

/// Takes in one read of what a client sent; 0 is the end. The buffer is no part of the task that waits.
fn take_in(socket: &Socket, context: &mut Context<'_>, into: &mut Vec<u8>) -> Poll<io::Result<usize>> {
    let mut chunk = [0; CHUNK];
    let count = ready!(socket.poll_read(context, &mut chunk))?;
    into.extend_from_slice(&chunk[..count]);
    Poll::Ready(Ok(count))
}

/// Tells a client that began a request and did not finish it in time (RFC 9110, 15.5.9).
pub(crate) fn say_timeout(socket: &Socket) {
    const ANSWER: &[u8] = b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
    // A fresh socket has room for a line; who closed already does not read it.
    let _ = socket.try_write(&[IoSlice::new(ANSWER)]);
}

/// Ends a connection when what was sent is read: closing with unread bytes would reset it, and lose the answer.
pub(crate) async fn close(socket: &Socket) {
    socket.shut();
    // Who still sends after that is cut off.
    let _ = timeout(LINGER, drain(socket)).await;
}

async fn drain(socket: &Socket) {
    let mut buffer = [0; CHUNK];
    while let Ok(1..) = poll_fn(|context| socket.poll_read(context, &mut buffer)).await {}
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes of the task of a connection that waits. What hyper needs is several thousand.
    const TASK_BYTES_MAX: usize = 256;

    const fn size<'a, F: Future>(_: fn(&'a Rc<Local>, Box<Visitor>, Vec<u8>) -> F) -> usize {
        size_of::<F>()
    }

    #[test]
    fn the_task_of_a_connection_that_waits_is_small() {
        assert!(size(serve) <= TASK_BYTES_MAX, "{} bytes", size(serve));
    }
}
