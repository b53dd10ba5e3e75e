//! A shard's sockets: a stream for each connection, and the datagram sockets that many share.

use super::driver::Local;
use super::polling::Poll;
use super::sockets::Stream;
use super::udp_sessions::UdpSessions;
use super::{Opening, Shard};
use crate::admission::Permit;
use crate::listener::Route;
use crate::udp::gate;
use bytes::Bytes;
use std::cell::{Cell, RefCell};
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Instant;
use switchboard_core::{CloseReason, Via};
use switchboard_protocols::Frame;
use switchboard_protocols::first::{Stranger, judge_datagram};
use switchboard_sys::{BATCH_MAX, Seat, send_datagrams};
use tokio::net::UdpSocket;
use tokio::task::spawn_local;

/// Datagrams read before others have their turn.
const DATAGRAMS_PER_TURN: usize = 64;
/// Senders that publish by token and are kept between two datagrams. More than an operator configures.
const SENDERS_MAX: usize = 10_000;

/// How a connection's bytes go out.
pub(crate) enum Endpoint {
    /// A socket, and its seat with the flusher.
    Stream(Rc<Stream>, Option<Seat>),
    Datagram(Rc<Datagrams>, Box<Remote>),
    /// In the answers to the requests of a client that polls.
    Polling(Rc<Poll>),
}

/// Whom a datagram connection stands for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Remote {
    /// An address.
    Address(SocketAddr),
    /// A sender of `udp.tokens`, by name: it is not answered.
    Sender(String),
}

/// A shard's endpoints by slot.
#[derive(Default)]
pub(crate) struct Table {
    endpoints: Vec<Option<Endpoint>>,
    datagrams: Vec<Rc<Datagrams>>,
}

impl Table {
    pub(super) fn insert(&mut self, slot: u32, endpoint: Endpoint) {
        let slot = slot as usize;
        if slot >= self.endpoints.len() {
            self.endpoints.resize_with(slot + 1, || None);
        }
        self.endpoints[slot] = Some(endpoint);
    }

    pub(super) fn get(&self, slot: u32) -> Option<&Endpoint> {
        self.endpoints.get(slot as usize)?.as_ref()
    }

    pub(super) fn remove(&mut self, slot: u32) -> Option<Endpoint> {
        self.endpoints.get_mut(slot as usize)?.take()
    }

    pub(super) fn add_datagrams(&mut self, datagrams: Rc<Datagrams>) {
        self.datagrams.push(datagrams);
    }

    pub(super) fn datagrams(&self) -> impl Iterator<Item = &Rc<Datagrams>> {
        self.datagrams.iter()
    }
}

/// A datagram socket and the sessions of the addresses that speak over it.
pub(crate) struct Datagrams {
    socket: UdpSocket,
    sessions: RefCell<UdpSessions>,
    /// Taken from outboxes and not sent yet; never more than one batch for each turn of the shard.
    outgoing: RefCell<Vec<(SocketAddr, Bytes)>>,
    /// Slots that wait until the socket takes datagrams again.
    waiting: RefCell<Vec<u32>>,
    blocked: Cell<bool>,
}

impl Datagrams {
    /// Serves a datagram socket until the process ends.
    pub(crate) fn serve(local: &Rc<Local>, socket: std::net::UdpSocket) {
        let socket = match UdpSocket::from_std(socket) {
            Ok(socket) => socket,
            Err(error) => return tracing::error!(%error, "a UDP socket cannot be served"),
        };
        let datagrams = Rc::new(Self {
            socket,
            sessions: RefCell::default(),
            outgoing: RefCell::default(),
            waiting: RefCell::default(),
            blocked: Cell::new(false),
        });
        local.add_datagrams(datagrams.clone());
        spawn_local(datagrams.receive_loop(local.clone()));
    }

