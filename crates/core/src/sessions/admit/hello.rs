//! Hello: how a session begins, by a name, by a token, or without a word.

use super::super::Sessions;
use super::super::connection::{Session, Stage};
use super::super::recent::Follows;
use super::super::resume::{Replayed, Seen};
use super::super::token::Claim;
use super::super::turn::{Ask, Turn};
use crate::close::CloseReason;
use crate::command::Hello;
use crate::event::LeftWhy;
use crate::ids::{ConnectionId, Realm, RoomId, Seq, SessionId, UserId};
use crate::limits::TOKEN_AGE_MS;
use crate::names::{Nick, is_reserved};
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
    /// The number of the last event seen in the room in which it will speak.
    after: Option<Seq>,
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
        self.check_space(turn, connection, hello)?;
        let claim = hello.token.as_deref().and_then(|token| self.tokens.read(token));
        match claim.filter(|claim| self.is_good(turn, claim) && self.is_of_realm(connection, claim, hello)) {
            None => self.begin_new(turn, connection, reference, hello),
            Some(claim) if hello.as_new => self.begin_further(turn, connection, reference, hello, claim.user),
            Some(claim) if self.connections.get(&connection).is_some_and(|known| known.peer.follows) => {
                let missed = if self.is_alive(&claim) { self.missed_since(claim.session, hello.since) } else { None };
                let Some(events) = missed else {
                    return self.start_over(turn, connection, reference, hello, claim);
                };
                let ask = Ask { connection, session: claim.session, reference };
                self.take_over(turn, &ask, Replayed::Events(events));
                Ok(())
            }
            Some(claim) if self.is_alive(&claim) => {
                let seen = self.seen(&hello.resume);
                let ask = Ask { connection, session: claim.session, reference };
                self.take_over(turn, &ask, Replayed::Stored(&seen));
                Ok(())
            }
            Some(claim) => self.come_back(turn, connection, reference, hello, claim),
        }
    }

    /// A session for a connection that did not say hello.
    pub(super) fn begin_guest(&mut self, turn: &mut Turn<'_>, connection: ConnectionId) -> SessionId {
        let nick = Some(self.guest_nick());
        let (session, user) = (self.new_session_id(), self.new_user_id());
        let rooms = self.first_rooms(self.realm_of(connection), None);
        let beginning = Beginning { session, user, nick, rooms, resumed: false, after: None };
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
            token: self.tokens.issue(Claim { session: ask.session, user: session.user, issued: self.aging(turn.now) }),
            epoch: self.epoch,
            nick: Arc::clone(self.users[session.user].nick.shown()),
            resumed,
            rooms: session.rooms.iter().map(row).collect(),
        };
        turn.reply(ask.connection, Reply::Welcome(Box::new(welcome)));
    }

    /// The nick that a client wishes for, if `user` can have it.
    pub(super) fn check_nick(&self, wish: &str, user: Option<UserId>) -> Result<Nick, Refusal> {
        let nick = self.read_nick(wish)?;
        if is_reserved(nick.folded()) || is_reserved(nick.shown()) {
            let message = "this nick is kept for the server, or looks like one that is: choose another";
            return Err(Code::NickTaken.refuse(None, message));
        }
        if self.users.is_taken(&nick, user) {
            return Err(Code::NickTaken.refuse(None, "somebody has this nick, or one that looks like it"));
        }
        Ok(nick)
    }

    fn read_nick(&self, wish: &str) -> Result<Nick, Refusal> {
        let most = self.limits.nick_chars;
        Nick::parse(wish, most).ok_or_else(|| {
            let rule = "a nick has no spaces, none of < > @ : , / * \" ' ` & # \\, does not begin with -";
            let message = format!("{rule}, and has at most {most} characters (limits.nick_chars)");
            Code::NickInvalid.refuse(None, message)
        })
    }

    /// The nick for a new user. Beside the chat nobody is called by it, and several may have the same.
    fn new_nick(&mut self, connection: ConnectionId, wish: Option<&str>) -> Result<Nick, Refusal> {
        match wish {
            Some(wish) if self.realm_of(connection) == Realm(0) => self.check_nick(wish, None),
            Some(wish) => self.read_nick(wish),
            None => Ok(self.guest_nick()),
        }
    }

    /// A room that a session begins in. Those that everybody is in cost nobody anything; those that a client names as
    /// its own of before cost it what joining them does.
    fn open_first_room(&mut self, turn: &Turn<'_>, session: SessionId, name: &Arc<str>) -> Option<RoomId> {
        if name.starts_with('/') || self.auto_join.contains(name) {
            return self.here.open(name, turn.rooms, self.limits.rooms_total);
        }
        self.open_room(turn, session, name).ok()
    }

    /// Whether the namespace that a client wants to come into can be had. A new one by a pattern is paid for like a room.
    fn check_space(&mut self, turn: &Turn<'_>, connection: ConnectionId, hello: &Hello) -> Result<(), Refusal> {
        let realm = self.realm_of(connection);
        if realm == Realm(0) {
            return Ok(());
        }
        let Some(space) = self.space(realm, hello.space.as_ref()) else {
            return Err(Code::BadRequest.refuse(None, "there is no such namespace"));
        };
        if self.here.find(&space).is_some() || self.realms.contains(&space) {
            return Ok(());
        }
        let most = self.limits.namespaces;
        if self.patterned_spaces() >= most {
            let message = format!("the server has {most} namespaces by a pattern already (limits.namespaces)");
            return Err(Code::ServerRooms.refuse(None, message));
        }
        let account = self.connections.get(&connection).and_then(|known| known.account);
        self.take_new_room(turn.now, account)
    }

    /// A token of a session that is alive is good however old it is: a client may have been connected for days. One of a
    /// session that its client ended is not.
    fn is_good(&self, turn: &Turn<'_>, claim: &Claim) -> bool {
        let is_young = || self.aging(turn.now).since(claim.issued) <= TOKEN_AGE_MS;
        !self.ended.contains(claim.session) && (self.is_alive(claim) || is_young())
    }

    fn is_alive(&self, claim: &Claim) -> bool {
        self.sessions.get(&claim.session).is_some_and(|session| session.user == claim.user)
    }

    /// A token leads back into the realm and the namespace that it was issued in, and into no other.
    fn is_of_realm(&self, connection: ConnectionId, claim: &Claim, hello: &Hello) -> bool {
        let realm = self.realm_of(connection);
        let space = self.space(realm, hello.space.as_ref());
        let session = self.sessions.get(&claim.session).filter(|session| session.user == claim.user);
        session.is_none_or(|session| session.peer.realm == realm && self.space_of(session) == space.as_ref())
    }

    /// A new user.
    fn begin_new(
        &mut self,
        turn: &mut Turn<'_>,
        connection: ConnectionId,
        reference: Option<Arc<str>>,
        hello: &Hello,
    ) -> Result<(), Refusal> {
        let nick = self.new_nick(connection, hello.nick.as_deref())?;
        let (session, user) = (self.new_session_id(), self.new_user_id());
        let rooms = self.first_rooms(self.realm_of(connection), hello.space.as_ref());
        let (nick, after) = (Some(nick), hello.after);
        self.begin(turn, connection, reference, Beginning { session, user, nick, rooms, resumed: false, after });
        Ok(())
    }

    /// Somebody comes back by a position, and what the session missed is not all kept: a new session of the same user,
    /// who keeps the nick if nobody took it meanwhile. What was said to the user privately is still given.
    fn start_over(
        &mut self,
        turn: &mut Turn<'_>,
        connection: ConnectionId,
        reference: Option<Arc<str>>,
        hello: &Hello,
        claim: Claim,
    ) -> Result<(), Refusal> {
        let mut private = None;
        let mut hello = hello.clone();
        if self.is_alive(&claim) {
            private = self.sessions.get_mut(&claim.session).and_then(|session| session.missed.take());
            hello.nick = Some(self.users[claim.user].nick.shown().to_string());
            let before = self.sessions[&claim.session].connection();
            self.end(turn.now, claim.session, LeftWhy::Gone, turn.out);
            if let Some(before) = before {
                self.close(before, CloseReason::TakenOver, turn.out);
            }
        }
        let nick = self.nick_for(connection, claim.user, &hello)?;
        let session = self.new_session_id();
        let rooms = self.first_rooms(self.realm_of(connection), hello.space.as_ref());
        let beginning = Beginning { session, user: claim.user, nick, rooms, resumed: false, after: hello.after };
        self.begin(turn, connection, reference, beginning);
        if let Some(private) = private {
            self.tell_missed(turn, connection, *private);
        }
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
        let nick = self.nick_for(connection, user, hello)?;
        let session = self.new_session_id();
        let rooms = self.first_rooms(self.realm_of(connection), hello.space.as_ref());
        let after = hello.after;
        self.begin(turn, connection, reference, Beginning { session, user, nick, rooms, resumed: false, after });
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
        let nick = self.nick_for(connection, claim.user, hello)?;
        // An id that a session of somebody else has by chance cannot be had again.
        let taken = self.sessions.contains_key(&claim.session);
        let session = if taken { self.new_session_id() } else { claim.session };
        let seen = self.seen(&hello.resume);
        let rooms = self.rooms_again(self.realm_of(connection), hello.space.as_ref(), &seen);
        let beginning = Beginning { session, user: claim.user, nick, rooms, resumed: true, after: None };
        self.begin(turn, connection, reference, beginning);
        let rooms = self.sessions[&session].rooms.clone();
        self.replay_all(turn, connection, &rooms, &seen);
        Ok(())
    }

    /// The nick for a user of a token, None if the user is here and has one. A wish that cannot be had does not keep a
    /// client from coming back: it is a guest then.
    fn nick_for(&mut self, connection: ConnectionId, user: UserId, hello: &Hello) -> Result<Option<Nick>, Refusal> {
        if let Some(user) = self.users.get(user) {
            let most = self.limits.sessions_per_user;
            if user.sessions.len() >= most {
                let message = format!("you have {most} sessions already (limits.sessions_per_user)");
                return Err(Code::TooManySessions.refuse(None, message));
            }
            return Ok(None);
        }
        let wish = self.new_nick(connection, hello.nick.as_deref()).ok();
        Ok(Some(wish.unwrap_or_else(|| self.guest_nick())))
    }

    /// The rooms that everybody is in, then those that the client saw something of.
    fn rooms_again(&self, realm: Realm, space: Option<&Arc<str>>, seen: &Seen) -> Vec<Arc<str>> {
        let mut rooms = self.first_rooms(realm, space);
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
        let Beginning { session, user, nick, rooms, resumed, after } = beginning;
        self.stop_observing(connection, turn.out);
        let Some(known) = self.connections.get_mut(&connection) else { return };
        known.stage = Stage::Session(session);
        let account = known.account;
        let mut beginning = Session::new(user, connection, known.peer);
        if known.peer.follows {
            let latest = self.next_pos.saturating_sub(1);
            beginning.follows = Some(Box::new(Follows::new(latest, after.is_some())));
            self.recent.follow();
        }
        self.sessions.insert(session, Box::new(beginning));
        match nick {
            Some(nick) if known.peer.realm == Realm(0) => self.users.add(user, nick),
            Some(nick) => self.users.add_unlisted(user, nick),
            None => {}
        }
        self.users.add_session(user, session);
        self.move_account(turn.now, session, account);
        let mut newly_in = Vec::with_capacity(rooms.len());
        for name in rooms {
            // Names in a resume are wishes: what could not be joined is not come back to.
            if self.room_like(&name, turn.rooms).is_some() {
                continue;
            }
            // A server that has as many rooms as it may have still lets people in.
            let Some(room) = self.open_first_room(turn, session, &name) else { continue };
            if self.enter(session, room) {
                newly_in.push(room);
            }
        }
        let ask = Ask { connection, session, reference };
        self.welcome(turn, &ask, resumed);
        self.attach_all(&ask, turn.out);
        if let Some(after) = after {
            self.replay_current(turn, &ask, after);
        }
        for room in newly_in {
            let from = self.sender(session);
            self.tell_joined(turn.now, from, room, connection, turn.out);
        }
    }
}
