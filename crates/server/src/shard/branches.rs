//! Sessions that another connection carries: the sockets of one Socket.IO client, each in a namespace of its own.
//!
//! A branch is a connection in every respect but one: it has no socket. It is a member of rooms, has a gate and an
//! outbox, and when it has something to write, its frames move to the outbox of its carrier.

use super::connection::{Dirty, Phase};
use super::{Opening, READS_MAX, Shard};
use crate::message::ToEngine;
use smallvec::SmallVec;
use switchboard_core::{CloseReason, Via};
use switchboard_protocols::engineio::payload::{ANSWER_PACKETS_MAX, SEPARATOR, first};
use switchboard_protocols::socketio::encode::reframe;
use switchboard_protocols::socketio::namespace::NAMESPACES_MAX;
use switchboard_protocols::{Frame, Framing, Tick};

/// Branches of one connection that are not gone. A client is in half as many namespaces at most; more are those that it
/// joins and leaves faster than they may begin.
const BRANCHES_MAX: usize = 2 * NAMESPACES_MAX;

/// The branches of a connection: the number that its conversation gave each, and its slot. Nearly always none or one.
pub(super) type Branches = SmallVec<[(u32, u32); 1]>;

impl Shard {
    /// A connection's conversation begins a session that it carries.
    pub(super) fn open_branch(&mut self, now: Tick, carrier: u32, number: u32) {
        let connection = &mut self.connections[carrier as usize];
        if connection.phase != Phase::Open {
            return;
        }
        if connection.branches.len() >= BRANCHES_MAX {
            return self.close(now, carrier, CloseReason::ProtocolError);
        }
        let (via, address) = (connection.via, connection.address);
        let Some(conversation) = connection.conversation.branch(number) else { return };
        let slot =
            self.open(now, Opening { conversation, via, address, observe: false, idle_ms: 0, head: Frame::default() });
        self.connections[slot as usize].carrier = Some(carrier);
        self.connections[carrier as usize].branches.push((number, slot));
        self.branches += 1;
    }

    /// The slot of a branch.
    pub(super) fn branch(&self, carrier: u32, number: u32) -> Option<u32> {
        let branches = &self.connections.get(carrier as usize)?.branches;
        branches.iter().find(|(known, _)| *known == number).map(|(_, slot)| *slot)
    }

    /// Whether a connection must not be read: what it, or a session that it carries, asked for before still waits.
    pub(super) fn is_held(&self, slot: u32) -> bool {
        let Some(connection) = self.connections.get(slot as usize) else { return false };
        let held = |slot: u32| {
            let connection = &self.connections[slot as usize];
            (self.backlogged && connection.parked > 0) || connection.reads >= READS_MAX || connection.gate.is_some()
        };
        held(slot) || connection.branches.iter().any(|(_, branch)| held(*branch))
    }

    /// Moves what waits in branches to the outboxes of their carriers.
    pub(super) fn forward_dirty(&mut self) {
        for slot in std::mem::take(&mut self.dirty_branches) {
            self.forward(slot);
        }
    }

    /// Moves a branch's frames as far as its carrier has room; the rest goes when the carrier has written.
    fn forward(&mut self, slot: u32) {
        let Some(connection) = self.connections.get_mut(slot as usize) else { return };
        connection.dirty = Dirty::No;
        let Some(carrier) = connection.carrier else { return };
        while self.connections[carrier as usize].outbox.bytes() <= self.settings.outbox_bytes / 4 {
            let Some(frame) = self.connections[slot as usize].outbox.take() else { break };
            self.connections[carrier as usize].outbox.push(frame);
        }
        self.mark_dirty(carrier);
        if self.connections[slot as usize].outbox.bytes() == 0 {
            self.written(slot);
        } else {
            self.connections[carrier as usize].holds_up = true;
        }
    }

    /// A carrier has written all it had: its branches may go on.
    pub(super) fn wake_branches(&mut self, carrier: u32) {
        if !std::mem::take(&mut self.connections[carrier as usize].holds_up) {
            return;
        }
        for place in 0..self.connections[carrier as usize].branches.len() {
            let (_, slot) = self.connections[carrier as usize].branches[place];
            if self.connections[slot as usize].outbox.bytes() > 0 {
                self.mark_dirty(slot);
            }
        }
    }

    /// A carrier is about to end in order: what its branches were told goes first.
    pub(super) fn flush_branches(&mut self, carrier: u32) {
        for (_, slot) in self.connections[carrier as usize].branches.clone() {
            while let Some(frame) = self.connections[slot as usize].outbox.take() {
                self.connections[carrier as usize].outbox.push(frame);
            }
        }
    }

