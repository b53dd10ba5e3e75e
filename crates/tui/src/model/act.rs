//! Keys: what each does where one is.

use super::editor::{Case, Way};
use super::overlay::{List, Overlay};
use super::room::{Kind, RoomId};
use super::{Effect, Link, Model, Purpose, SAID_MAX};
use crate::keys::{Action, Bound, Key};
use crate::settings::Show;
use crossterm::event::KeyCode;
use switchboard_client::Ask;

/// The second Ctrl+C quits within this time, in milliseconds.
const QUIT_MS: u64 = 2_000;

/// The room is told at most this often that one is writing, in milliseconds.
const TYPING_MS: u64 = 3_000;

impl Model {
    pub(super) fn key(&mut self, key: Key) {
        let before = self.prefix.take();
        if let (None, true, KeyCode::Char(digit @ '1'..='9')) = (before, key.alt, key.code) {
            let room = self.rooms.get(digit as usize - '1' as usize).map(|room| room.id);
            return room.into_iter().for_each(|room| self.go(room));
        }
        if let Some(Overlay::Paste(_)) = self.overlay {
            return self.answer_paste(key);
        }
        match self.bindings.find(before, key) {
            Bound::Action(action) => self.act(action),
            Bound::Prefix => self.prefix = Some(key),
            Bound::Nothing => {
                if let (KeyCode::Char(letter), false, false, None) = (key.code, key.ctrl, key.alt, before) {
                    self.letter(letter);
                }
            }
        }
    }

    pub(super) fn act(&mut self, action: Action) {
        if !matches!(action, Action::Complete | Action::CompleteBack | Action::Clear) && !is_writing(action) {
            self.completion = None;
        }
        if self.overlay.is_some() && self.act_in_overlay(action) {
            return;
        }
        match action {
            Action::Switch => self.open_switch(),
            Action::NextUnread => self.go_unread(true),
            Action::PreviousUnread => self.go_unread(false),
            Action::NextRoom => self.go_beside(1),
            Action::PreviousRoom => self.go_beside(-1),
            Action::LastRoom => self.before.into_iter().for_each(|room| self.go(room)),
            Action::PageUp => self.page(true),
            Action::PageDown => self.page(false),
            Action::LineUp => self.scroll(1),
            Action::LineDown => self.scroll(-1),
            Action::Oldest => self.oldest(),
            Action::Latest => self.latest(),
            Action::UnreadLine => self.unread_line(),
            Action::NextMention => self.mention(true),
            Action::PreviousMention => self.mention(false),
            Action::Mentions => self.open_mentions(),
            Action::Search => self.open_search(""),
            Action::Links => self.open_links(),
            Action::Bare => self.bare(),
            Action::Help => self.overlay = Some(Overlay::Help(0)),
            Action::RoomsPane => self.settings.rooms = other(self.settings.rooms, crate::view::rooms_shown(self)),
            Action::MembersPane => {
                self.settings.members = other(self.settings.members, crate::view::members_shown(self));
            }
            Action::TopicBar => self.settings.topic = !self.settings.topic,
            Action::StatusBar => self.settings.status = !self.settings.status,
            Action::NickColumn => self.settings.columns = !self.settings.columns,
            Action::Cancel => self.cancel(),
            Action::Clear => self.clear(),
            Action::Suspend => self.effects.push(Effect::Suspend),
            Action::Redraw => self.redraw(),
            Action::Quit => self.effects.push(Effect::Quit),
            Action::Send => self.send(),
            Action::Complete => self.complete(true),
            Action::CompleteBack => self.complete(false),
            Action::Editor => self.effects.push(Effect::Edit(self.editor().text().to_owned())),
            Action::Older => self.older(),
            Action::Newer => self.newer(),
            Action::HistorySearch => self.overlay = Some(Overlay::Recall { query: String::new(), found: None }),
            _ => self.write(action),
        }
    }

