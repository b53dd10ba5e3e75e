//! A proof that a sender of datagrams receives at the address it names, without keeping anything about it.

use std::net::{IpAddr, SocketAddr};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac};
use sha2::Sha256;

use super::keyed;

/// The characters of a cookie: 16 bytes in base64url without padding (RFC 4648, 5).
pub const COOKIE_CHARS: usize = 22;

/// The bytes of a cookie: 128 bits of the 256 of its HMAC, as many as anyone needs against guessing.
const COOKIE_BYTES: usize = 16;

/// A cookie is made for the slot of time it is made in.
const SLOT_SECONDS: u64 = 30;

/// It is good in its slot and in the two after it: for 60 seconds at least, for 90 at most.
const SLOTS_VALID: u64 = 3;

/// Makes and checks cookies.
///
/// A cookie is an HMAC-SHA256 (RFC 2104) of the address, the port and the slot of time, under a
/// key that lives as long as the process: whoever can show it has received it there, recently.
#[derive(Clone)]
pub struct Cookies {
    keyed: Hmac<Sha256>,
}

impl Cookies {
    /// With a random key, which must not leave the process.
    #[must_use]
    pub fn new(key: [u8; 32]) -> Self {
        Self { keyed: keyed(&key) }
    }

    /// The cookie for an address at `now`, in seconds.
    #[must_use]
    pub fn make(&self, address: SocketAddr, now: u64) -> String {
        let tag = self.of_slot(address, now / SLOT_SECONDS).finalize().into_bytes();
        URL_SAFE_NO_PAD.encode(&tag[..COOKIE_BYTES])
    }

    /// Whether this is a cookie that the address was given no more than about a minute before
    /// `now`, in seconds. The time it takes does not depend on how much of it is right.
    #[must_use]
    pub fn check(&self, cookie: &str, address: SocketAddr, now: u64) -> bool {
        let mut tag = [0; COOKIE_BYTES];
        if cookie.len() != COOKIE_CHARS || URL_SAFE_NO_PAD.decode_slice(cookie, &mut tag) != Ok(COOKIE_BYTES) {
            return false;
        }
        let slot = now / SLOT_SECONDS;
        (slot.saturating_sub(SLOTS_VALID - 1)..=slot)
            .any(|slot| self.of_slot(address, slot).verify_truncated_left(&tag).is_ok())
    }

    fn of_slot(&self, address: SocketAddr, slot: u64) -> Hmac<Sha256> {
        // All three fields have a fixed length, so that no two of them can be taken for others.
        let ip = match address.ip() {
            IpAddr::V4(ip) => ip.to_ipv6_mapped(),
            IpAddr::V6(ip) => ip,
        };
        self.keyed
            .clone()
            .chain_update(ip.octets())
            .chain_update(address.port().to_be_bytes())
            .chain_update(slot.to_be_bytes())
    }
}

impl std::fmt::Debug for Cookies {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Cookies { .. }")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_800_000_000;

    fn address(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_cookie_is_good_for_a_minute_and_not_for_ever() {
        let cookies = Cookies::new([7; 32]);
        let from = address("192.0.2.1:4000");
        for made in NOW..NOW + 60 {
            let cookie = cookies.make(from, made);
            assert_eq!(cookie.len(), COOKIE_CHARS);
            for (age, is_good) in [(0, true), (1, true), (60, true), (90, false), (100_000, false)] {
                assert_eq!(cookies.check(&cookie, from, made + age), is_good, "{made} {age}");
            }
            assert!(!cookies.check(&cookie, from, made - 30), "it is not from the future");
        }
        assert!(cookies.check(&cookies.make(from, 0), from, 0), "the clock may begin at 0");
    }

    #[test]
    fn a_cookie_is_good_for_one_address_one_port_and_one_key() {
        let cookies = Cookies::new([7; 32]);
        let from = address("192.0.2.1:4000");
        let cookie = cookies.make(from, NOW);
        for other in ["192.0.2.2:4000", "192.0.2.1:4001", "[2001:db8::1]:4000"] {
            assert!(!cookies.check(&cookie, address(other), NOW), "{other}");
        }
        assert!(cookies.check(&cookie, address("[::ffff:192.0.2.1]:4000"), NOW));
        assert!(!Cookies::new([8; 32]).check(&cookie, from, NOW));
    }

    #[test]
    fn what_is_not_a_cookie_is_none() {
        let cookies = Cookies::new([7; 32]);
        let from = address("192.0.2.1:4000");
        let cookie = cookies.make(from, NOW);
        let mut changed = cookie.clone().into_bytes();
        changed[0] = if changed[0] == b'A' { b'B' } else { b'A' };
        for text in [
            "",
            "A",
            &cookie[..COOKIE_CHARS - 1],
            &format!("{cookie}A"),
            &format!("{cookie}=="),
            "!!!!!!!!!!!!!!!!!!!!!!",
            "ééééééééééé",
            str::from_utf8(&changed).unwrap(),
        ] {
            assert!(!cookies.check(text, from, NOW), "{text:?}");
        }
    }
}
