//! Somebody who speaks the text protocol, with line ends or, as the tutorials' programs do, without.

use crate::check::{Check, Said, Verdict, View, tokens};
use crate::network::LinkId;
use std::collections::{BTreeMap, BTreeSet};

/// A text client. What it is told is all it knows.
pub(crate) struct Person {
    number: usize,
    group: u32,
    /// It sends no line ends.
    pub(crate) is_raw: bool,
    rooms: BTreeMap<String, View>,
    /// The room of which the next `earlier` line tells how much there is, and whether it was in it before.
    earlier_of: Option<(String, bool)>,
    privates: BTreeSet<u64>,
    pub(crate) out: Vec<String>,
}

impl Person {
    pub(crate) fn new(number: usize, is_raw: bool) -> Self {
        Self {
            number,
            group: 1_000_000 + number as u32,
            is_raw,
            rooms: BTreeMap::new(),
            earlier_of: None,
            privates: BTreeSet::new(),
            out: Vec::new(),
        }
    }

    /// Says something in the current room.
    pub(crate) fn say(&mut self, check: &mut Check, link: LinkId, padding: usize) {
        let token = check.token(Said { client: self.number, group: self.group, link, to: None });
        self.out.push(format!("~{token}~{}", "x".repeat(padding)));
    }

    pub(crate) fn say_to(&mut self, check: &mut Check, link: LinkId, nick: &str) {
        let to = Some(nick.to_owned());
        let token = check.token(Said { client: self.number, group: self.group, link, to });
        self.out.push(format!("/msg {nick} ~{token}~"));
    }

    pub(crate) fn set_topic(&mut self, check: &mut Check, link: LinkId) {
        let token = check.token(Said { client: self.number, group: self.group, link, to: None });
        self.out.push(format!("/topic ~{token}~"));
    }

    pub(crate) fn disconnected(&mut self) {
        self.rooms.clear();
        self.earlier_of = None;
        self.out.clear();
    }

    pub(crate) fn hear(&mut self, check: &Check, link: LinkId, text: &str) -> Verdict {
        text.lines().try_for_each(|line| self.line(check, link, line))
    }

    fn line(&mut self, check: &Check, link: LinkId, line: &str) -> Verdict {
        match line.strip_prefix("-- ") {
            Some(notice) => self.notice(check, notice),
            // A line of history begins with its time, and no room's name has a colon.
            None if prefix(line).is_some_and(|prefix| prefix.contains(':')) => Ok(()),
            None => self.event(check, link, line),
        }
    }

    pub(crate) fn has_everything(&mut self, check: &Check) -> Verdict {
        for (room, view) in &mut self.rooms {
            view.skip(check, room, check.latest(room), |fact| is_said_by(check, self.number, &fact.tokens))?;
        }
        Ok(())
    }

    fn notice(&mut self, check: &Check, notice: &str) -> Verdict {
        if let Some(rest) = notice.strip_prefix("Welcome to Switchboard. ") {
            let room = rest.strip_prefix("This is ").or_else(|| rest.split_once(" in ").map(|(_, room)| room));
            if let Some((room, _)) = room.and_then(|room| room.split_once(',')) {
                self.rooms.clear();
                self.enter(room);
            }
        } else if let Some((room, _)) = notice.strip_prefix("You left ").and_then(|rest| rest.split_once(". ")) {
            self.rooms.remove(room);
        } else if let Some((count, _)) = notice.split_once(" earlier: ") {
            let seq = count.parse().map_err(|_| format!("how many earlier ones: {notice}"))?;
            if let Some((room, was_in)) = self.earlier_of.take()
                && let Some(view) = self.rooms.get_mut(&room)
            {
                if was_in {
                    view.skip(check, &room, seq, |fact| is_said_by(check, self.number, &fact.tokens))?;
                }
                view.last = seq;
            }
        } else if let Some((room, rest)) = notice.split_once(", ")
            && rest.contains(" here.")
            && !room.contains(' ')
        {
            self.enter(room);
        }
        Ok(())
    }

    fn enter(&mut self, room: &str) {
        let was_in = self.rooms.contains_key(room);
        self.rooms.entry(room.to_owned()).or_default();
        self.earlier_of = Some((room.to_owned(), was_in));
    }

    fn event(&mut self, check: &Check, link: LinkId, line: &str) -> Verdict {
        let Some(token) = tokens(line).first().copied() else { return Ok(()) };
        let said = check.said(token)?;
        if said.client == self.number && said.link == link {
            return Err(format!("client {} hears itself: {line}", self.number));
        }
        if said.to.is_some() {
            return if !line.contains(" (private") {
                Err(format!("a private message is shown as a public one: {line}"))
            } else if self.privates.insert(token) {
                Ok(())
            } else {
                Err(format!("a private message came twice: {line}"))
            };
        }
        let Some((room, seq)) = check.place(token) else { return Err(format!("~{token}~ is not stored")) };
        if let Some(shown) = prefix(line)
            && shown != room
        {
            return Err(format!("shown as of another room than {room}: {line}"));
        }
        let number = self.number;
        let Some(view) = self.rooms.get_mut(room) else {
            return Err(format!("client {number} is not in {room} and hears {line}"));
        };
        view.advance(check, room, *seq, |fact| is_said_by(check, number, &fact.tokens))
    }
}

/// What stands in brackets at the beginning of a line: another room's name, or the time of an earlier event.
fn prefix(line: &str) -> Option<&str> {
    line.strip_prefix('[').and_then(|rest| rest.split_once("] ")).map(|(prefix, _)| prefix)
}

/// Whether an event is this client's own, or that of a fragment of a connection, which a person cannot tell apart.
fn is_said_by(check: &Check, client: usize, tokens: &[u64]) -> bool {
    tokens.first().is_none_or(|token| check.said(*token).is_ok_and(|said| said.client == client))
}
