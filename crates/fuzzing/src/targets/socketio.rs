//! Engine.IO payloads and Socket.IO packets, alone and as a session hears them.

use crate::input::pieces;
use serde_json::Value;
use std::sync::Arc;
use switchboard_core::{Attachments, CloseReason, Command, Realm, Request};
use switchboard_protocols::conversation::{Branch, Carrier, Client, Sockets};
use switchboard_protocols::engineio::{self, Settings, payload};
use switchboard_protocols::framing::websocket::frame::Opcode;
use switchboard_protocols::framing::websocket::{Decoder, Deflate, Message, Role, Window, client};
use switchboard_protocols::socketio::packet::{ATTACHMENTS_MAX, NAME_BYTES_MAX, Packet, event_name, is_reserved};
use switchboard_protocols::socketio::{Extras, Namespace, Namespaces, RelayTo};
use switchboard_protocols::{Act, Conversation, Framing};

pub(super) const WORDS: &[&[u8]] = &[
    b"\x1e",
    b"40",
    b"40/game,",
    b"40{\"nick\":\"ada\"}",
    b"41",
    b"41/game,",
    b"42[\"message\",\"hi\"]",
    b"42/game,7[\"move\",1,{}]",
    b"421[\"join\",\"dev\"]",
    b"43/game,7[]",
    b"451-[\"a\",{\"_placeholder\":true,\"num\":0}]",
    b"462-1[{\"_placeholder\":true,\"num\":1}]",
    b"bAQID",
    b"2",
    b"3",
    b"1",
    b"\"num\":-1",
    b"\"connect\"",
    b"\\ud800",
];

/// Bytes of a payload in the sessions here.
const BYTES_MAX: usize = 300;

/// A payload: its packets, and what a session that polls does with it.
pub(super) fn payload(bytes: &[u8]) {
    if let Ok(body) = str::from_utf8(bytes) {
        let joined: Vec<&str> = payload::packets(body).collect();
        assert_eq!(joined.join("\u{1e}"), body);
        for text in joined {
            let read = engineio::Packet::read(text);
            assert!(read.is_ok() || !matches!(text, "0" | "1" | "2" | "3" | "4" | "5" | "6"));
        }
    }
    let mut session = Session::new(Framing::Polling);
    session.hear(bytes);
    for sent in session.sent.iter().map(|sent| str::from_utf8(sent).expect("payloads are text")) {
        for packet in payload::packets(sent) {
            engineio::Packet::read(packet).expect("what is sent is packets");
        }
    }
}

/// A Socket.IO packet, and the same as the only message of a WebSocket in any pieces.
pub(super) fn packet(bytes: &[u8]) {
    if let Ok(text) = str::from_utf8(bytes)
        && let Ok(packet) = Packet::read(text)
    {
        judge(&packet);
    }
    let mut stream = bytes::BytesMut::new();
    for (place, part) in bytes.split(|byte| *byte == b'\n').enumerate() {
        let opcode = if part.starts_with(b"\0") { Opcode::Binary } else { Opcode::Text };
        client::put_message(&mut stream, opcode, part, [place as u8, 1, 2, 3]);
    }
    let mut whole = Session::new(Framing::WebSocket);
    whole.hear(&stream);
    let mut cut = Session::new(Framing::WebSocket);
    for piece in pieces(&stream) {
        cut.hear(piece);
    }
    assert_eq!(whole.sent.concat(), cut.sent.concat());
    assert_eq!(whole.requests, cut.requests);
    assert_eq!(whole.end, cut.end);
    // Compressed, it says the same.
    let mut squeezed = Session::new(Framing::WebSocketDeflate(Deflate { window: Window::Small, bytes_min: 0 }));
    squeezed.hear(&stream);
    assert_eq!(messages(&whole, false), messages(&squeezed, true));
    assert_eq!(whole.requests, squeezed.requests);
    assert_eq!(whole.end, squeezed.end);
}

