//! The half of a conversation that does not depend on how messages are cut out of bytes: what they mean, and what the
//! answers look like.

use super::{Act, Choice};
use crate::encode::frame;
use crate::first::{FirstLine, judge_line};
use crate::frame::{Dialect, Frame, Framing};
use crate::settings::Settings;
use crate::text::commands::{Answer, Said};
use crate::text::replies::Lines;
use crate::{json, text};
use std::sync::Arc;
use switchboard_core::visible::{is_blank, trim_word};
use switchboard_core::{CloseReason, Refusal, Reply, Request};

/// One connection's language on its framing.
pub(super) struct Speaker {
    settings: Arc<Settings>,
    framing: Framing,
    /// `None`: the first message decides.
    choice: Option<Choice>,
    /// The peer was told where it is; it is not told twice.
    greeted: bool,
    /// The peer said or asked something: from then on its lines are nobody's but its own.
    opened: bool,
    /// It was told that its first word was not said, and how to say it.
    warned: bool,
}

impl Speaker {
    pub(super) fn new(settings: &Arc<Settings>, framing: Framing, choice: Option<Choice>) -> Self {
        let settings = Arc::clone(settings);
        Self { settings, framing, choice, greeted: false, opened: false, warned: false }
    }

    pub(super) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Whether it is known which language the peer speaks.
    pub(super) const fn is_decided(&self) -> bool {
        self.choice.is_some()
    }

    /// Whether the peer said or asked anything that counts.
    pub(super) const fn is_opened(&self) -> bool {
        self.opened
    }

    /// Takes what a transport delivered as one: a NUL in it ends a message like a line end, and zeros after it are
    /// no further messages.
    pub(super) fn hear_all(&mut self, messages: &str, acts: &mut Vec<Act>) -> Result<(), CloseReason> {
        messages.split('\0').try_for_each(|message| self.hear(message, acts))
    }

    /// Takes one message. One with nothing to see in it is none.
    ///
    /// # Errors
    /// The first is what another protocol's client sends by itself.
    pub(super) fn hear(&mut self, message: &str, acts: &mut Vec<Act>) -> Result<(), CloseReason> {
        if is_blank(message) {
            return Ok(());
        }
        match *self.choice.get_or_insert_with(|| choose(message)) {
            Choice::Json => acts.push(match json::decode(trim_word(message)) {
                Ok(request) => Act::Request(request),
                Err(refusal) => Act::Send(self.refuse(refusal)),
            }),
            Choice::Text if !self.opened => match judge_line(trim_word(message), self.framing == Framing::Datagram) {
                FirstLine::Request { http } => {
                    let is_answered_in_http = http && self.framing == Framing::Lines;
                    return Err(match is_answered_in_http {
                        true => CloseReason::HttpRequest,
                        false => CloseReason::OtherProtocol,
                    });
                }
                FirstLine::Help => {
                    acts.push(self.answer(&Answer::Help));
                    return Ok(());
                }
                FirstLine::Doubtful if !self.warned => {
                    self.warned = true;
                    acts.push(self.answer(&Answer::SayItAgain));
                    return Ok(());
                }
                FirstLine::Doubtful | FirstLine::Talk => self.take_line(message, acts),
            },
            Choice::Text => self.take_line(message, acts),
        }
        self.opened = true;
        Ok(())
    }

    fn take_line(&self, line: &str, acts: &mut Vec<Act>) {
        match text::commands::parse(line) {
            Some(Said::Command(command)) => acts.push(Act::Request(Request::plain(command))),
            Some(Said::Answer(answer)) => acts.push(self.answer(&answer)),
            None => {}
        }
    }

    /// The act that tells the peer something without asking the core.
    pub(super) fn answer(&self, answer: &Answer) -> Act {
        Act::Send(frame(self.framing, |out| text::replies::answer(&mut Lines::new(out), answer)))
    }

    /// The frame that refuses something without asking the core.
    pub(super) fn refuse(&self, refusal: Refusal) -> Frame {
        self.tell(&Reply::Refused(refusal))
    }

