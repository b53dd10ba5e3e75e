//! Scrolling: by lines and pages, to places, and always full screens.

use super::room::{Kind, Room, RoomId, Scroll};
use super::timeline::{Body, Key};
use super::{Link, Model, Purpose};
use crate::view::messages;
use switchboard_client::Ask;

/// Events of a page around a place, half of them before it.
const AROUND: u64 = 60;

impl Model {
    /// Up by so many lines of the screen; down, if negative.
    pub(super) fn scroll(&mut self, lines: isize) {
        let height = messages::area(self).height.max(1).into();
        let room = self.room();
        let mut index = room.bottom();
        let mut hidden = room.scroll.map_or(0, |scroll| scroll.hidden);
        if room.items() == 0 {
            return;
        }
        let tall = |index| messages::block(self, index).len();
        if lines > 0 {
            let mut left = lines.unsigned_abs();
            while left > 0 {
                let rest = tall(index).saturating_sub(1).saturating_sub(hidden);
                if left <= rest {
                    hidden += left;
                    break;
                }
                if index == 0 {
                    hidden += rest;
                    break;
                }
                left -= rest + 1;
                index -= 1;
                hidden = 0;
            }
            (index, hidden) = filled(index, hidden, height, room.items(), tall);
        } else {
            let mut left = lines.unsigned_abs();
            while left > 0 {
                if left <= hidden {
                    hidden -= left;
                    break;
                }
                if index + 1 >= room.items() {
                    hidden = 0;
                    break;
                }
                left -= hidden + 1;
                index += 1;
                hidden = tall(index).saturating_sub(1);
            }
        }
        let at_end = index + 1 >= room.items() && hidden == 0;
        let at = room.place(index);
        self.room_mut().scroll = (!at_end).then_some(Scroll { at, hidden });
    }

    /// Up or down by a screen less two lines.
    pub(super) fn page(&mut self, up: bool) {
        let lines =
            isize::from(i16::try_from(messages::area(self).height).unwrap_or(i16::MAX)).saturating_sub(2).max(1);
        self.scroll(if up { lines } else { -lines });
    }

    pub(super) fn oldest(&mut self) {
        self.show(0);
    }

    pub(super) fn latest(&mut self) {
        self.room_mut().scroll = None;
        self.room_mut().found = None;
    }

    /// To the line between read and unread.
    pub(super) fn unread_line(&mut self) {
        let room = self.room();
        match room.marker {
            Some(marker) => self.show(room.index_of(Key { sub: marker.sub.saturating_add(1), ..marker })),
            None => self.flash("nothing is unread here"),
        }
    }

    /// To the mention before or after what is at the bottom.
    pub(super) fn mention(&mut self, forward: bool) {
        let room = self.room();
        let named = |index: &usize| matches!(&room.timeline.get(*index).map(|entry| &entry.body), Some(Body::Message(said)) if said.mention);
        let bottom = room.bottom();
        let found = if forward {
            (bottom + 1..room.timeline.len()).find(named)
        } else {
            (0..bottom.min(room.timeline.len())).rev().find(named)
        };
        match found {
            Some(index) => self.put_at_bottom(index),
            None => self.flash(if forward { "no mention after this" } else { "no mention before this" }),
        }
    }

    /// To a place in a room, which may have to be fetched.
    pub(super) fn visit(&mut self, id: RoomId, place: Key) {
        self.go(id);
        let Some(room) = self.find_mut(id) else { return };
        room.found = Some(place);
        let (index, name, kind) = (room.index_of(place), room.name.clone(), room.kind);
        let there = room.timeline.get(index).is_some_and(|entry| entry.key == place);
        if there || kind != Kind::Room {
            self.show_middle(index);
        } else if self.link == Link::Online {
            let from = place.seq.saturating_sub(AROUND / 2);
            let ask = Ask::History { room: Some(name), before: None, after: Some(from), limit: Some(AROUND as u32) };
            self.ask(Purpose::Around { room: id, seq: place.seq, from }, ask);
        } else {
            self.flash("that is not here, and there is no connection to fetch it");
        }
    }

    /// The page around a place is here.
    pub(super) fn arrive(&mut self, id: RoomId, seq: u64) {
        if id == self.current {
            let index = self.room().index_of(Key { seq, sub: 0 });
            self.show_middle(index);
        }
    }

    /// With this item at the top, or as near to it as there are lines below.
    fn show(&mut self, index: usize) {
        let height: usize = messages::area(self).height.max(1).into();
        let room = self.room();
        let (mut bottom, mut lines) = (index.min(room.items().saturating_sub(1)), 0);
        loop {
            lines += messages::block(self, bottom).len();
            if lines >= height || bottom + 1 >= room.items() {
                break;
            }
            bottom += 1;
        }
        let hidden = lines.saturating_sub(height);
        self.put(bottom, hidden);
    }

    /// With this item in the middle.
    fn show_middle(&mut self, index: usize) {
        let half = usize::from(messages::area(self).height) / 2;
        let room = self.room();
        let (mut bottom, mut lines) = (index, 0);
        while lines < half && bottom + 1 < room.items() {
            bottom += 1;
            lines += messages::block(self, bottom).len();
        }
        self.put_at_bottom(bottom);
    }

    fn put_at_bottom(&mut self, index: usize) {
        let height: usize = messages::area(self).height.max(1).into();
        let items = self.room().items();
        if items > 0 {
            let (index, hidden) = filled(index, 0, height, items, |index| messages::block(self, index).len());
            self.put(index, hidden);
        }
    }

    fn put(&mut self, index: usize, hidden: usize) {
        let room: &mut Room = self.room_mut();
        let at_end = index + 1 >= room.items() && hidden == 0;
        let at = room.place(index);
        room.scroll = (!at_end).then_some(Scroll { at, hidden });
    }
}

/// The same, moved down until the lines above fill the screen, or to the end.
fn filled(
    mut index: usize,
    mut hidden: usize,
    height: usize,
    items: usize,
    tall: impl Fn(usize) -> usize,
) -> (usize, usize) {
    let mut above = tall(index).saturating_sub(hidden);
    let mut top = index;
    while above < height && top > 0 {
        top -= 1;
        above += tall(top);
    }
    while above < height {
        if hidden > 0 {
            let down = hidden.min(height - above);
            hidden -= down;
            above += down;
        } else if index + 1 < items {
            index += 1;
            hidden = tall(index);
        } else {
            break;
        }
    }
    (index, hidden)
}
