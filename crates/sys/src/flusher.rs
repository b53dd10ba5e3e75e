//! Many sockets written in one go: with a system call each, or with one for them all.

use crate::ring::Ring;
use std::io::{self, IoSlice};
use std::os::fd::BorrowedFd;

/// Sockets that are written in one go at most.
pub const FLUSH_MAX: usize = 256;
/// Slices that one socket is given at most: what the kernel takes in one write, well under its own limit of 1,024.
pub const SLICES_MAX: usize = 64;

/// What is to be written: sockets, each with the slices that it is given.
///
/// The sockets, their seats and the bytes are borrowed for as long as this lives.
#[derive(Default)]
pub struct Writes<'a> {
    pub(crate) slices: Vec<IoSlice<'a>>,
    pub(crate) sockets: Vec<Write<'a>>,
}

/// One socket of [`Writes`], and where its slices end; they begin where those of the one before it end.
pub(crate) struct Write<'a> {
    pub socket: Socket<'a>,
    pub end: usize,
}

/// How a [`Flusher`] finds a socket.
#[derive(Clone, Copy)]
pub enum Socket<'a> {
    /// By its descriptor.
    File(BorrowedFd<'a>),
    /// By its seat with this flusher.
    Seat(&'a Seat),
}

/// A write that did not take all that it was given: which one of [`Writes`], and what it gave.
pub type Unfinished = (usize, io::Result<usize>);

/// A socket's place with a [`Flusher`], by which the kernel finds it faster than by its descriptor. It belongs to one
/// socket and one flusher, and must be given back with [`Flusher::leave`] for the socket to be closed.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub struct Seat(pub(crate) u32);

impl<'a> Writes<'a> {
    /// Nothing, with room for this many sockets that have one slice each.
    #[must_use]
    pub fn with_capacity(sockets: usize) -> Self {
        Self { slices: Vec::with_capacity(sockets), sockets: Vec::with_capacity(sockets) }
    }

    /// Adds a socket, and the slices that `fill` adds. No slices: nothing is added.
    ///
    /// # Panics
    /// There are [`FLUSH_MAX`] sockets already, or `fill` adds more than [`SLICES_MAX`] slices.
    #[inline]
    pub fn push(&mut self, socket: Socket<'a>, fill: impl FnOnce(&mut Vec<IoSlice<'a>>)) -> bool {
        let begin = self.slices.len();
        fill(&mut self.slices);
        let end = self.slices.len();
        assert!(end - begin <= SLICES_MAX && self.sockets.len() < FLUSH_MAX, "more is written at once than is allowed");
        if end > begin {
            self.sockets.push(Write { socket, end });
        }
        end > begin
    }

    /// How many sockets there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.sockets.len()
    }

    /// Whether there is no socket.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.sockets.is_empty()
    }

    /// The slices of the socket at `at`.
    pub(crate) fn slices_of(&self, at: usize) -> &[IoSlice<'a>] {
        let begin = if at == 0 { 0 } else { self.sockets[at - 1].end };
        &self.slices[begin..self.sockets[at].end]
    }
}

/// Writes to many stream sockets, and waits for none.
pub struct Flusher {
    ring: Option<Ring>,
}

impl Flusher {
    /// One that makes a system call for each socket.
    #[must_use]
    pub const fn plain() -> Self {
        Self { ring: None }
    }

    /// One that makes a system call for all of them, with `io_uring`. It is to be used on the thread that made it.
    ///
    /// # Errors
    /// The kernel has no `io_uring`, does not allow it here (containers often forbid it), or is older than 6.1.
    pub fn ring() -> io::Result<Self> {
        Ok(Self { ring: Some(Ring::new()?) })
    }

    /// Whether it uses `io_uring`.
    #[must_use]
    pub const fn is_ring(&self) -> bool {
        self.ring.is_some()
    }

    /// Gives a socket a seat, if there are any and one is free.
    pub fn enter(&mut self, socket: BorrowedFd<'_>) -> Option<Seat> {
        self.ring.as_mut()?.enter(socket)
    }

    /// Gives a seat back: the socket is about to be closed.
    pub fn leave(&mut self, seat: Seat) {
        if let Some(ring) = &mut self.ring {
            ring.leave(seat);
        }
    }

