//! What `--listen` and `server.listen` accept: an address or a port, and the protocol it may be pinned to.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use super::units::excerpt;

/// One listener that the operator asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Listen {
    /// What may be spoken there.
    pub pin: Pin,
    /// Where it is.
    pub place: ListenPlace,
}

/// Whether the first bytes decide what a connection speaks, or the operator did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Pin {
    /// No scheme: TCP and UDP, and the first bytes decide.
    Any,
    /// `text://`: the text protocol over TCP, also where the first bytes look like JSON. What looks like HTTP or TLS is
    /// closed: a page of the web could otherwise post lines to it.
    Text,
    /// `json://`: the JSON protocol over TCP.
    Json,
    /// `http://`: HTTP/1.1 over TCP, with WebSocket.
    Http,
    /// `udp://`: datagrams only.
    Udp,
}

impl Pin {
    const SCHEMES: [(&'static str, Self); 4] =
        [("text", Self::Text), ("json", Self::Json), ("http", Self::Http), ("udp", Self::Udp)];
}

/// Where a listener is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ListenPlace {
    /// A bare port: 127.0.0.1 and ::1, because `localhost` may be either. With `server.lan`, the private addresses too.
    Port(u16),
    /// Exactly this address. Port 0 takes any free one.
    Address(SocketAddr),
}

impl ListenPlace {
    /// The port, 0 for any free one.
    #[must_use]
    pub const fn port(self) -> u16 {
        match self {
            Self::Port(port) => port,
            Self::Address(address) => address.port(),
        }
    }
}

impl FromStr for Listen {
    type Err = String;

    /// Reads `[SCHEME://]ADDR:PORT`, `[SCHEME://]PORT` or `[SCHEME://]localhost:PORT`.
    ///
    /// # Errors
    /// One clause that completes "the setting ...".
    fn from_str(text: &str) -> Result<Self, String> {
        let (pin, rest) = match text.split_once("://") {
            None => (Pin::Any, text),
            Some((scheme, rest)) => {
                let known = Pin::SCHEMES.iter().find(|(name, _)| *name == scheme);
                let Some((_, pin)) = known else {
                    return Err(format!(
                        "has the unknown scheme {}: one of text://, json://, http:// and udp:// pins a listener",
                        excerpt(scheme)
                    ));
                };
                (*pin, rest.strip_suffix('/').unwrap_or(rest))
            }
        };
        let port = rest.strip_prefix("localhost:").unwrap_or(rest);
        if let Ok(port) = port.parse() {
            return Ok(Self { pin, place: ListenPlace::Port(port) });
        }
        if let Ok(address) = rest.parse() {
            return Ok(Self { pin, place: ListenPlace::Address(address) });
        }
        Err(hint(rest))
    }
}

/// Says what is missing of an address that was not one.
fn hint(text: &str) -> String {
    let not = excerpt(text);
    if let Ok(ip) = text.parse::<IpAddr>() {
        return format!("needs a port: {}", SocketAddr::new(ip, 12_345));
    }
    match text.rsplit_once(':') {
        Some(("" | "*", port)) if port.parse::<u16>().is_ok() => {
            format!("must not be {not}: write 0.0.0.0:{port} and [::]:{port} for every address, {port} for loopback")
        }
        _ => format!("must be ADDRESS:PORT or PORT, as in 0.0.0.0:12345, [::1]:12345 or 12345, not {not}"),
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((scheme, _)) = Pin::SCHEMES.iter().find(|(_, pin)| *pin == self.pin) {
            write!(f, "{scheme}://")?;
        }
        match self.place {
            ListenPlace::Port(port) => write!(f, "{port}"),
            ListenPlace::Address(address) => write!(f, "{address}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_documented_form_is_read_and_shown_again() {
        for (text, pin, place, shown) in [
            ("12345", Pin::Any, ListenPlace::Port(12_345), "12345"),
            ("0", Pin::Any, ListenPlace::Port(0), "0"),
            ("localhost:80", Pin::Any, ListenPlace::Port(80), "80"),
            ("0.0.0.0:12345", Pin::Any, ListenPlace::Address("0.0.0.0:12345".parse().unwrap()), "0.0.0.0:12345"),
            ("[::1]:0", Pin::Any, ListenPlace::Address("[::1]:0".parse().unwrap()), "[::1]:0"),
            ("text://9000", Pin::Text, ListenPlace::Port(9_000), "text://9000"),
            (
                "json://127.0.0.1:1",
                Pin::Json,
                ListenPlace::Address("127.0.0.1:1".parse().unwrap()),
                "json://127.0.0.1:1",
            ),
            ("http://localhost:8080/", Pin::Http, ListenPlace::Port(8_080), "http://8080"),
            ("udp://[::]:5", Pin::Udp, ListenPlace::Address("[::]:5".parse().unwrap()), "udp://[::]:5"),
        ] {
            let listen: Listen = text.parse().unwrap();
            assert_eq!(listen, Listen { pin, place }, "{text}");
            assert_eq!(listen.to_string(), shown, "{text}");
            assert_eq!(shown.parse(), Ok(listen), "{text}");
        }
    }

    #[test]
    fn malformed_addresses_say_what_is_wrong() {
        let form = "must be ADDRESS:PORT or PORT, as in 0.0.0.0:12345, [::1]:12345 or 12345, not";
        for (text, message) in [
            ("10.0.0.1", "needs a port: 10.0.0.1:12345".to_owned()),
            ("::1", "needs a port: [::1]:12345".to_owned()),
            (":80", "must not be \":80\": write 0.0.0.0:80 and [::]:80 for every address, 80 for loopback".to_owned()),
            (
                "*:80",
                "must not be \"*:80\": write 0.0.0.0:80 and [::]:80 for every address, 80 for loopback".to_owned(),
            ),
            ("70000", format!("{form} \"70000\"")),
            ("chat.example.org:80", format!("{form} \"chat.example.org:80\"")),
            ("", format!("{form} \"\"")),
            (
                "wss://1.2.3.4:5",
                "has the unknown scheme \"wss\": one of text://, json://, http:// and udp:// pins a listener"
                    .to_owned(),
            ),
        ] {
            assert_eq!(text.parse::<Listen>(), Err(message), "{text}");
        }
    }
}
