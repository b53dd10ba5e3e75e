//! Frames and dialects: the bytes that all receivers of a dialect share, and what decides between them.

use crate::framing::websocket::Deflate;
use crate::socketio::Tongue;
use bytes::Bytes;

/// An event or a reply as the bytes of one dialect. Atomic: it is written whole or, when the connection ends, not at
/// all. Cloning it shares the bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frame(Bytes);

impl Frame {
    /// A frame of these bytes.
    #[must_use]
    pub const fn new(bytes: Bytes) -> Self {
        Self(bytes)
    }

    /// The bytes; on a datagram transport they are one datagram.
    #[must_use]
    pub const fn bytes(&self) -> &Bytes {
        &self.0
    }

    /// How many bytes it costs an outbox.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Several frames as one, where the messages of a framing simply follow each other. `None`: each has to stay by itself,
/// as datagrams have to, and the packets of a poll that may still move to a WebSocket.
#[must_use]
pub fn join(framing: Framing, frames: &[Frame]) -> Option<Frame> {
    match framing {
        Framing::Lines | Framing::WebSocket | Framing::WebSocketBase64 | Framing::WebSocketDeflate(_) => {
            let mut joined = Vec::with_capacity(frames.iter().map(Frame::len).sum());
            for frame in frames {
                joined.extend_from_slice(frame.bytes());
            }
            Some(Frame::new(Bytes::from(joined)))
        }
        Framing::Datagram | Framing::Polling => None,
    }
}

/// How messages are told apart on a transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Framing {
    /// A stream of lines: TCP and TLS.
    Lines,
    /// WebSocket text messages (RFC 6455).
    WebSocket,
    /// A datagram each.
    Datagram,
    /// The payloads of long polling: packets with a separator between them, bytes in base64 (Engine.IO).
    Polling,
    /// WebSocket text messages only, bytes in base64: a client that cannot take others (Engine.IO).
    WebSocketBase64,
    /// WebSocket messages of which the long ones are compressed (RFC 7692).
    WebSocketDeflate(Deflate),
}

impl Framing {
    /// That of a WebSocket on which this was agreed.
    #[must_use]
    pub const fn websocket(compression: Option<Deflate>) -> Self {
        match compression {
            Some(deflate) => Self::WebSocketDeflate(deflate),
            None => Self::WebSocket,
        }
    }

    /// How messages are compressed, if they are.
    #[must_use]
    pub const fn compression(self) -> Option<Deflate> {
        match self {
            Self::WebSocketDeflate(deflate) => Some(deflate),
            Self::Lines | Self::WebSocket | Self::Datagram | Self::Polling | Self::WebSocketBase64 => None,
        }
    }

    /// The same without compression.
    #[must_use]
    pub const fn uncompressed(self) -> Self {
        match self {
            Self::WebSocketDeflate(_) => Self::WebSocket,
            Self::Lines | Self::WebSocket | Self::Datagram | Self::Polling | Self::WebSocketBase64 => self,
        }
    }
}

/// How the text protocol shows events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum TextStyle {
    /// `<nick> text`, with notices.
    #[default]
    Named,
    /// `<127.0.0.1> text`, with notices.
    Address,
    /// The bare text, without notices.
    Plain,
}

/// What the bytes of a conversation mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Language {
    /// The text protocol.
    Text(TextStyle),
    /// The JSON protocol.
    Json,
    /// Socket.IO: a namespace as one socket hears it; none for the session that carries its sockets.
    SocketIo(Option<Tongue>),
}

/// All that decides how an event is encoded: connections of one dialect share its frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Dialect {
    /// What its bytes mean.
    pub language: Language,
    /// How its messages are told apart.
    pub framing: Framing,
    /// The event's room is not the one the connection speaks in, and the text protocol says so. The JSON protocol
    /// names the room always and has no such dialect.
    pub elsewhere: bool,
}

impl Dialect {
    /// The dialect's own number, a small one: connections of one number share their frames.
    #[must_use]
    pub const fn index(self) -> usize {
        // Each language is on at most three framings without compression.
        let framing = match self.framing {
            Framing::Lines | Framing::Polling => 0,
            Framing::WebSocket => 1,
            Framing::Datagram | Framing::WebSocketBase64 => 2,
            Framing::WebSocketDeflate(deflate) => 3 + deflate.window.index(),
        };
        let elsewhere = self.elsewhere as usize;
        let language = match self.language {
            Language::Text(TextStyle::Named) => elsewhere,
            Language::Text(TextStyle::Address) => 2 + elsewhere,
            Language::Text(TextStyle::Plain) => 4 + elsewhere,
            // The one language that is on lines and is polled for.
            Language::Json if matches!(self.framing, Framing::Polling) => 7,
            Language::Json => 6,
            // A session is shown nothing, and needs no place of its own.
            Language::SocketIo(None) => 8,
            Language::SocketIo(Some(tongue)) => 8 + tongue.index(),
        };
        framing * (8 + Tongue::COUNT) + language
    }

    /// The word for the protocol in metrics and the log.
    #[must_use]
    pub const fn protocol(self) -> &'static str {
        match self.language {
            Language::Text(_) => "text",
            Language::Json => "json",
            Language::SocketIo(_) => "socketio",
        }
    }
}
