//! How events look in lines: like the text protocol, and safe for any terminal.

use crate::clean;
use crate::event::{Answer, Connected, Event, Message, Past, RoomRow, TopicSet};

/// What the view must remember to show events.
#[derive(Debug, Default)]
pub(super) struct View {
    /// The address, for the line that says what one is connected to.
    address: String,
    /// The room one speaks in: what happens there needs no room before it.
    current: Option<String>,
}

impl View {
    pub(super) fn new(address: String) -> Self {
        Self { address, current: None }
    }

    /// The lines for an event, without their ends. None for what only programs care about.
    pub(super) fn lines(&mut self, event: &Event) -> Vec<String> {
        match event {
            Event::Connected(connected) => self.connected(connected),
            Event::Disconnected { why, retry_in } => {
                vec![format!("-- not connected: {}; trying again in {:.1} s", clean::line(why), retry_in.as_secs_f64())]
            }
            Event::StartedOver => vec!["-- the server started its history over".to_owned()],
            Event::Message(message) => self.message(message, ""),
            Event::Topic(topic) => vec![format!("{}{}", self.place(Some(&topic.room)), topic_set(topic))],
            Event::Joined(joined) => vec![self.about(&joined.room, &joined.from.nick, "joined")],
            Event::Left(left) => vec![self.about(&left.room, &left.from.nick, "left")],
            Event::Renamed(renamed) => {
                let (old, new) = (clean::line(&renamed.old), clean::line(&renamed.from.nick));
                vec![format!("{}* {old} is now known as {new}", self.place(renamed.room.as_deref()))]
            }
            Event::Notice(notice) => clean::lines(&notice.text)
                .map(|line| format!("{}-- {line}", self.place(notice.room.as_deref())))
                .collect(),
            Event::Members(count) => vec![format!("{}-- {} here", self.place(Some(&count.room)), count.count)],
            Event::Gap(gap) => {
                let (room, count) = (clean::line(&gap.room), (gap.to + 1).saturating_sub(gap.from));
                vec![format!("-- {count} missed in {room} ({} to {}): /history", gap.from, gap.to)]
            }
            Event::NotSent { message, .. } => vec![format!("-- not sent: {}", clean::line(message))],
            Event::Answer { answer, .. } => self.answer(answer),
            Event::Speaking { room } => {
                self.current.clone_from(room);
                vec![match room {
                    Some(room) => format!("-- you are still in {}", clean::line(room)),
                    None => "-- you are in no room".to_owned(),
                }]
            }
            Event::Refused { message, .. } => vec![format!("-- {}", clean::line(message))],
            Event::Typing(_) | Event::Relay(_) | Event::Delivered { .. } | Event::Ended(_) => Vec::new(),
        }
    }

    fn connected(&mut self, connected: &Connected) -> Vec<String> {
        self.current.clone_from(&connected.current);
        let nick = clean::line(&connected.nick);
        if connected.again {
            return vec![format!("-- connected again as {nick}")];
        }
        let mut lines = vec![format!("-- connected to {} as {nick}", clean::line(&self.address))];
        lines.extend(connected.rooms.iter().flat_map(in_room));
        lines
    }

    fn answer(&mut self, answer: &Answer) -> Vec<String> {
        match answer {
            Answer::Done => Vec::new(),
            Answer::Joined(row) => {
                self.current = Some(row.room.clone());
                in_room(row)
            }
            Answer::Left { room, current } => {
                self.current.clone_from(current);
                let left = format!("-- you left {}", clean::line(room));
                vec![match current {
                    Some(current) => format!("{left} and are in {}", clean::line(current)),
                    None => left,
                }]
            }
            Answer::Nick(nick) => vec![format!("-- you are {}", clean::line(nick))],
            Answer::Topic { room, topic } if topic.is_empty() => vec![format!("-- {} has no topic", clean::line(room))],
            Answer::Topic { room, topic } => vec![format!("-- {}: {}", clean::line(room), clean::line(topic))],
            Answer::Members { room, count, members, more } => {
                let nicks: Vec<_> = members.iter().map(|member| clean::line(&member.nick)).collect();
                let more = if *more { " ..." } else { "" };
                vec![format!("-- {count} in {}: {}{more}", clean::line(room), nicks.join(", "))]
            }
            Answer::Rooms { rooms, more } => {
                let rows = rooms.iter().map(|row| {
                    let (room, topic) = (clean::line(&row.room), clean::line(&row.topic));
                    format!("-- {room} ({} here) {topic}", row.members).trim_end().to_owned()
                });
                rows.chain(more.then(|| "-- ...".to_owned())).collect()
            }
            Answer::History { room, events, .. } if events.is_empty() => {
                vec![format!("-- {} has no history", clean::line(room))]
            }
            Answer::History { events, .. } => events.iter().flat_map(|event| self.past(event)).collect(),
            Answer::Found { events, behind, .. } => {
                let nothing = events.is_empty().then(|| "-- nothing found".to_owned());
                let found = events.iter().rev().flat_map(|event| self.past(event));
                let late = (*behind > 0).then(|| format!("-- the latest {behind} messages are not searched yet"));
                found.chain(nothing).chain(late).collect()
            }
        }
    }

