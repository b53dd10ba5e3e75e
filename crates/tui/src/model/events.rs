//! What the connection tells, taken into the state. Here, and nowhere else, other people's words come in: they are
//! cleaned of everything that a terminal would obey.

use super::overlay::{List, Overlay, What};
use super::room::{Kind, RoomId};
use super::timeline::{Body, Entry, Key, Move, Said, Via};
use super::{Effect, Link, MENTIONS_MAX, Mention, Model, Purpose, Target};
use crate::mentions;
use switchboard_client::event::{
    Answer, Connected, Ending, Event, Membership, Message, Past, Person, Renamed, RoomRow, TopicSet,
};
use switchboard_client::{RequestId, clean};

/// How long to wait after a refused page of history, in milliseconds.
const RETRY_MS: u64 = 2_000;

impl Model {
    pub(super) fn event(&mut self, event: Event) {
        let now = self.now as i64;
        match event {
            Event::Connected(connected) => self.connected(&connected),
            Event::Disconnected { why, retry_in } => {
                let retry_at = self.now + retry_in.as_millis() as u64;
                if matches!(self.link, Link::Online | Link::Connecting) {
                    self.rooms[0].notice(now, &format!("not connected: {}", clean::line(&why)));
                }
                self.link = Link::Offline { why: clean::line(&why).into_owned(), retry_at };
                self.rooms.iter_mut().for_each(|room| room.asked = false);
            }
            Event::StartedOver => {
                self.rooms.iter_mut().filter(|room| room.kind == Kind::Room).for_each(super::Room::start_over);
                self.mentions.clear();
                self.say_here("the server started its history over");
            }
            Event::Message(message) => self.message(&message, true),
            Event::Topic(topic) => self.topic(&topic),
            Event::Joined(joined) => self.came(&joined),
            Event::Left(left) => self.went(&left),
            Event::Renamed(renamed) => self.renamed(&renamed),
            Event::Typing(typing) => {
                let (nick, now) = (clean::line(&typing.from.nick).into_owned(), self.now);
                if let Some(room) = self.known(&typing.room).filter(|_| nick != self.me) {
                    self.rooms[room].types(&nick, now);
                }
            }
            Event::Notice(notice) => {
                let room = notice.room.and_then(|room| self.known(&room));
                let text = clean::line(&notice.text).into_owned();
                match room {
                    Some(room) => self.rooms[room].notice(now, &text),
                    None => self.say_here(&text),
                }
            }
            Event::Members(count) => {
                if let Some(room) = self.known(&count.room) {
                    self.rooms[room].count = count.count;
                }
            }
            Event::Relay(relay) => {
                let words = format!("{} sent the event {}", clean::line(&relay.from.nick), clean::line(&relay.name));
                if let Some(room) = relay.room.and_then(|room| self.known(&room)) {
                    self.rooms[room].notice(now, &words);
                }
            }
            Event::Gap(gap) => {
                if let Some(room) = self.known(&gap.room) {
                    self.rooms[room].latest = self.rooms[room].latest.max(gap.to);
                }
            }
            Event::Delivered { id, seq, time, .. } => self.delivered(&id, seq, time.as_deref()),
            Event::NotSent { id, code, message } => self.not_sent(&id, &code, &message),
            // The model names the room of whatever is said.
            Event::Speaking { .. } => {}
            Event::Answer { request, answer } => self.answer(request, answer),
            Event::Refused { request, code, message } => self.refused(request, &code, &message),
            Event::Ended(ending) => self.ended(&ending),
        }
    }

