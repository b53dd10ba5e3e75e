//! What all conversations of a server have in common: bounds, deadlines and the look of the text protocol.

use crate::frame::TextStyle;
use switchboard_core::Limits;

/// The settings of every conversation; one value is shared by all of them.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Bytes of a line or a datagram, its end not counted. More: the connection is closed with `line_too_long`.
    pub line_bytes: usize,
    /// Bytes of a WebSocket message, its fragments added up. More: closed with `frame_too_large`.
    pub frame_bytes: usize,
    /// Bytes of the shortest WebSocket message that is compressed, where the client agrees to it. `None`: none is.
    pub compression_min: Option<u32>,
    /// How the text protocol shows events.
    pub text_style: TextStyle,
    /// The text protocol's greeting, in which `{nick}`, `{room}`, `{members}` and `{help}` are filled in. `None`: the
    /// built-in one, which the plain style leaves out. Empty: no greeting.
    pub text_welcome: Option<Box<str>>,
    /// The core's limits, which the JSON protocol's welcome announces.
    pub limits: Limits,
    /// A WebSocket peer that was silent for this long is sent a ping, in milliseconds. 25 s is below the 30 to 60 s
    /// after which proxies take a silent connection down.
    pub ping_interval_ms: u64,
    /// A peer that says nothing for this long after a ping is gone, in milliseconds.
    pub pong_timeout_ms: u64,
    /// Until a text connection's first line end, what it sent is a message after this much quiet, in milliseconds.
    pub quiet_ms: u64,
    /// The same for a single character, which a terminal that sends each key may have sent, in milliseconds.
    pub quiet_single_ms: u64,
    /// How long the first input of a text connection may look like the beginning of HTTP or JSON, in milliseconds.
    pub undecided_ms: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            line_bytes: 32 * 1024,
            frame_bytes: 64 * 1024,
            compression_min: None,
            text_style: TextStyle::Named,
            text_welcome: None,
            limits: Limits::default(),
            ping_interval_ms: 25_000,
            pong_timeout_ms: 20_000,
            quiet_ms: 100,
            quiet_single_ms: 3_000,
            undecided_ms: 10_000,
        }
    }
}
