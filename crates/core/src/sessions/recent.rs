//! Relayed events of the last while, for sessions that come back: they are not stored, and still not lost in a cut.

use crate::event::{Body, Event};
use crate::ids::{Pos, SessionId};
use crate::limits::{RECENT_RELAY_BYTES_MAX, RECENT_RELAYS_MAX};
use std::collections::VecDeque;
use std::sync::Arc;

/// Whom an event was passed on to.
#[derive(Clone, Debug)]
pub(super) enum Receivers {
    /// One session.
    One(SessionId),
    /// Who is in one of these rooms.
    Rooms(Vec<Arc<str>>),
}

/// The latest events that were passed on.
#[derive(Debug, Default)]
pub(super) struct Recent {
    events: VecDeque<(Arc<Event>, Receivers)>,
    bytes: usize,
}

impl Recent {
    /// Keeps an event, and forgets the oldest ones beyond the bounds.
    pub(super) fn keep(&mut self, event: &Arc<Event>, receivers: Receivers) {
        self.bytes += weight(event);
        self.events.push_back((Arc::clone(event), receivers));
        while self.events.len() > RECENT_RELAYS_MAX || self.bytes > RECENT_RELAY_BYTES_MAX {
            let Some((oldest, _)) = self.events.pop_front() else { return };
            self.bytes -= weight(&oldest);
        }
    }

    /// What was passed on to `session`, which is in `rooms`, after a position, in order.
    pub(super) fn missed<'a>(
        &'a self,
        since: Pos,
        session: SessionId,
        rooms: &'a [Arc<str>],
    ) -> impl Iterator<Item = &'a Arc<Event>> {
        let later = self.events.iter().skip(self.events.partition_point(|(event, _)| event.pos <= since));
        later.filter_map(move |(event, receivers)| {
            let concerns = match receivers {
                Receivers::One(one) => *one == session,
                Receivers::Rooms(among) => among.iter().any(|room| rooms.contains(room)),
            };
            concerns.then_some(event)
        })
    }
}

/// What an event costs, in bytes.
pub(super) fn weight(event: &Event) -> usize {
    match &event.body {
        Body::Relay { name, args, binary, .. } => {
            name.len() + args.len() + binary.iter().map(|part| part.len()).sum::<usize>()
        }
        Body::Message { .. }
        | Body::Topic { .. }
        | Body::Joined { .. }
        | Body::Left { .. }
        | Body::Renamed { .. }
        | Body::Typing { .. }
        | Body::Notice { .. }
        | Body::Members { .. }
        | Body::Gap { .. } => 0,
    }
}
