//! The PROXY protocol, versions 1 and 2: whom a trusted proxy's connection is for.

use super::Left;
use crate::socket::Socket;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The longest header of version 1, its line end included (PROXY protocol, 2.1).
const V1_BYTES_MAX: usize = 107;
/// What version 2 begins with (2.2).
const V2_SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
/// The bytes of version 2 before the addresses.
const V2_HEAD: usize = 16;
/// Addresses and extras of version 2 that are read at most: extras are of no use here.
const V2_EXTRA_MAX: usize = 1_024;

/// Reads the header, which must be there, byte for byte: what follows it is not the proxy's. `None`: the proxy speaks
/// for itself (a health check).
///
/// # Errors
/// There is no header, or a broken one.
pub(super) async fn read(socket: &Socket) -> io::Result<Option<SocketAddr>> {
    let mut head = Vec::with_capacity(V1_BYTES_MAX);
    loop {
        let wanted = match wanted(&head)? {
            0 => return parse(&head),
            wanted => wanted,
        };
        let mut buffer = [0; 256];
        let wanted = wanted.min(buffer.len());
        socket.readable().await?;
        match socket.try_read(&mut buffer[..wanted]) {
            Ok(0) if head.is_empty() => return Err(Left.into()),
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => head.extend_from_slice(&buffer[..count]),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset && head.is_empty() => return Err(Left.into()),
            Err(error) => return Err(error),
        }
    }
}

/// How many further bytes surely belong to the header; 0 when it is whole.
fn wanted(head: &[u8]) -> io::Result<usize> {
    let v2_prefix = head.len().min(V2_SIGNATURE.len());
    if head[..v2_prefix] == V2_SIGNATURE[..v2_prefix] && !head.is_empty() {
        if head.len() < V2_HEAD {
            return Ok(V2_HEAD - head.len());
        }
        let extra = usize::from(u16::from_be_bytes([head[14], head[15]]));
        if extra > V2_EXTRA_MAX {
            return Err(broken());
        }
        return Ok(V2_HEAD + extra - head.len());
    }
    let v1_prefix = head.len().min(6);
    if head[..v1_prefix] != b"PROXY "[..v1_prefix] || head.len() > V1_BYTES_MAX {
        return Err(broken());
    }
    // The shortest header is `PROXY UNKNOWN\r\n`; from there on the line end is looked for byte by byte.
    Ok(if head.ends_with(b"\r\n") { 0 } else { 15_usize.saturating_sub(head.len()).max(1) })
}

fn parse(head: &[u8]) -> io::Result<Option<SocketAddr>> {
    if head.starts_with(V2_SIGNATURE) { parse_v2(head) } else { parse_v1(head) }
}

fn parse_v1(head: &[u8]) -> io::Result<Option<SocketAddr>> {
    let line = std::str::from_utf8(head).map_err(|_| broken())?.trim_end_matches("\r\n");
    let mut words = line.split(' ').skip(1);
    match words.next() {
        Some("UNKNOWN") => Ok(None),
        Some("TCP4" | "TCP6") => {
            let ip: IpAddr = words.next().and_then(|word| word.parse().ok()).ok_or_else(broken)?;
            let port: u16 = words.nth(1).and_then(|word| word.parse().ok()).ok_or_else(broken)?;
            Ok(Some(SocketAddr::new(ip, port)))
        }
        Some(_) | None => Err(broken()),
    }
}

fn parse_v2(head: &[u8]) -> io::Result<Option<SocketAddr>> {
    let addresses = &head[V2_HEAD..];
    match (head[12], head[13]) {
        (0x20, _) => Ok(None),
        (0x21, 0x11) if addresses.len() >= 12 => {
            let ip = Ipv4Addr::new(addresses[0], addresses[1], addresses[2], addresses[3]);
            Ok(Some(SocketAddr::new(ip.into(), u16::from_be_bytes([addresses[8], addresses[9]]))))
        }
        (0x21, 0x21) if addresses.len() >= 36 => {
            let octets: [u8; 16] = addresses[..16].try_into().map_err(|_| broken())?;
            let port = u16::from_be_bytes([addresses[32], addresses[33]]);
            Ok(Some(SocketAddr::new(Ipv6Addr::from(octets).into(), port)))
        }
        // Local sockets of the proxy's machine, and transports that are not TCP.
        (0x21, 0x00 | 0x31 | 0x32) => Ok(None),
        _ => Err(broken()),
    }
}

fn broken() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        "a connection from an address of server.trusted_proxies did not begin with a header of the PROXY protocol, which \
         server.proxy_protocol expects",
    )
}

/// The header did not come in time.
pub(super) fn missing() -> io::Error {
    broken()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds the header as it would be read: never a byte more than surely belongs to it.
    fn whole(bytes: &[u8]) -> io::Result<(Option<SocketAddr>, usize)> {
        let mut taken = 0;
        loop {
            match wanted(&bytes[..taken])? {
                0 => return parse(&bytes[..taken]).map(|client| (client, taken)),
                more if taken + more <= bytes.len() => taken += more,
                _ => return Err(io::ErrorKind::UnexpectedEof.into()),
            }
        }
    }

    #[test]
    fn headers_of_both_versions_end_where_the_client_begins() {
        let v2 = |family: u8, addresses: &[u8]| {
            let mut head = V2_SIGNATURE.to_vec();
            head.extend_from_slice(&[0x21, family]);
            head.extend_from_slice(&(addresses.len() as u16).to_be_bytes());
            head.extend_from_slice(addresses);
            head
        };
        let four = v2(0x11, &[192, 0, 2, 7, 127, 0, 0, 1, 0x1f, 0x90, 0, 80]);
        let mut six_addresses = [0; 36];
        six_addresses[..16].copy_from_slice(&"2001:db8::7".parse::<Ipv6Addr>().expect("an address").octets());
        six_addresses[32..34].copy_from_slice(&4_000_u16.to_be_bytes());
        let six = v2(0x21, &six_addresses);
        let cases: [(&[u8], Option<&str>); 5] = [
            (b"PROXY TCP4 192.0.2.7 127.0.0.1 8080 80\r\n", Some("192.0.2.7:8080")),
            (b"PROXY TCP6 2001:db8::7 ::1 4000 80\r\n", Some("[2001:db8::7]:4000")),
            (b"PROXY UNKNOWN\r\n", None),
            (&four, Some("192.0.2.7:8080")),
            (&six, Some("[2001:db8::7]:4000")),
        ];
        for (head, client) in cases {
            let mut bytes = head.to_vec();
            bytes.extend_from_slice(b"GET / HTTP/1.1\r\n");
            let (found, taken) = whole(&bytes).expect("a header");
            assert_eq!(found.map(|client| client.to_string()).as_deref(), client);
            assert_eq!(taken, head.len(), "nothing of the client's is taken");
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for bytes in [&b"GET / HTTP/1.1\r\n\r\n"[..], b"PROXY TCP4 nowhere\r\n", b"\r\n\r\n\0\r\nQUIX\n\x21\x11\0\x0c"]
        {
            assert!(whole(bytes).is_err());
        }
        let endless = [b"PROXY TCP4 ".to_vec(), vec![b'1'; 200]].concat();
        assert_eq!(whole(&endless).expect_err("too long").kind(), io::ErrorKind::InvalidData);
    }
}
