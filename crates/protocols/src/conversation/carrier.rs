//! An Engine.IO session: packets in POST bodies or WebSocket messages, heartbeats, and what stands on it.

use super::{Act, Conversation, Tick};
use crate::engineio::heartbeat::Beat;
use crate::engineio::packet::{CLOSE, NOOP, PING};
use crate::engineio::{Heartbeat, Packet, Settings, payload};
use crate::frame::{Dialect, Frame, Framing, Language};
use crate::framing::websocket::{CloseCode, Decoder, Message, Role, frame};
use crate::socketio::encode::{binary, message, packets};
use std::sync::Arc;
use switchboard_core::{CloseReason, Reply};

/// What stands on an Engine.IO session: Socket.IO, or anything else that speaks in messages.
pub trait Upper: Send {
    /// The session has begun: its handshake is on the way, and what is sent here comes behind it.
    fn opened(&mut self, _down: &mut Down<'_>) {}

    /// A text message came.
    ///
    /// # Errors
    /// The peer broke the protocol.
    fn text(&mut self, now: Tick, text: &str, down: &mut Down<'_>) -> Result<(), CloseReason>;

    /// A message of bytes came.
    ///
    /// # Errors
    /// The peer broke the protocol.
    fn binary(&mut self, now: Tick, bytes: &[u8], down: &mut Down<'_>) -> Result<(), CloseReason>;

    /// When [`Upper::tick`] wants to be called.
    fn deadline(&self) -> Option<Tick>;

    /// Time passed.
    ///
    /// # Errors
    /// The peer did not do in time what it had to.
    fn tick(&mut self, now: Tick) -> Result<(), CloseReason>;

    /// The conversation of a session that is carried here.
    fn branch(&mut self, branch: u32, framing: Framing) -> Option<Box<dyn Conversation>>;

    /// The server ended a session that is carried here.
    fn branch_ended(&mut self, _now: Tick) {}
}

/// The way down for [`Upper`]: messages to send, and requests to make.
#[derive(Debug)]
pub struct Down<'a> {
    framing: Framing,
    packed: bool,
    acts: &'a mut Vec<Act>,
}

impl Down<'_> {
    /// Sends a message, with the messages of bytes that belong to it. `write` appends it with Engine.IO's `4`.
    pub fn send(&mut self, attachments: &[Arc<[u8]>], write: impl FnOnce(&mut Vec<u8>)) {
        self.acts.push(Act::Send(message(self.framing, self.packed, attachments, write)));
    }

    /// From here on messages are packets of the msgpack parser.
    pub(super) const fn pack(&mut self) {
        self.packed = true;
    }

    /// Sends a message of bytes.
    pub fn send_binary(&mut self, bytes: &[u8]) {
        self.acts.push(Act::Send(binary(self.framing, bytes)));
    }

    /// Wants something else.
    pub fn act(&mut self, act: Act) {
        self.acts.push(act);
    }
}

/// How a session ends, as far as its last packet depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    No,
    /// The peer sent Engine.IO's close packet.
    ByPacket,
    /// The WebSocket has been closed by its peer, and answered.
    Said,
}

/// An Engine.IO session, whatever stands on it.
pub struct Carrier {
    settings: Arc<Settings>,
    framing: Framing,
    /// For the handshake, which is the first thing that is sent.
    sid: Option<Box<str>>,
    /// The client wants bytes in base64 on a WebSocket, too.
    base64: bool,
    decoder: Option<Decoder>,
    heartbeat: Heartbeat,
    end: End,
    upper: Box<dyn Upper>,
}

impl Carrier {
    /// A session that begins now by polling, or at once on a WebSocket: `framing` says which. The first call of
    /// [`Conversation::receive`], with no bytes, sends its handshake.
    #[must_use]
    pub fn new(
        settings: &Arc<Settings>,
        sid: String,
        framing: Framing,
        base64: bool,
        upper: Box<dyn Upper>,
        now: Tick,
    ) -> Self {
        let mut carrier = Self {
            settings: Arc::clone(settings),
            framing: Framing::Polling,
            sid: Some(sid.into()),
            base64,
            decoder: None,
            heartbeat: Heartbeat::begin(now, settings),
            end: End::No,
            upper,
        };
        match framing {
            Framing::WebSocket | Framing::WebSocketDeflate(_) | Framing::WebSocketBase64 => {
                carrier.become_websocket(framing);
            }
            Framing::Polling | Framing::Lines | Framing::Datagram => {}
        }
        carrier
    }

    fn become_websocket(&mut self, framing: Framing) {
        // Whoever wants base64 may compress what it sends all the same.
        let decoder = Decoder::new(Role::Server, self.settings.max_payload);
        self.decoder = Some(decoder.inflating(framing.compression().is_some()));
        self.framing = if self.base64 { Framing::WebSocketBase64 } else { framing };
    }

    fn packet(&mut self, now: Tick, packet: &Packet<'_>, acts: &mut Vec<Act>) -> Result<(), CloseReason> {
        let mut down = Down { framing: self.framing, packed: false, acts };
        match packet {
            Packet::Message(text) => self.upper.text(now, text, &mut down),
            Packet::Binary(bytes) => self.upper.binary(now, bytes, &mut down),
            Packet::Pong => {
                self.heartbeat.pong(now, &self.settings);
                Ok(())
            }
            Packet::Close => {
                self.end = End::ByPacket;
                Err(CloseReason::PeerGone)
            }
            Packet::Ping => Err(CloseReason::ProtocolError),
            Packet::Open | Packet::Upgrade | Packet::Noop => Ok(()),
        }
    }

