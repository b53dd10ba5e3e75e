//! The relay: events are passed on as they came, and rooms and receivers are the clients' own affair.

use super::chat::{bad, enter, not_passed_on, one_string, passed_on, session_id};
use super::encode::{Offset, begin, binary_event, message, put_offset};
use super::namespace::{Behaviour, Entry, Extras, Heard, RelayTo, Said, Tongue};
use super::packet::is_reserved;
use crate::frame::{Frame, Framing};
use crate::json::replies::{acknowledgement, untyped};
use crate::json::write::{Object, string};
use std::sync::Arc;
use switchboard_core::{Body, Command, Event, Refusal, Reply, Sender, SessionId, UserId};

/// What a relay with presence says itself, and nobody else.
const PRESENCE: [&str; 3] = ["joined", "left", "members"];

/// A namespace whose front-end needs no server code.
///
/// Three names have a meaning: `join` and `leave` with a room's name, and `to` with a receiver (a socket's id, or a
/// room that the sender is in), an event's name and its arguments. With presence, `members` asks who is there, and
/// `joined` and `left` are the server's.
#[derive(Debug)]
pub(super) struct Relay {
    to: RelayTo,
    extras: Extras,
}

impl Relay {
    pub(super) const fn new(to: RelayTo, extras: Extras) -> Self {
        Self { to, extras }
    }

    /// An event that is passed on, whatever it is called.
    fn passed_on(&self, name: &str, heard: &Heard<'_>) -> Result<Command, Refusal> {
        if is_reserved(name) || (self.extras.presence && PRESENCE.contains(&name)) {
            return Err(not_passed_on(name));
        }
        passed_on(name, heard)
    }

    /// `to`: the receiver, the event's name, its arguments.
    fn directed(&self, heard: &Heard<'_>) -> Result<Command, Refusal> {
        let strings =
            |place: usize| heard.args.get(place).and_then(|arg| serde_json::from_str::<String>(arg.get()).ok());
        let (Some(receiver), Some(name)) = (strings(0), strings(1)) else {
            return Err(bad("`to` has a receiver, an event's name and its arguments"));
        };
        let mut command = self.passed_on(&name, &heard.inner(&name, 2))?;
        if let Command::Relay { to, room, .. } = &mut command {
            *to = session_id(&receiver);
            *room = Some(receiver);
        }
        Ok(command)
    }
}

impl Behaviour for Relay {
    fn enter(&self, auth: &str) -> Result<Entry, Refusal> {
        let mut hello = enter(auth)?;
        if self.extras == Extras::default() {
            // Nobody is named: only the join code counts.
            hello.nick = None;
        }
        Ok(Entry::Session(Box::new(hello)))
    }

    fn event(&self, heard: &Heard<'_>, said: &mut Vec<Said>) {
        let result = match heard.name {
            "join" => one_string(heard).map(|room| Said::Request(Command::Join { room })),
            "leave" => one_string(heard).map(|room| Said::Request(Command::Leave { room: Some(room) })),
            "to" => self.directed(heard).map(Said::Request),
            "members" if self.extras.presence => members(heard).map(Said::Request),
            name => self.passed_on(name, heard).map(|command| match self.to {
                RelayTo::Others | RelayTo::All => Said::Request(command),
                RelayTo::None => acknowledged(),
            }),
        };
        said.push(result.unwrap_or_else(Said::Refuse));
    }
}

fn acknowledged() -> Said {
    Said::Acknowledge { args: "[{\"ok\":true}]".to_owned(), binary: Arc::default() }
}

/// Who is in a room, or with no room's name in the namespace.
fn members(heard: &Heard<'_>) -> Result<Command, Refusal> {
    let room = match heard.args {
        [] => None,
        [one] if one.get() == "null" => None,
        _ => Some(one_string(heard)?),
    };
    Ok(Command::Members { room })
}

