//! HTTP/1.1 on a shard: the few pages there are, and the way to a WebSocket.

mod io;
mod origin;
mod site;

use crate::admission::Permit;
use crate::listener::{Arrivals, Route};
use crate::shard::Opening;
use crate::shard::driver::Local;
use crate::socket::Socket;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioTimer;
use io::HttpIo;
pub(crate) use origin::Policy;
pub(crate) use site::{Readiness, Site};
use std::cell::RefCell;
use std::convert::Infallible;
use std::future::{poll_fn, ready};
use std::io::IoSlice;
use std::rc::Rc;
use std::time::Duration;
use switchboard_core::Via;
use switchboard_protocols::conversation::{self, Choice};
use tokio::time::timeout;

/// How long a client may take to read an answer after which we close.
const LINGER: Duration = Duration::from_secs(2);

/// What the answer to an upgrade request decided.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Upgrade {
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
    let service = service_fn(|request| {
        let response = arrivals.site.respond(arrivals, &request, route, needs_tls, &upgrade);
        ready(Ok::<_, Infallible>(response))
    });
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(arrivals.site.header_timeout)
        .max_buf_size(arrivals.site.header_bytes)
        .serve_connection(HttpIo::new(socket, first), service);
    let served = poll_fn(|context| connection.poll_without_shutdown(context)).await;
    let parts = connection.into_parts();
    let (socket, mut left) = parts.io.into_parts(&parts.read_buf);
    if let Some(Upgrade { language, peer }) = upgrade.into_inner() {
        served.map_err(std::io::Error::other)?;
        permit.locate(peer.ip()).map_err(std::io::Error::other)?;
        let opening = Opening {
            conversation: conversation::websocket(&arrivals.conversations, language, local.tick()),
            via: Via::WebSocket,
            address: Some(peer),
            // Whoever chose text is greeted, like every line client; the others speak first.
            observe: language == Some(Choice::Text),
            idle_ms: arrivals.idle_ms,
        };
        local.open(socket, permit, opening, &mut left);
        return Ok(());
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
