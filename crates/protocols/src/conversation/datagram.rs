//! Either protocol in datagrams: each is one message, and each answer is one.

use super::speaker::Speaker;
use super::{Act, Choice, Conversation, Tick};
use crate::first::is_foreign_datagram;
use crate::frame::{Dialect, Frame, Framing};
use crate::framing::datagram::{self, BadDatagram, is_netcats_probe};
use crate::settings::Settings;
use std::sync::Arc;
use switchboard_core::{CloseReason, Code, Command, Reply, Request};

/// The most that one UDP datagram carries over IPv4: 65,535 bytes less the headers of IP and UDP.
const DATAGRAM_BYTES_MAX: usize = 65_507;

/// One address.
pub(super) struct Datagrams {
    speaker: Speaker,
}

impl Datagrams {
    pub(super) fn new(settings: &Arc<Settings>, choice: Option<Choice>) -> Self {
        Self { speaker: Speaker::new(settings, Framing::Datagram, choice) }
    }

    /// What a bad datagram gets. It stands alone: whoever has been understood before is told, and goes on.
    fn reject(&self, reason: CloseReason, acts: &mut Vec<Act>) -> Result<(), CloseReason> {
        if !self.speaker.is_decided() {
            return Err(reason);
        }
        acts.push(Act::Send(self.speaker.refuse(Code::BadRequest.refuse(None, reason.message()))));
        Ok(())
    }
}

impl Conversation for Datagrams {
    fn receive(&mut self, _now: Tick, bytes: &mut [u8], acts: &mut Vec<Act>) -> Result<(), CloseReason> {
        let is_first = !self.speaker.is_opened();
        if is_first && is_netcats_probe(bytes) {
            return Ok(());
        }
        let message = match datagram::text(bytes, self.speaker.settings().line_bytes) {
            Ok(message) => message,
            Err(BadDatagram::TooLong { .. }) => return self.reject(CloseReason::LineTooLong, acts),
            Err(BadDatagram::InvalidUtf8(_)) => return self.reject(CloseReason::InvalidUtf8, acts),
        };
        if is_first && is_foreign_datagram(message.as_bytes()) {
            return Err(CloseReason::ProtocolError);
        }
        let from = acts.len();
        self.speaker.hear_all(message, acts)?;
        for act in &mut acts[from..] {
            if let Act::Request(Request { reference, command: Command::History { .. } | Command::Search { .. } }) = act
            {
                // Pages do not fit datagrams, and lost ones would look like an empty past.
                let refusal = Code::NotHere.refuse(reference.take(), "there is no history over UDP");
                *act = Act::Send(self.speaker.refuse(refusal));
            }
        }
        Ok(())
    }

    fn finish(&mut self, _acts: &mut Vec<Act>) {}

    fn reply(&mut self, reply: &Reply) -> Option<Frame> {
        let frame = self.speaker.reply(reply)?;
        if frame.len() <= DATAGRAM_BYTES_MAX {
            return Some(frame);
        }
        let reference = match reply {
            Reply::Members { reference, .. }
            | Reply::Rooms { reference, .. }
            | Reply::History { reference, .. }
            | Reply::Found { reference, .. }
            | Reply::Ack { reference, .. }
            | Reply::Joined { reference, .. }
            | Reply::Left { reference, .. }
            | Reply::Nick { reference, .. }
            | Reply::Topic { reference, .. }
            | Reply::Pong { reference, .. } => reference.clone(),
            Reply::Welcome(welcome) => welcome.reference.clone(),
            Reply::Refused(refusal) => refusal.reference.clone(),
            Reply::Observing { .. } => None,
        };
        Some(self.speaker.refuse(Code::NotHere.refuse(reference, "the answer does not fit a datagram")))
    }

    fn farewell(&mut self, reason: CloseReason) -> Option<Frame> {
        self.speaker.farewell(reason)
    }

    fn dialect(&self) -> Dialect {
        self.speaker.dialect()
    }

    fn deadline(&self) -> Option<Tick> {
        None
    }

    fn tick(&mut self, _now: Tick, _acts: &mut Vec<Act>) -> Result<(), CloseReason> {
        Ok(())
    }

    fn resumed(&mut self, _now: Tick) {}
}
