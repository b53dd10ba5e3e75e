//! Runs: events of one room that come one after the other, and that its members are given together.
//!
//! A fan-out costs by members, and hardly by events: the frames of a run are put together once for each dialect, each
//! member's outbox is touched once, and its socket is given one piece. A member that is not given the whole run, or that
//! is told something else in between, stands apart and is given its events one by one.

use super::connection::{Connection, Phase};
use super::deliver::admit_frame;
use super::volatile::{is_behind, is_volatile};
use super::writing::list;
use super::{Settings, Shard};
use crate::message::Published;
use bytes::Bytes;
use slab::Slab;
use smallvec::SmallVec;
use std::sync::Arc;
use switchboard_core::{Body, CloseReason, ConnectionId, RoomId};
use switchboard_protocols::{Dialect, Frame, Tick, join};

/// Events of a run at most.
const EVENTS_MAX: usize = 256;
/// Members from which on a frame is copied for this shard. All shards share an event's frame, and with it the counter of
/// those who hold it: a line of memory that wanders from core to core with each member, unless each shard has its own.
const OWN_COPY_MEMBERS: usize = 16;
/// Frames larger than this are shared by all shards all the same.
const OWN_COPY_BYTES: usize = 4_096;

/// Those to whom an event is not given.
pub(super) type Except = SmallVec<[ConnectionId; 2]>;

/// The run at hand. Its room counts only while there are events.
pub(super) struct Run {
    room: RoomId,
    events: Vec<(Arc<Published>, Except)>,
    bytes: usize,
    /// Slots that stand apart, with how many of the events they have got already.
    apart: Vec<(u32, usize)>,
    /// Slots that are behind in a volatile room while the run is given; empty otherwise, and kept for its memory.
    behind: Vec<u32>,
}

impl Default for Run {
    fn default() -> Self {
        Self { room: RoomId(0), events: Vec::new(), bytes: 0, apart: Vec::new(), behind: Vec::new() }
    }
}

impl Run {
    /// About how many bytes a member will be given.
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }
}

/// A run as the members of one dialect are given it.
struct Pieces {
    dialect: Dialect,
    frames: SmallVec<[Frame; 1]>,
    events: u64,
    bytes: usize,
    /// There is something in it that may be left out.
    is_volatile: bool,
}

impl Shard {
    /// Adds an event to the run, or begins another one with it.
    pub(super) fn publish(&mut self, now: Tick, room: RoomId, event: Arc<Published>, except: Except) {
        if let Body::Renamed { from, old } = &event.event().body {
            for &slot in self.directory.slots(room) {
                self.connections[slot as usize].rename(old, &from.nick);
            }
        }
        if self.run.room != room || self.run.events.len() >= EVENTS_MAX {
            self.settle(now);
        }
        self.run.room = room;
        self.run.bytes += event.bytes();
        self.run.events.push((event, except));
    }

    /// Gives one member what there is of the run so far, since it is told something else now.
    pub(super) fn catch_up(&mut self, id: ConnectionId) {
        if self.run.events.is_empty() {
            return;
        }
        let Some(slot) = self.slot(id) else { return };
        let through = self.run.events.len();
        let from = match self.connections[slot as usize].apart {
            false => {
                self.connections[slot as usize].apart = true;
                self.run.apart.push((slot, through));
                0
            }
            true => match self.run.apart.iter_mut().find(|(apart, _)| *apart == slot) {
                Some((_, done)) => std::mem::replace(done, through),
                None => return,
            },
        };
        self.give_each(slot, from);
    }

    /// The fan-out: gives the members of the run's room what they have not got of it.
    pub(super) fn settle(&mut self, now: Tick) {
        if self.run.events.is_empty() {
            return;
        }
        for at in 0..self.run.events.len() {
            for place in 0..self.run.events[at].1.len() {
                let id = self.run.events[at].1[place];
                if let Some(slot) = self.slot(id)
                    && !std::mem::replace(&mut self.connections[slot as usize].apart, true)
                {
                    self.run.apart.push((slot, 0));
                }
            }
        }
        self.give_all();
        for (slot, from) in std::mem::take(&mut self.run.apart) {
            self.connections[slot as usize].apart = false;
            self.give_each(slot, from);
        }
        self.run.events.clear();
        self.run.bytes = 0;
        self.close_overflowed(now);
    }

