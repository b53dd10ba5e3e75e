//! The text protocol on a TCP or TLS stream, where a message may come without a line end.

use super::speaker::{Speaker, choose};
use super::{Act, Choice, Conversation, Tick};
use crate::first::{DECIDING_BYTES, Verdict, is_binary, judge, judge_later, skipped};
use crate::frame::{Dialect, Frame, Framing};
use crate::framing::lines::LineDecoder;
use crate::framing::telnet::{Asked, BACKSPACE, Telnet};
use crate::framing::utf8::unfinished_len;
use crate::settings::Settings;
use crate::text::commands::Answer;
use smallvec::SmallVec;
use std::borrow::Cow;
use std::sync::Arc;
use switchboard_core::visible::is_invisible;
use switchboard_core::{CloseReason, Reply};

/// What erases the character before it in a line: the two codes that terminals send for the backspace key.
const ERASES: [char; 2] = [BACKSPACE as char, '\u{7F}'];

/// Options of telnet have numbers below this (IANA, "Telnet Options"), but for a few that nobody uses.
const TELNET_OPTIONS: u8 = 50;

/// A stream of lines, until whose first line end a pause ends a message too: the tutorials' programs send none, and
/// a slow typist's line must not be cut.
pub(super) struct StreamText {
    speaker: Speaker,
    lines: LineDecoder,
    telnet: Telnet,
    head: Head,
    /// When bytes last came, while a pause may end a message.
    quiet_since: Option<Tick>,
    may_become_json: bool,
    stage: Stage,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// No line has come, not even an empty one: the very first bytes may yet mean that this is no text.
    Untouched,
    /// Nothing that means anything has come: it may yet be anything.
    Unopened,
    /// The first input was text.
    Open,
    /// The rest is for another conversation, or for nobody.
    Over,
}

/// The first four bytes of a stream as they came: telnet takes a byte order mark of UTF-16 for a command.
#[derive(Clone, Copy, Default)]
struct Head {
    bytes: [u8; 4],
    len: u8,
}

impl Head {
    /// Takes the bytes that came, and says whether the first of all were those of UTF-16.
    fn is_utf16(&mut self, bytes: &[u8]) -> bool {
        let begun = usize::from(self.len);
        if begun == self.bytes.len() {
            return false;
        }
        let new = bytes.len().min(self.bytes.len() - begun);
        self.bytes[begun..begun + new].copy_from_slice(&bytes[..new]);
        self.len += new as u8;
        match self.bytes[..begun + new] {
            [0xFE, 0xFF, ..] => true,
            [0xFF, 0xFE, low, ..] if low >= TELNET_OPTIONS => true,
            // What follows an option is another command or text, and no control character.
            [0xFF, 0xFE, _, high] => high < b' ' && !matches!(high, b'\t' | b'\n' | b'\r'),
            _ => false,
        }
    }
}

impl StreamText {
    pub(super) fn new(settings: &Arc<Settings>, may_become_json: bool) -> Self {
        Self {
            speaker: Speaker::new(settings, Framing::Lines, Some(Choice::Text)),
            lines: LineDecoder::for_people(settings.line_bytes),
            telnet: Telnet::default(),
            head: Head::default(),
            quiet_since: None,
            may_become_json,
            stage: Stage::Untouched,
        }
    }

    /// Whether nothing has been said yet, so that it may turn out to be anything.
    const fn is_unopened(&self) -> bool {
        matches!(self.stage, Stage::Untouched | Stage::Unopened)
    }

    /// What the current line, of which `rest` is yet to be taken, says about an unopened connection.
    fn judge(&self, rest: &[u8]) -> Verdict {
        let partial = self.lines.partial();
        let verdict = if partial.is_empty() {
            self.judge_bytes(rest)
        } else {
            // A character that is cut between the two is looked at whole.
            let from = if self.stage == Stage::Untouched && partial[0] == 0 { 0 } else { skipped(partial) };
            let head: SmallVec<[u8; 32]> =
                partial[from..].iter().chain(rest).take(DECIDING_BYTES + 4).copied().collect();
            self.judge_bytes(&head)
        };
        match verdict {
            Verdict::Json if !self.may_become_json => Verdict::Text,
            verdict => verdict,
        }
    }

    fn judge_bytes(&self, bytes: &[u8]) -> Verdict {
        if self.stage == Stage::Untouched { judge(bytes) } else { judge_later(bytes) }
    }

    /// Takes a line, or what a pause or the stream's end made one, with what came after it.
    fn message(&mut self, line: &[u8], rest: &[u8], acts: &mut Vec<Act>) -> Result<(), CloseReason> {
        if self.is_unopened() && self.lines.ended_by_nul() && (is_binary(line) || is_binary(rest)) {
            return Err(CloseReason::ProtocolError);
        }
        let text = str::from_utf8(line).map_err(|_| CloseReason::InvalidUtf8)?;
        if self.is_unopened() && self.may_become_json && choose(text) == Choice::Json {
            self.stage = Stage::Over;
            acts.push(Act::BecomeJson([line, b"\n", rest].concat()));
            return Ok(());
        }
        self.speaker.hear(&edited(text), acts)?;
        self.stage = if self.speaker.is_opened() { Stage::Open } else { Stage::Unopened };
        Ok(())
    }

