//! The room that a line without one is for: the one that the commands before it lead to, answered or not.

/// Rooms of before that are remembered.
const BEFORE_MAX: usize = 64;

/// Where this client speaks. That is its own affair: on the wire every room is named.
#[derive(Debug)]
pub(super) struct Heading {
    /// None: the last room was left.
    at: Option<Place>,
    /// Where it spoke before, the latest last.
    before: Vec<Place>,
    is_begun: bool,
    is_script: bool,
}

/// A room.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    /// The server's first room, whose name is not known before the first welcome.
    First,
    Named(String),
}

impl Place {
    /// Whether this is the room of a name, as far as can be told before the server says its canonical one.
    fn is(&self, name: &str) -> bool {
        let plain = |name: &str| name.strip_prefix('#').unwrap_or(name).to_lowercase();
        matches!(self, Self::Named(room) if plain(room) == plain(name))
    }
}

impl Heading {
    pub(super) fn new(room: Option<String>, is_script: bool) -> Self {
        let (at, before) = match room {
            Some(room) => (Place::Named(room), vec![Place::First]),
            None => (Place::First, Vec::new()),
        };
        Self { at: Some(at), before, is_begun: false, is_script }
    }

    /// Returns the room's name, where there is a room and its name is known.
    pub(super) fn room(&self) -> Option<&str> {
        match &self.at {
            Some(Place::Named(room)) => Some(room),
            Some(Place::First) | None => None,
        }
    }

    pub(super) const fn is_nowhere(&self) -> bool {
        self.at.is_none()
    }

    /// The server said which rooms it puts everybody into, with its first one, where they speak, at the end. A person who
    /// left every room is there again with a new session, as the session is; a script goes on in none.
    pub(super) fn begin<'a>(&mut self, mut rooms: impl DoubleEndedIterator<Item = &'a str>) {
        let Some(first) = rooms.next_back() else { return };
        if !std::mem::replace(&mut self.is_begun, true) {
            self.before.splice(0..0, rooms.map(|room| Place::Named(room.to_owned())));
        }
        if self.at == Some(Place::First) || self.at.is_none() && !self.is_script {
            self.at = Some(Place::Named(first.to_owned()));
        }
        let is_known = self.at.iter().chain(&self.before).any(|place| place.is(first));
        self.before.retain(|place| *place != Place::First || !is_known);
        for place in self.before.iter_mut().filter(|place| **place == Place::First) {
            *place = Place::Named(first.to_owned());
        }
    }

    /// A command leads into a room.
    pub(super) fn go(&mut self, room: &str) {
        self.before.retain(|before| !before.is(room));
        self.before.extend(self.at.replace(Place::Named(room.to_owned())).filter(|before| !before.is(room)));
        if self.before.len() > BEFORE_MAX {
            self.before.remove(0);
        }
    }

    /// A command leads out of a room (none: out of the one that this client speaks in): back into the one of before.
    pub(super) fn leave(&mut self, room: Option<&str>) {
        let left = room.map_or(Place::First, |room| Place::Named(room.to_owned()));
        let is_left = |place: &Place| *place == left || room.is_some_and(|room| place.is(room));
        self.before.retain(|before| !is_left(before));
        if self.at.as_ref().is_some_and(is_left) {
            self.at = self.before.pop();
        }
    }

    /// A room has another name than was typed.
    pub(super) fn rename(&mut self, typed: &str, name: &str) {
        for place in self.at.iter_mut().chain(&mut self.before) {
            if matches!(place, Place::Named(room) if room == typed) {
                *place = Place::Named(name.to_owned());
            }
        }
    }

    /// A room cannot be entered. Returns whether this client speaks elsewhere now. For a script nothing changes, so that
    /// it depends on no moment: what it says there is refused, until a command leads it elsewhere.
    pub(super) fn refused(&mut self, room: &str) -> bool {
        if self.is_script {
            return false;
        }
        let is_here = self.at.as_ref().is_some_and(|place| place.is(room));
        self.leave(Some(room));
        is_here
    }
}
