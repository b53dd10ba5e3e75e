//! One client's session, driven by hand, with an echo that the official suites expect.

use std::sync::Arc;
use switchboard_core::{Attachments, CloseReason, Command, Epoch, Hello, Realm, Refusal, Request};
use switchboard_protocols::conversation::{Branch, Carrier, Client, Sockets};
use switchboard_protocols::engineio::{Settings, Sid};
use switchboard_protocols::framing::websocket::{Decoder, Deflate, Message, Role, Window, client, frame::Opcode};
use switchboard_protocols::socketio::namespace::Recovery;
use switchboard_protocols::socketio::{
    Behaviour, Entry, Extras, Heard, Namespace, Namespaces, Parser, RelayTo, Said, Shows,
};
use switchboard_protocols::{Act, Conversation, Framing};

pub(crate) const SETTINGS: Settings = Settings {
    ping_interval_ms: 300,
    ping_timeout_ms: 200,
    upgrade_timeout_ms: 10_000,
    connect_timeout_ms: 1_000,
    max_payload: 1_000,
};

/// What the official suites' servers do.
#[derive(Debug)]
pub(crate) struct Echo;

impl Behaviour for Echo {
    fn enter(&self, auth: &str) -> Result<Entry, Refusal> {
        let args = format!("[{auth}]");
        Ok(Entry::Alone(vec![Said::Emit { name: "auth".to_owned(), args, binary: Attachments::default() }]))
    }

    fn event(&self, heard: &Heard<'_>, said: &mut Vec<Said>) {
        let (args, binary) = (heard.args_json(), heard.binary.clone());
        match heard.name {
            "message" => said.push(Said::Emit { name: "message-back".to_owned(), args, binary }),
            "message-with-ack" => said.push(Said::Acknowledge { args, binary }),
            _ => {}
        }
    }
}

pub(crate) fn echo(path: &str) -> Namespace {
    Namespace { shows: Shows::Relayed, behaviour: Box::new(Echo), ..Namespace::chat(path) }
}

pub(crate) struct World {
    pub(crate) carrier: Carrier,
    decoder: Option<Decoder>,
    pub(crate) now: u64,
    /// What was sent: text packets, and bytes as `b` and hexadecimal digits.
    pub(crate) sent: Vec<String>,
    /// How many bytes the last of it took.
    pub(crate) heard_bytes: usize,
    pub(crate) requests: Vec<(u32, Request)>,
    pub(crate) branches: Vec<Box<dyn Conversation>>,
    pub(crate) end: Option<CloseReason>,
}

impl World {
    pub(crate) fn polling() -> Self {
        Self::new(Framing::Polling, None)
    }

    pub(crate) fn websocket() -> Self {
        Self::new(Framing::WebSocket, None)
    }

    pub(crate) fn compressing(bytes_min: u32) -> Self {
        Self::new(Framing::WebSocketDeflate(Deflate { window: Window::Full, bytes_min }), None)
    }

    /// Where every socket has connection state recovery.
    pub(crate) fn recovering() -> Self {
        Self::new(Framing::WebSocket, Some(Recovery { epoch: Epoch(0xab), keep_ms: 120_000, by_default: true }))
    }

    /// Where those have it that ask for it.
    pub(crate) fn usual() -> Self {
        Self::new(Framing::WebSocket, Some(Recovery { epoch: Epoch(0xab), keep_ms: 120_000, by_default: false }))
    }

    fn new(framing: Framing, recovery: Option<Recovery>) -> Self {
        let list = vec![
            echo("/"),
            echo("/custom"),
            Namespace::chat("/chat"),
            Namespace { numbered: "lobby".to_owned(), ..Namespace::bare_chat("/bare", "chat message") },
            Namespace::relay("/relay", Realm(1), RelayTo::Others, Extras::default()),
            Namespace { parser: Parser::Msgpack, ..echo("/packed") },
            Namespace { parser: Parser::Json, ..echo("/plain") },
        ];
        let namespaces = Namespaces::new(list, recovery, Arc::default());
        let client = Client {
            session: Sid::new(0, 0, [0; 16]),
            takes_offsets: true,
            connect_by: SETTINGS.connect_timeout_ms,
            bytes_max: SETTINGS.max_payload,
        };
        let upper = Box::new(Sockets::new(namespaces, client));
        let carrier = Carrier::new(&Arc::new(SETTINGS), "SID".to_owned(), framing, false, upper, 0);
        let mut world = Self {
            carrier,
            decoder: (framing != Framing::Polling).then(|| {
                let decoder = Decoder::new(Role::Client, usize::MAX);
                decoder.inflating(framing.compression().is_some())
            }),
            now: 0,
            sent: Vec::new(),
            heard_bytes: 0,
            requests: Vec::new(),
            branches: Vec::new(),
            end: None,
        };
        world.receive(&mut []);
        world
    }

