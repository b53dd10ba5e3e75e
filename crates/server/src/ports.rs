//! Taking ports: TCP and UDP of the same number, on one address or on several at once.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket};
use std::ops::RangeInclusive;

use socket2::{Domain, Protocol, Socket, Type};

/// 127.0.0.1 and ::1, because `localhost` may be either.
pub const LOOPBACK: [IpAddr; 2] = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];

/// Connections that the kernel keeps for us until they are accepted; more are told to try again.
/// The kernel has a limit of its own, 4,096 on Linux.
const BACKLOG: i32 = 4_096;

/// How often port 0 is tried anew when the number that one socket got is taken for another. A
/// machine that has no number free for all after this many has other troubles.
const RETRIES_MAX: usize = 64;

/// One port of one address, taken for TCP and for UDP. Both sockets are non-blocking.
#[derive(Debug)]
pub struct Bound {
    /// The address with the number that was taken.
    pub address: SocketAddr,
    /// It listens.
    pub tcp: TcpListener,
    /// It receives.
    pub udp: UdpSocket,
}

/// Takes a port for TCP and UDP. Port 0 is any number that is free for both.
///
/// # Errors
/// `AddrInUse` when either is taken, `AddrNotAvailable` when the address is not one of this
/// machine, `PermissionDenied` for ports below 1024.
pub fn bind(address: SocketAddr) -> io::Result<Bound> {
    retry(address.port(), || bind_once(address))
}

/// Takes the same port on each of `ips`, in their order. Port 0 is any number that is free on all.
///
/// ::1 is left out on a machine without IPv6, if it is not the only one.
///
/// # Errors
/// Those of [`bind`] for the first address that fails; nothing is taken then.
pub fn bind_all(ips: &[IpAddr], port: u16) -> io::Result<Vec<Bound>> {
    retry(port, || bind_all_once(ips, port))
}

/// Takes the first port of `range` that is free on each of `ips`.
///
/// # Errors
/// `AddrInUse` when none is; those of [`bind`] when an address fails for another reason.
pub fn bind_first_free(ips: &[IpAddr], range: RangeInclusive<u16>) -> io::Result<Vec<Bound>> {
    let (first, last) = (*range.start(), *range.end());
    for port in range {
        match bind_all(ips, port) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
            result => return result,
        }
    }
    let message = format!("no port from {first} to {last} is free");
    Err(io::Error::new(io::ErrorKind::AddrInUse, message))
}

