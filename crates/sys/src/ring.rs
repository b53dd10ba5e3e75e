//! An `io_uring` that is used for one thing: to give many sockets their bytes with a single system call.

use crate::flusher::{FLUSH_MAX, Seat, Socket, Unfinished, Writes};
use io_uring::{IoUring, opcode, squeue, types};
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
        let ring = IoUring::builder()
            .setup_single_issuer()
            .setup_defer_taskrun()
            .setup_submit_all()
            .dontfork()
            .build(FLUSH_MAX as u32)?;
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

    /// The writes, all in one call; what they gave is known when it returns. Gives whether the ring is as it should be;
    /// otherwise it must not be used again.
    ///
    /// Nobody is told of a write that took everything (`SKIP_SUCCESS`): with 256 sockets, that is 256 answers less to
    /// write and to read. `MSG_WAITALL` makes a part of a write a failure, of which we are told; together with
    /// `MSG_DONTWAIT` nothing is waited for, and nothing is tried again behind our back.
    pub(crate) fn flush(&mut self, writes: &Writes<'_>, unfinished: &mut Vec<Unfinished>) -> bool {
        let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL | libc::MSG_WAITALL;
        let mut pushed = 0;
        for at in 0..writes.len() {
            let entry = match (writes.slices_of(at), writes.sockets[at].socket) {
                ([one], Socket::Seat(seat)) => {
                    opcode::Send::new(types::Fixed(seat.0), one.as_ptr(), one.len() as u32).flags(flags).build()
                }
                ([one], Socket::File(file)) => {
                    opcode::Send::new(types::Fd(file.as_raw_fd()), one.as_ptr(), one.len() as u32).flags(flags).build()
                }
                (more, socket) => {
                    // SAFETY: `msghdr` is a C struct of integers and pointers, for which zeros are a valid value.
                    let mut header: libc::msghdr = unsafe { MaybeUninit::zeroed().assume_init() };
                    // An `IoSlice` is an `iovec`, as the standard library promises; the kernel only reads from it.
                    header.msg_iov = more.as_ptr().cast_mut().cast();
                    header.msg_iovlen = more.len() as _;
                    // There is room for a header of each write, so that none moves while the kernel may look at it.
                    self.headers.push(header);
                    let header = &raw const self.headers[self.headers.len() - 1];
                    let flags = flags as u32;
                    match socket {
                        Socket::Seat(seat) => opcode::SendMsg::new(types::Fixed(seat.0), header).flags(flags).build(),
                        Socket::File(file) => {
                            opcode::SendMsg::new(types::Fd(file.as_raw_fd()), header).flags(flags).build()
                        }
                    }
                }
            };
            let entry = entry.flags(squeue::Flags::SKIP_SUCCESS).user_data(at as u64);
            // SAFETY: the socket (whose seat, if it has one, is its own until it leaves), the slices and their bytes are
            // borrowed by `writes`, and the headers stand in a list that is not touched, until every write is over: one
            // that is told not to wait is over within the call that submits it.
            if unsafe { self.ring.submission().push(&entry) }.is_err() {
                break;
            }
            pushed += 1;
        }
        let mut left = pushed;
        let mut is_sound = true;
        while left > 0 {
            match self.ring.submit() {
                Ok(0) => is_sound = false,
                Ok(submitted) => left -= submitted.min(left),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => is_sound = false,
            }
            if !is_sound {
                // Those that the kernel did not take are the last ones. It never looks at them when the ring is gone.
                left = self.ring.submission().len().min(left);
                break;
            }
        }
        for answer in self.ring.completion() {
            let at = answer.user_data() as usize;
            let result = usize::try_from(answer.result()).map_err(|_| io::Error::from_raw_os_error(-answer.result()));
            unfinished.push((at, result));
        }
        self.headers.clear();
        unfinished.extend((pushed - left..writes.len()).map(|at| (at, Err(io::ErrorKind::WouldBlock.into()))));
        is_sound
    }
}