    async fn receive_loop(self: Rc<Self>, local: Rc<Local>) {
        // The largest payload of a UDP datagram over IPv4 is 65,507 bytes, over IPv6 65,527.
        let mut buffer = vec![0; 65_536].into_boxed_slice();
        while self.socket.readable().await.is_ok() {
            for _ in 0..DATAGRAMS_PER_TURN {
                match self.socket.try_recv_from(&mut buffer) {
                    Ok((count, from)) => self.receive(&local, &mut buffer[..count], from),
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    // An earlier datagram could not be delivered: that is its receiver's affair.
                    Err(_) => {}
                }
            }
            tokio::task::yield_now().await;
        }
    }

    fn receive(self: &Rc<Self>, local: &Rc<Local>, datagram: &mut [u8], from: SocketAddr) {
        let remote = Remote::Address(from);
        let known = self.sessions.borrow().slot(&remote);
        if let Some(slot) = known {
            let now = local.tick();
            return local.with(|shard| shard.receive(now, slot, datagram));
        }
        let arrivals = &local.environment.arrivals;
        if from.ip().to_canonical().is_loopback() {
            match judge_datagram(datagram, arrivals.conversations.line_bytes) {
                Stranger::Speech => self.begin(local, remote, Some(from), datagram),
                Stranger::Nothing => {}
                // Somebody of this machine waits for an answer; nothing is kept of them for it.
                Stranger::Unreadable(reason) if self.sessions.borrow_mut().may_try(local.tick()) => {
                    let words = arrivals.datagram_refusal(reason, datagram);
                    let _ = self.socket.try_send_to(words.bytes(), from);
                }
                Stranger::Unreadable(_) => {}
            }
            return;
        }
        let seconds = local.environment.clock.now().0 / 1_000;
        let (name, lines) = match arrivals.udp_gate.judge(datagram, from, seconds) {
            gate::Verdict::Ignore => return,
            gate::Verdict::Answer(answer) => {
                // Whoever did not get it asks again.
                let _ = self.socket.try_send_to(&answer, from);
                return;
            }
            gate::Verdict::Accept => return self.begin(local, remote, Some(from), datagram),
            gate::Verdict::Publish { name, room, text, id } => {
                (name.to_owned(), sender_lines(name, room, &text, id.as_deref()))
            }
        };
        let remote = Remote::Sender(name);
        let slot = self.sessions.borrow().slot(&remote);
        let [mut hello, mut join, mut message] = lines;
        let now = local.tick();
        let slot = match slot {
            Some(slot) => slot,
            None if self.sessions.borrow().len() >= SENDERS_MAX => return,
            None => {
                self.begin(local, remote.clone(), Some(from), &mut hello);
                let Some(slot) = self.sessions.borrow().slot(&remote) else { return };
                local.with(|shard| shard.receive(now, slot, &mut join));
                slot
            }
        };
        local.with(|shard| shard.receive(now, slot, &mut message));
    }

    fn begin(self: &Rc<Self>, local: &Rc<Local>, remote: Remote, from: Option<SocketAddr>, first: &mut [u8]) {
        let arrivals = &local.environment.arrivals;
        let permit = match remote {
            Remote::Sender(_) => None,
            Remote::Address(address) => match self.admit(local, address, first) {
                Some(permit) => Some(permit),
                None => return,
            },
        };
        let opening = Opening {
            conversation: arrivals.datagram(),
            via: Via::Udp,
            address: from,
            observe: false,
            idle_ms: arrivals.udp_idle_ms,
            head: Frame::default(),
        };
        let now = local.tick();
        let slot = local.with(|shard| shard.open(now, opening));
        self.sessions.borrow_mut().insert(remote.clone(), slot, permit);
        local.insert(slot, Endpoint::Datagram(self.clone(), Box::new(remote)));
        local.with(|shard| shard.receive(now, slot, first));
    }