    /// The frame of an answer, if it is told at all.
    pub(super) fn reply(&mut self, reply: &Reply) -> Option<Frame> {
        let tells = match self.choice {
            Some(Choice::Json) => json::replies::tells(reply),
            Some(Choice::Text) | None => text::replies::tells(reply, &self.settings, self.greeted),
        };
        let frame = tells.then(|| self.tell(reply));
        self.greeted |= matches!(reply, Reply::Welcome(_) | Reply::Observing { .. });
        frame
    }

    fn tell(&self, reply: &Reply) -> Frame {
        // What has the session's token is never compressed: the length would tell something of it to who can choose the
        // words beside it.
        let is_secret = matches!(reply, Reply::Welcome(_));
        let framing = if is_secret { self.framing.uncompressed() } else { self.framing };
        frame(framing, |out| match self.choice {
            Some(Choice::Json) => json::replies::reply(out, reply, &self.settings),
            Some(Choice::Text) | None => {
                text::replies::reply(&mut Lines::new(out), reply, &self.settings, self.greeted);
            }
        })
    }

    /// The frame of the last words, if the peer can be told any in its language.
    pub(super) fn farewell(&self, reason: CloseReason) -> Option<Frame> {
        let choice = self.choice?;
        if reason == CloseReason::PeerGone {
            return None;
        }
        if reason == CloseReason::HttpRequest && choice == Choice::Text {
            return Some(Frame::new(bad_request(reason.message()).into()));
        }
        let limit = self.limit(reason);
        Some(frame(self.framing, |out| match choice {
            Choice::Json => json::replies::farewell(out, reason, limit),
            Choice::Text => text::replies::farewell(&mut Lines::new(out), reason, limit),
        }))
    }

    /// The bound in bytes that a peer which is closed for this reason went over.
    pub(super) fn limit(&self, reason: CloseReason) -> Option<usize> {
        match reason {
            CloseReason::LineTooLong => Some(self.settings.line_bytes),
            CloseReason::FrameTooLarge => Some(self.settings.frame_bytes),
            CloseReason::Quit
            | CloseReason::TakenOver
            | CloseReason::SlowReader
            | CloseReason::OutboxesFull
            | CloseReason::GateOverflow
            | CloseReason::Idle
            | CloseReason::PassRefused
            | CloseReason::HandshakeTimeout
            | CloseReason::TooManyConnections
            | CloseReason::TlsRequired
            | CloseReason::ProtocolError
            | CloseReason::OtherProtocol
            | CloseReason::HttpRequest
            | CloseReason::LengthPrefixed
            | CloseReason::Utf16
            | CloseReason::Unsupported
            | CloseReason::InvalidUtf8
            | CloseReason::BadCompression
            | CloseReason::ShuttingDown
            | CloseReason::StorageFailed
            | CloseReason::Internal
            | CloseReason::PeerGone => None,
        }
    }

    pub(super) fn dialect(&self) -> Dialect {
        let choice = self.choice.unwrap_or(Choice::Text);
        Dialect { language: choice.language(&self.settings), framing: self.framing, elsewhere: false }
    }
}

/// The language of a first message that is whole: an object is JSON, everything else is for people.
pub(super) fn choose(message: &str) -> Choice {
    let after_brace = trim_word(message).strip_prefix('{').map(str::trim_start);
    if after_brace.is_some_and(|rest| rest.starts_with(['"', '}'])) { Choice::Json } else { Choice::Text }
}

/// The answer to a request of HTTP that cannot be carried out here (RFC 9110, 15.5.1), after which the connection ends.
fn bad_request(words: &str) -> String {
    let length = words.len() + 1;
    format!(
        "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n\
         {words}\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_json_and_all_else_is_text() {
        for (message, choice) in [
            ("{}", Choice::Json),
            (" { \"type\":\"ping\"}", Choice::Json),
            ("{\n \"type\":\"ping\"}", Choice::Json),
            ("\u{feff}{\"type\":\"ping\"}\0", Choice::Json),
            (" \u{200b}{\"type\":\"ping\"}", Choice::Json),
            ("{ hi }", Choice::Text),
            ("[]", Choice::Text),
            ("hi", Choice::Text),
        ] {
            assert_eq!(choose(message), choice, "{message}");
        }
    }
}
