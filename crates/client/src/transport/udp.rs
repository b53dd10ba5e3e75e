//! Messages as datagrams.

use super::{ConnectError, Duplex, Incoming, Times, closed};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use tokio::net::UdpSocket;
use tokio::sync::mpsc;

/// The largest datagram that IP can carry.
const DATAGRAM_BYTES_MAX: usize = 65_535;

pub(super) async fn connect(peer: SocketAddr) -> Result<Duplex, ConnectError> {
    let any = match peer {
        SocketAddr::V4(_) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
        SocketAddr::V6(_) => SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
    };
    let socket = Arc::new(UdpSocket::bind(any).await?);
    // Only the peer's datagrams are taken from here on, and its port's absence is told as an error.
    socket.connect(peer).await?;
    let reader = socket.clone();
    Ok(Duplex::run(peer, true, Times::default(), |to| read(reader, to), |from| write(socket, from)))
}

async fn read(socket: Arc<UdpSocket>, messages: mpsc::Sender<Incoming>) {
    let mut buffer = vec![0; DATAGRAM_BYTES_MAX];
    loop {
        match socket.recv(&mut buffer).await {
            Err(error) => {
                // Whoever is gone does not want the end either.
                let _ = messages.send(closed(Some(&error))).await;
                return;
            }
            Ok(bytes) => {
                // A datagram stands alone: one that is not text harms no other.
                let Some(Ok(text)) = buffer.get(..bytes).map(str::from_utf8) else { continue };
                if messages.send(Incoming::Text(text.trim_end_matches(['\r', '\n']).to_owned())).await.is_err() {
                    return;
                }
            }
        }
    }
}

async fn write(socket: Arc<UdpSocket>, mut messages: mpsc::Receiver<String>) {
    while let Some(message) = messages.recv().await {
        // The error may be the answer to an earlier datagram, and then this one was not sent at all. If nobody is there,
        // the reader will hear so.
        if socket.send(message.as_bytes()).await.is_err() && socket.send(message.as_bytes()).await.is_err() {
            return;
        }
    }
}
