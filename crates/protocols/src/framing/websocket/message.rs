//! What a peer said: a whole message, or a control frame.

use std::borrow::Cow;

use super::Close;

/// A message from the peer.
///
/// It borrows from the input it was decoded from when it lay wholly in it, and owns its bytes when
/// it was put together from pieces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message<'a> {
    /// A text message.
    Text(Cow<'a, str>),
    /// A binary message.
    Binary(Cow<'a, [u8]>),
    /// A ping of at most 125 bytes, to be answered by a [`pong`](super::frame::pong) with the same
    /// bytes (RFC 6455, 5.5.2).
    Ping(Cow<'a, [u8]>),
    /// A pong, asked for or not (RFC 6455, 5.5.3).
    Pong(Cow<'a, [u8]>),
    /// The peer's last frame, with its code and reason if it gave any. It is to be answered by a
    /// [`close_reply`](super::frame::close_reply), unless a close was sent before; what follows it
    /// is ignored (RFC 6455, 5.5.1).
    Close(Option<Close<'a>>),
}
