//! What the session says: its hello, its messages when their time has come, its requests.

use super::held::{Held, Order};
use super::queue::Queue;
use super::requests::{Asked, Request};
use super::{DATAGRAM_BYTES_MAX, Output, Phase, RESEND_MS, State, not_sent, refused};
use crate::request::{Ask, Outgoing, Target};
use crate::wire;

/// A hello over UDP has at least this many bytes, so that the server's answer is no longer than it.
const DATAGRAM_HELLO_BYTES: usize = 64;

impl State {
    /// Says who this is, and where it was.
    pub(super) fn hello(&self, cookie: Option<&str>, out: &mut Vec<Output>) {
        let resume = self.token.as_ref().map(|_| self.resume()).filter(|resume| !resume.is_empty());
        let mut hello = wire::Hello {
            nick: self.nick.as_deref(),
            pass: self.pass.as_deref(),
            token: self.token.as_deref(),
            resume: resume.as_ref(),
            cookie,
            pad: None,
        };
        let padding = " ".repeat(DATAGRAM_HELLO_BYTES);
        if self.datagram {
            hello.pad = Some(&padding);
        }
        out.push(Output::Send(wire::Outgoing::Hello(hello).encode()));
    }

    /// Asks for the rooms that the server did not put this session into.
    pub(super) fn rejoin(&mut self, out: &mut Vec<Output>) {
        let joining: Vec<String> = self.requests.joins().map(|(_, room)| room.to_owned()).collect();
        let missing = self.rooms.iter().filter(|(name, room)| !room.joined && !joining.contains(name));
        for room in missing.map(|(name, _)| name.clone()).collect::<Vec<_>>() {
            // There are fewer rooms than requests that fit; a room that does not is asked for after the next cut.
            let _ = self.requests.add(Request { caller: None, asked: Asked::Join { typed: room } });
        }
        for (reference, room) in self.requests.joins() {
            out.push(Output::Send(wire::Outgoing::Join { r#ref: &reference, room }.encode()));
        }
    }

    /// Sends what waits, messages and commands, in their order and as fast as the server allows.
    pub(super) fn advance(&mut self, now: u64, out: &mut Vec<Output>) {
        while matches!(self.phase, Phase::Online { .. }) {
            self.send_queued(now, out);
            let is_due = self.held.front().is_some_and(|held| match held.order {
                Order::BehindMessages => self.queue.is_settled(held.after),
                Order::BehindCommands | Order::Free => true,
            });
            match if is_due { self.held.pop() } else { None } {
                Some(held) => self.send_ask(held, out),
                None => return,
            }
        }
    }

    /// Sends a command. One to join is kept until there is a connection.
    pub(super) fn send_ask(&mut self, held: Held, out: &mut Vec<Output>) {
        let Held { id, ask, leads_to, .. } = held;
        let asked = match &ask {
            Ask::Join { room } => Asked::Join { typed: room.clone() },
            Ask::Leave { room } => Asked::Leave { room: room.clone(), to: leads_to },
            Ask::Topic { room, text: Some(_) } => Asked::SetTopic { room: room.clone() },
            Ask::Nick { .. } => Asked::Nick,
            Ask::Topic { text: None, .. }
            | Ask::Typing { .. }
            | Ask::History { .. }
            | Ask::Search { .. }
            | Ask::Members { .. }
            | Ask::Rooms
            | Ask::Relay { .. } => Asked::Other,
        };
        let online = matches!(self.phase, Phase::Online { .. });
        match self.requests.add(Request { caller: Some(id), asked }) {
            Err(request) => {
                if let Asked::Join { typed } = &request.asked {
                    self.not_entered(typed, out);
                }
                out.push(refused(request.caller, "too_many_requests", "too many requests wait for the server"));
            }
            Ok(reference) if online => out.push(Output::Send(encode_ask(&reference, &ask))),
            Ok(_) => {}
        }
    }

    fn send_queued(&mut self, now: u64, out: &mut Vec<Output>) {
        let bytes_max = self.message_bytes_max();
        while let Some(message) = self.queue.next(now, self.held.messages_up_to()) {
            let line = encode_message(message);
            match refusal(message, &line, bytes_max, self.limits.message_chars) {
                None => out.push(Output::Send(line)),
                Some(why) => {
                    let id = message.id.clone();
                    self.queue.remove(&id);
                    out.push(not_sent(id, "message_too_long", &why));
                }
            }
        }
    }

    /// Sends again what a datagram may have lost.
    pub(super) fn send_overdue(&mut self, now: u64, out: &mut Vec<Output>) {
        if self.datagram {
            let queue: &mut Queue = &mut self.queue;
            out.extend(queue.overdue(now, RESEND_MS).map(|message| Output::Send(encode_message(message))));
        }
    }

    /// Bytes of a line or message that the server takes without hanging up. Sending more would cost the connection,
    /// and the message would be sent again on the next, for ever.
    fn message_bytes_max(&self) -> usize {
        let transport = if self.datagram { DATAGRAM_BYTES_MAX } else { usize::MAX };
        [self.limits.line_bytes, self.limits.frame_bytes].into_iter().flatten().fold(transport, usize::min)
    }
}

fn encode_ask(reference: &str, ask: &Ask) -> String {
    let r#ref = reference;
    match ask {
        Ask::Join { room } => wire::Outgoing::Join { r#ref, room }.encode(),
        Ask::Leave { room } => wire::Outgoing::Leave { r#ref, room: room.as_deref() }.encode(),
        Ask::Nick { nick } => wire::Outgoing::Nick { r#ref, nick }.encode(),
        Ask::Topic { room, text } => {
            wire::Outgoing::Topic { r#ref, room: room.as_deref(), text: text.as_deref() }.encode()
        }
        Ask::Typing { room } => wire::Outgoing::Typing { r#ref, room: room.as_deref() }.encode(),
        Ask::History { room, before, after, limit } => {
            wire::Outgoing::History { r#ref, room: room.as_deref(), before: *before, after: *after, limit: *limit }
                .encode()
        }
        Ask::Search { room, query, before, limit } => {
            wire::Outgoing::Search { r#ref, room: room.as_deref(), query, before: *before, limit: *limit }.encode()
        }
        Ask::Members { room } => wire::Outgoing::Members { r#ref, room: room.as_deref() }.encode(),
        Ask::Rooms => wire::Outgoing::Rooms { r#ref }.encode(),
        Ask::Relay { name, args, to } => wire::Outgoing::Event { r#ref, name, args, to: to.as_deref() }.encode(),
    }
}

fn encode_message(message: &Outgoing) -> String {
    let (room, to) = match &message.target {
        Target::Current => (None, None),
        Target::Room(room) => (Some(room.as_str()), None),
        Target::User(nick) => (None, Some(nick.as_str())),
    };
    let Outgoing { id, text, action, .. } = message;
    wire::Outgoing::Message { r#ref: id, room, to, text, id, action: *action }.encode()
}

fn refusal(message: &Outgoing, line: &str, bytes_max: usize, chars_max: Option<usize>) -> Option<String> {
    let chars = message.text.chars().count();
    match chars_max {
        Some(chars_max) if chars > chars_max => {
            Some(format!("the message has {chars} characters, this server takes {chars_max}"))
        }
        Some(_) | None if line.len() >= bytes_max => {
            Some(format!("the message takes {} bytes, this server takes fewer than {bytes_max}", line.len()))
        }
        Some(_) | None => None,
    }
}
