//! A shard's stream sockets: one epoll instance says which can be read or written, and each turn serves them together.

use super::Shard;
use super::driver::Local;
use super::endpoint::Endpoint;
use crate::admission::Permit;
use crate::config::Io;
use crate::socket::Loose;
use mio::event::Event;
use mio::unix::SourceFd;
use mio::{Events, Poll, Registry, Token};
use std::cell::{Cell, RefCell};
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::rc::Rc;
use std::time::Duration;
use switchboard_sys::{Flusher, Seat, Socket, Unfinished, Writes};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::sync::Notify;
use tokio::task::yield_now;

/// Bytes that one read takes at most, in a buffer that all sockets of a shard share.
const READ_BYTES: usize = 64 * 1024;
/// Reads of one socket before others have their turn.
const READS_PER_TURN: usize = 4;
/// Sockets that are read before those that write have their turn.
const EVENTS_PER_TURN: usize = 256;

/// A connection's socket. An idle one costs this and its place in the kernel's list: no task, no timer, no buffer.
pub(crate) struct Stream {
    socket: Loose,
    /// There may be something to read of which no further event will tell.
    unread: Cell<bool>,
    /// It is in the list of those to be read again: it has one place there, and so one turn.
    listed: Cell<bool>,
    /// The peer sends no more, or the socket failed: it is read until that shows, since no further event will tell.
    ended: Cell<bool>,
    /// There may be urgent data, before which a read stops although there is more: it is read until it is empty.
    urgent: Cell<bool>,
    #[expect(dead_code, reason = "held for its drop, which gives the place back")]
    permit: Permit,
}

impl Stream {
    /// The socket itself.
    pub(super) const fn socket(&self) -> &Loose {
        &self.socket
    }
}

/// What a shard reads and writes its sockets with.
pub(super) struct Sockets {
    registry: Registry,
    /// Slots to be read without an event: their turn was over, or they were not to be read when it came.
    again: RefCell<Vec<u32>>,
    /// There are some.
    is_again: Notify,
    buffer: RefCell<Box<[u8]>>,
    flusher: RefCell<Flusher>,
    /// The writes of a flush that did not take everything.
    unfinished: RefCell<Vec<Unfinished>>,
}

impl Sockets {
    /// None yet, and what tells of their readiness: it is for [`Local::watch`].
    ///
    /// # Errors
    /// The system has no descriptor to give, or no `io_uring` where that was asked for.
    pub(super) fn new(how: Io) -> io::Result<(Self, Poll)> {
        let poll = Poll::new()?;
        let sockets = Self {
            registry: poll.registry().try_clone()?,
            again: RefCell::default(),
            is_again: Notify::new(),
            buffer: RefCell::new(vec![0; READ_BYTES].into_boxed_slice()),
            flusher: RefCell::new(flusher(how)?),
            unfinished: RefCell::default(),
        };
        Ok((sockets, poll))
    }

    /// Has a slot read soon, whether or not an event tells of it.
    fn read_soon(&self, stream: &Stream, slot: u32) {
        if !stream.listed.replace(true) {
            self.again.borrow_mut().push(slot);
            self.is_again.notify_one();
        }
    }
}

impl Local {
    /// Gives a connection a socket to read and to write.
    pub(super) fn put_socket(&self, slot: u32, socket: Loose, permit: Permit) -> Rc<Stream> {
        let interest = interest();
        let descriptor = socket.tcp().as_fd().as_raw_fd();
        let watched = self.sockets.registry.register(&mut SourceFd(&descriptor), Token(slot as usize), interest);
        let holds_plaintext = socket.is_tls();
        let seat = socket.plain_file().and_then(|file| self.sockets.flusher.borrow_mut().enter(file));
        let not_yet = || Cell::new(false);
        let (unread, listed, ended, urgent) = (not_yet(), not_yet(), not_yet(), not_yet());
        let stream = Rc::new(Stream { socket, unread, listed, ended, urgent, permit });
        self.insert(slot, Endpoint::Stream(stream.clone(), seat));
        match watched {
            // What came with the end of the handshake was read from the network already.
            Ok(()) if holds_plaintext => self.sockets.read_soon(&stream, slot),
            Ok(()) => {}
            Err(error) => {
                self.peek(|shard| {
                    if shard.may_log() {
                        tracing::warn!(%error, "a socket cannot be watched, and is closed");
                    }
                    shard.broken(self.tick(), slot);
                });
            }
        }
        self.wake();
        stream
    }

