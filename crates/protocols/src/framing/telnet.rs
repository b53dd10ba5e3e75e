//! Telnet commands (RFC 854) taken out of a text stream: every option is refused, and the line is edited as asked.
//!
//! Telnet commands begin with the byte 255 (IAC), which no UTF-8 text contains, so this can stand
//! before the line decoder of every text connection, telnet client or not.

use memchr::memchr;
use std::mem;

const IAC: u8 = 255;
const DONT: u8 = 254;
const DO: u8 = 253;
const WONT: u8 = 252;
const WILL: u8 = 251;
const SB: u8 = 250;
/// Erase line.
const EL: u8 = 248;
/// Erase character.
const EC: u8 = 247;
/// Are you there?
const AYT: u8 = 246;

/// What [`Telnet::next`] makes of "erase character": the backspace, which means the same in a line.
pub const BACKSPACE: u8 = 8;

/// How many requests of one connection are answered.
///
/// A telnet client asks about each option it knows once. One that asks on and on is in a
/// negotiation loop, which our answers would only keep going.
const ANSWERS_MAX: u8 = 64;

/// What a command asks for after the data before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// Nothing; the data just end here.
    Nothing,
    /// The line that is being typed is to be forgotten ("erase line").
    EraseLine,
    /// A sign of life ("are you there").
    AreYouThere,
}

