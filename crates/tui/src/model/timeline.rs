//! What was said in one room, in order, with the holes that the server can still fill.

use std::collections::{BTreeSet, VecDeque};
use switchboard_client::event::Seq;

/// Entries kept for one room. More: the oldest go, and come again from the server when somebody scrolls up to them.
pub const ENTRIES_MAX: usize = 120_000;

/// Bytes of text kept for one room; beyond it, the oldest go too.
pub const BYTES_MAX: usize = 32 * 1024 * 1024;

/// Names in one line of folded joins and leaves; further ones are counted.
const NAMES_MAX: usize = 8;

/// An entry's place. What has no number of the server's (`sub` above 0) stands behind the number it came after.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    pub seq: Seq,
    pub sub: u32,
}

/// One thing in a room. Every text is clean.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub key: Key,
    /// Milliseconds since 1970; 0 where nobody said.
    pub time: i64,
    pub body: Body,
}

/// What it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    Message(Said),
    Topic {
        nick: Box<str>,
        text: Box<str>,
    },
    /// People came, went, or took other names: folded into one line.
    Presence(Box<Presence>),
    /// Words of the server, or of this program.
    Notice(Box<str>),
}

/// A message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    pub nick: Box<str>,
    pub text: Box<str>,
    pub via: Via,
    pub action: bool,
    /// This user said it.
    pub own: bool,
    /// It names this user.
    pub mention: bool,
}

/// By which socket a message came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Via {
    Tcp,
    Tls,
    Udp,
    WebSocket,
    Polling,
    /// A transport that this program does not know, or none was named.
    #[default]
    Other,
}

impl Via {
    /// The protocol's word for it.
    #[must_use]
    pub fn of(word: &str) -> Self {
        match word {
            "tcp" => Self::Tcp,
            "tls" => Self::Tls,
            "udp" => Self::Udp,
            "websocket" => Self::WebSocket,
            "polling" => Self::Polling,
            _ => Self::Other,
        }
    }

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Tls => "tls",
            Self::Udp => "udp",
            Self::WebSocket => "websocket",
            Self::Polling => "polling",
            Self::Other => "",
        }
    }
}

/// Folded comings and goings, in the order of each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Presence {
    joined: Names,
    left: Names,
    renamed: Names,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Names {
    first: Vec<String>,
    more: usize,
}

/// One coming or going.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Move {
    Joined(String),
    Left(String),
    Renamed { old: String, new: String },
}

impl Presence {
    fn add(&mut self, movement: Move) {
        match movement {
            // Gone and back within a line is nothing to tell.
            Move::Joined(nick) if self.left.remove(&nick) => {}
            Move::Left(nick) if self.joined.remove(&nick) => {}
            Move::Joined(nick) => self.joined.add(nick),
            Move::Left(nick) => self.left.add(nick),
            Move::Renamed { old, new } => self.renamed.add(format!("{old} is now {new}")),
        }
    }

    fn is_empty(&self) -> bool {
        [&self.joined, &self.left, &self.renamed].iter().all(|names| names.first.is_empty() && names.more == 0)
    }

    /// The line.
    #[must_use]
    pub fn line(&self) -> String {
        let joined = self.joined.line().map(|names| format!("{names} joined"));
        let left = self.left.line().map(|names| format!("{names} left"));
        [joined, left, self.renamed.line()].into_iter().flatten().collect::<Vec<_>>().join("; ")
    }
}

impl Names {
    fn add(&mut self, name: String) {
        if self.first.len() < NAMES_MAX { self.first.push(name) } else { self.more += 1 }
    }

    fn remove(&mut self, name: &str) -> bool {
        let place = self.first.iter().position(|known| known == name);
        place.map(|place| self.first.remove(place)).is_some()
    }

    fn line(&self) -> Option<String> {
        let names = self.first.join(", ");
        match (self.first.is_empty(), self.more) {
            (true, 0) => None,
            (_, 0) => Some(names),
            (_, more) => Some(format!("{names} and {more} more")),
        }
    }
}

/// The entries, oldest first.
#[derive(Clone, Debug, Default)]
pub struct Timeline {
    entries: VecDeque<Entry>,
    bytes: usize,
    /// The numbers before which the server has nothing more.
    closed: BTreeSet<Seq>,
}

impl Timeline {
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    #[must_use]
    pub fn get(&self, index: usize) -> Option<&Entry> {
        self.entries.get(index)
    }

    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Entry> + ExactSizeIterator {
        self.entries.iter()
    }

    /// The index of the first entry at or behind a place.
    #[must_use]
    pub fn index_of(&self, key: Key) -> usize {
        self.entries.partition_point(|entry| entry.key < key)
    }

    /// The latest place.
    #[must_use]
    pub fn last(&self) -> Key {
        self.entries.back().map_or(Key::default(), |entry| entry.key)
    }

    /// Puts in an event with its number; false if it is there already.
    pub fn insert(&mut self, entry: Entry) -> bool {
        let index = self.index_of(entry.key);
        if self.entries.get(index).is_some_and(|there| there.key == entry.key) {
            return false;
        }
        self.bytes += entry.bytes();
        self.entries.insert(index, entry);
        true
    }

