//! Engine.IO sessions that poll: their requests, which arrive anywhere, and the way to a WebSocket.

use super::Opening;
use super::driver::{Inbound, Local};
use super::endpoint::Endpoint;
use super::sockets::Stream;
use crate::admission::Permit;
use crate::http::Posted;
use crate::socket::{Loose, Socket};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::rc::{Rc, Weak};
use std::time::Duration;
use switchboard_core::{CloseReason, Via};
use switchboard_protocols::engineio::packet::{NOOP, PROBE, PROBE_ANSWER, UPGRADE};
use switchboard_protocols::engineio::{Refused, Sid};
use switchboard_protocols::framing::websocket::{Decoder, Deflate, Message, Role, frame};
use switchboard_protocols::{Conversation, Frame, Framing, Language, Tick};
use tokio::sync::oneshot;
use tokio::task::spawn_local;
use tokio::time::{Instant, sleep, sleep_until, timeout_at};

/// How long a poll is held while a WebSocket that has been probed has not said yet that it takes over. Then it is let
/// go, because the client may wait for it before it says so. Polls that come later wait as long, and no client can keep
/// a server busy with them.
const HOLD: Duration = Duration::from_millis(100);
/// How long a client has to read the answer to a body that was too large, before its session ends.
const PARTING: Duration = Duration::from_millis(500);
/// Bytes of a message on a WebSocket that is being probed: its two packets are a few bytes.
const PROBE_BYTES_MAX: usize = 1_024;

/// What a request wants of a session.
#[derive(Debug)]
pub enum Wish {
    /// Wait for packets.
    Poll,
    /// A body is about to come: whether it may.
    BeginPost,
    /// Here it is. `None`: it did not come as it should have, and the session ends.
    Post(Option<Posted>),
    /// The body is larger than it may be.
    TooLarge,
    /// Whether a WebSocket may take the session over. If so, it is expected.
    Probe,
    /// A poll's client is gone, and was not given the answer.
    Abandon,
}

/// What becomes of it.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Packets.
    Payload(Vec<u8>),
    /// It is done, or may be.
    Done,
    /// Another WebSocket has the session already, or is about to.
    Occupied,
    /// The body was not what it should be, and the session is closed.
    BadBody,
    Refused(Refused),
}

/// A request on its way to the shard that owns its session.
#[derive(Debug)]
pub struct Errand {
    pub sid: Sid,
    pub wish: Wish,
    pub tell: oneshot::Sender<Outcome>,
}

/// A WebSocket on its way to the shard that owns the session that it wants to take over.
pub struct Probe {
    pub(crate) sid: Sid,
    pub(crate) socket: Loose,
    pub(crate) permit: Permit,
    /// What was read of it already.
    pub(crate) first: Vec<u8>,
    /// How long it may take.
    pub(crate) patience: Duration,
    /// What was agreed on, if the messages may be compressed.
    pub(crate) compression: Option<Deflate>,
}

/// A session that polls.
pub(crate) struct Poll {
    sid: Sid,
    /// The poll that waits.
    waiting: RefCell<Option<oneshot::Sender<Outcome>>>,
    /// A POST is under way.
    pub(super) posting: Cell<bool>,
    /// A WebSocket may take over until then.
    probed_until: Cell<Option<Tick>>,
    /// Whether a WebSocket may take over at all.
    can_move: bool,
    #[expect(dead_code, reason = "held for its drop, which gives the place back")]
    permit: Permit,
}

/// A poll that came to a shard. As long as there is one, the shard is not done: it is dropped in the turn in which the
/// answer is written.
pub(crate) struct Underway(pub(crate) Rc<Local>);

impl Underway {
    pub(crate) fn begin(local: &Rc<Local>) -> Self {
        local.polling.polls.update(|polls| polls + 1);
        Self(local.clone())
    }
}

impl Drop for Underway {
    fn drop(&mut self) {
        self.0.polling.polls.update(|polls| polls - 1);
        self.0.look_for_the_end();
    }
}

/// A shard's sessions that poll.
#[derive(Default)]
pub(super) struct Sessions {
    slots: RefCell<HashMap<Sid, u32>>,
    /// Those that a WebSocket took over, for as long as it lives: their ids are not unknown, but of no use any more.
    upgraded: RefCell<HashMap<Sid, Weak<Stream>>>,
    /// Polls that came here and were not answered yet, whichever shards their sessions belong to.
    polls: Cell<usize>,
}

impl Sessions {
    pub(super) fn has_no_polls(&self) -> bool {
        self.polls.get() == 0
    }

