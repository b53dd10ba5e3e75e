//! An `io_uring` that is used for one thing: to give many sockets their bytes with a single system call.

use crate::flusher::{FLUSH_MAX, Seat, Writes, write_one};
use io_uring::{IoUring, opcode, types};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd};

/// Sockets that a ring knows by their seat at most: a table of half a megabyte in the kernel. The others are looked up by
/// their descriptor for each write.
pub(crate) const SEATS_MAX: u32 = 65_536;

/// The ring, and the headers of those writes that have several slices.
pub(crate) struct Ring {
    ring: IoUring,
    headers: Vec<libc::msghdr>,
    /// Seats below this one were taken at some time; of those, the free ones.
    seats_used: u32,
    seats_free: Vec<u32>,
    seats_max: u32,
}

impl Ring {
    pub(crate) fn new() -> io::Result<Self> {
        // What the kernel has to finish is finished when this thread asks for it, and not in between (6.1).
        let ring = IoUring::builder().setup_single_issuer().setup_defer_taskrun().dontfork().build(FLUSH_MAX as u32)?;
        let mut probe = io_uring::Probe::new();
        ring.submitter().register_probe(&mut probe)?;
        if !probe.is_supported(opcode::Send::CODE) || !probe.is_supported(opcode::SendMsg::CODE) {
            return Err(io::ErrorKind::Unsupported.into());
        }
        // The kernel lets a table be as long as the process may have descriptors.
        let seats_max = crate::nofile().map_or(0, |nofile| nofile.soft.min(SEATS_MAX.into()) as u32);
        let seats_max = ring.submitter().register_files_sparse(seats_max).map_or(0, |()| seats_max);
        let headers = Vec::with_capacity(FLUSH_MAX);
        Ok(Self { ring, headers, seats_used: 0, seats_free: Vec::new(), seats_max })
    }

    /// Lets the kernel keep a socket at hand. It stays open until [`Self::leave`], whatever becomes of its descriptor.
    pub(crate) fn enter(&mut self, socket: BorrowedFd<'_>) -> Option<Seat> {
        let seat = self.seats_free.pop().or_else(|| (self.seats_used < self.seats_max).then_some(self.seats_used))?;
        match self.ring.submitter().register_files_update(seat, &[socket.as_raw_fd()]) {
            Ok(1) => {
                self.seats_used = self.seats_used.max(seat + 1);
                Some(Seat(seat))
            }
            // It is written by its descriptor, then. A seat that was left is not used again: why is not known.
            Ok(_) | Err(_) => None,
        }
    }

    /// Gives a seat back.
    #[expect(clippy::needless_pass_by_value, reason = "a seat is given back once")]
    pub(crate) fn leave(&mut self, seat: Seat) {
        const NOBODY: i32 = -1;
        // A seat that cannot be emptied is not given to another.
        if let Ok(1) = self.ring.submitter().register_files_update(seat.0, &[NOBODY]) {
            self.seats_free.push(seat.0);
        }
    }

    /// The writes, all in one call; each result is there when it returns. Gives whether the ring is as it should be;
    /// otherwise it must not be used again, since it may hold writes whose bytes are gone.
    pub(crate) fn flush(&mut self, writes: &Writes<'_>, results: &mut Vec<io::Result<usize>>) -> bool {
        let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
        let mut submitted = 0;
        for at in 0..writes.len() {
            let socket = types::Fd(writes.sockets[at].socket.as_raw_fd());
            let seat = writes.sockets[at].seat.map(types::Fixed);
            let entry = match (writes.slices_of(at), seat) {
                ([one], Some(seat)) => opcode::Send::new(seat, one.as_ptr(), one.len() as u32).flags(flags).build(),
                ([one], None) => opcode::Send::new(socket, one.as_ptr(), one.len() as u32).flags(flags).build(),
                (more, seat) => {
                    // SAFETY: `msghdr` is a C struct of integers and pointers, for which zeros are a valid value.
                    let mut header: libc::msghdr = unsafe { MaybeUninit::zeroed().assume_init() };
                    // An `IoSlice` is an `iovec`, as the standard library promises; the kernel only reads from it.
                    header.msg_iov = more.as_ptr().cast_mut().cast();
                    header.msg_iovlen = more.len() as _;
                    // There is room for a header of each write, so that none moves while the kernel may look at it.
                    self.headers.push(header);
                    let header = &raw const self.headers[self.headers.len() - 1];
                    match seat {
                        Some(seat) => opcode::SendMsg::new(seat, header).flags(flags as u32).build(),
                        None => opcode::SendMsg::new(socket, header).flags(flags as u32).build(),
                    }
                }
            };
            // SAFETY: the socket (whose seat, if it has one, is its own until it leaves), the slices and their bytes are
            // borrowed by `writes`, and the headers stand in a list that is not touched, until every write was answered
            // below: a socket that is told not to wait is answered within the call that submits it.
            if unsafe { self.ring.submission().push(&entry.user_data(at as u64)) }.is_err() {
                break;
            }
            submitted += 1;
        }
        results.resize_with(writes.len(), || Err(io::ErrorKind::NotConnected.into()));
        let mut open = vec![true; writes.len()];
        let mut left = submitted;
        let mut is_sound = true;
        while left > 0 {
            let entered = self.ring.submit_and_wait(left);
            for answer in self.ring.completion() {
                let at = answer.user_data() as usize;
                results[at] =
                    usize::try_from(answer.result()).map_err(|_| io::Error::from_raw_os_error(-answer.result()));
                open[at] = false;
                left -= 1;
            }
            match entered {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => {
                    is_sound = false;
                    break;
                }
            }
        }
        self.headers.clear();
        for at in 0..writes.len() {
            if open[at] {
                results[at] = write_one(writes, at);
            }
        }
        is_sound
    }
}