    fn give_all(&mut self) {
        let mut behind = std::mem::take(&mut self.run.behind);
        let run = &self.run;
        let members = self.directory.slots(run.room);
        let mut all: SmallVec<[Pieces; 2]> = SmallVec::new();
        let mut outboxes = Outboxes {
            settings: &self.settings,
            connections: &mut self.connections,
            waiting_bytes: &mut self.waiting_bytes,
            dirty: &mut self.dirty,
            dirty_branches: &mut self.dirty_branches,
        };
        for &slot in members {
            let connection = &mut outboxes.connections[slot as usize];
            if connection.apart {
                continue;
            }
            let dialect = connection.dialect_in(run.room);
            let at = all.iter().position(|pieces| pieces.dialect == dialect).unwrap_or_else(|| {
                all.push(pieces(&run.events, dialect, members.len()));
                all.len() - 1
            });
            let pieces = &all[at];
            if pieces.is_volatile && is_behind(outboxes.connections, slot, pieces.bytes, self.settings.outbox_bytes) {
                behind.push(slot);
                continue;
            }
            let connection = &mut outboxes.connections[slot as usize];
            self.tally.deliveries += pieces.events;
            if connection.gate.is_some() {
                let frames = run.events.iter().filter_map(|(event, _)| event.frame(dialect));
                if hold(connection, &self.settings, frames).is_err() {
                    self.closing.push((slot, CloseReason::GateOverflow));
                }
                continue;
            }
            for frame in &pieces.frames {
                if let Err(reason) = outboxes.put(slot, frame.clone()) {
                    self.closing.push((slot, reason));
                    break;
                }
            }
        }
        self.unwritten_bytes += all.iter().map(|pieces| pieces.bytes).max().unwrap_or(0);
        for slot in behind.drain(..) {
            self.give_each(slot, 0);
        }
        self.run.behind = behind;
    }

    /// Gives one member the events of the run from the one at `from` on, one by one.
    fn give_each(&mut self, slot: u32, from: usize) {
        let connection = &self.connections[slot as usize];
        let (id, room) = (connection.id, self.run.room);
        if !connection.rooms.iter().any(|place| place.room == room) {
            return;
        }
        let dialect = connection.dialect_in(room);
        for at in from..self.run.events.len() {
            let (event, except) = &self.run.events[at];
            if except.contains(&id) {
                continue;
            }
            if let Some(frame) = event.frame(dialect) {
                let may_skip = is_volatile(dialect, event.event());
                if may_skip && is_behind(&self.connections, slot, frame.len(), self.settings.outbox_bytes) {
                    self.tally.skipped += 1;
                    continue;
                }
                self.tally.deliveries += 1;
                self.push_in_order(slot, frame);
            }
        }
    }
}

/// The connections' outboxes, apart from the rest of the shard.
struct Outboxes<'a> {
    settings: &'a Settings,
    connections: &'a mut Slab<Connection>,
    waiting_bytes: &'a mut usize,
    dirty: &'a mut Vec<u32>,
    dirty_branches: &'a mut Vec<u32>,
}

impl Outboxes<'_> {
    #[inline]
    fn put(&mut self, slot: u32, frame: Frame) -> Result<(), CloseReason> {
        let connection = &mut self.connections[slot as usize];
        let Some(carrier) = connection.carrier else {
            admit_frame(self.settings, self.waiting_bytes, connection, frame)?;
            list(self.dirty, connection, slot);
            return Ok(());
        };
        // What a branch is told waits with its carrier as long as there is room for it, and else in the branch.
        if connection.phase == Phase::Open && connection.outbox.bytes() == 0 {
            let carrier_connection = &mut self.connections[carrier as usize];
            if carrier_connection.outbox.bytes() <= self.settings.outbox_bytes / 4 {
                *self.waiting_bytes += frame.len();
                carrier_connection.outbox.push(frame);
                list(self.dirty, carrier_connection, carrier);
                return Ok(());
            }
        }
        let connection = &mut self.connections[slot as usize];
        admit_frame(self.settings, self.waiting_bytes, connection, frame)?;
        list(self.dirty_branches, connection, slot);
        Ok(())
    }
}

fn hold(
    connection: &mut Connection,
    settings: &Settings,
    frames: impl Iterator<Item = Frame>,
) -> Result<(), super::gate::Overflow> {
    let Some(gate) = &mut connection.gate else { return Ok(()) };
    for frame in frames {
        gate.hold(frame, settings.gate_events, settings.gate_bytes)?;
    }
    Ok(())
}

/// What all members of a dialect are given, of whom there are at most `members`.
fn pieces(events: &[(Arc<Published>, Except)], dialect: Dialect, members: usize) -> Pieces {
    let frames: SmallVec<[Frame; 1]> = events.iter().filter_map(|(event, _)| event.frame(dialect)).collect();
    let bytes = frames.iter().map(Frame::len).sum();
    let shown = frames.len() as u64;
    let frames = match &frames[..] {
        [one] if members >= OWN_COPY_MEMBERS && one.len() <= OWN_COPY_BYTES => {
            SmallVec::from([Frame::new(Bytes::copy_from_slice(one.bytes()))])
        }
        [_, _, ..] => join(dialect.framing, &frames).map_or(frames, |joined| SmallVec::from([joined])),
        [] | [_] => frames,
    };
    let is_volatile = events.iter().any(|(event, _)| is_volatile(dialect, event.event()));
    Pieces { dialect, frames, events: shown, bytes, is_volatile }
}
