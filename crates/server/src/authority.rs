//! Hosts and origins, read by the same rules in requests and in settings, so that the settings take what a refusal advises.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Bytes of a host name at most (RFC 1035, 2.3.4).
const NAME_BYTES_MAX: usize = 253;
/// Bytes of an origin that is no web site's at most: those of applications and browser extensions are far shorter.
const ORIGIN_BYTES_MAX: usize = 255;

/// A host without its port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Host {
    /// In lower case, without the dot that ends an absolute name.
    Name(String),
    /// An IPv4 address is never written as an IPv6 one here.
    Ip(IpAddr),
}

impl Host {
    /// Reads a DNS name, an IPv4 address, or an IPv6 address with or without brackets.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if let Some(inner) = text.strip_prefix('[') {
            return ipv6(inner.strip_suffix(']')?).map(Self::Ip);
        }
        if let Some(ip) = ipv6(text) {
            return Some(Self::Ip(ip));
        }
        let name = text.strip_suffix('.').unwrap_or(text);
        if let Ok(ip) = name.parse::<Ipv4Addr>() {
            return Some(Self::Ip(ip.into()));
        }
        let is_name = (1..=NAME_BYTES_MAX).contains(&name.len())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'));
        is_name.then(|| Self::Name(name.to_ascii_lowercase()))
    }

    /// As it stands in a certificate: an IPv6 address has no brackets there.
    pub(crate) fn subject(&self) -> String {
        match self {
            Self::Name(name) => name.clone(),
            Self::Ip(ip) => ip.to_string(),
        }
    }

    /// Whether it is this machine, by its very name or number (RFC 6761, 6.3).
    pub(crate) fn is_loopback(&self) -> bool {
        match self {
            Self::Name(name) => name == "localhost" || name.ends_with(".localhost"),
            Self::Ip(ip) => ip.is_loopback(),
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Ip(IpAddr::V4(ip)) => ip.fmt(f),
            Self::Ip(IpAddr::V6(ip)) => write!(f, "[{ip}]"),
        }
    }
}

/// An IPv6 address; its zone (RFC 4007, 11), which means something on one machine only, is left out.
fn ipv6(text: &str) -> Option<IpAddr> {
    let address = text.split_once('%').map_or(text, |(address, _)| address);
    address.parse::<Ipv6Addr>().ok().map(|ip| ip.to_canonical())
}

/// A host and its port, if it is named (RFC 3986, 3.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Authority {
    pub(crate) host: Host,
    pub(crate) port: Option<u16>,
}

impl Authority {
    /// What a Host header may mean: one thing, or, if an IPv6 address and a port are written without brackets, as some
    /// clients do, two.
    pub(crate) fn readings(text: &str) -> impl Iterator<Item = Self> {
        let whole = Host::parse(text).map(|host| Self { host, port: None });
        whole.into_iter().chain(Self::with_port(text))
    }

    /// Reads it as one that stands in a URL: an IPv6 address has its brackets.
    fn parse(text: &str) -> Option<Self> {
        match text.ends_with(']') || !text.contains(':') {
            true => Some(Self { host: Host::parse(text)?, port: None }),
            false => Self::with_port(text)
                .filter(|own| text.starts_with('[') || !matches!(own.host, Host::Ip(IpAddr::V6(_)))),
        }
    }

    fn with_port(text: &str) -> Option<Self> {
        let (host, port) = text.rsplit_once(':')?;
        let host = Host::parse(host)?;
        match port {
            "" => Some(Self { host, port: None }),
            // `parse` would take a sign.
            digits if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                Some(Self { host, port: Some(digits.parse().ok()?) })
            }
            _ => None,
        }
    }
}

/// Where a page comes from, as its browser says it (RFC 6454, 6.2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A page that hides it: of a file, or in a sandbox.
    Null,
    /// A site; its port is always there.
    Site { scheme: String, site: Authority },
    /// Of an application or a browser extension (`file://`, `capacitor://localhost`, `chrome-extension://ID`): the whole
    /// of it in lower case.
    Other(String),
}

