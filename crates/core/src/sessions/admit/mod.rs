//! Admission: every command of a connection is answered, refused, or made an entry for the sequencer.

mod hello;
mod nick;
mod read;
mod relay;
mod room;
mod talk;

use super::Sessions;
use super::connection::{Connection, Stage};
use super::door;
use super::settle::Pending;
use super::turn::{Ask, Turn};
use crate::close::CloseReason;
use crate::command::{Command, Hello, Request};
use crate::entry::{Entry, EntryKind};
use crate::event::LeftWhy;
use crate::ids::{ConnectionId, Realm, RoomId, Time};
use crate::limits::Limits;
use crate::output::Output;
use crate::refusal::{Code, Refusal};
use crate::reply::Reply;
use crate::rooms::Rooms;
use std::sync::Arc;

impl Sessions {
    /// Takes one request. What it does at once goes to `out`; what has to be ordered and stored first is returned, and
    /// its answer comes with [`Sessions::settle`].
    ///
    /// A connection that has no session gets one as a guest by any command but hello, pass, ping and quit.
    pub fn admit(
        &mut self,
        now: Time,
        connection: ConnectionId,
        request: Request,
        rooms: &Rooms,
        out: &mut Vec<Output>,
    ) -> Option<Entry> {
        let mut turn = Turn { now, rooms, out };
        let request = self.await_turn(&mut turn, connection, request)?;
        let Request { reference, command } = request;
        match self.consider(&mut turn, connection, reference.clone(), command) {
            Ok(entry) => entry,
            Err(mut refusal) => {
                let code = refusal.code;
                refusal.reference = reference;
                turn.reply(connection, Reply::Refused(refusal));
                if code == Code::PassWrong && self.has_guessed_enough(connection) {
                    self.close(connection, CloseReason::PassRefused, turn.out);
                }
                None
            }
        }
    }

    fn consider(
        &mut self,
        turn: &mut Turn<'_>,
        connection: ConnectionId,
        reference: Option<Arc<str>>,
        command: Command,
    ) -> Result<Option<Entry>, Refusal> {
        let Some(known) = self.connections.get_mut(&connection) else { return Ok(None) };
        if known.stage == Stage::Closing {
            return Ok(None);
        }
        if self.shutting_down {
            return Err(Code::ShuttingDown.refuse(None, "the server is going down"));
        }
        // Messages and events have measures of their own. Saying goodbye counts, and is never refused.
        let is_talk = matches!(command, Command::Message { .. } | Command::Relay { .. });
        if !is_talk && !take_command(known, turn.now, &self.limits) && command != Command::Quit {
            return Err(too_many_commands());
        }
        self.check_pass(turn.now, connection, &command)?;
        self.check_entered(connection, &command)?;
        match command {
            Command::Hello(hello) => self.hello(turn, connection, reference, &hello)?,
            Command::Pass { .. } => {
                turn.reply(connection, done(reference));
                self.observe_again(turn, connection);
            }
            Command::Ping => turn.reply(connection, Reply::Pong { reference, time: self.wall(turn.now) }),
            Command::Quit => self.quit(turn, connection),
            // Whoever begins by saying a name comes in under it, and nobody is told of a guest who was never here.
            Command::Nick { nick } if self.session_of(connection).is_none() => {
                self.hello(turn, connection, None, &Hello { nick: Some(nick), ..Hello::default() })?;
                // The welcome says it too; who asked by a name of its own waits for an answer of that name.
                if let Some(sender) = self.sender_of(connection).filter(|_| reference.is_some()) {
                    turn.reply(connection, Reply::Nick { reference, nick: sender.nick });
                }
            }
            Command::Nick { nick } => {
                let ask = self.ask(turn, connection, reference);
                self.nick(turn, &ask, &nick)?;
            }
            Command::Join { room } => {
                let ask = self.ask(turn, connection, reference);
                self.join(turn, ask, &room)?;
            }
            Command::Leave { room } => {
                let ask = self.ask(turn, connection, reference);
                self.leave_by_request(turn, ask, room.as_deref())?;
            }
            Command::Message { target, text, id, action } => {
                let ask = self.ask(turn, connection, reference);
                return self.message(turn, ask, &talk::Message { target, text, id, action });
            }
            Command::Topic { room, text } => {
                let ask = self.ask(turn, connection, reference);
                return self.topic(turn, ask, room.as_deref(), text);
            }
            Command::Typing { room } => {
                let ask = self.ask(turn, connection, reference);
                self.typing(turn, ask, room.as_deref())?;
            }
            Command::History { room, before, after, limit } => {
                let ask = self.ask(turn, connection, reference);
                self.history(turn, ask, room.as_deref(), (before, after), limit)?;
            }
            Command::Search { room, query, before, limit } => {
                let ask = self.ask(turn, connection, reference);
                self.search(turn, ask, room.as_deref(), &query, before, limit)?;
            }
            Command::Members { room } => {
                let ask = self.ask(turn, connection, reference);
                self.members(turn, ask, room.as_deref())?;
            }
            Command::Rooms => {
                let ask = self.ask(turn, connection, reference);
                self.list_rooms(turn, ask);
            }
            Command::Relay { name, args, binary, packed, to, room } => {
                let ask = self.ask(turn, connection, reference);
                self.relay(turn, ask, relay::Relayed { name, args, binary, packed, to, room })?;
            }
        }
        Ok(None)
    }

