//! The core behind its protocols: a few connections that come, ask and go, a line each, and what all of them are told.
//!
//! The first character of a line is the connection; the second says what it does: `+` comes, `-` goes, `o` observes,
//! `t` a line of text, `j` a request in JSON, in which `$0` to `$3` stand for tokens. `~` is time that passes.

use crate::wellformed;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use switchboard_core::sessions::{Peer, SessionsSettings};
use switchboard_core::{
    Command, ConnectionId, Epoch, Event, Hello, Limits, Output, Reply, Request, RoomId, Rooms, Sessions, Time, Via,
};
use switchboard_protocols::conversation::{self, Choice};
use switchboard_protocols::text::commands::{Said, parse};
use switchboard_protocols::{Conversation, Dialect, Framing, Language, Settings, TextStyle, encode, json};

pub(super) const WORDS: &[&[u8]] = &[
    b"0+\n",
    b"1+\n",
    b"1o\n",
    b"0-\n",
    b"2-\n",
    b"~1000\n",
    b"~40000\n",
    b"0j{\"type\":\"hello\",\"nick\":\"ada\"}\n",
    b"1j{\"type\":\"hello\",\"token\":\"$0\",\"resume\":{\"lobby\":1}}\n",
    b"2j{\"type\":\"hello\",\"token\":\"$0\",\"as\":\"new\"}\n",
    b"1j{\"type\":\"message\",\"text\":\"hi\",\"id\":\"0123456789abcdef\"}\n",
    b"1j{\"type\":\"message\",\"to\":\"ada\",\"text\":\"psst\"}\n",
    b"1j{\"type\":\"event\",\"name\":\"x\"}\n",
    b"2r$2 1\n",
    b"2r$2\n",
    b"0t/join dev\n",
    b"1t/leave\n",
    b"1t/nick ada\n",
    b"0t/topic tea\n",
    b"2thi\n",
    b"3t/who\n",
    b"3t/quit\n",
    b"$0",
    b"$1",
    b"\n",
];

const CONNECTIONS: u64 = 4;
/// Lines of one input that are followed.
const LINES_MAX: usize = 300;

pub(super) fn run(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let mut world = World::new();
    for line in text.split('\n').take(LINES_MAX) {
        world.line(line);
        assert_eq!(world.sessions.counts().connections, world.open.len());
    }
    world.end();
}

struct World {
    sessions: Sessions,
    rooms: Rooms,
    now: Time,
    open: BTreeSet<ConnectionId>,
    attached: BTreeMap<RoomId, BTreeSet<ConnectionId>>,
    /// The latest token of each connection, and every token that was given out.
    tokens: BTreeMap<ConnectionId, Arc<str>>,
    issued: BTreeSet<Arc<str>>,
    /// The token in the hello that is being answered.
    shown: Option<String>,
    /// The last position that was published, and the last number of each room.
    last_pos: Option<u64>,
    last_seq: BTreeMap<Arc<str>, u64>,
    speakers: Vec<Box<dyn Conversation>>,
}

impl World {
    fn new() -> Self {
        let limits = Limits {
            rooms_per_session: 3,
            sessions_per_user: 2,
            rooms_total: 4,
            presence_max: 2,
            replay_events: 3,
            dedupe_ids: 4,
            messages_per_second: 0,
            commands_per_second: 0,
            ..Limits::default()
        };
        let settings = Arc::new(Settings { limits: limits.clone(), ..Settings::default() });
        Self {
            rooms: Rooms::new(&limits),
            sessions: Sessions::new(SessionsSettings {
                limits,
                epoch: Epoch(1),
                token_key: [7; 32],
                seed: 42,
                join_code: None,
                realms: Vec::new(),
                auto_join: vec!["lobby".to_owned()],
                next_pos: 1,
            }),
            now: Time(1_790_000_000_000),
            open: BTreeSet::new(),
            attached: BTreeMap::new(),
            tokens: BTreeMap::new(),
            issued: BTreeSet::new(),
            shown: None,
            last_pos: None,
            last_seq: BTreeMap::new(),
            speakers: vec![
                conversation::stream_text(&settings),
                conversation::stream_json(&settings),
                conversation::datagram(&settings, Some(Choice::Json)),
            ],
        }
    }

