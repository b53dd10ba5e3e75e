//! How answers read for people: short lines of ASCII around the names and texts that people chose.

use super::clean::write_line;
use super::commands::Answer;
use super::encode::{number, past};
use crate::frame::TextStyle;
use crate::settings::Settings;
use switchboard_core::{CloseReason, Code, Reply, RoomRow, Seq, Welcome};

/// Lines under construction: they are put between line ends, and have none at their end.
pub(crate) struct Lines<'a> {
    out: &'a mut Vec<u8>,
    any: bool,
}

impl<'a> Lines<'a> {
    pub(crate) const fn new(out: &'a mut Vec<u8>) -> Self {
        Self { out, any: false }
    }

    fn begin(&mut self) -> &mut Vec<u8> {
        if self.any {
            self.out.push(b'\n');
        }
        self.any = true;
        self.out
    }

    /// A `-- ` line of these pieces.
    fn notice(&mut self, pieces: &[&str]) {
        let out = self.begin();
        out.extend_from_slice(b"-- ");
        for piece in pieces {
            write_line(out, piece);
        }
    }
}

/// Whether an answer is told at all. Nobody waits for an acknowledgement on a terminal, and the plain style greets
/// only with a greeting of the operator's.
pub(crate) fn tells(reply: &Reply, settings: &Settings, greeted: bool) -> bool {
    let greets = match (settings.text_style, settings.text_welcome.as_deref()) {
        (TextStyle::Named | TextStyle::Address, Some("")) => has_earlier(reply),
        (TextStyle::Named | TextStyle::Address, _) => true,
        (TextStyle::Plain, welcome) => welcome.is_some_and(|welcome| !welcome.is_empty()),
    };
    match reply {
        Reply::Welcome(_) if greeted => settings.text_style != TextStyle::Plain,
        Reply::Welcome(_) | Reply::Observing { .. } => greets,
        Reply::Ack { .. } => false,
        // In the plain style answers are told only to those who asked with a command: that is what these are.
        Reply::Joined { .. }
        | Reply::Left { .. }
        | Reply::Nick { .. }
        | Reply::Topic { .. }
        | Reply::Members { .. }
        | Reply::Rooms { .. }
        | Reply::History { .. }
        | Reply::Found { .. }
        | Reply::Pong { .. }
        | Reply::Refused(_) => true,
    }
}

fn has_earlier(reply: &Reply) -> bool {
    match reply {
        Reply::Observing { seq, .. } => *seq > 0,
        Reply::Welcome(welcome) => welcome.rooms.last().is_some_and(|row| row.seq > 0),
        Reply::Ack { .. }
        | Reply::Joined { .. }
        | Reply::Left { .. }
        | Reply::Nick { .. }
        | Reply::Topic { .. }
        | Reply::Members { .. }
        | Reply::Rooms { .. }
        | Reply::History { .. }
        | Reply::Found { .. }
        | Reply::Pong { .. }
        | Reply::Refused(_) => false,
    }
}

/// Appends an answer that is told. `greeted`: this connection was greeted before.
pub(crate) fn reply(lines: &mut Lines<'_>, reply: &Reply, settings: &Settings, greeted: bool) {
    match reply {
        Reply::Welcome(welcome) if greeted => lines.notice(&["You are ", &welcome.nick, "."]),
        Reply::Welcome(welcome) => greet_session(lines, welcome, settings),
        Reply::Observing { room, members, seq } => {
            let here = members.to_string();
            match settings.text_welcome.as_deref() {
                Some(template) => greet(lines, template, settings, "guest", room, &here),
                None => lines.notice(&[
                    "Welcome to Switchboard. This is ",
                    room,
                    ", ",
                    &here,
                    " here. Type to join in, /help for help.",
                ]),
            }
            earlier(lines, *seq, settings);
        }
        Reply::Ack { .. } => {}
        Reply::Joined { room, seq, members, topic, .. } => {
            joined(lines, room, *members, topic);
            earlier(lines, *seq, settings);
        }
        Reply::Left { room, current: Some(current), .. } => {
            lines.notice(&["You left ", room, ". You speak in ", current, " now."]);
        }
        Reply::Left { room, current: None, .. } => lines.notice(&["You left ", room, ". /join ROOM to speak."]),
        Reply::Nick { nick, .. } => lines.notice(&["You are ", nick, " now."]),
        Reply::Topic { room, topic, .. } if topic.is_empty() => lines.notice(&[room, " has no topic."]),
        Reply::Topic { room, topic, .. } => lines.notice(&["Topic of ", room, ": ", topic]),
        Reply::Members { room, count, members, more, .. } => {
            lines.notice(&[&count.to_string(), " in ", room, ":"]);
            for member in members {
                lines.out.push(b' ');
                write_line(lines.out, &member.nick);
            }
            if *more {
                lines.out.extend_from_slice(b" and more");
            }
        }
        Reply::Rooms { rooms, more, .. } => {
            for RoomRow { room, members, topic, .. } in rooms {
                joined(lines, room, *members, topic);
            }
            if rooms.is_empty() {
                lines.notice(&["There are no rooms. /join ROOM makes one."]);
            } else if *more {
                lines.notice(&["There are more rooms."]);
            }
        }
        Reply::History { room, events, .. } | Reply::Found { room, events, .. } => {
            if events.is_empty() {
                lines.notice(&["There is nothing in ", room, "."]);
            }
            for event in events {
                past(lines.begin(), event);
            }
        }
        Reply::Pong { .. } => lines.notice(&["pong"]),
        Reply::Refused(refusal) if refusal.code == Code::PassRequired => {
            lines.notice(&[&refusal.message, ": /pass CODE"]);
        }
        Reply::Refused(refusal) => lines.notice(&[&refusal.message]),
    }
}

