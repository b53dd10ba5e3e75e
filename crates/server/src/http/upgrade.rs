//! How a connection becomes a WebSocket: its handshake, where that was read whole, answered without the machinery for
//! requests that come in pieces, have bodies, and follow each other; and what it goes on as.

use super::site::Answer;
use super::socketio::{self, Target};
use super::{LINGER, Next, Switch, Upgrade, Visitor, drain, respond};
use crate::admission::Permit;
use crate::shard::Opening;
use crate::shard::driver::{Inbound, Local};
use crate::shard::polling::Probe;
use crate::socket::Socket;
use bytes::Bytes;
use http_body_util::Empty;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Request, Uri, Version};
use std::cell::RefCell;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::rc::Rc;
use std::time::Duration;
use switchboard_core::Via;
use switchboard_protocols::conversation::{self, Choice};
use switchboard_protocols::framing::websocket::{CloseCode, frame};
use switchboard_protocols::{Frame, Framing};
use tokio::time::timeout;

/// Header lines of such a request at most, which is hyper's limit, too.
const HEADERS_MAX: usize = 100;

/// What came of a handshake.
pub(super) enum Shaken {
    /// A shard has the socket.
    HandedOver,
    /// It was none, or one that cannot be had: the answer says why, and hyper gives it. The bytes are what was read.
    Not(Box<Visitor>, Vec<u8>, Option<Box<Answer>>),
}

/// Answers the handshake of a WebSocket that was read whole, if it is one that can be had.
///
/// # Errors
/// The connection ended, or there are too many of its client's.
pub(super) async fn shake_hands(local: &Rc<Local>, visitor: Box<Visitor>, mut first: Vec<u8>) -> io::Result<Shaken> {
    let Some((request, end)) = request(&first, local.environment.arrivals.site.header_bytes) else {
        return Ok(Shaken::Not(visitor, first, None));
    };
    let next = RefCell::new(None);
    let answer = respond(local, request, visitor.route, visitor.needs_tls, &next).await;
    match next.take() {
        Some(Next::Switch(switch)) => {
            let Visitor { socket, permit, .. } = *visitor;
            switch_over(local, socket, permit, switch, head(&answer), first.split_off(end)).await?;
            Ok(Shaken::HandedOver)
        }
        Some(Next::Park(_)) | None => Ok(Shaken::Not(visitor, first, Some(Box::new(answer)))),
    }
}

/// The request at the beginning of `bytes`, and where it ends, if it asks for an upgrade and has no body. Whatever is
/// unusual about it is left to hyper, which knows what is wrong with it, or waits for more.
fn request(bytes: &[u8], head_bytes_max: usize) -> Option<(Request<Empty<Bytes>>, usize)> {
    let mut lines = [httparse::EMPTY_HEADER; HEADERS_MAX];
    let mut head = httparse::Request::new(&mut lines);
    let httparse::Status::Complete(end) = head.parse(bytes).ok()? else { return None };
    if end > head_bytes_max || head.method != Some("GET") || head.version != Some(1) {
        return None;
    }
    let uri = Uri::try_from(head.path?).ok()?;
    let mut headers = HeaderMap::with_capacity(head.headers.len());
    for line in head.headers {
        headers.append(HeaderName::from_bytes(line.name.as_bytes()).ok()?, HeaderValue::from_bytes(line.value).ok()?);
    }
    let is_alone = [header::CONTENT_LENGTH, header::TRANSFER_ENCODING, header::EXPECT]
        .iter()
        .all(|name| !headers.contains_key(name));
    if !(is_alone && headers.contains_key(header::UPGRADE)) {
        return None;
    }
    let mut request = Request::new(Empty::new());
    *request.method_mut() = Method::GET;
    *request.version_mut() = Version::HTTP_11;
    *request.uri_mut() = uri;
    *request.headers_mut() = headers;
    Some((request, end))
}

/// The answer that makes the connection a WebSocket, as it is sent (RFC 9112, 4). It has no body.
fn head(answer: &Answer) -> Frame {
    let mut head = Vec::with_capacity(256);
    head.extend_from_slice(b"HTTP/1.1 101 Switching Protocols\r\n");
    for (name, value) in answer.headers() {
        head.extend_from_slice(name.as_str().as_bytes());
        head.extend_from_slice(b": ");
        head.extend_from_slice(value.as_bytes());
        head.extend_from_slice(b"\r\n");
    }
    head.extend_from_slice(b"\r\n");
    Frame::new(head.into())
}

