//! Payloads: the packets of one HTTP body, with a record separator between them.

/// Stands between packets. It cannot occur in JSON nor in base64, so that nothing needs an escape.
pub const SEPARATOR: u8 = 0x1e;

/// Packets in one payload at most, so that a body of separators costs no more than it weighs. Clients send what
/// waited while the last request was under way: a few, rarely hundreds.
pub const PACKETS_MAX: usize = 100_000;

/// Packets in one answer to a poll at most: the strictest of the official clients, Python's, refuses more.
pub const ANSWER_PACKETS_MAX: usize = 16;

/// The packets of a request's body, as texts.
pub fn packets(body: &str) -> impl Iterator<Item = &str> {
    body.split(char::from(SEPARATOR)).take(PACKETS_MAX)
}

/// The text of each packet in bytes that this server made.
pub fn parts(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes.split(|byte| *byte == SEPARATOR)
}

/// The length of the first `count` packets in bytes that this server made, with the separators between them, and how
/// many packets that are.
#[must_use]
pub fn first(bytes: &[u8], count: usize) -> (usize, usize) {
    let mut packets = 0;
    for (place, _) in bytes.iter().enumerate().filter(|(_, byte)| **byte == SEPARATOR) {
        packets += 1;
        if packets == count {
            return (place, packets);
        }
    }
    (bytes.len(), packets + 1)
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

    #[test]
    fn the_first_packets_are_cut_off_at_a_separator() {
        for (body, count, expected) in [
            ("4a", 1, (2, 1)),
            ("4a", 16, (2, 1)),
            ("4a\x1e4b", 1, (2, 1)),
            ("4a\x1e4b", 2, (5, 2)),
            ("4a\x1ebAQ==\x1e4c", 2, (8, 2)),
            ("4a\x1ebAQ==\x1e4c", 3, (11, 3)),
        ] {
            assert_eq!(first(body.as_bytes(), count), expected, "{body} {count}");
        }
    }
}
