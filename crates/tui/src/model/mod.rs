//! What the client knows and shows, as a pure state: an [`Input`] and the time go in, [`Effect`]s come out.

mod act;
mod commands;
mod complete;
pub mod editor;
mod events;
pub mod overlay;
pub mod room;
mod scroll;
mod sending;
pub mod timeline;

use crate::keys::{Bindings, Key};
use crate::settings::Settings;
use crate::view;
use editor::{Cuts, Editor};
use overlay::Overlay;
use room::{Kind, Room, RoomId};
use std::collections::{BTreeMap, VecDeque};
use switchboard_client::event::{Event, Seq};
use switchboard_client::{Ask, Fingerprint, Outgoing, RequestId, message_id};
use timeline::{Key as Place, Timeline};

pub use commands::COMMANDS;
pub use complete::{Candidate, Completion};
pub use sending::Unsent;

/// Things said that can be called back with the arrow keys.
const SAID_MAX: usize = 500;

/// Mentions in the list of all rooms.
const MENTIONS_MAX: usize = 500;

/// How long a word in the status line stays, and Ctrl+C waits for the second one, in milliseconds.
const FLASH_MS: u64 = 4_000;

/// What happens to the client.
#[derive(Clone, Debug)]
pub enum Input {
    Key(Key),
    Paste(String),
    /// A click on something.
    Click(Target),
    /// The wheel, by lines; up is positive.
    Wheel(isize),
    Resize(u16, u16),
    /// The terminal's window has the focus, or no longer.
    Focus(bool),
    /// The connection tells.
    Client(Event),
    /// The editor was closed: with this text, or this went wrong.
    Edited(Result<String, String>),
    /// A word for the person, from the program itself.
    Tell(String),
    /// Time passed.
    Tick,
}

/// What is to be done outside.
#[derive(Clone, Debug)]
pub enum Effect {
    Submit(Outgoing),
    Request(RequestId, Ask),
    /// Connect now, or see whether the connection lives.
    Wake,
    Quit,
    Suspend,
    /// Draw every cell anew.
    Redraw,
    /// Open the editor with this text.
    Edit(String),
    Bell,
    /// Tell the desktop.
    Notify(String),
    Title(String),
    /// Open a link.
    Open(String),
    /// Show these lines and nothing else until a key is pressed.
    Bare(Vec<String>),
    /// Whether the mouse is ours.
    Mouse(bool),
    /// What is not acknowledged changed: keep it.
    Keep,
    /// Connect anew, with this changed.
    Restart(Change),
}

/// What a new connection has other than the one before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    Nothing,
    Pass(String),
    Nick(String),
    /// This certificate is trusted from now on.
    Trust(Fingerprint),
    /// Another server, by its name in the configuration.
    Profile(String),
}

/// What can be clicked on or chosen from a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    Room(RoomId),
    Entry(RoomId, Place),
    Link(String),
    /// A room to join.
    Join(String),
    /// A person to talk to.
    Member(String),
    Action(crate::keys::Action),
    /// A row of the open list.
    Row(usize),
    /// A candidate of the completion.
    Candidate(usize),
}

/// The connection, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Link {
    Connecting,
    Online,
    Offline {
        why: String,
        retry_at: u64,
    },
    /// It will not connect again by itself.
    Ended {
        why: String,
        fingerprint: Option<Fingerprint>,
    },
}

/// What an answer is an answer to.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Purpose {
    History {
        room: RoomId,
        before: Option<Seq>,
    },
    /// A page around a place to go to.
    Around {
        room: RoomId,
        seq: Seq,
        from: Seq,
    },
    Search {
        room: RoomId,
    },
    /// To be in a room, by the name that was typed.
    Join {
        room: RoomId,
    },
    Leave,
    /// Who is there: to know it, or to say it as well.
    Members {
        room: RoomId,
        say: bool,
    },
    Rooms,
    Topic,
    /// An order whose refusal is told.
    Order,
    /// Of no interest.
    Typing,
}

/// A mention, for the list of all of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mention {
    pub room: RoomId,
    pub place: Place,
    pub line: String,
}