    fn is_upgraded(&self, sid: &Sid) -> bool {
        self.upgraded.borrow().get(sid).is_some_and(|socket| socket.strong_count() > 0)
    }

    /// Remembers a session that was taken over. Of those that are gone it forgets half of all at the latest.
    fn note_upgrade(&self, sid: Sid, socket: Weak<Stream>) {
        let mut upgraded = self.upgraded.borrow_mut();
        if upgraded.len() == upgraded.capacity() {
            upgraded.retain(|_, socket| socket.strong_count() > 0);
        }
        upgraded.insert(sid, socket);
    }

    pub(super) fn forget(&self, poll: &Poll) {
        self.slots.borrow_mut().remove(&poll.sid);
        if let Some(tell) = poll.waiting.take() {
            // Who waits learns that there is nothing to wait for.
            let _ = tell.send(Outcome::Refused(Refused::SessionUnknown));
        }
    }
}

impl Local {
    /// Opens a session that polls, and gives its first payload: the handshake.
    pub(crate) fn open_polling(
        self: &Rc<Self>,
        sid: Sid,
        conversation: Box<dyn Conversation>,
        address: SocketAddr,
        mut permit: Permit,
    ) -> Vec<u8> {
        let now = self.tick();
        let can_move = matches!(conversation.dialect().language, Language::SocketIo(_));
        let opening = Opening {
            conversation,
            via: Via::Polling,
            address: Some(address),
            observe: false,
            idle_ms: 0,
            head: Frame::default(),
        };
        let slot = self.with(|shard| shard.open(now, opening));
        permit.finish_handshake();
        let poll = Poll {
            sid,
            waiting: RefCell::default(),
            posting: Cell::new(false),
            probed_until: Cell::new(None),
            can_move,
            permit,
        };
        self.polling.slots.borrow_mut().insert(sid, slot);
        self.insert(slot, Endpoint::Polling(Rc::new(poll)));
        self.count_in();
        self.with(|shard| {
            shard.receive(now, slot, &mut []);
            let payload = shard.payload(slot).unwrap_or_default();
            shard.written(slot);
            payload
        })
    }

    /// Opens a session on a WebSocket.
    pub(crate) fn open_engine(
        self: &Rc<Self>,
        socket: Loose,
        permit: Permit,
        conversation: Box<dyn Conversation>,
        address: SocketAddr,
        head: Frame,
        first: &mut [u8],
    ) {
        let now = self.tick();
        let opening =
            Opening { conversation, via: Via::WebSocket, address: Some(address), observe: false, idle_ms: 0, head };
        let slot = self.take_in(socket, permit, opening);
        self.with(|shard| {
            // The handshake comes before anything that was sent without waiting for it.
            shard.receive(now, slot, &mut []);
            if !first.is_empty() {
                shard.receive(now, slot, first);
            }
        });
    }

    /// Does what a request wants of a session, here or in the shard that owns it.
    pub(crate) async fn errand(self: &Rc<Self>, sid: Sid, wish: Wish) -> Outcome {
        // An errand that nobody ran was one of a session that is not there.
        self.ask(sid, wish).await.await.unwrap_or(Outcome::Refused(Refused::SessionUnknown))
    }

    /// Begins what a request wants of a session. Nothing is told of a session that is not there.
    pub(crate) async fn ask(self: &Rc<Self>, sid: Sid, wish: Wish) -> oneshot::Receiver<Outcome> {
        let (tell, told) = oneshot::channel();
        let errand = Errand { sid, wish, tell };
        if u32::from(sid.shard()) == u32::from(self.environment.settings.number) {
            self.clone().run_errand(errand);
        } else if let Some(shard) = self.environment.arrivals.shards.get(usize::from(sid.shard())) {
            shard.hand(Inbound::Errand(errand)).await;
        }
        told
    }

    /// Lets the owner know, from a place where nothing can be waited for, that a poll's client is gone.
    pub(crate) fn abandon(self: &Rc<Self>, sid: Sid) {
        let local = self.clone();
        spawn_local(async move { local.errand(sid, Wish::Abandon).await });
    }

