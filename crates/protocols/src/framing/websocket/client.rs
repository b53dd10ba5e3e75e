//! The client's side, for load generators and tests: masked frames, and the handshake's request.
//!
//! Server frames are decoded by a [`Decoder`](super::Decoder) in [`Role::Client`](super::Role).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::{BufMut, BytesMut};

use super::frame::{FrameHeader, Opcode};
use super::{handshake, mask};

/// Appends a whole message as one masked frame to `out`.
///
/// RFC 6455, 5.3, wants a fresh, unpredictable `key` for each frame wherever a hostile page may
/// choose the payload.
pub fn put_message(out: &mut BytesMut, opcode: Opcode, payload: &[u8], key: [u8; 4]) {
    put_frame(out, true, opcode, payload, key);
}

/// Appends one masked frame to `out`; with `fin` false it is not the last of its message.
pub fn put_frame(out: &mut BytesMut, fin: bool, opcode: Opcode, payload: &[u8], key: [u8; 4]) {
    let header = FrameHeader { fin, mask: Some(key), ..FrameHeader::whole(opcode, payload.len()) }.encode();
    out.reserve(header.len() + payload.len());
    out.put_slice(&header);
    let start = out.len();
    out.put_slice(payload);
    mask::apply(&mut out[start..], key);
}

/// The request that opens a WebSocket at `target` (a path and query) of `host` (with its port), and
/// the `Sec-WebSocket-Accept` its response must carry. `nonce` is 16 random bytes.
pub fn upgrade_request(host: &str, target: &str, nonce: [u8; 16]) -> (String, String) {
    let key = STANDARD.encode(nonce);
    let version = handshake::VERSION;
    let request = format!(
        "GET {target} HTTP/1.1\r\n\
         Host: {host}\r\n\
         Upgrade: websocket\r\n\
         Connection: Upgrade\r\n\
         Sec-WebSocket-Key: {key}\r\n\
         Sec-WebSocket-Version: {version}\r\n\r\n"
    );
    (request, handshake::accept_key(&key))
}
