//! A WebSocket to the echo server, from the HTTP request on: each message is a request, each reply a message.

use std::convert::Infallible;
use std::io::{self, Cursor};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{
    CONNECTION, CONTENT_TYPE, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_VERSION, SERVER, UPGRADE,
};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::upgrade::{self, OnUpgrade};
use hyper::{Request as HttpRequest, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use switchboard_protocols::framing::websocket::frame::{self, Opcode};
use switchboard_protocols::framing::websocket::handshake::{Upgrade, VERSION};
use switchboard_protocols::framing::websocket::{CloseCode, Decoder, Message, Role};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::REQUEST_BYTES_MAX;
use super::request::Request;
use super::server::Shared;
use super::stream::{CHUNK_BYTES, close, read, write};

/// What every HTTP response of an echo server says it comes from.
const SERVER_NAME: &str = "switchboard-echo";

/// The time for all that comes before the WebSocket.
const HANDSHAKE_TIME_MAX: Duration = Duration::from_secs(10);

/// Serves HTTP, of which `begun` was read already, and the WebSocket that comes out of it.
pub(super) async fn serve(stream: TcpStream, begun: Vec<u8>, peer: SocketAddr, shared: &Shared) -> io::Result<()> {
    let (reader, writer) = stream.into_split();
    let io = TokioIo::new(tokio::io::join(Cursor::new(begun).chain(reader), writer));
    let upgrade = Arc::new(Mutex::new(None));
    let service = {
        let upgrade = Arc::clone(&upgrade);
        service_fn(move |request| {
            let response = respond(request, &upgrade);
            async { Ok::<_, Infallible>(response) }
        })
    };
    let http = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HANDSHAKE_TIME_MAX)
        .max_buf_size(CHUNK_BYTES)
        .serve_connection(io, service)
        .with_upgrades();
    timeout(HANDSHAKE_TIME_MAX, http).await?.map_err(io::Error::other)?;

    let upgrade: Option<OnUpgrade> = upgrade.lock().unwrap_or_else(PoisonError::into_inner).take();
    match upgrade {
        Some(upgrade) => {
            let upgraded = upgrade.await.map_err(io::Error::other)?;
            converse(TokioIo::new(upgraded), peer, shared).await
        }
        None => Ok(()),
    }
}

/// Answers a request, and leaves its upgrade in the slot if it is to be one.
///
/// Any page may connect: there is nothing here but what it sent itself.
fn respond(mut request: HttpRequest<Incoming>, slot: &Mutex<Option<OnUpgrade>>) -> Response<Full<Bytes>> {
    let headers = request.headers().iter();
    let judged = Upgrade::from_headers(headers.map(|(name, value)| (name.as_str(), value.as_bytes())))
        .map(|upgrade| HeaderValue::try_from(upgrade.accept));
    let mut response = Response::default();
    response.headers_mut().insert(SERVER, HeaderValue::from_static(SERVER_NAME));
    let (status, text) = match judged {
        Ok(Ok(accept)) => {
            response.headers_mut().insert(SEC_WEBSOCKET_ACCEPT, accept);
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("Upgrade"));
            let on_upgrade = upgrade::on(&mut request);
            *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(on_upgrade);
            (StatusCode::SWITCHING_PROTOCOLS, String::new())
        }
        // An accept key is base64, so it always is a header value.
        Ok(Err(error)) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
        Err(refusal) => {
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            response.headers_mut().insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static(VERSION));
            let status = StatusCode::from_u16(refusal.status()).unwrap_or(StatusCode::BAD_REQUEST);
            (status, format!("This is an echo server: {refusal}.\n"))
        }
    };
    if status == StatusCode::SWITCHING_PROTOCOLS || status == StatusCode::UPGRADE_REQUIRED {
        response.headers_mut().insert(UPGRADE, HeaderValue::from_static("websocket"));
    }
    *response.status_mut() = status;
    *response.body_mut() = Full::from(text);
    response
}

async fn converse(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    peer: SocketAddr,
    shared: &Shared,
) -> io::Result<()> {
    let mut decoder = Decoder::new(Role::Server, REQUEST_BYTES_MAX);
    let mut buffer = vec![0; CHUNK_BYTES];
    let mut out = BytesMut::new();
    loop {
        let len = read(&mut stream, &mut buffer).await?;
        if len == 0 {
            return Ok(());
        }
        let mut input = &mut buffer[..len];
        let last = loop {
            match decoder.next_message(&mut input) {
                Ok(Some(Message::Text(text))) => {
                    let request = Request::from_message(text.as_bytes());
                    for parameter in request.parameters() {
                        let reply = [shared.answer(peer, parameter), request.end.bytes()].concat();
                        frame::put(&mut out, Opcode::Text, &reply);
                    }
                    // Before the next message, so that no more than one is answered in memory.
                    write(&mut stream, &out).await?;
                    out.clear();
                }
                Ok(Some(Message::Ping(payload))) => {
                    write(&mut stream, &frame::pong(&payload)).await?;
                }
                Ok(Some(Message::Pong(_))) => {}
                Ok(Some(Message::Binary(_))) => {
                    break Some(frame::close(CloseCode::UNSUPPORTED, "text messages only"));
                }
                Ok(Some(Message::Close(received))) => {
                    break Some(frame::close_reply(received.as_ref()));
                }
                Ok(None) => break None,
                Err(violation) => {
                    break Some(frame::close(violation.close_code(), &violation.to_string()));
                }
            }
        };
        if let Some(last) = last {
            write(&mut stream, &last).await?;
            return close(&mut stream, &mut buffer).await;
        }
    }
}
