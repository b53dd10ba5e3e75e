//! The decoder: from the bytes of a peer to its messages, or to the rule it broke.

use std::borrow::Cow;
use std::mem;

use super::assembly::Assembly;
use super::frame::{FrameHeader, HEADER_BYTES_MAX, Opcode};
use super::{Close, Message, Violation, mask};

/// How many empty fragments one message may have, its last one not counted.
///
/// They cost the sender nothing and never fill a message up to its limit, so they need one of
/// their own. Streaming senders produce a few.
pub const EMPTY_FRAGMENTS_MAX: u16 = 128;

/// Which end of the connection the decoder stands at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Decodes what a client sends: its frames must be masked.
    Server,
    /// Decodes what a server sends: its frames must not be masked.
    Client,
}

/// Decodes the frames of one connection into messages, whatever the pieces they arrive in.
///
/// It is strict, and fails at the first byte that breaks a rule: a message over the limit at its
/// header, invalid UTF-8 in the middle of a frame. Between messages it owns no heap; within one it
/// holds at most the message's limit and a control frame. A compressed message is kept as it came
/// until its end, and then inflated at once: what it may take is judged twice, as it comes (a
/// little more than the limit, because compression can lengthen) and as it is inflated.
#[derive(Debug)]
pub struct Decoder {
    role: Role,
    /// Compression was agreed on.
    inflates: bool,
    message_bytes_max: usize,
    state: State,
    /// Between two fragments of a message: what has come of it.
    fragmented: Option<Assembly>,
    empty_fragments: u16,
}

#[derive(Debug)]
enum State {
    Header(PartialHeader),
    /// In a frame of `message`.
    Data {
        payload: Payload,
        fin: bool,
        message: Assembly,
    },
    /// In a control frame of which `kept` has come.
    Control {
        kind: ControlKind,
        payload: Payload,
        kept: Vec<u8>,
    },
    /// After a close frame.
    Closed,
    Failed(Violation),
}

#[derive(Debug, Clone, Copy)]
enum ControlKind {
    Close,
    Ping,
    Pong,
}

impl Decoder {
    /// A decoder that takes messages of up to `message_bytes_max` bytes, their fragments added up.
    pub fn new(role: Role, message_bytes_max: usize) -> Self {
        Self {
            role,
            inflates: false,
            message_bytes_max,
            state: State::Header(PartialHeader::NONE),
            fragmented: None,
            empty_fragments: 0,
        }
    }

    /// The same decoder, which takes compressed messages (RFC 7692) too if `inflates`. Of those
    /// none may refer to an earlier one: the peer agreed to `no_context_takeover`.
    #[must_use]
    pub fn inflating(self, inflates: bool) -> Self {
        Self { inflates, ..self }
    }