    /// Does what a request wants of a session of this shard.
    pub(crate) fn run_errand(self: Rc<Self>, errand: Errand) {
        let Errand { sid, wish, tell } = errand;
        let now = self.tick();
        let slot = self.polling.slots.borrow().get(&sid).copied();
        if let Some(slot) = slot {
            // A request is a good moment to notice that the session's time is over.
            self.with(|shard| shard.meet_deadline(now, slot));
            self.settle(slot);
        }
        let slot = self.polling.slots.borrow().get(&sid).copied();
        let Some((slot, poll)) = slot.and_then(|slot| Some((slot, self.poll_of(slot)?))) else {
            let outcome = match (self.polling.is_upgraded(&sid), &wish) {
                (true, Wish::Probe) => Outcome::Occupied,
                (true, _) => Outcome::Refused(Refused::BadRequest),
                (false, _) => Outcome::Refused(Refused::SessionUnknown),
            };
            return drop(tell.send(outcome));
        };
        let outcome = match wish {
            Wish::Poll => return self.poll(slot, &poll, tell),
            Wish::BeginPost if poll.posting.replace(true) => self.overlap(slot),
            Wish::BeginPost => Outcome::Done,
            Wish::Post(Some(body)) => {
                spawn_local(self.post(slot, poll, body, tell));
                return;
            }
            Wish::Post(None) => {
                self.end(slot, CloseReason::ProtocolError);
                Outcome::BadBody
            }
            Wish::TooLarge => {
                // The answer to the POST says why; it must not come after the end of a poll that only says that.
                spawn_local(async move {
                    sleep(PARTING).await;
                    if self.polling.slots.borrow().get(&sid) == Some(&slot) {
                        self.end(slot, CloseReason::FrameTooLarge);
                    }
                });
                Outcome::Done
            }
            Wish::Probe if !poll.can_move => Outcome::Refused(Refused::TransportUnknown),
            Wish::Probe if poll.probed_until.get().is_some_and(|until| now < until) => Outcome::Occupied,
            Wish::Probe if !self.peek(|shard| shard.is_open(slot)) => Outcome::Refused(Refused::SessionUnknown),
            Wish::Probe => {
                let endpoint = self.environment.arrivals.socketio.as_ref();
                let patience = endpoint.map_or(0, |endpoint| endpoint.settings.upgrade_timeout_ms);
                poll.probed_until.set(Some(now + patience));
                Outcome::Done
            }
            Wish::Abandon => {
                // If it has come back with another poll, that is what counts.
                if poll.waiting.borrow().as_ref().is_none_or(oneshot::Sender::is_closed) {
                    poll.waiting.take();
                    self.with(|shard| shard.broken(now, slot));
                    self.settle(slot);
                }
                Outcome::Done
            }
        };
        // Who asked may be gone.
        let _ = tell.send(outcome);
    }

    pub(super) fn poll_of(&self, slot: u32) -> Option<Rc<Poll>> {
        match self.table().get(slot) {
            Some(Endpoint::Polling(poll)) => Some(poll.clone()),
            Some(Endpoint::Stream(..) | Endpoint::Datagram(..)) | None => None,
        }
    }

    fn poll(self: &Rc<Self>, slot: u32, poll: &Poll, tell: oneshot::Sender<Outcome>) {
        if poll.waiting.borrow().is_some() {
            // Only one poll at a time: the session is closed, which the first one learns.
            let outcome = self.overlap(slot);
            let _ = tell.send(outcome);
            return;
        }
        poll.waiting.replace(Some(tell));
        self.with(|shard| shard.unblocked(slot));
        self.answer(slot, poll);
        self.settle(slot);
    }

    /// A second request of a kind of which there can be one.
    fn overlap(self: &Rc<Self>, slot: u32) -> Outcome {
        self.end(slot, CloseReason::ProtocolError);
        Outcome::Refused(Refused::BadRequest)
    }

    /// Ends a session whose requests were wrong.
    fn end(self: &Rc<Self>, slot: u32, reason: CloseReason) {
        let now = self.tick();
        self.with(|shard| shard.end(now, slot, reason));
        self.settle(slot);
    }

    /// Answers the poll that waits, if something does for it, and drops a session that is over.
    pub(super) fn settle(self: &Rc<Self>, slot: u32) {
        if let Some(poll) = self.poll_of(slot) {
            self.answer(slot, &poll);
        }
        self.carry_out();
    }

    /// The write step of a session that polls.
    pub(super) fn answer(&self, slot: u32, poll: &Poll) {
        let has_waiting = self.peek(|shard| shard.has_waiting(slot));
        if !has_waiting {
            return self.peek(|shard| shard.written(slot));
        }
        match poll.waiting.take().filter(|tell| !tell.is_closed()) {
            None => self.peek(|shard| shard.unclaimed(slot)),
            Some(tell) => {
                let payload = self.peek(|shard| shard.payload(slot)).unwrap_or_default();
                let is_lost = tell.send(Outcome::Payload(payload)).is_err();
                let now = self.tick();
                self.peek(|shard| match is_lost {
                    true => shard.broken(now, slot),
                    false => shard.answered(slot),
                });
            }
        }
    }