    /// The readline commands, on the text being written.
    fn write(&mut self, action: Action) {
        let Self { rooms, current, cuts, said, .. } = self;
        let Some(editor) = rooms.iter_mut().find(|room| room.id == *current).map(|room| &mut room.draft) else {
            return;
        };
        match action {
            Action::NewLine => editor.insert("\n"),
            Action::Left => editor.step(Way::Left),
            Action::Right => editor.step(Way::Right),
            Action::WordLeft => editor.step_word(Way::Left),
            Action::WordRight => editor.step_word(Way::Right),
            Action::LineStart => editor.step_line(Way::Left),
            Action::LineEnd => editor.step_line(Way::Right),
            Action::TextStart => editor.step_text(Way::Left),
            Action::TextEnd => editor.step_text(Way::Right),
            Action::DeleteLeft => editor.delete(Way::Left),
            Action::DeleteRight => editor.delete(Way::Right),
            Action::KillWordLeft => editor.kill_word(Way::Left, cuts),
            Action::KillSpaceLeft => editor.kill_space_left(cuts),
            Action::KillWordRight => editor.kill_word(Way::Right, cuts),
            Action::KillEnd => editor.kill_line(Way::Right, cuts),
            Action::KillStart => editor.kill_line(Way::Left, cuts),
            Action::Squeeze => editor.squeeze(),
            Action::Yank => editor.yank(cuts),
            Action::YankOlder => editor.yank_older(cuts),
            Action::LastWord => {
                if let Some(word) = said.back().and_then(|line| line.split_whitespace().next_back()) {
                    editor.insert(word);
                }
            }
            Action::SwapLetters => editor.swap_letters(),
            Action::SwapWords => editor.swap_words(),
            Action::UpperWord => editor.change_word(Case::Upper),
            Action::LowerWord => editor.change_word(Case::Lower),
            Action::CapitalWord => editor.change_word(Case::Capital),
            Action::Undo => editor.undo(),
            Action::Revert => editor.revert(),
            _ => {}
        }
        self.offer();
    }

    fn letter(&mut self, letter: char) {
        let reading = self.overlay.is_none() && self.room().scroll.is_some() && self.editor().is_empty();
        if letter == '?' && reading {
            self.overlay = Some(Overlay::Help(0));
            return;
        }
        match &mut self.overlay {
            Some(Overlay::Help(_)) => self.overlay = None,
            Some(Overlay::List(list)) => {
                list.words.insert(letter.encode_utf8(&mut [0; 4]));
                self.filtered();
            }
            Some(Overlay::Recall { query, .. }) => {
                query.push(letter);
                self.recall(true);
            }
            Some(Overlay::Paste(_)) => {}
            None => {
                self.room_mut().draft.insert(letter.encode_utf8(&mut [0; 4]));
                self.offer();
                self.tell_typing();
            }
        }
    }

    /// What an action means while something lies over the messages; false: what it always means.
    fn act_in_overlay(&mut self, action: Action) -> bool {
        match &mut self.overlay {
            Some(Overlay::Help(top)) => {
                match action {
                    Action::PageDown => *top += 10,
                    Action::PageUp => *top = top.saturating_sub(10),
                    Action::Newer | Action::LineDown => *top += 1,
                    Action::Older | Action::LineUp => *top = top.saturating_sub(1),
                    _ => self.overlay = None,
                }
                let longest = crate::view::overlay::help(self).len().saturating_sub(1);
                if let Some(Overlay::Help(top)) = &mut self.overlay {
                    *top = (*top).min(longest);
                }
                true
            }
            Some(Overlay::List(list)) => match action {
                Action::Cancel | Action::Clear => {
                    self.overlay = None;
                    true
                }
                Action::Send => {
                    self.choose();
                    true
                }
                _ => {
                    let handled = act_in_list(list, action);
                    if handled == Some(true) {
                        self.filtered();
                    }
                    // Anything else closes the list, and does what it always does.
                    if handled.is_none() {
                        self.overlay = None;
                    }
                    handled.is_some()
                }
            },
            Some(Overlay::Recall { query, .. }) => match action {
                Action::HistorySearch => {
                    self.recall(false);
                    true
                }
                Action::DeleteLeft => {
                    query.pop();
                    self.recall(true);
                    true
                }
                Action::Cancel | Action::Clear => {
                    self.overlay = None;
                    true
                }
                _ => {
                    self.take_recalled();
                    // Enter takes it; whoever meant to send it presses again.
                    matches!(action, Action::Send)
                }
            },
            Some(Overlay::Paste(_)) | None => false,
        }
    }

