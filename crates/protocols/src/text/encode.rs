//! How events read for people.

use super::clean::{write_bare, write_line, write_text};
use crate::frame::TextStyle;
use crate::timestamp::write_minute;
use std::io::Write;
use switchboard_core::{Body, Event, Sender};

/// Whether the text protocol shows an event at all: the plain style shows messages only, and no style shows what is
/// meant for programs.
pub(crate) const fn shows(event: &Event, style: TextStyle) -> bool {
    match event.body {
        Body::Message { .. } => true,
        Body::Topic { .. }
        | Body::Joined { .. }
        | Body::Left { .. }
        | Body::Renamed { .. }
        | Body::Notice { .. }
        | Body::Members { .. }
        | Body::Gap { .. } => match style {
            TextStyle::Named | TextStyle::Address => true,
            TextStyle::Plain => false,
        },
        Body::Typing { .. } | Body::Relay { .. } => false,
    }
}

/// Appends an event that is shown, without a line end. `elsewhere`: its room is not the one the reader speaks in.
pub(crate) fn event(out: &mut Vec<u8>, event: &Event, style: TextStyle, elsewhere: bool, own: bool) {
    if let Body::Message { text, .. } = &event.body
        && style == TextStyle::Plain
    {
        return write_bare(out, text);
    }
    if elsewhere && let Some(room) = &event.room {
        out.push(b'[');
        write_line(out, room);
        out.extend_from_slice(b"] ");
    }
    body(out, &event.body, style, own);
}

/// Appends an event of a page of history: always with its time and its sender's nick, which is all that is stored.
pub(crate) fn past(out: &mut Vec<u8>, event: &Event) {
    out.push(b'[');
    write_minute(out, event.time);
    out.extend_from_slice(b"] ");
    body(out, &event.body, TextStyle::Named, false);
}

fn body(out: &mut Vec<u8>, body: &Body, style: TextStyle, own: bool) {
    match body {
        Body::Message { from, to, text, action, .. } => message(out, from, to.as_deref(), text, *action, style, own),
        Body::Topic { from, text, .. } => {
            starred(out, &from.nick);
            if text.is_empty() {
                out.extend_from_slice(b" cleared the topic");
            } else {
                out.extend_from_slice(b" set the topic: ");
                write_line(out, text);
            }
        }
        Body::Joined { from, .. } => {
            starred(out, &from.nick);
            out.extend_from_slice(b" joined");
        }
        Body::Left { from, .. } => {
            starred(out, &from.nick);
            out.extend_from_slice(b" left");
        }
        Body::Renamed { from, old } => {
            starred(out, old);
            out.extend_from_slice(b" is now known as ");
            write_line(out, &from.nick);
        }
        Body::Notice { text, .. } => {
            out.extend_from_slice(b"-- ");
            write_line(out, text);
        }
        Body::Members { members } => number(out, "-- ", u64::from(*members), " here"),
        Body::Gap { first, last } => {
            number(out, "-- ", last.saturating_sub(*first).saturating_add(1), " missed: /history");
        }
        // Not shown, see `shows`.
        Body::Typing { .. } | Body::Relay { .. } => {}
    }
}

fn message(out: &mut Vec<u8>, from: &Sender, to: Option<&str>, text: &str, action: bool, style: TextStyle, own: bool) {
    out.extend_from_slice(if action { b"* " } else { b"<" });
    match (style, from.address) {
        (TextStyle::Address, Some(address)) => {
            // Writing into a vector cannot fail.
            let _ = write!(out, "{}", address.to_canonical());
        }
        (TextStyle::Named | TextStyle::Address | TextStyle::Plain, _) => write_line(out, &from.nick),
    }
    // Within the brackets, where no message's text can come: no nick has a space, so nobody can fake it.
    match to {
        None => {}
        Some(to) if own => {
            out.extend_from_slice(b" (private to ");
            write_line(out, to);
            out.push(b')');
        }
        Some(_) => out.extend_from_slice(b" (private)"),
    }
    out.extend_from_slice(if action { b" " } else { b"> " });
    write_text(out, text);
}

fn starred(out: &mut Vec<u8>, nick: &str) {
    out.extend_from_slice(b"* ");
    write_line(out, nick);
}

/// Appends a number between two pieces of a sentence.
pub(super) fn number(out: &mut Vec<u8>, before: &str, number: u64, after: &str) {
    // Writing into a vector cannot fail.
    let _ = write!(out, "{before}{number}{after}");
}