    /// A WebSocket wants to take a session over.
    pub(crate) fn probe(self: Rc<Self>, probe: Probe) {
        let Probe { sid, socket, permit, first, patience, compression } = probe;
        let socket = Socket::fasten(socket);
        self.count_in();
        spawn_local(async move {
            let until = Instant::now() + patience;
            let held = match timeout_at(until, self.clone().shake_hands(sid, &socket, first, compression)).await {
                Ok(Some(rest)) => self.clone().take_over(sid, socket, permit, rest, compression),
                Ok(None) | Err(_) => {
                    socket.shut();
                    false
                }
            };
            if !held {
                // The polling goes on as if nothing had been.
                self.count_out();
                let slot = self.polling.slots.borrow().get(&sid).copied();
                if let Some(poll) = slot.and_then(|slot| self.poll_of(slot)) {
                    poll.probed_until.set(None);
                }
            }
        });
    }

    /// `2probe`, `3probe`, `5`. Gives what came after that; none if the WebSocket did anything else.
    async fn shake_hands(
        self: Rc<Self>,
        sid: Sid,
        socket: &Socket,
        first: Vec<u8>,
        compression: Option<Deflate>,
    ) -> Option<Vec<u8>> {
        let mut decoder = Decoder::new(Role::Server, PROBE_BYTES_MAX).inflating(compression.is_some());
        let mut is_probed = false;
        let mut bytes = first;
        let mut release = Instant::now() + HOLD;
        loop {
            let mut input = &mut bytes[..];
            while let Some(message) = decoder.next_message(&mut input).ok()? {
                match message {
                    Message::Text(text) if !is_probed && text == PROBE => {
                        is_probed = true;
                        socket.try_write(&[std::io::IoSlice::new(&frame::text(PROBE_ANSWER))]).ok()?;
                        release = Instant::now() + HOLD;
                    }
                    Message::Text(text) if is_probed && text == UPGRADE => return Some(input.to_vec()),
                    Message::Ping(payload) => {
                        socket.try_write(&[std::io::IoSlice::new(&frame::pong(&payload))]).ok()?;
                    }
                    Message::Pong(_) => {}
                    Message::Text(_) | Message::Binary(_) | Message::Close(_) => return None,
                }
            }
            bytes.resize(PROBE_BYTES_MAX, 0);
            // Read before waiting: TLS may hold what the network has given already.
            match socket.try_read(&mut bytes) {
                Ok(0) => return None,
                Ok(count) => {
                    bytes.truncate(count);
                    continue;
                }
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => bytes.clear(),
                Err(_) => return None,
            }
            tokio::select! {
                ready = socket.readable() => ready.ok()?,
                () = sleep_until(release), if is_probed => {
                    release = Instant::now() + HOLD;
                    self.let_go(sid);
                }
            }
        }
    }

    /// Ends the poll that waits, with nothing.
    fn let_go(&self, sid: Sid) {
        let slot = self.polling.slots.borrow().get(&sid).copied();
        if let Some(tell) = slot.and_then(|slot| self.poll_of(slot)).and_then(|poll| poll.waiting.take()) {
            // Whether it is still there shows with the next poll.
            let _ = tell.send(Outcome::Payload(NOOP.into()));
        }
    }

    /// Puts a WebSocket in the place of the polls. A poll that waits is told that it has no place any more.
    fn take_over(
        self: Rc<Self>,
        sid: Sid,
        socket: Socket,
        permit: Permit,
        mut rest: Vec<u8>,
        compression: Option<Deflate>,
    ) -> bool {
        let Some(slot) = self.polling.slots.borrow().get(&sid).copied() else { return false };
        let Some(poll) = self.poll_of(slot) else { return false };
        if !self.peek(|shard| shard.is_open(slot)) {
            return false;
        }
        let socket = socket.loosen();
        self.polling.slots.borrow_mut().remove(&sid);
        if let Some(tell) = poll.waiting.take() {
            let _ = tell.send(Outcome::Refused(Refused::BadRequest));
        }
        // The session was counted when it began to poll; the socket is counted in its place.
        self.count_out();
        let now = self.tick();
        self.with(|shard| shard.upgrade(now, slot, Framing::websocket(compression)));
        let socket = self.put_socket(slot, socket, permit);
        self.polling.note_upgrade(sid, Rc::downgrade(&socket));
        if !rest.is_empty() {
            self.with(|shard| shard.receive(now, slot, &mut rest));
        }
        true
    }
}
