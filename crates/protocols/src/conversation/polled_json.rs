//! The JSON protocol for clients whose WebSockets are blocked: each object a message of an Engine.IO session that polls.

use super::speaker::Speaker;
use super::{Act, Choice, Conversation, Tick};
use crate::engineio::heartbeat::Beat;
use crate::engineio::packet::{CLOSE, NOOP, PING};
use crate::engineio::payload::{SEPARATOR, packets};
use crate::engineio::{self, Heartbeat, Packet};
use crate::frame::{Dialect, Frame, Framing};
use crate::settings::Settings;
use bytes::Bytes;
use std::sync::Arc;
use switchboard_core::{CloseReason, Reply};

/// How a session ends, as far as its last packet depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    No,
    /// The peer sent Engine.IO's close packet.
    ByPacket,
    /// The last packet was made.
    Said,
}

/// A session that polls, and cannot become a WebSocket: a client that had one would not poll.
pub(super) struct PolledJson {
    speaker: Speaker,
    engine: Arc<engineio::Settings>,
    /// For the handshake, which is the first thing that is sent.
    sid: Option<Box<str>>,
    heartbeat: Heartbeat,
    /// When the client must have said something; none once it has.
    speak_by: Option<Tick>,
    end: End,
}

impl PolledJson {
    pub(super) fn new(settings: &Arc<Settings>, engine: &Arc<engineio::Settings>, sid: String, now: Tick) -> Self {
        Self {
            speaker: Speaker::new(settings, Framing::Polling, Some(Choice::Json)),
            engine: Arc::clone(engine),
            sid: Some(sid.into()),
            heartbeat: Heartbeat::begin(now, engine),
            speak_by: Some(now + engine.connect_timeout_ms),
            end: End::No,
        }
    }