    fn polled(&mut self, now: Tick, body: &[u8], acts: &mut Vec<Act>) -> Result<(), CloseReason> {
        let body = str::from_utf8(body).map_err(|_| CloseReason::InvalidUtf8)?;
        for text in payload::packets(body) {
            let packet = Packet::read(text).map_err(|_| CloseReason::ProtocolError)?;
            self.packet(now, &packet, acts)?;
        }
        Ok(())
    }

    fn message(&mut self, now: Tick, message: Message<'_>, acts: &mut Vec<Act>) -> Result<(), CloseReason> {
        match message {
            Message::Text(text) => {
                let packet = Packet::read(&text).map_err(|_| CloseReason::ProtocolError)?;
                self.packet(now, &packet, acts)
            }
            Message::Binary(bytes) => self.packet(now, &Packet::Binary(bytes), acts),
            Message::Ping(payload) => {
                acts.push(Act::Send(Frame::new(frame::pong(&payload))));
                Ok(())
            }
            Message::Pong(_) => Ok(()),
            Message::Close(received) => {
                self.end = End::Said;
                acts.push(Act::Send(Frame::new(frame::close_reply(received.as_ref()))));
                Err(CloseReason::PeerGone)
            }
        }
    }

    fn one_packet(&self, text: &str) -> Frame {
        packets(self.framing, &[], |out| out.extend_from_slice(text.as_bytes()))
    }
}

impl Conversation for Carrier {
    fn receive(&mut self, now: Tick, bytes: &mut [u8], acts: &mut Vec<Act>) -> Result<(), CloseReason> {
        if self.end != End::No {
            return Ok(());
        }
        if let Some(sid) = self.sid.take() {
            let can_upgrade = self.decoder.is_none();
            acts.push(Act::Send(packets(self.framing, &[], |out| {
                self.settings.write_handshake(out, &sid, can_upgrade);
            })));
            self.upper.opened(&mut Down { framing: self.framing, packed: false, acts });
            return Ok(());
        }
        // A timer may be late; a peer that is has no right to it.
        if matches!(self.heartbeat, Heartbeat::AnswerBy(by) if by <= now) {
            return Err(CloseReason::Idle);
        }
        let Some(mut decoder) = self.decoder.take() else { return self.polled(now, bytes, acts) };
        let mut input = bytes;
        let result = loop {
            match decoder.next_message(&mut input) {
                Ok(Some(message)) => {
                    if let Err(reason) = self.message(now, message, acts) {
                        break Err(reason);
                    }
                }
                Ok(None) => break Ok(()),
                Err(violation) => break Err(super::websocket::reason(violation)),
            }
        };
        self.decoder = Some(decoder);
        result
    }

    fn finish(&mut self, _acts: &mut Vec<Act>) {}

    fn reply(&mut self, _reply: &Reply) -> Option<Frame> {
        None
    }

    fn farewell(&mut self, reason: CloseReason) -> Option<Frame> {
        let end = std::mem::replace(&mut self.end, End::Said);
        if end == End::Said {
            return None;
        }
        if self.framing == Framing::Polling {
            // What waits for the client's poll: that it was heard, or that it is over.
            return Some(self.one_packet(if end == End::ByPacket { NOOP } else { CLOSE }));
        }
        if end == End::ByPacket {
            return Some(Frame::new(frame::close(CloseCode::NORMAL, "")));
        }
        let code = CloseCode::new(reason.websocket_code())?;
        let limit = match reason {
            CloseReason::FrameTooLarge => {
                format!("the message is larger than socketio.max_payload ({} bytes)", self.settings.max_payload)
            }
            _ => reason.message().to_owned(),
        };
        Some(Frame::new(frame::close(code, &format!("{}: {limit}", reason.as_str()))))
    }

    fn dialect(&self) -> Dialect {
        Dialect { language: Language::SocketIo(None), framing: self.framing, elsewhere: false }
    }

    fn deadline(&self) -> Option<Tick> {
        let heartbeat = self.heartbeat.deadline();
        Some(self.upper.deadline().map_or(heartbeat, |deadline| deadline.min(heartbeat)))
    }

    fn tick(&mut self, now: Tick, acts: &mut Vec<Act>) -> Result<(), CloseReason> {
        self.upper.tick(now)?;
        match self.heartbeat.turn(now, &self.settings) {
            Beat::Quiet => Ok(()),
            Beat::Ping => {
                acts.push(Act::Send(self.one_packet(PING)));
                Ok(())
            }
            Beat::Dead => Err(CloseReason::Idle),
        }
    }

    fn branch(&mut self, branch: u32) -> Option<Box<dyn Conversation>> {
        self.upper.branch(branch, self.framing)
    }

    fn branch_ended(&mut self, now: Tick) {
        self.upper.branch_ended(now);
    }

    fn upgrade(&mut self, _now: Tick, framing: Framing) {
        self.become_websocket(framing);
    }

    fn resumed(&mut self, now: Tick) {
        self.heartbeat.excuse(now, &self.settings);
    }
}