    /// A socket is about to be closed.
    pub(super) fn leave_seat(&self, seat: Option<Seat>) {
        if let Some(seat) = seat {
            self.sockets.flusher.borrow_mut().leave(seat);
        }
    }

    /// Reads and writes sockets as they become ready, for as long as the shard lives.
    ///
    /// The epoll instance of the sockets is itself a descriptor that the runtime waits for, among its timers and all
    /// else. Events are edges: each tells of a change, and a socket is read until it has nothing more.
    pub(super) async fn watch(self: Rc<Self>, mut poll: AsyncFd<Poll>) -> io::Result<()> {
        let mut events = Events::with_capacity(EVENTS_PER_TURN);
        loop {
            if self.sockets.again.borrow().is_empty() {
                tokio::select! {
                    ready = poll.readable_mut() => ready?.retain_ready(),
                    () = self.sockets.is_again.notified() => {}
                }
            } else {
                yield_now().await;
            }
            events.clear();
            let polled = poll.try_io_mut(Interest::READABLE, |poll| {
                poll.poll(&mut events, Some(Duration::ZERO))?;
                // With room left there are no others: the runtime is to wait for new ones.
                if events.iter().count() < EVENTS_PER_TURN { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(()) }
            });
            match polled {
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {}
                result => result?,
            }
            for slot in self.sockets.again.take() {
                if let Some(stream) = self.stream(slot) {
                    stream.listed.set(false);
                    self.read(&stream, slot);
                }
            }
            for event in &events {
                self.happened(event);
            }
            self.wake();
            if events.iter().count() == EVENTS_PER_TURN {
                yield_now().await;
            }
        }
    }

    fn stream(&self, slot: u32) -> Option<Rc<Stream>> {
        match self.table().get(slot) {
            Some(Endpoint::Stream(stream, _)) => Some(stream.clone()),
            Some(Endpoint::Datagram(..) | Endpoint::Polling(_)) | None => None,
        }
    }

    fn happened(&self, event: &Event) {
        let slot = event.token().0 as u32;
        let Some(stream) = self.stream(slot) else { return };
        if event.is_writable() {
            self.peek(|shard| {
                if shard.is_blocked(slot) {
                    shard.unblocked(slot);
                }
            });
        }
        if event.is_read_closed() || event.is_error() {
            stream.ended.set(true);
        }
        if event.is_priority() {
            stream.urgent.set(true);
        }
        if (event.is_readable() || stream.ended.get()) && !stream.listed.get() {
            self.read(&stream, slot);
        }
    }

    /// A connection that was not to be read may be read again.
    pub(super) fn resume(&self, slot: u32) {
        if let Some(stream) = self.stream(slot).filter(|stream| stream.unread.get()) {
            self.sockets.read_soon(&stream, slot);
        }
    }

