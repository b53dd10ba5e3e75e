//! The client's half of RFC 6455, as far as a load generator needs it: masked frames out, whole frames in.

use std::net::SocketAddr;

use anyhow::{Result, bail};

/// A frame of the server: what it is, and where its parts lie in the bytes that were parsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerFrame {
    /// The opcode (RFC 6455 section 5.2), one of the constants of this type.
    pub opcode: u8,
    /// Bytes before the payload.
    pub header_bytes: usize,
    /// Bytes of the payload.
    pub payload_bytes: usize,
}

impl ServerFrame {
    /// A text message.
    pub const TEXT: u8 = 0x1;
    /// A binary message.
    pub const BINARY: u8 = 0x2;
    /// The end of the connection.
    pub const CLOSE: u8 = 0x8;
    /// Wants a pong with the same payload.
    pub const PING: u8 = 0x9;
    /// Answers a ping.
    pub const PONG: u8 = 0xA;
}

/// The longest message a target may send, in bytes. More is an error of the run.
const PAYLOAD_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Any key makes the same masking work. A real client must choose one at random for each frame (section 5.3), but
/// there is no intermediary to protect here.
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// Finds the frame at the start of `bytes`; none while it is incomplete.
///
/// # Errors
/// When a server must not send such a frame, or one that was not asked for: masked, fragmented or compressed.
pub fn parse_server_frame(bytes: &[u8]) -> Result<Option<ServerFrame>> {
    let &[first, second, ref rest @ ..] = bytes else { return Ok(None) };
    if first & 0xf0 != 0x80 {
        bail!("a fragmented or extended WebSocket frame (first byte {first:#04x})");
    }
    if second & 0x80 != 0 {
        bail!("a masked WebSocket frame from the server");
    }
    let (length_bytes, payload_bytes) = match (second, rest) {
        (126, &[a, b, ..]) => (2, u64::from(u16::from_be_bytes([a, b]))),
        (127, &[a, b, c, d, e, f, g, h, ..]) => (8, u64::from_be_bytes([a, b, c, d, e, f, g, h])),
        (126 | 127, _) => return Ok(None),
        (length, _) => (0, u64::from(length)),
    };
    if payload_bytes > PAYLOAD_BYTES_MAX {
        bail!("a WebSocket frame of {payload_bytes} bytes");
    }
    let header_bytes = 2 + length_bytes;
    let payload_bytes = payload_bytes as usize;
    let frame = ServerFrame { opcode: first & 0x0f, header_bytes, payload_bytes };
    Ok((bytes.len() >= header_bytes + payload_bytes).then_some(frame))
}

/// Appends one whole masked frame (RFC 6455 section 5.2).
pub(super) fn write_client_frame(opcode: u8, payload: &[u8], out: &mut Vec<u8>) {
    out.push(0x80 | opcode);
    match payload.len() {
        length @ 0..=125 => out.push(0x80 | length as u8),
        length @ 126..=0xffff => {
            out.push(0x80 | 126);
            out.extend_from_slice(&(length as u16).to_be_bytes());
        }
        length => {
            out.push(0x80 | 127);
            out.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(&MASK);
    out.extend(payload.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
}

/// The request that opens a WebSocket (RFC 6455 section 4.1).
pub(super) fn upgrade_request(host: SocketAddr, path: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server_frame(opcode: u8, payload_bytes: usize) -> Vec<u8> {
        let mut bytes = vec![0x80 | opcode];
        match payload_bytes {
            length @ 0..=125 => bytes.push(length as u8),
            length @ 126..=0xffff => {
                bytes.push(126);
                bytes.extend_from_slice(&(length as u16).to_be_bytes());
            }
            length => {
                bytes.push(127);
                bytes.extend_from_slice(&(length as u64).to_be_bytes());
            }
        }
        bytes.resize(bytes.len() + payload_bytes, b'x');
        bytes
    }

    #[test]
    fn frames_of_every_length_are_found_once_they_are_whole() {
        for (payload_bytes, header_bytes) in [(0, 2), (125, 2), (126, 4), (65_535, 4), (65_536, 10)] {
            let bytes = server_frame(ServerFrame::TEXT, payload_bytes);
            let frame = ServerFrame { opcode: ServerFrame::TEXT, header_bytes, payload_bytes };
            assert_eq!(parse_server_frame(&bytes).unwrap(), Some(frame));
            for cut in [0, 1, 2, 3, bytes.len() - 1] {
                if cut < bytes.len() {
                    assert_eq!(parse_server_frame(&bytes[..cut]).unwrap(), None, "{payload_bytes} cut at {cut}");
                }
            }
        }
    }

    #[test]
    fn what_a_server_must_not_send_is_an_error() {
        let endless = [0x81, 127, 0xff, 0, 0, 0, 0, 0, 0, 0];
        for bytes in [&[0x81, 0x80][..], &[0x01, 0x00], &[0xc1, 0x00], &endless] {
            assert!(parse_server_frame(bytes).is_err(), "{bytes:02x?}");
        }
    }

    #[test]
    fn masking_twice_gives_the_payload_again() {
        for length in [0, 1, 5, 125, 126, 70_000] {
            let payload: Vec<u8> = (0..length).map(|place| place as u8).collect();
            let mut bytes = Vec::new();
            write_client_frame(ServerFrame::TEXT, &payload, &mut bytes);
            assert_eq!(bytes[1] & 0x80, 0x80);
            let masked = &bytes[bytes.len() - length as usize..];
            let plain: Vec<u8> = masked.iter().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask).collect();
            assert_eq!(plain, payload);
        }
    }
}
