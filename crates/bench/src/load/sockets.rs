//! The sockets of a load: one epoll for all of them, one shared read buffer, and the bytes that wait to be sent.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use rustix::buffer::spare_capacity;
use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::io::Errno;
use rustls::{ClientConfig, ClientConnection};

use super::decoder::{Decoder, Incoming, Piece};
use super::dialect::{Dialect, Room};
use super::polling::{Poller, parse_response};
use super::tls;

/// The read buffer that all connections share, in bytes: more than a receiver has waiting at any usual window.
const READ_BYTES: usize = 256 * 1024;

/// The events taken at once. More wait for the next turn.
pub(super) const EVENTS_MAX: usize = 1024;

/// Bytes that may wait for one socket. More: the target has stopped reading, and the run ends with an error.
const OUTGOING_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Marks the events of a polling client's second connection; the rest is the client's index.
const POSTS: u64 = 1 << 63;

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
    /// Makes connections encrypted, if they are to be.
    tls: Option<Arc<ClientConfig>>,
    rooms: usize,
    epoll: OwnedFd,
    connections: Vec<Connection>,
    /// Connections with bytes to send that have not been tried yet.
    dirty: Vec<usize>,
    buffer: Box<[u8]>,
    plain: Box<[u8]>,
    events: Vec<epoll::Event>,
    started: Instant,
}

struct Connection {
    stream: TcpStream,
    tls: Option<Box<ClientConnection>>,
    decoder: Decoder,
    outgoing: Vec<u8>,
    /// Whether epoll is asked to say when the socket takes bytes again.
    blocked: bool,
    polling: Option<Box<Polling>>,
}

/// What a client of long-polling has besides.
struct Polling {
    poller: Poller,
    posts: Option<Posts>,
}

/// The second connection, on which a polling client says what it was not asked for.
struct Posts {
    stream: TcpStream,
    response: Vec<u8>,
    is_waiting: bool,
}

