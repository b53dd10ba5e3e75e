//! A shard's thread: a tokio runtime that owns the shard's sockets and moves bytes between them and its state.

use super::polling::{self, Errand, Probe};
use super::sockets::Sockets;
use super::{Settings, Shard, Want, Wires};
use crate::admission::Permit;
use crate::clock::Clock;
use crate::config::Io;
use crate::engine::desk::Desk;
use crate::listener::{Accepted, Arrivals};
use crate::message::ToShard;
use crate::metrics::Metrics;
use crate::shard::Opening;
use crate::shard::endpoint::{Datagrams, Endpoint, Table};
use crate::socket::Loose;
use crate::storage::Readers;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use switchboard_sys::{FLUSH_MAX, await_poll, tcp_round_trip};
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::{LocalSet, spawn_local};

/// Sockets written before those that read have their turn: a fan-out to 10,000 members yields 40 times.
const WRITES_PER_TURN: usize = FLUSH_MAX;
/// Batches of the engine that may wait for a shard; the engine waits for it beyond.
const INBOX: usize = 64;

/// What comes to a shard from other threads.
pub enum Inbound {
    /// From the engine and the readers.
    Messages(Vec<ToShard>),
    /// A connection that was accepted.
    Accepted(Accepted),
    /// A datagram socket to be served.
    Datagrams(std::net::UdpSocket),
    /// A request of a session that polls.
    Errand(Errand),
    /// A WebSocket that wants to take one over.
    Probe(Box<Probe>),
    /// Somebody wants to see the live connections.
    Wires(oneshot::Sender<Wires>),
}

/// Another thread's way to a shard.
#[derive(Clone)]
pub struct ShardHandle {
    inbox: mpsc::Sender<Inbound>,
    load: Arc<AtomicUsize>,
}

/// The other end of a [`ShardHandle`].
pub struct ShardInbox {
    inbox: mpsc::Receiver<Inbound>,
    load: Arc<AtomicUsize>,
}

impl ShardHandle {
    /// A way to a shard that is started with the other end.
    #[must_use]
    pub fn new() -> (Self, ShardInbox) {
        let (sender, inbox) = mpsc::channel(INBOX);
        let load = Arc::new(AtomicUsize::new(0));
        (Self { inbox: sender, load: load.clone() }, ShardInbox { inbox, load })
    }

    /// Sends messages, and waits while the shard's inbox is full. Not for use in asynchronous code.
    pub fn send(&self, messages: Vec<ToShard>) {
        // A shard ends only with the process.
        let _ = self.inbox.blocking_send(Inbound::Messages(messages));
    }

