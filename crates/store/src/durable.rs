//! The part of an event that is stored, and the rule by which it continues its room.

use crate::error::StoreError;
use crate::record::RoomRecord;
use std::sync::Arc;
use switchboard_core::{Body, Event, Sender, Seq, Time};

/// An event that belongs into the history, taken apart.
pub(crate) struct Durable<'a> {
    pub(crate) kind: Kind,
    pub(crate) room: &'a Arc<str>,
    pub(crate) seq: Seq,
    pub(crate) time: Time,
    pub(crate) id: Option<&'a Arc<str>>,
    pub(crate) from: &'a Sender,
    pub(crate) text: &'a Arc<str>,
    pub(crate) action: bool,
}

/// The durable kinds of event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Message,
    Topic,
}

impl<'a> Durable<'a> {
    /// The durable parts of `event`; [`StoreError::Inconsistent`] if it is not a durable event.
    pub(crate) fn of(event: &'a Event) -> Result<Self, StoreError> {
        let durable = event.room.as_ref().and_then(|room| match &event.body {
            Body::Message { seq: Some(seq), id, from, to: None, text, action } => Some(Self {
                kind: Kind::Message,
                room,
                seq: *seq,
                time: event.time,
                id: id.as_ref(),
                from,
                text,
                action: *action,
            }),
            Body::Topic { seq, from, text } => {
                Some(Self { kind: Kind::Topic, room, seq: *seq, time: event.time, id: None, from, text, action: false })
            }
            Body::Message { seq: None, .. }
            | Body::Message { to: Some(_), .. }
            | Body::Joined { .. }
            | Body::Left { .. }
            | Body::Renamed { .. }
            | Body::Typing { .. }
            | Body::Notice { .. }
            | Body::Members { .. }
            | Body::Relay { .. }
            | Body::Gap { .. } => None,
        });
        durable.ok_or_else(|| inconsistent(format!("event {} is not a durable one", event.pos)))
    }
}

/// The text of a durable event, empty for any other.
pub(crate) fn text_of(event: &Event) -> &str {
    match &event.body {
        Body::Message { text, .. } | Body::Topic { text, .. } => text,
        Body::Joined { .. }
        | Body::Left { .. }
        | Body::Renamed { .. }
        | Body::Typing { .. }
        | Body::Notice { .. }
        | Body::Members { .. }
        | Body::Relay { .. }
        | Body::Gap { .. } => "",
    }
}

/// Checks that an event's position is above `last`, the highest one stored, and gives it.
pub(crate) fn next_pos_after(last: u64, event: &Event) -> Result<u64, StoreError> {
    if event.pos > last {
        Ok(event.pos)
    } else {
        Err(inconsistent(format!("position {} does not come after {last}", event.pos)))
    }
}

impl RoomRecord {
    /// A room before its first event.
    pub(crate) fn new(name: Arc<str>) -> Self {
        Self { name, next_seq: 1, first_seq: 1, topic: Arc::from(""), last_time: Time(0) }
    }

    /// Continues the room with an event, which must have the next number and no earlier time than the last one:
    /// paging relies on the first, and finding what is too old on the second.
    pub(crate) fn append(&mut self, event: &Durable<'_>) -> Result<(), StoreError> {
        let Self { name, next_seq, last_time, .. } = &*self;
        if event.seq != *next_seq {
            return Err(inconsistent(format!("room {name} expects number {next_seq}, not {}", event.seq)));
        }
        if event.time < *last_time {
            return Err(inconsistent(format!("number {} of room {name} is earlier than the one before", event.seq)));
        }
        self.next_seq += 1;
        self.last_time = event.time;
        match event.kind {
            Kind::Topic => self.topic = Arc::clone(event.text),
            Kind::Message => {}
        }
        Ok(())
    }

    /// Forgets the events below `before`, as far as there are any.
    pub(crate) fn trim(&mut self, before: Seq) {
        self.first_seq = self.first_seq.max(before.min(self.next_seq));
    }
}

fn inconsistent(detail: String) -> StoreError {
    StoreError::Inconsistent { detail }
}