    /// Adds something without a number behind everything that is there; returns its place.
    pub fn append(&mut self, time: i64, body: Body) -> Key {
        let last = self.last();
        let key = Key { seq: last.seq, sub: last.sub.saturating_add(1) };
        self.insert(Entry { key, time, body });
        key
    }

    /// Adds a coming or going, to the line before it if that is one too.
    pub fn append_move(&mut self, time: i64, movement: Move) {
        if let Some(Entry { body: Body::Presence(presence), .. }) = self.entries.back_mut() {
            presence.add(movement);
            if presence.is_empty() {
                self.bytes -= self.entries.pop_back().map_or(0, |entry| entry.bytes());
            }
            return;
        }
        let mut presence = Presence::default();
        presence.add(movement);
        self.append(time, Body::Presence(Box::new(presence)));
    }

    /// Removes the oldest entry if there are too many.
    pub fn trim(&mut self) -> Option<Entry> {
        if self.entries.len() <= ENTRIES_MAX && self.bytes <= BYTES_MAX {
            return None;
        }
        let entry = self.entries.pop_front()?;
        self.bytes -= entry.bytes();
        // What was known of the beginning is known no more.
        self.closed = self.closed.split_off(&(entry.key.seq + 1));
        Some(entry)
    }

    /// The number before which events are missing that the server may have, if there is such a hole just before this
    /// entry.
    #[must_use]
    pub fn hole_before(&self, index: usize) -> Option<Seq> {
        let seq = self.entries.get(index).filter(|entry| entry.key.sub == 0)?.key.seq;
        let before = match index.checked_sub(1) {
            Some(index) => self.entries.get(index)?.key.seq,
            None => 0,
        };
        (before + 1 < seq && !self.closed.contains(&seq)).then_some(seq)
    }

    /// The server has nothing before this number.
    pub fn close(&mut self, seq: Seq) {
        self.closed.insert(seq);
    }

    /// Forgets everything: the numbers start over.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// Bytes of text, and of what holds them.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes + self.entries.capacity() * size_of::<Entry>()
    }
}

impl Entry {
    fn bytes(&self) -> usize {
        match &self.body {
            Body::Message(said) => said.nick.len() + said.text.len(),
            Body::Topic { nick, text } => nick.len() + text.len(),
            // These change while they stand; their number of names is bounded.
            Body::Presence(_) => size_of::<Presence>(),
            Body::Notice(text) => text.len(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(seq: Seq) -> Entry {
        Entry { key: Key { seq, sub: 0 }, time: 0, body: Body::Notice("x".into()) }
    }

    #[test]
    fn holes_are_where_numbers_are_missing_and_the_server_may_have_them() {
        let mut timeline = Timeline::default();
        for seq in [9, 5, 10] {
            assert!(timeline.insert(entry(seq)));
        }
        assert!(!timeline.insert(entry(9)));
        timeline.append(0, Body::Notice("now".into()));
        assert!(timeline.insert(entry(11)));
        let holes =
            |timeline: &Timeline| (0..timeline.len()).map(|index| timeline.hole_before(index)).collect::<Vec<_>>();
        assert_eq!(holes(&timeline), [Some(5), Some(9), None, None, None]);
        timeline.close(5);
        assert_eq!(holes(&timeline), [None, Some(9), None, None, None]);
    }

    #[test]
    fn comings_and_goings_are_one_line() {
        let mut timeline = Timeline::default();
        for movement in [
            Move::Joined("ada".to_owned()),
            Move::Joined("bob".to_owned()),
            Move::Left("eve".to_owned()),
            Move::Left("ada".to_owned()),
            Move::Renamed { old: "bob".to_owned(), new: "rob".to_owned() },
        ] {
            timeline.append_move(0, movement);
        }
        let Body::Presence(presence) = &timeline.get(0).unwrap().body else { panic!() };
        assert_eq!(presence.line(), "bob joined; eve left; bob is now rob");
        (0..20).for_each(|n| timeline.append_move(0, Move::Joined(format!("n{n}"))));
        assert_eq!(timeline.len(), 1);
        let Body::Presence(presence) = &timeline.get(0).unwrap().body else { panic!() };
        assert!(presence.line().starts_with("bob, n0, n1, n2, n3, n4, n5, n6 and 13 more joined; eve left"));
        let mut timeline = Timeline::default();
        timeline.append_move(0, Move::Joined("ada".to_owned()));
        timeline.append_move(0, Move::Left("ada".to_owned()));
        assert!(timeline.is_empty());
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let mut timeline = Timeline::default();
        for seq in 1..=ENTRIES_MAX as Seq + 5 {
            timeline.insert(entry(seq));
            timeline.trim();
        }
        assert_eq!(timeline.len(), ENTRIES_MAX);
        assert_eq!(timeline.hole_before(0), Some(6), "what was dropped can be had again");
    }
}