    /// A carrier ends: the sessions that it carries have no connection any more.
    pub(super) fn cut_branches(&mut self, now: Tick, carrier: u32) {
        for (_, slot) in std::mem::take(&mut self.connections[carrier as usize].branches) {
            self.connections[slot as usize].carrier = None;
            self.branches -= 1;
            self.part(now, slot, Phase::Gone);
        }
    }

    /// A branch is gone.
    pub(super) fn forget_branch(&mut self, slot: u32) {
        if let Some(carrier) = self.connections[slot as usize].carrier.take() {
            self.branches -= 1;
            self.connections[carrier as usize].branches.retain(|(_, branch)| *branch != slot);
        }
    }

    /// A polling session goes on on a WebSocket of this framing: what waits for it, and for those it carries, is framed
    /// anew.
    pub fn upgrade(&mut self, now: Tick, slot: u32, framing: Framing) {
        let connection = &mut self.connections[slot as usize];
        connection.conversation.upgrade(now, framing);
        let framing = connection.conversation.dialect().framing;
        let branches = connection.branches.clone();
        self.move_to(now, slot, framing);
        for (_, branch) in branches {
            self.connections[branch as usize].conversation.upgrade(now, framing);
            self.move_to(now, branch, framing);
            let connection = &mut self.connections[branch as usize];
            if connection.introduced && !connection.ended {
                connection.parked += 1;
                let (connection, peer) = (connection.id, connection.peer());
                self.to_engine.push_back(ToEngine::Connect { connection, peer, observe: false });
            }
        }
        self.unblocked(slot);
        self.set_alarm(slot);
    }

    fn move_to(&mut self, now: Tick, slot: u32, framing: Framing) {
        let connection = &mut self.connections[slot as usize];
        self.population.change(connection.via, connection.dialect, -1);
        connection.via = Via::WebSocket;
        connection.dialect = connection.conversation.dialect();
        connection.heard = now;
        self.population.change(connection.via, connection.dialect, 1);
        self.waiting_bytes -= connection.outbox.bytes();
        connection.outbox.change(|frame| reframe(frame, framing));
        self.waiting_bytes += connection.outbox.bytes();
        if let Some(gate) = &mut connection.gate {
            gate.change(|frame| reframe(frame, framing));
        }
    }

    /// The first packets that wait for a polling session, [`ANSWER_PACKETS_MAX`] at most, as one payload; none if nothing
    /// waits. A frame of several packets may be parted between them.
    pub fn payload(&mut self, slot: u32) -> Option<Vec<u8>> {
        let connection = self.connections.get_mut(slot as usize)?;
        let before = connection.outbox.bytes();
        let mut payload = Vec::new();
        let mut room = ANSWER_PACKETS_MAX;
        while room > 0
            && let Some(frame) = connection.outbox.first()
        {
            let (length, packets) = first(frame.bytes(), room);
            let part = frame.bytes().slice(..length);
            // With the separator behind it, if another packet follows in its frame.
            connection.outbox.wrote_whole(length + usize::from(length < frame.len()));
            if !payload.is_empty() {
                payload.push(SEPARATOR);
            }
            payload.extend_from_slice(&part);
            room -= packets;
        }
        let taken = before - connection.outbox.bytes();
        self.waiting_bytes -= taken;
        self.tally.bytes_out += payload.len() as u64;
        (taken > 0).then_some(payload)
    }

    /// A poll was answered: what was too many packets for one answer waits for the next.
    pub fn answered(&mut self, slot: u32) {
        if self.has_waiting(slot) { self.unclaimed(slot) } else { self.written(slot) }
    }

    /// Nobody polls for what waits: it is kept for the next poll, unless the session ended in a way that leaves nothing
    /// to be said.
    pub fn unclaimed(&mut self, slot: u32) {
        match self.connections.get(slot as usize) {
            Some(connection) if connection.phase == Phase::Ending && connection.give_up <= self.now => {
                self.give_up(slot);
            }
            Some(_) => self.blocked(slot),
            None => {}
        }
    }

    /// A request for a session is here: a deadline that has passed counts, whether or not its timer was looked at.
    pub fn meet_deadline(&mut self, now: Tick, slot: u32) {
        self.now = now;
        let Some(connection) = self.connections.get(slot as usize) else { return };
        let is_due = connection.conversation.deadline().is_some_and(|deadline| deadline <= now);
        if connection.phase == Phase::Open && is_due && !connection.paused {
            self.tick(now, slot);
        }
    }

    /// Whether a connection reads and writes.
    #[must_use]
    pub fn is_open(&self, slot: u32) -> bool {
        self.connections.get(slot as usize).is_some_and(|connection| connection.phase == Phase::Open)
    }

    /// Ends a connection for what happened outside of its bytes.
    pub fn end(&mut self, now: Tick, slot: u32, reason: CloseReason) {
        self.now = now;
        self.close(now, slot, reason);
    }
}