    fn connected(&mut self, connected: &Connected) {
        self.link = Link::Online;
        self.me = clean::line(&connected.nick).into_owned();
        self.session.clone_from(&connected.session);
        for room in &mut self.rooms {
            room.joined = false;
            room.members_asked = false;
            room.asked = false;
            room.pending.iter_mut().for_each(|pending| pending.since = self.now);
        }
        for row in &connected.rooms {
            self.entered(row, !connected.resumed);
        }
        let current = connected.current.as_deref().and_then(|room| self.named(Kind::Room, &clean::line(room)));
        if let Some(current) = current.filter(|_| self.current == RoomId(0)) {
            // What was written before there was a room is for this one.
            let draft = std::mem::take(&mut self.room_mut().draft);
            self.go(current);
            if self.room().draft.is_empty() {
                self.room_mut().draft = draft;
            }
        }
        let words = match (connected.again, connected.resumed) {
            (false, _) => format!("connected to {} as {}", self.address, self.me),
            (true, true) => format!("connected again as {}", self.me),
            (true, false) => format!("connected again, in a new session, as {}", self.me),
        };
        let now = self.now as i64;
        self.rooms[0].notice(now, &words);
        self.flash(words);
    }

    /// The session is in this room now. `fresh`: what the room has is not replayed.
    fn entered(&mut self, row: &RoomRow, fresh: bool) -> RoomId {
        let id = self.ensure(Kind::Room, &clean::line(&row.room));
        if let Some(room) = self.find_mut(id) {
            room.joined = true;
            room.count = row.members;
            room.topic = clean::line(&row.topic).into_owned();
            if fresh {
                room.latest = row.seq;
                if room.timeline.is_empty() {
                    // What was there before this client is not news.
                    room.read = room.read.max(Key { seq: row.seq, sub: u32::MAX });
                }
            }
        }
        id
    }

    fn message(&mut self, message: &Message, live: bool) {
        let from = clean::line(&message.from.nick).into_owned();
        let own = message.own || (!self.session.is_empty() && message.from.session == self.session);
        let (kind, name) = match &message.room {
            Some(room) => (Kind::Room, clean::line(room).into_owned()),
            None if own => (Kind::Private, clean::line(message.to.as_deref().unwrap_or_default()).into_owned()),
            None => (Kind::Private, from.clone()),
        };
        let id = self.ensure(kind, &name);
        let text = cleaned(&message.text);
        let mention = !own && (kind == Kind::Private || self.is_named_in(&text));
        let said = Said {
            nick: from.as_str().into(),
            text: text.as_str().into(),
            via: Via::of(&message.from.via),
            action: message.action,
            own,
            mention,
        };
        let time = millis(&message.time).unwrap_or(self.now as i64);
        let Some(room) = self.find_mut(id) else { return };
        let place = match message.seq {
            Some(seq) => {
                let key = Key { seq, sub: 0 };
                room.insert(Entry { key, time, body: Body::Message(said) }).then_some(key)
            }
            None => Some(room.append(time, Body::Message(said))),
        };
        let back = own && message.id.as_deref().is_some_and(|id| room.settled(id).is_some());
        if back {
            // Its acknowledgement is still on its way, and will find it done.
            self.effects.push(Effect::Keep);
        }
        let (Some(place), Some(room)) = (place, self.find_mut(id)) else { return };
        if live {
            room.spoke(&from);
        }
        if mention {
            let line = format!("{from}: {}", text.replace('\n', " "));
            self.mentioned(id, place, line, live);
        }
    }

    fn mentioned(&mut self, room: RoomId, place: Key, line: String, live: bool) {
        if live && !self.focused {
            if self.settings.bell {
                self.effects.push(Effect::Bell);
            }
            let name = self.find(room).map(|room| room.name.clone()).unwrap_or_default();
            let short: String = line.chars().take(200).collect();
            self.effects.push(Effect::Notify(format!("{name}: {short}")));
        }
        // Newest last; a page of history brings old ones, which belong before them.
        let index = if live { self.mentions.len() } else { 0 };
        self.mentions.insert(index, Mention { room, place, line });
        if self.mentions.len() > MENTIONS_MAX {
            self.mentions.pop_front();
        }
    }

