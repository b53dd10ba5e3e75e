//! Messages on their way out: shown at once, then stored or failed, and kept over a restart until then.

use super::room::{Kind, Room, RoomId};
use super::timeline::{Body, Entry, Key, Said, Via};
use super::{Effect, Link, Model, Purpose, events};
use serde::{Deserialize, Serialize};
use switchboard_client::event::Seq;
use switchboard_client::{Ask, Outgoing, Target};

/// Messages that may wait. More: the person is told to wait.
const PENDING_MAX: usize = 1_000;

/// How old an unsent message may be for a later run of the client to send it by itself, in milliseconds: the server
/// remembers identifiers for a day, and what is older could be stored twice.
const RESEND_MS: u64 = 20 * 60 * 60 * 1_000;

/// A message that was not acknowledged, as it is kept in a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unsent {
    pub id: String,
    /// The room, or the person.
    pub to: String,
    #[serde(default)]
    pub private: bool,
    pub text: String,
    #[serde(default)]
    pub action: bool,
    /// When it was said, in milliseconds since 1970.
    pub said: u64,
}

impl Model {
    /// Says something in a room, or to a person.
    pub(super) fn say(&mut self, id: RoomId, text: &str, action: bool) {
        let text = events::cleaned(text);
        let waiting: usize = self.rooms.iter().map(|room| room.pending.len()).sum();
        let Some(room) = self.find(id) else { return };
        if text.trim().is_empty() {
            return;
        }
        if room.kind == Kind::Server {
            self.room_mut().draft.replace(&if action { format!("/me {text}") } else { text });
            self.flash(match self.link {
                Link::Connecting => "not connected yet: Enter says it as soon as you are in a room",
                Link::Online | Link::Offline { .. } | Link::Ended { .. } => {
                    "nobody hears you here: /join ROOM, or choose a room"
                }
            });
            return;
        }
        if waiting >= PENDING_MAX {
            self.flash("too many messages wait for the server");
            return;
        }
        let message_id = self.fresh_id();
        self.submit(id, message_id, text, action);
        if let Some(room) = self.find_mut(id) {
            room.scroll = None;
            room.marker = None;
        }
    }

    fn submit(&mut self, id: RoomId, message_id: String, text: String, action: bool) {
        let now = self.now;
        let Some(room) = self.find_mut(id) else { return };
        let target = match room.kind {
            Kind::Private => Target::User(room.name.clone()),
            Kind::Room | Kind::Server => Target::Room(room.name.clone()),
        };
        room.wait(message_id.clone(), text.clone(), action, now);
        self.effects.push(Effect::Submit(Outgoing { id: message_id, target, text, action }));
        self.effects.push(Effect::Keep);
    }

    pub(super) fn delivered(&mut self, id: &str, seq: Option<Seq>, time: Option<&str>) {
        let me = self.me.clone();
        let time = time.and_then(events::millis).unwrap_or(self.now as i64);
        let Some((room, pending)) = self.rooms.iter_mut().find_map(|room| {
            let pending = room.settled(id)?;
            Some((room, pending))
        }) else {
            return;
        };
        let body = Body::Message(Said {
            nick: me.as_str().into(),
            text: pending.text.into(),
            via: Via::Other,
            action: pending.action,
            own: true,
            mention: false,
        });
        match seq {
            Some(seq) => {
                room.insert(Entry { key: Key { seq, sub: 0 }, time, body });
            }
            None => {
                room.append(time, body);
            }
        }
        self.effects.push(Effect::Keep);
    }

    pub(super) fn not_sent(&mut self, id: &str, code: &str, message: &str) {
        let why = switchboard_client::clean::line(if message.is_empty() { code } else { message }).into_owned();
        let waiting = self.rooms.iter_mut().flat_map(|room| &mut room.pending);
        if let Some(pending) = waiting.into_iter().find(|pending| pending.id == id) {
            pending.failed = Some(why);
            self.flash("a message was not sent: /retry sends it again, /discard drops it");
            self.effects.push(Effect::Keep);
        }
    }

