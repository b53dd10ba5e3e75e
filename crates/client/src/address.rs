//! Where a server is: `tcp://host:port` and its relatives.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

/// The port of a Switchboard server when an address names none.
pub const DEFAULT_PORT: u16 = 12345;

/// How a server is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// Lines over TCP; the scheme of an address that names none.
    Tcp,
    /// Lines over TLS.
    Tls,
    /// WebSocket (RFC 6455); `http` is another word for it, so that a page's address can be pasted.
    Ws,
    /// WebSocket over TLS; `https` is another word for it.
    Wss,
    /// One message a datagram, delivered at most once.
    Udp,
}

impl Scheme {
    /// The word before `://`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Tls => "tls",
            Self::Ws => "ws",
            Self::Wss => "wss",
            Self::Udp => "udp",
        }
    }

    /// Whether the connection is encrypted.
    #[must_use]
    pub const fn is_secure(self) -> bool {
        match self {
            Self::Tls | Self::Wss => true,
            Self::Tcp | Self::Ws | Self::Udp => false,
        }
    }

    /// Whether it is a WebSocket, the only scheme with a path.
    #[must_use]
    pub const fn is_websocket(self) -> bool {
        match self {
            Self::Ws | Self::Wss => true,
            Self::Tcp | Self::Tls | Self::Udp => false,
        }
    }

    /// WebSocket addresses follow the ports of their RFC (6455 section 3), all others our own.
    const fn default_port(self) -> u16 {
        match self {
            Self::Tcp | Self::Tls | Self::Udp => DEFAULT_PORT,
            Self::Ws => 80,
            Self::Wss => 443,
        }
    }
}

/// A server's address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    pub scheme: Scheme,
    /// A name or an IP address, without brackets.
    pub host: String,
    pub port: u16,
    /// Path and query of a WebSocket address, `/ws` if it named none; empty for every other scheme.
    pub path: String,
}

/// Why a text is no address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadAddress {
    #[error("the scheme is none of tcp, tls, ws, wss, udp")]
    Scheme,
    #[error("it names no host")]
    NoHost,
    #[error("the host has characters that a host cannot have")]
    Host,
    #[error("the port is not a number from 1 to 65535")]
    Port,
    #[error("only ws:// and wss:// addresses have a path")]
    Path,
    #[error("an address has no user name or password: use --nick and --pass")]
    UserInfo,
}

impl Address {
    /// Whether the host is this machine by its very name or number, without asking a name server.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        self.host == "localhost" || self.host.parse::<IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback())
    }

    /// `host:port`, with brackets where an IPv6 address needs them.
    #[must_use]
    pub fn authority(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", self.scheme.as_str(), self.authority(), self.path)
    }
}

impl FromStr for Address {
    type Err = BadAddress;

    fn from_str(text: &str) -> Result<Self, BadAddress> {
        let (scheme, rest) = match text.split_once("://") {
            None => (Scheme::Tcp, text),
            Some((word, rest)) => (scheme(word)?, rest),
        };
        let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        if authority.contains('@') {
            return Err(BadAddress::UserInfo);
        }
        let (host, port) = host_and_port(authority)?;
        let port = match port {
            None => scheme.default_port(),
            Some(digits) => digits.parse().ok().filter(|port| *port != 0).ok_or(BadAddress::Port)?,
        };
        Ok(Self { scheme, host, port, path: checked_path(scheme, path)? })
    }
}

fn scheme(word: &str) -> Result<Scheme, BadAddress> {
    match word.to_ascii_lowercase().as_str() {
        "tcp" => Ok(Scheme::Tcp),
        "tls" => Ok(Scheme::Tls),
        "ws" | "http" => Ok(Scheme::Ws),
        "wss" | "https" => Ok(Scheme::Wss),
        "udp" => Ok(Scheme::Udp),
        _ => Err(BadAddress::Scheme),
    }
}

fn host_and_port(authority: &str) -> Result<(String, Option<&str>), BadAddress> {
    if authority.parse::<Ipv6Addr>().is_ok() {
        return Ok((authority.to_owned(), None));
    }
    if let Some(bracketed) = authority.strip_prefix('[') {
        let (host, after) = bracketed.split_once(']').ok_or(BadAddress::Host)?;
        host.parse::<Ipv6Addr>().map_err(|_| BadAddress::Host)?;
        return match after.strip_prefix(':') {
            Some(port) => Ok((host.to_owned(), Some(port))),
            None if after.is_empty() => Ok((host.to_owned(), None)),
            None => Err(BadAddress::Port),
        };
    }
    let (host, port) = match authority.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (authority, None),
    };
    if host.is_empty() {
        return Err(BadAddress::NoHost);
    }
    if !host.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_')) {
        return Err(BadAddress::Host);
    }
    Ok((host.to_ascii_lowercase(), port))
}

fn checked_path(scheme: Scheme, path: &str) -> Result<String, BadAddress> {
    let bare = matches!(path, "" | "/");
    if !scheme.is_websocket() {
        return if bare { Ok(String::new()) } else { Err(BadAddress::Path) };
    }
    if !path.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(BadAddress::Path);
    }
    let path = path.split('#').next().unwrap_or_default();
    Ok(match path {
        "" | "/" => "/ws".to_owned(),
        query if query.starts_with('?') => format!("/ws{query}"),
        path => path.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_written() {
        for (text, written) in [
            ("localhost", "tcp://localhost:12345"),
            ("Example.org:99", "tcp://example.org:99"),
            ("127.0.0.1", "tcp://127.0.0.1:12345"),
            ("::1", "tcp://[::1]:12345"),
            ("[::1]:7", "tcp://[::1]:7"),
            ("[::1]", "tcp://[::1]:12345"),
            ("tcp://h:1/", "tcp://h:1"),
            ("TLS://h", "tls://h:12345"),
            ("udp://h", "udp://h:12345"),
            ("ws://h", "ws://h:80/ws"),
            ("http://localhost:12345/", "ws://localhost:12345/ws"),
            ("https://h/#top", "wss://h:443/ws"),
            ("wss://h/chat?x=1", "wss://h:443/chat?x=1"),
            ("ws://h?protocol=json", "ws://h:80/ws?protocol=json"),
        ] {
            assert_eq!(text.parse::<Address>().map(|address| address.to_string()).as_deref(), Ok(written), "{text}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused_with_its_reason() {
        for (text, reason) in [
            ("", BadAddress::NoHost),
            ("tcp://", BadAddress::NoHost),
            (":12345", BadAddress::NoHost),
            ("ftp://h", BadAddress::Scheme),
            ("h:0", BadAddress::Port),
            ("h:65536", BadAddress::Port),
            ("h:", BadAddress::Port),
            ("[::1]7", BadAddress::Port),
            ("[h]:7", BadAddress::Host),
            ("[::1", BadAddress::Host),
            ("a b", BadAddress::Host),
            ("h\x1b", BadAddress::Host),
            ("tcp://h/path", BadAddress::Path),
            ("ws://h/a b", BadAddress::Path),
            ("ada@h", BadAddress::UserInfo),
        ] {
            assert_eq!(text.parse::<Address>(), Err(reason), "{text}");
        }
    }

    #[test]
    fn loopback_is_told_without_a_name_server() {
        for (text, loopback) in [
            ("localhost", true),
            ("127.8.9.1", true),
            ("::1", true),
            ("[::ffff:127.0.0.1]", true),
            ("10.0.0.1", false),
            ("localhost.example.org", false),
        ] {
            assert_eq!(text.parse::<Address>().is_ok_and(|address| address.is_loopback()), loopback, "{text}");
        }
    }
}
