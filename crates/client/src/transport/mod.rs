//! How messages travel: each scheme becomes the same duplex of text messages.
//!
//! A connection is two small tasks, one that reads and one that writes, each behind a bounded channel: what is not
//! taken is not read, and a peer that does not read does not keep us from reading. Dropping the [`Duplex`] ends both.

mod lines;
mod tcp;
mod tls;
mod trust;
mod udp;
mod websocket;

use crate::address::{Address, Scheme};
use crate::fingerprint::Fingerprint;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::{TcpStream, lookup_host};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

/// Bytes of a message that is read. More: the connection is dropped. A server's largest answers, pages of history, are
/// smaller than half an outbox of 1 MiB.
pub const MESSAGE_BYTES_MAX: usize = 1024 * 1024;

/// Messages in each channel of a connection.
const CHANNEL_MESSAGES: usize = 32;

/// How long reaching a server may take, with the name server, TLS and WebSocket.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);

/// The server that is meant, and when to believe that it is the one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub address: Address,
    /// Accept this certificate and no other, whoever signed it.
    pub pin: Option<Fingerprint>,
    /// Accept this one, too: the server of this machine said that it is its own.
    pub known: Option<Fingerprint>,
}

/// A connection.
#[derive(Debug)]
pub struct Duplex {
    pub outgoing: mpsc::Sender<String>,
    /// Ends with a [`Incoming::Closed`], or without one when the reader was faster than it.
    pub incoming: mpsc::Receiver<Incoming>,
    pub peer: SocketAddr,
    /// Each message is a datagram.
    pub datagram: bool,
    pub times: Times,
    tasks: JoinSet<()>,
}

/// How long each part of connecting took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Times {
    /// The name server and the TCP handshake.
    pub connect: Duration,
    pub tls: Option<Duration>,
    pub websocket: Option<Duration>,
}

/// What a connection brings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Incoming {
    /// A line, message or datagram.
    Text(String),
    /// The end: a WebSocket's close code, if there was one, and words for people.
    Closed { code: Option<u16>, why: String },
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    #[error("{0}")]
    Failed(#[from] io::Error),
    #[error("no answer within {} s", CONNECT_WITHIN.as_secs())]
    TimedOut,
    #[error("there is no address for this name")]
    NoAddress,
    /// The certificate is not to be trusted; connecting again changes nothing about it.
    #[error(
        "its certificate is not trusted ({why}); its SHA-256 is {fingerprint}: if that is the right one, give it as --fingerprint"
    )]
    Untrusted { fingerprint: Fingerprint, why: String },
    #[error("TLS: {0}")]
    Tls(String),
    #[error("WebSocket: {0}")]
    WebSocket(String),
}

/// Connects. `attempt` counts the attempts: over UDP, where nothing tells at once that nobody is there, each takes
/// another one of the name's addresses.
///
/// # Errors
/// [`ConnectError`] says why it did not work.
pub async fn connect(place: &Place, attempt: u32) -> Result<Duplex, ConnectError> {
    timeout(CONNECT_WITHIN, connect_by_scheme(place, attempt)).await.unwrap_or(Err(ConnectError::TimedOut))
}

async fn connect_by_scheme(place: &Place, attempt: u32) -> Result<Duplex, ConnectError> {
    let address = &place.address;
    if address.scheme == Scheme::Udp {
        let addresses: Vec<_> = lookup_host((address.host.as_str(), address.port)).await?.collect();
        let places = addresses.len().max(1);
        return udp::connect(*addresses.get(attempt as usize % places).ok_or(ConnectError::NoAddress)?).await;
    }
    let handshake = match address.scheme {
        Scheme::Tls | Scheme::Wss => Some(tls::prepare(place)?),
        Scheme::Tcp | Scheme::Ws | Scheme::Udp => None,
    };
    let start = Instant::now();
    let stream = TcpStream::connect((address.host.as_str(), address.port)).await?;
    // A message is small and wants to leave at once.
    stream.set_nodelay(true)?;
    let peer = stream.peer_addr()?;
    let times = Times { connect: start.elapsed(), ..Times::default() };
    match handshake {
        Some(handshake) => {
            let (stream, times) = handshake.run(stream, times).await?;
            match address.scheme.is_websocket() {
                true => websocket::start(address, stream, peer, times).await,
                false => Ok(tls::start(stream, peer, times)),
            }
        }
        None if address.scheme.is_websocket() => websocket::start(address, stream, peer, times).await,
        None => Ok(tcp::start(stream, peer, times)),
    }
}

impl Duplex {
    /// Runs a reader and a writer. The one ends with the connection, the other when the [`Duplex`]'s sender is
    /// dropped and everything is written.
    fn run<R, W>(
        peer: SocketAddr,
        datagram: bool,
        times: Times,
        read: impl FnOnce(mpsc::Sender<Incoming>) -> R,
        write: impl FnOnce(mpsc::Receiver<String>) -> W,
    ) -> Self
    where
        R: Future<Output = ()> + Send + 'static,
        W: Future<Output = ()> + Send + 'static,
    {
        let (outgoing, to_write) = mpsc::channel(CHANNEL_MESSAGES);
        let (was_read, incoming) = mpsc::channel(CHANNEL_MESSAGES);
        let mut tasks = JoinSet::new();
        tasks.spawn(read(was_read));
        tasks.spawn(write(to_write));
        Self { outgoing, incoming, peer, datagram, times, tasks }
    }

    /// Says that nothing more will be sent, waits until the rest is written and the server has closed, and drops what
    /// arrives meanwhile. The caller bounds the time.
    pub async fn finish(self) {
        let Self { outgoing, mut incoming, mut tasks, datagram, .. } = self;
        drop(outgoing);
        if datagram {
            // Nobody closes a datagram socket: the writer alone has something to end for. It is the first to end,
            // since a reader of datagrams does not.
            let _ = tasks.join_next().await;
            return;
        }
        while incoming.recv().await.is_some() {}
    }
}

fn closed(error: Option<&io::Error>) -> Incoming {
    let why = match error {
        None => "the server closed the connection".to_owned(),
        Some(error) => error.to_string(),
    };
    Incoming::Closed { code: None, why }
}
