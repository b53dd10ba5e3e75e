//! Whom a browser may be: the rules for the Host and Origin headers.

use std::net::{IpAddr, SocketAddr};

/// What the operator allows besides the server's own addresses.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    /// Names by which browsers reach the server.
    pub hosts: Vec<String>,
    /// Origins of other sites whose pages may connect.
    pub origins: Vec<String>,
}

/// Why a browser's request is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Misled {
    /// The Host is none of ours: somebody else's name leads here (DNS rebinding).
    Host(String),
    /// A page of another site wants to connect.
    Origin(String),
}

impl Misled {
    /// The status: 421 for a foreign Host (RFC 9110, 15.5.20), 403 for a foreign Origin.
    #[must_use]
    pub const fn status(&self) -> u16 {
        match self {
            Self::Host(_) => 421,
            Self::Origin(_) => 403,
        }
    }

    /// A sentence that names what was refused, and the option that would allow it.
    #[must_use]
    pub fn message(&self) -> String {
        match self {
            Self::Host(host) => format!("host {host:?} is not served here; http.hosts would allow it\n"),
            Self::Origin(origin) => format!("origin {origin:?} may not connect here; http.origins would allow it\n"),
        }
    }
}

impl Policy {
    /// Checks a request that arrived at `local`. No Host: an HTTP/1.0 client; no Origin: not a page. Neither is a
    /// browser.
    ///
    /// # Errors
    /// What the request must not say.
    pub fn check(&self, host: Option<&str>, origin: Option<&str>, local: SocketAddr) -> Result<(), Misled> {
        let local_ip = local.ip().to_canonical();
        let authority = host.map(Authority::parse);
        if let (Some(text), Some(authority)) = (host, &authority)
            && !authority.as_ref().is_some_and(|authority| self.serves(authority, local_ip))
        {
            return Err(Misled::Host(text.to_owned()));
        }
        let Some(origin) = origin else { return Ok(()) };
        let allowed = || {
            if self.origins.iter().any(|allowed| allowed.eq_ignore_ascii_case(origin)) {
                return true;
            }
            let Some((scheme, rest)) = origin.split_once("://") else { return false };
            let Some(mut page) = Authority::parse(rest) else { return false };
            if local_ip.is_loopback() && page.is_loopback() {
                return true;
            }
            let Some(Some(mut own)) = authority.clone() else { return false };
            let usual = if scheme.eq_ignore_ascii_case("https") { 443 } else { 80 };
            page.port.get_or_insert(usual);
            own.port.get_or_insert(usual);
            page == own
        };
        if allowed() { Ok(()) } else { Err(Misled::Origin(origin.to_owned())) }
    }

    fn serves(&self, authority: &Authority, local: IpAddr) -> bool {
        match authority.host.parse::<IpAddr>() {
            Ok(ip) => ip.to_canonical() == local || (local.is_loopback() && ip.to_canonical().is_loopback()),
            Err(_) => {
                is_localhost(&authority.host)
                    || self.hosts.iter().any(|host| host.eq_ignore_ascii_case(&authority.host))
            }
        }
    }
}

/// A host and its port, as in a Host header or an origin.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Authority {
    /// In lower case, an IPv6 address without its brackets.
    host: String,
    port: Option<u16>,
}

impl Authority {
    fn parse(text: &str) -> Option<Self> {
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let (host, rest) = rest.split_once(']')?;
                (host, rest.strip_prefix(':').or(if rest.is_empty() { None } else { Some("?") }))
            }
            None => match text.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (text, None),
            },
        };
        let port = match port {
            None => None,
            Some(port) => Some(port.parse().ok()?),
        };
        (!host.is_empty()).then(|| Self { host: host.to_ascii_lowercase(), port })
    }

    fn is_loopback(&self) -> bool {
        is_localhost(&self.host) || self.host.parse::<IpAddr>().is_ok_and(|ip| ip.to_canonical().is_loopback())
    }
}

fn is_localhost(host: &str) -> bool {
    host == "localhost" || host.ends_with(".localhost")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_and_origins() {
        let policy = Policy { hosts: vec!["chat.example.org".into()], origins: vec!["https://app.example.org".into()] };
        let loopback = "127.0.0.1:12345";
        let public = "192.0.2.1:443";
        let host = |text: &str| Err(Misled::Host(text.into()));
        let origin = |text: &str| Err(Misled::Origin(text.into()));
        let cases = [
            (loopback, None, None, Ok(())),
            (loopback, Some("localhost:12345"), None, Ok(())),
            (loopback, Some("LOCALHOST:12345"), None, Ok(())),
            (loopback, Some("127.0.0.1:12345"), None, Ok(())),
            (loopback, Some("[::1]:12345"), None, Ok(())),
            (loopback, Some("evil.example:12345"), None, host("evil.example:12345")),
            (loopback, Some("192.0.2.1"), None, host("192.0.2.1")),
            (loopback, Some(""), None, host("")),
            (loopback, Some("localhost:12345"), Some("http://localhost:5173"), Ok(())),
            (loopback, Some("localhost:12345"), Some("http://127.0.0.1:3000"), Ok(())),
            (loopback, Some("localhost:12345"), Some("http://[::1]:3000"), Ok(())),
            (loopback, Some("localhost:12345"), Some("null"), origin("null")),
            (loopback, Some("localhost:12345"), Some("https://evil.example"), origin("https://evil.example")),
            (
                loopback,
                Some("localhost:12345"),
                Some("http://localhost.evil.example"),
                origin("http://localhost.evil.example"),
            ),
            (public, Some("chat.example.org"), Some("https://chat.example.org"), Ok(())),
            (public, Some("chat.example.org"), Some("https://chat.example.org:443"), Ok(())),
            (
                public,
                Some("chat.example.org"),
                Some("https://chat.example.org:8443"),
                origin("https://chat.example.org:8443"),
            ),
            (public, Some("chat.example.org"), Some("https://app.example.org"), Ok(())),
            (public, Some("chat.example.org"), Some("http://localhost:3000"), origin("http://localhost:3000")),
            (public, Some("192.0.2.1"), Some("http://192.0.2.1"), Ok(())),
            (public, Some("other.example.org"), None, host("other.example.org")),
        ];
        for (local, host, origin, expected) in cases {
            let local = local.parse().expect("an address");
            assert_eq!(policy.check(host, origin, local), expected, "{host:?} {origin:?} at {local}");
        }
    }
}
