//! What this node knows of its own connections: users, sessions, nicks, presence, rates and admission.
//!
//! [`Sessions`] takes what connections ask ([`Sessions::admit`]), answers what concerns this node alone with
//! [`Output`]s, and turns what is durable into an [`Entry`](crate::Entry) for the sequencer. What became of the entry
//! comes back through [`Sessions::settle`]. It reads [`Rooms`], and never changes them.

mod accounts;
mod admit;
mod chance;
mod connection;
mod costs;
mod door;
mod ended;
mod ending;
mod here;
mod presence;
mod rates;
mod recent;
mod resume;
mod settle;
mod take_back;
mod telling;
mod token;
mod turn;
mod users;

use crate::close::CloseReason;
use crate::cost::Hits;
use crate::entry::Ticket;
use crate::event::Sender;
use crate::ids::{ConnectionId, Epoch, Pos, Realm, SessionId, Time, UserId};
use crate::limits::Limits;
use crate::names::{Nick, RoomName};
use crate::output::Output;
use crate::refusal::Code;
use crate::reply::Reply;
use crate::rooms::Rooms;
use accounts::{AccountId, Accounts};
use chance::Chance;
use connection::{Connection, Session, Stage};
use door::Door;
use ended::Ended;
use here::RoomsHere;
use recent::Recent;
use settle::Pending;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use token::Tokens;
use users::Users;

pub use connection::Peer;

/// What [`Sessions`] begin with.
#[derive(Clone)]
pub struct SessionsSettings {
    pub limits: Limits,
    pub epoch: Epoch,
    /// The key of session tokens; secret, and kept with the database.
    pub token_key: [u8; 32],
    /// Where session ids and guest names come from. A new one for each process.
    pub seed: u64,
    /// What a connection must say before anything else, if there is one.
    pub join_code: Option<String>,
    /// The rooms that a new session is in. What is no room's name is left out.
    pub auto_join: Vec<String>,
    /// The spaces of rooms beside the chat, by their names, which begin with `/` as no room of the chat can. One with a `*`
    /// in its name is a pattern: each session says itself which space of that form it comes into.
    pub realms: Vec<String>,
    /// No event had this position or a later one.
    pub next_pos: Pos,
}

/// How many there are, for metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub connections: usize,
    /// With those whose connection is cut.
    pub sessions: usize,
    pub users: usize,
    /// Rooms with members or observers.
    pub rooms: usize,
}

/// Everybody who is here.
#[derive(Debug)]
pub struct Sessions {
    limits: Limits,
    epoch: Epoch,
    tokens: Tokens,
    door: Door,
    auto_join: Vec<Arc<str>>,
    realms: Vec<Arc<str>>,
    chance: Chance,
    next_pos: Pos,
    /// What the wall's time is ahead of the running time, in milliseconds.
    wall_ahead_ms: i64,
    /// The same of the time by which tokens grow old.
    aging_ahead_ms: i64,
    // A table is up to twice as large as what is in it: large values stand beside it.
    connections: HashMap<ConnectionId, Box<Connection>>,
    sessions: HashMap<SessionId, Box<Session>>,
    users: Users,
    here: RoomsHere,
    recent: Recent,
    ended: Ended,
    /// Sessions without a connection, by the time at which they end.
    expiring: BTreeSet<(Time, SessionId)>,
    /// Requests whose entries are not settled yet: at most those of the batch under way.
    pending: HashMap<Ticket, Pending>,
    last_ticket: u64,
    accounts: Accounts,
    /// Accounts some of whose connections wait for their join code's turn, by the time of the next.
    turns: BTreeSet<(Time, AccountId)>,
    /// How often limits were reached since this was last taken.
    hits: Hits,
    /// Whether durable commands are taken.
    writable: bool,
    shutting_down: bool,
}

impl Sessions {
    /// Nobody is here yet.
    #[must_use]
    pub fn new(settings: SessionsSettings) -> Self {
        let SessionsSettings { limits, epoch, token_key, seed, join_code, auto_join, realms, next_pos } = settings;
        let mut rooms = Vec::new();
        for room in auto_join.iter().filter_map(|room| RoomName::parse(room, limits.room_chars)) {
            if rooms.len() < limits.rooms_per_session && !rooms.contains(&room) {
                rooms.push(room);
            }
        }
        Self {
            tokens: Tokens::new(&token_key, epoch),
            door: Door::new(join_code.as_deref()),
            accounts: Accounts::new(limits.counts_loopback),
            turns: BTreeSet::new(),
            hits: Hits::default(),
            limits,
            epoch,
            auto_join: rooms,
            realms: realms.into_iter().map(Arc::from).collect(),
            chance: Chance::new(seed),
            next_pos,
            wall_ahead_ms: 0,
            aging_ahead_ms: 0,
            connections: HashMap::new(),
            sessions: HashMap::new(),
            users: Users::default(),
            here: RoomsHere::default(),
            recent: Recent::default(),
            ended: Ended::default(),
            expiring: BTreeSet::new(),
            pending: HashMap::new(),
            last_ticket: 0,
            writable: true,
            shutting_down: false,
        }
    }

