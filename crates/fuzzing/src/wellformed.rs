//! What must be true of all that is sent, whatever was received.

use switchboard_protocols::framing::websocket::{Decoder, Message, Role};
use switchboard_protocols::text::clean::is_forbidden;
use switchboard_protocols::{Framing, Language};

/// Bytes of one UDP datagram over IPv4 at most.
const DATAGRAM_BYTES_MAX: usize = 65_507;

/// Looks at everything that one connection is sent.
pub(crate) struct Listener {
    framing: Framing,
    /// Decodes as a client does, and keeps what is cut between frames.
    websocket: Decoder,
    closed: bool,
}

impl Listener {
    pub(crate) fn new(framing: Framing) -> Self {
        let websocket = Decoder::new(Role::Client, usize::MAX).inflating(framing.compression().is_some());
        Self { framing, websocket, closed: false }
    }

    /// Hears a frame in this language, and panics if it is not what a client can take.
    pub(crate) fn hear(&mut self, language: Language, frame: &[u8]) {
        match self.framing {
            Framing::Lines => message(language, line(frame)),
            Framing::Datagram => {
                assert!(frame.len() <= DATAGRAM_BYTES_MAX, "a datagram of {} bytes", frame.len());
                message(language, line(frame));
            }
            Framing::WebSocket | Framing::WebSocketDeflate(_) => self.websocket(language, frame),
            Framing::Polling | Framing::WebSocketBase64 => unreachable!("the framings of Engine.IO"),
        }
    }

    fn websocket(&mut self, language: Language, frame: &[u8]) {
        let mut frame = frame.to_vec();
        let mut rest = &mut frame[..];
        assert!(!self.closed, "something is sent after the close frame");
        while let Some(heard) = self.websocket.next_message(&mut rest).expect("frames follow the rules") {
            match heard {
                Message::Text(text) => message(language, &text),
                Message::Ping(_) | Message::Pong(_) => {}
                Message::Close(_) => self.closed = true,
                Message::Binary(_) => panic!("nothing binary is sent"),
            }
        }
    }
}

/// A line or a datagram without its end.
fn line(frame: &[u8]) -> &str {
    str::from_utf8(frame).expect("what is sent is UTF-8").strip_suffix('\n').expect("what is sent has an end")
}

/// Judges one message, its end taken off.
pub(crate) fn message(language: Language, message: &str) {
    match language {
        Language::Text(_) => {
            let raw = message.chars().find(|character| *character != '\n' && is_forbidden(*character));
            assert_eq!(raw, None, "in {message:?}");
        }
        Language::SocketIo(_) => unreachable!("its frames are packets, with a decoder of their own"),
        Language::Json => {
            let raw = message.chars().find(|character| is_forbidden(*character));
            assert_eq!(raw, None, "in {message:?}");
            let object: serde_json::Value = serde_json::from_str(message).expect("an object is JSON");
            assert!(object["type"].is_string(), "{message} has a type");
        }
    }
}