    /// Whether a text has this user's nick, or a word of the configuration, as a word of its own.
    fn is_named_in(&self, text: &str) -> bool {
        std::iter::once(&self.me).chain(&self.settings.words).any(|name| mentions::is_named(text, name))
    }

    fn topic(&mut self, topic: &TopicSet) {
        let Some(room) = self.known(&topic.room) else { return };
        let text = clean::line(&topic.topic).into_owned();
        let entry = self.topic_entry(topic);
        let room = &mut self.rooms[room];
        if topic.seq >= room.timeline.last().seq {
            room.topic = text;
        }
        room.insert(entry);
    }

    fn topic_entry(&self, topic: &TopicSet) -> Entry {
        Entry {
            key: Key { seq: topic.seq, sub: 0 },
            time: millis(&topic.time).unwrap_or(self.now as i64),
            body: Body::Topic {
                nick: clean::line(&topic.from.nick).as_ref().into(),
                text: clean::line(&topic.topic).as_ref().into(),
            },
        }
    }

    fn came(&mut self, joined: &Membership) {
        let (now, nick) = (self.now as i64, clean::line(&joined.from.nick).into_owned());
        let Some(room) = self.known(&joined.room) else { return };
        let room = &mut self.rooms[room];
        room.came(&nick);
        room.count = joined.members.unwrap_or(room.count + 1);
        room.append_move(now, Move::Joined(nick));
    }

    fn went(&mut self, left: &Membership) {
        let (now, nick) = (self.now as i64, clean::line(&left.from.nick).into_owned());
        let Some(room) = self.known(&left.room) else { return };
        let room = &mut self.rooms[room];
        room.went(&nick);
        room.count = left.members.unwrap_or(room.count.saturating_sub(1));
        room.append_move(now, Move::Left(nick));
    }

    fn renamed(&mut self, renamed: &Renamed) {
        let Person { nick, session, .. } = &renamed.from;
        let (old, new) = (clean::line(&renamed.old).into_owned(), clean::line(nick).into_owned());
        if *session == self.session || old == self.me {
            self.me.clone_from(&new);
        }
        let now = self.now as i64;
        let only = renamed.room.as_deref().map(|room| clean::line(room).into_owned());
        for room in &mut self.rooms {
            let here = room.kind == Kind::Room && only.as_ref().is_none_or(|only| *only == room.name);
            if here && room.went(&old) {
                room.came(&new);
                room.append_move(now, Move::Renamed { old: old.clone(), new: new.clone() });
            }
        }
        if let Some(id) = self.named(Kind::Private, &old)
            && self.named(Kind::Private, &new).is_none()
            && let Some(room) = self.find_mut(id)
        {
            room.name.clone_from(&new);
            room.append_move(now, Move::Renamed { old, new });
            self.rooms.sort_by_key(super::Room::order);
        }
    }

    fn answer(&mut self, request: RequestId, answer: Answer) {
        let purpose = self.asked.remove(&request);
        match answer {
            Answer::Done => {}
            Answer::Joined(row) => {
                let known = self.named(Kind::Room, &clean::line(&row.room)).and_then(|id| self.find(id));
                let fresh = known.is_none_or(|room| !room.joined);
                let id = self.entered(&row, fresh);
                if let Some(Purpose::Join { room: typed }) = purpose
                    && typed != id
                {
                    self.is_called(typed, id);
                }
            }
            Answer::Left { room, .. } => {
                if let Some(id) = self.named(Kind::Room, &clean::line(&room)) {
                    self.remove(id);
                }
            }
            Answer::Nick(nick) => {
                let (old, nick) = (std::mem::take(&mut self.me), clean::line(&nick).into_owned());
                for room in &mut self.rooms {
                    if room.went(&old) {
                        room.came(&nick);
                    }
                }
                self.flash(format!("you are {nick} now"));
                self.me = nick;
            }
            Answer::Topic { room, topic } => {
                let topic = clean::line(&topic).into_owned();
                self.say_here(&if topic.is_empty() { "no topic is set".to_owned() } else { format!("topic: {topic}") });
                if let Some(room) = self.known(&room) {
                    self.rooms[room].topic = topic;
                }
            }
            Answer::Members { room, count, members, more } => {
                let names: Vec<String> = members.iter().map(|row| clean::line(&row.nick).into_owned()).collect();
                if let Some(room) = self.known(&room) {
                    let room = &mut self.rooms[room];
                    room.count = count;
                    room.members.clear();
                    names.iter().for_each(|nick| room.came(nick));
                }
                if matches!(purpose, Some(Purpose::Members { say: true, .. })) {
                    let more = if more { ", ..." } else { "" };
                    self.say_here(&format!("{count} in {}: {}{more}", clean::line(&room), names.join(", ")));
                }
            }
            Answer::Rooms { rooms, .. } => self.rooms_listed(&rooms),
            Answer::History { events, more, .. } => self.history(purpose.as_ref(), &events, more),
            Answer::Found { events, behind, .. } => self.found(purpose.as_ref(), &events, behind),
        }
    }

