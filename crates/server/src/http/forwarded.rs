//! Whom a trusted proxy's request is for: `X-Forwarded-For`, and `Forwarded` (RFC 7239).

use hyper::header::{self, HeaderMap, HeaderName};
use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};

/// The usual header, which most proxies append to.
const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// For whom a request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whom {
    /// This client. Port 0: nobody said its port.
    Client(SocketAddr),
    /// Somebody whom this hop (none: the proxy itself) does not name: `unknown`, or an identifier of its own.
    Hidden(Option<SocketAddr>),
}

/// Why it is not known for whom a request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unsaid {
    /// There is no such header, or nothing in it.
    Missing,
    /// There is one that cannot be read.
    Garbage,
}

impl Unsaid {
    /// A sentence for whoever asks.
    pub(super) const fn message(self) -> &'static str {
        match self {
            Self::Missing => {
                "a trusted proxy has to say for whom it asks: X-Forwarded-For or Forwarded (RFC 7239); this request came \
                 from an address of server.trusted_proxies without\n"
            }
            Self::Garbage => {
                "a trusted proxy has to say for whom it asks: its X-Forwarded-For or Forwarded (RFC 7239) is no list of \
                 addresses\n"
            }
        }
    }
}

/// One hop of a request's way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hop {
    Address(SocketAddr),
    Hidden,
}

/// Finds the client in the headers of a trusted proxy's request. From the right, which is what the nearest proxy added,
/// to the first hop that `is_proxy` does not trust; if it trusts all of them, the leftmost is the client.
///
/// # Errors
/// No header says it, or one that does is broken.
pub(super) fn whom(headers: &HeaderMap, is_proxy: impl Fn(IpAddr) -> bool) -> Result<Whom, Unsaid> {
    let mut hops = Vec::new();
    for value in headers.get_all(X_FORWARDED_FOR) {
        let list = String::from_utf8_lossy(value.as_bytes());
        hops.extend(elements(list.split(',')).map(|element| hop(unquoted(element))));
    }
    if hops.is_empty() {
        for value in headers.get_all(header::FORWARDED) {
            let list = String::from_utf8_lossy(value.as_bytes());
            hops.extend(elements(split(&list, ',')).map(forwarded));
        }
    }
    let mut last = None;
    for hop in hops.into_iter().rev() {
        // What stands to the left of the client is the client's own, and nobody has to understand it.
        match hop? {
            Hop::Address(client) if is_proxy(client.ip()) => last = Some(client),
            Hop::Address(client) => return Ok(Whom::Client(client)),
            // Whoever is further to the left was named by somebody whom nobody knows.
            Hop::Hidden => return Ok(Whom::Hidden(last)),
        }
    }
    last.map(Whom::Client).ok_or(Unsaid::Missing)
}

/// The elements of a list: empty ones mean nothing (RFC 9110, 5.6.1).
fn elements<'a>(parts: impl Iterator<Item = &'a str>) -> impl Iterator<Item = &'a str> {
    parts.map(str::trim).filter(|part| !part.is_empty())
}

fn unquoted(text: &str) -> &str {
    text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text)
}

/// An identifier of a node (RFC 7239, 6): an address with or without a port, `unknown`, or `_` and letters.
fn hop(text: &str) -> Result<Hop, Unsaid> {
    let is_obfuscated = |text: &str| {
        text.strip_prefix('_').is_some_and(|rest| {
            !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
        })
    };
    let is_port = |text: &str| is_obfuscated(text) || text.parse::<u16>().is_ok();
    let name = text.split_once(':').map_or(text, |(name, _)| name);
    if name.eq_ignore_ascii_case("unknown") || is_obfuscated(name) {
        let port = text.strip_prefix(name).and_then(|rest| rest.strip_prefix(':'));
        return if port.is_none_or(is_port) { Ok(Hop::Hidden) } else { Err(Unsaid::Garbage) };
    }
    address(text, is_port).map(Hop::Address).ok_or(Unsaid::Garbage)
}

fn address(text: &str, is_port: impl Fn(&str) -> bool) -> Option<SocketAddr> {
    // A zone (RFC 4007, 11) means something to the proxy only.
    let ip = |text: &str| text.split_once('%').map_or(text, |(ip, _)| ip).parse::<IpAddr>().ok();
    let (ip, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (inner, rest) = rest.split_once(']')?;
            let port = if rest.is_empty() { None } else { Some(rest.strip_prefix(':')?) };
            (ip(inner).filter(IpAddr::is_ipv6)?, port)
        }
        None => match (ip(text), text.split_once(':')) {
            (Some(ip), _) => (ip, None),
            (None, Some((v4, port))) => (ip(v4)?, Some(port)),
            (None, None) => return None,
        },
    };
    if !port.is_none_or(is_port) {
        return None;
    }
    let port = port.and_then(|port| port.parse().ok()).unwrap_or(0);
    Some(SocketAddr::new(ip.to_canonical(), port))
}

