//! The accepting thread: takes connections in, holds them against the limits, and hands them to the shards.

use super::{Accepted, Arrivals};
use crate::admission::{Admission, LogLimiter};
use crate::config::Pin;
use crate::metrics::Metrics;
use crate::shard::driver::{Inbound, ShardHandle};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::{Duration, Instant};
use switchboard_sys::Acceptor;

/// How long accepting rests when the descriptors are used up: connections that end meanwhile make room.
const REST: Duration = Duration::from_millis(50);

/// How often the log tells of the same trouble.
const LOG_INTERVAL: Duration = Duration::from_secs(5);

/// What an accepting task works with.
#[derive(Clone)]
pub(crate) struct Door {
    pub admission: Admission,
    pub arrivals: Arc<Arrivals>,
    pub shards: Vec<ShardHandle>,
    pub metrics: Arc<Metrics>,
}

impl Door {
    /// Accepts connections until it is dropped.
    pub(crate) async fn accept(self, listener: Acceptor, local: SocketAddr, pin: Pin) {
        let mut failures = LogLimiter::new(LOG_INTERVAL);
        let mut refusals = LogLimiter::new(LOG_INTERVAL);
        let mut next = 0;
        loop {
            let (stream, peer) = match listener.accept().await {
                Ok(accepted) => accepted,
                Err(error) => {
                    self.metrics.accept_failures.inc();
                    if let Some(skipped) = failures.note(Instant::now()) {
                        tracing::warn!(%error, skipped, "cannot accept connections; trying again");
                    }
                    // A peer that left while it waited is no reason to rest; used-up descriptors are.
                    if !is_of_one_connection(&error) {
                        tokio::time::sleep(REST).await;
                    }
                    continue;
                }
            };
            let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
            let now = Instant::now();
            let permit = if self.arrivals.is_proxy(peer.ip()) {
                self.admission.admit_proxy(peer.ip(), now)
            } else {
                self.admission.admit(peer.ip(), now)
            };
            let permit = match permit {
                Ok(permit) => permit,
                Err(refusal) => {
                    if let Some(skipped) = refusals.note(now) {
                        tracing::warn!(address = %peer, %refusal, skipped, "connection refused");
                    }
                    self.metrics.closed(switchboard_core::CloseReason::TooManyConnections);
                    self.metrics.limited(refusal.limit());
                    continue;
                }
            };
            next = self.least_loaded(next + 1);
            self.shards[next].hand(Inbound::Accepted(Accepted { stream, peer, local, pin, permit })).await;
        }
    }

    /// The shard with the fewest connections; of several, the next in turn.
    fn least_loaded(&self, from: usize) -> usize {
        let count = self.shards.len();
        (from..from + count).map(|place| place % count).min_by_key(|place| self.shards[*place].load()).unwrap_or(0)
    }
}

/// Begins to accept: no delay for small messages, a peer that vanished is noticed within two minutes, and urgent data stay
/// where they are in the stream: telnet's Synch makes the second byte of a command urgent (RFC 854), and without that byte
/// the command would take the next one of the text. What is set for a listener holds for its connections.
///
/// # Errors
/// The system refuses an option, or the runtime takes no more.
pub(crate) fn open(listener: TcpListener) -> io::Result<Acceptor> {
    let socket = socket2::SockRef::from(&listener);
    socket.set_tcp_nodelay(true)?;
    socket.set_out_of_band_inline(true)?;
    let keepalive = socket2::TcpKeepalive::new()
        .with_time(Duration::from_secs(60))
        .with_interval(Duration::from_secs(15))
        .with_retries(4);
    socket.set_tcp_keepalive(&keepalive)?;
    Acceptor::new(listener)
}

fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn connections_are_as_their_listener() {
        let listener = crate::ports::bind_tcp("127.0.0.1:0".parse().expect("an address")).expect("a port");
        let address = listener.local_addr().expect("an address");
        let acceptor = open(listener).expect("a listener");
        let _far = std::net::TcpStream::connect(address).expect("a connection");
        let (near, _) = acceptor.accept().await.expect("a connection");
        let near = socket2::SockRef::from(&near);
        assert!(near.tcp_nodelay().expect("an option") && near.nonblocking().expect("an option"));
        assert!(near.keepalive().expect("an option"));
        assert!(near.out_of_band_inline().expect("an option"));
        assert_eq!(near.tcp_keepalive_time().expect("an option"), Duration::from_secs(60));
        assert_eq!(near.tcp_keepalive_interval().expect("an option"), Duration::from_secs(15));
        assert_eq!(near.tcp_keepalive_retries().expect("an option"), 4);
    }
}
