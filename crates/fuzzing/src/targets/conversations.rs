//! Whole conversations: bytes arrive in pieces, and between them time passes, answers and events come, and the peer
//! ends its side.
//!
//! The input is a script (`input::steps`): what is said, with marks between the pieces that name the step to be taken.

use crate::chance::hash;
use crate::input::steps;
use crate::samples;
use crate::wellformed::Listener;
use std::sync::Arc;
use switchboard_core::{CloseReason, Request};
use switchboard_protocols::framing::websocket::{Deflate, Window};
use switchboard_protocols::{Act, Conversation, Framing, Settings, TextStyle, conversation, encode};

pub(super) const WORDS: &[&[u8]] = &[
    b"\n",
    b"\r\n",
    b"\0",
    b"\r\0",
    b"\xEF\xBB\xBF",
    b"\xE2\x80\x8B",
    b"\xFF\xF7",
    b"\xFF\xF8",
    b"\xFF\xF6",
    b"HELP\n",
    b"stats\n",
    b"CONNECT x:1 HTTP/1.1\r\n",
    b"/nick ada",
    b"/help",
    b"/msg bob hi",
    b"hello",
    b"{\"type\":\"ping\"}",
    b"{\"type\":\"hello\",\"nick\":\"ada\"}",
    b"{\"type\":\"history\"}",
    b"{\"type\":\"event\",\"name\":\"x\",\"args\":[]}",
    b"{",
    b"\xFF\xFD\x01",
    b"\xFF\xFA\x1F\0\x50\xFF\xF0",
    b"GET / HTTP/1.1\r\n",
    b"\x16\x03\x01",
    "é😀\u{202E}".as_bytes(),
    b"\xF70",
    b"\xF71",
    b"\xF72",
    b"\xF73",
    b"\xF74",
    b"\xF75",
    b"\xF76",
    b"\xF77",
];

/// Bytes of all answers to telnet negotiations of a connection.
const NEGOTIATION_BYTES_MAX: usize = 192;

pub(super) fn stream_text(script: &[u8]) {
    converse(script, Framing::Lines, conversation::stream_text);
    converse(script, Framing::Lines, conversation::stream_text_only);
}

pub(super) fn stream_json(script: &[u8]) {
    converse(script, Framing::Lines, conversation::stream_json);
}

pub(super) fn websocket(script: &[u8]) {
    converse(script, Framing::WebSocket, |settings| conversation::websocket(settings, None, None, 0));
    converse(script, Framing::WebSocketDeflate(DEFLATE), |settings| {
        conversation::websocket(settings, Some(DEFLATE), None, 0)
    });
}

pub(super) fn datagrams(script: &[u8]) {
    converse(script, Framing::Datagram, |settings| conversation::datagram(settings, None));
}

/// Everything that can be is compressed.
const DEFLATE: Deflate = Deflate { window: Window::Small, bytes_min: 0 };

type Make = fn(&Arc<Settings>) -> Box<dyn Conversation>;

fn converse(script: &[u8], framing: Framing, make: Make) {
    let welcome = Some("hi {nick}, {room} {members} {help} {x} \u{1B}[0m".into());
    for settings in [
        Settings { line_bytes: 40, frame_bytes: 60, ..Settings::default() },
        Settings { text_style: TextStyle::Address, text_welcome: welcome, ..Settings::default() },
        Settings { text_style: TextStyle::Plain, ..Settings::default() },
    ] {
        let settings = Arc::new(settings);
        let whole = Scene::play(script, framing, &settings, make, usize::MAX);
        if framing == Framing::Datagram {
            continue;
        }
        // Telnet is spoken by people's clients. What is found before it is known that a program speaks is taken out,
        // and after that it is not UTF-8: nobody sends both.
        if whole.became_json && script.contains(&0xFF) {
            continue;
        }
        // What a first string of C is depends on what came together with it: binary data, or characters of UTF-16.
        if framing == Framing::Lines && script.contains(&0) {
            continue;
        }
        let bytewise = Scene::play(script, framing, &settings, make, 1);
        assert_eq!(bytewise, whole, "byte by byte it is the same");
    }
}

/// What came of a script.
#[derive(Debug, Default, PartialEq)]
struct Outcome {
    requests: Vec<Request>,
    sent: Vec<u8>,
    /// Answers to telnet negotiations, which are taken out before anything else is looked at: they may overtake what
    /// came before them in the same piece.
    negotiated: Vec<u8>,
    became_json: bool,
    deadlines: Vec<Option<u64>>,
    end: Option<CloseReason>,
}

struct Scene<'a> {
    conversation: Box<dyn Conversation>,
    settings: &'a Arc<Settings>,
    framing: Framing,
    listener: Listener,
    now: u64,
    /// How many answers and events came.
    told: usize,
    finished: bool,
    outcome: Outcome,
}

