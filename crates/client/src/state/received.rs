//! What the server says, and what it means for the session.

use super::position::Position;
use super::requests::{Asked, Request};
use super::{FOREIGN_LINES_MAX, Output, Phase, State, not_sent, refused};
use crate::event::{Answer, Ending, Event, Gap, Message, RoomRow, Seq};
use crate::request::Target;
use crate::wire::{Ack, Closing, Incoming, Refusal, Reply, Welcome};

impl State {
    /// A line, message or datagram arrived.
    pub fn received(&mut self, now: u64, text: &str, out: &mut Vec<Output>) {
        match &mut self.phase {
            Phase::Offline | Phase::Over => return,
            Phase::Greeting { foreign_lines, .. } if !text.starts_with('{') => {
                *foreign_lines += 1;
                if text.starts_with("HTTP/") || *foreign_lines > FOREIGN_LINES_MAX {
                    let shown = text.chars().take(80).collect();
                    self.stop(Ending::Foreign(shown), out);
                }
                return;
            }
            Phase::Greeting { .. } => {}
            Phase::Online { heard_at, pinged_at } => {
                *heard_at = now;
                *pinged_at = None;
            }
        }
        match Incoming::parse(text) {
            Ok(incoming) => self.incoming(now, incoming, out),
            Err(error) if matches!(self.phase, Phase::Greeting { .. }) => {
                self.stop(Ending::Foreign(error.to_string()), out);
            }
            Err(error) => self.reconnect(&error.to_string(), out),
        }
    }

    /// The server closed a WebSocket with this code (RFC 6455 section 7.4); `message` are its words. Where it said
    /// more before, that has counted already.
    pub fn closed(&mut self, code: u16, message: &str, out: &mut Vec<Output>) {
        let word = match code {
            4001 => "taken_over",
            4403 => "pass_refused",
            4426 => "tls_required",
            1002 => "protocol_error",
            1003 => "unsupported",
            1007 => "invalid_utf8",
            1009 => "frame_too_large",
            _ => return,
        };
        if self.phase != Phase::Over {
            self.stop(Ending::Refused { code: word.to_owned(), message: message.to_owned() }, out);
        }
    }

    fn incoming(&mut self, now: u64, incoming: Incoming, out: &mut Vec<Output>) {
        let greeting = matches!(self.phase, Phase::Greeting { .. });
        match incoming {
            Incoming::Welcome(welcome) if greeting => self.welcome(now, &welcome, out),
            Incoming::Cookie(cookie) if greeting => self.hello(Some(&cookie.cookie), out),
            // A repeated datagram, both.
            Incoming::Welcome(_) | Incoming::Cookie(_) => {}
            Incoming::Error(refusal) if greeting => self.hello_refused(now, refusal, out),
            Incoming::Error(refusal) => self.refusal(now, refusal, out),
            Incoming::Ack(ack) => self.ack(ack, out),
            Incoming::Closing(closing) => self.closing(closing, out),
            Incoming::Message(message) => self.message(message, out),
            Incoming::Topic(topic) => {
                if self.event(&topic.room, topic.seq, out) {
                    out.push(Output::Show(Event::Topic(topic)));
                }
            }
            Incoming::Gap(gap) => {
                if let Some(position) = self.position(&gap.room) {
                    position.skip(gap.to);
                }
                out.push(Output::Show(Event::Gap(gap)));
            }
            Incoming::Joined(joined) => out.push(Output::Show(Event::Joined(joined))),
            Incoming::Left(left) => out.push(Output::Show(Event::Left(left))),
            Incoming::Renamed(renamed) => out.push(Output::Show(Event::Renamed(renamed))),
            Incoming::Typing(typing) => out.push(Output::Show(Event::Typing(typing))),
            Incoming::Notice(notice) => out.push(Output::Show(Event::Notice(notice))),
            Incoming::MemberCount(count) => out.push(Output::Show(Event::Members(count))),
            Incoming::Relay(relay) => out.push(Output::Show(Event::Relay(relay))),
            Incoming::Reply(reference, reply) => {
                if let Some(Request { caller: Some(request), .. }) = self.requests.take(&reference) {
                    out.push(Output::Show(Event::Answer { request, answer: answer(reply) }));
                }
            }
            Incoming::Pong(_) | Incoming::Unknown => {}
        }
        self.advance(now, out);
    }

