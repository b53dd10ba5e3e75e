//! An `io_uring` that is used for one thing: to give many sockets their bytes with a single system call.

use crate::flusher::{FLUSH_MAX, Writes, write_one};
use io_uring::{IoUring, opcode, types};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::AsRawFd;

/// The ring, and the headers of those writes that have several slices.
pub(crate) struct Ring {
    ring: IoUring,
    headers: Vec<libc::msghdr>,
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
        Ok(Self { ring, headers: Vec::with_capacity(FLUSH_MAX) })
    }

    /// The writes, all in one call; each result is there when it returns. Gives whether the ring is as it should be;
    /// otherwise it must not be used again, since it may hold writes whose bytes are gone.
    pub(crate) fn flush(&mut self, writes: &Writes<'_>, results: &mut Vec<io::Result<usize>>) -> bool {
        let flags = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;
        let mut submitted = 0;
        for at in 0..writes.len() {
            let socket = types::Fd(writes.sockets[at].socket.as_raw_fd());
            let entry = match writes.slices_of(at) {
                [one] => opcode::Send::new(socket, one.as_ptr(), one.len() as u32).flags(flags).build(),
                more => {
                    // SAFETY: `msghdr` is a C struct of integers and pointers, for which zeros are a valid value.
                    let mut header: libc::msghdr = unsafe { MaybeUninit::zeroed().assume_init() };
                    // An `IoSlice` is an `iovec`, as the standard library promises; the kernel only reads from it.
                    header.msg_iov = more.as_ptr().cast_mut().cast();
                    header.msg_iovlen = more.len() as _;
                    // There is room for a header of each write, so that none moves while the kernel may look at it.
                    self.headers.push(header);
                    let header = &raw const self.headers[self.headers.len() - 1];
                    opcode::SendMsg::new(socket, header).flags(flags as u32).build()
                }
            };
            // SAFETY: the socket, the slices and their bytes are borrowed by `writes`, and the headers stand in a list
            // that is not touched, until every write was answered below: a socket that is told not to wait is answered
            // within the call that submits it.
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