/// The frame that shows an event of the core in a relay, if it shows it.
pub(super) fn event(event: &Event, tongue: Tongue, framing: Framing, offset: Option<Offset>) -> Option<Frame> {
    let namespace = tongue.namespace;
    let room = event.room.as_deref();
    let path = if namespace.is_pattern() { room?.split('#').next()? } else { &namespace.path };
    if let Body::Relay { name, args, binary, packed, from } = &event.body {
        if is_reserved(name) {
            return None;
        }
        let from = namespace.extras.from.then(|| {
            let mut json = Vec::new();
            user(&mut json, from);
            json
        });
        if let (true, Some(packed)) = (tongue.packed, packed) {
            return Some(binary_event(framing, path, name, from.as_deref(), packed, offset));
        }
        return Some(message(framing, tongue.packed, binary, |out| {
            begin(out, '2', path, None, binary.len());
            let inside = args.trim().strip_prefix('[').and_then(|args| args.strip_suffix(']')).unwrap_or_default();
            let from = from.unwrap_or_default();
            out.push(b'[');
            string(out, name);
            for part in [&*from, inside.trim().as_bytes()].into_iter().filter(|part| !part.is_empty()) {
                out.push(b',');
                out.extend_from_slice(part);
            }
            put_offset(out, offset, true);
            out.push(b']');
        }));
    }
    if !namespace.extras.presence {
        return None;
    }
    let (name, from, why, count) = match &event.body {
        Body::Joined { from, members } => ("joined", Some(from), None, members),
        Body::Left { from, members, why } => ("left", Some(from), Some(why.as_str()), members),
        Body::Members { members } => ("members", None, None, members),
        Body::Message { .. }
        | Body::Topic { .. }
        | Body::Renamed { .. }
        | Body::Typing { .. }
        | Body::Notice { .. }
        | Body::Relay { .. }
        | Body::Gap { .. } => return None,
    };
    Some(message(framing, tongue.packed, &[], |out| {
        begin(out, '2', path, None, 0);
        out.push(b'[');
        string(out, name);
        out.push(b',');
        let mut object = Object::begin(out);
        put_room(&mut object, room.unwrap_or_default(), path);
        if let Some(from) = from {
            user(object.member("user"), from);
        }
        object.string_if("why", why);
        object.number("count", u64::from(*count));
        object.end();
        put_offset(out, offset, true);
        out.push(b']');
    }))
}

/// Appends an answer of the core as it reads in the relay of this path: rooms have the names that clients gave them.
/// `acknowledges`: it says whether it went well.
pub(crate) fn reply(
    out: &mut Vec<u8>,
    reply: &Reply,
    path: &str,
    acknowledges: bool,
    speech: &crate::settings::Settings,
) {
    let begin = |out| {
        let mut object = Object::begin(out);
        if acknowledges {
            object.bool("ok", true);
        }
        object
    };
    match reply {
        Reply::Joined { room, members, .. } => {
            let mut object = begin(out);
            put_room(&mut object, room, path);
            object.number("members", u64::from(*members));
            object.end();
        }
        Reply::Left { room, .. } => {
            let mut object = begin(out);
            put_room(&mut object, room, path);
            object.end();
        }
        Reply::Members { room, count, members, more, .. } => {
            let mut object = begin(out);
            put_room(&mut object, room, path);
            object.number("count", u64::from(*count));
            let sockets = members.iter().flat_map(|row| row.sessions.iter().map(move |(session, _)| (row, session)));
            object.array("members", sockets, |out, (row, session)| person(out, row.user, &row.nick, *session));
            object.bool("more", *more);
            object.end();
        }
        other if acknowledges => acknowledgement(out, other, speech),
        other => untyped(out, other, speech),
    }
}

/// Adds a room under the name that clients know; `null` is the namespace as a whole.
fn put_room(object: &mut Object<'_>, room: &str, path: &str) {
    match room.strip_prefix(path).and_then(|rest| rest.strip_prefix('#')) {
        Some(name) => object.string("room", name),
        None => object.member("room").extend_from_slice(b"null"),
    }
}

fn user(out: &mut Vec<u8>, from: &Sender) {
    person(out, from.user, &from.nick, from.session);
}

fn person(out: &mut Vec<u8>, user: UserId, nick: &str, session: SessionId) {
    let mut object = Object::begin(out);
    object.string("id", &user.to_string());
    object.string("nick", nick);
    object.string("sid", &session.to_string());
    object.end();
}
