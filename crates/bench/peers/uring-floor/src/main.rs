//! The io_uring floor: the bare epoll floor with its sends handed to the kernel in batches, one system call for up to
//! 1,024 of them.
//!
//! It is the least that a server costs that sends with io_uring, and like the epoll floor it must stay frozen: a change
//! here changes every ratio. `switchboard-bench-uring-floor [ADDR:PORT]` prints `peer: ready on ADDR:PORT`, and does for
//! its connections what the epoll floor does: each line goes to all others, lines read in one turn leave in one send,
//! a connection that does not take its bytes at once is closed. It ends with 3 where the kernel has no io_uring to give.
//!
//! It stands alone, with unsafe calls of its own, so that changes of the project's `sys` crate do not reach it.

use std::env;
use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::ops::Range;
use std::os::fd::AsRawFd as _;
use std::process::ExitCode;

use io_uring::{IoUring, opcode, types};

/// Entries of the ring, and so the sends of one system call.
const BATCH: u32 = 1024;

/// What a completion belongs to when it is no send: the listener's poll.
const LISTENER: u64 = u64::MAX;

/// Set in a completion's number when a member has something to read.
const READABLE: u64 = 1 << 63;

/// Room for this many bytes is made before each read.
const READ_BYTES: usize = 256 * 1024;

/// The longest line that is waited for, in bytes. More: the connection is closed.
const LINE_BYTES_MAX: usize = 1024 * 1024;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("uring-floor: {error}");
            ExitCode::from(3)
        }
    }
}

fn run() -> io::Result<()> {
    let address = env::args().nth(1).unwrap_or_else(|| "127.0.0.1:0".to_owned());
    let address: SocketAddr = address.parse().map_err(io::Error::other)?;
    raise_nofile();
    let ring = IoUring::builder().setup_single_issuer().setup_defer_taskrun().setup_cqsize(BATCH * 8).build(BATCH)?;
    let listener = TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    // The standard library's backlog is short; listening again makes it longer.
    // SAFETY: the descriptor is an open, listening socket.
    unsafe { libc::listen(listener.as_raw_fd(), 4096) };
    writeln!(io::stdout(), "peer: ready on {}", listener.local_addr()?)?;
    let mut floor = Floor { ring, listener, members: Vec::new(), turn: Turn::default() };
    floor.run()
}

struct Floor {
    ring: IoUring,
    listener: TcpListener,
    /// A place is never used again: completions of a member that has gone may still come.
    members: Vec<Option<Member>>,
    turn: Turn,
}

struct Member {
    stream: TcpStream,
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
    fn run(&mut self) -> io::Result<()> {
        self.poll_listener()?;
        let mut ready = Vec::new();
        loop {
            self.ring.submit_and_wait(1)?;
            ready.extend(self.ring.completion().map(|entry| (entry.user_data(), entry.result(), entry.flags())));
            for (data, result, flags) in ready.drain(..) {
                self.completed(data, result, io_uring::cqueue::more(flags))?;
            }
            self.deliver()?;
        }
    }

    /// A poll says that there is something to read; a multishot poll that ends has to be asked for again.
    fn completed(&mut self, data: u64, result: i32, goes_on: bool) -> io::Result<()> {
        if data == LISTENER {
            self.accept()?;
            return if goes_on { Ok(()) } else { self.poll_listener() };
        }
        let index = (data & !READABLE) as usize;
        if result >= 0 && self.members[index].is_some() {
            self.receive(index);
        }
        if goes_on {
            return Ok(());
        }
        self.poll_member(index)
    }

    fn poll_listener(&mut self) -> io::Result<()> {
        let fd = types::Fd(self.listener.as_raw_fd());
        let poll = opcode::PollAdd::new(fd, libc::POLLIN as u32).multi(true).build();
        self.push(poll.user_data(LISTENER))
    }

    fn poll_member(&mut self, index: usize) -> io::Result<()> {
        let Some(member) = &self.members[index] else { return Ok(()) };
        let fd = types::Fd(member.stream.as_raw_fd());
        let poll = opcode::PollAdd::new(fd, libc::POLLIN as u32).multi(true).build();
        self.push(poll.user_data(READABLE | index as u64))
    }

    fn push(&mut self, entry: io_uring::squeue::Entry) -> io::Result<()> {
        // SAFETY: polls refer to no memory, and the bytes that sends refer to stay until their completions are in
        // (`deliver` waits for them).
        while unsafe { self.ring.submission().push(&entry) }.is_err() {
            self.ring.submit()?;
        }
        Ok(())
    }