/// Appends an answer that needs no core.
pub(crate) fn answer(lines: &mut Lines<'_>, answer: &Answer) {
    match answer {
        Answer::Help => {
            lines.notice(&["/nick NAME  /join ROOM  /leave [ROOM]  /rooms  /who [ROOM]  /topic [TEXT]"]);
            lines.notice(&["/me ACTION  /msg NICK TEXT  /history [COUNT]  /pass CODE  /quit"]);
            lines.notice(&["Anything else is said to the room; //x says /x."]);
        }
        Answer::NoSuchCommand(word) => {
            lines.notice(&["There is no /", word, ". /help lists the commands; begin with // to say it."]);
        }
        Answer::Usage(usage) => lines.notice(&["Usage: ", usage]),
        Answer::SayItAgain => {
            lines.notice(&["Other protocols' programs begin like that, so it was not said. Say it again to say it."]);
        }
        Answer::HereIAm => lines.notice(&["Yes, the server is here."]),
    }
}

/// Appends why the connection ends; `limit` is the bound it went over, in bytes.
pub(crate) fn farewell(lines: &mut Lines<'_>, reason: CloseReason, limit: Option<usize>) {
    match limit {
        Some(limit) => lines.notice(&[reason.message(), " (", &limit.to_string(), " bytes)"]),
        None => lines.notice(&[reason.message()]),
    }
}

fn greet_session(lines: &mut Lines<'_>, welcome: &Welcome, settings: &Settings) {
    let Some(current) = welcome.rooms.last() else {
        return match settings.text_welcome.as_deref() {
            Some(template) => greet(lines, template, settings, &welcome.nick, "no room", "0"),
            None => lines.notice(&[
                "Welcome to Switchboard. You are ",
                &welcome.nick,
                ". /join ROOM to speak, /help for help.",
            ]),
        };
    };
    let here = current.members.to_string();
    match settings.text_welcome.as_deref() {
        Some(template) => greet(lines, template, settings, &welcome.nick, &current.room, &here),
        None => lines.notice(&[
            "Welcome to Switchboard. You are ",
            &welcome.nick,
            " in ",
            &current.room,
            ", ",
            &here,
            " here. /help for help.",
        ]),
    }
    earlier(lines, current.seq, settings);
}

/// The operator's greeting with its places filled in; in the plain style it is as bare as everything else.
fn greet(lines: &mut Lines<'_>, template: &str, settings: &Settings, nick: &str, room: &str, members: &str) {
    if template.is_empty() {
        return;
    }
    let out = lines.begin();
    if settings.text_style != TextStyle::Plain {
        out.extend_from_slice(b"-- ");
    }
    let places = [("{nick}", nick), ("{room}", room), ("{members}", members), ("{help}", "/help")];
    let mut rest = template;
    while let Some(brace) = rest.find('{') {
        write_line(out, &rest[..brace]);
        rest = &rest[brace..];
        let (used, value) = places
            .iter()
            .find(|(place, _)| rest.starts_with(place))
            .map_or((1, "{"), |(place, value)| (place.len(), *value));
        write_line(out, value);
        rest = &rest[used..];
    }
    write_line(out, rest);
}

/// Earlier messages are offered, not dumped.
fn earlier(lines: &mut Lines<'_>, seq: Seq, settings: &Settings) {
    if seq > 0 && settings.text_style != TextStyle::Plain {
        number(lines.begin(), "-- ", seq, " earlier: /history");
    }
}

fn joined(lines: &mut Lines<'_>, room: &str, members: u32, topic: &str) {
    let here = members.to_string();
    if topic.is_empty() {
        lines.notice(&[room, ", ", &here, " here."]);
    } else {
        lines.notice(&[room, ", ", &here, " here. Topic: ", topic]);
    }
}