/// The client.
#[derive(Clone, Debug)]
pub struct Model {
    pub settings: Settings,
    pub bindings: Bindings,
    /// The server, as it is shown.
    pub address: String,
    /// Milliseconds since 1970.
    pub now: u64,
    pub size: (u16, u16),
    pub focused: bool,
    pub link: Link,
    pub me: String,
    session: String,
    /// The server's own, then rooms, then people, each by name. Never empty.
    pub rooms: Vec<Room>,
    pub current: RoomId,
    before: Option<RoomId>,
    pub overlay: Option<Overlay>,
    pub completion: Option<Completion>,
    /// A word in the status line, and until when.
    pub flash: Option<(String, u64)>,
    /// The first key of two.
    pub prefix: Option<Key>,
    cuts: Cuts,
    said: VecDeque<String>,
    /// Which of what was said is in the editor, and what was there before.
    recalled: Option<(usize, String)>,
    pub mentions: VecDeque<Mention>,
    /// Ctrl+C was pressed: again before this, and it is over.
    quits_until: u64,
    typed_at: u64,
    title: String,
    asked: BTreeMap<RequestId, Purpose>,
    last_request: RequestId,
    last_room: u32,
    chance: u64,
    effects: Vec<Effect>,
}

impl Model {
    /// A client that has not connected; `seed` makes its messages' identifiers its own.
    #[must_use]
    pub fn new(settings: Settings, bindings: Bindings, address: String, seed: u64, size: (u16, u16)) -> Self {
        let server = Room::new(RoomId(0), Kind::Server, "switchboard".to_owned());
        Self {
            settings,
            bindings,
            address,
            now: 0,
            size,
            focused: true,
            link: Link::Connecting,
            me: String::new(),
            session: String::new(),
            rooms: vec![server],
            current: RoomId(0),
            before: None,
            overlay: None,
            completion: None,
            flash: None,
            prefix: None,
            cuts: Cuts::default(),
            said: VecDeque::new(),
            recalled: None,
            mentions: VecDeque::new(),
            quits_until: 0,
            typed_at: 0,
            title: String::new(),
            asked: BTreeMap::new(),
            last_request: 0,
            last_room: 0,
            chance: seed,
            effects: Vec::new(),
        }
    }

    /// Something happened at `now`, in milliseconds since 1970: what is to be done about it, in order.
    pub fn update(&mut self, now: u64, input: Input) -> Vec<Effect> {
        self.now = now;
        // What comes in while the person looks on is not unread, and gets no line before it.
        let room = self.room();
        let looking = (self.focused && room.scroll.is_none() && room.unread == 0).then_some((room.id, room.marker));
        match input {
            Input::Key(key) => self.key(key),
            Input::Paste(text) => self.paste(&text),
            Input::Click(target) => self.open(target),
            Input::Wheel(lines) => self.scroll(lines),
            Input::Resize(width, height) => self.size = (width, height),
            Input::Focus(focused) => self.focused = focused,
            Input::Client(event) => self.event(event),
            Input::Edited(text) => self.edited(text),
            Input::Tell(text) => self.flash(text),
            Input::Tick => {}
        }
        if let Some((_, marker)) = looking.filter(|(id, _)| *id == self.current && self.focused) {
            let room = self.room_mut();
            room.marker = if room.scroll.is_none() && room.marker.is_some() { marker } else { room.marker };
        }
        self.settle();
        std::mem::take(&mut self.effects)
    }

    /// The room on the screen.
    #[must_use]
    pub fn room(&self) -> &Room {
        self.find(self.current).unwrap_or(&self.rooms[0])
    }

    /// A room by its number, if it is still there.
    #[must_use]
    pub fn find(&self, id: RoomId) -> Option<&Room> {
        self.rooms.iter().find(|room| room.id == id)
    }

    /// The text being written.
    #[must_use]
    pub fn editor(&self) -> &Editor {
        &self.room().draft
    }

    /// Whether something changes by itself: then [`Input::Tick`] is wanted some times a second.
    #[must_use]
    pub fn is_restless(&self) -> bool {
        let typing = !self.room().typing.is_empty();
        let searching = matches!(&self.overlay, Some(Overlay::List(list)) if list.search_at.is_some());
        let offline = matches!(self.link, Link::Offline { .. });
        typing || searching || offline || self.flash.is_some() || self.lag().is_some() || self.retries()
    }

    /// How long the oldest message waits for its acknowledgement, in milliseconds, if that is long enough to say.
    #[must_use]
    pub fn lag(&self) -> Option<u64> {
        if self.link != Link::Online {
            return None;
        }
        let oldest = self.rooms.iter().flat_map(|room| &room.pending).filter(|pending| pending.failed.is_none());
        oldest.map(|pending| self.now.saturating_sub(pending.since)).max()
    }

    fn retries(&self) -> bool {
        self.room().retry_at > self.now
    }

    fn room_mut(&mut self) -> &mut Room {
        let index = self.rooms.iter().position(|room| room.id == self.current).unwrap_or(0);
        &mut self.rooms[index]
    }

    fn find_mut(&mut self, id: RoomId) -> Option<&mut Room> {
        self.rooms.iter_mut().find(|room| room.id == id)
    }

