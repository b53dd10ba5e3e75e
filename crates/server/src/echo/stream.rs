//! A TCP connection to the echo server: told apart by its first bytes, then text or a WebSocket.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::request::{LineEnd, Request, RequestDecoder};
use super::server::Shared;
use super::websocket;

/// What is read at once.
pub(super) const CHUNK_BYTES: usize = 16 * 1024;

/// A connection that says nothing for this long is closed.
pub(super) const IDLE_MAX: Duration = Duration::from_secs(10 * 60);

/// A client that does not read its replies for this long is cut.
pub(super) const WRITE_TIME_MAX: Duration = Duration::from_secs(30);

/// A pause that ends what has come, where that is not clear by itself: a text that begins like an HTTP request, a text
/// without a newline that is longer than a packet.
const QUIET: Duration = Duration::from_millis(50);

/// How a client begins that wants a WebSocket.
const HTTP_OPENING: &[u8] = b"GET /";

/// The pause between replies that no newline tells apart. A client that calls `recv` once for each
/// reply gets one at a time.
const REPLY_GAP: Duration = Duration::from_millis(20);

/// The first pauses of a request, a second of them altogether; the rest of a long list comes at once.
const REPLY_GAPS_MAX: usize = 50;

/// How long, and how much, is still read after the last word, so that it arrives: closing a socket
/// that has unread input takes back what was sent.
const LINGER: Duration = Duration::from_secs(1);
const LINGER_BYTES_MAX: usize = 1024 * 1024;

/// Serves a connection to its end.
pub(super) async fn serve(mut stream: TcpStream, peer: SocketAddr, shared: &Shared) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = vec![0; CHUNK_BYTES];
    match open(&mut stream, &mut buffer).await? {
        Opening::Text { len } => converse(stream, buffer, len, peer, shared).await,
        Opening::Http { len } => {
            buffer.truncate(len);
            websocket::serve(stream, buffer, peer, shared).await
        }
        Opening::Nothing => Ok(()),
    }
}

/// What a connection turns out to be, and how much of it is in the buffer.
#[derive(Debug, PartialEq, Eq)]
enum Opening {
    Text { len: usize },
    Http { len: usize },
    Nothing,
}

async fn open(stream: &mut (impl AsyncRead + Unpin), buffer: &mut [u8]) -> io::Result<Opening> {
    let mut len = 0;
    loop {
        let wait = if len == 0 { IDLE_MAX } else { QUIET };
        let read = match timeout(wait, stream.read(&mut buffer[len..])).await {
            Ok(read) => read?,
            Err(_) => 0,
        };
        len += read;
        let begun = &buffer[..len];
        if begun.is_empty() {
            return Ok(Opening::Nothing);
        }
        if begun.starts_with(HTTP_OPENING) {
            return Ok(Opening::Http { len });
        }
        if read == 0 || !HTTP_OPENING.starts_with(begun) {
            return Ok(Opening::Text { len });
        }
    }
}

/// Answers requests; the first `len` bytes of `buffer` have been read already.
async fn converse(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    mut buffer: Vec<u8>,
    mut len: usize,
    peer: SocketAddr,
    shared: &Shared,
) -> io::Result<()> {
    let mut decoder = RequestDecoder::default();
    while len > 0 {
        let mut input = &buffer[..len];
        loop {
            match decoder.next_request(&mut input) {
                Ok(Some(request)) => answer(&mut stream, &request, peer, shared).await?,
                Ok(None) => break,
                Err(error) => {
                    let farewell = format!("error: {error}\n");
                    write(&mut stream, farewell.as_bytes()).await?;
                    return close(&mut stream, &mut buffer).await;
                }
            }
        }
        len = if decoder.awaits_quiet() {
            match timeout(QUIET, stream.read(&mut buffer)).await {
                Ok(read) => read?,
                Err(_) => {
                    if let Some(request) = decoder.quiet() {
                        answer(&mut stream, &request, peer, shared).await?;
                    }
                    read(&mut stream, &mut buffer).await?
                }
            }
        } else {
            read(&mut stream, &mut buffer).await?
        };
    }
    if let Some(request) = decoder.finish() {
        answer(&mut stream, &request, peer, shared).await?;
    }
    stream.shutdown().await
}

/// Writes the replies to a request: as lines, all at once, or one by one.
async fn answer(
    stream: &mut (impl AsyncWrite + Unpin),
    request: &Request,
    peer: SocketAddr,
    shared: &Shared,
) -> io::Result<()> {
    match request.end {
        LineEnd::Lf | LineEnd::CrLf => {
            let mut replies = Vec::new();
            for parameter in request.parameters() {
                replies.extend_from_slice(shared.answer(peer, parameter));
                replies.extend_from_slice(request.end.bytes());
            }
            write(stream, &replies).await
        }
        LineEnd::None => {
            for (at, parameter) in request.parameters().enumerate() {
                if (1..=REPLY_GAPS_MAX).contains(&at) {
                    sleep(REPLY_GAP).await;
                }
                // An empty reply would be no bytes at all, and whoever waits for it would wait for
                // ever: a newline is the least that `recv` can return.
                let reply = shared.answer(peer, parameter);
                write(stream, if reply.is_empty() { b"\n" } else { reply }).await?;
            }
            Ok(())
        }
    }
}