    /// Opens what is chosen in the list.
    pub(super) fn choose(&mut self) {
        let Some(Overlay::List(list)) = &self.overlay else { return };
        if let Some(target) = list.row(list.chosen).map(|row| row.target.clone()) {
            self.overlay = None;
            self.open(target);
        }
    }

    fn cancel(&mut self) {
        if self.completion.take().is_none() && self.overlay.take().is_none() {
            self.latest();
        }
    }

    fn clear(&mut self) {
        self.overlay = None;
        self.completion = None;
        self.recalled = None;
        if self.editor().is_empty() {
            if self.quits_until > self.now {
                self.effects.push(Effect::Quit);
            } else {
                self.quits_until = self.now + QUIT_MS;
                self.flash("Ctrl+C again quits");
            }
        } else {
            self.room_mut().draft.replace("");
            self.quits_until = self.now + QUIT_MS;
        }
    }

    fn redraw(&mut self) {
        self.effects.push(Effect::Redraw);
        if matches!(self.link, Link::Offline { .. }) {
            self.effects.push(Effect::Wake);
        }
    }

    fn send(&mut self) {
        let text = self.room_mut().draft.take();
        self.completion = None;
        self.recalled = None;
        self.typed_at = 0;
        if text.trim().is_empty() {
            return;
        }
        if self.said.back() != Some(&text) {
            self.said.push_back(text.clone());
            if self.said.len() > SAID_MAX {
                self.said.pop_front();
            }
        }
        self.typed(&text);
    }

    fn older(&mut self) {
        if self.recalled.is_none() && self.room_mut().draft.step_row(Way::Left) {
            return;
        }
        let at = self.recalled.as_ref().map_or(self.said.len(), |(at, _)| *at);
        let Some(line) = at.checked_sub(1).and_then(|at| self.said.get(at)).cloned() else { return };
        let before = match self.recalled.take() {
            Some((_, before)) => before,
            None => self.editor().text().to_owned(),
        };
        self.recalled = Some((at - 1, before));
        self.room_mut().draft.replace(&line);
    }

    fn newer(&mut self) {
        let Some((at, before)) = self.recalled.take() else {
            self.room_mut().draft.step_row(Way::Right);
            return;
        };
        match self.said.get(at + 1).cloned() {
            Some(line) => {
                self.recalled = Some((at + 1, before));
                self.room_mut().draft.replace(&line);
            }
            None => self.room_mut().draft.replace(&before),
        }
    }

    /// Looks for what was said before: from the latest, or from what is found on.
    fn recall(&mut self, anew: bool) {
        let Some(Overlay::Recall { query, found }) = &mut self.overlay else { return };
        let end = if anew { self.said.len() } else { found.unwrap_or(self.said.len()) };
        let wanted = query.to_lowercase();
        let hit = (0..end).rev().find(|index| self.said[*index].to_lowercase().contains(&wanted));
        if anew || hit.is_some() {
            *found = hit.filter(|_| !wanted.is_empty() || !anew);
        }
    }

    fn take_recalled(&mut self) {
        if let Some(Overlay::Recall { found: Some(found), .. }) = self.overlay.take()
            && let Some(line) = self.said.get(found).cloned()
        {
            self.room_mut().draft.replace(&line);
        }
    }

    /// The line that the search for what was said found.
    #[must_use]
    pub fn recalled_line(&self, found: Option<usize>) -> &str {
        found.and_then(|found| self.said.get(found)).map_or("", String::as_str)
    }

    pub(super) fn paste(&mut self, text: &str) {
        match &mut self.overlay {
            Some(Overlay::List(list)) => {
                list.words.insert(&text.replace(['\r', '\n'], " "));
                self.filtered();
            }
            Some(Overlay::Help(_) | Overlay::Paste(_) | Overlay::Recall { .. }) => {}
            None => {
                let text = text.replace("\r\n", "\n").replace('\r', "\n");
                let text = text.trim_end_matches('\n');
                if text.contains('\n') {
                    self.overlay = Some(Overlay::Paste(text.to_owned()));
                } else {
                    self.room_mut().draft.insert(text);
                    self.offer();
                }
            }
        }
    }

