//! Whether a connection that says nothing is greeted, or may be a browser's or a proxy's that asks later.
//!
//! A browser connects before it needs to, and a proxy before its client has spoken; a greeting is then taken for the
//! answer to a request (`docs/decisions/0010-whom-silence-greets.md`).

mod known;
mod proc_net;
mod rule;
mod search;

use super::Route;
use known::Known;
use search::Search;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Silence that makes a text connection of one from this machine: longer than a client needs that means to speak first,
/// shorter than a person notices.
const LOCAL: Duration = Duration::from_millis(300);
/// The same for one from elsewhere, whose first packet may be lost: the system sends it again after a second
/// (RFC 6298 section 2).
const ELSEWHERE: Duration = Duration::from_millis(1_500);
/// The same where a TLS client is expected, and inside TLS, whose clients are rarely people.
pub(super) const IN_TLS: Duration = Duration::from_secs(2);

/// Who may be silent and speak HTTP later, as far as this server can know.
pub struct Silence {
    /// How long a connection that may speak HTTP later is waited for until it is greeted all the same.
    hold: Duration,
    known: Arc<Mutex<Known>>,
    search: Search,
}

impl Silence {
    /// Starts with nobody known.
    ///
    /// # Errors
    /// The system starts no more threads.
    pub(crate) fn start(hold: Duration) -> io::Result<Self> {
        let known = Arc::default();
        let search = Search::start(Arc::clone(&known))?;
        Ok(Self { hold, known, search })
    }

    /// Returns how long a connection that may speak HTTP later is waited for.
    pub(super) const fn hold(&self) -> Duration {
        self.hold
    }

    /// Returns the silence that makes a text connection.
    pub(super) fn quiet(peer: SocketAddr) -> Duration {
        if peer.ip().to_canonical().is_loopback() { LOCAL } else { ELSEWHERE }
    }

    /// Notes what a connection turned out to speak.
    pub(super) fn note(&self, route: Route, is_http: bool) {
        let is_local = is_of_this_machine(route);
        if is_http {
            self.known().speaks_http(route.peer, is_local, Instant::now());
        } else if is_local {
            self.known().speaks_no_http(&route.peer);
        }
    }

    /// Returns whether a connection that was silent may yet speak HTTP. The process at its other end decides where it
    /// can be told, else whether its address has spoken HTTP lately.
    pub(super) async fn may_ask_later(&self, route: Route) -> bool {
        // A proxy has nothing to say before its client does.
        if route.proxied {
            return true;
        }
        if is_of_this_machine(route)
            && let Some(may) = self.search.may_ask_later(route.peer, route.local.port()).await
        {
            return may;
        }
        self.known().address_speaks_http(route.peer, Instant::now())
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        // Each change is one insertion or removal, so a panic elsewhere leaves nothing half done.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether the other end of a connection is a process of this machine.
fn is_of_this_machine(route: Route) -> bool {
    let ip = route.peer.ip().to_canonical();
    ip.is_loopback() || ip == route.local.ip().to_canonical()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, TcpStream};

    fn route(peer: SocketAddr, local: SocketAddr) -> Route {
        Route { peer, local, proxied: false }
    }

    fn address(text: &str) -> SocketAddr {
        text.parse().expect("an address")
    }

    #[tokio::test]
    async fn an_address_decides_where_no_process_can_be_told() {
        let silence = Silence::start(Duration::from_secs(1)).expect("a thread");
        let here = address("192.0.2.100:12345");
        let (browser, other) = (address("192.0.2.1:1"), address("192.0.2.2:1"));
        assert!(!silence.may_ask_later(route(browser, here)).await, "nobody is known at first");
        silence.note(route(browser, here), true);
        assert!(silence.may_ask_later(route(address("192.0.2.1:2"), here)).await);
        assert!(!silence.may_ask_later(route(other, here)).await);
        silence.note(route(other, here), false);
        assert!(!silence.may_ask_later(route(other, here)).await);
        assert!(silence.may_ask_later(Route { proxied: true, ..route(other, here) }).await, "a proxy");
        // On loopback as well, when nobody holds the other end that anybody can see.
        let gone = address("127.0.0.1:1");
        assert!(!silence.may_ask_later(route(gone, address("127.0.0.1:9"))).await);
        silence.note(route(gone, address("127.0.0.1:9")), true);
        assert!(silence.may_ask_later(route(gone, address("127.0.0.1:9"))).await);
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn the_process_decides_where_it_can_be_told() {
        let silence = Silence::start(Duration::from_secs(1)).expect("a thread");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let here = listener.local_addr().expect("an address");
        let socket = TcpStream::connect(here).expect("a connection");
        let own = route(socket.local_addr().expect("an address"), here);
        assert!(silence.may_ask_later(own).await, "this process takes connections, as a proxy does");
        assert_eq!(Silence::quiet(own.peer), LOCAL);
        assert_eq!(Silence::quiet(address("[::ffff:127.0.0.1]:1")), LOCAL);
        assert_eq!(Silence::quiet(address("192.0.2.1:1")), ELSEWHERE);
    }
}