/// Reads what there is; 0 at the end of the stream and of the client's time.
pub(super) async fn read(stream: &mut (impl AsyncRead + Unpin), buffer: &mut [u8]) -> io::Result<usize> {
    timeout(IDLE_MAX, stream.read(buffer)).await.unwrap_or(Ok(0))
}

pub(super) async fn write(stream: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> io::Result<()> {
    timeout(WRITE_TIME_MAX, async {
        stream.write_all(bytes).await?;
        stream.flush().await
    })
    .await?
}

/// Closes after a last word, so that it is read.
pub(super) async fn close(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), buffer: &mut [u8]) -> io::Result<()> {
    stream.shutdown().await?;
    let deadline = Instant::now() + LINGER;
    let mut rest = LINGER_BYTES_MAX;
    while rest > 0 {
        match timeout_at(deadline, stream.read(buffer)).await {
            Ok(Ok(len @ 1..)) => rest = rest.saturating_sub(len),
            Ok(Ok(0) | Err(_)) | Err(_) => break,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::io::duplex;

    use super::super::journal::Journal;
    use super::*;

    fn peer() -> SocketAddr {
        "127.0.0.1:4000".parse().unwrap()
    }

    fn shared(reply: Option<&str>) -> Shared {
        let journal = Journal::new(Box::new(io::sink()));
        Shared { reply: reply.map(Arc::from), journal }
    }

    async fn recv(stream: &mut (impl AsyncRead + Unpin)) -> String {
        let mut buffer = [0; 1024];
        let len = stream.read(&mut buffer).await.unwrap();
        String::from_utf8(buffer[..len].to_vec()).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_newline_each_recv_gets_one_reply() {
        for (reply, request, expected) in [
            (None, "a,b,c", ["a", "b", "c"]),
            (None, "a,,b", ["a", "\n", "b"]),
            (Some("ok"), "a,,b", ["ok", "ok", "ok"]),
        ] {
            let (mut client, server) = duplex(1024);
            tokio::spawn(async move {
                let mut buffer = vec![0; 1024];
                buffer[..request.len()].copy_from_slice(request.as_bytes());
                converse(server, buffer, request.len(), peer(), &shared(reply)).await
            });
            for expected in expected {
                assert_eq!(recv(&mut client).await, expected, "{request}");
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_long_text_without_a_newline_is_answered_as_a_whole() {
        let (mut client, server) = duplex(CHUNK_BYTES);
        tokio::spawn(async move { converse(server, vec![b'x'; CHUNK_BYTES], 1, peer(), &shared(Some("ok"))).await });
        assert_eq!(recv(&mut client).await, "ok");
        for piece in ["a".repeat(3_000), "a".repeat(3_000)] {
            client.write_all(piece.as_bytes()).await.unwrap();
            sleep(QUIET / 2).await;
        }
        client.write_all(b",b").await.unwrap();
        assert_eq!(recv(&mut client).await, "ok");
        assert_eq!(recv(&mut client).await, "ok");
        client.shutdown().await.unwrap();
        assert_eq!(recv(&mut client).await, "", "no more than two");
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_bytes_decide() {
        for (pieces, expected) in [
            (&["GET / HTTP/1.1\r\n"][..], Opening::Http { len: 16 }),
            (&["G", "ET", " /"], Opening::Http { len: 5 }),
            (&["hello"], Opening::Text { len: 5 }),
            (&["GET", " me"], Opening::Text { len: 6 }),
            (&["G"], Opening::Text { len: 1 }),
            (&["GET "], Opening::Text { len: 4 }),
        ] {
            let (mut client, mut server) = duplex(1024);
            let writer = tokio::spawn(async move {
                for piece in pieces {
                    client.write_all(piece.as_bytes()).await.unwrap();
                    sleep(QUIET / 2).await;
                }
                client
            });
            let mut buffer = [0; 1024];
            assert_eq!(open(&mut server, &mut buffer).await.unwrap(), expected, "{pieces:?}");
            drop(writer.await);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn silence_ends_a_connection() {
        let (_client, mut server) = duplex(1024);
        assert_eq!(open(&mut server, &mut [0; 16]).await.unwrap(), Opening::Nothing);
        let (client, server) = duplex(1024);
        let mut buffer = vec![0; 1024];
        buffer[..2].copy_from_slice(b"a\n");
        converse(server, buffer, 2, peer(), &shared(None)).await.unwrap();
        drop(client);
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_does_not_read_is_cut() {
        let (_client, server) = duplex(16);
        let mut buffer = vec![b'x'; 1024];
        buffer[1023] = b'\n';
        let error = converse(server, buffer, 1024, peer(), &shared(None)).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }
}