    fn packet(&mut self, now: Tick, packet: &Packet<'_>, acts: &mut Vec<Act>) -> Result<(), CloseReason> {
        match packet {
            Packet::Message(text) if text.len() > self.speaker.settings().frame_bytes => {
                Err(CloseReason::FrameTooLarge)
            }
            Packet::Message(text) => {
                self.speak_by = None;
                self.speaker.hear_all(text, acts)
            }
            Packet::Binary(_) => Err(CloseReason::Unsupported),
            Packet::Pong => {
                self.heartbeat.pong(now, &self.engine);
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
}

impl Conversation for PolledJson {
    fn receive(&mut self, now: Tick, bytes: &mut [u8], acts: &mut Vec<Act>) -> Result<(), CloseReason> {
        if self.end != End::No {
            return Ok(());
        }
        if let Some(sid) = self.sid.take() {
            let mut out = Vec::with_capacity(128);
            self.engine.write_handshake(&mut out, &sid, false);
            acts.push(Act::Send(Frame::new(Bytes::from(out))));
            return Ok(());
        }
        // A timer may be late; a peer that is has no right to it.
        if matches!(self.heartbeat, Heartbeat::AnswerBy(by) if by <= now) {
            return Err(CloseReason::Idle);
        }
        let body = str::from_utf8(bytes).map_err(|_| CloseReason::InvalidUtf8)?;
        for text in packets(body) {
            let packet = Packet::read(text).map_err(|_| CloseReason::ProtocolError)?;
            self.packet(now, &packet, acts)?;
        }
        Ok(())
    }

    fn finish(&mut self, _acts: &mut Vec<Act>) {}

    fn reply(&mut self, reply: &Reply) -> Option<Frame> {
        self.speaker.reply(reply)
    }

    fn farewell(&mut self, reason: CloseReason) -> Option<Frame> {
        match std::mem::replace(&mut self.end, End::Said) {
            End::Said => None,
            // What waits for the client's poll: that it was heard.
            End::ByPacket => Some(Frame::new(Bytes::from_static(NOOP.as_bytes()))),
            End::No => {
                let words = self.speaker.farewell(reason);
                let mut last = words.map_or_else(Vec::new, |words| words.bytes().to_vec());
                if !last.is_empty() {
                    last.push(SEPARATOR);
                }
                last.extend_from_slice(CLOSE.as_bytes());
                Some(Frame::new(Bytes::from(last)))
            }
        }
    }

    fn dialect(&self) -> Dialect {
        self.speaker.dialect()
    }

    fn deadline(&self) -> Option<Tick> {
        let heartbeat = self.heartbeat.deadline();
        Some(self.speak_by.map_or(heartbeat, |by| by.min(heartbeat)))
    }

    fn tick(&mut self, now: Tick, acts: &mut Vec<Act>) -> Result<(), CloseReason> {
        if self.speak_by.is_some_and(|by| by <= now) {
            return Err(CloseReason::HandshakeTimeout);
        }
        match self.heartbeat.turn(now, &self.engine) {
            Beat::Quiet => Ok(()),
            Beat::Ping => {
                acts.push(Act::Send(Frame::new(Bytes::from_static(PING.as_bytes()))));
                Ok(())
            }
            Beat::Dead => Err(CloseReason::Idle),
        }
    }

    fn resumed(&mut self, now: Tick) {
        self.heartbeat.excuse(now, &self.engine);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use switchboard_core::{Command, Request};

    /// A session whose handshake was sent.
    fn begun() -> PolledJson {
        let (settings, engine) = (Arc::new(Settings::default()), Arc::new(engineio::Settings::default()));
        let mut session = PolledJson::new(&settings, &engine, "SID".to_owned(), 0);
        let mut acts = Vec::new();
        session.receive(0, &mut [], &mut acts).expect("nothing came");
        let Some(Act::Send(frame)) = acts.pop() else { panic!("the handshake comes first") };
        assert!(frame.bytes().starts_with(br#"0{"sid":"SID","upgrades":[],"#), "{frame:?}");
        session
    }

    fn posts(session: &mut PolledJson, body: &str) -> Result<Vec<Act>, CloseReason> {
        let mut acts = Vec::new();
        session.receive(1, &mut body.as_bytes().to_vec(), &mut acts).map(|()| acts)
    }

    #[test]
    fn each_packet_is_an_object_and_so_is_each_answer() {
        let mut session = begun();
        let said =
            posts(&mut session, "4{\"type\":\"rooms\",\"ref\":\"1\"}\x1e3\x1e4{\"type\":\"ping\",\"ref\":\"2\"}");
        let asks = |reference: &str, command| Act::Request(Request { reference: Some(reference.into()), command });
        assert_eq!(said, Ok(vec![asks("1", Command::Rooms), asks("2", Command::Ping)]));
        let refused = posts(&mut session, "4{}").expect("a mistake is no violation");
        let [Act::Send(frame)] = &refused[..] else { panic!("{refused:?}") };
        assert!(frame.bytes().starts_with(b"4{\"type\":\"error\""), "{frame:?}");
    }

    #[test]
    fn what_is_no_packet_of_a_polling_client_ends_the_session() {
        for (body, reason) in [
            ("", CloseReason::ProtocolError),
            ("9", CloseReason::ProtocolError),
            ("2", CloseReason::ProtocolError),
            ("bAQID", CloseReason::Unsupported),
            ("1", CloseReason::PeerGone),
        ] {
            assert_eq!(posts(&mut begun(), body), Err(reason), "{body}");
        }
        let long = format!("4\"{}\"", "x".repeat(Settings::default().frame_bytes));
        assert_eq!(posts(&mut begun(), &long), Err(CloseReason::FrameTooLarge));
    }

    #[test]
    fn the_last_poll_is_told_why_and_only_once() {
        let mut session = begun();
        let last = session.farewell(CloseReason::ShuttingDown).expect("words");
        let text = str::from_utf8(last.bytes()).expect("text");
        assert!(text.starts_with("4{\"type\":\"closing\"") && text.ends_with("\x1e1"), "{text}");
        assert_eq!(session.farewell(CloseReason::ShuttingDown), None);
        let mut session = begun();
        assert_eq!(posts(&mut session, "1"), Err(CloseReason::PeerGone));
        assert_eq!(session.farewell(CloseReason::PeerGone).expect("an answer").bytes(), NOOP);
    }

    #[test]
    fn silence_is_asked_about_and_then_the_end() {
        let mut session = begun();
        let mut acts = Vec::new();
        let ping_at = session.deadline().expect("a deadline");
        assert_eq!(session.tick(ping_at, &mut acts), Ok(()));
        assert_eq!(acts, [Act::Send(Frame::new(Bytes::from_static(b"2")))]);
        assert_eq!(session.tick(ping_at + 20_000, &mut acts), Err(CloseReason::HandshakeTimeout), "it never spoke");
        let mut session = begun();
        posts(&mut session, "4{\"type\":\"ping\"}").expect("a request");
        assert_eq!(session.tick(ping_at, &mut acts), Ok(()));
        assert_eq!(session.tick(ping_at + 20_000, &mut acts), Err(CloseReason::Idle));
    }
}
