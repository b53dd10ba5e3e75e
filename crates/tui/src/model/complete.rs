//! Completion: nicks of recent speakers first, rooms, commands with their help, and emoji by name.

use super::commands::COMMANDS;
use super::room::Kind;
use super::{Link, Model};
use crate::emoji::EMOJI;

/// Candidates that are offered. More would not be read.
const CANDIDATES_MAX: usize = 50;

/// What the word before the cursor can become.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completion {
    /// Where the word begins, in bytes.
    pub start: usize,
    pub candidates: Vec<Candidate>,
    /// The one that is in the text now; none while they are only offered.
    pub chosen: Option<usize>,
}

/// One of the things.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// What is put in.
    pub text: String,
    /// What is shown of it.
    pub label: String,
    pub help: String,
}

impl Model {
    /// Tab: completes if there is one candidate, else takes the next one.
    pub(super) fn complete(&mut self, forward: bool) {
        if self.completion.is_none() {
            self.completion = self.candidates();
        }
        let Some(completion) = &self.completion else {
            self.flash("nothing to complete");
            return;
        };
        let count = completion.candidates.len();
        let next = match (completion.chosen, forward) {
            (None, true) => 0,
            (None, false) => count - 1,
            (Some(chosen), true) => (chosen + 1) % count,
            (Some(chosen), false) => (chosen + count - 1) % count,
        };
        self.put_candidate(next);
        if count == 1 {
            self.completion = None;
        }
    }

    /// A click on a candidate.
    pub(super) fn take_candidate(&mut self, index: usize) {
        if self.completion.as_ref().is_some_and(|completion| index < completion.candidates.len()) {
            self.put_candidate(index);
            self.completion = None;
        }
    }

    fn put_candidate(&mut self, index: usize) {
        let Some(completion) = &mut self.completion else { return };
        completion.chosen = Some(index);
        let (start, text) = (completion.start, completion.candidates[index].text.clone());
        self.room_mut().draft.replace_from(start, &text);
    }

    /// After a change of the text: commands and emoji are offered without being asked for.
    pub(super) fn offer(&mut self) {
        let offered = self.candidates().filter(|completion| {
            let word = &self.editor().text()[completion.start..self.editor().cursor()];
            word.starts_with('/') || (word.starts_with(':') && word.len() > 2)
        });
        self.completion = offered;
    }

    fn candidates(&self) -> Option<Completion> {
        let before = &self.editor().text()[..self.editor().cursor()];
        let start = before
            .rfind(char::is_whitespace)
            .map_or(0, |at| at + before[at..].chars().next().map_or(1, char::len_utf8));
        let word = before[start..].to_lowercase();
        let candidates = if let (0, Some(typed)) = (start, word.strip_prefix('/')) {
            commands(typed)
        } else if let Some(typed) = word.strip_prefix(':').filter(|typed| !typed.is_empty()) {
            emoji(typed)
        } else if matches!(before.split_whitespace().next(), Some("/join" | "/leave")) {
            self.rooms_like(&word)
        } else if before.starts_with("/server ") {
            return None;
        } else {
            self.nicks_like(&word, start == 0)
        };
        (!candidates.is_empty()).then_some(Completion { start, candidates, chosen: None })
    }

    fn rooms_like(&self, word: &str) -> Vec<Candidate> {
        let rooms =
            self.rooms.iter().filter(|room| room.kind == Kind::Room && room.name.to_lowercase().starts_with(word));
        rooms
            .take(CANDIDATES_MAX)
            .map(|room| Candidate { text: room.name.clone(), label: room.name.clone(), help: room.topic.clone() })
            .collect()
    }

    fn nicks_like(&self, word: &str, begins: bool) -> Vec<Candidate> {
        let room = self.room();
        let word = word.strip_prefix('@').unwrap_or(word);
        let after = if begins { ": " } else { " " };
        let recent = room
            .speakers
            .iter()
            .filter(|nick| room.kind == Kind::Private || room.members.contains_key(&nick.to_lowercase()));
        let mut nicks: Vec<&String> = recent.filter(|nick| nick.to_lowercase().starts_with(word)).collect();
        let others = room.members.range(word.to_owned()..).take_while(|(lower, _)| lower.starts_with(word));
        for (_, nick) in others {
            if nicks.len() >= CANDIDATES_MAX {
                break;
            }
            if !nicks.contains(&nick) {
                nicks.push(nick);
            }
        }
        let online = self.link == Link::Online;
        nicks
            .into_iter()
            .filter(|nick| **nick != self.me || !online)
            .map(|nick| Candidate { text: format!("{nick}{after}"), label: nick.clone(), help: String::new() })
            .collect()
    }
}

fn commands(typed: &str) -> Vec<Candidate> {
    let fitting = COMMANDS.iter().filter(|command| command.word.starts_with(typed));
    fitting
        .map(|command| Candidate {
            text: format!("/{} ", command.word),
            label: format!("/{} {}", command.word, command.usage).trim_end().to_owned(),
            help: command.help.to_owned(),
        })
        .collect()
}

fn emoji(typed: &str) -> Vec<Candidate> {
    let named = |name: &str| if name.starts_with(typed) { Some(0) } else { name.contains(typed).then_some(1) };
    let mut fitting: Vec<_> = EMOJI.iter().filter_map(|(name, emoji)| Some((named(name)?, name, emoji))).collect();
    fitting.sort_by_key(|(rank, name, _)| (*rank, name.len()));
    fitting
        .into_iter()
        .take(CANDIDATES_MAX)
        .map(|(_, name, emoji)| Candidate {
            text: format!("{emoji} "),
            label: format!("{emoji} :{name}:"),
            help: String::new(),
        })
        .collect()
}