    /// Sends messages if the shard's inbox has room for them; otherwise they come back.
    ///
    /// # Errors
    /// The inbox is full.
    pub fn try_send(&self, messages: Vec<ToShard>) -> Result<(), Vec<ToShard>> {
        match self.inbox.try_send(Inbound::Messages(messages)) {
            Err(mpsc::error::TrySendError::Full(Inbound::Messages(messages))) => Err(messages),
            // A shard ends only with the process.
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Sends a connection or a datagram socket.
    pub async fn hand(&self, inbound: Inbound) {
        let _ = self.inbox.send(inbound).await;
    }

    /// The shard's live connections. `None`: the process ends.
    pub async fn wires(&self) -> Option<Wires> {
        let (tell, told) = oneshot::channel();
        self.hand(Inbound::Wires(tell)).await;
        told.await.ok()
    }

    /// How many connections the shard has, those at their handshake included.
    #[must_use]
    pub fn load(&self) -> usize {
        self.load.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
impl ShardInbox {
    /// The next messages of the engine, if there are any.
    pub(crate) fn take(&mut self) -> Option<Vec<ToShard>> {
        match self.inbox.try_recv() {
            Ok(Inbound::Messages(messages)) => Some(messages),
            Ok(_) | Err(_) => None,
        }
    }
}

/// What a shard's thread works with.
pub struct Environment {
    pub settings: Settings,
    pub io: Io,
    pub clock: Clock,
    pub desk: Arc<Desk>,
    pub readers: Readers,
    pub metrics: Arc<Metrics>,
    pub arrivals: Arc<Arrivals>,
}

/// A shard with its sockets, on its thread.
pub struct Local {
    pub(crate) environment: Environment,
    shard: RefCell<Shard>,
    table: RefCell<Table>,
    pub(super) polling: polling::Sessions,
    pub(super) sockets: Sockets,
    /// Something is to be handed over, written or carried out.
    work: Notify,
    /// Those that poll and wait until what they posted may be read.
    paused: RefCell<HashMap<u32, Rc<Notify>>>,
    load: Arc<AtomicUsize>,
    /// The engine wants every connection closed, and is told when there is none.
    closing: Cell<bool>,
}

/// Runs a shard on this thread for as long as the process lives.
pub fn run(environment: Environment, inbox: ShardInbox) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (sockets, poll) = Sockets::new(environment.io)?;
    let poll = {
        let _runtime = runtime.enter();
        await_poll(poll)?
    };
    let local = Rc::new(Local {
        shard: RefCell::new(Shard::new(environment.settings.clone(), environment.clock.tick())),
        table: RefCell::new(Table::default()),
        polling: polling::Sessions::default(),
        sockets,
        work: Notify::new(),
        paused: RefCell::new(HashMap::new()),
        load: inbox.load,
        closing: Cell::new(false),
        environment,
    });
    LocalSet::new().block_on(&runtime, async {
        let watch = spawn_local(local.clone().watch(poll));
        tokio::select! {
            failed = watch => failed?,
            () = local.serve(inbox.inbox) => Ok(()),
        }
    })
}

impl Local {
    async fn serve(self: Rc<Self>, mut inbox: mpsc::Receiver<Inbound>) {
        let mut inbound = Vec::new();
        let mut dirty = Vec::new();
        loop {
            let alarm = self.shard.borrow().next_alarm().map(|tick| self.environment.clock.instant(tick).into());
            tokio::select! {
                count = inbox.recv_many(&mut inbound, INBOX) => if count == 0 { return },
                () = self.work.notified() => {}
                () = async { tokio::time::sleep_until(alarm.unwrap_or_else(tokio::time::Instant::now)).await }, if alarm.is_some() => {}
            }
            self.shard.borrow_mut().turn(self.tick());
            let mut messages = Vec::new();
            for message in inbound.drain(..) {
                match message {
                    // What the engine said meanwhile, in several batches, is given to the members together.
                    Inbound::Messages(mut more) if messages.is_empty() => std::mem::swap(&mut messages, &mut more),
                    Inbound::Messages(more) => messages.extend(more),
                    Inbound::Accepted(accepted) => self.clone().arrive(accepted),
                    Inbound::Errand(errand) => self.clone().run_errand(errand),
                    Inbound::Probe(probe) => self.clone().probe(*probe),
                    Inbound::Datagrams(socket) => Datagrams::serve(&self, socket),
                    // Who asked may be gone already.
                    Inbound::Wires(tell) => drop(tell.send(self.wires())),
                }
            }
            self.deliver(messages, &mut dirty).await;
            self.hand_over();
            self.carry_out();
            self.write_dirty(&mut dirty).await;
            self.hand_over();
            self.carry_out();
            self.count();
            if self.shard.borrow().has_dirty() {
                // What was written made room for what waited behind a gate: its turn comes after those who read.
                self.work.notify_one();
            }
        }
    }

    pub(crate) fn tick(&self) -> u64 {
        self.environment.clock.tick()
    }

    /// What the engine and the readers say, in order; sockets are written in between where outboxes would fill up.
    async fn deliver(self: &Rc<Self>, messages: Vec<ToShard>, dirty: &mut Vec<u32>) {
        if messages.iter().any(|message| matches!(message, ToShard::CloseAll(_))) {
            self.closing.set(true);
        }
        let mut messages = messages.into_iter();
        while self.deliver_some(&mut messages) {
            self.write_dirty(dirty).await;
        }
    }

    fn deliver_some(&self, messages: &mut impl Iterator<Item = ToShard>) -> bool {
        self.shard.borrow_mut().deliver_all(self.tick(), messages)
    }

    fn arrive(self: Rc<Self>, accepted: Accepted) {
        if self.closing.get() {
            return;
        }
        self.load.fetch_add(1, Ordering::Relaxed);
        let arrivals = self.environment.arrivals.clone();
        spawn_local(async move {
            let load = self.load.clone();
            if arrivals.receive(&self, accepted).await.is_none() {
                load.fetch_sub(1, Ordering::Relaxed);
            }
        });
    }

    /// Takes a connection in whose protocol is known; `first` was read from it already.
    pub(crate) fn open(self: &Rc<Self>, socket: Loose, permit: Permit, opening: Opening, first: &mut [u8]) {
        let slot = self.take_in(socket, permit, opening);
        if !first.is_empty() {
            self.shard.borrow_mut().receive(self.tick(), slot, first);
        }
    }

    /// The same of a connection of which nothing was read, and gives its slot.
    pub(super) fn take_in(self: &Rc<Self>, socket: Loose, permit: Permit, opening: Opening) -> u32 {
        let slot = self.shard.borrow_mut().open(self.tick(), opening);
        self.put_socket(slot, socket, permit);
        slot
    }

    /// One more counts for the shard's load.
    pub(crate) fn count_in(&self) {
        self.load.fetch_add(1, Ordering::Relaxed);
    }

    /// One less does.
    pub(crate) fn count_out(&self) {
        self.load.fetch_sub(1, Ordering::Relaxed);
    }

    pub(super) fn table(&self) -> std::cell::Ref<'_, Table> {
        self.table.borrow()
    }

    pub(super) async fn wait(&self, slot: u32) {
        let resumed = self.paused.borrow_mut().entry(slot).or_default().clone();
        resumed.notified().await;
    }

    pub(super) fn hand_over(&self) {
        let mut shard = self.shard.borrow_mut();
        if shard.has_for_engine() {
            let number = self.environment.settings.number.into();
            self.environment
                .desk
                .offer(number, |offering| shard.hand_over(self.tick(), |message| offering.put(message)));
        }
    }

    pub(super) fn carry_out(&self) {
        let wants = self.shard.borrow_mut().take_wants();
        for want in wants {
            match want {
                Want::Read(connection, read) => self.environment.readers.read(connection, read),
                Want::Shut(slot) => {
                    if let Some(Endpoint::Stream(stream, _)) = self.table.borrow().get(slot) {
                        stream.socket().shut();
                    }
                }
                Want::Drop(slot) => {
                    match self.table.borrow_mut().remove(slot) {
                        Some(Endpoint::Stream(_, seat)) => {
                            self.leave_seat(seat);
                            self.load.fetch_sub(1, Ordering::Relaxed);
                        }
                        Some(Endpoint::Datagram(datagrams, remote)) => datagrams.forget(&remote),
                        Some(Endpoint::Polling(poll)) => {
                            self.polling.forget(&poll);
                            self.load.fetch_sub(1, Ordering::Relaxed);
                        }
                        None => {}
                    }
                    self.shard.borrow_mut().dropped(slot);
                    if let Some(waiting) = self.paused.borrow_mut().remove(&slot) {
                        waiting.notify_one();
                    }
                }
                Want::Resume(slot) => {
                    self.resume(slot);
                    if let Some(waiting) = self.paused.borrow_mut().remove(&slot) {
                        waiting.notify_one();
                    }
                }
            }
        }
        if self.closing.get() && self.shard.borrow().has_no_sockets() && self.polling.has_no_polls() {
            self.closing.set(false);
            self.environment.desk.mailbox().notice(|notices| notices.shards_done += 1);
        }
    }

    /// Writes every dirty socket once, and lets those who read have their turn in between.
    async fn write_dirty(self: &Rc<Self>, dirty: &mut Vec<u32>) {
        self.shard.borrow_mut().take_dirty(dirty);
        for (turn, slots) in dirty.chunks(WRITES_PER_TURN).enumerate() {
            if turn > 0 {
                tokio::task::yield_now().await;
                // What was read is with the engine while the rest is written: its answer belongs to the next fan-out,
                // and not to the one after that.
                self.hand_over();
            }
            self.write_some(slots);
        }
        dirty.clear();
        let sockets: Vec<_> = self.table.borrow().datagrams().cloned().collect();
        for datagrams in sockets {
            datagrams.send(self);
        }
    }

    fn count(&self) {
        let mut shard = self.shard.borrow_mut();
        let tally = std::mem::take(&mut shard.tally);
        let metrics = &self.environment.metrics;
        if tally.deliveries > 0 {
            metrics.deliveries.inc_by(tally.deliveries);
        }
        if tally.bytes_in > 0 {
            metrics.bytes_in.inc_by(tally.bytes_in);
        }
        if tally.bytes_out > 0 {
            metrics.bytes_out.inc_by(tally.bytes_out);
        }
        if tally.overflows > 0 {
            metrics.overflows.inc_by(tally.overflows);
        }
        metrics.hit(&tally.hits);
        if tally.skipped > 0 {
            metrics.skipped.inc_by(tally.skipped);
        }
        for (via, protocol) in shard.opened.drain(..) {
            metrics.opened(via, protocol);
        }
        for reason in shard.closed.drain(..) {
            metrics.closed(reason);
        }
        shard.population.report(|via, protocol, change| metrics.population(via, protocol, change));
    }

    fn wires(&self) -> Wires {
        let mut wires = self.shard.borrow().wires(self.tick());
        let table = self.table.borrow();
        for wire in &mut wires.listed {
            if let Some(Endpoint::Stream(stream, _)) = table.get(wire.slot) {
                wire.round_trip = tcp_round_trip(stream.socket().tcp()).ok();
            }
        }
        wires
    }

    /// Something is to be handed over, written or carried out.
    pub(super) fn wake(&self) {
        self.work.notify_one();
    }

    /// Something is over for which the end waits, if it is near.
    pub(super) fn look_for_the_end(&self) {
        if self.closing.get() {
            self.work.notify_one();
        }
    }

    /// The shard's state, for the datagram sockets.
    pub(crate) fn with<T>(&self, work: impl FnOnce(&mut Shard) -> T) -> T {
        let result = work(&mut self.shard.borrow_mut());
        self.work.notify_one();
        result
    }

    /// The shard's state where nothing follows from it.
    pub(crate) fn peek<T>(&self, work: impl FnOnce(&mut Shard) -> T) -> T {
        work(&mut self.shard.borrow_mut())
    }

    pub(crate) fn insert(&self, slot: u32, endpoint: Endpoint) {
        self.table.borrow_mut().insert(slot, endpoint);
    }

    pub(crate) fn add_datagrams(&self, datagrams: Rc<Datagrams>) {
        self.table.borrow_mut().add_datagrams(datagrams);
    }
}
