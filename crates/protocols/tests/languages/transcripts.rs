//! Runs the transcripts in `tests/transcripts`: conversations as they are read on the wire.
//!
//! The first line says who talks: `% text`, `% json`, `% websocket` or `% datagram`, with settings after it. Then:
//!
//! ```text
//! > a line, message or datagram from the client          < the same from us
//! >. bytes without a line end (\n \r \0 \xNN)            ? what the core is asked
//! >$ the client sends no more                            x why the connection ends, or what it becomes
//! ~ milliseconds pass
//! ! the core answers, or something happens (`Scene::core`)
//! # a comment
//! ```
//!
//! With `BLESS` in the environment, the right-hand side is written anew, to be read with care.

use crate::samples::{TIME, event, message, sender};
use bytes::BytesMut;
use std::fmt::Write;
use std::path::Path;
use std::sync::Arc;
use switchboard_core::event::LeftWhy;
use switchboard_core::{Body, CloseReason, Code, Epoch, Event, Reply, RoomRow, Welcome};
use switchboard_protocols::framing::websocket::{Decoder, Message, Role, client, frame::Opcode};
use switchboard_protocols::{Act, Conversation, Frame, Framing, Settings, TextStyle, conversation, encode};

#[test]
fn conversations_go_as_written() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts");
    for file in folder.read_dir().unwrap() {
        let path = file.unwrap().path();
        let written = std::fs::read_to_string(&path).unwrap();
        let played = play(&written);
        if std::env::var_os("BLESS").is_some() {
            std::fs::write(&path, &played).unwrap();
        } else {
            assert_eq!(played, written, "{}", path.display());
        }
    }
}

/// Plays the client's and the core's part of a transcript, and writes down all of it.
fn play(written: &str) -> String {
    let mut scene = None;
    let mut played = String::new();
    for line in written.lines() {
        if let Some(opening) = line.strip_prefix("% ") {
            scene = Some(Scene::open(opening));
        } else if line.starts_with(['<', '?', 'x']) {
            continue;
        }
        writeln!(played, "{line}").unwrap();
        if line.is_empty() || line.starts_with(['#', '%']) {
            continue;
        }
        let scene = scene.as_mut().expect("a transcript begins with %");
        scene.step(line);
        played.push_str(&std::mem::take(&mut scene.heard));
    }
    played
}

struct Scene {
    conversation: Box<dyn Conversation>,
    settings: Arc<Settings>,
    framing: Framing,
    now: u64,
    heard: String,
}

impl Scene {
    fn open(opening: &str) -> Self {
        let mut words = opening.split(' ');
        let kind = words.next().unwrap();
        let mut settings = Settings::default();
        for word in words {
            let (name, value) = word.split_once('=').unwrap();
            match name {
                "style" => {
                    settings.text_style = match value {
                        "named" => TextStyle::Named,
                        "address" => TextStyle::Address,
                        "plain" => TextStyle::Plain,
                        other => panic!("no style {other}"),
                    };
                }
                "welcome" => settings.text_welcome = Some(value.replace('_', " ").into()),
                "line_bytes" => settings.line_bytes = value.parse().unwrap(),
                "frame_bytes" => settings.frame_bytes = value.parse().unwrap(),
                other => panic!("no setting {other}"),
            }
        }
        let settings = Arc::new(settings);
        let (conversation, framing) = match kind {
            "text" => (conversation::stream_text(&settings), Framing::Lines),
            "text_only" => (conversation::stream_text_only(&settings), Framing::Lines),
            "json" => (conversation::stream_json(&settings), Framing::Lines),
            "websocket" => (conversation::websocket(&settings, None, None, 0), Framing::WebSocket),
            "datagram" => (conversation::datagram(&settings, None), Framing::Datagram),
            other => panic!("no conversation {other}"),
        };
        Self { conversation, settings, framing, now: 0, heard: String::new() }
    }