impl Origin {
    /// Reads an origin: `null`, or a scheme, `://`, and what names the place, without a path.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if text == "null" {
            return Some(Self::Null);
        }
        let (scheme, place) = text.split_once("://")?;
        let is_scheme = scheme.starts_with(|first: char| first.is_ascii_alphabetic())
            && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'));
        if !is_scheme || text.len() > ORIGIN_BYTES_MAX {
            return None;
        }
        let scheme = scheme.to_ascii_lowercase();
        let usual_port = match &*scheme {
            "http" | "ws" => 80,
            "https" | "wss" => 443,
            _ => {
                // Nothing that would end it in a URL, in a list, or in a shell's quotes.
                let is_place = place.bytes().all(|byte| byte.is_ascii_graphic() && !b"/?#@\\\"'`<>,".contains(&byte));
                return is_place.then(|| Self::Other(text.to_ascii_lowercase()));
            }
        };
        let mut site = Authority::parse(place)?;
        site.port.get_or_insert(usual_port);
        Some(Self::Site { scheme, site })
    }

    /// Whether it names this machine.
    pub(crate) fn is_loopback(&self) -> bool {
        match self {
            Self::Null => false,
            Self::Site { site, .. } => site.host.is_loopback(),
            Self::Other(text) => {
                let place = text.split_once("://").map_or("", |(_, place)| place);
                Authority::parse(place).is_some_and(|place| place.host.is_loopback())
            }
        }
    }

    /// Whether it is the site that a request for `host` is for, whatever stands between: a proxy may speak TLS for us.
    pub(crate) fn is_at(&self, host: &Authority) -> bool {
        match self {
            Self::Null | Self::Other(_) => false,
            Self::Site { scheme, site } => {
                let usual_port = if matches!(&**scheme, "https" | "wss") { 443 } else { 80 };
                site.host == host.host && site.port == Some(host.port.unwrap_or(usual_port))
            }
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Other(text) => f.write_str(text),
            Self::Site { scheme, site } => {
                write!(f, "{scheme}://{}", site.host)?;
                match (&**scheme, site.port) {
                    (_, None) | ("http" | "ws", Some(80)) | ("https" | "wss", Some(443)) => Ok(()),
                    (_, Some(port)) => write!(f, ":{port}"),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_host_has_many_spellings() {
        for (text, host) in [
            ("chat.example.org", Some("chat.example.org")),
            ("CHAT.Example.ORG.", Some("chat.example.org")),
            ("my_host", Some("my_host")),
            ("192.0.2.1", Some("192.0.2.1")),
            ("192.0.2.1.", Some("192.0.2.1")),
            ("::ffff:192.0.2.1", Some("192.0.2.1")),
            ("[::FFFF:c000:201]", Some("192.0.2.1")),
            ("2001:DB8:0:0::1", Some("[2001:db8::1]")),
            ("[2001:db8::1]", Some("[2001:db8::1]")),
            ("fe80::1%eth0", Some("[fe80::1]")),
            ("[fe80::1%25eth0]", Some("[fe80::1]")),
            ("", None),
            (".", None),
            ("a b", None),
            ("grüß.example", None),
            ("[::1", None),
            ("[192.0.2.1]", None),
            ("host/path", None),
            ("me@host", None),
            (":", None),
        ] {
            assert_eq!(Host::parse(text).map(|host| host.to_string()).as_deref(), host, "{text}");
        }
        assert!(Host::parse(&"a".repeat(NAME_BYTES_MAX)).is_some());
        for (text, subject) in
            [("[2001:DB8::1]", "2001:db8::1"), ("192.0.2.1", "192.0.2.1"), ("Chat.example.org.", "chat.example.org")]
        {
            assert_eq!(Host::parse(text).map(|host| host.subject()).as_deref(), Some(subject));
        }
        assert!(Host::parse(&"a".repeat(NAME_BYTES_MAX + 1)).is_none());
    }

    #[test]
    fn a_host_header_is_read_in_every_way_that_it_may_be_meant() {
        for (text, readings) in [
            ("localhost", &[("localhost", None)][..]),
            ("localhost.:80", &[("localhost", Some(80))]),
            ("localhost:", &[("localhost", None)]),
            ("[::1]:12345", &[("[::1]", Some(12_345))]),
            ("[::1]", &[("[::1]", None)]),
            ("::1", &[("[::1]", None)]),
            ("::1:12345", &[("[::1]", Some(12_345))]),
            ("::1:8080", &[("[::1:8080]", None), ("[::1]", Some(8_080))]),
            ("2001:db8::2:80", &[("[2001:db8::2:80]", None), ("[2001:db8::2]", Some(80))]),
            ("127.0.0.1:65535", &[("127.0.0.1", Some(65_535))]),
            ("127.0.0.1:65536", &[]),
            ("localhost:+80", &[]),
            ("localhost:80:80", &[]),
            ("[::1]80", &[]),
            ("", &[]),
            (":80", &[]),
        ] {
            let found: Vec<_> = Authority::readings(text).map(|own| (own.host.to_string(), own.port)).collect();
            let found: Vec<_> = found.iter().map(|(host, port)| (&**host, *port)).collect();
            assert_eq!(found, readings, "{text}");
        }
    }

    #[test]
    fn origins_are_read_and_written() {
        for (text, written) in [
            ("null", Some("null")),
            ("https://www.example.org", Some("https://www.example.org")),
            ("HTTPS://www.Example.org.:443", Some("https://www.example.org")),
            ("http://localhost:80", Some("http://localhost")),
            ("https://localhost:80", Some("https://localhost:80")),
            ("http://[::1]:5173", Some("http://[::1]:5173")),
            ("http://[2001:DB8::1]", Some("http://[2001:db8::1]")),
            ("file://", Some("file://")),
            ("capacitor://localhost", Some("capacitor://localhost")),
            ("ionic://localhost", Some("ionic://localhost")),
            ("tauri://localhost", Some("tauri://localhost")),
            ("app://.", Some("app://.")),
            ("app://obsidian.md", Some("app://obsidian.md")),
            ("vscode-webview://0a1b", Some("vscode-webview://0a1b")),
            ("chrome-extension://abcdefghijklmnop", Some("chrome-extension://abcdefghijklmnop")),
            ("moz-extension://1b2c-3d4e", Some("moz-extension://1b2c-3d4e")),
            ("", None),
            ("www.example.org", None),
            ("Null", None),
            ("*", None),
            ("://x", None),
            ("1http://x", None),
            ("http://", None),
            ("http://::1:80", None),
            ("http://example.org/", None),
            ("http://example.org/path", None),
            ("http://me@example.org", None),
            ("http://example.org:99999", None),
            ("file:///home", None),
            ("app://a b", None),
            ("app://'x'", None),
            ("https://a.example https://b.example", None),
        ] {
            let origin = Origin::parse(text);
            assert_eq!(origin.as_ref().map(ToString::to_string).as_deref(), written, "{text}");
            if let Some(origin) = origin {
                assert_eq!(Origin::parse(&origin.to_string()), Some(origin), "{text} is read again as it was written");
            }
        }
        let longest = format!("app://{}", "a".repeat(ORIGIN_BYTES_MAX - 6));
        assert!(Origin::parse(&longest).is_some() && Origin::parse(&format!("{longest}a")).is_none());
    }
}
