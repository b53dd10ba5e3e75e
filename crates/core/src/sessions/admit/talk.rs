//! Saying something: messages, private ones, topics, and typing.

use super::super::Sessions;
use super::super::recent::Receivers;
use super::super::turn::{Ask, Turn};
use super::{take_command, too_many_commands};
use crate::command::Target;
use crate::entry::{Entry, EntryKind};
use crate::event::{Body, Event};
use crate::ids::{ConnectionId, RoomId, SessionId, UserId};
use crate::limits::{ID_CHARS, TYPING_INTERVAL_MS};
use crate::names::Nick;
use crate::output::Output;
use crate::refusal::{Code, Refusal};
use crate::reply::Reply;
use crate::visible::is_blank;
use std::sync::Arc;

/// A message as its sender wrote it.
pub(super) struct Message {
    pub(super) target: Target,
    pub(super) text: String,
    pub(super) id: Option<String>,
    pub(super) action: bool,
}

/// Whom a message is for, when that is known.
enum Receiver {
    Room(RoomId),
    User(UserId),
}

impl Sessions {
    /// Says something in a room, or to one user.
    ///
    /// A message that is refused for what it says costs a command, not a message: it cannot eat up what its sender may
    /// say, and still cannot be sent without measure.
    pub(super) fn message(
        &mut self,
        turn: &mut Turn<'_>,
        ask: Ask,
        message: &Message,
    ) -> Result<Option<Entry>, Refusal> {
        let receiver = self.check_message(&ask, message).map_err(|refusal| {
            let connection = self.connections.get_mut(&ask.connection);
            let may = connection.is_some_and(|connection| take_command(connection, turn.now, &self.limits));
            if may { refusal } else { too_many_commands() }
        })?;
        self.take_message(turn, ask.session)?;
        match receiver {
            Receiver::User(to) => {
                self.private_message(turn, ask, to, message);
                Ok(None)
            }
            Receiver::Room(room) => {
                // What is said again is answered as it was the first time, and needs no space.
                let name = &self.here[room].name;
                if !message.id.as_ref().is_some_and(|id| !self.writable && turn.rooms.knows_id(name, id)) {
                    self.check_writable()?;
                    self.take_stored(turn.now, ask.session, message.text.len())?;
                }
                // Where messages are without measure, so are their bytes.
                if self.limits.messages_per_second > 0 {
                    let receivers = self.here[room].members.len();
                    self.charge_delivered(turn, &ask, message.text.len(), receivers);
                }
                let kind = EntryKind::Message {
                    id: message.id.as_deref().map(Arc::from),
                    from: self.sender(ask.session),
                    text: Arc::from(message.text.as_str()),
                    action: message.action,
                };
                Ok(Some(self.entry(turn, ask, room, kind)))
            }
        }
    }

    /// Reads a room's topic, or sets it.
    pub(super) fn topic(
        &mut self,
        turn: &mut Turn<'_>,
        ask: Ask,
        room: Option<&str>,
        text: Option<String>,
    ) -> Result<Option<Entry>, Refusal> {
        let room = self.room_of(&ask, room)?;
        let Some(text) = text else {
            let room = Arc::clone(&self.here[room].name);
            let topic = turn.rooms.topic(&room);
            turn.reply(ask.connection, Reply::Topic { reference: ask.reference, room, topic });
            return Ok(None);
        };
        let most = self.limits.topic_chars;
        if text.chars().count() > most {
            let message = format!("a topic has at most {most} characters (limits.topic_chars)");
            return Err(Code::TopicTooLong.refuse(None, message));
        }
        self.check_writable()?;
        // It is stored and told like a message, and is measured as one.
        self.take_message(turn, ask.session)?;
        self.take_stored(turn.now, ask.session, text.len())?;
        self.charge_delivered(turn, &ask, text.len(), self.here[room].members.len());
        let kind = EntryKind::Topic { from: self.sender(ask.session), text: Arc::from(text) };
        Ok(Some(self.entry(turn, ask, room, kind)))
    }

