//! What becomes of a connection that was accepted: its first bytes decide, and its protocol takes it over.

pub(crate) mod accept;
mod first_bytes;
mod giving_way;
mod proxy;
pub(crate) mod silence;

use crate::admission::{Admission, AdmissionRefusal, Permit};
use crate::config::Pin;
use crate::http::socketio::Endpoint;
use crate::http::{Site, Visitor};
use crate::shard::Opening;
use crate::shard::driver::{Local, ShardHandle};
use crate::socket::Socket;
use crate::udp::gate::Gate;
use first_bytes::{First, Said};
use giving_way::{GaveWay, unless_noticed};
use ipnet::IpNet;
use silence::Silence;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};
use switchboard_core::Via;
use switchboard_protocols::{Conversation, Frame, Language, Settings, conversation};
use tokio::time::timeout;

/// What the log says of a proxy that passes raw connections on and names nobody.
const UNNAMED: &str = "a connection that is not HTTP came from an address of server.trusted_proxies without saying for \
                       whom: the proxy has to speak the PROXY protocol (with server.proxy_protocol=true), or its address \
                       is not to be trusted";
/// What the person behind it is told.
const UNNAMED_FAREWELL: &[u8] = b"-- A trusted proxy has to say for whom it comes (server.proxy_protocol). Goodbye.\n";

/// A connection on its way to a shard.
pub struct Accepted {
    /// It does not block.
    pub stream: std::net::TcpStream,
    pub peer: SocketAddr,
    pub local: SocketAddr,
    pub pin: Pin,
    pub permit: Permit,
}

/// What every shard knows about receiving connections.
pub struct Arrivals {
    pub conversations: Arc<Settings>,
    pub tls: Option<Arc<rustls::ServerConfig>>,
    pub site: Site,
    /// The Engine.IO endpoint, if there is one.
    pub socketio: Option<Endpoint>,
    /// Where the JSON protocol is for clients whose WebSockets are blocked.
    pub polling: Endpoint,
    /// Counts the sessions that poll: they live without a connection of their own, and are held to the same limits.
    pub pollers: Admission,
    /// All shards, for requests that concern another one.
    pub shards: Vec<ShardHandle>,
    pub udp_gate: Gate,
    /// Counts all connections, and UDP sessions with them.
    pub admission: Admission,
    pub udp_idle_ms: u64,
    pub idle_ms: u64,
    pub handshake_timeout: Duration,
    pub silence: Silence,
    pub trusted_proxies: Vec<IpNet>,
    pub proxy_protocol: bool,
}

/// A connection whose first bytes decide.
struct Arrival {
    socket: Socket,
    route: Route,
    permit: Permit,
    pin: Pin,
}

/// Where a connection comes from and where it arrived.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Route {
    /// The client: as its proxy names it, where a proxy is trusted.
    pub peer: SocketAddr,
    pub local: SocketAddr,
    /// It came from a trusted proxy that has not named its client yet: its HTTP requests have to.
    pub proxied: bool,
}

impl Arrivals {
    /// The conversation of a datagram's sender.
    #[must_use]
    pub fn datagram(&self) -> Box<dyn Conversation> {
        conversation::datagram(&self.conversations, None)
    }

    /// What is answered to a datagram of somebody who has no conversation, and meant it as words or as an object.
    #[must_use]
    pub fn datagram_refusal(&self, reason: switchboard_core::CloseReason, datagram: &[u8]) -> Frame {
        let choice = match datagram.first() {
            Some(b'{') => conversation::Choice::Json,
            _ => conversation::Choice::Text,
        };
        let mut words = conversation::datagram(&self.conversations, Some(choice));
        words.farewell(reason).unwrap_or_default()
    }

    /// Whether an address is one of the operator's proxies.
    #[must_use]
    pub fn is_proxy(&self, ip: IpAddr) -> bool {
        let ip = ip.to_canonical();
        self.trusted_proxies.iter().any(|net| net.contains(&ip))
    }

    /// Finds out what a connection speaks and hands it on. `None`: it came to nothing.
    pub async fn receive(&self, local: &Rc<Local>, accepted: Accepted) -> Option<()> {
        let peer = accepted.peer;
        match self.begin(local, accepted).await {
            Ok(()) => Some(()),
            Err(error) => {
                if gave_way(&error) {
                    self.site.metrics.limited("handshakes");
                    self.site.log_refusal(Route { peer, local: peer, proxied: false }, &GaveWay.to_string());
                }
                note_end(local, peer, &error);
                None
            }
        }
    }