    /// A connection begins. If it is known and has no session, it begins again: an observer that turns out to speak
    /// another protocol.
    pub fn connect(&mut self, connection: ConnectionId, peer: Peer, out: &mut Vec<Output>) {
        match self.connections.get(&connection).map(|known| known.stage) {
            None => {
                let account = self.enter_account(peer);
                self.connections.insert(connection, Box::new(Connection::new(peer, account)));
            }
            Some(Stage::Silent | Stage::Observing(_)) => {
                self.stop_observing(connection, out);
                if let Some(known) = self.connections.get_mut(&connection) {
                    known.peer = peer;
                    known.observer = false;
                }
            }
            // The same client on another transport: a session that was upgraded from polling to a WebSocket.
            Some(Stage::Session(session)) => {
                if let Some(known) = self.connections.get_mut(&connection) {
                    known.peer = peer;
                }
                if let Some(session) = self.sessions.get_mut(&session) {
                    session.peer = peer;
                }
            }
            Some(Stage::Closing) => {}
        }
    }

    /// A connection that has said nothing hears the first of the rooms that everybody is in. It is not counted, named
    /// or announced. Where a join code is asked for, it is told so instead.
    pub fn observe(&mut self, connection: ConnectionId, rooms: &Rooms, out: &mut Vec<Output>) {
        let Some(known) = self.connections.get_mut(&connection) else { return };
        if known.stage != Stage::Silent {
            return;
        }
        known.observer = true;
        if self.door.is_locked_for(known) {
            let refusal = Code::PassRequired.refuse(None, door::ASK);
            out.push(Output::Reply { to: connection, reply: Reply::Refused(refusal) });
            return;
        }
        let Some(name) = self.auto_join.first() else { return };
        let Some(room) = self.here.open(name, rooms, self.limits.rooms_total) else { return };
        known.stage = Stage::Observing(room);
        let here = &mut self.here[room];
        here.observers += 1;
        let name = Arc::clone(&here.name);
        let reply = Reply::Observing { room: Arc::clone(&name), members: here.users, seq: rooms.seq(&name) };
        out.push(Output::Attach { connection, room, name });
        out.push(Output::Current { connection, room: Some(room) });
        out.push(Output::Reply { to: connection, reply });
    }

    /// Returns how often limits were reached since this was last asked.
    pub fn take_hits(&mut self) -> Hits {
        std::mem::take(&mut self.hits)
    }

    /// Puts back a session that its client ended before the server was started, in the order of their ends.
    pub fn restore_ended(&mut self, session: SessionId) {
        self.ended.restore(session);
    }

    /// Whether [`Sessions::take_ended`] has something to give.
    #[must_use]
    pub const fn has_ended(&self) -> bool {
        self.ended.has_news()
    }

    /// Takes the sessions that their clients ended since this was last called: the store keeps them with the next batch, so
    /// that no token of theirs is good after a restart.
    pub fn take_ended(&mut self) -> Vec<SessionId> {
        self.ended.take_news()
    }

    /// Takes back what [`Sessions::take_ended`] gave, since the store has not kept it.
    pub fn give_back_ended(&mut self, ended: Vec<SessionId>) {
        self.ended.give_back(ended);
    }

    /// Whether durable commands are taken; if not, they are refused with `storage_full`.
    pub const fn set_writable(&mut self, writable: bool) {
        self.writable = writable;
    }

    /// From now on every command is refused with `shutting_down`.
    pub const fn shutdown(&mut self) {
        self.shutting_down = true;
    }

    /// Sets what the wall's clock shows at the running time `now`, and what it would show if nobody had ever set it.
    ///
    /// All of [`Sessions`] is told the *running* time, which goes on evenly while the process runs: by it sessions end
    /// and rates are held. Events and entries are stamped with the *wall's* time. Tokens outlive the process, and grow old by
    /// the third. So a clock that is set changes the stamps, and neither a deadline nor a token. Until this is called, the
    /// three are the same.
    pub const fn set_wall(&mut self, now: Time, wall: Time, unset: Time) {
        self.wall_ahead_ms = wall.0.wrapping_sub(now.0).cast_signed();
        self.aging_ahead_ms = unset.0.wrapping_sub(now.0).cast_signed();
    }

