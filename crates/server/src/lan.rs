//! An invitation to the people on this network: addresses to type or to scan, and a code to say at the door.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};

use qrcode::render::unicode::Dense1x2;
use qrcode::{EcLevel, QrCode};

/// The characters of a join code: 30 bits, which at five tries a connection nobody guesses.
pub const JOIN_CODE_CHARS: usize = 6;

/// Crockford's base 32: no I, L, O and U, which are taken for others when read out loud.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// A join code of [`JOIN_CODE_CHARS`] characters made of random bytes.
#[must_use]
pub fn join_code(random: [u8; 4]) -> String {
    let bits = u32::from_be_bytes(random);
    (0..JOIN_CODE_CHARS).map(|at| char::from(ALPHABET[(bits >> (5 * at)) as usize % ALPHABET.len()])).collect()
}

/// The private addresses of this machine (RFC 1918, RFC 4193), the one that leads to the rest of
/// the network first, IPv4 before IPv6.
///
/// # Errors
/// Those of the system when it is asked for its interfaces.
pub fn private_addresses() -> io::Result<Vec<IpAddr>> {
    let addresses = if_addrs::get_if_addrs()?
        .into_iter()
        .filter(|interface| interface.is_oper_up() && !interface.is_loopback())
        .map(|interface| interface.ip())
        .filter(|ip| is_private(*ip))
        .collect();
    Ok(sorted(addresses, outward_address()))
}

/// Where others reach these listeners: an address that stands for all of the machine's is each of its private ones.
/// Those of this machine alone are left out.
///
/// # Errors
/// Those of the system when it is asked for its interfaces.
pub fn reachable(listeners: &[SocketAddr]) -> io::Result<Vec<SocketAddr>> {
    let mut places = Vec::new();
    for listener in listeners.iter().filter(|listener| !listener.ip().is_loopback()) {
        if !listener.ip().is_unspecified() {
            places.push(*listener);
            continue;
        }
        let its = private_addresses()?.into_iter().filter(|ip| ip.is_ipv4() == listener.is_ipv4());
        places.extend(its.map(|ip| SocketAddr::new(ip, listener.port())));
    }
    Ok(places)
}

/// Whether an address is one of a private network: not reached from the internet.
#[must_use]
pub const fn is_private(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_private(),
        IpAddr::V6(ip) => ip.is_unique_local(),
    }
}

/// The address that this machine would send from to the internet. Nothing is sent: a datagram
/// socket that connects only asks the routing table.
fn outward_address() -> Option<IpAddr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    // An address that is reserved for documentation (RFC 5737).
    socket.connect((Ipv4Addr::new(192, 0, 2, 1), 9)).ok()?;
    Some(socket.local_addr().ok()?.ip())
}

fn sorted(mut addresses: Vec<IpAddr>, outward: Option<IpAddr>) -> Vec<IpAddr> {
    addresses.sort_by_key(|ip| (Some(*ip) != outward, ip.is_ipv6(), *ip));
    addresses.dedup();
    addresses
}

/// What `serve --lan` prints.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation {
    /// One for each address, the most useful first.
    pub urls: Vec<String>,
    /// What to say at the door, if it has a lock.
    pub join_code: Option<String>,
    /// Where programs connect that wait to be spoken to, if there is such a place.
    pub text: Option<SocketAddr>,
}

impl Invitation {
    /// An invitation to these listeners, with `https` if they speak TLS, and to one that is for text alone.
    #[must_use]
    pub fn new(listeners: &[SocketAddr], tls: bool, join_code: Option<String>, text: Option<SocketAddr>) -> Self {
        let scheme = if tls { "https" } else { "http" };
        let urls = listeners.iter().map(|address| format!("{scheme}://{address}/")).collect();
        Self { urls, join_code, text }
    }
}

impl fmt::Display for Invitation {
    /// Lines for a terminal: the URLs, the code, and a picture of the first URL.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(first) = self.urls.first() else {
            return writeln!(f, "This machine has no private address: nobody else can join.");
        };
        writeln!(f, "On this network:")?;
        for url in &self.urls {
            writeln!(f, "  {url}")?;
        }
        if let Some(code) = &self.join_code {
            writeln!(f, "Join code: {code}")?;
        }
        if let Some(text) = self.text {
            writeln!(f, "For programs that wait to be spoken to: nc {} {}", text.ip(), text.port())?;
        }
        // A URL of ours is far from the 2,953 bytes that the largest picture holds; if one were
        // not, the lines above say all that is needed.
        match qr_text(first) {
            Some(picture) => writeln!(f, "\n{picture}"),
            None => Ok(()),
        }
    }
}

/// A QR code of `content` in half blocks, two modules in a character; `None` if it is too long.
///
/// The light modules are drawn and the dark ones left empty, as a terminal of light letters on a
/// dark ground wants it; scanners read the reverse as well.
#[must_use]
pub fn qr_text(content: &str) -> Option<String> {
    let code = QrCode::with_error_correction_level(content, EcLevel::L).ok()?;
    let picture =
        code.render::<Dense1x2>().dark_color(Dense1x2::Light).light_color(Dense1x2::Dark).quiet_zone(true).build();
    Some(picture)
}

