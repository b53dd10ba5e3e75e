//! HTTP/1.1 on a shard: the page, the few answers beside it, and the way to a WebSocket.

mod assets;
mod budget;
mod by_hyper;
mod client;
mod content;
mod file_threads;
mod files;
mod forwarded;
mod giving;
mod health;
mod message;
mod origin;
mod parked;
mod penalty;
mod posted;
mod refusals;
mod site;
pub(crate) mod socketio;
mod strict;
mod upgrade;
mod whole;
mod wires;

use crate::admission::Permit;
use crate::listener::{Left, Route, note_end};
use crate::shard::driver::Local;
use crate::socket::Socket;
pub(crate) use budget::Budget;
use by_hyper::{Turn, converse};
pub(crate) use file_threads::{FileThreads, OPEN_MAX, THREADS};
pub(crate) use files::Files;
use giving::give;
pub(crate) use health::Readiness;
use hyper::body::Body;
use hyper::{Request, StatusCode, header};
pub(crate) use origin::Policy;
use parked::Parked;
pub(crate) use penalty::Penalties;
pub(crate) use posted::Posted;
pub(crate) use refusals::Refusals;
pub(crate) use site::Site;
use site::{Answer, plain, unavailable};
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::net::IpAddr;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, SystemTime};
use strict::Wrong;
use switchboard_protocols::Frame;
use switchboard_protocols::conversation::Choice;
use switchboard_protocols::framing::websocket::Deflate;
use tokio::task::{spawn_local, yield_now};
use tokio::time::{Instant, sleep, timeout, timeout_at};
use upgrade::switch_over;
use whole::{Said, Terms};

/// Requests after which a client waits until others had their turn: as many as with hyper.
const REQUESTS_PER_TURN: u32 = 16;
/// Bytes of one read: a request fits, nearly always.
const CHUNK: usize = 4_096;
/// What somebody is told for whose bytes there is no memory.
const NO_ROOM: &str = "too much is under way (limits.http_bytes_total)\n";
/// How long a client may take to read an answer after which we close.
const LINGER: Duration = Duration::from_secs(2);

/// A connection on which HTTP is spoken.
pub(crate) struct Visitor {
    pub socket: Socket,
    pub route: Route,
    pub permit: Permit,
    /// It may not do more than be told to come back with TLS.
    pub needs_tls: bool,
    /// Requests that were refused.
    pub refused: u32,
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
                Box::pin(more(site, &visitor, &mut first, begun + site.header_timeout)).await?;
                continue;
            }
            Said::Wrong(wrong) => return Box::pin(refuse(local, &visitor, wrong)).await,
            Said::Unusual(message) => match Box::pin(converse(local, visitor, first, message)).await? {
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
        let client = site::client_ip(&local.environment.arrivals, request.headers(), visitor.route);
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
        let persists = Box::pin(conclude(site, &mut visitor, client, answer, terms)).await?;
        if let Some(mut parked) = parked {
            parked.given();
        }
        if !persists {
            Box::pin(close(&visitor.socket)).await;
            return Err(Left.into());
        }
        turn += 1;
        (seen, begun) = (0, Instant::now());
    }
}

/// Delays the answer to an address that was refused often lately, and counts the refusals of a connection. Returns
/// `false` if there were so many that the connection ends with this one.
async fn hold_back(site: &Site, refused: &mut u32, client: IpAddr, answer: &Answer) -> bool {
    // A server that is not ready is no fault of who asks whether it is.
    if !(answer.status().is_client_error() || answer.headers().contains_key(header::RETRY_AFTER)) {
        return true;
    }
    *refused += 1;
    let wait = site.penalties.note(client, std::time::Instant::now());
    if !wait.is_zero() {
        site.metrics.limited("http_refusals_per_second");
        Box::pin(sleep(wait)).await;
    }
    let may_go_on = site.http_refusals.is_none_or(|most| *refused < most);
    if !may_go_on {
        site.metrics.limited("http_refusals");
    }
    may_go_on
}

/// Sends an answer. Returns `false` if the connection ends with it.
async fn conclude(
    site: &Site,
    visitor: &mut Visitor,
    client: IpAddr,
    answer: Box<Answer>,
    terms: Terms,
) -> io::Result<bool> {
    let may_go_on = hold_back(site, &mut visitor.refused, client, &answer).await;
    let terms = terms.with(&answer, may_go_on);
    give(site, &visitor.socket, client, answer, terms).await?;
    Ok(terms.persists)
}

/// Refuses a request whose head is wrong, and all that may stand behind it.
async fn refuse(local: &Rc<Local>, visitor: &Visitor, Wrong(why): Wrong) -> io::Result<()> {
    let site = &local.environment.arrivals.site;
    let answer = plain(StatusCode::BAD_REQUEST, format!("the request is broken: {why} (RFC 9112)\n"));
    let client = visitor.route.peer.ip();
    hold_back(site, &mut 0, client, &answer).await;
    give(site, &visitor.socket, client, Box::new(answer), Terms::LAST).await?;
    close(&visitor.socket).await;
    Err(io::Error::new(io::ErrorKind::InvalidData, why))
}

/// Answers a client that there is no room for what it sends.
///
/// # Errors
/// The connection is over by that.
async fn turn_away(site: &Site, visitor: &Visitor) -> io::Result<()> {
    site.metrics.limited("http_bytes_total");
    give(site, &visitor.socket, visitor.route.peer.ip(), Box::new(unavailable(NO_ROOM)), Terms::LAST).await?;
    close(&visitor.socket).await;
    Err(io::Error::new(io::ErrorKind::OutOfMemory, NO_ROOM))
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

/// Waits for more of a request: for all of its head if a part of that is there.
///
/// # Errors
/// There will be none: the client is done, or it was too slow, and is told so if it began a request (408); or there is no
/// room for what it sends (503).
async fn more(site: &Site, visitor: &Visitor, first: &mut Vec<u8>, until: Instant) -> io::Result<()> {
    let socket = &visitor.socket;
    let mut share = None;
    loop {
        let seen = first.len();
        // What comes whole, as nearly all does, is never counted.
        if seen > 0 && !site.hold(&mut share, visitor.route.peer.ip(), first.capacity()) {
            return Box::pin(turn_away(site, visitor)).await;
        }
        match timeout_at(until, poll_fn(|context| take_in(socket, context, first))).await {
            Ok(Ok(1..)) if seen == 0 || !whole::is_part(first, seen, site.header_bytes) => return Ok(()),
            Ok(Ok(1..)) => {}
            // Between two requests there is nothing to miss.
            Ok(_) if first.is_empty() => {
                socket.shut();
                return Err(Left.into());
            }
            Ok(end) => {
                socket.shut();
                return Err(end.err().unwrap_or_else(|| io::ErrorKind::UnexpectedEof.into()));
            }
            Err(_) if first.is_empty() => {
                Box::pin(close(socket)).await;
                return Err(Left.into());
            }
            Err(_) => {
                say_timeout(socket);
                Box::pin(close(socket)).await;
                return Err(io::ErrorKind::TimedOut.into());
            }
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
    if let Some(name) = endpoint.and_then(|endpoint| path.strip_prefix(&*endpoint.path)) {
        let reader = arrivals.site.reader(site::client_ip(arrivals, request.headers(), route));
        let script = arrivals.site.files.script(request.method(), name, request.headers(), reader).await;
        if let Some(script) = script {
            return script.into();
        }
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