    fn rooms_listed(&mut self, rooms: &[RoomRow]) {
        let mut list = List::new(What::Rooms);
        for row in rooms {
            let name = clean::line(&row.room).into_owned();
            let detail = format!("{} here  {}", row.members, clean::line(&row.topic));
            list.push(name.clone(), detail, Target::Join(name));
        }
        list.filter();
        self.overlay = Some(Overlay::List(list));
    }

    fn history(&mut self, purpose: Option<&Purpose>, events: &[Past], more: bool) {
        let (id, before) = match purpose {
            Some(Purpose::History { room, before }) => (*room, *before),
            Some(Purpose::Around { room, .. }) => (*room, None),
            _ => return,
        };
        let first = events.first().map(number).or(before);
        let reaches = events.last().map(number).is_some_and(|last| before.is_none_or(|before| last + 1 >= before));
        let empty = events.is_empty();
        for event in events.iter().rev() {
            match event {
                Past::Message(message) => self.message(message, false),
                Past::Topic(topic) => {
                    let entry = self.topic_entry(topic);
                    if let Some(room) = self.find_mut(id) {
                        room.insert(entry);
                    }
                }
            }
        }
        let Some(room) = self.find_mut(id) else { return };
        match purpose {
            Some(Purpose::Around { seq, from, .. }) => {
                if *from == 0 && !empty {
                    first.into_iter().for_each(|first| room.timeline.close(first));
                }
                self.arrive(id, *seq);
            }
            _ => {
                room.asked = false;
                if empty {
                    room.latest = 0;
                }
                let closed = [first.filter(|_| !more), before.filter(|_| !reaches)];
                closed.into_iter().flatten().for_each(|seq| room.timeline.close(seq));
            }
        }
    }

    fn found(&mut self, purpose: Option<&Purpose>, events: &[Past], behind: u64) {
        let Some(&Purpose::Search { room }) = purpose else { return };
        let zone = self.settings.zone.clone();
        let Some(Overlay::List(list)) = &mut self.overlay else { return };
        if list.what != What::Search {
            return;
        }
        list.clear();
        for event in events {
            if let Past::Message(message) = event {
                let when = crate::clock::short(millis(&message.time).unwrap_or_default(), &zone);
                let label = format!("{when}  {}", clean::line(&message.from.nick));
                let place = Key { seq: message.seq.unwrap_or_default(), sub: 0 };
                list.push(label, clean::line(&message.text).into_owned(), Target::Entry(room, place));
            }
        }
        list.answered();
        if behind > 0 {
            self.flash(format!("the latest {behind} messages are not searched yet"));
        }
    }