    /// Writes what each socket takes at once. `unfinished` are the writes that did not take everything, in no particular
    /// order: with the bytes that they took, `WouldBlock` if the socket is full, or why it failed. A ring that fails
    /// leaves what it has not done to its caller, as `WouldBlock`.
    pub fn flush(&mut self, writes: &Writes<'_>, unfinished: &mut Vec<Unfinished>) {
        unfinished.clear();
        match &mut self.ring {
            Some(ring) => {
                if !ring.flush(writes, unfinished) {
                    self.ring = None;
                }
            }
            None => {
                for at in 0..writes.len() {
                    let result = write_one(writes, at);
                    let whole = writes.slices_of(at).iter().map(|slice| slice.len()).sum::<usize>();
                    if !matches!(result, Ok(count) if count == whole) {
                        unfinished.push((at, result));
                    }
                }
            }
        }
    }
}

/// One write as a system call of its own.
fn write_one(writes: &Writes<'_>, at: usize) -> io::Result<usize> {
    // A seat with a ring that is gone: the socket's owner writes it.
    let Socket::File(socket) = writes.sockets[at].socket else { return Err(io::ErrorKind::WouldBlock.into()) };
    let socket = socket2::SockRef::from(&socket);
    let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
    loop {
        let result = match writes.slices_of(at) {
            [one] => socket.send_with_flags(one, flags),
            more => socket.send_vectored_with_flags(more, flags),
        };
        match result {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::net::{TcpListener, TcpStream};
    use std::os::fd::AsFd;

    fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (far, _) = listener.accept().unwrap();
        near.set_nonblocking(true).unwrap();
        (near, far)
    }

    /// Every kind that this machine has.
    fn flushers() -> Vec<Flusher> {
        let ring = Flusher::ring().map_err(|error| eprintln!("without io_uring: {error}")).ok();
        [Some(Flusher::plain()), ring].into_iter().flatten().collect()
    }

    #[test]
    fn each_socket_gets_its_own_slices_in_order() {
        for mut flusher in flushers() {
            let pairs: Vec<_> = (0..FLUSH_MAX).map(|_| pair()).collect();
            // Every other one has a seat, where there are seats.
            let seats: Vec<_> = pairs
                .iter()
                .enumerate()
                .map(|(number, (near, _))| (number % 2 == 0).then(|| flusher.enter(near.as_fd()))?)
                .collect();
            let texts: Vec<String> = (0..pairs.len()).map(|number| format!("<{number}>")).collect();
            let mut unfinished = Vec::new();
            for _ in 0..3 {
                let mut writes = Writes::with_capacity(pairs.len());
                for (number, (near, _)) in pairs.iter().enumerate() {
                    let socket = seats[number].as_ref().map_or_else(|| Socket::File(near.as_fd()), Socket::Seat);
                    writes.push(socket, |slices| {
                        // Some get one slice, some get as many as there may be.
                        let count = if number % 5 == 0 { SLICES_MAX } else { 1 };
                        slices.extend((0..count).map(|_| IoSlice::new(texts[number].as_bytes())));
                    });
                }
                flusher.flush(&writes, &mut unfinished);
                assert!(unfinished.is_empty(), "{unfinished:?}");
                for (number, (_, far)) in pairs.iter().enumerate() {
                    let expected = texts[number].repeat(if number % 5 == 0 { SLICES_MAX } else { 1 });
                    let mut read = vec![0; expected.len()];
                    { far }.read_exact(&mut read).unwrap();
                    assert_eq!(read, expected.as_bytes());
                }
            }
        }
    }

    #[test]
    fn a_full_socket_a_dead_one_and_a_live_one_are_told_apart() {
        for mut flusher in flushers() {
            let (full, mut full_peer) = pair();
            let (dead, dead_peer) = pair();
            let (live, mut live_peer) = pair();
            drop(dead_peer);
            dead.shutdown(std::net::Shutdown::Both).unwrap();
            let block: Vec<u8> = (0..1 << 20).map(|at| (at % 251) as u8).collect();
            let (mut unfinished, mut rounds, mut taken) = (Vec::new(), 0, 0);
            loop {
                let mut writes = Writes::default();
                // In two slices, so that a part can be more than the first and less than both.
                let halves = [&block[..block.len() / 2], &block[block.len() / 2..]];
                for (socket, parts) in [(&full, &halves[..]), (&dead, &[b"x"]), (&live, &[b"y"])] {
                    writes.push(Socket::File(socket.as_fd()), |slices| {
                        slices.extend(parts.iter().map(|part| IoSlice::new(part)));
                    });
                }
                flusher.flush(&writes, &mut unfinished);
                rounds += 1;
                assert!(rounds < 100, "a peer that reads nothing takes no end of bytes");
                unfinished.sort_by_key(|(at, _)| *at);
                let places: Vec<usize> = unfinished.iter().map(|(at, _)| *at).collect();
                assert!(places == [0, 1] || places == [1], "the live one took everything: {places:?}");
                assert_eq!(unfinished.pop().unwrap().1.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
                match unfinished.pop() {
                    None => taken += block.len(),
                    Some((_, Ok(part))) => {
                        assert!(part < block.len());
                        taken += part;
                        break;
                    }
                    Some((_, Err(error))) => {
                        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
                        break;
                    }
                }
            }
            // As many bytes are there as were said to be taken, and no others.
            drop(full);
            let mut all = Vec::new();
            full_peer.read_to_end(&mut all).unwrap();
            assert_eq!(all.len(), taken);
            assert!(all.chunks(block.len()).all(|chunk| *chunk == block[..chunk.len()]));
            let mut read = vec![0; rounds];
            live_peer.read_exact(&mut read).unwrap();
            assert_eq!(read, b"y".repeat(rounds));
        }
    }

    #[test]
    fn who_leaves_is_closed_and_its_seat_is_anothers() {
        let Ok(mut flusher) = Flusher::ring() else { return eprintln!("without io_uring") };
        let (near, mut far) = pair();
        let seat = flusher.enter(near.as_fd()).expect("a seat");
        let number = seat.0;
        flusher.leave(seat);
        drop(near);
        assert_eq!(far.read(&mut [0; 1]).unwrap(), 0, "the end is there though there was a seat");
        let (other, mut other_far) = pair();
        let (third, mut third_far) = pair();
        let seat = flusher.enter(other.as_fd()).expect("a seat");
        assert_eq!(seat.0, number);
        let mut writes = Writes::default();
        writes.push(Socket::Seat(&seat), |slices| slices.push(IoSlice::new(b"other")));
        writes.push(Socket::File(third.as_fd()), |slices| slices.push(IoSlice::new(b"third")));
        flusher.flush(&writes, &mut Vec::new());
        let mut read = [0; 5];
        other_far.read_exact(&mut read).unwrap();
        assert_eq!(&read, b"other");
        third_far.read_exact(&mut read).unwrap();
        assert_eq!(&read, b"third");
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn seats_are_given_up_to_their_limit_and_one_socket_more_is_written_without() {
        let Ok(mut flusher) = Flusher::ring() else { return eprintln!("without io_uring") };
        let seats_max = crate::nofile().unwrap().soft.min(crate::ring::SEATS_MAX.into());
        let (near, mut far) = pair();
        // One socket may have several.
        let mut seats: Vec<Seat> = (0..seats_max).map(|_| flusher.enter(near.as_fd()).expect("a seat")).collect();
        assert_eq!(flusher.enter(near.as_fd()), None);
        let mut writes = Writes::default();
        for socket in [Socket::Seat(seats.last().expect("the last")), Socket::File(near.as_fd())] {
            writes.push(socket, |slices| slices.push(IoSlice::new(b"word ")));
        }
        flusher.flush(&writes, &mut Vec::new());
        let mut read = [0; 10];
        far.read_exact(&mut read).unwrap();
        assert_eq!(&read, b"word word ");
        flusher.leave(seats.pop().expect("the last"));
        assert!(flusher.enter(near.as_fd()).is_some());
    }

    #[test]
    fn what_has_no_slices_is_not_written() {
        let (near, _far) = pair();
        let mut writes = Writes::default();
        assert!(!writes.push(Socket::File(near.as_fd()), |_| {}));
        assert!(writes.is_empty());
        let mut unfinished = vec![(0, Ok(1))];
        Flusher::plain().flush(&writes, &mut unfinished);
        assert!(unfinished.is_empty());
    }

    #[test]
    fn a_seat_without_its_ring_is_left_to_its_owner() {
        let mut writes = Writes::default();
        let seat = Seat(3);
        writes.push(Socket::Seat(&seat), |slices| slices.push(IoSlice::new(b"word")));
        let mut unfinished = Vec::new();
        Flusher::plain().flush(&writes, &mut unfinished);
        assert!(matches!(&unfinished[..], [(0, Err(error))] if error.kind() == io::ErrorKind::WouldBlock));
    }
}
