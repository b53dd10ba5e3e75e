//! Packets: one character of type and a body, or `b` and bytes in base64.

use base64::Engine;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use std::borrow::Cow;

/// The server's ping.
pub const PING: &str = "2";
/// Closes a session.
pub const CLOSE: &str = "1";
/// Says nothing: it ends a poll.
pub const NOOP: &str = "6";
/// What a WebSocket says first that wants to take a polling session over.
pub const PROBE: &str = "2probe";
/// The answer to it.
pub const PROBE_ANSWER: &str = "3probe";
/// What it says when the polling has come to rest.
pub const UPGRADE: &str = "5";

/// Clients pad or do not.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A packet from a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Packet<'a> {
    /// `0`: only a server opens; ignored.
    Open,
    /// `1`: the session ends.
    Close,
    /// `2`: in this version only a server pings.
    Ping,
    /// `3`: the answer to a ping.
    Pong,
    /// `4`: a message.
    Message(&'a str),
    /// `b`: a message of bytes.
    Binary(Cow<'a, [u8]>),
    /// `5`: out of place but on a probing WebSocket; ignored.
    Upgrade,
    /// `6`: nothing.
    Noop,
}

/// What came is no packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an Engine.IO packet")]
pub struct Malformed;

impl<'a> Packet<'a> {
    /// Reads a packet that came as text.
    ///
    /// # Errors
    /// It is empty, of an unknown type, or not base64.
    pub fn read(text: &'a str) -> Result<Self, Malformed> {
        let (kind, body) = text.split_at_checked(1).ok_or(Malformed)?;
        match kind {
            "0" => Ok(Self::Open),
            "1" => Ok(Self::Close),
            "2" => Ok(Self::Ping),
            "3" => Ok(Self::Pong),
            "4" => Ok(Self::Message(body)),
            "5" => Ok(Self::Upgrade),
            "6" => Ok(Self::Noop),
            "b" => bytes(body).map(|bytes| Self::Binary(bytes.into())),
            _ => Err(Malformed),
        }
    }
}

/// What base64 says. Android's encoder breaks its lines and ends the last one, and some use the alphabet that is safe in
/// URLs (RFC 4648, 5): neither is what official servers write, and all that they take.
fn bytes(base64: &str) -> Result<Vec<u8>, Malformed> {
    BASE64.decode(base64).or_else(|_| {
        let usual = |byte| match byte {
            b'-' => b'+',
            b'_' => b'/',
            other => other,
        };
        let plain: Vec<u8> = base64.bytes().filter(|byte| !byte.is_ascii_whitespace()).map(usual).collect();
        BASE64.decode(plain).map_err(|_| Malformed)
    })
}

/// Appends a message of bytes as text.
pub fn put_base64(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(b'b');
    let start = out.len();
    out.resize(start + bytes.len().div_ceil(3) * 4, 0);
    // The room is exactly what the padded form takes.
    let written = STANDARD.encode_slice(bytes, &mut out[start..]).unwrap_or(0);
    out.truncate(start + written);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_are_read() {
        for (text, expected) in [
            ("0", Ok(Packet::Open)),
            ("1", Ok(Packet::Close)),
            ("2", Ok(Packet::Ping)),
            ("3probe", Ok(Packet::Pong)),
            ("4hello", Ok(Packet::Message("hello"))),
            ("4", Ok(Packet::Message(""))),
            ("4é", Ok(Packet::Message("é"))),
            ("5", Ok(Packet::Upgrade)),
            ("6", Ok(Packet::Noop)),
            ("bAQIDBA==", Ok(Packet::Binary(vec![1, 2, 3, 4].into()))),
            ("bAQIDBA", Ok(Packet::Binary(vec![1, 2, 3, 4].into()))),
            ("b", Ok(Packet::Binary(vec![].into()))),
            ("bAQID\nBA==\n", Ok(Packet::Binary(vec![1, 2, 3, 4].into()))),
            ("bAQID\r\nBA==\r\n", Ok(Packet::Binary(vec![1, 2, 3, 4].into()))),
            ("b-_8=", Ok(Packet::Binary(vec![0xfb, 0xff].into()))),
            ("b-_8", Ok(Packet::Binary(vec![0xfb, 0xff].into()))),
            ("b+/8", Ok(Packet::Binary(vec![0xfb, 0xff].into()))),
            ("b-_\n8\n", Ok(Packet::Binary(vec![0xfb, 0xff].into()))),
            ("b\n", Ok(Packet::Binary(vec![].into()))),
            ("bA", Err(Malformed)),
            ("bA=B=", Err(Malformed)),
            ("b!", Err(Malformed)),
            ("", Err(Malformed)),
            ("7", Err(Malformed)),
            ("abc", Err(Malformed)),
            ("é", Err(Malformed)),
        ] {
            assert_eq!(Packet::read(text), expected, "{text}");
        }
    }

    #[test]
    fn bytes_are_written_padded() {
        let mut out = Vec::new();
        put_base64(&mut out, &[1, 2, 3, 4]);
        assert_eq!(out, b"bAQIDBA==");
    }
}
