//! What the sequencer orders: admitted durable commands, and what became of them.

use crate::event::{Body, Sender};
use crate::ids::{Seq, Time};
use crate::refusal::Code;
use std::sync::Arc;

/// Ties an applied entry to the request on this node that asked for it; 0 where nobody waits for an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u64);

/// An admitted durable command. It touches one room, and all that decides its effect is in it.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    pub ticket: Ticket,
    /// The room's canonical name (see [`crate::names::RoomName`]).
    pub room: Arc<str>,
    /// Stamped at admission; the room uses the later of this and its last event's time.
    pub time: Time,
    pub kind: EntryKind,
}

/// What an entry does to its room.
#[derive(Clone, Debug, PartialEq)]
pub enum EntryKind {
    Message {
        id: Option<Arc<str>>,
        from: Sender,
        text: Arc<str>,
        action: bool,
    },
    Topic {
        from: Sender,
        text: Arc<str>,
    },
    /// Forget the events whose `seq` is below this one: retention, ordered like everything else.
    TrimBefore {
        seq: Seq,
    },
}

/// An entry's effect, as every node computes it.
#[derive(Clone, Debug, PartialEq)]
pub struct Applied {
    pub ticket: Ticket,
    pub room: Arc<str>,
    pub outcome: Outcome,
}

/// What became of an entry.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// A new durable event; `body` carries its `seq`.
    Stored { seq: Seq, time: Time, body: Body },
    /// The same message was stored before, under this number.
    Duplicate { seq: Seq, time: Time },
    /// The room's rules say no.
    Refused(Code),
    /// The events before `first` are gone.
    Trimmed { first: Seq },
}