/// A QR code of `content` as an SVG picture, black on white with a quiet zone of four modules; `None` if it is too long.
#[must_use]
pub fn qr_svg(content: &str) -> Option<String> {
    use std::fmt::Write;
    const QUIET: usize = 4;
    let code = QrCode::with_error_correction_level(content, EcLevel::M).ok()?;
    let (width, colors) = (code.width(), code.to_colors());
    let side = width + 2 * QUIET;
    let mut path = String::new();
    for (at, color) in colors.into_iter().enumerate() {
        if color == qrcode::Color::Dark {
            // Writing into a string cannot fail.
            let _ = write!(path, "M{} {}h1v1h-1z", at % width + QUIET, at / width + QUIET);
        }
    }
    Some(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {side} {side}\" shape-rendering=\"crispEdges\">\
         <path fill=\"#fff\" d=\"M0 0h{side}v{side}H0z\"/><path d=\"{path}\"/></svg>"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_join_code_uses_thirty_bits_and_no_confusing_letter() {
        for (random, code) in [
            ([0, 0, 0, 0], "000000"),
            ([0xFF; 4], "ZZZZZZ"),
            ([0, 0, 0, 1], "100000"),
            ([0, 0, 0, 0x20], "010000"),
            ([0x3E, 0, 0, 0], "00000Z"),
        ] {
            assert_eq!(join_code(random), code, "{random:?}");
        }
        assert!(ALPHABET.is_sorted() && !ALPHABET.iter().any(|letter| b"ILOU".contains(letter)));
    }

    #[test]
    fn only_private_addresses_are_private() {
        for (text, expected) in [
            ("10.0.0.1", true),
            ("172.16.0.1", true),
            ("172.32.0.1", false),
            ("192.168.1.1", true),
            ("127.0.0.1", false),
            ("169.254.1.1", false),
            ("100.64.0.1", false),
            ("8.8.8.8", false),
            ("0.0.0.0", false),
            ("fd00::1", true),
            ("fe80::1", false),
            ("2001:db8::1", false),
            ("::1", false),
            ("::", false),
        ] {
            assert_eq!(is_private(ip(text)), expected, "{text}");
        }
        assert!(private_addresses().unwrap().into_iter().all(is_private));
    }

    #[test]
    fn others_reach_addresses_and_not_the_one_that_stands_for_all() {
        let listeners =
            ["127.0.0.1:1", "[::1]:1", "192.168.1.5:2", "0.0.0.0:3", "[::]:4"].map(|text| text.parse().unwrap());
        let places = reachable(&listeners).unwrap();
        assert_eq!(places[0], listeners[2]);
        let all = private_addresses().unwrap();
        let expected: Vec<_> = all.iter().filter(|ip| ip.is_ipv4()).map(|ip| SocketAddr::new(*ip, 3)).collect();
        let expected_v6: Vec<_> = all.iter().filter(|ip| ip.is_ipv6()).map(|ip| SocketAddr::new(*ip, 4)).collect();
        assert_eq!(places[1..], [expected, expected_v6].concat());
    }

    #[test]
    fn the_outward_address_comes_first_and_ipv4_before_ipv6() {
        let addresses = ["fd00::1", "172.17.0.1", "192.168.1.5", "10.0.0.1", "10.0.0.1"].map(ip);
        assert_eq!(
            sorted(addresses.into(), Some(ip("192.168.1.5"))),
            ["192.168.1.5", "10.0.0.1", "172.17.0.1", "fd00::1"].map(ip)
        );
    }

    #[test]
    fn an_invitation_names_all_and_draws_the_first() {
        let listeners = ["192.168.1.5:12345", "[fd00::1]:12345"].map(|text| text.parse().unwrap());
        let text_only = "192.168.1.5:12346".parse().unwrap();
        let invitation = Invitation::new(&listeners, true, Some("7KQ2ZD".to_owned()), Some(text_only));
        let text = invitation.to_string();
        let picture = qr_text("https://192.168.1.5:12345/").unwrap();
        assert_eq!(
            text,
            "On this network:\n  https://192.168.1.5:12345/\n  https://[fd00::1]:12345/\n\
             Join code: 7KQ2ZD\n\
             For programs that wait to be spoken to: nc 192.168.1.5 12346\n\n"
                .to_owned()
                + &picture
                + "\n"
        );
        let none = Invitation::new(&[], false, None, None).to_string();
        assert_eq!(none, "This machine has no private address: nobody else can join.\n");
    }

    #[test]
    fn a_picture_is_square_and_fits_a_terminal() {
        let picture = qr_text("http://192.168.100.100:12345/").unwrap();
        let lines: Vec<&str> = picture.lines().collect();
        let width = lines[0].chars().count();
        assert!(width <= 40, "{width} columns");
        assert!(lines.iter().all(|line| line.chars().count() == width));
        assert_eq!(lines.len(), width.div_ceil(2));
        assert!(picture.chars().all(|c| " █▀▄\n".contains(c)));
        assert_eq!(qr_text(&"x".repeat(3_000)), None);
    }

    #[test]
    fn a_drawn_picture_has_the_same_dark_modules() {
        let drawn = qr_svg("http://192.168.1.5:12345/").unwrap();
        let code = QrCode::with_error_correction_level("http://192.168.1.5:12345/", EcLevel::M).unwrap();
        let dark = code.to_colors().into_iter().filter(|color| *color == qrcode::Color::Dark).count();
        assert_eq!(drawn.matches("h1v1").count(), dark);
        // The corner of the finder pattern stands after the quiet zone.
        assert!(drawn.contains("M4 4h1v1"), "{drawn}");
        assert_eq!(qr_svg(&"x".repeat(3_000)), None);
    }
}
