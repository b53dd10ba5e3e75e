//! How events read for programs.

use super::write::{self, Object};
use switchboard_core::{Body, Event, Sender};

/// Appends an event as one object. `own` marks what another session of the receiver's user did.
pub(crate) fn event(out: &mut Vec<u8>, event: &Event, own: bool) {
    members(Object::message(out, event.name().word()), event, own);
}

/// Appends an event as an object without its type, for protocols that name it elsewhere.
pub(crate) fn untyped(out: &mut Vec<u8>, event: &Event, own: bool) {
    members(Object::begin(out), event, own);
}

fn members(mut object: Object<'_>, event: &Event, own: bool) {
    object.string_if("room", event.room.as_deref());
    match &event.body {
        Body::Message { seq, id, from, to, text, action } => {
            if let Some(seq) = seq {
                object.number("seq", *seq);
            }
            object.string_if("id", id.as_deref());
            sender(&mut object, from);
            object.string_if("to", to.as_deref());
            object.string("text", text);
            object.flag("action", *action);
        }
        Body::Topic { seq, from, text } => {
            object.number("seq", *seq);
            sender(&mut object, from);
            object.string("text", text);
        }
        Body::Joined { from, members } => {
            sender(&mut object, from);
            object.number("members", u64::from(*members));
        }
        Body::Left { from, members, why } => {
            sender(&mut object, from);
            object.number("members", u64::from(*members));
            object.string("why", why.as_str());
        }
        Body::Renamed { from, old } => {
            sender(&mut object, from);
            object.string("old", old);
        }
        Body::Typing { from } => sender(&mut object, from),
        Body::Notice { code, text } => {
            object.string("code", code);
            object.string("text", text);
        }
        Body::Members { members } => object.number("count", u64::from(*members)),
        Body::Relay { name, args, binary, packed: _, from } => {
            object.string("name", name);
            // Checked and made harmless when it was decoded.
            object.member("args").extend_from_slice(args.as_bytes());
            if !binary.is_empty() {
                // Where `args` has {"_placeholder":true,"num":n}, the n-th of these belongs.
                object.array("binary", binary.iter(), |out, bytes| write::base64(out, bytes));
            }
            sender(&mut object, from);
        }
        Body::Gap { first, last } => {
            object.number("from", *first);
            object.number("to", *last);
        }
    }
    object.flag("own", own);
    object.time("time", event.time);
    object.end();
}

fn sender(object: &mut Object<'_>, from: &Sender) {
    let mut sender = Object::begin(object.member("from"));
    sender.string("nick", &from.nick);
    sender.string("session", &from.session.to_string());
    sender.string("via", from.via.as_str());
    sender.end();
}