/// What a session sent on a WebSocket, as a client hears it.
fn messages(session: &Session, inflates: bool) -> Vec<Vec<u8>> {
    let mut sent = session.sent.concat();
    let mut rest = &mut sent[..];
    let mut decoder = Decoder::new(Role::Client, usize::MAX).inflating(inflates);
    let mut messages = Vec::new();
    while let Some(message) = decoder.next_message(&mut rest).expect("what is sent follows the rules") {
        messages.push(match message {
            Message::Text(text) => text.into_owned().into_bytes(),
            Message::Binary(bytes) | Message::Ping(bytes) | Message::Pong(bytes) => bytes.into_owned(),
            Message::Close(close) => format!("{close:?}").into_bytes(),
        });
    }
    messages
}

fn judge(packet: &Packet<'_>) {
    assert!(packet.namespace.starts_with('/') && !packet.namespace.contains(','));
    assert!(packet.attachments.is_none_or(|count| (1..=ATTACHMENTS_MAX).contains(&count)));
    assert!(packet.id.is_none_or(|id| id.bytes().all(|byte| byte.is_ascii_digit())));
    let _ = packet.auth();
    if let Ok(Some(arguments)) = packet.arguments() {
        let plain: Result<Value, _> = serde_json::from_str(packet.data);
        assert!(plain.is_err() || plain.is_ok_and(|value| value.is_array()), "arguments are an array");
        if let Ok(name) = event_name(arguments.first()) {
            assert!(!is_reserved(&name));
        }
    }
}

/// One client, with the chat and a relay to go to.
struct Session {
    carrier: Carrier,
    sent: Vec<Vec<u8>>,
    requests: Vec<(u32, Request)>,
    branches: u32,
    end: Option<CloseReason>,
}

impl Session {
    fn new(framing: Framing) -> Self {
        // Namespaces live as long as the process: one list serves all runs.
        static NAMESPACES: std::sync::OnceLock<&'static Namespaces> = std::sync::OnceLock::new();
        let namespaces = NAMESPACES.get_or_init(|| {
            let list =
                vec![Namespace::chat("/"), Namespace::relay("/game", Realm(1), RelayTo::Others, Extras::default())];
            Namespaces::new(list, None, Arc::default())
        });
        let client = Client {
            session: engineio::Sid::new(0, 0, [0; 16]),
            takes_offsets: true,
            connect_by: 1_000,
            bytes_max: BYTES_MAX,
        };
        let settings = Arc::new(Settings { max_payload: BYTES_MAX, ..Settings::default() });
        let upper = Box::new(Sockets::new(namespaces, client));
        let carrier = Carrier::new(&settings, "sid".to_owned(), framing, false, upper, 0);
        let mut session = Self { carrier, sent: Vec::new(), requests: Vec::new(), branches: 0, end: None };
        session.hear(b"");
        session
    }

    fn hear(&mut self, bytes: &[u8]) {
        if self.end.is_some() {
            return;
        }
        let mut acts = Vec::new();
        let result = self.carrier.receive(1, &mut bytes.to_vec(), &mut acts);
        for act in acts {
            match act {
                Act::Send(frame) => self.sent.push(frame.bytes().to_vec()),
                Act::Branch(branch, Branch::Open) => {
                    assert_eq!(branch, self.branches, "each number is used once");
                    self.branches += 1;
                    assert!(self.carrier.branch(branch).is_some());
                }
                Act::Branch(branch, Branch::Request(request)) => {
                    assert!(branch < self.branches, "who asks was opened before");
                    bounded(&request);
                    self.requests.push((branch, request));
                }
                Act::Close(reason) => self.end = self.end.or(Some(reason)),
                Act::Request(_) | Act::BecomeJson(_) => panic!("a session asks for nothing itself"),
            }
        }
        self.end = self.end.or(result.err());
        if let Some(farewell) = self.end.and_then(|reason| self.carrier.farewell(reason)) {
            self.sent.push(farewell.bytes().to_vec());
        }
    }
}

fn bounded(request: &Request) {
    if let Command::Relay { name, args, binary, .. } = &request.command {
        assert!(!is_reserved(name) && name.len() <= NAME_BYTES_MAX);
        assert!(args.starts_with('[') && args.ends_with(']'));
        let binary: &Attachments = binary;
        assert!(binary.len() <= ATTACHMENTS_MAX);
    }
}