    async fn begin(&self, local: &Rc<Local>, accepted: Accepted) -> io::Result<()> {
        let Accepted { stream, peer, local: at, pin, mut permit } = accepted;
        // A browser names the address that it reached, not the one that stands for all of them.
        let at = if at.ip().is_unspecified() { stream.local_addr()? } else { at };
        let socket = Socket::plain(stream);
        let mut route = Route { peer, local: at, proxied: self.is_proxy(peer.ip()) };
        let mut first = First::default();
        let notice = permit.notice();
        if route.proxied && self.proxy_protocol {
            let named = Box::pin(async {
                let named = timeout(self.handshake_timeout, proxy::read(&socket)).await;
                named.map_err(|_| proxy::missing()).flatten()
            });
            let named = unless_noticed(&notice, named).await.inspect_err(|error| {
                if error.kind() == io::ErrorKind::InvalidData {
                    self.site.log_refusal(route, &error.to_string());
                }
            })?;
            if let Some(client) = named {
                permit.locate(client.ip()).map_err(|refusal| self.refused(&refusal))?;
                route.peer = SocketAddr::new(client.ip().to_canonical(), client.port());
            }
            route.proxied = false;
        }
        let expects_tls = self.tls.is_some() && !route.peer.ip().to_canonical().is_loopback();
        let quiet = if expects_tls { silence::IN_TLS } else { Silence::quiet(peer) };
        let said = {
            let listening = pin!(self.listen(&socket, &mut first, &mut permit, &route, pin, quiet));
            unless_noticed(&notice, listening).await
        };
        let said = self.told(said, &socket, &first, pin)?;
        let arrival = Arrival { socket, route, permit, pin };
        match said {
            Said::Tls => Box::pin(self.begin_tls(local, arrival, first)).await,
            said => self.enter(local, arrival, said, first),
        }
    }

    /// Goes through the TLS handshake that begins with `first`, and finds out what is spoken inside.
    async fn begin_tls(&self, local: &Rc<Local>, arrival: Arrival, mut first: First) -> io::Result<()> {
        let Arrival { socket, route, mut permit, pin } = arrival;
        let Some(tls) = &self.tls else {
            giving_way::alert(&socket);
            crate::http::close(&socket).await;
            return Err(foreign("TLS, and there is no certificate here"));
        };
        let socket = Socket::tls(socket.into_tcp(), tls.clone())?;
        let hello = first.take();
        let notice = permit.notice();
        let shaken = {
            let shaking = pin!(async { timeout(self.handshake_timeout, socket.handshake(&hello)).await? });
            unless_noticed(&notice, shaking).await
        };
        if let Err(error) = shaken {
            // The alert that says what is wrong was sent: closing with unread bytes would reset it away.
            crate::http::close(&socket).await;
            return Err(error);
        }
        let said = if socket.is_http_by_alpn() {
            Said::Http
        } else {
            let said = {
                let inside = self.listen(&socket, &mut first, &mut permit, &route, pin, silence::IN_TLS);
                unless_noticed(&notice, pin!(inside)).await
            };
            self.told(said, &socket, &first, pin)?
        };
        self.enter(local, Arrival { socket, route, permit, pin }, said, first)
    }

    /// Passes a result on; a connection that has to give way before its language is known is first written why.
    fn told<T>(&self, said: io::Result<T>, socket: &Socket, first: &First, pin: Pin) -> io::Result<T> {
        said.inspect_err(|error| {
            if gave_way(error) {
                giving_way::tell(socket, first, pin, &self.conversations);
            }
        })
    }

    /// Counts a connection that its limit refuses.
    pub(crate) fn refused(&self, refusal: &AdmissionRefusal) -> io::Error {
        self.site.metrics.limited(refusal.limit());
        io::Error::other(*refusal)
    }

    /// Finds out what a connection speaks, by its first bytes or by `quiet`, so much silence.
    async fn listen(
        &self,
        socket: &Socket,
        first: &mut First,
        permit: &mut Permit,
        route: &Route,
        pin: Pin,
        quiet: Duration,
    ) -> io::Result<Said> {
        let quiet = match pin {
            Pin::Any | Pin::Text => Some(quiet),
            Pin::Json | Pin::Http | Pin::Udp => None,
        };
        let mut said = first.read(socket, quiet, self.handshake_timeout).await?;
        // Whoever sent an empty line is a person, and inside TLS a browser has said by ALPN that it speaks HTTP.
        while pin == Pin::Any
            && said == Said::Silence
            && first.is_empty()
            && !socket.is_tls()
            && let Some(found) = Box::pin(self.hold_back(socket, first, permit, *route, quiet)).await?
        {
            said = found;
        }
        match (pin, said) {
            (Pin::Any, _) | (_, Said::Tls) | (Pin::Text, Said::Silence) => Ok(said),
            (Pin::Text, Said::Text | Said::Http | Said::Json) => Ok(Said::Text),
            (Pin::Json, Said::Json) | (Pin::Http, Said::Http) => Ok(said),
            (Pin::Json | Pin::Http | Pin::Udp, _) => Err(foreign("not what this listener speaks")),
        }
    }