impl<'a> Scene<'a> {
    fn play(script: &[u8], framing: Framing, settings: &'a Arc<Settings>, make: Make, piece_bytes: usize) -> Outcome {
        let mut scene = Self {
            conversation: make(settings),
            settings,
            framing,
            listener: Listener::new(framing),
            now: 0,
            told: 0,
            finished: false,
            outcome: Outcome::default(),
        };
        for (said, step) in steps(script) {
            let is_over = |scene: &Self| scene.finished || scene.outcome.end.is_some();
            if framing == Framing::Datagram {
                scene.receive(said);
            } else {
                for piece in said.chunks(piece_bytes) {
                    if is_over(&scene) {
                        break;
                    }
                    scene.receive(piece);
                }
            }
            if is_over(&scene) {
                break;
            }
            if let Some(step) = step {
                scene.step(step, said);
            }
            scene.outcome.deadlines.push(scene.conversation.deadline());
        }
        scene.end(hash(script))
    }

    fn receive(&mut self, piece: &[u8]) {
        if self.outcome.end.is_some() || self.finished {
            return;
        }
        let mut acts = Vec::new();
        let result = self.conversation.receive(self.now, &mut piece.to_vec(), &mut acts);
        self.take(acts, result);
    }

    fn step(&mut self, step: u8, said: &[u8]) {
        match step % 8 {
            0 => {}
            1 => self.pass(50),
            2 => self.pass(100),
            3 => self.pass(10_000),
            4 => {
                let mut acts = Vec::new();
                self.conversation.finish(&mut acts);
                self.take(acts, Ok(()));
                self.finished = true;
            }
            5 => self.tell(said),
            6 => {
                let text = String::from_utf8_lossy(said);
                self.told += 1;
                let event = samples::event(self.told % samples::EVENTS, "ada", &text);
                let frame = encode(&event, self.conversation.dialect(), false);
                self.hear(frame.as_ref().map(|frame| &frame.bytes()[..]));
            }
            _ => {
                self.now += 1_000;
                self.conversation.resumed(self.now);
            }
        }
    }

    fn tell(&mut self, said: &[u8]) {
        let text = String::from_utf8_lossy(said);
        self.told += 1;
        let reply = samples::reply(self.told % samples::REPLIES, &text, &text);
        let frame = self.conversation.reply(&reply);
        self.hear(frame.as_ref().map(|frame| &frame.bytes()[..]));
    }

    /// Time passes, and each deadline on the way is met at once, as a shard does it.
    fn pass(&mut self, millis: u64) {
        self.now += millis;
        while let Some(deadline) = self.conversation.deadline().filter(|deadline| *deadline <= self.now) {
            let mut acts = Vec::new();
            let result = self.conversation.tick(self.now, &mut acts);
            self.take(acts, result);
            if self.outcome.end.is_some() {
                return;
            }
            let next = self.conversation.deadline();
            assert!(next.is_none_or(|next| next > self.now), "a deadline at {deadline} was met and is now {next:?}");
        }
    }

    fn take(&mut self, acts: Vec<Act>, result: Result<(), CloseReason>) {
        for act in acts {
            match act {
                Act::Request(request) => {
                    super::json::check(&request);
                    self.outcome.requests.push(request);
                }
                Act::Send(frame) if self.framing == Framing::Lines && frame.bytes().starts_with(b"\xFF") => {
                    self.outcome.negotiated.extend_from_slice(frame.bytes());
                }
                Act::Send(frame) => self.hear(Some(frame.bytes())),
                Act::BecomeJson(mut bytes) => {
                    self.outcome.became_json = true;
                    self.conversation = conversation::stream_json(self.settings);
                    let mut acts = Vec::new();
                    let result = self.conversation.receive(self.now, &mut bytes, &mut acts);
                    self.take(acts, result);
                }
                Act::Branch(..) => unreachable!("only an Engine.IO session carries others"),
                Act::Close(reason) => self.outcome.end = self.outcome.end.or(Some(reason)),
            }
        }
        self.outcome.end = self.outcome.end.or(result.err());
    }

    fn hear(&mut self, frame: Option<&[u8]>) {
        let Some(frame) = frame else { return };
        // Whoever asked in HTTP is answered in HTTP.
        if !frame.starts_with(b"HTTP/1.1 400 ") {
            self.listener.hear(self.conversation.dialect().language, frame);
        }
        self.outcome.sent.extend_from_slice(frame);
    }

    /// The connection ends, for the reason it has or for any other.
    fn end(mut self, choice: u64) -> Outcome {
        let any = CloseReason::ALL[(choice % CloseReason::ALL.len() as u64) as usize];
        let farewell = self.conversation.farewell(self.outcome.end.unwrap_or(any));
        self.hear(farewell.as_ref().map(|frame| &frame.bytes()[..]));
        let negotiated = self.outcome.negotiated.len();
        assert!(negotiated <= NEGOTIATION_BYTES_MAX && negotiated.is_multiple_of(3), "{negotiated} bytes");
        if self.outcome.end.is_some() {
            // How much of a piece was looked at before the end depends on the piece.
            self.outcome.negotiated.clear();
        }
        self.outcome
    }
}
