//! How connections end: told why, written out, shut, and forgotten.

use super::connection::{Dirty, Phase};
use super::{LINGER_MS, Shard, Want};
use crate::message::ToEngine;
use switchboard_core::{CloseReason, Via};
use switchboard_protocols::Tick;

impl Shard {
    /// Ends a connection: the peer is told why, as far as its protocol can say it, and gets what waits for it.
    pub(super) fn close(&mut self, now: Tick, slot: u32, reason: CloseReason) {
        let Some(connection) = self.connections.get_mut(slot as usize) else { return };
        if !matches!(connection.phase, Phase::Open | Phase::Finishing) {
            return;
        }
        if let Some(carrier) = connection.carrier
            && reason.reconnect()
        {
            // Its client comes back only when the whole connection is gone.
            return self.close(now, carrier, reason);
        }
        let overflows = self.tally.overflows;
        match reason {
            CloseReason::SlowReader | CloseReason::OutboxesFull | CloseReason::GateOverflow => {
                self.waiting_bytes -= connection.outbox.clear();
                self.tally.overflows += 1;
                connection.behind = true;
                for (_, branch) in connection.branches.clone() {
                    self.connections[branch as usize].behind = true;
                }
            }
            CloseReason::Quit
            | CloseReason::TakenOver
            | CloseReason::Idle
            | CloseReason::PassRefused
            | CloseReason::HandshakeTimeout
            | CloseReason::TooManyConnections
            | CloseReason::TlsRequired
            | CloseReason::ProtocolError
            | CloseReason::OtherProtocol
            | CloseReason::HttpRequest
            | CloseReason::LengthPrefixed
            | CloseReason::Utf16
            | CloseReason::Unsupported
            | CloseReason::InvalidUtf8
            | CloseReason::BadCompression
            | CloseReason::LineTooLong
            | CloseReason::FrameTooLarge
            | CloseReason::ShuttingDown
            | CloseReason::StorageFailed
            | CloseReason::Internal
            | CloseReason::PeerGone => {}
        }
        if self.tally.overflows == overflows {
            self.flush_branches(slot);
        }
        let connection = &mut self.connections[slot as usize];
        if let Some(farewell) = connection.conversation.farewell(reason) {
            self.waiting_bytes += farewell.len();
            connection.outbox.push(farewell);
        }
        let is_polling = connection.via == Via::Polling && connection.carrier.is_none();
        if connection.phase == Phase::Open {
            self.note_end(slot, reason);
        }
        self.part(now, slot, Phase::Ending);
        if is_polling {
            self.connections[slot as usize].give_up = now + unclaimed_ms(reason);
            self.set_alarm(slot);
        }
        if let Some(carrier) = self.connections[slot as usize].carrier {
            self.connections[carrier as usize].conversation.branch_ended(now);
            self.set_alarm(carrier);
        }
    }

    /// Ends every connection.
    pub(super) fn close_all(&mut self, now: Tick, reason: CloseReason) {
        let slots: Vec<u32> = self.connections.iter().map(|(slot, _)| slot as u32).collect();
        for slot in slots {
            self.close(now, slot, reason);
        }
    }

    /// Closes those whose outbox or gate overflowed in what was just delivered.
    pub(super) fn close_overflowed(&mut self, now: Tick) {
        while let Some((slot, reason)) = self.closing.pop() {
            self.close(now, slot, reason);
        }
    }

    /// Says once, in the log and in the metrics, that a connection ends.
    fn note_end(&mut self, slot: u32, reason: CloseReason) {
        self.closed.push(reason);
        if !self.may_log() {
            return;
        }
        let connection = &self.connections[slot as usize];
        tracing::info!(
            connection = connection.id.0,
            address = connection.address.map(tracing::field::display),
            via = connection.via.as_str(),
            protocol = connection.dialect.protocol(),
            reason = reason.as_str(),
            "connection closed"
        );
        if reason == CloseReason::HttpRequest {
            tracing::warn!(
                connection = connection.id.0,
                address = connection.address.map(tracing::field::display),
                "the connection was greeted in text and then spoke HTTP: if a browser or a proxy connects ahead there, \
                 give it a port for HTTP alone (server.listen = \"http://...\")"
            );
        }
    }

    /// Takes the connection out of its rooms, tells the engine, and goes on to `phase`.
    pub(super) fn part(&mut self, now: Tick, slot: u32, phase: Phase) {
        let before = self.connections[slot as usize].phase;
        if before == Phase::Gone {
            return;
        }
        if before == Phase::Open && phase != Phase::Ending {
            self.note_end(slot, CloseReason::PeerGone);
        }
        let connection = &mut self.connections[slot as usize];
        connection.give_up = now + LINGER_MS;
        self.forget_waiting(slot);
        // Whoever waits for it to be read again, or for its end, waits no longer.
        if self.connections[slot as usize].paused && !self.paused.contains(&slot) {
            self.paused.push(slot);
        }
        let connection = &mut self.connections[slot as usize];
        if !connection.branches.is_empty() {
            self.cut_branches(now, slot);
        }
        let connection = &mut self.connections[slot as usize];
        if !connection.ended {
            connection.ended = true;
            if connection.known {
                if connection.behind {
                    connection.parked += 1;
                    self.to_engine.push_back(ToEngine::Behind { connection: connection.id });
                }
                connection.parked += 1;
                self.to_engine.push_back(ToEngine::Disconnect { connection: connection.id });
            } else {
                connection.forgotten = true;
            }
        }
        if phase == Phase::Gone {
            return self.give_up(slot);
        }
        connection.phase = phase;
        match phase {
            Phase::Open | Phase::Lingering | Phase::Gone => {}
            Phase::Finishing => self.mark_dirty(slot),
            Phase::Ending => {
                connection.gate = None;
                self.mark_dirty(slot);
                self.leave_rooms(slot);
            }
        }
        self.resume_paused(now);
        self.set_alarm(slot);
    }

