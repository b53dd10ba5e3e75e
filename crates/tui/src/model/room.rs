//! One room, one person, or the server itself: what was said there, and where the reader stands.

use super::editor::Editor;
use super::timeline::{Body, Entry, Key, Move, Timeline};
use std::collections::{BTreeMap, VecDeque};
use switchboard_client::event::Seq;

/// Recent speakers, for completion.
const SPEAKERS_MAX: usize = 64;

/// Names of members that are kept; the count may be larger.
const MEMBERS_MAX: usize = 5_000;

/// How long somebody is shown as writing after they were last heard to, in milliseconds.
const TYPING_MS: u64 = 6_000;

/// A room's number within this client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RoomId(pub u32);

/// What kind of place it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Words about the connection.
    Server,
    Room,
    /// A conversation with one person, by nick.
    Private,
}

/// A message of ours that is not stored yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pending {
    pub id: String,
    /// Its number among them, for its place on the screen.
    pub number: u32,
    pub text: String,
    pub action: bool,
    /// When it was said, or last could be sent, in milliseconds since 1970.
    pub since: u64,
    /// Why it was refused.
    pub failed: Option<String>,
}

/// A place on the screen: the bottom row shows the entry's last line but `hidden`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scroll {
    pub at: Key,
    pub hidden: usize,
}