    /// The time by which tokens grow old at the running time `now`.
    const fn aging(&self, now: Time) -> Time {
        Time(now.0.saturating_add_signed(self.aging_ahead_ms))
    }

    /// The wall's time at the running time `now`.
    const fn wall(&self, now: Time) -> Time {
        Time(now.0.saturating_add_signed(self.wall_ahead_ms))
    }

    /// The position that the next event gets.
    #[must_use]
    pub const fn next_pos(&self) -> Pos {
        self.next_pos
    }

    /// How many there are.
    #[must_use]
    pub fn counts(&self) -> Counts {
        Counts {
            connections: self.connections.len(),
            sessions: self.sessions.len(),
            users: self.users.len(),
            rooms: self.here.len(),
        }
    }

    /// The session that the connection speaks for.
    #[must_use]
    pub fn session_of(&self, connection: ConnectionId) -> Option<SessionId> {
        self.connections.get(&connection)?.session()
    }

    /// Who the connection is, as others see it.
    #[must_use]
    pub fn sender_of(&self, connection: ConnectionId) -> Option<Sender> {
        self.session_of(connection).map(|session| self.sender(session))
    }

    /// Tells a connection to close, and hears it no more. Its session, if it had one, was dealt with before.
    fn close(&mut self, connection: ConnectionId, reason: CloseReason, out: &mut Vec<Output>) {
        if let Some(known) = self.connections.get_mut(&connection) {
            known.stage = Stage::Closing;
        }
        out.push(Output::Close { connection, reason });
    }

    fn stop_observing(&mut self, connection: ConnectionId, out: &mut Vec<Output>) {
        let Some(known) = self.connections.get_mut(&connection) else { return };
        if let Stage::Observing(room) = known.stage {
            known.stage = Stage::Silent;
            out.push(Output::Detach { connection, room });
            self.release_observed(room);
        }
    }

    /// The rooms that a new session of this realm is in.
    fn first_rooms(&self, realm: Realm, space: Option<&Arc<str>>) -> Vec<Arc<str>> {
        if realm == Realm(0) { self.auto_join.clone() } else { self.space(realm, space).into_iter().collect() }
    }

    /// The space of a realm beside the chat: its own, or the one asked for where the realm is a pattern.
    fn space(&self, realm: Realm, asked: Option<&Arc<str>>) -> Option<Arc<str>> {
        let own = self.realms.get(usize::from(realm.0).checked_sub(1)?)?;
        let space = if own.contains('*') { asked? } else { own };
        Some(Arc::clone(space)).filter(|space| space.starts_with('/') && !space.contains('#'))
    }

    /// The space that a session is in, which is the first of its rooms and never left; none in the chat.
    fn space_of(&self, session: &Session) -> Option<&Arc<str>> {
        let first = session.rooms.first().filter(|_| session.peer.realm != Realm(0))?;
        Some(&self.here[*first].name)
    }

    /// The room that a session means by a name. Beside the chat a name is what its client made of it: any text without
    /// control characters, and case counts.
    fn room_name(&self, session: &Session, name: &str) -> Option<Arc<str>> {
        let most = self.limits.room_chars;
        if session.peer.realm == Realm(0) {
            return RoomName::parse(name, most);
        }
        let is_name = !name.is_empty() && name.chars().count() <= most && !name.chars().any(char::is_control);
        let space = self.space_of(session).filter(|_| is_name)?;
        Some(Arc::from(format!("{space}#{name}")))
    }

    /// How many namespaces by a pattern have somebody in them.
    fn patterned_spaces(&self) -> usize {
        self.here.spaces() - self.realms.iter().filter(|own| self.here.find(own).is_some()).count()
    }

    fn new_session_id(&mut self) -> SessionId {
        loop {
            let session = SessionId(self.chance.next());
            if !self.sessions.contains_key(&session) {
                return session;
            }
        }
    }

    fn new_user_id(&mut self) -> UserId {
        loop {
            let user = UserId(self.chance.next());
            if !self.users.contains(user) {
                return user;
            }
        }
    }

    /// A name like `guest-7f3a` that nobody has. When many of the short ones are taken, they grow.
    fn guest_nick(&mut self) -> Nick {
        const TRIES: usize = 16;
        for digits in [4, 8, 16].into_iter().cycle() {
            for _ in 0..TRIES {
                let name = format!("guest-{:0digits$x}", self.chance.next() >> (64 - 4 * digits));
                if let Some(nick) = Nick::parse(&name, name.len())
                    && !self.users.is_taken(&nick, None)
                {
                    return nick;
                }
            }
        }
        unreachable!("the loop above ends only with a name")
    }
}
