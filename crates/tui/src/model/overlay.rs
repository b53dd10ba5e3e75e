//! What lies over the messages: help, lists to choose from, questions.

use super::editor::Editor;
use super::room::{Kind, Room};
use super::timeline::Body;
use super::{Model, Purpose, Target};
use crate::clock;
use crate::links::links;
use switchboard_client::Ask;

/// How long the words of a search rest before they are searched for, in milliseconds.
const SEARCH_AFTER_MS: u64 = 250;

/// Links in their list.
const LINKS_MAX: usize = 200;

/// What is open.
#[derive(Clone, Debug)]
pub enum Overlay {
    /// The keys and commands, from this line on.
    Help(usize),
    List(List),
    /// A paste of several lines waits for its answer.
    Paste(String),
    /// Looking for something said before; `found` is its index.
    Recall {
        query: String,
        found: Option<usize>,
    },
}

/// What a list is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    Switch,
    Rooms,
    Mentions,
    Links,
    Search,
}

/// A list with a filter above it.
#[derive(Clone, Debug)]
pub struct List {
    pub what: What,
    pub words: Editor,
    rows: Vec<Row>,
    /// The rows that fit the filter.
    pub shown: Vec<usize>,
    pub chosen: usize,
    /// When the words are to be searched for.
    pub search_at: Option<u64>,
    /// A search is under way, or what came of it instead of rows.
    pub state: Option<String>,
}

/// A row of a list.
#[derive(Clone, Debug)]
pub struct Row {
    pub label: String,
    pub detail: String,
    pub target: Target,
}

impl List {
    #[must_use]
    pub(super) fn new(what: What) -> Self {
        Self {
            what,
            words: Editor::default(),
            rows: Vec::new(),
            shown: Vec::new(),
            chosen: 0,
            search_at: None,
            state: None,
        }
    }

    pub(super) fn push(&mut self, label: String, detail: String, target: Target) {
        self.rows.push(Row { label, detail, target });
    }

    pub(super) fn clear(&mut self) {
        self.rows.clear();
    }

    /// What is written above the filter.
    #[must_use]
    pub const fn title(&self) -> &'static str {
        match self.what {
            What::Switch => "Go to",
            What::Rooms => "Rooms of this server",
            What::Mentions => "Mentions",
            What::Links => "Links",
            What::Search => "Search this room",
        }
    }

    #[must_use]
    pub fn row(&self, shown: usize) -> Option<&Row> {
        self.rows.get(*self.shown.get(shown)?)
    }

    /// Shows the rows that have the words, each letter in its order; those that begin with them first.
    pub(super) fn filter(&mut self) {
        let words = self.words.text().to_lowercase();
        if self.what == What::Search {
            self.shown = (0..self.rows.len()).collect();
        } else {
            let text = |row: &Row| format!("{} {}", row.label, row.detail).to_lowercase();
            let mut shown: Vec<(u8, usize)> = (0..self.rows.len())
                .filter_map(|index| Some((fit(&text(&self.rows[index]), &words)?, index)))
                .collect();
            shown.sort_unstable();
            self.shown = shown.into_iter().map(|(_, index)| index).collect();
        }
        self.chosen = self.chosen.min(self.shown.len().saturating_sub(1));
    }

    pub(super) fn answered(&mut self) {
        self.state = self.rows.is_empty().then(|| "nothing found".to_owned());
        self.chosen = 0;
        self.filter();
    }

    pub(super) fn failed(&mut self, why: String) {
        self.rows.clear();
        self.state = Some(why);
        self.filter();
    }
}

/// How well a row fits: 0 is best.
fn fit(text: &str, words: &str) -> Option<u8> {
    if text.starts_with(words) {
        return Some(0);
    }
    if text.contains(words) {
        return Some(1);
    }
    let mut letters = text.chars();
    words.chars().all(|wanted| letters.any(|letter| letter == wanted)).then_some(2)
}