    fn read(&self, stream: &Stream, slot: u32) {
        stream.unread.set(true);
        if !self.peek(|shard| shard.may_read(slot)) {
            return;
        }
        let mut buffer = self.sockets.buffer.borrow_mut();
        let now = self.tick();
        for _ in 0..READS_PER_TURN {
            match stream.socket.try_read(&mut buffer) {
                Ok(0) => {
                    let reads_on = self.peek(|shard| {
                        shard.end_of_input(now, slot);
                        shard.may_read(slot)
                    });
                    // Read again when it may be: a connection that ends later than its peer looks for the end once more.
                    if reads_on {
                        self.sockets.read_soon(stream, slot);
                    }
                    return;
                }
                Ok(count) => {
                    self.peek(|shard| shard.receive(now, slot, &mut buffer[..count]));
                    // A plain socket that gave less than it could is empty; TLS gives a record at a time.
                    let ends_short = stream.ended.get() || stream.urgent.get();
                    if count < buffer.len() && !stream.socket.is_tls() && !ends_short {
                        return stream.unread.set(false);
                    }
                    // It is read on when it may be.
                    if !self.peek(|shard| shard.may_read(slot)) {
                        return;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    stream.urgent.set(false);
                    return stream.unread.set(false);
                }
                Err(_) => return self.peek(|shard| shard.broken(now, slot)),
            }
        }
        self.sockets.read_soon(stream, slot);
    }

    /// Plain sockets are written in one go; the others each in their own way.
    pub(super) fn write_some(self: &Rc<Self>, slots: &[u32]) {
        let table = self.table();
        let mut unfinished = self.sockets.unfinished.borrow_mut();
        let mut plain = Vec::with_capacity(slots.len());
        let mut others = Vec::new();
        self.peek(|shard| {
            let shard = &*shard;
            let mut writes = Writes::with_capacity(slots.len());
            // One socket is written by a call of its own whatever there is for many.
            let many = if slots.len() > 1 { slots } else { &[] };
            for &slot in many {
                if let Some(Endpoint::Stream(stream, seat)) = table.get(slot)
                    && let Some(socket) = find(stream, seat.as_ref())
                    && writes.push(socket, |slices| _ = shard.gather(slot, slices))
                {
                    plain.push(slot);
                } else {
                    others.push(slot);
                }
            }
            others.extend_from_slice(&slots[many.len()..]);
            let mut flusher = self.sockets.flusher.borrow_mut();
            let had_ring = flusher.is_ring();
            flusher.flush(&writes, &mut unfinished);
            if had_ring && !flusher.is_ring() {
                tracing::warn!("io_uring failed; from now on each socket is written with a system call of its own");
            }
        });
        self.peek(|shard| {
            for (at, result) in unfinished.drain(..) {
                let slot = std::mem::replace(&mut plain[at], u32::MAX);
                if let Ok(count) = result {
                    shard.wrote(slot, count);
                }
                others.push(slot);
            }
            for slot in plain.into_iter().filter(|slot| *slot != u32::MAX) {
                if shard.wrote_all(slot) {
                    others.push(slot);
                }
            }
        });
        for slot in others {
            match table.get(slot) {
                // What has TLS, and what is full or failed: a write of its own has the system tell when there is room.
                Some(Endpoint::Stream(stream, _)) => self.peek(|shard| write(shard, &stream.socket, slot)),
                Some(Endpoint::Datagram(datagrams, remote)) => datagrams.gather(self, slot, remote),
                Some(Endpoint::Polling(poll)) => self.answer(slot, poll),
                None => {}
            }
        }
    }
}

/// What is to be told of a socket; of urgent data where the system has a word of its own for them.
fn interest() -> mio::Interest {
    let both = mio::Interest::READABLE | mio::Interest::WRITABLE;
    #[cfg(target_os = "linux")]
    let both = both | mio::Interest::PRIORITY;
    both
}

/// How the flusher finds a socket that it may write.
#[inline]
fn find<'a>(stream: &'a Stream, seat: Option<&'a Seat>) -> Option<Socket<'a>> {
    match seat {
        // Only plain sockets have seats, and the socket itself need not be looked at.
        Some(seat) => Some(Socket::Seat(seat)),
        None => stream.socket.plain_file().map(Socket::File),
    }
}

/// Writes what waits for a socket, with as many writes as it takes.
fn write(shard: &mut Shard, socket: &Loose, slot: u32) {
    loop {
        match write_once(shard, socket, slot) {
            // Nothing waited, and TLS holds nothing back either.
            Ok(0) => return shard.written(slot),
            Ok(count) => shard.wrote(slot, count),
            // An event tells when it takes bytes again.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return shard.blocked(slot),
            Err(_) => return shard.broken(shard.now, slot),
        }
    }
}

/// One write of what waits for a socket; with nothing, what TLS still holds.
fn write_once(shard: &Shard, socket: &Loose, slot: u32) -> io::Result<usize> {
    if !shard.has_waiting(slot) {
        return if socket.try_flush()? { Ok(0) } else { Err(io::ErrorKind::WouldBlock.into()) };
    }
    let mut slices = Vec::new();
    shard.gather(slot, &mut slices);
    socket.try_write(&slices)
}

fn flusher(how: Io) -> io::Result<Flusher> {
    match how {
        Io::Epoll => Ok(Flusher::plain()),
        Io::IoUring => Flusher::ring(),
        Io::Auto => Ok(Flusher::ring().unwrap_or_else(|error| {
            tracing::debug!(%error, "without io_uring");
            Flusher::plain()
        })),
    }
}