/// Goes on as what was agreed on. `head` is the answer that says so, if it is not sent yet; `left` came after the request.
///
/// # Errors
/// The connection ended, or there are too many of its client's.
pub(super) async fn switch_over(
    local: &Rc<Local>,
    socket: Socket,
    mut permit: Permit,
    switch: Switch,
    head: Frame,
    mut left: Vec<u8>,
) -> io::Result<()> {
    let arrivals = &local.environment.arrivals;
    match switch {
        Switch::WebSocket(Upgrade { compression, language, peer }) => {
            permit.locate(peer.ip()).map_err(io::Error::other)?;
            let opening = Opening {
                conversation: conversation::websocket(&arrivals.conversations, compression, language, local.tick()),
                via: Via::WebSocket,
                address: Some(peer),
                // Whoever chose text is greeted, like every line client; the others speak first.
                observe: language == Some(Choice::Text),
                idle_ms: arrivals.idle_ms,
                head,
            };
            local.open(socket.loosen(), permit, opening, &mut left);
            Ok(())
        }
        Switch::Engine(promise) => {
            permit.locate(promise.peer.ip()).map_err(io::Error::other)?;
            // Whoever promised is there.
            let endpoint = arrivals.socketio.as_ref().ok_or(io::ErrorKind::NotFound)?;
            go_on(endpoint, local, socket, permit, head, left, &promise).await
        }
    }
}

/// Makes an Engine.IO session of a WebSocket, or hands it to the shard whose session it wants to take over.
async fn go_on(
    endpoint: &socketio::Endpoint,
    local: &Rc<Local>,
    socket: Socket,
    permit: Permit,
    head: Frame,
    mut first: Vec<u8>,
    promise: &socketio::Promise,
) -> io::Result<()> {
    if !matches!(promise.target, Target::New) {
        send(&socket, head.bytes()).await?;
    }
    let sid = match promise.target {
        Target::New => {
            let framing = Framing::websocket(promise.compression);
            let (_, carrier) = endpoint.begin(&promise.query, local, framing).map_err(io::Error::other)?;
            local.open_engine(socket.loosen(), permit, carrier, promise.peer, head, &mut first);
            return Ok(());
        }
        Target::TakeOver(sid) => sid,
        Target::Nothing => {
            let close = frame::close(CloseCode::POLICY, "the session has a WebSocket already");
            let _ = socket.try_write(&[IoSlice::new(&close)]);
            socket.shut();
            let _ = timeout(LINGER, drain(&socket)).await;
            return Err(io::ErrorKind::AlreadyExists.into());
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

/// Sends bytes to their end.
async fn send(socket: &Socket, mut bytes: &[u8]) -> io::Result<()> {
    while !(bytes.is_empty() && socket.try_flush()?) {
        match socket.try_write(&[IoSlice::new(bytes)]) {
            Ok(count) => bytes = &bytes[count..],
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                poll_fn(|context| socket.tcp().poll_write_ready(context)).await?;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::Response;

    const USUAL: &str = "GET /ws?protocol=json HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nX: 1\r\nX: 2\r\n\r\n";

    fn end(text: &str) -> Option<usize> {
        request(text.as_bytes(), 4_096).map(|(_, end)| end)
    }

    #[test]
    fn a_whole_request_is_read_and_ends_where_it_ends() {
        let (request, end) = request(format!("{USUAL}and more").as_bytes(), USUAL.len()).expect("a handshake");
        assert_eq!(end, USUAL.len());
        assert_eq!((request.method(), request.version()), (&Method::GET, Version::HTTP_11));
        assert_eq!((request.uri().path(), request.uri().query()), ("/ws", Some("protocol=json")));
        assert_eq!(request.headers().get_all("x").iter().collect::<Vec<_>>(), ["1", "2"]);
        let engine = USUAL.replace("/ws?protocol=json", "/socket.io/?EIO=4&transport=websocket");
        assert!(super::request(engine.as_bytes(), 4_096).is_some());
    }

    #[test]
    fn all_else_is_left_to_hyper() {
        assert!(request(USUAL.as_bytes(), USUAL.len() - 1).is_none(), "it is too long");
        for length in 0..USUAL.len() {
            assert_eq!(end(&USUAL[..length]), None, "{length} bytes of it");
        }
        for (what, instead) in [
            ("GET", "POST"),
            ("HTTP/1.1", "HTTP/1.0"),
            ("HTTP/1.1", "HTTP/2"),
            ("Upgrade", "Downgrade"),
            ("X: 1", "Content-Length: 0"),
            ("X: 1", "Transfer-Encoding: chunked"),
            ("X: 1", "Expect: 100-continue"),
            ("X: 1", "X 1"),
            ("X: 1", "X: \u{1}"),
            ("X: 1\r\n", &"X: 1\r\n".repeat(HEADERS_MAX)),
        ] {
            assert_eq!(end(&USUAL.replacen(what, instead, 1)), None, "{instead}");
        }
        let most = USUAL.replacen("X: 1\r\n", &"X: 1\r\n".repeat(HEADERS_MAX - 3), 1);
        assert_eq!(end(&most), Some(most.len()));
    }

    #[test]
    fn an_answer_is_sent_with_its_headers() {
        let mut answer = Response::new(http_body_util::Full::default());
        answer.headers_mut().insert(header::UPGRADE, HeaderValue::from_static("websocket"));
        let expected = "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\n\r\n";
        assert_eq!(head(&answer).bytes(), expected.as_bytes());
    }
}
