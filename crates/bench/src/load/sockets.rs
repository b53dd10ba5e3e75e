//! The sockets of a load: one epoll for all of them, one shared read buffer, and the bytes that wait to be sent.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use rustix::buffer::spare_capacity;
use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::io::Errno;

use super::decoder::{Decoder, Incoming};
use super::dialect::Dialect;

/// The read buffer that all connections share, in bytes: more than a receiver has waiting at any usual window.
const READ_BYTES: usize = 256 * 1024;

/// The events taken at once. More wait for the next turn.
const EVENTS_MAX: usize = 1024;

/// Bytes that may wait for one socket. More: the target has stopped reading, and the run ends with an error.
const OUTGOING_BYTES_MAX: usize = 16 * 1024 * 1024;

/// A message that a connection received.
pub(super) struct Received<'a> {
    pub(super) connection: usize,
    pub(super) message: &'a [u8],
    pub(super) wire_bytes: usize,
    /// Nanoseconds since the sockets were made, at the read that brought it.
    pub(super) now_ns: u64,
}

/// All connections to one target.
pub(super) struct Sockets {
    address: SocketAddr,
    epoll: OwnedFd,
    connections: Vec<Connection>,
    /// Connections with bytes to send that have not been tried yet.
    dirty: Vec<usize>,
    buffer: Box<[u8]>,
    events: Vec<epoll::Event>,
    started: Instant,
}

struct Connection {
    stream: TcpStream,
    decoder: Decoder,
    outgoing: Vec<u8>,
    /// Whether epoll is asked to say when the socket takes bytes again.
    blocked: bool,
}

impl Sockets {
    pub(super) fn new(address: SocketAddr) -> Result<Self> {
        Ok(Self {
            address,
            epoll: epoll::create(CreateFlags::CLOEXEC)?,
            connections: Vec::new(),
            dirty: Vec::new(),
            buffer: vec![0; READ_BYTES].into_boxed_slice(),
            events: Vec::with_capacity(EVENTS_MAX),
            started: Instant::now(),
        })
    }

    pub(super) fn len(&self) -> usize {
        self.connections.len()
    }

    pub(super) fn now_ns(&self) -> u64 {
        self.started.elapsed().as_nanos() as u64
    }

    /// Opens one more connection and sends what `dialect` begins with.
    pub(super) fn open(&mut self, dialect: Dialect) -> Result<()> {
        let index = self.connections.len();
        let stream = TcpStream::connect(self.address).with_context(|| format!("cannot open connection {index}"))?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        epoll::add(&self.epoll, &stream, EventData::new_u64(index as u64), EventFlags::IN)?;
        self.connections.push(Connection { stream, decoder: dialect.decoder(), outgoing: Vec::new(), blocked: false });
        let address = self.address;
        dialect.open(address, self.outgoing(index));
        self.flush()
    }

    /// The bytes that `connection` will send at the next [`Self::flush`]; the caller appends.
    pub(super) fn outgoing(&mut self, connection: usize) -> &mut Vec<u8> {
        if self.dirty.last() != Some(&connection) {
            self.dirty.push(connection);
        }
        &mut self.connections[connection].outgoing
    }

    /// Sends what waits, with one write for each connection.
    pub(super) fn flush(&mut self) -> Result<()> {
        while let Some(index) = self.dirty.pop() {
            self.flush_one(index)?;
        }
        Ok(())
    }

    /// Waits for at most `timeout` until something comes, reads once from each socket that has something, and gives
    /// every message to `take`.
    pub(super) fn turn(
        &mut self,
        timeout: Duration,
        dialect: Dialect,
        mut take: impl FnMut(Received<'_>) -> Result<()>,
    ) -> Result<()> {
        let timeout = Timespec::try_from(timeout).context("the timeout is too long")?;
        let mut events = std::mem::take(&mut self.events);
        events.clear();
        match epoll::wait(&self.epoll, spare_capacity(&mut events), Some(&timeout)) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        for event in &events {
            let index = event.data.u64() as usize;
            let flags = event.flags;
            if flags.contains(EventFlags::OUT) {
                self.flush_one(index)?;
            }
            if flags.intersects(EventFlags::IN | EventFlags::HUP | EventFlags::ERR) {
                self.read(index, dialect, &mut take)?;
            }
        }
        self.events = events;
        self.flush()
    }

    fn read(
        &mut self,
        index: usize,
        dialect: Dialect,
        take: &mut impl FnMut(Received<'_>) -> Result<()>,
    ) -> Result<()> {
        let connection = &mut self.connections[index];
        let count = match connection.stream.read(&mut self.buffer) {
            Ok(0) => bail!("the server closed connection {index}"),
            Ok(count) => count,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => return Ok(()),
            Err(error) => return Err(error).with_context(|| format!("connection {index} broke")),
        };
        let now_ns = self.started.elapsed().as_nanos() as u64;
        let outgoing = &mut connection.outgoing;
        connection
            .decoder
            .feed(&self.buffer[..count], |piece| {
                match piece.incoming {
                    Incoming::Message(message) => {
                        take(Received { connection: index, message, wire_bytes: piece.wire_bytes, now_ns })?;
                    }
                    Incoming::Ping(payload) => dialect.pong(payload, outgoing),
                    Incoming::Upgraded => dialect.upgraded(outgoing),
                }
                Ok(())
            })
            .with_context(|| format!("on connection {index}"))?;
        if !connection.outgoing.is_empty() && !connection.blocked {
            self.dirty.push(index);
        }
        Ok(())
    }

    fn flush_one(&mut self, index: usize) -> Result<()> {
        let connection = &mut self.connections[index];
        while !connection.outgoing.is_empty() {
            match connection.stream.write(&connection.outgoing) {
                Ok(count) => drop(connection.outgoing.drain(..count)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error).with_context(|| format!("cannot send on connection {index}")),
            }
        }
        let waiting = connection.outgoing.len();
        ensure!(waiting <= OUTGOING_BYTES_MAX, "{waiting} bytes wait on connection {index}: the server does not read");
        let blocked = waiting > 0;
        if blocked != connection.blocked {
            connection.blocked = blocked;
            let flags = if blocked { EventFlags::IN | EventFlags::OUT } else { EventFlags::IN };
            epoll::modify(&self.epoll, &connection.stream, EventData::new_u64(index as u64), flags)?;
        }
        Ok(())
    }
}