    fn step(&mut self, line: &str) {
        let mut acts = Vec::new();
        let mut result = Ok(());
        if line == ">$" {
            self.conversation.finish(&mut acts);
        } else if let Some(bytes) = line.strip_prefix(">. ") {
            result = self.conversation.receive(self.now, &mut unescape(bytes), &mut acts);
        } else if let Some(text) = line.strip_prefix("> ").or((line == ">").then_some("")) {
            let mut bytes = match self.framing {
                Framing::Lines => format!("{text}\n").into_bytes(),
                Framing::Datagram | Framing::Polling | Framing::WebSocketBase64 => text.as_bytes().to_vec(),
                Framing::WebSocket | Framing::WebSocketDeflate(_) => {
                    let mut out = BytesMut::new();
                    client::put_message(&mut out, Opcode::Text, text.as_bytes(), [9, 8, 7, 6]);
                    out.to_vec()
                }
            };
            result = self.conversation.receive(self.now, &mut bytes, &mut acts);
        } else if let Some(millis) = line.strip_prefix("~ ") {
            self.now += millis.parse::<u64>().unwrap();
            result = self.conversation.tick(self.now, &mut acts);
        } else if let Some(happening) = line.strip_prefix("! ") {
            self.core(happening);
        } else {
            panic!("not understood: {line}");
        }
        self.acts(acts);
        if let Err(reason) = result {
            self.end(reason);
        }
    }

    fn acts(&mut self, acts: Vec<Act>) {
        for act in acts {
            match act {
                Act::Request(request) => {
                    let reference = request.reference.map_or(String::new(), |reference| format!("[{reference}] "));
                    writeln!(self.heard, "? {reference}{:?}", request.command).unwrap();
                }
                Act::Send(frame) => self.hear(Some(&frame)),
                Act::BecomeJson(mut bytes) => {
                    writeln!(self.heard, "x json").unwrap();
                    self.conversation = conversation::stream_json(&self.settings);
                    let mut acts = Vec::new();
                    self.conversation.receive(self.now, &mut bytes, &mut acts).unwrap();
                    self.acts(acts);
                }
                Act::Branch(..) => unreachable!("only an Engine.IO session carries others"),
                Act::Close(reason) => self.end(reason),
            }
        }
    }

    fn end(&mut self, reason: CloseReason) {
        writeln!(self.heard, "x {}", reason.as_str()).unwrap();
        let farewell = self.conversation.farewell(reason);
        self.hear(farewell.as_ref());
    }

    /// Writes down what a client sees of a frame.
    fn hear(&mut self, frame: Option<&Frame>) {
        let Some(frame) = frame else { return };
        let mut shown = Vec::new();
        if self.framing == Framing::WebSocket {
            let mut bytes = frame.bytes().to_vec();
            let mut decoder = Decoder::new(Role::Client, 1 << 20);
            let mut input = &mut bytes[..];
            while let Some(message) = decoder.next_message(&mut input).unwrap() {
                shown.push(match message {
                    Message::Text(text) => text.into_owned(),
                    Message::Close(Some(close)) => format!("(close {} {})", close.code, close.reason),
                    other => format!("({other:?})"),
                });
            }
        } else {
            match str::from_utf8(frame.bytes()) {
                Ok(text) => shown.push(text.strip_suffix('\n').expect("every line and datagram ends").to_owned()),
                Err(_) => shown.push(format!("({})", frame.bytes().escape_ascii())),
            }
        }
        for line in shown.iter().flat_map(|message| message.lines()) {
            writeln!(self.heard, "< {line}").unwrap();
        }
    }

