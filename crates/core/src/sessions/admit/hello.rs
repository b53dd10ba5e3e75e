//! Hello: how a session begins, by a name, by a token, or without a word.

use super::super::Sessions;
use super::super::connection::{Session, Stage};
use super::super::resume::Seen;
use super::super::token::Claim;
use super::super::turn::{Ask, Turn};
use crate::command::Hello;
use crate::ids::{ConnectionId, Realm, RoomId, SessionId, UserId};
use crate::limits::TOKEN_AGE_MS;
use crate::names::Nick;
use crate::refusal::{Code, Refusal};
use crate::reply::{Reply, RoomRow, Welcome};
use std::sync::Arc;

/// What a session begins with.
struct Beginning {
    session: SessionId,
    user: UserId,
    /// Of a user who is not here yet.
    nick: Option<Nick>,
    rooms: Vec<Arc<str>>,
    resumed: bool,
}

impl Sessions {
    pub(super) fn hello(
        &mut self,
        turn: &mut Turn<'_>,
        connection: ConnectionId,
        reference: Option<Arc<str>>,
        hello: &Hello,
    ) -> Result<(), Refusal> {
        if self.session_of(connection).is_some() {
            return Err(Code::AlreadyWelcome.refuse(None, "this connection has a session already"));
        }
        let claim = hello.token.as_deref().and_then(|token| self.tokens.read(token));
        match claim.filter(|claim| self.is_good(turn, claim) && self.is_of_realm(connection, claim)) {
            None => self.begin_new(turn, connection, reference, hello),
            Some(claim) if hello.as_new => self.begin_further(turn, connection, reference, hello, claim.user),
            Some(claim) if self.is_alive(&claim) => {
                let seen = self.seen(&hello.resume);
                self.take_over(turn, &Ask { connection, session: claim.session, reference }, &seen, hello.since);
                Ok(())
            }
            Some(claim) => self.come_back(turn, connection, reference, hello, claim),
        }
    }

    /// A session for a connection that did not say hello.
    pub(super) fn begin_guest(&mut self, turn: &mut Turn<'_>, connection: ConnectionId) -> SessionId {
        let nick = Some(self.guest_nick());
        let (session, user) = (self.new_session_id(), self.new_user_id());
        let rooms = self.first_rooms(self.realm_of(connection));
        let beginning = Beginning { session, user, nick, rooms, resumed: false };
        self.begin(turn, connection, None, beginning);
        session
    }

    /// Tells a session that it is open.
    pub(in super::super) fn welcome(&self, turn: &mut Turn<'_>, ask: &Ask, resumed: bool) {
        let session = &self.sessions[&ask.session];
        let row = |room: &RoomId| {
            let here = &self.here[*room];
            RoomRow {
                room: Arc::clone(&here.name),
                seq: turn.rooms.seq(&here.name),
                members: here.users,
                topic: turn.rooms.topic(&here.name),
            }
        };
        let welcome = Welcome {
            reference: ask.reference.clone(),
            session: ask.session,
            token: self.tokens.issue(Claim { session: ask.session, user: session.user, issued: turn.now }),
            epoch: self.epoch,
            nick: Arc::clone(self.users[session.user].nick.shown()),
            resumed,
            rooms: session.rooms.iter().map(row).collect(),
            pos: self.next_pos.saturating_sub(1),
        };
        turn.reply(ask.connection, Reply::Welcome(Box::new(welcome)));
    }

    /// The nick that a client wishes for, if `user` can have it.
    pub(super) fn check_nick(&self, wish: &str, user: Option<UserId>) -> Result<Nick, Refusal> {
        let most = self.limits.nick_chars;
        let Some(nick) = Nick::parse(wish, most) else {
            let rule = "a nick has no spaces, none of < > @ : , / * \" ' ` & # \\, does not begin with -";
            let message = format!("{rule}, and has at most {most} characters (limits.nick_chars)");
            return Err(Code::NickInvalid.refuse(None, message));
        };
        if self.users.is_taken(&nick, user) {
            return Err(Code::NickTaken.refuse(None, "somebody has this nick, or one that looks like it"));
        }
        Ok(nick)
    }

    /// A token of a session that is alive is good however old it is: a client may have been connected for days.
    fn is_good(&self, turn: &Turn<'_>, claim: &Claim) -> bool {
        self.is_alive(claim) || turn.now.since(claim.issued) <= TOKEN_AGE_MS
    }

    fn is_alive(&self, claim: &Claim) -> bool {
        self.sessions.get(&claim.session).is_some_and(|session| session.user == claim.user)
    }

    /// A token leads back into the realm that it was issued in, and into no other.
    fn is_of_realm(&self, connection: ConnectionId, claim: &Claim) -> bool {
        let session = self.sessions.get(&claim.session).filter(|session| session.user == claim.user);
        session.is_none_or(|session| session.peer.realm == self.realm_of(connection))
    }

