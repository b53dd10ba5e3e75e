//! Either protocol in WebSocket text messages (RFC 6455).

use super::speaker::Speaker;
use super::{Act, Choice, Conversation, Tick};
use crate::frame::{Dialect, Frame, Framing};
use crate::framing::websocket::{CloseCode, Decoder, Deflate, Message, Role, Violation, frame};
use crate::settings::Settings;
use bytes::BytesMut;
use std::sync::Arc;
use switchboard_core::{CloseReason, Reply};

/// A WebSocket after its handshake.
pub(super) struct WebSocket {
    speaker: Speaker,
    decoder: Decoder,
    /// When the peer last said anything, a pong included.
    heard: Tick,
    /// It was silent for so long that it was asked, and has not answered yet.
    pinged: bool,
    /// The peer sent its close frame, and has ours.
    closed: bool,
}

impl WebSocket {
    pub(super) fn new(
        settings: &Arc<Settings>,
        compression: Option<Deflate>,
        choice: Option<Choice>,
        now: Tick,
    ) -> Self {
        Self {
            speaker: Speaker::new(settings, Framing::websocket(compression), choice),
            decoder: Decoder::new(Role::Server, settings.frame_bytes).inflating(compression.is_some()),
            heard: now,
            pinged: false,
            closed: false,
        }
    }
}

impl Conversation for WebSocket {
    fn receive(&mut self, now: Tick, bytes: &mut [u8], acts: &mut Vec<Act>) -> Result<(), CloseReason> {
        self.heard = now;
        self.pinged = false;
        let mut input = bytes;
        while let Some(message) = self.decoder.next_message(&mut input).map_err(reason)? {
            match message {
                Message::Text(text) => {
                    // A message is one line of the text protocol, whether or not it ends like one.
                    let text = text.trim_end_matches('\0');
                    let text = text.strip_suffix('\n').unwrap_or(text);
                    self.speaker.hear_all(text.strip_suffix('\r').unwrap_or(text), acts)?;
                }
                Message::Binary(_) => return Err(CloseReason::Unsupported),
                Message::Ping(payload) => acts.push(Act::Send(Frame::new(frame::pong(&payload)))),
                Message::Pong(_) => {}
                Message::Close(received) => {
                    self.closed = true;
                    acts.push(Act::Send(Frame::new(frame::close_reply(received.as_ref()))));
                    acts.push(Act::Close(CloseReason::PeerGone));
                }
            }
        }
        Ok(())
    }

    fn finish(&mut self, _acts: &mut Vec<Act>) {}

    fn reply(&mut self, reply: &Reply) -> Option<Frame> {
        self.speaker.reply(reply)
    }

    fn farewell(&mut self, reason: CloseReason) -> Option<Frame> {
        let code = CloseCode::new(reason.websocket_code())?;
        if self.closed {
            return None;
        }
        self.closed = true;
        let limit = self.speaker.limit(reason).map_or(String::new(), |limit| format!(" ({limit} bytes)"));
        let close = frame::close(code, &format!("{}: {}{limit}", reason.as_str(), reason.message()));
        if is_failure(reason) {
            return Some(Frame::new(close));
        }
        let mut last = BytesMut::new();
        if let Some(words) = self.speaker.farewell(reason) {
            last.extend_from_slice(words.bytes());
        }
        last.extend_from_slice(&close);
        Some(Frame::new(last.freeze()))
    }

    fn dialect(&self) -> Dialect {
        self.speaker.dialect()
    }

    fn deadline(&self) -> Option<Tick> {
        let settings = self.speaker.settings();
        let ping_at = self.heard + settings.ping_interval_ms;
        match (self.closed, self.pinged) {
            (true, _) => None,
            (false, false) => Some(ping_at),
            (false, true) => Some(ping_at + settings.pong_timeout_ms),
        }
    }

    fn tick(&mut self, now: Tick, acts: &mut Vec<Act>) -> Result<(), CloseReason> {
        if self.deadline().is_none_or(|deadline| now < deadline) {
            return Ok(());
        }
        if self.pinged {
            return Err(CloseReason::Idle);
        }
        // A late tick must not shorten the time that the peer has to answer.
        self.heard = now.saturating_sub(self.speaker.settings().ping_interval_ms);
        self.pinged = true;
        acts.push(Act::Send(Frame::new(frame::ping(b""))));
        Ok(())
    }

    fn resumed(&mut self, now: Tick) {
        self.heard = now;
        self.pinged = false;
    }
}

/// Whether the WebSocket connection itself fails (RFC 6455 section 7.1.7): then a close frame is all that is sent, as
/// the peer can no longer be trusted to read messages.
const fn is_failure(reason: CloseReason) -> bool {
    matches!(
        reason,
        CloseReason::ProtocolError
            | CloseReason::OtherProtocol
            | CloseReason::HttpRequest
            | CloseReason::LengthPrefixed
            | CloseReason::Utf16
            | CloseReason::Unsupported
            | CloseReason::InvalidUtf8
            | CloseReason::BadCompression
            | CloseReason::FrameTooLarge
    )
}

pub(super) const fn reason(violation: Violation) -> CloseReason {
    match violation {
        Violation::MessageTooBig { .. } => CloseReason::FrameTooLarge,
        Violation::InvalidUtf8 => CloseReason::InvalidUtf8,
        Violation::InvalidDeflate => CloseReason::BadCompression,
        Violation::ReservedBits
        | Violation::ReservedOpcode
        | Violation::ControlFragmented
        | Violation::ControlTooLong
        | Violation::LengthNotMinimal
        | Violation::NotMasked
        | Violation::Masked
        | Violation::ContinuationUnexpected
        | Violation::ContinuationMissing
        | Violation::CloseCodeCut
        | Violation::CloseCodeInvalid { .. }
        | Violation::TooManyEmptyFragments => CloseReason::ProtocolError,
    }
}