    fn named(&self, kind: Kind, name: &str) -> Option<RoomId> {
        let name = name.to_lowercase();
        self.rooms.iter().find(|room| room.kind == kind && room.name.to_lowercase() == name).map(|room| room.id)
    }

    /// The room or person of this name, which is put into the list if it is new.
    fn ensure(&mut self, kind: Kind, name: &str) -> RoomId {
        if let Some(id) = self.named(kind, name) {
            return id;
        }
        self.last_room += 1;
        let room = Room::new(RoomId(self.last_room), kind, name.to_owned());
        let (id, order) = (room.id, room.order());
        let index = self.rooms.partition_point(|other| other.order() < order);
        self.rooms.insert(index, room);
        id
    }

    fn go(&mut self, id: RoomId) {
        if id == self.current || self.find(id).is_none() {
            return;
        }
        let left = self.room_mut();
        left.found = None;
        if left.unread == 0 {
            left.marker = None;
        }
        self.before = Some(self.current);
        self.current = id;
        self.completion = None;
        self.recalled = None;
    }

    /// Goes back from a room, to the one of before or beside it.
    fn go_from(&mut self, id: RoomId) {
        if id != self.current {
            return;
        }
        let index = self.rooms.iter().position(|room| room.id == id);
        let beside =
            index.and_then(|index| self.rooms.get(index + 1).or_else(|| self.rooms.get(index.wrapping_sub(1))));
        let next = self.before.filter(|before| *before != id && self.find(*before).is_some());
        self.go(next.or(beside.map(|room| room.id)).unwrap_or(RoomId(0)));
    }

    fn remove(&mut self, id: RoomId) {
        if id == RoomId(0) {
            return;
        }
        self.go_from(id);
        self.rooms.retain(|room| room.id != id);
        self.mentions.retain(|mention| mention.room != id);
        self.before = self.before.filter(|before| *before != id);
    }

    fn ask(&mut self, purpose: Purpose, ask: Ask) -> RequestId {
        self.last_request += 1;
        self.asked.insert(self.last_request, purpose);
        self.effects.push(Effect::Request(self.last_request, ask));
        self.last_request
    }

    fn flash(&mut self, text: impl Into<String>) {
        self.flash = Some((text.into(), self.now + FLASH_MS));
    }

    /// Words in the current room.
    fn say_here(&mut self, text: &str) {
        let now = self.now as i64;
        self.room_mut().notice(now, text);
    }

    /// A message's identifier, by SplitMix64: another one each time, and from another seed.
    fn fresh_id(&mut self) -> String {
        let mut next = || {
            self.chance = self.chance.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mixed = (self.chance ^ (self.chance >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            (mixed ^ (mixed >> 31)).to_be_bytes()
        };
        let (first, second) = (next(), next());
        let mut chance = [0; 10];
        chance[..8].copy_from_slice(&first);
        chance[8..].copy_from_slice(&second[..2]);
        message_id::encode(self.now, chance)
    }

    /// What follows from any change: what is on the screen is read, what is missing on it is asked for, what is too
    /// old goes.
    fn settle(&mut self) {
        let now = self.now;
        if self.flash.as_ref().is_some_and(|(_, until)| *until <= now) {
            self.flash = None;
        }
        let focused = self.focused;
        let room = self.room_mut();
        room.typing.retain(|(_, until)| *until > now);
        if focused && room.scroll.is_none() {
            room.read_all();
        }
        self.fetch();
        self.search_when_due();
        let title = view::title(self);
        if title != self.title {
            self.title.clone_from(&title);
            self.effects.push(Effect::Title(title));
        }
    }

    /// Asks for what the server has and the screen lacks.
    fn fetch(&mut self) {
        if self.link != Link::Online {
            return;
        }
        let height = usize::from(self.size.1);
        let (now, id) = (self.now, self.current);
        let room = self.room_mut();
        if room.kind != Kind::Room || !room.joined {
            return;
        }
        let (name, ask_members) = (room.name.clone(), !room.members_asked);
        room.members_asked = true;
        let before = if room.asked || room.retry_at > now { None } else { room.missing(height) };
        room.asked |= before.is_some();
        if let Some(before) = before {
            let ask = Ask::History { room: Some(name.clone()), before, after: None, limit: Some(100) };
            self.ask(Purpose::History { room: id, before }, ask);
        }
        if ask_members {
            self.ask(Purpose::Members { room: id, say: false }, Ask::Members { room: Some(name) });
        }
    }

    /// The bytes of all that is kept of rooms.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.rooms.iter().map(|room| &room.timeline).map(Timeline::bytes).sum()
    }
}