    /// Admits an address that has no session, in place of a silent one of the same host if that has its share. Returns
    /// `None` if it is refused; it is told so unless that was said often just now.
    fn admit(&self, local: &Rc<Local>, from: SocketAddr, first: &[u8]) -> Option<Permit> {
        let arrivals = &local.environment.arrivals;
        let refusal = match arrivals.admission.admit_datagrams(from.ip(), Instant::now()) {
            Ok(permit) => return Some(permit),
            Err(refusal) => refusal,
        };
        let metrics = &local.environment.metrics;
        metrics.limited(refusal.limit());
        let now = local.tick();
        let mut sessions = self.sessions.borrow_mut();
        if !sessions.may_try(now) {
            return None;
        }
        let heard = |slot: u32| local.peek(|shard| shard.heard(slot));
        if let Some((slot, permit)) = sessions.replace(from, now, heard) {
            local.with(|shard| shard.close(now, slot, CloseReason::Idle));
            return Some(permit);
        }
        arrivals.site.log_refusal(Route { peer: from, local: from, proxied: false }, &refusal.to_string());
        let words = arrivals.datagram_refusal(CloseReason::TooManyConnections, first);
        // Whoever did not get it asks again.
        let _ = self.socket.try_send_to(words.bytes(), from);
        None
    }

    /// An address's session is over.
    pub(super) fn forget(&self, remote: &Remote) {
        self.sessions.borrow_mut().remove(remote);
    }

    /// Takes what waits for one address, to be sent with everybody else's.
    pub(super) fn gather(self: &Rc<Self>, local: &Rc<Local>, slot: u32, remote: &Remote) {
        if self.blocked.get() {
            local.peek(|shard| shard.blocked(slot));
            return self.waiting.borrow_mut().push(slot);
        }
        local.peek(|shard| {
            while let Some((address, frame)) = shard.datagram(slot) {
                let bytes = frame.bytes().clone();
                shard.wrote(slot, bytes.len());
                if *remote == Remote::Address(address) {
                    self.outgoing.borrow_mut().push((address, bytes));
                }
            }
            shard.written(slot);
        });
    }

    /// Sends what was gathered, many datagrams in a call. Delivery over UDP is at most once: what the kernel refuses
    /// for one receiver is dropped, and when the socket is full the rest waits.
    pub(super) fn send(self: &Rc<Self>, local: &Rc<Local>) {
        let mut outgoing = self.outgoing.borrow_mut();
        let mut sent = 0;
        while sent < outgoing.len() && !self.blocked.get() {
            let end = outgoing.len().min(sent + BATCH_MAX);
            let batch: Vec<(SocketAddr, &[u8])> =
                outgoing[sent..end].iter().map(|(address, bytes)| (*address, bytes.as_ref())).collect();
            match self.socket.try_io(tokio::io::Interest::WRITABLE, || send_datagrams(&self.socket, &batch)) {
                Ok(count) => sent += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.blocked.set(true);
                    spawn_local(self.clone().unblock(local.clone()));
                }
                Err(_) => sent += 1,
            }
        }
        outgoing.drain(..sent);
    }

    async fn unblock(self: Rc<Self>, local: Rc<Local>) {
        if self.socket.writable().await.is_ok() {
            self.blocked.set(false);
            for slot in self.waiting.take() {
                local.with(|shard: &mut Shard| shard.unblocked(slot));
            }
            self.send(&local);
        }
    }
}

/// What a sender's datagram says, as the JSON session that stands for the sender says it.
fn sender_lines(name: &str, room: &str, text: &str, id: Option<&str>) -> [Vec<u8>; 3] {
    let say = |value: serde_json::Value| value.to_string().into_bytes();
    let mut message = serde_json::json!({ "type": "message", "room": room, "text": text });
    if let Some(id) = id {
        message["id"] = id.into();
    }
    [
        say(serde_json::json!({ "type": "hello", "nick": name })),
        say(serde_json::json!({ "type": "join", "room": room })),
        say(message),
    ]
}
