//! Packets out: events, acknowledgements and welcomes, each one frame with its attachments.

use super::msgpack;
use super::namespace::{Shows, Tongue};
use super::packet::is_reserved;
use super::relay;
use crate::encode::compressed;
use crate::engineio::packet::put_base64;
use crate::engineio::payload::SEPARATOR;
use crate::frame::{Frame, Framing};
use crate::framing::websocket::frame::{self, FrameHeader, Opcode};
use crate::json;
use crate::json::write::string;
use bytes::{BufMut, Bytes, BytesMut};
use std::io::Write;
use std::sync::Arc;
use switchboard_core::vocabulary::VOCABULARY;
use switchboard_core::{Body, Event, Pos};

/// Bytes of an event with its names, usually.
const USUAL_BYTES: usize = 384;
/// An unmasked WebSocket frame's header takes at most this.
const HEADER_ROOM: usize = 10;

/// A message and its attachments as one frame. `write` appends the Engine.IO packet, its type included.
pub fn packets(framing: Framing, binary: &[Arc<[u8]>], write: impl FnOnce(&mut Vec<u8>)) -> Frame {
    if let Some(deflate) = framing.compression() {
        return compressed(&packets(framing.uncompressed(), binary, write), deflate);
    }
    let mut out = Vec::with_capacity(USUAL_BYTES);
    match framing {
        Framing::WebSocket | Framing::WebSocketDeflate(_) | Framing::WebSocketBase64 => {
            // The header's length depends on the message's: it is put into the room before it.
            out.resize(HEADER_ROOM, 0);
            write(&mut out);
            let header = FrameHeader::whole(Opcode::Text, out.len() - HEADER_ROOM).encode();
            let start = HEADER_ROOM - header.len();
            out[start..HEADER_ROOM].copy_from_slice(&header);
            if binary.is_empty() {
                return Frame::new(Bytes::from(out).slice(start..));
            }
            let mut all = BytesMut::from(&out[start..]);
            for part in binary {
                put_binary(&mut all, framing, part);
            }
            Frame::new(all.freeze())
        }
        Framing::Polling | Framing::Lines | Framing::Datagram => {
            write(&mut out);
            for part in binary {
                out.push(SEPARATOR);
                put_base64(&mut out, part);
            }
            Frame::new(Bytes::from(out))
        }
    }
}

fn put_binary(all: &mut BytesMut, framing: Framing, part: &[u8]) {
    if framing == Framing::WebSocketBase64 {
        let mut text = Vec::with_capacity(part.len() / 3 * 4 + 5);
        put_base64(&mut text, part);
        frame::put(all, Opcode::Text, &text);
    } else {
        frame::put(all, Opcode::Binary, part);
    }
}

/// The same for a client of either parser. `packed`: a whole packet is one message of bytes.
pub(crate) fn message(
    framing: Framing,
    packed: bool,
    attachments: &[Arc<[u8]>],
    write: impl FnOnce(&mut Vec<u8>),
) -> Frame {
    if !packed {
        return packets(framing, attachments, write);
    }
    let mut text = Vec::with_capacity(USUAL_BYTES);
    write(&mut text);
    // Only whole characters were put in, after Engine.IO's type.
    let text = str::from_utf8(&text).ok().and_then(|text| text.get(1..)).unwrap_or_default();
    binary(framing, &msgpack::write(text, attachments))
}

/// A message of bytes alone.
pub fn binary(framing: Framing, part: &[u8]) -> Frame {
    match framing {
        Framing::WebSocketDeflate(deflate) => compressed(&binary(Framing::WebSocket, part), deflate),
        Framing::WebSocket | Framing::WebSocketBase64 => {
            let mut all = BytesMut::with_capacity(part.len() + HEADER_ROOM);
            put_binary(&mut all, framing, part);
            Frame::new(all.freeze())
        }
        Framing::Polling | Framing::Lines | Framing::Datagram => {
            let mut out = Vec::with_capacity(part.len() / 3 * 4 + 5);
            put_base64(&mut out, part);
            Frame::new(Bytes::from(out))
        }
    }
}

