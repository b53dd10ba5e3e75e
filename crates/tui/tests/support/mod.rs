//! A client at a desk: the model with a server that is a list, and its screen as text.

#![allow(dead_code, reason = "each test file uses its own part")]

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use switchboard_client::event::{
    Answer, Connected, Event, MemberRow, Membership, Message, Past, Person, Renamed, RoomRow,
};
use switchboard_client::{Ask, Outgoing};
use switchboard_tui::keys::{Bindings, Key};
use switchboard_tui::model::{Effect, Input, Model};
use switchboard_tui::settings::Settings;
use switchboard_tui::view::{self, Drawn};

/// 20 November 2026, 08:00 UTC.
pub(crate) const START: u64 = 1_795_161_600_000;

/// The number of our own session.
pub(crate) const SESSION: &str = "5e55";

/// The client, and the server's log of the lobby.
pub(crate) struct Desk {
    pub(crate) model: Model,
    pub(crate) now: u64,
    pub(crate) effects: Vec<Effect>,
    /// Who said what, by number from 1.
    pub(crate) log: Vec<(String, String)>,
}

impl Desk {
    /// A client that has not connected.
    pub(crate) fn new(width: u16, height: u16) -> Self {
        Self::with(Settings { via: false, ..Settings::default() }, width, height)
    }

    pub(crate) fn with(settings: Settings, width: u16, height: u16) -> Self {
        let model = Model::new(settings, Bindings::default(), "tcp://localhost:12345".to_owned(), 1, (width, height));
        Self { model, now: START, effects: Vec::new(), log: Vec::new() }
    }

    /// A client that is in the lobby, where this was said.
    pub(crate) fn in_lobby(width: u16, height: u16, log: &[(&str, &str)]) -> Self {
        let mut desk = Self::new(width, height);
        desk.log = log.iter().map(|(nick, text)| ((*nick).to_owned(), (*text).to_owned())).collect();
        desk.connect(false);
        desk.pass(5_000);
        desk
    }

    /// The connection is there, with the lobby and the rooms of before.
    pub(crate) fn connect(&mut self, again: bool) {
        let row = |room: &str, seq: u64| RoomRow {
            room: room.to_owned(),
            seq,
            members: 3,
            topic: if room == "lobby" { "tea at five".to_owned() } else { String::new() },
        };
        self.event(Event::Connected(Connected {
            nick: "ada".to_owned(),
            session: SESSION.to_owned(),
            resumed: again,
            again,
            rooms: vec![row("dev", 0), row("lobby", self.log.len() as u64)],
            current: Some("lobby".to_owned()),
        }));
        self.serve();
    }

    pub(crate) fn event(&mut self, event: Event) {
        self.input(Input::Client(event));
    }

    pub(crate) fn input(&mut self, input: Input) {
        let effects = self.model.update(self.now, input);
        self.effects.extend(effects);
    }

    /// Time passes.
    pub(crate) fn pass(&mut self, millis: u64) {
        self.now += millis;
        self.input(Input::Tick);
    }

    /// Presses keys, by their names.
    pub(crate) fn press(&mut self, keys: &str) {
        for key in keys.split_whitespace() {
            let key: Key = key.parse().expect("a key");
            self.input(Input::Key(key));
        }
    }

    /// Types letters.
    pub(crate) fn types(&mut self, text: &str) {
        for letter in text.chars() {
            self.input(Input::Key(Key::plain(crossterm::event::KeyCode::Char(letter))));
        }
    }

    /// Types a line and sends it.
    pub(crate) fn enter(&mut self, text: &str) {
        self.types(text);
        self.press("esc enter");
    }

    /// Somebody says something in the lobby now.
    pub(crate) fn says(&mut self, nick: &str, text: &str) {
        self.log.push((nick.to_owned(), text.to_owned()));
        let seq = self.log.len() as u64;
        let message = self.message("lobby", seq, nick, text);
        self.event(Event::Message(message));
    }

    /// Somebody says something elsewhere.
    pub(crate) fn says_in(&mut self, room: &str, seq: u64, nick: &str, text: &str) {
        let message = self.message(room, seq, nick, text);
        self.event(Event::Message(message));
    }

    /// Somebody says something to this user alone.
    pub(crate) fn whispers(&mut self, nick: &str, text: &str) {
        let message = Message { room: None, seq: None, to: Some("ada".to_owned()), ..self.message("", 0, nick, text) };
        self.event(Event::Message(message));
    }

    pub(crate) fn message(&self, room: &str, seq: u64, nick: &str, text: &str) -> Message {
        Message {
            room: Some(room.to_owned()),
            seq: Some(seq),
            id: None,
            from: Person { nick: nick.to_owned(), session: format!("session of {nick}"), via: "websocket".to_owned() },
            to: None,
            text: text.to_owned(),
            action: false,
            own: nick == "ada",
            time: time(START + seq * 20_000),
        }
    }

    pub(crate) fn moves(&mut self, nick: &str, comes: bool) {
        let from = Person { nick: nick.to_owned(), ..Person::default() };
        let membership = Membership { room: "lobby".to_owned(), from, members: None };
        self.event(if comes { Event::Joined(membership) } else { Event::Left(membership) });
    }

    pub(crate) fn renames(&mut self, old: &str, new: &str) {
        let from = Person { nick: new.to_owned(), ..Person::default() };
        self.event(Event::Renamed(Renamed { room: None, from, old: old.to_owned() }));
    }

