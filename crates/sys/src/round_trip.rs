//! The round-trip time that the kernel measures of every TCP connection.

use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::time::Duration;

/// The smoothed round-trip time of a TCP connection (RFC 6298), which the kernel keeps without anything being sent for
/// it.
///
/// # Errors
/// The system's error: the descriptor is no TCP socket.
pub fn tcp_round_trip(socket: &impl AsFd) -> io::Result<Duration> {
    let mut info = std::mem::MaybeUninit::<libc::tcp_info>::zeroed();
    let mut len = size_of::<libc::tcp_info>() as libc::socklen_t;
    let descriptor = socket.as_fd().as_raw_fd();
    // SAFETY: `info` is valid for writing `len` bytes, the descriptor is open for as long as it is borrowed, and the
    // call keeps no pointer.
    let code = unsafe {
        libc::getsockopt(descriptor, libc::IPPROTO_TCP, libc::TCP_INFO, info.as_mut_ptr().cast(), &raw mut len)
    };
    if code != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the structure is of numbers, for which zeroes are valid; an older kernel leaves its end as it was.
    let info = unsafe { info.assume_init() };
    Ok(Duration::from_micros(info.tcpi_rtt.into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, TcpStream, UdpSocket};

    #[test]
    fn a_connection_over_loopback_has_a_short_round_trip() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        assert!(tcp_round_trip(&stream).unwrap() < Duration::from_secs(1));
    }

    #[test]
    fn a_datagram_socket_has_none() {
        assert!(tcp_round_trip(&UdpSocket::bind("127.0.0.1:0").unwrap()).is_err());
    }
}
