//! A world for the core: it plays the engine, the store and the shards, and keeps what each connection hears.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use switchboard_core::ids::Pos;
use switchboard_core::output::{HistoryQuery, SearchQuery};
use switchboard_core::sessions::{Peer, SessionsSettings};
use switchboard_core::{
    Applied, CloseReason, Command, ConnectionId, Entry, EntryKind, Epoch, Event, Hello, Limits, Output, Reply, Request,
    RoomId, Rooms, Seq, Sessions, Target, Ticket, Time, Via, Welcome,
};

/// What a connection hears.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Heard {
    Reply(Reply),
    Event {
        event: Arc<Event>,
        own: bool,
    },
    Attached(Arc<str>),
    Detached(Arc<str>),
    Current(Option<Arc<str>>),
    History(HistoryQuery),
    Search(SearchQuery),
    Closed(CloseReason),
    /// It is read no further for so many milliseconds.
    Slowed(u64),
}

pub(crate) struct World {
    pub(crate) sessions: Sessions,
    pub(crate) rooms: Rooms,
    pub(crate) now: Time,
    /// Entries wait for [`World::flush`].
    pub(crate) hold: bool,
    pub(crate) waiting: Vec<Entry>,
    /// Every output ever made.
    pub(crate) outputs: Vec<Output>,
    /// What each connection heard and nobody took yet.
    pub(crate) heard: BTreeMap<ConnectionId, Vec<Heard>>,
    pub(crate) stored: BTreeMap<Arc<str>, Vec<Arc<Event>>>,
    pub(crate) tokens: BTreeMap<ConnectionId, Arc<str>>,
    open: BTreeSet<ConnectionId>,
    attached: BTreeMap<RoomId, BTreeSet<ConnectionId>>,
    names: BTreeMap<RoomId, Arc<str>>,
    last_pos: Option<Pos>,
}

pub(crate) const START: Time = Time(1_790_000_000_000);

pub(crate) fn settings(limits: Limits) -> SessionsSettings {
    SessionsSettings {
        limits,
        epoch: Epoch(1),
        token_key: [7; 32],
        seed: 42,
        join_code: None,
        realms: Vec::new(),
        auto_join: vec!["lobby".to_owned()],
        next_pos: 1,
    }
}

pub(crate) fn hello(nick: &str) -> Command {
    Command::Hello(Hello { nick: Some(nick.to_owned()), ..Hello::default() })
}

pub(crate) fn resume(token: &str, seen: &[(&str, Seq)]) -> Command {
    let resume = seen.iter().map(|(room, seq)| ((*room).to_owned(), *seq)).collect();
    Command::Hello(Hello { token: Some(token.to_owned()), resume, ..Hello::default() })
}

pub(crate) fn as_new(token: &str) -> Command {
    Command::Hello(Hello { token: Some(token.to_owned()), as_new: true, ..Hello::default() })
}

pub(crate) fn say(text: &str) -> Command {
    Command::Message { target: Target::Current, text: text.to_owned(), id: None, action: false }
}

pub(crate) fn say_in(room: &str, text: &str) -> Command {
    Command::Message { target: Target::Room(room.to_owned()), text: text.to_owned(), id: None, action: false }
}

pub(crate) fn say_once(room: &str, text: &str, id: &str) -> Command {
    let (target, id) = (Target::Room(room.to_owned()), Some(id.to_owned()));
    Command::Message { target, text: text.to_owned(), id, action: false }
}

pub(crate) fn tell(nick: &str, text: &str) -> Command {
    Command::Message { target: Target::User(nick.to_owned()), text: text.to_owned(), id: None, action: false }
}

pub(crate) fn join(room: &str) -> Command {
    Command::Join { room: room.to_owned() }
}

pub(crate) fn leave(room: &str) -> Command {
    Command::Leave { room: Some(room.to_owned()) }
}

pub(crate) fn nick(nick: &str) -> Command {
    Command::Nick { nick: nick.to_owned() }
}

pub(crate) fn set_topic(text: &str) -> Command {
    Command::Topic { room: None, text: Some(text.to_owned()) }
}