    fn welcome(&mut self, now: u64, welcome: &Welcome, out: &mut Vec<Output>) {
        let again = self.session.is_some();
        let started_over = self.epoch.as_ref().is_some_and(|epoch| *epoch != welcome.epoch);
        self.phase = Phase::Online { heard_at: now, pinged_at: None };
        self.token.clone_from(&welcome.token);
        self.epoch = Some(welcome.epoch.clone());
        self.session = Some(welcome.session.clone());
        self.nick = Some(welcome.nick.clone());
        self.limits = welcome.limits.clone();
        let rate = self.limits.messages_per_second.unwrap_or_default();
        self.queue.pace.set(now, rate, self.limits.message_burst.unwrap_or(rate));

        let mut missed = Vec::new();
        for room in self.rooms.values_mut() {
            room.joined = false;
            if started_over {
                room.position = None;
            }
        }
        for row in &welcome.rooms {
            let room = self.rooms.entry(row.room.clone()).or_default();
            room.joined = true;
            let position = room.position.get_or_insert_with(|| Position::at(row.seq));
            // A resumed session gets what it missed. A server that knows less than we do lost its latest events.
            if !welcome.resumed || position.last() > row.seq {
                missed.extend(gap(&row.room, position.jump(row.seq)));
            }
        }
        self.heading.begin(welcome.rooms.iter().map(|row| row.room.as_str()));
        if let Some(first) = welcome.rooms.last() {
            self.queue.rename(&Target::Current, &first.room);
            self.held.name_rooms(&first.room);
        }
        if started_over {
            out.push(Output::Show(Event::StartedOver));
        }
        out.push(Output::Show(Event::Connected(welcome.connected(again, self.heading.room().map(str::to_owned)))));
        out.extend(missed.into_iter().map(|gap| Output::Show(Event::Gap(gap))));
        self.rejoin(out);
    }

    fn hello_refused(&mut self, now: u64, refusal: Refusal, out: &mut Vec<Output>) {
        match refusal.code.as_str() {
            // A nick of before, which somebody else has by now: a guest's name will do.
            "nick_taken" | "nick_invalid" if self.session.is_some() && self.nick.is_some() => {
                self.nick = None;
                self.hello(None, out);
            }
            // The welcome was lost on its way: end that session, and begin another.
            "already_welcome" if self.datagram => {
                out.push(Output::Send(crate::wire::Outgoing::Quit.encode()));
                self.phase = Phase::Greeting { since: now, sent_at: now, foreign_lines: 0 };
                self.hello(None, out);
            }
            "rate_limited" | "shutting_down" | "storage_full" | "storage_error" => {
                self.reconnect(&refusal.message, out);
            }
            _ => self.stop(Ending::Refused { code: refusal.code, message: refusal.message }, out),
        }
    }

    fn closing(&mut self, closing: Closing, out: &mut Vec<Output>) {
        if closing.reconnect {
            self.reconnect(&closing.message, out);
        } else {
            self.stop(Ending::Refused { code: closing.code, message: closing.message }, out);
        }
    }

