//! How answers read for programs.

use super::encode::event;
use super::write::Object;
use crate::settings::Settings;
use std::sync::Arc;
use switchboard_core::{CloseReason, Event, MemberRow, Reply, RoomRow, Welcome};

/// Whether an answer is told at all: all are but the greeting of a connection that has said nothing, which may have
/// been on its way when the connection turned out to speak JSON.
pub(crate) const fn tells(reply: &Reply) -> bool {
    !matches!(reply, Reply::Observing { .. })
}

/// Appends an answer as one object.
pub(crate) fn reply(out: &mut Vec<u8>, reply: &Reply, settings: &Settings) {
    write(out, reply, settings, Style::Message);
}

/// Appends an answer as the object that acknowledges a request elsewhere: with `ok` instead of a type and a `ref`.
pub(crate) fn acknowledgement(out: &mut Vec<u8>, reply: &Reply, settings: &Settings) {
    write(out, reply, settings, Style::Acknowledgement);
}

/// Appends an answer as an object without its type, for protocols that name it elsewhere.
pub(crate) fn untyped(out: &mut Vec<u8>, reply: &Reply, settings: &Settings) {
    write(out, reply, settings, Style::Untyped);
}

/// How an answer begins.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Style {
    /// `{"type":...,"ref":...`.
    Message,
    /// `{"ok":...`.
    Acknowledgement,
    /// `{`.
    Untyped,
}

fn write(out: &mut Vec<u8>, reply: &Reply, settings: &Settings, style: Style) {
    match reply {
        Reply::Welcome(reply) => welcome(out, reply, settings, style),
        Reply::Observing { .. } => {}
        Reply::Ack { reference, seq, time, duplicate } => {
            let mut object = answer(out, style, "ack", reference.as_ref());
            if let Some(seq) = seq {
                object.number("seq", *seq);
            }
            if let Some(time) = time {
                object.time("time", *time);
            }
            object.flag("duplicate", *duplicate);
            object.end();
        }
        Reply::Joined { reference, room, seq, members, topic } => {
            let mut object = answer(out, style, "ack", reference.as_ref());
            room_members(&mut object, room, *seq, *members, topic);
            object.end();
        }
        Reply::Left { reference, room, current } => {
            let mut object = answer(out, style, "ack", reference.as_ref());
            object.string("room", room);
            object.string_if("current", current.as_deref());
            object.end();
        }
        Reply::Nick { reference, nick } => {
            let mut object = answer(out, style, "ack", reference.as_ref());
            object.string("nick", nick);
            object.end();
        }
        Reply::Topic { reference, room, topic } => {
            let mut object = answer(out, style, "topic", reference.as_ref());
            object.string("room", room);
            object.string("text", topic);
            object.end();
        }
        Reply::Members { reference, room, count, members, more } => {
            let mut object = answer(out, style, "members", reference.as_ref());
            object.string("room", room);
            object.number("count", u64::from(*count));
            object.array("members", members, member_row);
            object.bool("more", *more);
            object.end();
        }
        Reply::Rooms { reference, rooms, more } => {
            let mut object = answer(out, style, "rooms", reference.as_ref());
            object.array("rooms", rooms, room_row);
            object.bool("more", *more);
            object.end();
        }
        Reply::History { reference, room, events, more } => {
            let mut object = answer(out, style, "history", reference.as_ref());
            object.string("room", room);
            page(&mut object, events, *more);
            object.end();
        }
        Reply::Found { reference, room, query, events, more, behind } => {
            let mut object = answer(out, style, "search", reference.as_ref());
            object.string("room", room);
            object.string("query", query);
            page(&mut object, events, *more);
            if *behind > 0 {
                object.number("behind", *behind);
            }
            object.end();
        }
        Reply::Pong { reference, time } => {
            let mut object = answer(out, style, "pong", reference.as_ref());
            object.time("time", *time);
            object.end();
        }
        Reply::Refused(refusal) => {
            let mut object = answer(out, style, "error", refusal.reference.as_ref());
            object.string("code", refusal.code.as_str());
            object.string("message", &refusal.message);
            object.end();
        }
    }
}

/// Appends why the connection ends; `limit` is the bound it went over, in bytes.
pub(crate) fn farewell(out: &mut Vec<u8>, reason: CloseReason, limit: Option<usize>) {
    let mut object = Object::message(out, "closing");
    object.string("code", reason.as_str());
    object.string("message", reason.message());
    if let Some(limit) = limit {
        object.number("limit", limit as u64);
    }
    object.bool("reconnect", reason.reconnect());
    object.end();
}

fn answer<'a>(out: &'a mut Vec<u8>, style: Style, kind: &str, reference: Option<&Arc<str>>) -> Object<'a> {
    match style {
        Style::Message => {
            let mut object = Object::message(out, kind);
            object.string_if("ref", reference.map(|reference| &**reference));
            object
        }
        Style::Acknowledgement => {
            let mut object = Object::begin(out);
            object.bool("ok", kind != "error");
            object
        }
        Style::Untyped => Object::begin(out),
    }
}

fn welcome(out: &mut Vec<u8>, welcome: &Welcome, settings: &Settings, style: Style) {
    let mut object = answer(out, style, "welcome", welcome.reference.as_ref());
    object.string("session", &welcome.session.to_string());
    object.string("token", &welcome.token);
    object.string("epoch", &welcome.epoch.to_string());
    object.string("nick", &welcome.nick);
    object.bool("resumed", welcome.resumed);
    object.array("rooms", &welcome.rooms, room_row);
    let bounds = &settings.limits;
    let mut limits = Object::begin(object.member("limits"));
    limits.number("message_chars", bounds.message_chars as u64);
    limits.number("line_bytes", settings.line_bytes as u64);
    limits.number("frame_bytes", settings.frame_bytes as u64);
    limits.number("nick_chars", bounds.nick_chars as u64);
    limits.number("room_chars", bounds.room_chars as u64);
    limits.number("topic_chars", bounds.topic_chars as u64);
    limits.number("rooms_per_session", bounds.rooms_per_session as u64);
    limits.number("sessions_per_user", bounds.sessions_per_user as u64);
    limits.number("messages_per_second", u64::from(bounds.messages_per_second));
    limits.number("message_burst", u64::from(bounds.message_burst));
    limits.number("history_limit", u64::from(bounds.history_limit));
    limits.number("replay_events", bounds.replay_events);
    limits.number("session_ttl_ms", bounds.session_ttl_ms);
    limits.end();
    object.end();
}

fn room_row(out: &mut Vec<u8>, row: &RoomRow) {
    let mut object = Object::begin(out);
    room_members(&mut object, &row.room, row.seq, row.members, &row.topic);
    object.end();
}

fn room_members(object: &mut Object<'_>, room: &str, seq: u64, members: u32, topic: &str) {
    object.string("room", room);
    object.number("seq", seq);
    object.number("members", u64::from(members));
    object.string("topic", topic);
}

fn member_row(out: &mut Vec<u8>, row: &MemberRow) {
    let mut object = Object::begin(out);
    object.string("nick", &row.nick);
    object.array("sessions", &row.sessions, |out, (session, via)| {
        let mut object = Object::begin(out);
        object.string("session", &session.to_string());
        object.string("via", via.as_str());
        object.end();
    });
    object.end();
}

fn page(object: &mut Object<'_>, events: &[Arc<Event>], more: bool) {
    object.array("events", events, |out, one| event(out, one, false));
    object.bool("more", more);
}