pub(crate) fn peer(resumable: bool) -> Peer {
    Peer { resumable, ..Peer::new(Via::Tcp, None) }
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(Limits::default())
    }

    pub(crate) fn with(limits: Limits) -> Self {
        Self::from_settings(settings(limits))
    }

    pub(crate) fn from_settings(settings: SessionsSettings) -> Self {
        Self {
            rooms: Rooms::new(&settings.limits),
            sessions: Sessions::new(settings),
            now: START,
            hold: false,
            waiting: Vec::new(),
            outputs: Vec::new(),
            heard: BTreeMap::new(),
            stored: BTreeMap::new(),
            tokens: BTreeMap::new(),
            open: BTreeSet::new(),
            attached: BTreeMap::new(),
            names: BTreeMap::new(),
            last_pos: None,
        }
    }

    /// Starts the server again: the rooms are what the store kept, the sessions are gone.
    pub(crate) fn restart(&mut self, settings: SessionsSettings) {
        let next_pos = self.sessions.next_pos();
        self.sessions = Sessions::new(SessionsSettings { next_pos, ..settings });
        self.open.clear();
        self.attached.clear();
        self.heard.clear();
    }

    /// A connection whose client knows of tokens.
    pub(crate) fn connect(&mut self, number: u64) -> ConnectionId {
        self.connect_as(number, peer(true))
    }

    pub(crate) fn connect_as(&mut self, number: u64, peer: Peer) -> ConnectionId {
        let connection = ConnectionId(number);
        self.open.insert(connection);
        self.heard.entry(connection).or_default();
        let mut out = Vec::new();
        self.sessions.connect(connection, peer, &mut out);
        self.carry_out(out);
        connection
    }

    /// A connection that said hello, and whose welcome is taken.
    pub(crate) fn enter(&mut self, number: u64, nick: &str) -> ConnectionId {
        let connection = self.connect(number);
        self.ask(connection, hello(nick));
        self.hears(connection);
        connection
    }

    pub(crate) fn observe(&mut self, connection: ConnectionId) {
        let mut out = Vec::new();
        self.sessions.observe(connection, &self.rooms, &mut out);
        self.carry_out(out);
    }

    pub(crate) fn disconnect(&mut self, connection: ConnectionId) {
        self.open.remove(&connection);
        for attached in self.attached.values_mut() {
            attached.remove(&connection);
        }
        let mut out = Vec::new();
        self.sessions.disconnect(self.now, connection, &mut out);
        self.carry_out(out);
    }

    pub(crate) fn ask(&mut self, connection: ConnectionId, command: Command) {
        self.request(connection, Request::plain(command));
    }

    pub(crate) fn ask_with(&mut self, connection: ConnectionId, reference: &str, command: Command) {
        self.request(connection, Request { reference: Some(Arc::from(reference)), command });
    }

    /// Asks, and takes what is heard from then on.
    pub(crate) fn answer(&mut self, connection: ConnectionId, command: Command) -> Vec<String> {
        self.hears(connection);
        self.ask(connection, command);
        self.hears(connection)
    }

    /// Time goes on by so many milliseconds, with the ticks that are due on the way.
    pub(crate) fn wait(&mut self, millis: u64) {
        let until = self.now.plus(millis);
        while let Some(due) = self.sessions.next_deadline().filter(|due| *due <= until) {
            self.now = self.now.max(due);
            self.tick();
        }
        self.now = until;
    }

    pub(crate) fn tick(&mut self) {
        let mut out = Vec::new();
        self.sessions.tick(self.now, &mut out);
        self.carry_out(out);
        while let Some((connection, requests)) = self.sessions.take_turn(self.now) {
            for request in requests {
                self.request(connection, request);
            }
        }
    }

    /// Applies and settles the entries that wait.
    pub(crate) fn flush(&mut self) {
        for entry in std::mem::take(&mut self.waiting) {
            self.apply(&entry);
        }
    }

    pub(crate) fn trim(&mut self, room: &str, seq: Seq) {
        let kind = EntryKind::TrimBefore { seq };
        self.apply(&Entry { ticket: Ticket(0), room: Arc::from(room), time: self.now, kind });
        let first = self.rooms.first_seq(room);
        if let Some(stored) = self.stored.get_mut(room) {
            stored.retain(|event| event.seq() >= Some(first));
        }
    }

    pub(crate) fn apply(&mut self, entry: &Entry) -> Applied {
        let applied = self.rooms.apply(entry);
        let mut out = Vec::new();
        if let Some(event) = self.sessions.settle(applied.clone(), &mut out) {
            let room = event.room.clone().expect("what is stored has a room");
            assert!(event.seq().is_some());
            self.stored.entry(room).or_default().push(event);
        }
        self.carry_out(out);
        applied
    }

    /// Takes what a connection heard, in words.
    pub(crate) fn hears(&mut self, connection: ConnectionId) -> Vec<String> {
        self.take(connection).iter().map(ToString::to_string).collect()
    }

    /// Like [`World::hears`], without attachments.
    pub(crate) fn events(&mut self, connection: ConnectionId) -> Vec<String> {
        let heard = self.take(connection);
        let kept =
            heard.iter().filter(|heard| !matches!(heard, Heard::Attached(_) | Heard::Detached(_) | Heard::Current(_)));
        kept.map(ToString::to_string).collect()
    }

    pub(crate) fn take(&mut self, connection: ConnectionId) -> Vec<Heard> {
        self.heard.get_mut(&connection).map(std::mem::take).unwrap_or_default()
    }

    /// The token of the connection's last welcome.
    pub(crate) fn token(&self, connection: ConnectionId) -> String {
        self.tokens[&connection].to_string()
    }

    fn request(&mut self, connection: ConnectionId, request: Request) {
        let mut out = Vec::new();
        let entry = self.sessions.admit(self.now, connection, request, &self.rooms, &mut out);
        self.carry_out(out);
        self.waiting.extend(entry);
        if !self.hold {
            self.flush();
        }
    }

    fn carry_out(&mut self, outputs: Vec<Output>) {
        for output in outputs {
            self.outputs.push(output.clone());
            match output {
                Output::Reply { to, reply } => {
                    if let Reply::Welcome(welcome) = &reply {
                        let Welcome { token, .. } = welcome.as_ref();
                        self.tokens.insert(to, Arc::clone(token));
                    }
                    self.hear(to, Heard::Reply(reply));
                }
                Output::Deliver { to, event, own } => self.hear(to, Heard::Event { event, own }),
                Output::Publish { room, event, except } => {
                    assert!(self.last_pos < Some(event.pos), "positions of what is published go up");
                    self.last_pos = Some(event.pos);
                    let attached = self.attached.get(&room).cloned().unwrap_or_default();
                    for to in attached.into_iter().filter(|to| !except.contains(to)) {
                        self.hear(to, Heard::Event { event: Arc::clone(&event), own: false });
                    }
                }
                Output::Attach { connection, room, name } => {
                    let attached = self.attached.entry(room).or_default();
                    assert!(attached.insert(connection), "{connection:?} is attached to {name} twice");
                    let stale = self.names.insert(room, Arc::clone(&name)).is_some_and(|old| old != name);
                    assert!(!stale || self.attached[&room].len() == 1, "a room's id is used twice at once");
                    self.hear(connection, Heard::Attached(name));
                }
                Output::Detach { connection, room } => {
                    let was = self.attached.get_mut(&room).is_some_and(|attached| attached.remove(&connection));
                    assert!(was, "{connection:?} is detached from a room that it does not hear");
                    self.hear(connection, Heard::Detached(Arc::clone(&self.names[&room])));
                }
                Output::Current { connection, room } => {
                    let name = room.map(|room| Arc::clone(&self.names[&room]));
                    self.hear(connection, Heard::Current(name));
                }
                Output::Recover { connection, events } => {
                    assert!(events.is_sorted_by_key(|(event, _)| event.pos), "in order");
                    for (event, own) in events {
                        self.hear(connection, Heard::Event { event, own });
                    }
                }
                Output::Replay { connection, room, after, through, .. } => {
                    let stored = self.stored.get(&room).cloned().unwrap_or_default();
                    let missed: Vec<_> = stored
                        .into_iter()
                        .filter(|event| event.seq().is_some_and(|seq| after < seq && seq <= through))
                        .collect();
                    assert_eq!(missed.len() as u64, through - after, "all that is to be replayed is stored");
                    for event in missed {
                        self.hear(connection, Heard::Event { event, own: false });
                    }
                }
                Output::History { to, query } => self.hear(to, Heard::History(query)),
                Output::Search { to, query } => self.hear(to, Heard::Search(query)),
                Output::Slow { connection, for_ms } => self.hear(connection, Heard::Slowed(for_ms)),
                Output::Close { connection, reason } => {
                    self.hear(connection, Heard::Closed(reason));
                    self.open.remove(&connection);
                    assert!(
                        self.attached.values().all(|attached| !attached.contains(&connection)),
                        "{connection:?} is closed while it hears a room"
                    );
                }
            }
        }
    }

    fn hear(&mut self, connection: ConnectionId, heard: Heard) {
        assert!(self.open.contains(&connection), "{connection:?} is gone and is told {heard}");
        self.heard.entry(connection).or_default().push(heard);
    }
}