    /// What was asked of the server since, answered as a server would.
    pub(crate) fn serve(&mut self) {
        loop {
            let effects = std::mem::take(&mut self.effects);
            let mut answers = Vec::new();
            for effect in effects {
                match effect {
                    Effect::Request(request, ask) => {
                        if let Some(answer) = self.answer(ask) {
                            answers.push(Event::Answer { request, answer });
                        }
                    }
                    effect => self.effects.push(effect),
                }
            }
            if answers.is_empty() {
                return;
            }
            answers.into_iter().for_each(|answer| self.event(answer));
        }
    }

    fn answer(&self, ask: Ask) -> Option<Answer> {
        let past = |seq: u64| {
            let (nick, text) = &self.log[seq as usize - 1];
            Past::Message(self.message("lobby", seq, nick, text))
        };
        let last = self.log.len() as u64;
        match ask {
            Ask::History { room, before, after, limit } => {
                let limit = u64::from(limit.unwrap_or(50));
                let room = room.expect("the room is named");
                let (from, to) = match (before, after) {
                    (_, Some(after)) => (after + 1, (after + limit).min(last)),
                    (before, None) => {
                        let to = before.unwrap_or(last + 1) - 1;
                        ((to + 1).saturating_sub(limit).max(1), to)
                    }
                };
                let here = room == "lobby";
                let events = if here { (from..=to).map(past).collect() } else { Vec::new() };
                Some(Answer::History { room, events, more: here && from > 1 })
            }
            Ask::Search { room, query, .. } => {
                let hits = (1..=last).rev().filter(|seq| self.log[*seq as usize - 1].1.contains(&query));
                Some(Answer::Found { room: room?, events: hits.map(past).collect(), more: false, behind: 0 })
            }
            Ask::Members { room } => {
                let members = ["ada", "bob", "bert"].map(|nick| MemberRow { nick: nick.to_owned() }).to_vec();
                Some(Answer::Members { room: room?, count: 3, members, more: false })
            }
            Ask::Join { room } => Some(Answer::Joined(RoomRow { room, seq: 0, members: 1, topic: String::new() })),
            Ask::Leave { room } => Some(Answer::Left { room: room?, current: None }),
            Ask::Nick { nick } => Some(Answer::Nick(nick)),
            Ask::Rooms | Ask::Topic { .. } | Ask::Typing { .. } | Ask::Relay { .. } => None,
        }
    }

    /// The messages that went out since, which are taken from the effects.
    pub(crate) fn submitted(&mut self) -> Vec<Outgoing> {
        let mut submitted = Vec::new();
        self.effects.retain(|effect| match effect {
            Effect::Submit(message) => {
                submitted.push(message.clone());
                false
            }
            _ => true,
        });
        submitted
    }

    /// The number of what was asked to join since, which is taken from the effects with all other requests.
    pub(crate) fn join_requested(&mut self) -> u64 {
        let mut joins = Vec::new();
        self.effects.retain(|effect| match effect {
            Effect::Request(request, ask) => {
                joins.extend(matches!(ask, Ask::Join { .. }).then_some(*request));
                false
            }
            _ => true,
        });
        assert_eq!(joins.len(), 1, "one join");
        joins[0]
    }

    /// The server stores a message of ours as the next one of the lobby.
    pub(crate) fn stores(&mut self, message: &Outgoing) {
        self.log.push(("ada".to_owned(), message.text.clone()));
        let seq = self.log.len() as u64;
        self.event(Event::Delivered {
            id: message.id.clone(),
            room: Some("lobby".to_owned()),
            seq: Some(seq),
            time: Some(time(START + seq * 20_000)),
            duplicate: false,
        });
    }

    pub(crate) fn draw(&self) -> (Buffer, Drawn) {
        let (width, height) = self.model.size;
        let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
        let drawn = view::draw(&self.model, &mut buffer);
        (buffer, drawn)
    }

    /// The whole screen, each row between bars; the cursor is a `_` where its cell is empty.
    pub(crate) fn screen(&self) -> String {
        let (buffer, drawn) = self.draw();
        let area = buffer.area;
        let rows = (area.top()..area.bottom()).map(|y| {
            let mut row = String::new();
            let mut skip = 0;
            for x in area.left()..area.right() {
                if skip > 0 {
                    skip -= 1;
                    continue;
                }
                let symbol = buffer[(x, y)].symbol();
                let here = drawn.cursor.is_some_and(|cursor| (cursor.x, cursor.y) == (x, y));
                row.push_str(if here && symbol == " " { "_" } else { symbol });
                skip = unicode_width::UnicodeWidthStr::width(symbol).saturating_sub(1);
            }
            format!("|{row}|")
        });
        rows.collect::<Vec<_>>().join("\n")
    }

    /// Compares the whole screen with a drawing of it.
    #[track_caller]
    pub(crate) fn shows(&self, drawing: &str) {
        let drawing = drawing.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n");
        let screen = self.screen();
        assert!(screen == drawing, "the screen is\n{screen}\nand not\n{drawing}");
    }
}

/// A time as the server writes it.
pub(crate) fn time(millis: u64) -> String {
    jiff::Timestamp::from_millisecond(millis as i64).expect("a time").to_string()
}
