//! Sends an answer to its end, as fast as its client takes it, and gives it up if it takes none.

use super::content::{Content, Download, PIECE};
use super::site::{Answer, Site};
use super::whole::{self, Terms};
use crate::socket::Socket;
use std::io::{self, IoSlice};
use std::net::IpAddr;
use std::time::SystemTime;
use tokio::time::{Instant, timeout};

/// Sends an answer to its end.
///
/// # Errors
/// The client is gone, or took nothing of it for `limits.body_timeout`.
pub(super) async fn give(
    site: &Site,
    socket: &Socket,
    client: IpAddr,
    answer: Box<Answer>,
    terms: Terms,
) -> io::Result<()> {
    send(site, socket, client, answer, terms).await.inspect_err(|error| {
        if error.kind() == io::ErrorKind::TimedOut {
            site.metrics.limited("body_timeout");
        }
    })
}

async fn send(site: &Site, socket: &Socket, client: IpAddr, answer: Box<Answer>, terms: Terms) -> io::Result<()> {
    let head = whole::head(&answer, terms, SystemTime::now());
    match whole::body(*answer, terms) {
        Content::Static(bytes) => socket.send(&head, bytes, site.body_timeout).await,
        Content::Whole(bytes) => {
            let sent = send_at_once(socket, &head, &bytes)?;
            if sent == head.len() + bytes.len() {
                return socket.send(&[], &[], site.body_timeout).await;
            }
            // It is in memory for as long as the client takes.
            let _share = site.budget.charge(client, bytes.len());
            let of_head = sent.min(head.len());
            socket.send(&head[of_head..], &bytes[sent - of_head..], site.body_timeout).await
        }
        Content::File(download) => {
            socket.send(&head, &[], site.body_timeout).await?;
            send_file(site, socket, client, download).await
        }
    }
}

/// Writes as much as the socket takes now, and returns how much that is.
fn send_at_once(socket: &Socket, head: &[u8], body: &[u8]) -> io::Result<usize> {
    match socket.try_write(&[IoSlice::new(head), IoSlice::new(body)]) {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
        result => result,
    }
}

/// Sends a file piece by piece. While the client takes nothing there is no piece in memory.
async fn send_file(site: &Site, socket: &Socket, client: IpAddr, mut download: Box<Download>) -> io::Result<()> {
    while download.left() > 0 {
        timeout(site.body_timeout, socket.writable()).await??;
        let until = Instant::now() + site.body_timeout;
        let Some(_share) = site.budget.take(client, PIECE, until).await else {
            return Err(io::ErrorKind::TimedOut.into());
        };
        let (same, piece) = download.next(PIECE).await?;
        download = same;
        let mut rest = &piece[..];
        while !rest.is_empty() {
            match socket.try_write(&[IoSlice::new(rest)]) {
                Ok(count) => {
                    rest = &rest[count..];
                    download.sent(count);
                }
                // What was not taken is read again when it can be.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
    }
    socket.send(&[], &[], site.body_timeout).await
}
