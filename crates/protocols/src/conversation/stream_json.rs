//! The JSON protocol on a TCP or TLS stream: one object a line.

use super::speaker::Speaker;
use super::{Act, Choice, Conversation, Tick};
use crate::frame::{Dialect, Frame, Framing};
use crate::framing::lines::LineDecoder;
use crate::settings::Settings;
use std::sync::Arc;
use switchboard_core::{CloseReason, Reply};

/// A stream of lines, each of which is one object.
pub(super) struct StreamJson {
    speaker: Speaker,
    lines: LineDecoder,
    over: bool,
}

impl StreamJson {
    pub(super) fn new(settings: &Arc<Settings>) -> Self {
        Self {
            speaker: Speaker::new(settings, Framing::Lines, Some(Choice::Json)),
            lines: LineDecoder::new(settings.line_bytes),
            over: false,
        }
    }

    fn line(&mut self, line: &[u8], acts: &mut Vec<Act>) -> Result<(), CloseReason> {
        let line = str::from_utf8(line).map_err(|_| CloseReason::InvalidUtf8)?;
        self.speaker.hear(line, acts)
    }

    fn feed(&mut self, mut rest: &[u8], acts: &mut Vec<Act>) -> Result<(), CloseReason> {
        loop {
            match self.lines.next_line(&mut rest) {
                Ok(Some(line)) => self.line(&line, acts)?,
                Ok(None) => return Ok(()),
                Err(_) => return Err(CloseReason::LineTooLong),
            }
        }
    }
}

impl Conversation for StreamJson {
    fn receive(&mut self, _now: Tick, bytes: &mut [u8], acts: &mut Vec<Act>) -> Result<(), CloseReason> {
        if self.over {
            return Ok(());
        }
        let result = self.feed(bytes, acts);
        self.over = result.is_err();
        result
    }

    fn finish(&mut self, acts: &mut Vec<Act>) {
        // An object that was cut is no object, so a last line without an end is whole or refused.
        let last = self.lines.take_partial();
        if !self.over
            && let Err(reason) = self.line(&last, acts)
        {
            acts.push(Act::Close(reason));
        }
        self.over = true;
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
        None
    }

    fn tick(&mut self, _now: Tick, _acts: &mut Vec<Act>) -> Result<(), CloseReason> {
        Ok(())
    }

    fn resumed(&mut self, _now: Tick) {}
}