    /// Takes the next message from the front of `input`, where it is unmasked in place.
    ///
    /// `None` means that all of `input` was used and no message is complete. After a close frame
    /// all input is ignored (RFC 6455, 5.5.1).
    ///
    /// # Errors
    /// The first [`Violation`], and the same at every later call.
    pub fn next_message<'a>(&mut self, input: &mut &'a mut [u8]) -> Result<Option<Message<'a>>, Violation> {
        let result = self.advance(input);
        if let Err(violation) = result {
            self.state = State::Failed(violation);
            self.fragmented = None;
        }
        result
    }

    fn advance<'a>(&mut self, input: &mut &'a mut [u8]) -> Result<Option<Message<'a>>, Violation> {
        loop {
            match mem::replace(&mut self.state, State::Header(PartialHeader::NONE)) {
                State::Header(mut partial) => match partial.complete_from(input, self.inflates)? {
                    Some(header) => self.state = self.begin_frame(header)?,
                    None => {
                        self.state = State::Header(partial);
                        return Ok(None);
                    }
                },
                State::Data { mut payload, fin, mut message } => {
                    let len_max = message.len() + payload.remaining;
                    let piece = payload.take(input);
                    if payload.remaining == 0 && fin {
                        return message.finish(piece, self.message_bytes_max).map(Some);
                    }
                    message.append(piece, len_max)?;
                    if payload.remaining == 0 {
                        self.fragmented = Some(message);
                    } else {
                        self.state = State::Data { payload, fin, message };
                        return Ok(None);
                    }
                }
                State::Control { kind, mut payload, mut kept } => {
                    let piece = payload.take(input);
                    if payload.remaining == 0 && kept.is_empty() {
                        return self.end_control(kind, Cow::Borrowed(piece)).map(Some);
                    }
                    kept.extend_from_slice(piece);
                    if payload.remaining == 0 {
                        return self.end_control(kind, Cow::Owned(kept)).map(Some);
                    }
                    self.state = State::Control { kind, payload, kept };
                    return Ok(None);
                }
                State::Closed => {
                    self.state = State::Closed;
                    *input = &mut [];
                    return Ok(None);
                }
                State::Failed(violation) => return Err(violation),
            }
        }
    }

    /// Judges a header by what came before it, and enters its payload.
    fn begin_frame(&mut self, header: FrameHeader) -> Result<State, Violation> {
        match (self.role, header.mask) {
            (Role::Server, Some(_)) | (Role::Client, None) => {}
            (Role::Server, None) => return Err(Violation::NotMasked),
            (Role::Client, Some(_)) => return Err(Violation::Masked),
        }
        let payload =
            Payload { remaining: usize::try_from(header.payload_len).unwrap_or(usize::MAX), mask: header.mask };
        match header.opcode {
            Opcode::Text | Opcode::Binary if header.compressed => {
                let is_text = header.opcode == Opcode::Text;
                self.begin_message(header.fin, payload, Assembly::compressed(is_text))
            }
            Opcode::Text => self.begin_message(header.fin, payload, Assembly::text()),
            Opcode::Binary => self.begin_message(header.fin, payload, Assembly::binary()),
            Opcode::Continuation => match self.fragmented.take() {
                Some(message) => self.begin_fragment(header.fin, payload, message),
                None => Err(Violation::ContinuationUnexpected),
            },
            Opcode::Close if payload.remaining == 1 => Err(Violation::CloseCodeCut),
            Opcode::Close => Ok(State::control(ControlKind::Close, payload)),
            Opcode::Ping => Ok(State::control(ControlKind::Ping, payload)),
            Opcode::Pong => Ok(State::control(ControlKind::Pong, payload)),
        }
    }

    fn begin_message(&mut self, fin: bool, payload: Payload, message: Assembly) -> Result<State, Violation> {
        if self.fragmented.is_some() {
            return Err(Violation::ContinuationMissing);
        }
        self.empty_fragments = 0;
        self.begin_fragment(fin, payload, message)
    }

    fn begin_fragment(&mut self, fin: bool, payload: Payload, message: Assembly) -> Result<State, Violation> {
        if message.len().saturating_add(payload.remaining) > message.len_max(self.message_bytes_max) {
            return Err(Violation::MessageTooBig { bytes_max: self.message_bytes_max });
        }
        if payload.remaining == 0 && !fin {
            self.empty_fragments += 1;
            if self.empty_fragments > EMPTY_FRAGMENTS_MAX {
                return Err(Violation::TooManyEmptyFragments);
            }
        }
        Ok(State::Data { payload, fin, message })
    }

    fn end_control<'a>(&mut self, kind: ControlKind, bytes: Cow<'a, [u8]>) -> Result<Message<'a>, Violation> {
        match kind {
            ControlKind::Ping => Ok(Message::Ping(bytes)),
            ControlKind::Pong => Ok(Message::Pong(bytes)),
            ControlKind::Close => {
                let close = match bytes {
                    Cow::Borrowed(bytes) => Close::parse(bytes)?,
                    Cow::Owned(bytes) => Close::parse(&bytes)?.map(Close::into_owned),
                };
                self.state = State::Closed;
                self.fragmented = None;
                Ok(Message::Close(close))
            }
        }
    }
}

impl State {
    fn control(kind: ControlKind, payload: Payload) -> Self {
        Self::Control { kind, payload, kept: Vec::new() }
    }
}

/// The bytes of a header whose end has not come.
#[derive(Debug)]
struct PartialHeader {
    bytes: [u8; HEADER_BYTES_MAX],
    len: u8,
}

impl PartialHeader {
    const NONE: Self = Self { bytes: [0; HEADER_BYTES_MAX], len: 0 };

    /// Takes what is missing of the header from the front of `input`, and returns it if it is
    /// complete.
    fn complete_from(
        &mut self,
        input: &mut &mut [u8],
        takes_compressed: bool,
    ) -> Result<Option<FrameHeader>, Violation> {
        let had = usize::from(self.len);
        let len = HEADER_BYTES_MAX.min(had + input.len());
        self.bytes[had..len].copy_from_slice(&input[..len - had]);
        let parsed = FrameHeader::parse(&self.bytes[..len], takes_compressed)?;
        // What was kept before was not a whole header, so a whole one takes more than that.
        let used = parsed.map_or(len, |(_, used)| used) - had;
        *input = &mut mem::take(input)[used..];
        self.len = len as u8;
        Ok(parsed.map(|(header, _)| header))
    }
}

/// What is still to come of a frame's payload, and the key for its next byte.
#[derive(Debug, Clone, Copy)]
struct Payload {
    remaining: usize,
    mask: Option<[u8; 4]>,
}

impl Payload {
    /// Takes as much of the payload as there is from the front of `input`, and unmasks it.
    fn take<'a>(&mut self, input: &mut &'a mut [u8]) -> &'a [u8] {
        let len = self.remaining.min(input.len());
        let (piece, rest) = mem::take(input).split_at_mut(len);
        *input = rest;
        self.remaining -= len;
        if let Some(key) = &mut self.mask {
            mask::apply(piece, *key);
            *key = mask::after(*key, len);
        }
        piece
    }
}