    /// Plays the core: the first word says what happens.
    fn core(&mut self, happening: &str) {
        let words: Vec<&str> = happening.split(' ').collect();
        let number = |at: usize| words[at].parse::<u64>().unwrap();
        let rest = |from: usize| words[from..].join(" ");
        let reference = |at: usize| (words[at] != "-").then(|| Arc::<str>::from(words[at]));
        let reply = match words[0] {
            "observing" => Reply::Observing { room: words[1].into(), members: number(2) as u32, seq: number(3) },
            "welcome" => Reply::Welcome(Box::new(Welcome {
                reference: reference(1),
                session: sender("ada").session,
                token: "secret".into(),
                epoch: Epoch(1),
                nick: words[2].into(),
                resumed: false,
                rooms: words.get(3).map_or_else(Vec::new, |room| {
                    vec![RoomRow { room: (*room).into(), members: number(4) as u32, seq: number(5), topic: "".into() }]
                }),
            })),
            "ack" => Reply::Ack { reference: reference(1), seq: Some(number(2)), time: Some(TIME), duplicate: false },
            "in" => Reply::Joined {
                reference: reference(1),
                room: words[2].into(),
                members: number(3) as u32,
                seq: number(4),
                topic: rest(5).into(),
            },
            "out" => Reply::Left {
                reference: reference(1),
                room: words[2].into(),
                current: words.get(3).map(|room| (*room).into()),
            },
            "nick" => Reply::Nick { reference: reference(1), nick: words[2].into() },
            "topic" => Reply::Topic { reference: reference(1), room: words[2].into(), topic: rest(3).into() },
            "history" => Reply::History {
                reference: reference(1),
                room: words[2].into(),
                events: (3..words.len()).map(|at| Arc::new(message(at as u64, words[at]))).collect(),
                more: false,
            },
            "refused" => {
                let code = Code::ALL.iter().find(|code| code.as_str() == words[2]).unwrap();
                Reply::Refused(code.refuse(reference(1), rest(3)))
            }
            "pong" => Reply::Pong { reference: reference(1), time: TIME },
            "close" => {
                let reason = CloseReason::ALL.iter().find(|reason| reason.as_str() == words[1]).unwrap();
                let farewell = self.conversation.farewell(*reason);
                return self.hear(farewell.as_ref());
            }
            _ => return self.happen(&words),
        };
        let frame = self.conversation.reply(&reply);
        self.hear(frame.as_ref());
    }

    /// Plays an event: `[ROOM] NICK WORD ...`, the room only if it is another than the current one.
    fn happen(&mut self, words: &[&str]) {
        let (room, words) = match words[0].strip_prefix('[').and_then(|room| room.strip_suffix(']')) {
            Some(room) => (Some(room), &words[1..]),
            None => (None, words),
        };
        let from = sender(words[0]);
        let nick = String::from_utf8(unescape(words[0])).unwrap();
        let from = switchboard_core::Sender { nick: nick.into(), ..from };
        let text: Arc<str> = String::from_utf8(unescape(&words[2..].join(" "))).unwrap().into();
        let said = |from, to, action| Body::Message { seq: Some(7), id: None, from, to, text: text.clone(), action };
        let body = match words[1] {
            "says" => said(from, None, false),
            "does" => said(from, None, true),
            "tells" => said(from, Some("ada".into()), false),
            "joined" => Body::Joined { from, members: 4 },
            "left" => Body::Left { from, members: 3, why: LeftWhy::Left },
            "was" => Body::Renamed { from, old: text.clone() },
            "typing" => Body::Typing { from },
            "topic" => Body::Topic { seq: 8, from, text: text.clone() },
            other => panic!("nobody can {other}"),
        };
        let happened = Event { room: Some(room.unwrap_or("lobby").into()), ..event(body) };
        let mut dialect = self.conversation.dialect();
        dialect.elsewhere = room.is_some();
        self.hear(encode(&happened, dialect, false).as_ref());
    }
}

fn unescape(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        out.extend_from_slice(&rest.as_bytes()[..at]);
        let (byte, len) = match rest.as_bytes()[at + 1] {
            b'n' => (b'\n', 2),
            b'r' => (b'\r', 2),
            b't' => (b'\t', 2),
            b'0' => (0, 2),
            b'\\' => (b'\\', 2),
            b'x' => (u8::from_str_radix(&rest[at + 2..at + 4], 16).unwrap(), 4),
            other => panic!("no escape {}", char::from(other)),
        };
        out.push(byte);
        rest = &rest[at + len..];
    }
    out.extend_from_slice(rest.as_bytes());
    out
}