/// Listens for TCP connections. Port 0 is any free number.
///
/// # Errors
/// As [`bind`].
pub fn bind_tcp(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // A server that was just stopped leaves connections behind that keep its port for a minute;
    // on Unix this sets only those aside, and two sockets still cannot listen on one port. On
    // Windows it would let them.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    bind_socket(&socket, address)?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Receives datagrams. Port 0 is any free number.
///
/// # Errors
/// As [`bind`].
pub fn bind_udp(address: SocketAddr) -> io::Result<UdpSocket> {
    // Without SO_REUSEADDR: among datagram sockets it lets the second one take the port silently.
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    bind_socket(&socket, address)?;
    Ok(socket.into())
}

fn bind_socket(socket: &Socket, address: SocketAddr) -> io::Result<()> {
    if address.is_ipv6() {
        // [::] is IPv6 only, whatever the system's default, so that 0.0.0.0 is free beside it.
        socket.set_only_v6(true)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())
}

fn bind_once(address: SocketAddr) -> io::Result<Bound> {
    let tcp = bind_tcp(address)?;
    let address = tcp.local_addr()?;
    let udp = bind_udp(address)?;
    Ok(Bound { address, tcp, udp })
}

fn bind_all_once(ips: &[IpAddr], mut port: u16) -> io::Result<Vec<Bound>> {
    let mut bound: Vec<Bound> = Vec::with_capacity(ips.len());
    for ip in ips {
        match bind_once(SocketAddr::new(*ip, port)) {
            Ok(one) => {
                port = one.address.port();
                bound.push(one);
            }
            Err(error) if is_missing_ipv6(*ip, &error) && ips.len() > 1 => {}
            Err(error) => return Err(error),
        }
    }
    Ok(bound)
}

/// Whether the machine has no IPv6 at all, as containers often do not.
fn is_missing_ipv6(ip: IpAddr, error: &io::Error) -> bool {
    ip == Ipv6Addr::LOCALHOST
        && (error.kind() == io::ErrorKind::AddrNotAvailable || error.raw_os_error() == Some(libc::EAFNOSUPPORT))
}

/// Tries again while the system's choice of a number turns out to be taken elsewhere.
fn retry<T>(port: u16, mut attempt: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    let mut retries = if port == 0 { RETRIES_MAX } else { 0 };
    loop {
        match attempt() {
            Err(error) if retries > 0 && error.kind() == io::ErrorKind::AddrInUse => retries -= 1,
            result => return result,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANY: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

    fn has_ipv6() -> bool {
        TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_ok()
    }

    fn kind<T>(result: io::Result<T>) -> io::ErrorKind {
        result.map(drop).expect_err("the port is taken").kind()
    }

    #[test]
    fn any_port_is_one_number_for_tcp_and_udp_and_both_families() {
        let bound = bind_all(&LOOPBACK, 0).unwrap();
        assert_eq!(bound.len(), if has_ipv6() { 2 } else { 1 });
        assert!(bound[0].address.is_ipv4(), "the IPv4 one comes first");
        for one in &bound {
            assert_ne!(one.address.port(), 0);
            assert_eq!(one.address.port(), bound[0].address.port());
            assert_eq!(one.tcp.local_addr().unwrap(), one.address);
            assert_eq!(one.udp.local_addr().unwrap(), one.address);
        }
    }

    #[test]
    fn a_port_is_taken_when_any_of_its_four_sockets_is() {
        let ours = bind_all(&LOOPBACK, 0).unwrap();
        let port = ours[0].address.port();
        assert_eq!(kind(bind_all(&LOOPBACK, port)), io::ErrorKind::AddrInUse);
        drop(ours);
        for ip in LOOPBACK.into_iter().filter(|ip| ip.is_ipv4() || has_ipv6()) {
            let address = SocketAddr::new(ip, port);
            let tcp = bind_tcp(address).unwrap();
            assert_eq!(kind(bind_all(&LOOPBACK, port)), io::ErrorKind::AddrInUse);
            drop(tcp);
            let udp = bind_udp(address).unwrap();
            assert_eq!(kind(bind_all(&LOOPBACK, port)), io::ErrorKind::AddrInUse);
            drop(udp);
        }
        bind_all(&LOOPBACK, port).expect("nothing was kept by the attempts that failed");
    }

    #[test]
    fn a_taken_wildcard_is_seen_and_two_families_may_share_it() {
        let four = bind(SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), 0)).unwrap();
        let port = four.address.port();
        assert_eq!(kind(bind(SocketAddr::new(ANY.ip(), port))), io::ErrorKind::AddrInUse);
        if has_ipv6() {
            bind(SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), port)).unwrap();
        }
    }

    #[test]
    fn the_first_free_port_of_a_range_is_taken() {
        // Below the numbers that connections get from the system, because each of those stays taken
        // for a minute after its connection. Another program may have some of these, too.
        let found = (21_000..30_000).step_by(4).any(|port| {
            let Ok(_taken) = bind(SocketAddr::new(ANY.ip(), port)) else { return false };
            let Ok(first) = bind_first_free(&LOOPBACK, port..=port + 3) else { return false };
            assert!(first[0].address.port() > port);
            first[0].address.port() == port + 1
        });
        assert!(found);

        let taken = bind(ANY).unwrap();
        let port = taken.address.port();
        let error = bind_first_free(&LOOPBACK, port..=port).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
        assert_eq!(error.to_string(), format!("no port from {port} to {port} is free"));
    }

    #[test]
    fn other_errors_are_told_at_once() {
        // An address for documentation (RFC 5737), which no machine has.
        let foreign = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
        let result = bind_first_free(&[ANY.ip(), foreign], 20_000..=60_000);
        assert_eq!(kind(result), io::ErrorKind::AddrNotAvailable);
    }
}