impl Sockets {
    /// Sockets whose connections are dealt out to `rooms` rooms in turn.
    pub(super) fn new(address: SocketAddr, rooms: usize, is_encrypted: bool) -> Result<Self> {
        Ok(Self {
            address,
            tls: if is_encrypted { Some(tls::config()?) } else { None },
            rooms,
            epoll: epoll::create(CreateFlags::CLOEXEC)?,
            connections: Vec::new(),
            dirty: Vec::new(),
            buffer: vec![0; READ_BYTES].into_boxed_slice(),
            plain: vec![0; READ_BYTES].into_boxed_slice(),
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

    pub(super) const fn room(&self, connection: usize) -> Room {
        Room { number: connection % self.rooms, is_lobby: self.rooms == 1 }
    }

    /// Opens one more connection and sends what `dialect` begins with.
    pub(super) fn open(&mut self, dialect: Dialect) -> Result<()> {
        let index = self.connections.len();
        // What is to be said first is made first: a server may take silence for a wish to be greeted.
        let tls = self.tls.as_ref().map(tls::connection).transpose()?;
        let stream = connect(self.address).with_context(|| format!("cannot open connection {index}"))?;
        epoll::add(&self.epoll, &stream, EventData::new_u64(index as u64), EventFlags::IN)?;
        let mut outgoing = Vec::new();
        dialect.open(self.address, self.room(index), &mut outgoing);
        let polling = dialect.poller(self.address).map(|poller| {
            poller.get(&mut outgoing);
            Box::new(Polling { poller, posts: None })
        });
        let decoder = dialect.decoder();
        self.connections.push(Connection { stream, tls, decoder, outgoing, blocked: false, polling });
        self.dirty.push(index);
        self.flush()
    }

    /// The bytes that `connection` will send at the next [`Self::flush`]; the caller appends.
    pub(super) fn outgoing(&mut self, connection: usize) -> &mut Vec<u8> {
        if self.dirty.last() != Some(&connection) {
            self.dirty.push(connection);
        }
        let connection = &mut self.connections[connection];
        match &mut connection.polling {
            None => &mut connection.outgoing,
            Some(polling) => &mut polling.poller.packets,
        }
    }

    /// Sends what waits, with one write for each connection.
    pub(super) fn flush(&mut self) -> Result<()> {
        while let Some(index) = self.dirty.pop() {
            self.post_one(index)?;
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
            let data = event.data.u64();
            let index = (data & !POSTS) as usize;
            if data & POSTS != 0 {
                self.posted(index)?;
                continue;
            }
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
        let room = self.room(index);
        let connection = &mut self.connections[index];
        let count = match connection.stream.read(&mut self.buffer) {
            Ok(0) => bail!("the server closed connection {index}"),
            Ok(count) => count,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => return Ok(()),
            Err(error) => return Err(error).with_context(|| format!("connection {index} broke")),
        };
        let now_ns = self.started.elapsed().as_nanos() as u64;
        let Connection { decoder, outgoing, polling, tls, .. } = connection;
        let mut take_piece = |piece: Piece<'_>| {
            let Piece { incoming, wire_bytes } = piece;
            let mut message = |message| take(Received { connection: index, message, wire_bytes, now_ns });
            match (incoming, &mut *polling) {
                (Incoming::Message(text), _) => message(text),
                (Incoming::Ping(payload), polling) => {
                    let answers = polling.as_mut().map_or(&mut *outgoing, |polling| &mut polling.poller.packets);
                    dialect.pong(payload, answers);
                    Ok(())
                }
                (Incoming::Upgraded, _) => {
                    dialect.upgraded(room, outgoing);
                    if dialect.upgrade_is_welcome() { message(b"") } else { Ok(()) }
                }
                (Incoming::Opened(handshake), Some(polling)) => {
                    dialect.upgraded(room, &mut polling.poller.packets);
                    polling.poller.opened(handshake)
                }
                (Incoming::Answered, Some(polling)) => {
                    // On a second connection they are posted from there.
                    if polling.poller.packets.is_empty() || polling.posts.is_some() {
                        polling.poller.get(outgoing);
                    } else {
                        polling.poller.post(outgoing);
                    }
                    Ok(())
                }
                (Incoming::Opened(_) | Incoming::Answered, None) => bail!("an HTTP response that nobody asked for"),
            }
        };
        let bytes = &self.buffer[..count];
        let fed = match tls {
            None => decoder.feed(bytes, &mut take_piece),
            Some(tls) => decrypt(tls, bytes, &mut self.plain, |plain| decoder.feed(plain, &mut take_piece)),
        };
        fed.with_context(|| format!("on connection {index}"))?;
        let has_more = !connection.outgoing.is_empty() || connection.tls.as_ref().is_some_and(|tls| tls.wants_write());
        if has_more && !connection.blocked {
            self.dirty.push(index);
        }
        Ok(())
    }

    /// Posts what a polling client wants to say, unless its last post is still unanswered.
    fn post_one(&mut self, index: usize) -> Result<()> {
        let Some(polling) = &mut self.connections[index].polling else { return Ok(()) };
        if polling.poller.packets.is_empty() || polling.posts.as_ref().is_some_and(|posts| posts.is_waiting) {
            return Ok(());
        }
        let mut wire = Vec::new();
        polling.poller.post(&mut wire);
        let posts = match &mut polling.posts {
            Some(posts) => posts,
            none @ None => {
                let stream = connect(self.address).context("cannot open a second connection")?;
                epoll::add(&self.epoll, &stream, EventData::new_u64(POSTS | index as u64), EventFlags::IN)?;
                none.insert(Posts { stream, response: Vec::new(), is_waiting: false })
            }
        };
        // One message in its request is far smaller than a socket's buffer that is empty.
        let count = posts.stream.write(&wire).with_context(|| format!("cannot post for client {index}"))?;
        ensure!(count == wire.len(), "only {count} of {} bytes of a post were taken", wire.len());
        posts.is_waiting = true;
        Ok(())
    }

    /// Reads the answer to a post. A server may close the second connection while nothing is asked on it.
    fn posted(&mut self, index: usize) -> Result<()> {
        let Some(polling) = &mut self.connections[index].polling else { return Ok(()) };
        let Some(posts) = &mut polling.posts else { return Ok(()) };
        match posts.stream.read(&mut self.buffer) {
            Ok(0) if posts.is_waiting => bail!("the server closed the connection of an unanswered post"),
            Ok(0) => polling.posts = None,
            Ok(count) => {
                posts.response.extend_from_slice(&self.buffer[..count]);
                if parse_response(&posts.response)?.is_some() {
                    posts.response.clear();
                    posts.is_waiting = false;
                    self.dirty.push(index);
                }
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            Err(error) => return Err(error).context("the connection of a post broke"),
        }
        Ok(())
    }

    fn flush_one(&mut self, index: usize) -> Result<()> {
        let connection = &mut self.connections[index];
        let context = || format!("cannot send on connection {index}");
        let waiting = match &mut connection.tls {
            None => {
                write_all(&connection.stream, &mut connection.outgoing).with_context(context)?;
                connection.outgoing.len()
            }
            Some(tls) => {
                tls.writer().write_all(&connection.outgoing)?;
                connection.outgoing.clear();
                while tls.wants_write() {
                    match tls.write_tls(&mut connection.stream) {
                        Ok(_) => {}
                        Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                        Err(error) if error.kind() == ErrorKind::Interrupted => {}
                        Err(error) => return Err(error).with_context(context),
                    }
                }
                usize::from(tls.wants_write())
            }
        };
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

fn connect(address: SocketAddr) -> Result<TcpStream> {
    let stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    // Closing resets the connection: ports that wait for late packets would be used up by tens of thousands of them.
    rustix::net::sockopt::set_socket_linger(&stream, Some(Duration::ZERO))?;
    stream.set_nonblocking(true)?;
    Ok(stream)
}

fn write_all(mut stream: &TcpStream, bytes: &mut Vec<u8>) -> Result<()> {
    let mut written = 0;
    while written < bytes.len() {
        match stream.write(&bytes[written..]) {
            Ok(count) => written += count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
    bytes.drain(..written);
    Ok(())
}

/// Gives `take` what the bytes of a TLS connection say.
fn decrypt(
    tls: &mut ClientConnection,
    mut bytes: &[u8],
    plain: &mut [u8],
    mut take: impl FnMut(&[u8]) -> Result<()>,
) -> Result<()> {
    while !bytes.is_empty() {
        tls.read_tls(&mut bytes)?;
        tls.process_new_packets()?;
        loop {
            match tls.reader().read(plain) {
                Ok(0) => bail!("the server ended TLS"),
                Ok(count) => take(&plain[..count])?,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error.into()),
            }
        }
    }
    Ok(())
}