    /// A new user.
    fn begin_new(
        &mut self,
        turn: &mut Turn<'_>,
        connection: ConnectionId,
        reference: Option<Arc<str>>,
        hello: &Hello,
    ) -> Result<(), Refusal> {
        let nick = match &hello.nick {
            Some(wish) => self.check_nick(wish, None)?,
            None => self.guest_nick(),
        };
        let (session, user) = (self.new_session_id(), self.new_user_id());
        let rooms = self.first_rooms(self.realm_of(connection));
        self.begin(turn, connection, reference, Beginning { session, user, nick: Some(nick), rooms, resumed: false });
        Ok(())
    }

    /// A further session of the token's user: a second tab or device.
    fn begin_further(
        &mut self,
        turn: &mut Turn<'_>,
        connection: ConnectionId,
        reference: Option<Arc<str>>,
        hello: &Hello,
        user: UserId,
    ) -> Result<(), Refusal> {
        let nick = self.nick_for(user, hello)?;
        let session = self.new_session_id();
        let rooms = self.first_rooms(self.realm_of(connection));
        self.begin(turn, connection, reference, Beginning { session, user, nick, rooms, resumed: false });
        Ok(())
    }

    /// The token's session is gone (its time was over, or the server was started again): it is made again under the
    /// same ids, in the rooms that the client names, and what was missed in them is replayed.
    fn come_back(
        &mut self,
        turn: &mut Turn<'_>,
        connection: ConnectionId,
        reference: Option<Arc<str>>,
        hello: &Hello,
        claim: Claim,
    ) -> Result<(), Refusal> {
        let nick = self.nick_for(claim.user, hello)?;
        // An id that a session of somebody else has by chance cannot be had again.
        let taken = self.sessions.contains_key(&claim.session);
        let session = if taken { self.new_session_id() } else { claim.session };
        let seen = self.seen(&hello.resume);
        let rooms = self.rooms_again(self.realm_of(connection), &seen);
        self.begin(turn, connection, reference, Beginning { session, user: claim.user, nick, rooms, resumed: true });
        let rooms = self.sessions[&session].rooms.clone();
        self.replay_all(turn, connection, &rooms, &seen, hello.since);
        Ok(())
    }

    /// The nick for a user of a token, None if the user is here and has one. A wish that cannot be had does not keep a
    /// client from coming back: it is a guest then.
    fn nick_for(&mut self, user: UserId, hello: &Hello) -> Result<Option<Nick>, Refusal> {
        if let Some(user) = self.users.get(user) {
            let most = self.limits.sessions_per_user;
            if user.sessions.len() >= most {
                let message = format!("you have {most} sessions already (limits.sessions_per_user)");
                return Err(Code::TooManySessions.refuse(None, message));
            }
            return Ok(None);
        }
        let wish = hello.nick.as_deref().and_then(|wish| self.check_nick(wish, None).ok());
        Ok(Some(wish.unwrap_or_else(|| self.guest_nick())))
    }

    /// The rooms that everybody is in, then those that the client saw something of.
    fn rooms_again(&self, realm: Realm, seen: &Seen) -> Vec<Arc<str>> {
        let mut rooms = self.first_rooms(realm);
        if realm == Realm(0) {
            let more = seen.keys().filter(|room| !self.auto_join.contains(room));
            rooms.extend(more.take(self.limits.rooms_per_session.saturating_sub(rooms.len())).cloned());
        }
        rooms
    }

    pub(in super::super) fn realm_of(&self, connection: ConnectionId) -> Realm {
        self.connections.get(&connection).map_or(Realm(0), |known| known.peer.realm)
    }

    fn begin(
        &mut self,
        turn: &mut Turn<'_>,
        connection: ConnectionId,
        reference: Option<Arc<str>>,
        beginning: Beginning,
    ) {
        let Beginning { session, user, nick, rooms, resumed } = beginning;
        self.stop_observing(connection, turn.out);
        let Some(known) = self.connections.get_mut(&connection) else { return };
        known.stage = Stage::Session(session);
        self.sessions.insert(session, Box::new(Session::new(user, connection, known.peer)));
        if let Some(nick) = nick {
            self.users.add(user, nick);
        }
        self.users.add_session(user, session);
        let mut newly_in = Vec::with_capacity(rooms.len());
        for name in rooms {
            // A server that has as many rooms as it may have still lets people in.
            let Some(room) = self.here.open(&name, turn.rooms, self.limits.rooms_total) else { continue };
            if self.enter(session, room) {
                newly_in.push(room);
            }
        }
        let ask = Ask { connection, session, reference };
        self.welcome(turn, &ask, resumed);
        self.attach_all(&ask, turn.out);
        for room in newly_in {
            let from = self.sender(session);
            self.tell_joined(turn.now, from, room, connection, turn.out);
        }
    }
}
