//! The floor: a bare epoll loop that passes lines on with one `send` per receiver and knows no protocol.
//!
//! It is what every chat server that writes to sockets has to do at least, so figures of others are read as ratios to
//! it. It must therefore be as tight as epoll allows, and it must stay frozen: a change here changes every ratio.
//!
//! `switchboard-bench-floor [ADDR:PORT]` (127.0.0.1:0 when nothing is said) prints `floor: ready on ADDR:PORT`. Each
//! line that a connection sends goes to all other connections, byte for byte. Lines that were read in one turn of the
//! loop leave in one `send`, because a server that batches does that too. A connection that does not take its bytes at
//! once is closed: the floor has no queues.

use std::env;
use std::io::{self, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::ops::Range;
use std::os::fd::OwnedFd;

use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, CreateFlags, EventData, EventFlags};
use rustix::io::Errno;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, sockopt};

/// The listener's place in the events; a member's is its index.
const LISTENER: u64 = u64::MAX;

/// Room for this many bytes is made before each read.
const READ_BYTES: usize = 256 * 1024;

/// The longest line that is waited for, in bytes. More: the connection is closed.
const LINE_BYTES_MAX: usize = 1024 * 1024;

/// The events taken in one turn. More wait for the next turn.
const EVENTS_MAX: usize = 1024;

/// Connections that the kernel may hold for us; the load generator opens many at once.
const BACKLOG: i32 = 4096;

fn main() -> io::Result<()> {
    let address = match env::args().nth(1) {
        Some(text) => text.parse().map_err(|_| io::Error::other(format!("{text} is not ADDR:PORT")))?,
        None => SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
    };
    switchboard_sys::raise_nofile()?;
    let mut floor = Floor::bind(address)?;
    writeln!(io::stdout(), "floor: ready on {}", floor.address()?)?;
    floor.run()
}

struct Floor {
    epoll: OwnedFd,
    listener: OwnedFd,
    members: Vec<Option<Member>>,
    free: Vec<usize>,
    turn: Turn,
}

struct Member {
    socket: OwnedFd,
    /// The start of a line whose end has not come yet.
    unfinished: Vec<u8>,
}

/// The whole lines read in one turn of the loop, and who sent which.
#[derive(Default)]
struct Turn {
    bytes: Vec<u8>,
    spans: Vec<(usize, Range<usize>)>,
}

impl Floor {
    fn bind(address: SocketAddr) -> io::Result<Self> {
        let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let listener = rustix::net::socket_with(family, SocketType::STREAM, flags, None)?;
        rustix::net::bind(&listener, &address)?;
        rustix::net::listen(&listener, BACKLOG)?;
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        epoll::add(&epoll, &listener, EventData::new_u64(LISTENER), EventFlags::IN)?;
        Ok(Self { epoll, listener, members: Vec::new(), free: Vec::new(), turn: Turn::default() })
    }

    fn address(&self) -> io::Result<SocketAddr> {
        let name = rustix::net::getsockname(&self.listener)?;
        Ok(SocketAddr::try_from(name)?)
    }

    fn run(&mut self) -> io::Result<()> {
        let mut events = Vec::with_capacity(EVENTS_MAX);
        loop {
            events.clear();
            match epoll::wait(&self.epoll, spare_capacity(&mut events), None) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
            for event in &events {
                match event.data.u64() {
                    LISTENER => self.accept()?,
                    index => self.receive(index as usize),
                }
            }
            self.deliver();
        }
    }

    fn accept(&mut self) -> io::Result<()> {
        loop {
            let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
            let socket = match rustix::net::accept_with(&self.listener, flags) {
                Ok(socket) => socket,
                Err(Errno::AGAIN) => return Ok(()),
                Err(Errno::INTR | Errno::CONNABORTED) => continue,
                Err(error) => return Err(error.into()),
            };
            sockopt::set_tcp_nodelay(&socket, true)?;
            let index = self.free.pop().unwrap_or_else(|| {
                self.members.push(None);
                self.members.len() - 1
            });
            epoll::add(&self.epoll, &socket, EventData::new_u64(index as u64), EventFlags::IN)?;
            self.members[index] = Some(Member { socket, unfinished: Vec::new() });
        }
    }

    /// Reads once from a member: epoll is level-triggered here and says so when there is more.
    fn receive(&mut self, index: usize) {
        let Some(member) = &mut self.members[index] else { return };
        let bytes = &mut self.turn.bytes;
        let start = bytes.len();
        bytes.append(&mut member.unfinished);
        bytes.reserve(READ_BYTES);
        match rustix::net::recv(&member.socket, spare_capacity(bytes), RecvFlags::empty()) {
            Ok((1.., _)) => {}
            Err(Errno::AGAIN | Errno::INTR) => {}
            Ok(_) | Err(_) => {
                bytes.truncate(start);
                return self.remove(index);
            }
        }
        let end = memchr::memrchr(b'\n', &bytes[start..]).map_or(start, |newline| start + newline + 1);
        member.unfinished.extend_from_slice(&bytes[end..]);
        bytes.truncate(end);
        if end > start {
            self.turn.spans.push((index, start..end));
        }
        if member.unfinished.len() > LINE_BYTES_MAX {
            self.remove(index);
        }
    }

    fn deliver(&mut self) {
        if self.turn.spans.is_empty() {
            return;
        }
        for index in 0..self.members.len() {
            let Some(member) = &self.members[index] else { continue };
            if !self.turn.send(index, &member.socket) {
                self.remove(index);
            }
        }
        self.turn.bytes.clear();
        self.turn.spans.clear();
    }

    /// Closing the socket takes it out of epoll, too.
    fn remove(&mut self, index: usize) {
        self.members[index] = None;
        self.free.push(index);
    }
}

impl Turn {
    /// Sends one member what the others said. False when it did not take all of it.
    fn send(&self, index: usize, socket: &OwnedFd) -> bool {
        let whole =
            |bytes: &[u8]| rustix::net::send(socket, bytes, SendFlags::NOSIGNAL).is_ok_and(|sent| sent == bytes.len());
        if self.spans.iter().all(|(sender, _)| *sender != index) {
            return whole(&self.bytes);
        }
        self.spans.iter().filter(|(sender, _)| *sender != index).all(|(_, span)| whole(&self.bytes[span.clone()]))
    }
}