    fn refusal(&mut self, now: u64, refusal: Refusal, out: &mut Vec<Output>) {
        let Refusal { r#ref: reference, code, message } = refusal;
        let Some(reference) = reference else {
            out.push(refused(None, &code, &message));
            return;
        };
        let kept = match code.as_str() {
            "rate_limited" => self.queue.hold(&reference, now),
            "shutting_down" => self.queue.postpone(&reference),
            _ => false,
        };
        if kept {
            return;
        }
        if let Some(ours) = self.queue.remove(&reference) {
            out.push(not_sent(ours.id, &code, &message));
        } else if let Some(request) = self.requests.take(&reference) {
            if let Asked::Join { typed } = &request.asked {
                self.not_entered(typed, out);
            }
            out.push(refused(request.caller, &code, &message));
        }
    }

    fn ack(&mut self, ack: Ack, out: &mut Vec<Output>) {
        let Some(reference) = ack.r#ref.as_deref() else { return };
        if self.queue.contains(reference) {
            let reference = reference.to_owned();
            self.delivered(&reference, ack.seq, ack.time, ack.duplicate, out);
        } else if let Some(request) = self.requests.take(reference) {
            self.done(request, ack, out);
        }
    }

    fn delivered(&mut self, id: &str, seq: Option<Seq>, time: Option<String>, duplicate: bool, out: &mut Vec<Output>) {
        let Some(message) = self.queue.remove(id) else { return };
        let room = match message.target {
            Target::Room(room) => Some(room),
            Target::Current => None,
            Target::User(_) => None,
        };
        if let (Some(room), Some(seq)) = (&room, seq)
            && let Some(position) = self.position(room)
        {
            position.own(seq);
        }
        out.push(Output::Show(Event::Delivered { id: message.id, room, seq, time, duplicate }));
    }

    fn done(&mut self, request: Request, ack: Ack, out: &mut Vec<Output>) {
        let answer = match request.asked {
            Asked::Join { typed } => self.joined(&typed, ack, out),
            Asked::Leave { room, to } => {
                let room = ack.room.or(room).unwrap_or_default();
                self.rooms.remove(&room);
                Answer::Left { room, current: to }
            }
            Asked::SetTopic { room } => {
                if let (Some(room), Some(seq)) = (ack.room.or(room), ack.seq)
                    && let Some(position) = self.position(&room)
                {
                    position.own(seq);
                }
                Answer::Done
            }
            Asked::Nick => match ack.nick {
                Some(nick) => {
                    self.nick = Some(nick.clone());
                    Answer::Nick(nick)
                }
                None => Answer::Done,
            },
            Asked::Other => Answer::Done,
        };
        if let Some(request) = request.caller {
            out.push(Output::Show(Event::Answer { request, answer }));
        }
    }

    /// A room was joined, by the name that was typed or its canonical form.
    fn joined(&mut self, typed: &str, ack: Ack, out: &mut Vec<Output>) -> Answer {
        let row = RoomRow {
            room: ack.room.unwrap_or_else(|| typed.to_owned()),
            seq: ack.seq.unwrap_or_default(),
            members: ack.members.unwrap_or_default(),
            topic: ack.topic.unwrap_or_default(),
        };
        let before = if typed == row.room { None } else { self.rooms.remove(typed) };
        let room = self.rooms.entry(row.room.clone()).or_insert_with(|| before.unwrap_or_default());
        // Joining a room that one is in changes nothing, and the events up to `seq` may still be on their way.
        if !room.joined {
            let position = room.position.get_or_insert_with(|| Position::at(row.seq));
            out.extend(gap(&row.room, position.jump(row.seq)).map(|gap| Output::Show(Event::Gap(gap))));
            room.joined = true;
        }
        self.queue.rename(&Target::Room(typed.to_owned()), &row.room);
        self.heading.rename(typed, &row.room);
        Answer::Joined(row)
    }

    fn position(&mut self, room: &str) -> Option<&mut Position> {
        self.rooms.get_mut(room)?.position.as_mut()
    }

    /// A room cannot be entered: what was said in it is said nowhere.
    pub(super) fn not_entered(&mut self, typed: &str, out: &mut Vec<Output>) {
        if self.rooms.get(typed).is_some_and(|room| room.joined) {
            return;
        }
        self.rooms.remove(typed);
        for message in self.queue.withdraw(typed) {
            out.push(not_sent(message.id, "not_in_room", &format!("it was for {typed}, which was not entered")));
        }
        if self.heading.refused(typed) {
            out.push(Output::Show(Event::Speaking { room: self.heading.room().map(str::to_owned) }));
        }
    }

    fn message(&mut self, message: Message, out: &mut Vec<Output>) {
        let ours =
            message.id.as_deref().filter(|id| self.queue.contains(id) && self.is_ours(&message)).map(str::to_owned);
        if let Some(id) = ours {
            // Stored before a cut that its acknowledgement did not survive; now it came back with the missed events.
            if let (Some(room), Some(seq)) = (&message.room, message.seq) {
                self.event(room, seq, out);
            }
            self.delivered(&id, message.seq, Some(message.time), true, out);
            return;
        }
        let fresh = match (&message.room, message.seq) {
            (Some(room), Some(seq)) => self.event(room, seq, out),
            (Some(_) | None, _) => true,
        };
        if fresh {
            out.push(Output::Show(Event::Message(message)));
        }
    }

    /// Identifiers are public once a message is stored, so one alone proves nothing.
    fn is_ours(&self, message: &Message) -> bool {
        message.own || self.session.as_ref() == Some(&message.from.session)
    }

    /// Counts a durable event; whether it is to be shown.
    fn event(&mut self, room: &str, seq: Seq, out: &mut Vec<Output>) -> bool {
        let Some(position) = self.position(room) else { return true };
        let seen = position.event(seq);
        // Over UDP a lost acknowledgement looks like a hole until it is repeated.
        if !self.datagram || self.queue.is_empty() {
            out.extend(gap(room, seen.hole).map(|gap| Output::Show(Event::Gap(gap))));
        }
        seen.fresh
    }
}

fn gap(room: &str, hole: Option<(Seq, Seq)>) -> Option<Gap> {
    hole.map(|(from, to)| Gap { room: room.to_owned(), from, to })
}

fn answer(reply: Reply) -> Answer {
    match reply {
        Reply::Topic { room, topic } => Answer::Topic { room, topic },
        Reply::Members { room, count, members, more } => Answer::Members { room, count, members, more },
        Reply::Rooms { rooms, more } => Answer::Rooms { rooms, more },
        Reply::History { room, events, more } => Answer::History { room, events, more },
        Reply::Found { room, events, more, behind } => Answer::Found { room, events, more, behind },
    }
}
