//! The text protocol on a TCP or TLS stream, where a message may come without a line end.

use super::speaker::Speaker;
use super::{Act, Choice, Conversation, Tick};
use crate::first::{DECIDING_BYTES, Verdict, is_foreign_control, judge};
use crate::frame::{Dialect, Frame, Framing};
use crate::framing::lines::LineDecoder;
use crate::framing::telnet::Telnet;
use crate::framing::utf8::unfinished_len;
use crate::settings::Settings;
use std::sync::Arc;
use switchboard_core::{CloseReason, Reply};

/// A stream of lines, until whose first line end a pause ends a message too: the tutorials' programs send none, and
/// a slow typist's line must not be cut.
pub(super) struct StreamText {
    speaker: Speaker,
    lines: LineDecoder,
    telnet: Telnet,
    /// When bytes last came, while a pause may end a message.
    quiet_since: Option<Tick>,
    may_become_json: bool,
    stage: Stage,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Nothing that means anything has come: it may yet be anything.
    Unopened,
    /// The first input was text.
    Open,
    /// The rest is for another conversation, or for nobody.
    Over,
}

impl StreamText {
    pub(super) fn new(settings: &Arc<Settings>, may_become_json: bool) -> Self {
        Self {
            speaker: Speaker::new(settings, Framing::Lines, Some(Choice::Text)),
            lines: LineDecoder::new(settings.line_bytes),
            telnet: Telnet::default(),
            quiet_since: None,
            may_become_json,
            stage: Stage::Unopened,
        }
    }

    /// What the current line, of which `rest` is yet to be taken, says about an unopened connection.
    fn judge(&self, rest: &[u8]) -> Verdict {
        let mut head = [0; DECIDING_BYTES];
        let mut len = 0;
        for byte in self.lines.partial().iter().chain(rest).take(DECIDING_BYTES) {
            head[len] = *byte;
            len += 1;
        }
        match judge(&head[..len]) {
            Verdict::Json if !self.may_become_json => Verdict::Text,
            verdict => verdict,
        }
    }

    /// Takes a line, or what a pause or the stream's end made one.
    fn message(&mut self, line: &[u8], acts: &mut Vec<Act>) -> Result<(), CloseReason> {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if self.stage == Stage::Unopened && line.iter().any(|byte| is_foreign_control(*byte)) {
            return Err(CloseReason::ProtocolError);
        }
        let line = str::from_utf8(line).map_err(|_| CloseReason::InvalidUtf8)?;
        if self.speaker.hear(line, acts) {
            self.stage = Stage::Open;
        }
        Ok(())
    }

    fn feed(&mut self, mut rest: &[u8], acts: &mut Vec<Act>) -> Result<(), CloseReason> {
        loop {
            if self.stage == Stage::Unopened {
                match self.judge(rest) {
                    Verdict::Undecided | Verdict::Text => {}
                    Verdict::Tls | Verdict::Http | Verdict::Foreign => return Err(CloseReason::ProtocolError),
                    Verdict::Json => {
                        self.stage = Stage::Over;
                        let mut bytes = self.lines.take_partial();
                        bytes.extend_from_slice(rest);
                        acts.push(Act::BecomeJson(bytes));
                        return Ok(());
                    }
                }
            }
            match self.lines.next_line(&mut rest) {
                Ok(Some(line)) => self.message(&line, acts)?,
                Ok(None) => return Ok(()),
                Err(_) => return Err(CloseReason::LineTooLong),
            }
        }
    }

    /// Whether what has come could still be the beginning of something that is no message.
    fn is_undecided(&self) -> bool {
        // A lone CR, the enter key of a raw terminal, begins nothing.
        let is_enter = self.lines.partial() == b"\r";
        self.stage == Stage::Unopened && !is_enter && self.judge(&[]) == Verdict::Undecided
    }
}

impl Conversation for StreamText {
    fn receive(&mut self, now: Tick, bytes: &mut [u8], acts: &mut Vec<Act>) -> Result<(), CloseReason> {
        if self.stage == Stage::Over {
            return Ok(());
        }
        let mut answers = Vec::new();
        let text = self.telnet.strip(bytes, &mut answers);
        if !answers.is_empty() {
            acts.push(Act::Send(Frame::new(answers.into())));
        }
        let result = self.feed(text, acts);
        if result.is_err() {
            self.stage = Stage::Over;
        }
        let may_end_by_pause = !self.lines.has_seen_lf() && !self.lines.partial().is_empty();
        self.quiet_since = (may_end_by_pause && self.stage != Stage::Over).then_some(now);
        result
    }

    fn finish(&mut self, acts: &mut Vec<Act>) {
        self.quiet_since = None;
        let is_request_cut_short = self.is_undecided() && self.lines.partial().contains(&b' ');
        if self.stage == Stage::Over || self.lines.has_seen_lf() || is_request_cut_short {
            return;
        }
        let last = self.lines.take_partial();
        if let Err(reason) = self.message(&last, acts) {
            acts.push(Act::Close(reason));
        }
        self.stage = Stage::Over;
    }

    fn reply(&mut self, reply: &Reply) -> Option<Frame> {
        self.speaker.reply(reply)
    }

    fn farewell(&mut self, reason: CloseReason) -> Option<Frame> {
        self.speaker.farewell(reason)
    }

    fn dialect(&self) -> Dialect {
        self.speaker.dialect()
    }

    fn deadline(&self) -> Option<Tick> {
        let since = self.quiet_since?;
        let (partial, settings) = (self.lines.partial(), self.speaker.settings());
        if self.is_undecided() {
            return Some(since + settings.undecided_ms);
        }
        if unfinished_len(partial) > 0 {
            return None;
        }
        let is_single = partial.len() <= 4 && str::from_utf8(partial).is_ok_and(|text| text.chars().count() == 1);
        Some(since + if is_single { settings.quiet_single_ms } else { settings.quiet_ms })
    }

    fn tick(&mut self, now: Tick, acts: &mut Vec<Act>) -> Result<(), CloseReason> {
        if self.deadline().is_none_or(|deadline| now < deadline) {
            return Ok(());
        }
        self.quiet_since = None;
        if self.is_undecided() {
            self.stage = Stage::Over;
            return Err(CloseReason::HandshakeTimeout);
        }
        let partial = self.lines.take_partial();
        let result = self.message(&partial, acts);
        if result.is_err() {
            self.stage = Stage::Over;
        }
        result
    }

    fn resumed(&mut self, now: Tick) {
        self.quiet_since = self.quiet_since.map(|_| now);
    }
}
