//! Payloads: the packets of one HTTP body, with a record separator between them.

/// Stands between packets. It cannot occur in JSON nor in base64, so that nothing needs an escape.
pub const SEPARATOR: u8 = 0x1e;

/// Packets in one payload at most, so that a body of separators costs no more than it weighs. Clients send what
/// waited while the last request was under way: a few, rarely hundreds.
pub const PACKETS_MAX: usize = 100_000;

/// The packets of a request's body, as texts.
pub fn packets(body: &str) -> impl Iterator<Item = &str> {
    body.split(char::from(SEPARATOR)).take(PACKETS_MAX)
}

/// The text of each packet in bytes that this server made.
pub fn parts(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes.split(|byte| *byte == SEPARATOR)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_split_at_its_separators() {
        for (body, expected) in [
            ("4test1\x1e4test2\x1e4test3", vec!["4test1", "4test2", "4test3"]),
            ("4hello\x1ebAQIDBA==", vec!["4hello", "bAQIDBA=="]),
            ("4one", vec!["4one"]),
            ("", vec![""]),
            ("4a\x1e", vec!["4a", ""]),
        ] {
            assert_eq!(packets(body).collect::<Vec<_>>(), expected);
        }
    }
}