/// One of the things shown in a room, in their order.
#[derive(Clone, Copy, Debug)]
pub enum Item<'a> {
    Entry(&'a Entry),
    Pending(&'a Pending),
}

/// A room.
#[derive(Clone, Debug)]
pub struct Room {
    pub id: RoomId,
    pub kind: Kind,
    pub name: String,
    pub topic: String,
    pub timeline: Timeline,
    pub pending: Vec<Pending>,
    /// Everything up to here was on the screen, or was there before this client.
    pub read: Key,
    /// Messages of others behind it, and those among them that mention this user.
    pub unread: usize,
    pub mentions: usize,
    /// The line between read and unread stands behind this.
    pub marker: Option<Key>,
    /// What was looked for and found: it stands out until one leaves.
    pub found: Option<Key>,
    /// None: at the latest line, and staying there.
    pub scroll: Option<Scroll>,
    /// Names by their small letters.
    pub members: BTreeMap<String, String>,
    pub count: u32,
    pub(super) members_asked: bool,
    /// Who is writing, and until when that holds.
    pub typing: Vec<(String, u64)>,
    pub draft: Editor,
    /// The latest first.
    pub speakers: VecDeque<String>,
    /// The session is in it.
    pub joined: bool,
    /// The latest number that the server had when it was joined and nothing of it was shown.
    pub(super) latest: Seq,
    /// A page of history is on its way; after a refusal, none is asked for before `retry_at`.
    pub(super) asked: bool,
    pub(super) retry_at: u64,
    pendings: u32,
}

impl Room {
    pub(super) fn new(id: RoomId, kind: Kind, name: String) -> Self {
        Self {
            id,
            kind,
            name,
            topic: String::new(),
            timeline: Timeline::default(),
            pending: Vec::new(),
            read: Key::default(),
            unread: 0,
            mentions: 0,
            marker: None,
            found: None,
            scroll: None,
            members: BTreeMap::new(),
            count: 0,
            members_asked: false,
            typing: Vec::new(),
            draft: Editor::default(),
            speakers: VecDeque::new(),
            joined: false,
            latest: 0,
            asked: false,
            retry_at: 0,
            pendings: 0,
        }
    }

    pub(super) fn order(&self) -> (Kind, String) {
        (self.kind, self.name.to_lowercase())
    }

    /// How many things are shown in it.
    #[must_use]
    pub fn items(&self) -> usize {
        self.timeline.len() + self.pending.len()
    }

    #[must_use]
    pub fn item(&self, index: usize) -> Option<Item<'_>> {
        match self.timeline.get(index) {
            Some(entry) => Some(Item::Entry(entry)),
            None => self.pending.get(index - self.timeline.len()).map(Item::Pending),
        }
    }

    /// Where an item stands; what is not acknowledged stands behind all else.
    #[must_use]
    pub fn place(&self, index: usize) -> Key {
        match self.item(index) {
            Some(Item::Entry(entry)) => entry.key,
            Some(Item::Pending(pending)) => Key { seq: Seq::MAX, sub: pending.number },
            None => Key { seq: Seq::MAX, sub: u32::MAX },
        }
    }

    /// The item at a place, or the next one if it is gone.
    #[must_use]
    pub fn index_of(&self, place: Key) -> usize {
        if place.seq == Seq::MAX {
            self.timeline.len() + self.pending.partition_point(|pending| pending.number < place.sub)
        } else {
            self.timeline.index_of(place)
        }
    }

    /// The item at the bottom of the screen.
    #[must_use]
    pub fn bottom(&self) -> usize {
        let last = self.items().saturating_sub(1);
        self.scroll.map_or(last, |scroll| self.index_of(scroll.at).min(last))
    }

    /// What of the server's history is wanted for a screen of this height: the page before a number, or the latest.
    pub(super) fn missing(&self, height: usize) -> Option<Option<Seq>> {
        if self.scroll.is_none() && self.timeline.last().seq < self.latest {
            return Some(None);
        }
        let bottom = self.bottom();
        let top = bottom.saturating_sub(2 * height);
        (top..=bottom).rev().find_map(|index| self.timeline.hole_before(index)).map(Some)
    }

    /// Puts in what has a number; false if it is there already.
    pub(super) fn insert(&mut self, entry: Entry) -> bool {
        let (key, kind) = (entry.key, unread_kind(&entry.body));
        if !self.timeline.insert(entry) {
            return false;
        }
        self.count_unread(key, kind);
        self.trim();
        true
    }

    /// Adds what has no number.
    pub(super) fn append(&mut self, time: i64, body: Body) -> Key {
        let kind = unread_kind(&body);
        let key = self.timeline.append(time, body);
        self.count_unread(key, kind);
        self.trim();
        key
    }

    pub(super) fn append_move(&mut self, time: i64, movement: Move) {
        self.timeline.append_move(time, movement);
        self.trim();
    }

    pub(super) fn notice(&mut self, time: i64, text: &str) {
        self.append(time, Body::Notice(text.into()));
    }

    pub(super) fn read_all(&mut self) {
        self.read = self.read.max(self.timeline.last());
        self.unread = 0;
        self.mentions = 0;
    }

    pub(super) fn spoke(&mut self, nick: &str) {
        self.speakers.retain(|known| known != nick);
        self.speakers.push_front(nick.to_owned());
        self.speakers.truncate(SPEAKERS_MAX);
        self.typing.retain(|(known, _)| known != nick);
    }

    pub(super) fn types(&mut self, nick: &str, now: u64) {
        self.typing.retain(|(known, _)| known != nick);
        if self.typing.len() < 8 {
            self.typing.push((nick.to_owned(), now + TYPING_MS));
        }
    }

    pub(super) fn came(&mut self, nick: &str) {
        if self.members.len() < MEMBERS_MAX {
            self.members.insert(nick.to_lowercase(), nick.to_owned());
        }
    }

    pub(super) fn went(&mut self, nick: &str) -> bool {
        self.typing.retain(|(known, _)| known != nick);
        self.members.remove(&nick.to_lowercase()).is_some()
    }

    pub(super) fn wait(&mut self, id: String, text: String, action: bool, since: u64) {
        self.pendings += 1;
        self.pending.push(Pending { id, number: self.pendings, text, action, since, failed: None });
    }

    pub(super) fn settled(&mut self, id: &str) -> Option<Pending> {
        let index = self.pending.iter().position(|pending| pending.id == id)?;
        Some(self.pending.remove(index))
    }

    /// The server has another history: all numbers are void.
    pub(super) fn start_over(&mut self) {
        self.timeline.clear();
        (self.read, self.unread, self.mentions) = (Key::default(), 0, 0);
        (self.marker, self.scroll, self.latest) = (None, None, 0);
    }

    fn count_unread(&mut self, key: Key, (counts, mention): (bool, bool)) {
        if !counts || key <= self.read {
            return;
        }
        if self.unread == 0 {
            self.marker = Some(self.read);
        }
        self.unread += 1;
        self.mentions += usize::from(mention);
    }

    fn trim(&mut self) {
        while let Some(entry) = self.timeline.trim() {
            let (counts, mention) = unread_kind(&entry.body);
            if counts && entry.key > self.read {
                self.unread -= 1;
                self.mentions -= usize::from(mention);
            }
        }
    }
}

/// Whether something counts as unread, and as a mention.
fn unread_kind(body: &Body) -> (bool, bool) {
    match body {
        Body::Message(said) => (!said.own, !said.own && said.mention),
        Body::Topic { .. } | Body::Presence(_) | Body::Notice(_) => (false, false),
    }
}