    fn refused(&mut self, request: Option<RequestId>, code: &str, message: &str) {
        let words = clean::line(message).into_owned();
        let retry_at = self.now + RETRY_MS;
        match request.and_then(|request| self.asked.remove(&request)) {
            Some(Purpose::History { room, .. } | Purpose::Around { room, .. }) => {
                if let Some(room) = self.find_mut(room) {
                    room.asked = false;
                    room.retry_at = retry_at;
                }
            }
            Some(Purpose::Members { say: false, .. } | Purpose::Typing) => {}
            Some(Purpose::Search { .. }) => match &mut self.overlay {
                Some(Overlay::List(list)) => list.failed(words),
                _ => self.flash(words),
            },
            Some(Purpose::Join { room }) => self.not_entered(room, &format!("{words} ({})", clean::line(code))),
            Some(
                Purpose::Leave | Purpose::Members { say: true, .. } | Purpose::Rooms | Purpose::Topic | Purpose::Order,
            )
            | None => self.say_here(&format!("{words} ({})", clean::line(code))),
        }
    }

    /// A room that was typed with another name than its own: what was said and written there belongs to the room.
    fn is_called(&mut self, typed: RoomId, id: RoomId) {
        let Some(room) = self.find_mut(typed) else { return };
        let (pending, draft) = (std::mem::take(&mut room.pending), std::mem::take(&mut room.draft));
        if let Some(room) = self.find_mut(id) {
            for message in pending {
                room.wait(message.id, message.text, message.action, message.since);
                if let Some(waiting) = room.pending.last_mut() {
                    waiting.failed = message.failed;
                }
            }
            if room.draft.is_empty() {
                room.draft = draft;
            }
        }
        if self.current == typed {
            self.go(id);
        }
        self.remove(typed);
    }

    /// A room cannot be entered. It goes, unless something was said or written there: that is for its writer to decide.
    fn not_entered(&mut self, id: RoomId, why: &str) {
        let Some(room) = self.find(id).filter(|room| !room.joined) else { return self.say_here(why) };
        if room.items() == 0 && room.draft.is_empty() {
            self.remove(id);
            return self.say_here(why);
        }
        let now = self.now as i64;
        if let Some(room) = self.find_mut(id) {
            room.notice(now, why);
        }
    }

    fn ended(&mut self, ending: &Ending) {
        let why = clean::line(&ending.to_string()).into_owned();
        let (fingerprint, advice) = match ending {
            Ending::Left => {
                self.effects.push(Effect::Quit);
                return;
            }
            Ending::Untrusted { fingerprint, .. } => (
                Some(*fingerprint),
                "If that is the fingerprint its operator told you, /trust keeps it and connects.".to_owned(),
            ),
            Ending::Refused { code, .. } => (
                None,
                match code.as_str() {
                    "pass_required" | "pass_wrong" | "pass_refused" => "/pass CODE gives the join code.".to_owned(),
                    "nick_taken" | "nick_invalid" => "/nick NAME takes another name.".to_owned(),
                    _ => "/reconnect tries again.".to_owned(),
                },
            ),
            Ending::Foreign(_) => (None, "/reconnect tries again.".to_owned()),
        };
        self.say_here(&why);
        self.say_here(&advice);
        self.link = Link::Ended { why, fingerprint };
    }

    fn known(&self, room: &str) -> Option<usize> {
        let id = self.named(Kind::Room, &clean::line(room))?;
        self.rooms.iter().position(|room| room.id == id)
    }
}

fn number(past: &Past) -> u64 {
    match past {
        Past::Message(message) => message.seq.unwrap_or_default(),
        Past::Topic(topic) => topic.seq,
    }
}

/// A text of several lines, each clean.
pub(super) fn cleaned(text: &str) -> String {
    clean::lines(text.trim_end_matches('\n')).collect::<Vec<_>>().join("\n")
}

/// An RFC 3339 time in milliseconds since 1970.
pub(super) fn millis(time: &str) -> Option<i64> {
    time.parse::<jiff::Timestamp>().ok().map(jiff::Timestamp::as_millisecond)
}