/// The hop of one element (RFC 7239, 4). One that does not say `for` whom hides it.
fn forwarded(element: &str) -> Result<Hop, Unsaid> {
    let mut found = None;
    for pair in elements(split(element, ';')) {
        let (name, value) = pair.split_once('=').ok_or(Unsaid::Garbage)?;
        // All values are read, because a broken one may have swallowed what follows it.
        let value = value_of(value.trim())?;
        if name.trim().eq_ignore_ascii_case("for") && found.replace(hop(&value)?).is_some() {
            return Err(Unsaid::Garbage);
        }
    }
    Ok(found.unwrap_or(Hop::Hidden))
}

/// The parts between separators that are not in a quoted string (RFC 9110, 5.6.4).
fn split(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    text.split(move |character: char| {
        let is_plain = !std::mem::take(&mut is_escaped);
        match character {
            '\\' if is_quoted && is_plain => is_escaped = true,
            '"' if is_plain => is_quoted = !is_quoted,
            _ => return !is_quoted && character == separator,
        }
        false
    })
}

/// What a token or a quoted string says (RFC 9110, 5.6).
fn value_of(text: &str) -> Result<Cow<'_, str>, Unsaid> {
    let Some(rest) = text.strip_prefix('"') else {
        return if text.contains('"') { Err(Unsaid::Garbage) } else { Ok(text.into()) };
    };
    let mut out = String::with_capacity(rest.len());
    let mut characters = rest.chars();
    loop {
        match characters.next().ok_or(Unsaid::Garbage)? {
            '"' if characters.as_str().is_empty() => return Ok(out.into()),
            '"' => return Err(Unsaid::Garbage),
            '\\' => out.push(characters.next().ok_or(Unsaid::Garbage)?),
            other => out.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::header::HeaderValue;
    use proptest::prelude::*;

    /// The proxies' networks, in which clients are, too.
    fn is_proxy(ip: IpAddr) -> bool {
        let nets = ["127.0.0.0/8", "10.0.0.0/8", "fd00::/8"].map(|net| net.parse::<ipnet::IpNet>().expect("a network"));
        nets.iter().any(|net| net.contains(&ip))
    }

    fn said(lines: &[(&'static str, &str)]) -> Result<Whom, Unsaid> {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_bytes(value.as_bytes()).expect("a value"));
        }
        whom(&headers, is_proxy)
    }

    fn client(text: &str) -> Result<Whom, Unsaid> {
        Ok(Whom::Client(text.parse().expect("an address")))
    }

    const MISSING: Result<Whom, Unsaid> = Err(Unsaid::Missing);
    const GARBAGE: Result<Whom, Unsaid> = Err(Unsaid::Garbage);

    #[test]
    fn x_forwarded_for_names_the_client() {
        let hidden = |hop: Option<&str>| Ok(Whom::Hidden(hop.map(|hop| hop.parse().expect("an address"))));
        for (list, expected) in [
            ("192.0.2.7", client("192.0.2.7:0")),
            ("198.51.100.1, 192.0.2.9, 127.0.0.5", client("192.0.2.9:0")),
            // What is left of the client was said by the client.
            ("10.0.0.1, 192.0.2.9", client("192.0.2.9:0")),
            ("garbage, 192.0.2.9", client("192.0.2.9:0")),
            ("\u{e9}, 192.0.2.9", client("192.0.2.9:0")),
            ("192.0.2.9, garbage", GARBAGE),
            ("192.0.2.9, garbage, 10.0.0.1", GARBAGE),
            // All of them are trusted.
            ("10.1.2.3", client("10.1.2.3:0")),
            ("127.0.0.1", client("127.0.0.1:0")),
            ("10.1.2.3, 10.0.0.1", client("10.1.2.3:0")),
            ("10.1.2.3,10.0.0.1,127.0.0.1", client("10.1.2.3:0")),
            // Empty elements and space.
            ("192.0.2.7, , 10.0.0.1", client("192.0.2.7:0")),
            (",192.0.2.7,", client("192.0.2.7:0")),
            ("  10.1.2.3 ,\t10.0.0.1 ,, ", client("10.1.2.3:0")),
            ("", MISSING),
            (" , ,", MISSING),
            // Ports, brackets, quotes, zones, and IPv4 in IPv6.
            ("192.0.2.7:1234", client("192.0.2.7:1234")),
            ("10.0.0.1:1234", client("10.0.0.1:1234")),
            ("[2001:db8::1]:80", client("[2001:db8::1]:80")),
            ("[2001:db8::1]", client("[2001:db8::1]:0")),
            ("2001:db8::1", client("[2001:db8::1]:0")),
            ("\"[2001:db8::1]:80\"", client("[2001:db8::1]:80")),
            ("fe80::1%eth0", client("[fe80::1]:0")),
            ("::ffff:192.0.2.7", client("192.0.2.7:0")),
            ("::ffff:10.1.2.3", client("10.1.2.3:0")),
            ("192.0.2.7:_hidden", client("192.0.2.7:0")),
            // Who is not named.
            ("unknown", hidden(None)),
            ("Unknown, 10.0.0.1", hidden(Some("10.0.0.1:0"))),
            ("192.0.2.7, _secret, 10.0.0.1:80", hidden(Some("10.0.0.1:80"))),
            ("unknown, 192.0.2.7", client("192.0.2.7:0")),
            ("_", GARBAGE),
            ("nobody", GARBAGE),
            ("192.0.2.7:99999", GARBAGE),
            ("192.0.2.7:", GARBAGE),
            ("192.0.2", GARBAGE),
            ("192.0.2.7 192.0.2.8", GARBAGE),
            ("192.0.2.7;192.0.2.8", GARBAGE),
            ("[192.0.2.7]", GARBAGE),
            ("[2001:db8::1", GARBAGE),
            ("[2001:db8::1]80", GARBAGE),
            ("\u{e9}", GARBAGE),
        ] {
            assert_eq!(said(&[("x-forwarded-for", list)]), expected, "{list}");
        }
    }

    #[test]
    fn forwarded_names_the_client() {
        let hidden = |hop: Option<&str>| Ok(Whom::Hidden(hop.map(|hop| hop.parse().expect("an address"))));
        for (list, expected) in [
            ("for=192.0.2.7", client("192.0.2.7:0")),
            ("For=\"192.0.2.7:80\";proto=https;by=203.0.113.43", client("192.0.2.7:80")),
            ("proto=https; for=\"[2001:db8::1]:80\"", client("[2001:db8::1]:80")),
            ("for=\"[2001:db8::1]\"", client("[2001:db8::1]:0")),
            ("for=10.1.2.3", client("10.1.2.3:0")),
            ("for=10.1.2.3, for=10.0.0.1", client("10.1.2.3:0")),
            ("for=10.1.2.3, , for=10.0.0.1;", client("10.1.2.3:0")),
            ("for=198.51.100.1, for=192.0.2.9;host=\"a,b;for=10.0.0.1\", for=127.0.0.1", client("192.0.2.9:0")),
            ("for=192.0.2.9;host=\"a\\\",b\"", client("192.0.2.9:0")),
            ("for=\"\\192.0.2.9\"", client("192.0.2.9:0")),
            ("for=unknown", hidden(None)),
            ("for=\"_gazonk\", for=10.0.0.1", hidden(Some("10.0.0.1:0"))),
            // The nearest hop does not say from whom it has what stands before it.
            ("for=192.0.2.9, by=10.0.0.1;proto=https", hidden(None)),
            ("", MISSING),
            (" , ", MISSING),
            ("for", GARBAGE),
            ("for=", GARBAGE),
            ("for=192.0.2.9;for=192.0.2.8", GARBAGE),
            ("for=\"192.0.2.9", GARBAGE),
            ("for=\"192\".0.2.9\"", GARBAGE),
            ("192.0.2.9", GARBAGE),
            ("nonsense, for=192.0.2.9", client("192.0.2.9:0")),
            // A quote that a stranger opened does not swallow what the proxies added.
            ("for=10.9.9.9;x=\", for=192.0.2.9", GARBAGE),
            ("for=10.9.9.9;x=\", for=192.0.2.9, for=\"[fd00::1]:80\"", GARBAGE),
            ("for=10.9.9.9;x=\"\\, for=192.0.2.9", GARBAGE),
        ] {
            assert_eq!(said(&[("forwarded", list)]), expected, "{list}");
        }
    }

    #[test]
    fn several_lines_are_one_list() {
        let both =
            [("x-forwarded-for", "198.51.100.1"), ("x-forwarded-for", "192.0.2.9"), ("x-forwarded-for", "10.0.0.1")];
        assert_eq!(said(&both), client("192.0.2.9:0"));
        assert_eq!(said(&[("forwarded", "for=198.51.100.1"), ("forwarded", "for=192.0.2.9")]), client("192.0.2.9:0"));
        assert_eq!(
            said(&[("x-forwarded-for", "192.0.2.9"), ("x-forwarded-for", "\u{e9}")]),
            GARBAGE,
            "no line is left out"
        );
        assert_eq!(said(&[("x-forwarded-for", "192.0.2.9"), ("forwarded", "for=192.0.2.8")]), client("192.0.2.9:0"));
        assert_eq!(said(&[("x-forwarded-for", ""), ("forwarded", "for=192.0.2.8")]), client("192.0.2.8:0"));
        assert_eq!(said(&[("x-real-ip", "192.0.2.9")]), MISSING);
        assert_eq!(said(&[]), MISSING);
    }

    proptest! {
        #[test]
        fn what_a_stranger_writes_before_it_never_hides_the_nearest_client(before in "[ -~]{0,40}") {
            let found = said(&[("x-forwarded-for", &format!("{before}, 192.0.2.9, 10.0.0.1"))]);
            prop_assert_eq!(found, client("192.0.2.9:0"));
            let found = said(&[("forwarded", &format!("{before}, for=192.0.2.9, for=\"10.0.0.1:80\""))]);
            prop_assert!(found == client("192.0.2.9:0") || found == GARBAGE, "{found:?}");
        }
    }
}
