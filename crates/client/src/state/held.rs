//! Commands that wait for what was said before them, so that everything happens in the order in which it was typed.

use super::requests::REQUESTS_MAX;
use crate::request::{Ask, RequestId};
use std::collections::VecDeque;

/// When a command may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// At once, beside all else.
    Free,
    /// Behind the commands before it. Messages name their room, so those before it may still be under way.
    BehindCommands,
    /// Behind the commands before it, and when every message before it is acknowledged or refused: it would change
    /// what becomes of them, or answers what they changed.
    BehindMessages,
}

impl Order {
    /// Returns the order of a command. Who reads a room that they name reads beside what they say.
    pub(crate) const fn of(ask: &Ask) -> Self {
        match ask {
            Ask::Join { .. } | Ask::Rooms => Self::BehindCommands,
            Ask::Leave { .. }
            | Ask::Nick { .. }
            | Ask::Topic { text: Some(_), .. }
            | Ask::Topic { room: None, .. }
            | Ask::History { room: None, .. }
            | Ask::Search { room: None, .. }
            | Ask::Members { room: None } => Self::BehindMessages,
            Ask::Topic { .. }
            | Ask::History { .. }
            | Ask::Search { .. }
            | Ask::Members { .. }
            | Ask::Typing { .. }
            | Ask::Relay { .. } => Self::Free,
        }
    }
}

/// A command that waits.
#[derive(Debug)]
pub(crate) struct Held {
    pub id: RequestId,
    pub ask: Ask,
    pub order: Order,
    /// Where this client speaks after it.
    pub leads_to: Option<String>,
    /// The number of the latest message before it.
    pub after: u64,
}

/// The commands that wait, in order.
#[derive(Debug, Default)]
pub(crate) struct Line {
    waiting: VecDeque<Held>,
}

impl Line {
    pub(crate) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    pub(crate) fn front(&self) -> Option<&Held> {
        self.waiting.front()
    }

    pub(crate) fn pop(&mut self) -> Option<Held> {
        self.waiting.pop_front()
    }

    /// Adds a command; false when too many wait.
    pub(crate) fn push(&mut self, held: Held) -> bool {
        let has_room = self.waiting.len() < REQUESTS_MAX;
        if has_room {
            self.waiting.push_back(held);
        }
        has_room
    }

    /// Returns the number of the last message that may be sent before the first command here.
    pub(crate) fn messages_up_to(&self) -> u64 {
        self.front().map_or(u64::MAX, |held| held.after)
    }

    /// The room that is meant by none became known.
    pub(crate) fn name_rooms(&mut self, name: &str) {
        for held in &mut self.waiting {
            held.ask.name_room(Some(name));
        }
    }
}