    fn accept(&mut self) -> io::Result<()> {
        loop {
            let stream = match self.listener.accept() {
                Ok((stream, _)) => stream,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => continue,
                Err(error) => return Err(error),
            };
            stream.set_nodelay(true)?;
            stream.set_nonblocking(true)?;
            self.members.push(Some(Member { stream, unfinished: Vec::new() }));
            self.poll_member(self.members.len() - 1)?;
        }
    }

    /// Reads until there is no more: a multishot poll tells of new bytes only.
    fn receive(&mut self, index: usize) {
        let Some(member) = &mut self.members[index] else { return };
        let bytes = &mut self.turn.bytes;
        let start = bytes.len();
        bytes.append(&mut member.unfinished);
        let mut used = bytes.len();
        let open = loop {
            bytes.resize(used + READ_BYTES, 0);
            match member.stream.read(&mut bytes[used..]) {
                Ok(0) => break false,
                Ok(count) => {
                    used += count;
                    if count < READ_BYTES {
                        break true;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break true,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => break false,
            }
        };
        if !open {
            bytes.truncate(start);
            return self.remove(index);
        }
        bytes.truncate(used);
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

    /// Sends the turn's lines to everybody, and waits until the kernel has taken them: then their memory is ours again.
    fn deliver(&mut self) -> io::Result<()> {
        if self.turn.spans.is_empty() {
            return Ok(());
        }
        let turn = std::mem::take(&mut self.turn);
        let whole = 0..turn.bytes.len();
        let mut under_way = 0;
        let mut later = Vec::new();
        for index in 0..self.members.len() {
            let Some(member) = &self.members[index] else { continue };
            let fd = types::Fd(member.stream.as_raw_fd());
            if turn.spans.iter().all(|(sender, _)| *sender != index) {
                self.send(fd, index, &turn.bytes[whole.clone()])?;
                under_way += 1;
            } else {
                for (_, span) in turn.spans.iter().filter(|(sender, _)| *sender != index) {
                    self.send(fd, index, &turn.bytes[span.clone()])?;
                    under_way += 1;
                }
            }
            if under_way >= BATCH as usize {
                self.reap(under_way, &mut later)?;
                under_way = 0;
            }
        }
        self.reap(under_way, &mut later)?;
        for (data, result, goes_on) in later {
            self.completed(data, result, goes_on)?;
        }
        if self.turn.spans.is_empty() {
            // The buffers are kept.
            self.turn = turn;
            self.turn.bytes.clear();
            self.turn.spans.clear();
            return Ok(());
        }
        // What was read meanwhile is delivered next.
        self.deliver()
    }

    fn send(&mut self, fd: types::Fd, index: usize, bytes: &[u8]) -> io::Result<()> {
        let flags = libc::MSG_NOSIGNAL | libc::MSG_DONTWAIT;
        let send = opcode::Send::new(fd, bytes.as_ptr(), bytes.len() as u32).flags(flags).build();
        // The upper half of the number says how much has to be taken.
        self.push(send.user_data((bytes.len() as u64) << 32 | index as u64))
    }

    /// Waits until none of the sends is under way; what else completes is kept for `later`.
    fn reap(&mut self, mut under_way: usize, later: &mut Vec<(u64, i32, bool)>) -> io::Result<()> {
        while under_way > 0 {
            self.ring.submit_and_wait(under_way)?;
            let mut broken = Vec::new();
            for entry in self.ring.completion() {
                let data = entry.user_data();
                if data & READABLE != 0 {
                    later.push((data, entry.result(), io_uring::cqueue::more(entry.flags())));
                    continue;
                }
                under_way -= 1;
                if i64::from(entry.result()) != (data >> 32) as i64 {
                    broken.push((data & 0xffff_ffff) as usize);
                }
            }
            for index in broken {
                self.remove(index);
            }
        }
        Ok(())
    }

    /// The poll keeps the socket until it ends, and shutting the socket down ends it.
    fn remove(&mut self, index: usize) {
        if let Some(member) = self.members[index].take() {
            // It fails only when the peer is gone, and then the poll has ended as well.
            let _ = member.stream.shutdown(std::net::Shutdown::Both);
        }
    }
}

fn raise_nofile() {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: both calls are given a valid pointer to a whole rlimit; when one fails, the limit stays as it is.
    unsafe {
        if libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) == 0 {
            limit.rlim_cur = limit.rlim_max;
            libc::setrlimit(libc::RLIMIT_NOFILE, &limit);
        }
    }
}