    /// Waits without a greeting for the first byte of a silent connection, if it may yet speak HTTP, and reads what it says
    /// then. `None`: it may not, or none came for so long that no browser would still use it.
    async fn hold_back(
        &self,
        socket: &Socket,
        first: &mut First,
        permit: &mut Permit,
        route: Route,
        quiet: Option<Duration>,
    ) -> io::Result<Option<Said>> {
        let may_ask_later = tokio::select! {
            biased;
            // Whoever speaks while it is found out decides by that.
            ready = socket.readable() => {
                ready?;
                return first.read(socket, quiet, self.handshake_timeout).await.map(Some);
            }
            may = self.silence.may_ask_later(route) => may,
        };
        if !may_ask_later {
            return Ok(None);
        }
        let notice = permit.notice();
        permit.finish_handshake();
        let held = &self.site.metrics.held_back;
        held.inc();
        let has_spoken = first.await_byte(socket, self.silence.hold()).await;
        held.dec();
        if has_spoken? {
            permit.resume_handshake(route.peer.ip(), &notice, Instant::now());
            return first.read(socket, quiet, self.handshake_timeout).await.map(Some);
        }
        Ok(None)
    }

    fn enter(&self, local: &Rc<Local>, arrival: Arrival, said: Said, mut first: First) -> io::Result<()> {
        let Arrival { socket, route, mut permit, pin } = arrival;
        let needs_tls = self.tls.is_some() && !socket.is_tls() && !route.peer.ip().to_canonical().is_loopback();
        self.silence.note(route, said == Said::Http);
        let language = match said {
            Said::Http => {
                permit.finish_handshake();
                let visitor = Visitor { socket, route, permit, needs_tls, refused: 0 };
                crate::http::receive(local.clone(), Box::new(visitor), first.take());
                return Ok(());
            }
            Said::Tls => {
                socket.shut();
                return Err(foreign("TLS inside TLS"));
            }
            Said::Json => Language::Json,
            Said::Text | Said::Silence => Language::Text(self.conversations.text_style),
        };
        if route.proxied {
            self.site.log_refusal(route, UNNAMED);
            if matches!(language, Language::Text(_)) {
                // A fresh socket has room for a line; who closed already does not read it.
                let _ = socket.try_write(&[io::IoSlice::new(UNNAMED_FAREWELL)]);
            }
            socket.shut();
            return Err(foreign("a trusted proxy that does not say for whom it comes"));
        }
        let mut conversation = match language {
            // First bytes lead to text and to JSON only.
            Language::Json | Language::SocketIo(_) => conversation::stream_json(&self.conversations),
            Language::Text(_) if pin == Pin::Text => conversation::stream_text_only(&self.conversations),
            Language::Text(_) => conversation::stream_text(&self.conversations),
        };
        if needs_tls {
            if let Some(farewell) = conversation.farewell(switchboard_core::CloseReason::TlsRequired) {
                // A fresh socket has room for a line; who closed already does not read it.
                let _ = socket.try_write(&[io::IoSlice::new(farewell.bytes())]);
            }
            socket.shut();
            return Err(foreign("plaintext where TLS is required"));
        }
        permit.finish_handshake();
        let opening = Opening {
            conversation,
            via: if socket.is_tls() { Via::Tls } else { Via::Tcp },
            address: Some(route.peer),
            // Greeted at once, whether it speaks first or not: its first words are a message only after some quiet.
            observe: matches!(language, Language::Text(_)),
            idle_ms: self.idle_ms,
            head: Frame::default(),
        };
        local.open(socket.loosen(), permit, opening, &mut first.take());
        Ok(())
    }
}

/// Notes the end of a connection that came to nothing, or was no more than HTTP.
pub(crate) fn note_end(local: &Local, peer: SocketAddr, error: &io::Error) {
    // Port scans, health checks and spare sockets of browsers end here every second.
    tracing::debug!(address = %peer, %error, "a connection came to nothing");
    if !is_of_no_account(error) {
        local.environment.metrics.handshake_failures.inc();
    }
}

/// The end of a connection on which nothing was said, as balancers open and close them to see whether somebody listens,
/// or on which all was said.
#[derive(Debug, thiserror::Error)]
#[error("it left")]
pub(crate) struct Left;

impl From<Left> for io::Error {
    fn from(left: Left) -> Self {
        Self::new(io::ErrorKind::UnexpectedEof, left)
    }
}

fn is_of_no_account(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|reason| reason.is::<Left>())
}

/// Whether a connection ended because others wanted its place.
fn gave_way(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|reason| reason.is::<GaveWay>())
}

fn foreign(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes of the task of a connection that has said nothing yet. It is moved several times, and there may be many.
    const TASK_BYTES_MAX: usize = 1_024;

    const fn size<'a, F: Future>(_: fn(&'a Arrivals, &'a Rc<Local>, Accepted) -> F) -> usize {
        size_of::<F>()
    }

    #[test]
    fn the_task_of_a_connection_that_arrives_is_small() {
        assert!(size(Arrivals::receive) <= TASK_BYTES_MAX, "{} bytes", size(Arrivals::receive));
    }
}