/// A frame that was made for polling, as a WebSocket carries it: what waited when the session was upgraded.
#[must_use]
pub fn reframe(polled: &Frame, framing: Framing) -> Frame {
    // There may be a welcome in it, which is not compressed.
    let framing = framing.uncompressed();
    let mut all = BytesMut::with_capacity(polled.len() + HEADER_ROOM);
    for part in crate::engineio::payload::parts(polled.bytes()) {
        let bytes = match str::from_utf8(part).map(crate::engineio::Packet::read) {
            Ok(Ok(crate::engineio::Packet::Binary(bytes))) if framing == Framing::WebSocket => Some(bytes.into_owned()),
            Ok(Ok(_)) | Ok(Err(_)) | Err(_) => None,
        };
        match bytes {
            Some(bytes) => frame::put(&mut all, Opcode::Binary, &bytes),
            None => frame::put(&mut all, Opcode::Text, part),
        }
    }
    Frame::new(all.freeze())
}

/// Several frames as one.
pub(crate) fn together(framing: Framing, frames: &[Frame]) -> Frame {
    let mut all = BytesMut::new();
    for frame in frames {
        if framing == Framing::Polling && !all.is_empty() {
            all.put_u8(SEPARATOR);
        }
        all.put_slice(frame.bytes());
    }
    Frame::new(all.freeze())
}

/// Whether an event must not have this name: the server's own words, and the clients' library's.
#[must_use]
pub(crate) fn is_ours(name: &str) -> bool {
    const ANSWERS: [&str; 6] = ["welcome", "ack", "error", "history", "search", "pong"];
    is_reserved(name) || ANSWERS.contains(&name) || VOCABULARY.iter().any(|row| row.word == name)
}

/// The frame that shows an event of the core in a namespace, if it shows it.
pub(crate) fn event(event: &Event, tongue: Tongue, framing: Framing, own: bool) -> Option<Frame> {
    let namespace = tongue.namespace;
    let offset = tongue.offsets.map(|recovery| Offset { epoch: recovery.epoch.0, pos: event.pos });
    if let Shows::Relayed = namespace.shows {
        return relay::event(event, tongue, framing, offset);
    }
    if let Body::Relay { name, args, binary, packed, .. } = &event.body {
        // What is a message of the chat here is said by the chat alone.
        let is_message = matches!(&namespace.shows, Shows::Bare(own) if **own == **name);
        if is_ours(name) || is_message {
            return None;
        }
        if let (true, Some(packed)) = (tongue.packed, packed) {
            return Some(binary_event(framing, &namespace.path, name, None, packed, offset));
        }
        return Some(message(framing, tongue.packed, binary, |out| {
            begin(out, '2', &namespace.path, None, binary.len());
            put_args(out, Some(name), args, offset);
        }));
    }
    match (&namespace.shows, &event.body) {
        (Shows::Vocabulary, _) => Some(message(framing, tongue.packed, &[], |out| {
            begin(out, '2', &namespace.path, None, 0);
            out.push(b'[');
            string(out, event.name().word());
            out.push(b',');
            json::encode::untyped(out, event, own);
            put_offset(out, offset, true);
            out.push(b']');
        })),
        (Shows::Bare(name), Body::Message { text, seq, id, .. }) => Some(message(framing, tongue.packed, &[], |out| {
            begin(out, '2', &namespace.path, None, 0);
            out.push(b'[');
            string(out, name);
            out.push(b',');
            match id.as_ref().and_then(|id| namespace.objects.find(id, text)) {
                Some(object) => out.extend_from_slice(object.as_bytes()),
                None => string(out, text),
            }
            let is_numbered = tongue.numbers && event.room.as_deref() == Some(&*namespace.numbered);
            if let Some(seq) = seq.filter(|_| is_numbered) {
                // Writing into a vector cannot fail.
                let _ = write!(out, ",{seq}");
            }
            put_offset(out, offset, true);
            out.push(b']');
        })),
        (Shows::Bare(_) | Shows::Relayed, _) => None,
    }
}

/// An event whose arguments are msgpack already, for a client with that parser. `from`: who emitted it, as JSON.
pub(super) fn binary_event(
    framing: Framing,
    path: &str,
    name: &str,
    from: Option<&[u8]>,
    packed: &[u8],
    offset: Option<Offset>,
) -> Frame {
    let offset = offset.map(|Offset { epoch, pos }| format!("{epoch:016x}.{pos}"));
    binary(framing, &msgpack::relayed(path, name, from, packed, offset.as_deref()))
}

