//! HTTP/1.1 on a shard: the page, the few answers beside it, and the way to a WebSocket.

mod assets;
mod files;
mod io;
mod origin;
mod site;
pub(crate) mod socketio;
mod wires;

use crate::admission::Permit;
use crate::listener::{Arrivals, Route};
use crate::shard::Opening;
use crate::shard::driver::{Inbound, Local};
use crate::shard::polling::Probe;
use crate::socket::Socket;
pub(crate) use files::Files;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioTimer;
use io::HttpIo;
pub(crate) use origin::Policy;
pub(crate) use site::{Readiness, Site};
use std::cell::RefCell;
use std::convert::Infallible;
use std::future::poll_fn;
use std::io::IoSlice;
use std::rc::Rc;
use std::time::Duration;
use switchboard_core::Via;
use switchboard_protocols::Framing;
use switchboard_protocols::conversation::{self, Choice};
use switchboard_protocols::framing::websocket::{CloseCode, Deflate, frame};
use tokio::time::timeout;

/// How long a client may take to read an answer after which we close.
const LINGER: Duration = Duration::from_secs(2);

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

/// Serves HTTP on a connection until it ends or becomes a WebSocket, which its shard then takes over.
///
/// # Errors
/// The connection ended: as it should, or because the peer broke the rules or was too slow (408).
pub(crate) async fn serve(
    arrivals: &Arrivals,
    local: &Rc<Local>,
    socket: Socket,
    route: Route,
    mut permit: Permit,
    first: Vec<u8>,
    needs_tls: bool,
) -> std::io::Result<()> {
    let upgrade = RefCell::new(None);
    let promise = RefCell::new(None);
    let service = service_fn(|request| {
        let (upgrade, promise) = (&upgrade, &promise);
        Box::pin(async move {
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
                Some(endpoint) => endpoint.respond(arrivals, local, request, route, promise).await,
                None => arrivals.site.respond(arrivals, request, route, needs_tls, upgrade).await,
            })
        })
    });
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(arrivals.site.header_timeout)
        .max_buf_size(arrivals.site.header_bytes)
        .serve_connection(HttpIo::new(socket, first), service);
    let served = poll_fn(|context| connection.poll_without_shutdown(context)).await;
    let parts = connection.into_parts();
    let (socket, mut left) = parts.io.into_parts(&parts.read_buf);
    if let Some(Upgrade { compression, language, peer }) = upgrade.into_inner() {
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
        local.open(socket.loosen()?, permit, opening, &mut left);
        return Ok(());
    }
    if let (Some(promise), Some(endpoint)) = (promise.into_inner(), &arrivals.socketio) {
        served.map_err(std::io::Error::other)?;
        permit.locate(promise.peer.ip()).map_err(std::io::Error::other)?;
        return go_on(endpoint, local, socket, permit, left, &promise).await;
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
            local.open_engine(socket.loosen()?, permit, carrier, promise.peer, &mut first);
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
    let probe = Box::new(Probe { sid, socket: socket.loosen()?, permit, first, patience, compression });
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