/// Strips telnet commands from a stream and answers the requests among them, in two to four bytes
/// of state: a subnegotiation is skipped, never stored.
#[derive(Debug, Clone, Copy, Default)]
pub struct Telnet {
    state: State,
    answers: u8,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum State {
    #[default]
    Data,
    /// After IAC.
    Command,
    /// After IAC and one of WILL, WONT, DO, DONT: the option's number follows.
    Request(Request),
    /// After IAC SB, until IAC SE.
    Subnegotiation,
    /// After IAC in a subnegotiation.
    SubnegotiationCommand,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Request {
    Do,
    Will,
    /// DONT and WONT ask for what is already so and are not answered (RFC 854, "General
    /// Considerations": acknowledging them makes endless loops).
    Refusal,
}

impl Telnet {
    /// Takes the telnet commands out of the front of `input`, in place, up to the first that asks the caller for
    /// something, and returns the data before it. `None`: all of `input` was used.
    ///
    /// Answers to negotiations are appended to `answers`: `DO x` gets `WONT x`, `WILL x` gets `DONT x`; in the life
    /// of a connection at most 192 bytes. "Erase character" becomes a [`BACKSPACE`] in the data; a doubled IAC is the
    /// byte 255 itself; interrupt, abort output, break, go ahead, no operation and the data mark of a Synch are
    /// nothing. Commands may be cut anywhere between calls.
    pub fn next<'a>(&mut self, input: &mut &'a mut [u8], answers: &mut Vec<u8>) -> Option<(&'a mut [u8], Asked)> {
        if input.is_empty() {
            return None;
        }
        let bytes = mem::take(input);
        let start = match self.state {
            State::Data => memchr(IAC, bytes).unwrap_or(bytes.len()),
            State::Command | State::Request(_) | State::Subnegotiation | State::SubnegotiationCommand => 0,
        };
        let mut kept = start;
        for at in start..bytes.len() {
            let asked = self.asked(bytes[at]);
            if let Some(data) = self.step(bytes[at], answers) {
                bytes[kept] = data;
                kept += 1;
            }
            if asked != Asked::Nothing {
                let (done, rest) = bytes.split_at_mut(at + 1);
                *input = rest;
                return Some((&mut done[..kept], asked));
            }
        }
        Some((&mut bytes[..kept], Asked::Nothing))
    }

    /// What the byte that comes next asks the caller for.
    fn asked(&mut self, byte: u8) -> Asked {
        match (self.state, byte) {
            (State::Command | State::SubnegotiationCommand, EL) => Asked::EraseLine,
            (State::Command | State::SubnegotiationCommand, AYT) if self.answers < ANSWERS_MAX => {
                self.answers += 1;
                Asked::AreYouThere
            }
            _ => Asked::Nothing,
        }
    }

    /// Takes one byte and returns it if it is data.
    fn step(&mut self, byte: u8, answers: &mut Vec<u8>) -> Option<u8> {
        let (next, data) = match (self.state, byte) {
            (State::Data, IAC) => (State::Command, None),
            (State::Data, data) => (State::Data, Some(data)),
            (State::Command, IAC) => (State::Data, Some(IAC)),
            // A command inside a subnegotiation means that its end was lost: better to go on with
            // the command than to skip the rest of the stream.
            (State::Command | State::SubnegotiationCommand, DO) => (State::Request(Request::Do), None),
            (State::Command | State::SubnegotiationCommand, WILL) => (State::Request(Request::Will), None),
            (State::Command | State::SubnegotiationCommand, DONT | WONT) => (State::Request(Request::Refusal), None),
            (State::Command | State::SubnegotiationCommand, SB) => (State::Subnegotiation, None),
            (State::Command | State::SubnegotiationCommand, EC) => (State::Data, Some(BACKSPACE)),
            // The other commands (break, interrupt, are you there, ...) are two bytes long.
            (State::Command, _) => (State::Data, None),
            (State::Request(request), option) => {
                self.answer(request, option, answers);
                (State::Data, None)
            }
            (State::Subnegotiation, IAC) => (State::SubnegotiationCommand, None),
            (State::Subnegotiation, _) => (State::Subnegotiation, None),
            (State::SubnegotiationCommand, IAC) => (State::Subnegotiation, None),
            // SE, which ends it, or another command of two bytes, which does so as well.
            (State::SubnegotiationCommand, _) => (State::Data, None),
        };
        self.state = next;
        data
    }

    fn answer(&mut self, request: Request, option: u8, answers: &mut Vec<u8>) {
        let verb = match request {
            Request::Do => WONT,
            Request::Will => DONT,
            Request::Refusal => return,
        };
        if self.answers < ANSWERS_MAX {
            self.answers += 1;
            answers.extend([IAC, verb, option]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ECHO: u8 = 1;
    const NAWS: u8 = 31;
    const SE: u8 = 240;

    /// The data and the answers; what is asked stands in the data as a word.
    fn strip(pieces: &mut [Vec<u8>]) -> (Vec<u8>, Vec<u8>) {
        let (mut telnet, mut data, mut answers) = (Telnet::default(), Vec::new(), Vec::new());
        for piece in pieces {
            let mut input = &mut piece[..];
            while let Some((some, asked)) = telnet.next(&mut input, &mut answers) {
                data.extend_from_slice(some);
                data.extend_from_slice(match asked {
                    Asked::Nothing => b"",
                    Asked::EraseLine => b"(erase)",
                    Asked::AreYouThere => b"(there?)",
                });
            }
        }
        (data, answers)
    }

    fn cut_to_bytes(stream: &[u8]) -> Vec<Vec<u8>> {
        stream.iter().map(|byte| vec![*byte]).collect()
    }

    #[test]
    fn commands_are_stripped_and_requests_refused() {
        const NOP: u8 = 241;
        const INTERRUPT: u8 = 244;
        for (stream, data, answers) in [
            (&b"plain\r\n"[..], &b"plain\r\n"[..], &[][..]),
            (&[IAC, DO, ECHO], b"", &[IAC, WONT, ECHO]),
            (&[b'a', IAC, WILL, NAWS, b'b'], b"ab", &[IAC, DONT, NAWS]),
            (&[IAC, DONT, ECHO, IAC, WONT, NAWS, b'x'], b"x", &[]),
            (&[b'a', IAC, IAC, b'b'], b"a\xFFb", &[]),
            (&[b'a', IAC, NOP, IAC, INTERRUPT, b'b'], b"ab", &[]),
            (&[IAC, SB, NAWS, 0, 80, IAC, IAC, 24, IAC, SE, b'x'], b"x", &[]),
            (&[IAC, SB, NAWS, 1, 2, IAC, DO, ECHO, b'x'], b"x", &[IAC, WONT, ECHO]),
            (&[IAC, DO, IAC, b'x'], b"x", &[IAC, WONT, IAC]),
            (&[IAC, SB, 1, 2, 3], b"", &[]),
            (&[b'a', IAC, EC, b'b'], b"a\x08b", &[]),
            (&[b'a', IAC, EL, b'b', IAC, AYT, b'c'], b"a(erase)b(there?)c", &[]),
            (&[IAC, SB, NAWS, 1, IAC, EL, b'x'], b"(erase)x", &[]),
            // Break, interrupt, abort output, go ahead, no operation, and the data mark of a Synch.
            (&[b'a', IAC, 243, IAC, 244, IAC, 245, IAC, 249, IAC, 241, IAC, 242, b'b'], b"ab", &[]),
        ] {
            let expected = (data.to_vec(), answers.to_vec());
            assert_eq!(strip(&mut [stream.to_vec()]), expected, "{stream:?}");
            assert_eq!(strip(&mut cut_to_bytes(stream)), expected, "{stream:?}, byte by byte");
        }
    }

    #[test]
    fn a_negotiation_loop_is_not_kept_going() {
        let mut stream = [IAC, DO, ECHO].repeat(1000);
        let (data, answers) = strip(&mut [mem::take(&mut stream)]);
        assert_eq!(data, b"");
        assert_eq!(answers.len(), 3 * usize::from(ANSWERS_MAX));
    }

    proptest! {
        #[test]
        fn any_cut_gives_the_same_data_and_answers(
            stream in prop::collection::vec(
                prop_oneof![Just(IAC), Just(SB), Just(SE), Just(DO), Just(WILL), Just(DONT), any::<u8>()],
                0..60,
            ),
            cut in 0_usize..60,
        ) {
            let whole = strip(&mut [stream.clone()]);
            let (front, back) = stream.split_at(cut.min(stream.len()));
            prop_assert_eq!(&strip(&mut [front.to_vec(), back.to_vec()]), &whole);
            prop_assert_eq!(&strip(&mut cut_to_bytes(&stream)), &whole);
        }

        #[test]
        fn streams_without_iac_pass_untouched(stream in prop::collection::vec(0_u8..255, 0..60)) {
            let (data, answers) = strip(&mut [stream.clone()]);
            prop_assert_eq!(data, stream);
            prop_assert!(answers.is_empty());
        }
    }
}