    /// Everything that waited is written.
    pub fn written(&mut self, slot: u32) {
        let Some(connection) = self.connections.get_mut(slot as usize) else { return };
        connection.dirty = Dirty::No;
        match connection.phase {
            Phase::Open => {
                self.advance_gate(slot);
                self.wake_branches(slot);
            }
            Phase::Finishing => {
                self.advance_gate(slot);
                if self.connections[slot as usize].is_finished() {
                    self.give_up(slot);
                }
            }
            // A datagram has no end that could be awaited, and neither has what goes in answers to polls.
            Phase::Ending if matches!(connection.via, Via::Udp | Via::Polling) || connection.carrier.is_some() => {
                self.give_up(slot);
            }
            Phase::Ending => {
                connection.phase = Phase::Lingering;
                self.wants.push(Want::Shut(slot));
            }
            Phase::Lingering | Phase::Gone => {}
        }
        self.close_overflowed(self.now);
    }

    /// The engine has nothing more to say to the connection.
    pub(super) fn forget(&mut self, slot: u32) {
        let connection = &mut self.connections[slot as usize];
        connection.forgotten = true;
        match connection.phase {
            Phase::Gone => self.free(slot),
            Phase::Finishing => {
                self.mark_dirty(slot);
                // It is no member any more, and its rooms' numbers may soon be other rooms'.
                self.leave_rooms(slot);
            }
            Phase::Open | Phase::Ending | Phase::Lingering => {}
        }
    }

    /// The driver has dropped the socket that [`Want::Drop`] named: nothing will be said of this slot any more.
    pub fn dropped(&mut self, slot: u32) {
        if let Some(connection) = self.connections.get_mut(slot as usize) {
            connection.dropped = true;
            self.free(slot);
        }
    }

    /// Gives the slot free when neither the engine nor the driver knows it any more. Before that, what is under way for
    /// its former owner would reach a stranger.
    fn free(&mut self, slot: u32) {
        let connection = &self.connections[slot as usize];
        if connection.phase == Phase::Gone && connection.forgotten && connection.dropped {
            self.connections.remove(slot as usize);
        }
    }

    /// Drops the socket, whatever waits for it.
    pub(super) fn give_up(&mut self, slot: u32) {
        let connection = &mut self.connections[slot as usize];
        if connection.phase == Phase::Gone {
            return;
        }
        self.waiting_bytes -= connection.outbox.bytes();
        connection.outbox = super::outbox::Outbox::default();
        if connection.dirty != Dirty::No {
            // Its slot may soon be another's.
            self.dirty.retain(|listed| *listed != slot);
            self.dirty_branches.retain(|listed| *listed != slot);
        }
        connection.gate = None;
        connection.phase = Phase::Gone;
        connection.give_up = Tick::MAX;
        self.wants.push(Want::Drop(slot));
        self.forget_branch(slot);
        self.cut_branches(self.now, slot);
        self.leave_rooms(slot);
        let connection = &self.connections[slot as usize];
        self.population.change(connection.via, connection.dialect, -1);
    }

    fn leave_rooms(&mut self, slot: u32) {
        while let Some(place) = self.connections[slot as usize].rooms.last().copied() {
            self.detach(slot, place.room);
        }
    }
}

/// How long the last packet of a polling session is kept for a poll. A peer that broke the rules or fell silent finds
/// the session gone; one that closed it may have a poll on the way that is to be let go.
const fn unclaimed_ms(reason: CloseReason) -> u64 {
    match reason {
        CloseReason::ProtocolError
        | CloseReason::OtherProtocol
        | CloseReason::HttpRequest
        | CloseReason::LengthPrefixed
        | CloseReason::Utf16
        | CloseReason::Unsupported
        | CloseReason::InvalidUtf8
        | CloseReason::BadCompression
        | CloseReason::FrameTooLarge
        | CloseReason::LineTooLong
        | CloseReason::HandshakeTimeout
        | CloseReason::Idle => 0,
        CloseReason::PeerGone => 100,
        CloseReason::Quit
        | CloseReason::TakenOver
        | CloseReason::SlowReader
        | CloseReason::OutboxesFull
        | CloseReason::GateOverflow
        | CloseReason::PassRefused
        | CloseReason::TooManyConnections
        | CloseReason::TlsRequired
        | CloseReason::ShuttingDown
        | CloseReason::StorageFailed
        | CloseReason::Internal => LINGER_MS,
    }
}
