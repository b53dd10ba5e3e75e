//! Messages over a WebSocket (RFC 6455), by an implementation that is not our server's.

use super::{ConnectError, Duplex, Incoming, MESSAGE_BYTES_MAX, Times};
use crate::address::Address;
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

/// The library's own default of 128 KiB for each connection is more than a chat has use for.
const BUFFER_BYTES: usize = 8 * 1024;

/// How long a server that said that it closes may take to close.
const CLOSE_WITHIN: Duration = Duration::from_secs(1);

pub(super) async fn start<S>(
    address: &Address,
    stream: S,
    peer: SocketAddr,
    times: Times,
) -> Result<Duplex, ConnectError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let begin = Instant::now();
    let config = WebSocketConfig::default()
        .read_buffer_size(BUFFER_BYTES)
        .write_buffer_size(BUFFER_BYTES)
        .max_write_buffer_size(2 * MESSAGE_BYTES_MAX)
        .max_message_size(Some(MESSAGE_BYTES_MAX))
        .max_frame_size(Some(MESSAGE_BYTES_MAX));
    let (socket, _) = client_async_with_config(address.to_string(), stream, Some(config))
        .await
        .map_err(|error| ConnectError::WebSocket(error.to_string()))?;
    let times = Times { websocket: Some(begin.elapsed()), ..times };
    let (sink, stream) = socket.split();
    Ok(Duplex::run(peer, false, times, |to| read(stream, to), |from| write(sink, from)))
}

async fn read<S>(mut stream: SplitStream<WebSocketStream<S>>, messages: mpsc::Sender<Incoming>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut end = Incoming::Closed { code: None, why: "the server closed the connection".to_owned() };
    while let Some(message) = stream.next().await {
        match message {
            Ok(Message::Text(text)) => {
                if messages.send(Incoming::Text(text.as_str().to_owned())).await.is_err() {
                    return;
                }
            }
            Ok(Message::Close(frame)) => {
                if let Some(frame) = frame {
                    end = Incoming::Closed { code: Some(frame.code.into()), why: frame.reason.as_str().to_owned() };
                }
                // Reading on sends the answer, and ends when the server closes, as it should (RFC 6455 section 7.1.1).
                let rest = async { while let Some(Ok(_)) = stream.next().await {} };
                let _ = timeout(CLOSE_WITHIN, rest).await;
                break;
            }
            // Pings are answered by the library; binary messages are not part of the protocol.
            Ok(Message::Ping(_) | Message::Pong(_) | Message::Binary(_) | Message::Frame(_)) => {}
            Err(error) => {
                end = Incoming::Closed { code: None, why: error.to_string() };
                break;
            }
        }
    }
    // Whoever is gone does not want the end either.
    let _ = messages.send(end).await;
}

async fn write<S>(mut sink: SplitSink<WebSocketStream<S>, Message>, mut messages: mpsc::Receiver<String>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    while let Some(message) = messages.recv().await {
        if sink.send(Message::text(message)).await.is_err() {
            return;
        }
    }
    // The connection is over anyway.
    let _ = sink.close().await;
}
