//! Why the server ends a connection: stable codes with a verdict for the client.

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $websocket:literal, $again:ident, $message:literal;)*) => {
        /// Why the server ends a connection.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum CloseReason { $($(#[$doc])* $name,)* }

        impl CloseReason {
            /// Every reason, for metrics and for the protocol's page.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The stable code on every wire and in the log.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// The close code on a WebSocket (RFC 6455 section 7.4).
            #[must_use]
            pub const fn websocket_code(self) -> u16 {
                match self { $(Self::$name => $websocket,)* }
            }

            /// Whether a client does well to connect again.
            #[must_use]
            pub const fn reconnect(self) -> bool {
                match self { $(Self::$name => $again,)* }
            }

            /// A short ASCII sentence for people.
            #[must_use]
            pub const fn message(self) -> &'static str {
                match self { $(Self::$name => $message,)* }
            }
        }
    };
}

reasons! {
    /// The client said goodbye.
    Quit = "quit", 1000, false, "goodbye";
    /// Another connection resumed this session.
    TakenOver = "taken_over", 4001, false, "this session was resumed elsewhere";
    /// The receiver did not keep up and its outbox is full.
    SlowReader = "slow_reader", 4002, true, "you did not keep up with what was sent (limits.outbox_bytes)";
    /// All outboxes together hold as much as they may.
    OutboxesFull = "outboxes_full", 4003, true, "the server holds too much that is not sent yet (limits.outboxes_total_bytes)";
    /// More happened during a resume than its gate holds.
    GateOverflow = "gate_overflow", 4004, true, "too much happened while you resumed";
    /// Nothing was heard of the peer for too long.
    Idle = "idle", 4005, true, "nothing heard from you for too long";
    /// Too many wrong join codes.
    PassRefused = "pass_refused", 4403, false, "too many wrong join codes";
    /// A session cannot be had without giving the protocol time to say hello.
    HandshakeTimeout = "handshake_timeout", 4408, true, "the handshake took too long";
    /// The peer has as many connections as it may have.
    TooManyConnections = "too_many_connections", 4429, true, "too many connections (limits.connections_per_ip)";
    /// A plaintext client must use TLS here.
    TlsRequired = "tls_required", 4426, false, "this server wants TLS here";
    /// The peer broke the rules of its protocol.
    ProtocolError = "protocol_error", 1002, false, "protocol error";
    /// The first line is one that another protocol's client sends.
    OtherProtocol = "other_protocol", 1002, false, "that is another protocol's request: this is a chat, and nothing of it was said";
    /// A request of HTTP came on a connection that had been greeted in text.
    HttpRequest = "http_request", 1002, false, "that is a request of HTTP, and this connection had become a chat: nothing of it was said";
    /// The text begins with two length bytes, as Java's `writeUTF` sends it.
    LengthPrefixed = "length_prefixed", 1002, false, "that begins with length bytes (Java's writeUTF): send a line of text, with println or getBytes";
    /// What should have been UTF-8 is UTF-16.
    Utf16 = "utf16", 1007, false, "that is UTF-16: send UTF-8 (PowerShell: Out-File -Encoding utf8)";
    /// This protocol has no use for such data.
    Unsupported = "unsupported", 1003, false, "this kind of data is not understood here";
    /// What should have been text is not UTF-8.
    InvalidUtf8 = "invalid_utf8", 1007, false, "that was not valid UTF-8";
    /// A compressed WebSocket message cannot be inflated.
    BadCompression = "bad_compression", 1007, false, "that was not compressed as it should be (RFC 7692)";
    /// A line is over `limits.line_bytes`.
    LineTooLong = "line_too_long", 1009, false, "the line is longer than limits.line_bytes";
    /// A frame or message is over `limits.frame_bytes`.
    FrameTooLarge = "frame_too_large", 1009, false, "the message is larger than limits.frame_bytes";
    /// The server is going down.
    ShuttingDown = "shutting_down", 1012, true, "the server is going down";
    /// The server cannot store any more and ends.
    StorageFailed = "storage_failed", 1011, true, "the server's storage failed";
    /// A decoder failed; the log says where.
    Internal = "internal", 1011, true, "internal error";
    /// The peer closed, or its connection broke; nothing can be told it.
    PeerGone = "peer_gone", 1006, true, "the peer is gone";
}
