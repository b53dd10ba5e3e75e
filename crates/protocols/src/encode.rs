//! Events as frames: made once for each dialect, and shared by all connections that speak it.

use crate::frame::{Dialect, Frame, Framing, Language};
use crate::framing::websocket::Deflate;
use crate::framing::websocket::frame::{FrameHeader, Opcode};
use crate::{json, socketio, text};
use bytes::Bytes;
use switchboard_core::Event;

/// The frame that shows an event in this dialect, or `None` if the dialect shows nothing of it.
///
/// `own` marks what another session of the receiver's user did; such a frame is for that user's sessions alone.
#[must_use]
pub fn encode(event: &Event, dialect: Dialect, own: bool) -> Option<Frame> {
    match dialect.language {
        Language::SocketIo(tongue) => socketio::encode::event(event, tongue?, dialect.framing, own),
        Language::Json => Some(frame(dialect.framing, |out| json::encode::event(out, event, own))),
        Language::Text(style) => {
            if !text::encode::shows(event, style) {
                return None;
            }
            Some(frame(dialect.framing, |out| text::encode::event(out, event, style, dialect.elsewhere, own)))
        }
    }
}

/// A WebSocket frame as a peer is sent it with whom compression was agreed: the very same if it is too short for that.
#[must_use]
pub fn compressed(frame: &Frame, deflate: Deflate) -> Frame {
    Frame::new(deflate.compress(frame.bytes()))
}

/// One message as a frame. `write` appends the message without an end of its own.
///
/// A datagram ends in a line end like a line does: `nc -u` prints datagrams one after the other.
pub(crate) fn frame(framing: Framing, write: impl FnOnce(&mut Vec<u8>)) -> Frame {
    /// A server's frame has no mask: two bytes, and at most eight more of length.
    const HEADER_ROOM: usize = 10;
    /// Holds a message of a few dozen characters with all its names, so that most frames are allocated once.
    const USUAL_BYTES: usize = 320;

    let mut out = Vec::with_capacity(USUAL_BYTES);
    match framing {
        Framing::WebSocketDeflate(deflate) => compressed(&frame(Framing::WebSocket, write), deflate),
        Framing::Lines | Framing::Datagram => {
            write(&mut out);
            out.push(b'\n');
            Frame::new(Bytes::from(out))
        }
        Framing::Polling => {
            // A packet with a message in it (Engine.IO).
            out.push(b'4');
            write(&mut out);
            Frame::new(Bytes::from(out))
        }
        Framing::WebSocket | Framing::WebSocketBase64 => {
            // The header's length depends on the message's, so the message is written first, and the header into
            // the room before it.
            out.resize(HEADER_ROOM, 0);
            write(&mut out);
            let header = FrameHeader::whole(Opcode::Text, out.len() - HEADER_ROOM).encode();
            let start = HEADER_ROOM - header.len();
            out[start..HEADER_ROOM].copy_from_slice(&header);
            Frame::new(Bytes::from(out).slice(start..))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::framing::websocket;

    #[test]
    fn a_websocket_frame_is_the_codecs_own() {
        for len in [0, 1, 125, 126, 65_535, 65_536] {
            let message = "x".repeat(len);
            let made = frame(Framing::WebSocket, |out| out.extend_from_slice(message.as_bytes()));
            assert_eq!(*made.bytes(), websocket::frame::text(&message), "{len} bytes");
        }
    }

    #[test]
    fn what_is_polled_for_is_a_packet() {
        assert_eq!(&frame(Framing::Polling, |out| out.extend_from_slice(b"{}")).bytes()[..], b"4{}");
    }

    #[test]
    fn lines_and_datagrams_end_in_a_line_end() {
        for framing in [Framing::Lines, Framing::Datagram] {
            assert_eq!(&frame(framing, |out| out.extend_from_slice(b"hi")).bytes()[..], b"hi\n");
        }
    }
}
