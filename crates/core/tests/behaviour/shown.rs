//! What a connection hears, in words short enough to be compared in tests.

use crate::world::Heard;
use std::fmt;
use switchboard_core::{Body, Reply, RoomRow, Seq};

impl fmt::Display for Heard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reply(reply) => show_reply(reply, f),
            Self::Event { event, own } => {
                let own = if *own { "own " } else { "" };
                let room = event.room.as_deref().unwrap_or("-");
                write!(f, "{own}{room}")?;
                show_body(&event.body, f)
            }
            Self::Attached(room) => write!(f, "+{room}"),
            Self::Detached(room) => write!(f, "-{room}"),
            Self::Current(room) => write!(f, "@{}", room.as_deref().unwrap_or("none")),
            Self::History(query) => write!(f, "history {} {:?} {}", query.room, query.range, query.limit),
            Self::Search(query) => {
                write!(f, "search {} {:?} {:?} {}", query.room, query.text, query.before, query.limit)
            }
            Self::Slowed(millis) => write!(f, "slowed {millis}"),
            Self::Closed(reason) => write!(f, "closed {}", reason.as_str()),
        }
    }
}

fn show_reply(reply: &Reply, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let named = |reference: &Option<std::sync::Arc<str>>| {
        reference.as_ref().map_or_else(String::new, |reference| format!("({reference})"))
    };
    match reply {
        Reply::Welcome(welcome) => {
            let word = if welcome.resumed { "welcome back" } else { "welcome" };
            write!(f, "{word}{} {}", named(&welcome.reference), welcome.nick)?;
            show_rows(&welcome.rooms, f)
        }
        Reply::Observing { room, members, seq } => write!(f, "observing {room} {seq}/{members}"),
        Reply::Ack { reference, seq, time: _, duplicate } => {
            let again = if *duplicate { " again" } else { "" };
            write!(f, "ack{}{}{again}", named(reference), number(*seq))
        }
        Reply::Joined { reference, room, seq, members, topic } => {
            write!(f, "joined{} {room} {seq}/{members} {topic:?}", named(reference))
        }
        Reply::Left { reference, room, current } => {
            write!(f, "left{} {room}, now {}", named(reference), current.as_deref().unwrap_or("none"))
        }
        Reply::Nick { reference, nick } => write!(f, "nick{} {nick}", named(reference)),
        Reply::Topic { reference, room, topic } => write!(f, "topic{} {room} {topic:?}", named(reference)),
        Reply::Members { reference, room, count, members, more } => {
            write!(f, "members{} {room} {count}:", named(reference))?;
            members.iter().try_for_each(|row| write!(f, " {}({})", row.nick, row.sessions.len()))?;
            if *more { write!(f, " ...") } else { Ok(()) }
        }
        Reply::Rooms { reference, rooms, more } => {
            write!(f, "rooms{}", named(reference))?;
            show_rows(rooms, f)?;
            if *more { write!(f, " ...") } else { Ok(()) }
        }
        Reply::History { .. } | Reply::Found { .. } => unreachable!("the engine answers these"),
        Reply::Pong { reference, time: _ } => write!(f, "pong{}", named(reference)),
        Reply::Refused(refusal) => write!(f, "no{} {}", named(&refusal.reference), refusal.code.as_str()),
    }
}

fn show_rows(rows: &[RoomRow], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    rows.iter().try_for_each(|row| write!(f, " {} {}/{}", row.room, row.seq, row.members))
}

fn show_body(body: &Body, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match body {
        Body::Message { seq, from, to: None, text, action, .. } => {
            let star = if *action { "* " } else { "" };
            write!(f, "{} {star}<{}> {text}", number(*seq), from.nick)
        }
        Body::Message { from, to: Some(to), text, .. } => write!(f, " <{}> to {to}: {text}", from.nick),
        Body::Topic { seq, from, text } => write!(f, " #{seq} {} topic {text:?}", from.nick),
        Body::Joined { from, members } => write!(f, " {} joined, {members}", from.nick),
        Body::Left { from, members, why } => write!(f, " {} {}, {members}", from.nick, why.as_str()),
        Body::Renamed { from, old } => write!(f, " {old} is {}", from.nick),
        Body::Typing { from } => write!(f, " {} types", from.nick),
        Body::Notice { code, text } => write!(f, " notice {code}: {text}"),
        Body::Members { members } => write!(f, " members {members}"),
        Body::Relay { name, args, from, .. } => write!(f, " {} emits {name} {args}", from.nick),
        Body::Gap { first, last } => write!(f, " gap {first}-{last}"),
    }
}

fn number(seq: Option<Seq>) -> String {
    seq.map_or_else(String::new, |seq| format!(" #{seq}"))
}