    fn line(&mut self, line: &str) {
        if let Some(millis) = line.strip_prefix('~') {
            self.pass(millis.trim().parse().unwrap_or(0).min(1_000_000_000));
            return;
        }
        let mut characters = line.chars();
        let Some(number) = characters.next().and_then(|digit| digit.to_digit(10)) else { return };
        let connection = ConnectionId(u64::from(number) % CONNECTIONS);
        match characters.next() {
            Some('+') => self.connect(connection),
            Some('-') => self.disconnect(connection),
            Some('o') => self.tell(|world, out| world.sessions.observe(connection, &world.rooms, out)),
            Some('t') => {
                if let Some(Said::Command(command)) = parse(characters.as_str()) {
                    self.ask(connection, Request::plain(command));
                }
            }
            Some('j') => {
                if let Ok(request) = json::decode(&self.with_tokens(characters.as_str())) {
                    self.ask(connection, request);
                }
            }
            // Comes back by a position, or by none.
            Some('r') => {
                let text = self.with_tokens(characters.as_str());
                let (token, since) = text.split_once(' ').unwrap_or((&text, ""));
                let (token, since) = (Some(token.to_owned()), since.parse().ok());
                self.ask(connection, Request::plain(Command::Hello(Hello { token, since, ..Hello::default() })));
            }
            Some(_) | None => {}
        }
    }

    fn with_tokens(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for number in 0..CONNECTIONS {
            if let Some(token) = self.tokens.get(&ConnectionId(number)) {
                text = text.replace(&format!("${number}"), token);
            }
        }
        text
    }

    fn connect(&mut self, connection: ConnectionId) {
        if self.open.insert(connection) {
            let follows = connection.0 == 2;
            let peer = Peer { resumable: connection.0.is_multiple_of(2), follows, ..Peer::new(Via::Tcp, None) };
            self.tell(|world, out| world.sessions.connect(connection, peer, out));
        }
    }

    fn disconnect(&mut self, connection: ConnectionId) {
        if self.open.remove(&connection) {
            for attached in self.attached.values_mut() {
                attached.remove(&connection);
            }
            self.tell(|world, out| world.sessions.disconnect(world.now, connection, out));
        }
    }

    fn ask(&mut self, connection: ConnectionId, request: Request) {
        self.shown = match &request.command {
            Command::Hello(hello) => hello.token.clone(),
            _ => None,
        };
        let mut entry = None;
        self.tell(|world, out| entry = world.sessions.admit(world.now, connection, request, &world.rooms, out));
        if let Some(entry) = entry {
            let applied = self.rooms.apply(&entry);
            self.tell(|world, out| {
                if let Some(event) = world.sessions.settle(applied, out) {
                    world.store(&event);
                }
            });
        }
    }

    /// What is stored has the next number of its room.
    fn store(&mut self, event: &Event) {
        let room = event.room.clone().expect("what is stored has a room");
        let last = self.last_seq.entry(Arc::clone(&room)).or_default();
        assert_eq!(event.seq(), Some(*last + 1), "numbers have no hole");
        *last += 1;
        assert_eq!(self.rooms.seq(&room), *last);
    }

    fn pass(&mut self, millis: u64) {
        let until = self.now.plus(millis);
        while let Some(deadline) = self.sessions.next_deadline().filter(|deadline| *deadline <= until) {
            self.now = self.now.max(deadline);
            self.tell(|world, out| world.sessions.tick(world.now, out));
            let next = self.sessions.next_deadline();
            assert!(next.is_none_or(|next| next > self.now), "a deadline that was met has gone by");
        }
        self.now = until;
    }