    fn answer_paste(&mut self, key: Key) {
        let Some(Overlay::Paste(text)) = self.overlay.take() else { return };
        match key.code {
            KeyCode::Enter | KeyCode::Char('y') => self.room_mut().draft.insert(&text),
            KeyCode::Char('l') => {
                let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
                lines.into_iter().for_each(|line| self.say(self.current, line, false));
            }
            KeyCode::Char('e') => self.effects.push(Effect::Edit(format!("{}{text}", self.editor().text()))),
            KeyCode::Esc | KeyCode::Char('n' | 'c' | 'g') => {}
            _ => self.overlay = Some(Overlay::Paste(text)),
        }
    }

    pub(super) fn edited(&mut self, text: Result<String, String>) {
        match text {
            Ok(text) => self.room_mut().draft.replace(text.trim_end()),
            Err(why) => self.flash(why),
        }
    }

    fn tell_typing(&mut self) {
        let (room, now) = (self.room(), self.now);
        let says = room.kind == Kind::Room && !room.draft.text().starts_with('/');
        if says && self.link == Link::Online && now.saturating_sub(self.typed_at) >= TYPING_MS {
            let room = Some(room.name.clone());
            self.typed_at = now;
            self.ask(Purpose::Typing, Ask::Typing { room });
        }
    }

    fn go_beside(&mut self, step: isize) {
        let count = self.rooms.len() as isize;
        let index = self.rooms.iter().position(|room| room.id == self.current).unwrap_or(0) as isize;
        let next = self.rooms[(index + step).rem_euclid(count) as usize].id;
        self.go(next);
    }

    /// The room with mentions or, without one, with unread messages that comes next.
    fn go_unread(&mut self, forward: bool) {
        let index = self.rooms.iter().position(|room| room.id == self.current).unwrap_or(0);
        let count = self.rooms.len();
        let after = (1..count).map(|step| if forward { index + step } else { index + count - step } % count);
        let after: Vec<usize> = after.collect();
        let hot = after.iter().find(|index| self.rooms[**index].mentions > 0);
        let next: Option<RoomId> = hot
            .or_else(|| after.iter().find(|index| self.rooms[**index].unread > 0))
            .map(|index| self.rooms[*index].id);
        match next {
            Some(id) => self.go(id),
            None => self.flash("nothing is unread"),
        }
    }
}

const fn is_writing(action: Action) -> bool {
    matches!(action.group(), crate::keys::Group::Writing)
}

fn other(show: Show, shown: bool) -> Show {
    match (show, shown) {
        (Show::Auto, true) => Show::Off,
        (Show::Auto | Show::Off, _) => Show::On,
        (Show::On, _) => Show::Off,
    }
}

/// Whether an action moves in a list (`Some(false)`), changes its words (`Some(true)`), or is none of its business.
fn act_in_list(list: &mut List, action: Action) -> Option<bool> {
    let last = list.shown.len().saturating_sub(1);
    let chosen = match action {
        Action::Older | Action::LineUp | Action::PreviousRoom => list.chosen.saturating_sub(1),
        Action::Newer | Action::LineDown | Action::NextRoom | Action::Complete | Action::Switch => list.chosen + 1,
        Action::CompleteBack => list.chosen.saturating_sub(1),
        Action::PageUp => list.chosen.saturating_sub(10),
        Action::PageDown => list.chosen + 10,
        Action::DeleteLeft => {
            list.words.delete(Way::Left);
            return Some(true);
        }
        Action::KillStart | Action::KillSpaceLeft | Action::KillWordLeft => {
            list.words.replace("");
            return Some(true);
        }
        Action::Left => {
            list.words.step(Way::Left);
            return Some(false);
        }
        Action::Right => {
            list.words.step(Way::Right);
            return Some(false);
        }
        _ => return None,
    };
    list.chosen = chosen.min(last);
    Some(false)
}