    pub(crate) fn receive(&mut self, bytes: &mut [u8]) {
        let mut acts = Vec::new();
        let result = self.carrier.receive(self.now, bytes, &mut acts);
        self.take(acts, result);
    }

    pub(crate) fn tick(&mut self, millis: u64) {
        self.now += millis;
        let mut acts = Vec::new();
        let result = self.carrier.tick(self.now, &mut acts);
        self.take(acts, result);
    }

    fn take(&mut self, acts: Vec<Act>, result: Result<(), CloseReason>) {
        for act in acts {
            match act {
                Act::Send(frame) => self.hear(frame.bytes()),
                Act::Branch(branch, Branch::Open) => {
                    assert_eq!(branch as usize, self.branches.len(), "numbers are used once");
                    self.branches.push(self.carrier.branch(branch).expect("it was just opened"));
                }
                Act::Branch(branch, Branch::Request(request)) => self.requests.push((branch, request)),
                Act::Close(reason) => self.end = Some(reason),
                Act::Request(_) | Act::BecomeJson(_) => panic!("a session asks for nothing itself"),
            }
        }
        if let Err(reason) = result {
            assert_eq!(self.end.replace(reason), None);
            if let Some(farewell) = self.carrier.farewell(reason) {
                self.hear(farewell.bytes());
            }
        }
    }

    pub(crate) fn hear(&mut self, bytes: &[u8]) {
        self.heard_bytes = bytes.len();
        let Some(decoder) = &mut self.decoder else {
            let text = str::from_utf8(bytes).expect("payloads are text");
            self.sent.extend(text.split('\u{1e}').map(str::to_owned));
            return;
        };
        let mut bytes = bytes.to_vec();
        let mut input = &mut bytes[..];
        while let Some(message) = decoder.next_message(&mut input).expect("frames follow the rules") {
            self.sent.push(match message {
                Message::Text(text) => text.into_owned(),
                Message::Binary(bytes) => {
                    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
                    format!("b{digits}")
                }
                Message::Ping(_) => "ping".to_owned(),
                Message::Pong(_) => "pong".to_owned(),
                Message::Close(close) => close.map_or("close".to_owned(), |close| format!("close {}", close.code)),
            });
        }
    }

    /// A text from the client: a WebSocket message, or a POST's body.
    pub(crate) fn say(&mut self, text: &str) -> Vec<String> {
        let mut bytes = text.as_bytes().to_vec();
        if self.decoder.is_some() {
            bytes = masked(Opcode::Text, text.as_bytes());
        }
        self.receive(&mut bytes);
        std::mem::take(&mut self.sent)
    }

    pub(crate) fn say_bytes(&mut self, bytes: &[u8]) -> Vec<String> {
        self.receive(&mut masked(Opcode::Binary, bytes));
        std::mem::take(&mut self.sent)
    }

    pub(crate) fn heard(&mut self) -> Vec<String> {
        std::mem::take(&mut self.sent)
    }

    pub(crate) fn hello(&mut self) -> (u32, Hello) {
        match self.requests.remove(0) {
            (branch, Request { command: Command::Hello(hello), .. }) => (branch, hello),
            other => panic!("not a hello: {other:?}"),
        }
    }
}

pub(crate) fn masked(opcode: Opcode, payload: &[u8]) -> Vec<u8> {
    let mut out = bytes::BytesMut::new();
    client::put_message(&mut out, opcode, payload, [9, 8, 7, 6]);
    out.to_vec()
}