    /// When everybody has gone and their time is over, nobody is left.
    fn end(mut self) {
        for number in 0..CONNECTIONS {
            self.disconnect(ConnectionId(number));
        }
        self.pass(10_000_000);
        let counts = self.sessions.counts();
        assert_eq!((counts.connections, counts.sessions, counts.users, counts.rooms), (0, 0, 0, 0));
    }

    fn tell(&mut self, act: impl FnOnce(&mut Self, &mut Vec<Output>)) {
        let mut outputs = Vec::new();
        act(self, &mut outputs);
        for output in outputs {
            self.carry_out(output);
        }
    }

    fn carry_out(&mut self, output: Output) {
        match output {
            Output::Reply { to, reply } => {
                assert!(self.open.contains(&to), "{to:?} is gone and is told {reply:?}");
                self.reply(to, &reply);
            }
            Output::Deliver { to, event, own } => {
                assert!(self.open.contains(&to), "{to:?} is gone and is told {event:?}");
                show(&event, own);
            }
            Output::Publish { event, .. } => {
                assert!(self.last_pos < Some(event.pos), "positions of what is published go up");
                self.last_pos = Some(event.pos);
                show(&event, false);
            }
            Output::Attach { connection, room, .. } => {
                let is_new = self.attached.entry(room).or_default().insert(connection);
                assert!(is_new && self.open.contains(&connection), "{connection:?} hears {room:?}");
            }
            Output::Detach { connection, room } => {
                let was = self.attached.get_mut(&room).is_some_and(|attached| attached.remove(&connection));
                assert!(was, "{connection:?} did not hear {room:?}");
            }
            Output::Current { connection, room } => {
                let hears = |room| self.attached.get(&room).is_some_and(|attached| attached.contains(&connection));
                assert!(room.is_none_or(hears), "{connection:?} speaks in {room:?}");
            }
            Output::Replay { room, after, through, .. } => {
                assert!(after < through && through <= self.last_seq.get(&room).copied().unwrap_or_default());
            }
            Output::Recover { connection, events } => {
                assert!(self.open.contains(&connection) && events.is_sorted_by_key(|(event, _)| event.pos));
                for (event, own) in events {
                    show(&event, own);
                }
            }
            Output::History { to, query } => {
                assert!(self.open.contains(&to) && query.limit > 0, "{query:?}");
            }
            Output::Search { to, query } => {
                assert!(self.open.contains(&to) && query.limit > 0, "{query:?}");
            }
            Output::Slow { connection, for_ms } => {
                assert!(self.open.contains(&connection) && for_ms > 0, "{connection:?} is slowed");
            }
            Output::Close { connection, .. } => {
                let hears = self.attached.values().any(|attached| attached.contains(&connection));
                assert!(!hears, "{connection:?} is closed while it hears a room");
            }
        }
    }

    fn reply(&mut self, to: ConnectionId, reply: &Reply) {
        if let Reply::Welcome(welcome) = reply {
            if welcome.resumed {
                let shown = self.shown.as_deref().expect("who resumes shows a token");
                assert!(self.issued.contains(shown), "{shown} was never given out");
            }
            self.issued.insert(Arc::clone(&welcome.token));
            self.tokens.insert(to, Arc::clone(&welcome.token));
        }
        for speaker in &mut self.speakers {
            if let Some(frame) = speaker.reply(reply) {
                let message = str::from_utf8(frame.bytes()).expect("UTF-8");
                wellformed::message(speaker.dialect().language, message.strip_suffix('\n').expect("an end"));
            }
        }
    }
}

fn show(event: &Event, own: bool) {
    for language in [Language::Text(TextStyle::Named), Language::Json] {
        let dialect = Dialect { language, framing: Framing::Lines, elsewhere: false };
        if let Some(frame) = encode(event, dialect, own) {
            let message = str::from_utf8(frame.bytes()).expect("UTF-8");
            wellformed::message(language, message.strip_suffix('\n').expect("an end"));
        }
    }
}
