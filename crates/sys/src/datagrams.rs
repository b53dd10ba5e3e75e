//! Many datagrams in one system call.

use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd;

use socket2::SockAddr;

/// How many datagrams one call sends at most. It bounds what the call keeps on the stack: 64
/// addresses of 132 bytes and 64 headers of 80 bytes are 13 KiB.
pub const BATCH_MAX: usize = 64;

/// Sends the first of `datagrams`, at most [`BATCH_MAX`] of them, each to its own address, and says
/// how many the kernel took.
///
/// The number may be smaller than what was given; the rest is to be sent again, from there on. An
/// address must be of the socket's family: an IPv4 address does not go out through an IPv6 socket.
/// The datagrams are handed over in order, and leave in order.
///
/// # Errors
/// What the kernel says about the *first* datagram, with none sent: `WouldBlock` when the socket's
/// buffer is full, or an error of this one datagram (its address cannot be reached, it is too
/// large) after which a caller goes on with the next. An error further on is not reported: the call
/// ends before that datagram, which then is the first one of the next call.
pub fn send_datagrams(socket: &impl AsFd, datagrams: &[(SocketAddr, &[u8])]) -> io::Result<usize> {
    let datagrams = &datagrams[..datagrams.len().min(BATCH_MAX)];
    if datagrams.is_empty() {
        return Ok(0);
    }
    send_batch(socket, datagrams)
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn send_batch(socket: &impl AsFd, datagrams: &[(SocketAddr, &[u8])]) -> io::Result<usize> {
    use std::array;
    use std::mem::MaybeUninit;
    use std::os::fd::AsRawFd;
    use std::ptr;

    let addresses: [Option<SockAddr>; BATCH_MAX] =
        array::from_fn(|at| datagrams.get(at).map(|(to, _)| SockAddr::from(*to)));
    let mut pieces: [libc::iovec; BATCH_MAX] = array::from_fn(|at| match datagrams.get(at) {
        Some((_, bytes)) => libc::iovec {
            // The kernel only reads from it; the type serves receiving, too.
            iov_base: bytes.as_ptr().cast_mut().cast(),
            iov_len: bytes.len(),
        },
        None => libc::iovec { iov_base: ptr::null_mut(), iov_len: 0 },
    });
    // SAFETY: `mmsghdr` is a C struct of integers and pointers, for which zeros are a valid value.
    let empty: libc::mmsghdr = unsafe { MaybeUninit::zeroed().assume_init() };
    let mut headers = [empty; BATCH_MAX];
    for ((header, piece), address) in headers.iter_mut().zip(&mut pieces).zip(&addresses) {
        let Some(address) = address else { break };
        header.msg_hdr.msg_name = address.as_ptr().cast_mut().cast();
        header.msg_hdr.msg_namelen = address.len();
        header.msg_hdr.msg_iov = piece;
        header.msg_hdr.msg_iovlen = 1;
    }
    loop {
        // SAFETY: the descriptor is open, because `socket` is borrowed. The first
        // `datagrams.len()` headers, at most as many as the array has, are filled in; their
        // addresses, pieces and payloads are borrowed or owned by this function until it returns,
        // and the kernel writes only to `msg_len` of the headers.
        let sent = unsafe {
            libc::sendmmsg(
                socket.as_fd().as_raw_fd(),
                headers.as_mut_ptr(),
                datagrams.len() as libc::c_uint,
                libc::MSG_NOSIGNAL,
            )
        };
        if let Ok(sent) = usize::try_from(sent) {
            return Ok(sent);
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}

/// Where there is no `sendmmsg`, one call for each datagram.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn send_batch(socket: &impl AsFd, datagrams: &[(SocketAddr, &[u8])]) -> io::Result<usize> {
    let socket = socket2::SockRef::from(socket);
    for (sent, (to, bytes)) in datagrams.iter().enumerate() {
        match socket.send_to(bytes, &SockAddr::from(*to)) {
            Ok(_) => {}
            Err(error) if sent == 0 => return Err(error),
            Err(_) => return Ok(sent),
        }
    }
    Ok(datagrams.len())
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr, UdpSocket};
    use std::time::Duration;

    use super::*;

    fn receiver(address: SocketAddr) -> UdpSocket {
        let socket = UdpSocket::bind(address).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        socket
    }

    fn received(socket: &UdpSocket) -> Vec<u8> {
        let mut buffer = [0; 2048];
        let len = socket.recv(&mut buffer).unwrap();
        buffer[..len].to_vec()
    }

    #[test]
    fn each_datagram_reaches_its_own_address_over_both_families() {
        for ip in [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()] {
            let any = SocketAddr::new(ip, 0);
            let sender = match UdpSocket::bind(any) {
                Ok(sender) => sender,
                // A machine without IPv6.
                Err(_) if any.is_ipv6() => continue,
                Err(error) => panic!("{error}"),
            };
            let (first, second) = (receiver(any), receiver(any));
            let to = [first.local_addr().unwrap(), second.local_addr().unwrap()];
            let batch: [(SocketAddr, &[u8]); 3] = [(to[0], b"one"), (to[1], b""), (to[0], b"two")];

            assert_eq!(send_datagrams(&sender, &batch).unwrap(), 3);
            assert_eq!(received(&first), b"one");
            assert_eq!(received(&first), b"two");
            assert_eq!(received(&second), b"");
        }
    }

    #[test]
    fn a_call_takes_no_more_than_a_batch() {
        let to = receiver((Ipv4Addr::LOCALHOST, 0).into());
        let sender = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let payloads: Vec<[u8; 1]> = (0..=BATCH_MAX as u8).map(|number| [number]).collect();
        let batch: Vec<(SocketAddr, &[u8])> =
            payloads.iter().map(|bytes| (to.local_addr().unwrap(), &bytes[..])).collect();

        assert_eq!(send_datagrams(&sender, &[]).unwrap(), 0);
        assert_eq!(send_datagrams(&sender, &batch).unwrap(), BATCH_MAX);
        for payload in &payloads[..BATCH_MAX] {
            assert_eq!(received(&to), payload);
        }
    }

    #[test]
    fn an_error_is_that_of_the_first_datagram() {
        let to = receiver((Ipv4Addr::LOCALHOST, 0).into());
        let sender = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let to_address = to.local_addr().unwrap();
        let too_large = vec![0; 70_000];

        let error = send_datagrams(&sender, &[(to_address, &too_large), (to_address, b"x")]);
        assert_eq!(error.unwrap_err().raw_os_error(), Some(libc::EMSGSIZE));

        let sent = send_datagrams(&sender, &[(to_address, b"x"), (to_address, &too_large)]);
        assert_eq!(sent.unwrap(), 1, "it stops before the one that cannot go");
        assert_eq!(received(&to), b"x");
    }
}