    /// Tells the others in a room that this user is writing. More often than they need it, or in a room where people
    /// are only counted, it is not told, and the client is not bothered with that.
    pub(super) fn typing(&mut self, turn: &mut Turn<'_>, ask: Ask, room: Option<&str>) -> Result<(), Refusal> {
        let room = self.room_of(&ask, room)?;
        let Ask { connection, session, reference } = ask;
        let told = self.is_told_one_by_one(self.here[room].users);
        let known = self.sessions.get_mut(&session).filter(|known| told && known.typing_after <= turn.now);
        if let Some(known) = known {
            known.typing_after = turn.now.plus(TYPING_INTERVAL_MS);
            let from = self.sender(session);
            let own = self.own_connections(from.user, room);
            let name = Arc::clone(&self.here[room].name);
            let event = self.event(turn.now, Some(name), Body::Typing { from });
            self.publish(room, event, own, turn.out);
        }
        self.acknowledge(turn, connection, reference);
        Ok(())
    }

    fn check_message(&self, ask: &Ask, message: &Message) -> Result<Receiver, Refusal> {
        let receiver = match &message.target {
            Target::Current => Receiver::Room(self.room_of(ask, None)?),
            Target::Room(room) => Receiver::Room(self.room_of(ask, Some(room))?),
            Target::User(nick) => {
                let user = Nick::parse(nick, usize::MAX).and_then(|nick| self.users.named(&nick));
                Receiver::User(user.ok_or_else(|| Code::NoSuchUser.refuse(None, "nobody here has this nick"))?)
            }
        };
        if is_blank(&message.text) {
            return Err(Code::MessageEmpty.refuse(None, "the message has no text"));
        }
        let most = self.limits.message_chars;
        // No more characters than bytes: most messages need no counting.
        if message.text.len() > most && message.text.chars().count() > most {
            let text = format!("a message has at most {most} characters (limits.message_chars)");
            return Err(Code::MessageTooLong.refuse(None, text));
        }
        if message.id.as_ref().is_some_and(|id| !is_id(id)) {
            let text = format!("an id has {} to {} visible ASCII characters", ID_CHARS.start(), ID_CHARS.end());
            return Err(Code::IdInvalid.refuse(None, text));
        }
        Ok(receiver)
    }

    /// Takes one message from the session's measure.
    fn take_message(&mut self, turn: &Turn<'_>, session: SessionId) -> Result<(), Refusal> {
        let (rate, burst) = (self.limits.messages_per_second, self.limits.message_burst);
        let session = self.sessions.get_mut(&session);
        if session.is_some_and(|session| session.messages.take(turn.now, rate, burst)) {
            return Ok(());
        }
        let message = format!("too many messages: {rate} in a second (limits.messages_per_second)");
        Err(Code::RateLimited.refuse(None, message))
    }

    /// Gives a private message to all sessions of its receiver and to the sender's others. It is not stored.
    fn private_message(&mut self, turn: &mut Turn<'_>, ask: Ask, to: UserId, message: &Message) {
        let from = self.sender(ask.session);
        let sender = from.user;
        let body = Body::Message {
            seq: None,
            id: message.id.as_deref().map(Arc::from),
            from,
            to: Some(Arc::clone(self.users[to].nick.shown())),
            text: Arc::from(message.text.as_str()),
            action: message.action,
        };
        let event = self.event(turn.now, None, body);
        let ack = Reply::Ack { reference: ask.reference, seq: None, time: Some(self.wall(turn.now)), duplicate: false };
        turn.reply(ask.connection, ack);
        let mut receivers = self.users[sender].sessions.clone();
        if to != sender {
            receivers.extend_from_slice(&self.users[to].sessions);
        }
        receivers.retain(|receiver| *receiver != ask.session);
        self.keep_recent(&event, Receivers::Sessions(receivers.clone()));
        for receiver in receivers {
            self.deliver_or_keep(turn, receiver, sender, &event);
        }
    }

    fn deliver_or_keep(&mut self, turn: &mut Turn<'_>, to: SessionId, sender: UserId, event: &Arc<Event>) {
        let Some(session) = self.sessions.get_mut(&to) else { return };
        let (event, own) = (Arc::clone(event), session.user == sender);
        match session.connection() {
            Some(to) => turn.push(Output::Deliver { to, event, own }),
            None => Self::keep_missed(session.missed.get_or_insert_default(), (event, own)),
        }
    }

    /// Answers what is told without being stored, if the client named its request.
    pub(super) fn acknowledge(&self, turn: &mut Turn<'_>, to: ConnectionId, reference: Option<Arc<str>>) {
        if reference.is_some() {
            turn.reply(to, Reply::Ack { reference, seq: None, time: Some(self.wall(turn.now)), duplicate: false });
        }
    }
}

fn is_id(id: &str) -> bool {
    ID_CHARS.contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic())
}
