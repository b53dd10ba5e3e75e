//! What goes into a store and what comes out of it.

use crate::clock::ClockLog;
use std::sync::Arc;
#[cfg(doc)]
use switchboard_core::limits::ENDED_MAX;
use switchboard_core::{Epoch, Event, Pos, Seq, SessionId, Time};

/// What the engine starts from.
#[derive(Clone, Debug, PartialEq)]
pub struct Loaded {
    pub epoch: Epoch,
    /// The key of session tokens; made once with the database, and secret.
    pub secret: [u8; 32],
    /// Every position below this may have been used.
    pub next_pos: Pos,
    /// Every room that has had an event.
    pub rooms: Vec<RoomRecord>,
    /// What the machine's clock did, as far as a batch brought it.
    pub clock: ClockLog,
    /// The latest sessions that their clients ended, oldest first, at most [`ENDED_MAX`].
    pub ended: Vec<SessionId>,
}

/// A room as it is stored.
#[derive(Clone, Debug, PartialEq)]
pub struct RoomRecord {
    pub name: Arc<str>,
    /// The number that the next durable event will get.
    pub next_seq: Seq,
    /// The lowest number that is still stored, or `next_seq` if nothing is.
    pub first_seq: Seq,
    pub topic: Arc<str>,
    /// The time of its latest durable event.
    pub last_time: Time,
}

/// A message's id and what it was used for.
#[derive(Clone, Debug, PartialEq)]
pub struct IdRecord {
    pub room: Arc<str>,
    pub id: Arc<str>,
    pub seq: Seq,
    pub time: Time,
    pub text: Arc<str>,
    pub action: bool,
}

/// Everything that one transaction stores.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Batch {
    /// New durable events in the order of their positions; within a room their `seq` is contiguous.
    pub events: Vec<Arc<Event>>,
    pub trims: Vec<Trim>,
    /// Positions below this may be used from now on, also for events that are not stored: after a restart the next
    /// position is at least this.
    pub reserve_pos: Option<Pos>,
    /// What the machine's clock did, where there is news of it.
    pub clock: Option<ClockLog>,
    /// Sessions that their clients ended, in that order.
    pub ended: Vec<SessionId>,
}

impl Batch {
    /// Whether there is nothing to store.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.events.is_empty()
            && self.trims.is_empty()
            && self.reserve_pos.is_none()
            && self.clock.is_none()
            && self.ended.is_empty()
    }
}

/// Forget a room's events below a number.
#[derive(Clone, Debug, PartialEq)]
pub struct Trim {
    pub room: Arc<str>,
    pub before: Seq,
}

/// What is left of the work that trails the commits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backlog {
    /// Committed events that are not indexed yet: a search does not find them.
    pub unindexed: u64,
    /// Forgotten events that are not deleted yet: nobody sees them, but they take space.
    pub unswept: u64,
}

impl Backlog {
    /// All rows that are left.
    #[must_use]
    pub const fn rows(&self) -> u64 {
        self.unindexed + self.unswept
    }
}

/// A page of events.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Page {
    pub events: Vec<Arc<Event>>,
    /// There are further ones in the direction of reading.
    pub more: bool,
    /// In the answer to a search: committed events that it did not look at, because they are not indexed yet. The store
    /// gives 0; whoever knows how far the index is fills it in.
    pub behind: u64,
}