    /// Sends the failed messages of this room again.
    pub(super) fn retry(&mut self) {
        let failed = self.take_failed();
        if failed.is_empty() {
            self.flash("no message failed here");
        }
        for pending in failed {
            let id = self.fresh_id();
            self.submit(self.current, id, pending.text, pending.action);
        }
    }

    /// Drops the failed messages of this room.
    pub(super) fn discard(&mut self) {
        let count = self.take_failed().len();
        self.flash(format!("{count} dropped"));
        self.effects.push(Effect::Keep);
    }

    fn take_failed(&mut self) -> Vec<super::room::Pending> {
        let room = self.room_mut();
        let (failed, waiting) =
            std::mem::take(&mut room.pending).into_iter().partition(|pending| pending.failed.is_some());
        room.pending = waiting;
        failed
    }

    /// What is not acknowledged, oldest first: what a later run of the client would have to send.
    #[must_use]
    pub fn unsent(&self) -> Vec<Unsent> {
        let unsent = |room: &Room, pending: &super::room::Pending| Unsent {
            id: pending.id.clone(),
            to: room.name.clone(),
            private: room.kind == Kind::Private,
            text: pending.text.clone(),
            action: pending.action,
            said: pending.since,
        };
        let rooms = self.rooms.iter();
        let mut all: Vec<_> =
            rooms.flat_map(|room| room.pending.iter().map(move |pending| unsent(room, pending))).collect();
        all.sort_by(|a, b| a.id.cmp(&b.id));
        all
    }

    /// The connection begins anew, in a new session: what waits is said again under its identifiers, rooms are entered
    /// again, and what the server knows is asked for again.
    pub fn restart(&mut self, now: u64) -> Vec<Effect> {
        self.now = now;
        self.link = Link::Connecting;
        self.asked.clear();
        self.session.clear();
        let mut joins = Vec::new();
        for room in self.rooms.iter_mut().filter(|room| room.kind == Kind::Room) {
            room.start_over();
            if std::mem::take(&mut room.joined) {
                joins.push(room.name.clone());
            }
        }
        self.mentions.clear();
        for room in joins {
            self.ask(Purpose::Order, Ask::Join { room });
        }
        let again = self.unsent();
        for message in again {
            let kind = if message.private { Kind::Private } else { Kind::Room };
            let target =
                if message.private { Target::User(message.to.clone()) } else { Target::Room(message.to.clone()) };
            let room = self.named(kind, &message.to).and_then(|id| self.find(id));
            let waits = |pending: &super::room::Pending| pending.id == message.id && pending.failed.is_none();
            if room.is_some_and(|room| room.pending.iter().any(waits)) {
                let Unsent { id, text, action, .. } = message;
                self.effects.push(Effect::Submit(Outgoing { id, target, text, action }));
            }
        }
        std::mem::take(&mut self.effects)
    }

    /// Takes up what an earlier run could not send. Messages to rooms go out under their identifiers, and are stored
    /// once; private ones, which may have arrived, and old ones are for the person to decide.
    pub fn resume(&mut self, now: u64, unsent: Vec<Unsent>) -> Vec<Effect> {
        self.now = now;
        for message in unsent.into_iter().take(PENDING_MAX) {
            let kind = if message.private { Kind::Private } else { Kind::Room };
            let (name, text) =
                (switchboard_client::clean::line(&message.to).into_owned(), events::cleaned(&message.text));
            let id = self.ensure(kind, &name);
            if message.private || now.saturating_sub(message.said) > RESEND_MS {
                let Some(room) = self.find_mut(id) else { continue };
                room.wait(message.id, text, message.action, message.said);
                if let Some(pending) = room.pending.last_mut() {
                    pending.failed = Some("it was not sent before the client ended".to_owned());
                }
            } else {
                self.submit(id, message.id, text, message.action);
                // Its age counts from when it could last have been stored, not from today's first attempt.
                if let Some(pending) = self.find_mut(id).and_then(|room| room.pending.last_mut()) {
                    pending.since = message.said;
                }
            }
        }
        if self.link == Link::Connecting && self.rooms.len() > 1 {
            self.flash("messages of before wait to be sent");
        }
        std::mem::take(&mut self.effects)
    }
}
