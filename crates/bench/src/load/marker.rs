//! The marker in the text of each message: who sent it, and which of its messages it is.

use std::io::Write as _;

/// The length of a marker: `#SSSSS:NNNNNNNN;`.
pub const MARKER_BYTES: usize = 16;

/// Names one message among all of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Marker {
    /// The sending connection, or [`Marker::PROBE`].
    pub sender: u32,
    /// The number of the message among those of its sender: 0, 1, 2, ...
    pub number: u32,
}

impl Marker {
    /// The sender of messages that only find out who hears.
    pub const PROBE: u32 = 99_999;

    /// Appends a text of exactly `bytes` bytes that begins with this marker. Below [`MARKER_BYTES`] it is the marker
    /// alone. All is letters, digits and marks that no protocol escapes.
    pub fn write(self, bytes: usize, out: &mut Vec<u8>) {
        let start = out.len();
        write!(out, "#{:05}:{:08};", self.sender, self.number).expect("a Vec takes every write");
        let filler = (start + bytes).max(out.len());
        out.extend((out.len()..filler).map(|place| b'a' + (place % 26) as u8));
    }

    /// Finds the first marker in a message of any protocol.
    #[must_use]
    pub fn find(message: &[u8]) -> Option<Self> {
        memchr::memchr_iter(b'#', message).find_map(|start| Self::read(message.get(start..start + MARKER_BYTES)?))
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let colon_and_end = bytes[6] == b':' && bytes[15] == b';';
        let sender = number(&bytes[1..6])?;
        let number = number(&bytes[7..15])?;
        colon_and_end.then_some(Self { sender, number })
    }
}

fn number(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0_u32, |value, digit| digit.is_ascii_digit().then(|| value * 10 + u32::from(digit - b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marker_is_found_again_in_any_surroundings() {
        let marker = Marker { sender: 7, number: 12_345_678 };
        for (before, after) in
            [("", ""), ("<guest-7f3a> ", "\n"), ("{\"text\":\"", "\"}"), ("#1 ##", "#"), ("#0000x:00000000;", "")]
        {
            let mut message = before.as_bytes().to_vec();
            marker.write(64, &mut message);
            assert_eq!(message.len(), before.len() + 64);
            message.extend_from_slice(after.as_bytes());
            assert_eq!(Marker::find(&message), Some(marker), "{before:?} {after:?}");
        }
    }

    #[test]
    fn what_only_resembles_a_marker_is_none() {
        for message in
            ["", "#", "#00001:0000001;", "#00001:00000001", "#000a1:00000001;", "#00001-00000001;", "00001:00000001;"]
        {
            assert_eq!(Marker::find(message.as_bytes()), None, "{message}");
        }
    }

    #[test]
    fn a_text_is_never_shorter_than_its_marker() {
        let mut text = Vec::new();
        Marker { sender: 0, number: 0 }.write(3, &mut text);
        assert_eq!(text, b"#00000:00000000;");
    }
}