impl Model {
    pub(super) fn open_switch(&mut self) {
        let mut list = List::new(What::Switch);
        let mut rooms: Vec<&Room> = self.rooms.iter().filter(|room| room.id != self.current).collect();
        // Where one was last, and where something happens, is where one wants to go.
        rooms.sort_by_key(|room| {
            (Some(room.id) != self.before, room.mentions == 0, room.unread == 0, room.kind == Kind::Server)
        });
        for room in rooms {
            let unread = if room.unread > 0 { format!("{} unread", room.unread) } else { String::new() };
            let topic = if room.topic.is_empty() { String::new() } else { format!("  {}", room.topic) };
            list.push(room.name.clone(), format!("{unread}{topic}"), Target::Room(room.id));
        }
        list.filter();
        self.overlay = Some(Overlay::List(list));
    }

    pub(super) fn open_mentions(&mut self) {
        let mut list = List::new(What::Mentions);
        for mention in self.mentions.iter().rev() {
            let Some(room) = self.find(mention.room) else { continue };
            let entry = room.timeline.get(room.timeline.index_of(mention.place));
            let when = entry.map(|entry| clock::short(entry.time, &self.settings.zone)).unwrap_or_default();
            let target = Target::Entry(mention.room, mention.place);
            list.push(format!("{when}  {}", room.name), mention.line.clone(), target);
        }
        list.state = self.mentions.is_empty().then(|| "nobody has mentioned you yet".to_owned());
        list.filter();
        self.overlay = Some(Overlay::List(list));
    }

    pub(super) fn open_links(&mut self) {
        let mut list = List::new(What::Links);
        let entries = self.room().timeline.iter().rev();
        let said = entries.filter_map(|entry| match &entry.body {
            Body::Message(said) => Some((&said.nick, &said.text)),
            Body::Topic { nick, text } => Some((nick, text)),
            Body::Presence(_) | Body::Notice(_) => None,
        });
        for (nick, text) in said {
            for link in links(text) {
                if list.rows.len() < LINKS_MAX && !list.rows.iter().any(|row| row.label == link) {
                    list.push(link.to_owned(), nick.to_string(), Target::Link(link.to_owned()));
                }
            }
        }
        list.state = list.rows.is_empty().then(|| "no links here".to_owned());
        list.filter();
        self.overlay = Some(Overlay::List(list));
    }

    pub(super) fn open_search(&mut self, words: &str) {
        if self.room().kind != Kind::Room {
            self.flash("only rooms can be searched");
            return;
        }
        let mut list = List::new(What::Search);
        list.words = Editor::with(words);
        list.state = Some("type what to look for".to_owned());
        list.search_at = (!words.is_empty()).then_some(self.now);
        self.overlay = Some(Overlay::List(list));
    }

    /// The words above a list changed.
    pub(super) fn filtered(&mut self) {
        let now = self.now;
        if let Some(Overlay::List(list)) = &mut self.overlay {
            list.chosen = 0;
            if list.what == What::Search {
                list.search_at = Some(now + SEARCH_AFTER_MS);
            }
            list.filter();
        }
    }

    pub(super) fn search_when_due(&mut self) {
        let (now, room) = (self.now, self.current);
        let Some(Overlay::List(list)) = &mut self.overlay else { return };
        if list.search_at.is_none_or(|at| at > now) {
            return;
        }
        list.search_at = None;
        let query = list.words.text().trim().to_owned();
        if query.is_empty() {
            list.clear();
            list.state = Some("type what to look for".to_owned());
            list.filter();
            return;
        }
        list.state = Some("searching".to_owned());
        // Only the latest search may answer.
        self.asked.retain(|_, purpose| !matches!(purpose, Purpose::Search { .. }));
        let name = self.room().name.clone();
        self.ask(Purpose::Search { room }, Ask::Search { room: Some(name), query, before: None, limit: Some(50) });
    }
}
