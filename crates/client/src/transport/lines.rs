//! Messages as lines of a byte stream: what TCP and TLS have in common.

use super::{Incoming, MESSAGE_BYTES_MAX, closed};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::sync::mpsc;

/// Reads lines, without their ends, until the stream ends or nobody wants them.
pub(super) async fn read(stream: impl AsyncRead + Unpin, lines: mpsc::Sender<Incoming>) {
    let mut stream = BufReader::new(stream);
    let mut line = Vec::new();
    let end = loop {
        line.clear();
        match (&mut stream).take(MESSAGE_BYTES_MAX as u64).read_until(b'\n', &mut line).await {
            Err(error) => break closed(Some(&error)),
            Ok(0) => break closed(None),
            Ok(_) => {}
        }
        if line.last() != Some(&b'\n') {
            if line.len() >= MESSAGE_BYTES_MAX {
                break Incoming::Closed { code: None, why: format!("a line of more than {MESSAGE_BYTES_MAX} bytes") };
            }
            // A line that breaks off says nothing: the server ends each.
            break closed(None);
        }
        line.pop();
        if line.last() == Some(&b'\r') {
            line.pop();
        }
        match str::from_utf8(&line) {
            Err(_) => break Incoming::Closed { code: None, why: "a line that is not UTF-8".to_owned() },
            Ok(text) => {
                if lines.send(Incoming::Text(text.to_owned())).await.is_err() {
                    return;
                }
            }
        }
        // One long line is no reason to keep its memory.
        line.shrink_to(64 * 1024);
    };
    // Whoever is gone does not want the end either.
    let _ = lines.send(end).await;
}

/// Writes each message as a line. A failure is left to the reader, which sees it too and may still have the server's
/// last words to read.
pub(super) async fn write(mut stream: impl AsyncWrite + Unpin, mut messages: mpsc::Receiver<String>) {
    while let Some(mut message) = messages.recv().await {
        message.push('\n');
        // What has come meanwhile goes in the same write.
        while message.len() < MESSAGE_BYTES_MAX
            && let Ok(next) = messages.try_recv()
        {
            message.push_str(&next);
            message.push('\n');
        }
        if stream.write_all(message.as_bytes()).await.is_err() || stream.flush().await.is_err() {
            return;
        }
    }
    // The connection is over anyway.
    let _ = stream.shutdown().await;
}