    fn feed(&mut self, mut rest: &[u8], acts: &mut Vec<Act>) -> Result<(), CloseReason> {
        while self.stage != Stage::Over {
            if self.is_unopened() {
                match self.judge(rest) {
                    Verdict::Undecided if self.stage == Stage::Untouched && self.begins_with_length(rest) => {
                        return self.lines.hold(rest).map_err(|_| CloseReason::LineTooLong);
                    }
                    Verdict::Undecided | Verdict::Text => {}
                    Verdict::Http => return Err(CloseReason::HttpRequest),
                    Verdict::Prefixed => return Err(CloseReason::LengthPrefixed),
                    Verdict::Utf16 => return Err(CloseReason::Utf16),
                    Verdict::Tls | Verdict::Foreign => return Err(CloseReason::ProtocolError),
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
                Ok(Some(line)) => {
                    if self.stage == Stage::Untouched && self.lines.ended_by_nul() && is_utf16(&line, rest) {
                        return Err(CloseReason::Utf16);
                    }
                    self.message(&line, rest, acts)?;
                }
                Ok(None) => return Ok(()),
                Err(_) => return Err(CloseReason::LineTooLong),
            }
        }
        Ok(())
    }

    /// Whether the stream's first byte may be that of a length: then its zeros are no line ends.
    fn begins_with_length(&self, rest: &[u8]) -> bool {
        self.lines.partial().first().or(rest.first()).is_some_and(|first| *first < 7)
    }

    /// Whether what has come could still be the beginning of something that is no message.
    fn is_undecided(&self) -> bool {
        self.is_unopened() && self.judge(&[]) == Verdict::Undecided
    }

    /// Whether nothing has come of the line but what nobody sees: it waits for nothing.
    fn has_nothing_to_see(&self) -> bool {
        let partial = self.lines.partial();
        skipped(partial) == partial.len() && !(self.stage == Stage::Untouched && self.begins_with_length(&[]))
    }

    /// Feeds what came, between the telnet commands in it.
    fn take(&mut self, mut input: &mut [u8], answers: &mut Vec<u8>, acts: &mut Vec<Act>) -> Result<(), CloseReason> {
        while let Some((data, asked)) = self.telnet.next(&mut input, answers) {
            self.feed(data, acts)?;
            if self.stage == Stage::Over {
                if let Some(Act::BecomeJson(bytes)) = acts.last_mut() {
                    bytes.extend_from_slice(input);
                }
                return Ok(());
            }
            match asked {
                Asked::Nothing => {}
                Asked::EraseLine => drop(self.lines.take_partial()),
                Asked::AreYouThere => acts.push(self.speaker.answer(&Answer::HereIAm)),
            }
        }
        Ok(())
    }
}

/// Whether a stream's first line, which a NUL ended, and what came with it are characters of UTF-16: each is followed
/// by its zero.
fn is_utf16(line: &[u8], rest: &[u8]) -> bool {
    line.len() == 1
        && rest.len() >= 3
        && rest.chunks(2).all(|pair| pair[0] != 0 && pair.get(1).is_none_or(|high| *high == 0))
}

/// A line with its corrections made: each backspace takes the character before it away.
fn edited(line: &str) -> Cow<'_, str> {
    // Both are single bytes, and no part of another character.
    if memchr::memchr2(BACKSPACE, b'\x7F', line.as_bytes()).is_none() {
        return Cow::Borrowed(line);
    }
    let mut text = String::with_capacity(line.len());
    for character in line.chars() {
        if !ERASES.contains(&character) {
            text.push(character);
        } else if text.pop().is_some_and(is_invisible) {
            // What nobody sees goes with what it belongs to.
            text.pop();
        }
    }
    Cow::Owned(text)
}

impl Conversation for StreamText {
    fn receive(&mut self, now: Tick, bytes: &mut [u8], acts: &mut Vec<Act>) -> Result<(), CloseReason> {
        if self.stage == Stage::Over {
            return Ok(());
        }
        let before = acts.len();
        let mut answers = Vec::new();
        let result =
            if self.head.is_utf16(bytes) { Err(CloseReason::Utf16) } else { self.take(bytes, &mut answers, acts) };
        if !answers.is_empty() {
            acts.insert(before, Act::Send(Frame::new(answers.into())));
        }
        if result.is_err() {
            self.stage = Stage::Over;
        }
        let may_end_by_pause = !self.lines.has_seen_end() && !self.lines.partial().is_empty();
        self.quiet_since = (may_end_by_pause && self.stage != Stage::Over).then_some(now);
        result
    }

    fn finish(&mut self, acts: &mut Vec<Act>) {
        self.quiet_since = None;
        let is_request_cut_short = self.is_undecided()
            && (self.lines.partial().contains(&b' ')
                || (self.stage == Stage::Untouched && self.begins_with_length(&[])));
        if self.stage == Stage::Over || self.lines.has_seen_end() || is_request_cut_short {
            return;
        }
        let last = self.lines.take_partial();
        if let Err(reason) = self.message(&last, &[], acts) {
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
        if self.is_undecided() && !self.has_nothing_to_see() {
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
        if self.is_undecided() && !self.has_nothing_to_see() {
            self.stage = Stage::Over;
            return Err(CloseReason::HandshakeTimeout);
        }
        let partial = self.lines.take_partial();
        let result = self.message(&partial, &[], acts);
        if result.is_err() {
            self.stage = Stage::Over;
        }
        result
    }

    fn resumed(&mut self, now: Tick) {
        self.quiet_since = self.quiet_since.map(|_| now);
    }
}
