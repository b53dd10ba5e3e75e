//! The seam between a connection's bytes and the core: what every protocol on every transport does.

mod carrier;
mod datagram;
mod member;
mod polled_json;
mod sockets;
mod speaker;
mod stream_json;
mod stream_text;
mod websocket;

use crate::engineio;
use crate::frame::{Dialect, Frame, Framing, Language};
use crate::framing::websocket::Deflate;
use crate::settings::Settings;
use std::sync::Arc;
use switchboard_core::{CloseReason, Event, Reply, Request};

/// Milliseconds of a clock that never goes back and is nobody's wall clock.
pub type Tick = u64;

/// What a conversation wants done, in order.
#[derive(Clone, Debug, PartialEq)]
pub enum Act {
    /// Ask the core.
    Request(Request),
    /// Send these bytes: a pong, an answer to a negotiation, an error that needs no core.
    Send(Frame),
    /// The peer turned out to speak JSON: go on with [`stream_json`] and give that these bytes. The conversation that
    /// said so is over.
    BecomeJson(Vec<u8>),
    /// The conversation is over: say the farewell, flush and close.
    Close(CloseReason),
    /// Something of one of the sessions that this conversation carries; they are numbered by it, each number used
    /// once.
    Branch(u32, Branch),
}

/// What a session wants that another conversation carries.
#[derive(Clone, Debug, PartialEq)]
pub enum Branch {
    /// It begins: [`Conversation::branch`] gives its conversation.
    Open,
    /// Ask the core.
    Request(Request),
}

/// One connection's protocol, sans-io: bytes in, acts out; replies in, frames out.
///
/// A conversation owns next to nothing while it is idle: a shard keeps tens of thousands of them.
pub trait Conversation: Send {
    /// Takes the bytes that arrived (for a datagram transport: one datagram). They may be overwritten.
    ///
    /// # Errors
    /// The peer broke the protocol: the acts made so far stand, then the connection is closed with this reason.
    fn receive(&mut self, now: Tick, bytes: &mut [u8], acts: &mut Vec<Act>) -> Result<(), CloseReason>;

    /// The peer will send no more. What it sent without an end may still be a message.
    fn finish(&mut self, acts: &mut Vec<Act>);

    /// The frame that tells the peer this answer, if it is told at all.
    fn reply(&mut self, reply: &Reply) -> Option<Frame>;

    /// The frame that tells the peer why its connection ends, if the protocol can.
    fn farewell(&mut self, reason: CloseReason) -> Option<Frame>;

    /// How events are encoded for this connection; it changes only in [`Conversation::receive`] and
    /// [`Conversation::reply`].
    fn dialect(&self) -> Dialect;

    /// When [`Conversation::tick`] wants to be called next.
    fn deadline(&self) -> Option<Tick>;

    /// Time passed: unfinished messages may end, and silent peers are asked whether they live.
    ///
    /// # Errors
    /// The peer did not answer in time.
    fn tick(&mut self, now: Tick, acts: &mut Vec<Act>) -> Result<(), CloseReason>;

    /// The conversation of a session that this one carries ([`Branch::Open`]). It says nothing by itself: its answers
    /// and events go out with its carrier's.
    fn branch(&mut self, _branch: u32) -> Option<Box<dyn Conversation>> {
        None
    }

    /// The server ended a session that this one carries. A peer that has no other may be given time to go by itself.
    fn branch_ended(&mut self, _now: Tick) {}

    /// The connection goes on on another transport, whose framing is this. What waited for it is framed anew by
    /// whoever keeps it.
    fn upgrade(&mut self, _now: Tick, _framing: Framing) {}

    /// Whether a client that comes back missed this event; what it did itself it knows.
    fn missed(&self, _event: &Event) -> bool {
        true
    }

    /// Reading was suspended until now, so silence up to now proves nothing about the peer.
    fn resumed(&mut self, now: Tick);
}

/// The text protocol on a stream, whose first input decides whether it stays that ([`Act::BecomeJson`]).
#[must_use]
pub fn stream_text(settings: &Arc<Settings>) -> Box<dyn Conversation> {
    Box::new(stream_text::StreamText::new(settings, true))
}

/// The text protocol on a stream of a listener that speaks nothing else: what looks like JSON is a message.
#[must_use]
pub fn stream_text_only(settings: &Arc<Settings>) -> Box<dyn Conversation> {
    Box::new(stream_text::StreamText::new(settings, false))
}

/// The JSON protocol on a stream.
#[must_use]
pub fn stream_json(settings: &Arc<Settings>) -> Box<dyn Conversation> {
    Box::new(stream_json::StreamJson::new(settings))
}

/// A WebSocket after its handshake, begun at `now`, and what was agreed on there. Without a language, the first message
/// decides; silence never does.
#[must_use]
pub fn websocket(
    settings: &Arc<Settings>,
    compression: Option<Deflate>,
    language: Option<Choice>,
    now: Tick,
) -> Box<dyn Conversation> {
    Box::new(websocket::WebSocket::new(settings, compression, language, now))
}

/// The JSON protocol on an Engine.IO session that polls, for clients whose WebSockets are blocked. The first call of
/// [`Conversation::receive`], with no bytes, sends the handshake of the session whose id this is.
#[must_use]
pub fn polled_json(
    settings: &Arc<Settings>,
    engine: &Arc<engineio::Settings>,
    sid: String,
    now: Tick,
) -> Box<dyn Conversation> {
    Box::new(polled_json::PolledJson::new(settings, engine, sid, now))
}

/// One address that sends datagrams. Without a language, the first datagram decides.
#[must_use]
pub fn datagram(settings: &Arc<Settings>, language: Option<Choice>) -> Box<dyn Conversation> {
    Box::new(datagram::Datagrams::new(settings, language))
}

pub use carrier::{Carrier, Down, Upper};
pub use sockets::{Client, Sockets};

/// A language that a client chose beforehand, in a subprotocol or a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// The text protocol, in the server's style.
    Text,
    /// The JSON protocol.
    Json,
}

impl Choice {
    /// The choice that a WebSocket subprotocol or `?protocol=` names.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "text" => Some(Self::Text),
            "json" => Some(Self::Json),
            _ => None,
        }
    }

    const fn language(self, settings: &Settings) -> Language {
        match self {
            Self::Text => Language::Text(settings.text_style),
            Self::Json => Language::Json,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_idle_conversation_is_small() {
        for (name, bytes, bytes_max) in [
            ("text", size_of::<stream_text::StreamText>(), 96),
            ("json", size_of::<stream_json::StreamJson>(), 72),
            ("websocket", size_of::<websocket::WebSocket>(), 144),
            ("datagram", size_of::<datagram::Datagrams>(), 24),
        ] {
            assert!(bytes <= bytes_max, "{name} takes {bytes} bytes");
        }
    }
}
