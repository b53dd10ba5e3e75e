//! Identifiers of messages, made where the message is made: by them the server stores each message once.

use std::time::{SystemTime, UNIX_EPOCH};

/// Crockford's base 32: no I, L, O or U.
const DIGITS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// The layout of a ULID: 48 bits of `unix_ms` milliseconds, then 80 of chance, as 26 characters of Crockford's
/// base 32 that sort by time.
#[must_use]
pub fn encode(unix_ms: u64, chance: [u8; 10]) -> String {
    let bits = chance.iter().fold(u128::from(unix_ms & 0xffff_ffff_ffff), |bits, byte| (bits << 8) | u128::from(*byte));
    (0..26).rev().map(|digit| char::from(DIGITS[(bits >> (5 * digit)) as usize & 31])).collect()
}

/// A new identifier.
///
/// # Panics
/// When the system has no source of chance; nothing unique can be made then.
#[must_use]
pub fn fresh() -> String {
    let mut chance = [0; 10];
    getrandom::fill(&mut chance).expect("the system has a source of chance");
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    encode(u64::try_from(now.as_millis()).unwrap_or_default(), chance)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_layout_is_that_of_a_ulid() {
        assert_eq!(encode(0, [0; 10]), "00000000000000000000000000");
        assert_eq!(encode(0xffff_ffff_ffff, [0xff; 10]), "7ZZZZZZZZZZZZZZZZZZZZZZZZZ");
        // The example of the ULID specification's time part.
        assert_eq!(&encode(1_469_918_176_385, [0; 10])[..10], "01ARYZ6S41");
    }

    #[test]
    fn identifiers_differ() {
        assert_ne!(fresh(), fresh());
        assert_eq!(fresh().len(), 26);
    }
}