    /// Before the door, only the join code and a goodbye are heard.
    fn check_pass(&mut self, now: Time, connection: ConnectionId, command: &Command) -> Result<(), Refusal> {
        if let Command::Pass { code } | Command::Hello(Hello { pass: Some(code), .. }) = command {
            self.pass(now, connection, code)?;
        }
        let locked = self.connections.get(&connection).is_some_and(|known| self.door.is_locked_for(known));
        if locked && *command != Command::Quit {
            return Err(Code::PassRequired.refuse(None, door::ASK));
        }
        Ok(())
    }

    /// Beside the chat nobody is let in without having asked for it: a client that was refused may have spoken before
    /// it knew.
    fn check_entered(&self, connection: ConnectionId, command: &Command) -> Result<(), Refusal> {
        let asks = matches!(command, Command::Hello(_) | Command::Pass { .. } | Command::Ping | Command::Quit);
        if asks || self.realm_of(connection) == Realm(0) || self.session_of(connection).is_some() {
            return Ok(());
        }
        Err(Code::NotAMember.refuse(None, "you are not in this namespace"))
    }

    /// A silent connection that had asked to hear the first room hears it, now that it may.
    fn observe_again(&mut self, turn: &mut Turn<'_>, connection: ConnectionId) {
        if self.connections.get(&connection).is_some_and(|known| known.observer) {
            self.observe(connection, turn.rooms, turn.out);
        }
    }

    fn quit(&mut self, turn: &mut Turn<'_>, connection: ConnectionId) {
        self.stop_observing(connection, turn.out);
        if let Some(session) = self.session_of(connection) {
            // Without a token of it nobody could come back.
            if self.sessions.get(&session).is_some_and(|known| known.peer.resumable || known.peer.follows) {
                self.ended.add(session);
            }
            self.end(turn.now, session, LeftWhy::Left, turn.out);
        }
        self.close(connection, CloseReason::Quit, turn.out);
    }

    /// Who asks. A connection without a session gets one as a guest.
    fn ask(&mut self, turn: &mut Turn<'_>, connection: ConnectionId, reference: Option<Arc<str>>) -> Ask {
        let session = self.session_of(connection).unwrap_or_else(|| self.begin_guest(turn, connection));
        Ask { connection, session, reference }
    }

    /// The room that a request means: the one it names, else the current one. The session is a member of it.
    fn room_of(&self, ask: &Ask, name: Option<&str>) -> Result<RoomId, Refusal> {
        let session = &self.sessions[&ask.session];
        let Some(name) = name else {
            return session.current().ok_or_else(|| Code::NotAMember.refuse(None, "you are in no room: join one"));
        };
        let known = self.room_name(session, name).ok_or_else(|| self.no_room_name(session.peer.realm))?;
        let room = self.here.find(&known).filter(|room| session.is_in(*room));
        room.ok_or_else(|| {
            let shown = if session.peer.realm == Realm(0) { &known } else { name };
            Code::NotAMember.refuse(None, format!("you are not a member of {shown}: join it first"))
        })
    }

    fn no_room_name(&self, realm: Realm) -> Refusal {
        let most = self.limits.room_chars;
        let rule = match realm {
            Realm(0) => "a room's name has letters, digits, - _ and .",
            Realm(_) => "a room's name has no control characters",
        };
        Code::RoomInvalid.refuse(None, format!("{rule}, at most {most} characters (limits.room_chars)"))
    }

    /// The entry for an admitted durable command.
    fn entry(&mut self, turn: &Turn<'_>, ask: Ask, room: RoomId, kind: EntryKind) -> Entry {
        let Ask { connection, session, reference } = ask;
        let ticket = self.ticket(Pending { connection, session, reference });
        Entry { ticket, room: Arc::clone(&self.here[room].name), time: self.wall(turn.now), kind }
    }

    fn check_writable(&self) -> Result<(), Refusal> {
        if self.writable {
            return Ok(());
        }
        Err(Code::StorageFull.refuse(None, "the disk is nearly full: nothing is stored until there is space"))
    }
}

/// Takes one command from the connection's measure.
fn take_command(connection: &mut Connection, now: Time, limits: &Limits) -> bool {
    connection.commands.take(now, limits.commands_per_second, limits.command_burst)
}

fn too_many_commands() -> Refusal {
    Code::RateLimited.refuse(None, "too many commands in a short time (limits.commands_per_second)")
}

/// The answer to what was done and has no number.
fn done(reference: Option<Arc<str>>) -> Reply {
    Reply::Ack { reference, seq: None, time: None, duplicate: false }
}
