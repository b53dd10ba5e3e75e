//! The echo server's sockets, and the tasks that serve them.

use std::future::Future;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::runtime;
use tokio::sync::Semaphore;
use tokio::time::sleep;

use switchboard_protocols::first::ECHO_PROBE;

use super::journal::Journal;
use super::{Options, PORTS, datagrams, stream};
use crate::config::ListenPlace;
use crate::ports::{self, Bound, LOOPBACK};

/// Connections at a time. One more is told so and closed. Each has a buffer of 16 KiB and at most
/// one request and its replies, about 1.2 MB, under way.
const CONNECTIONS_MAX: usize = 1_024;

/// How long no connection is accepted after accepting one failed: with all descriptors used up,
/// trying again at once would only heat the room.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// An echo server that has its ports.
pub struct Server {
    bound: Vec<Bound>,
    shared: Shared,
}

/// What all connections need.
#[derive(Clone)]
pub(super) struct Shared {
    pub(super) reply: Option<Arc<str>>,
    pub(super) journal: Journal,
}

impl Shared {
    /// The reply to a parameter, which is printed. Our client's question whether this is an echo server is sent back
    /// whatever else is answered, and is nothing to print.
    pub(super) fn answer<'a>(&'a self, from: SocketAddr, parameter: &'a [u8]) -> &'a [u8] {
        if parameter == ECHO_PROBE.as_bytes() {
            return parameter;
        }
        self.journal.note(from, parameter);
        self.reply.as_ref().map_or(parameter, |reply| reply.as_bytes())
    }
}

impl Server {
    /// Takes the ports. Each parameter will be printed to `journal`.
    ///
    /// # Errors
    /// When an address cannot be taken; the error names it.
    pub fn bind(options: &Options, journal: Box<dyn Write + Send>) -> io::Result<Self> {
        let mut bound = Vec::new();
        if options.listen.is_empty() {
            bound = ports::bind_first_free(&LOOPBACK, PORTS)?;
        }
        for place in &options.listen {
            let taken = match place {
                ListenPlace::Port(port) => ports::bind_all(&LOOPBACK, *port),
                ListenPlace::Address(address) => ports::bind(*address).map(|one| vec![one]),
            };
            bound.extend(taken.map_err(|error| {
                let place = match place {
                    ListenPlace::Port(port) => format!("localhost:{port}"),
                    ListenPlace::Address(address) => address.to_string(),
                };
                io::Error::new(error.kind(), format!("cannot listen on {place}: {error}"))
            })?);
        }
        bound.sort_by_key(|one| one.address.is_ipv6());
        let reply = options.reply.as_deref().map(Arc::from);
        Ok(Self { bound, shared: Shared { reply, journal: Journal::new(journal) } })
    }

    /// Where it listens, IPv4 first.
    pub fn addresses(&self) -> impl Iterator<Item = SocketAddr> {
        self.bound.iter().map(|one| one.address)
    }

    /// Serves until `stop` is ready; then all connections are cut.
    ///
    /// # Errors
    /// When the system gives no event queue.
    pub fn run(self, stop: impl Future<Output = ()>) -> io::Result<()> {
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async {
            let permits = Arc::new(Semaphore::new(CONNECTIONS_MAX));
            for Bound { tcp, udp, .. } in self.bound {
                let (tcp, udp) = (TcpListener::from_std(tcp)?, UdpSocket::from_std(udp)?);
                tokio::spawn(accept(tcp, Arc::clone(&permits), self.shared.clone()));
                tokio::spawn(datagrams::serve(udp, self.shared.clone()));
            }
            stop.await;
            Ok(())
        })
    }
}

async fn accept(listener: TcpListener, permits: Arc<Semaphore>, shared: Shared) {
    loop {
        let Ok((stream, peer)) = listener.accept().await else {
            sleep(ACCEPT_PAUSE).await;
            continue;
        };
        match Arc::clone(&permits).try_acquire_owned() {
            Ok(permit) => {
                let shared = shared.clone();
                tokio::spawn(async move {
                    // However it ends, it concerns nobody but the client, who sees it.
                    let _ = stream::serve(stream, peer, &shared).await;
                    drop(permit);
                });
            }
            Err(_) => refuse(&stream),
        }
    }
}

/// Says why, as far as it can be said without waiting.
fn refuse(stream: &TcpStream) {
    let _ = stream.try_write(b"error: too many connections\n");
}