/// Where a client is in the stream of events: `epoch.pos`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Offset {
    pub(crate) epoch: u64,
    pub(crate) pos: Pos,
}

impl Offset {
    /// Reads what a client sent back.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let (epoch, pos) = text.split_once('.')?;
        Some(Self { epoch: u64::from_str_radix(epoch, 16).ok()?, pos: pos.parse().ok()? })
    }
}

pub(super) fn put_offset(out: &mut Vec<u8>, offset: Option<Offset>, comma: bool) {
    if let Some(Offset { epoch, pos }) = offset {
        // Writing into a vector cannot fail.
        let _ = write!(out, "{}\"{epoch:016x}.{pos}\"", if comma { "," } else { "" });
    }
}

/// Appends the beginning of a packet: Engine.IO's `4`, the type, and what stands before the JSON. `kind` is that of a
/// packet without attachments.
pub(crate) fn begin(out: &mut Vec<u8>, kind: char, path: &str, id: Option<&str>, attachments: usize) {
    out.push(b'4');
    match (kind, attachments) {
        ('2', 1..) => {
            let _ = write!(out, "5{attachments}-");
        }
        ('3', 1..) => {
            let _ = write!(out, "6{attachments}-");
        }
        (kind, _) => out.push(kind as u8),
    }
    if path != "/" {
        out.extend_from_slice(path.as_bytes());
        out.push(b',');
    }
    out.extend_from_slice(id.unwrap_or_default().as_bytes());
}

/// Appends the arguments: a name, if there is one, and what a JSON array holds.
pub(crate) fn put_args(out: &mut Vec<u8>, name: Option<&str>, args: &str, offset: Option<Offset>) {
    let inside = args.trim().strip_prefix('[').and_then(|args| args.strip_suffix(']')).unwrap_or_default().trim();
    out.push(b'[');
    if let Some(name) = name {
        string(out, name);
        if !inside.is_empty() {
            out.push(b',');
        }
    }
    out.extend_from_slice(inside.as_bytes());
    put_offset(out, offset, name.is_some() || !inside.is_empty());
    out.push(b']');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_and_its_attachments_are_one_frame() {
        let binary: [Arc<[u8]>; 2] = [Arc::from([1, 2, 3].as_slice()), Arc::from([4].as_slice())];
        let write = |out: &mut Vec<u8>| {
            begin(out, '2', "/n", Some("7"), 2);
            put_args(out, Some("a"), "[ 1 ]", None);
        };
        let text = "452-/n,7[\"a\",1]";
        let polled = packets(Framing::Polling, &binary, write);
        assert_eq!(polled.bytes(), format!("{text}\x1ebAQID\x1ebBA==").as_bytes());
        let whole = packets(Framing::WebSocket, &binary, write);
        let mut expected = frame::text(text).to_vec();
        expected.extend_from_slice(&frame::binary(&[1, 2, 3]));
        expected.extend_from_slice(&frame::binary(&[4]));
        assert_eq!(whole.bytes(), &expected[..]);
        assert_eq!(reframe(&polled, Framing::WebSocket), whole, "what waited at an upgrade reads the same");
        let base64 = packets(Framing::WebSocketBase64, &binary, write);
        assert_eq!(reframe(&polled, Framing::WebSocketBase64), base64);
    }

    #[test]
    fn arguments_are_put_together() {
        let put = |name, args, offset| {
            let mut out = Vec::new();
            put_args(&mut out, name, args, offset);
            String::from_utf8(out).unwrap()
        };
        let offset = Some(Offset { epoch: 255, pos: 7 });
        assert_eq!(put(Some("a"), "[]", None), r#"["a"]"#);
        assert_eq!(put(Some("a"), "[1,[2]]", offset), r#"["a",1,[2],"00000000000000ff.7"]"#);
        assert_eq!(put(None, "[]", offset), r#"["00000000000000ff.7"]"#);
        assert_eq!(put(None, "[]", None), "[]");
        assert_eq!(Offset::read("00000000000000ff.7"), offset);
        for text in ["", "7", "x.1", "1.x", "1.-1", "."] {
            assert_eq!(Offset::read(text), None, "{text}");
        }
    }
}