    fn past(&self, event: &Past) -> Vec<String> {
        match event {
            Past::Message(message) => self.message(message, &minute(&message.time)),
            Past::Topic(topic) => {
                vec![format!("{}{}{}", minute(&topic.time), self.place(Some(&topic.room)), topic_set(topic))]
            }
        }
    }

    /// A message; further lines of its text are marked, so that nobody can write a line that looks like another's.
    fn message(&self, message: &Message, time: &str) -> Vec<String> {
        let nick = clean::line(&message.from.nick);
        let place = self.place(message.room.as_deref());
        let head = match (&message.to, message.action) {
            (None, false) => format!("<{nick}>"),
            (None, true) => format!("* {nick}"),
            (Some(to), _) if message.own => format!("[{nick} to {}]", clean::line(to)),
            (Some(_), _) => format!("[{nick}]"),
        };
        let mut texts = clean::lines(&message.text);
        let first = format!("{time}{place}{head} {}", texts.next().unwrap_or_default());
        std::iter::once(first).chain(texts.map(|text| format!("{time}{place}| {text}"))).collect()
    }

    fn about(&self, room: &str, nick: &str, what: &str) -> String {
        format!("{}* {} {what}", self.place(Some(room)), clean::line(nick))
    }

    /// The room, where it is not the one that one speaks in.
    fn place(&self, room: Option<&str>) -> String {
        match room {
            Some(room) if self.current.as_deref() != Some(room) => format!("[{}] ", clean::line(room)),
            Some(_) | None => String::new(),
        }
    }
}

fn in_room(row: &RoomRow) -> Vec<String> {
    let mut lines = vec![format!("-- you are in {}, {} here", clean::line(&row.room), row.members)];
    if !row.topic.is_empty() {
        lines.push(format!("-- topic: {}", clean::line(&row.topic)));
    }
    if row.seq > 0 {
        lines.push(format!("-- {} earlier: /history", row.seq));
    }
    lines
}

fn topic_set(topic: &TopicSet) -> String {
    let nick = clean::line(&topic.from.nick);
    if topic.topic.is_empty() {
        format!("* {nick} cleared the topic")
    } else {
        format!("* {nick} set the topic: {}", clean::line(&topic.topic))
    }
}

/// `2026-11-20 08:00 `, of an RFC 3339 time.
fn minute(time: &str) -> String {
    match time.get(..16) {
        Some(minute) => clean::line(&minute.replacen('T', " ", 1)).into_owned() + " ",
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Gap, Membership, Person};

    fn view() -> View {
        View { address: "tcp://h:1".to_owned(), current: Some("lobby".to_owned()) }
    }

    fn message(nick: &str, text: &str) -> Message {
        let from = Person { nick: nick.to_owned(), ..Person::default() };
        Message {
            room: Some("lobby".to_owned()),
            seq: Some(1),
            id: None,
            from,
            to: None,
            text: text.to_owned(),
            action: false,
            own: false,
            time: "2026-11-20T08:00:00.123Z".to_owned(),
        }
    }

    #[test]
    fn messages_look_like_those_of_the_text_protocol() {
        let mut view = view();
        let hi = message("ada", "hi");
        let elsewhere = Message { room: Some("dev".to_owned()), ..hi.clone() };
        let action = Message { action: true, ..message("ada", "waves") };
        let private = Message { room: None, to: Some("bob".to_owned()), ..hi.clone() };
        for (message, line) in
            [(hi, "<ada> hi"), (elsewhere, "[dev] <ada> hi"), (action, "* ada waves"), (private, "[ada] hi")]
        {
            assert_eq!(view.lines(&Event::Message(message)), [line]);
        }
    }

    #[test]
    fn no_message_can_look_like_two_or_reach_the_terminal_raw() {
        let mut view = view();
        assert_eq!(
            view.lines(&Event::Message(message("e\x1b[2Jve", "one\n<ada> two\r\x1b]0;x\x07\u{202e}"))),
            ["<e[2Jve> one", "| <ada> two]0;x"]
        );
    }

    #[test]
    fn history_has_the_time_and_gaps_are_told() {
        let mut view = view();
        let events = vec![Past::Message(message("ada", "hi"))];
        let page = Answer::History { room: "lobby".to_owned(), events, more: false };
        assert_eq!(view.lines(&Event::Answer { request: 1, answer: page }), ["2026-11-20 08:00 <ada> hi"]);
        let gap = Gap { room: "lobby".to_owned(), from: 3, to: 12 };
        assert_eq!(view.lines(&Event::Gap(gap)), ["-- 10 missed in lobby (3 to 12): /history"]);
    }

    #[test]
    fn the_room_is_named_where_one_does_not_speak() {
        let mut view = view();
        let ada = Person { nick: "ada".to_owned(), ..Person::default() };
        let joined = |room: &str| Event::Joined(Membership { room: room.to_owned(), from: ada.clone(), members: None });
        assert_eq!(view.lines(&joined("lobby")), ["* ada joined"]);
        let dev = RoomRow { room: "dev".to_owned(), seq: 3, members: 2, topic: "tea".to_owned() };
        let lines = view.lines(&Event::Answer { request: 1, answer: Answer::Joined(dev) });
        assert_eq!(lines, ["-- you are in dev, 2 here", "-- topic: tea", "-- 3 earlier: /history"]);
        assert_eq!(view.lines(&joined("lobby")), ["[lobby] * ada joined"]);
    }
}
