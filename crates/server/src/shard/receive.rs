//! Bytes in: from a connection's decoder to the engine.

use super::Shard;
use super::connection::Phase;
use super::cost::work_of;
use crate::message::ToEngine;
use std::panic::{AssertUnwindSafe, catch_unwind};
use switchboard_core::{CloseReason, Via};
use switchboard_protocols::conversation::Branch;
use switchboard_protocols::{Act, Conversation, Tick};

impl Shard {
    /// Bytes arrived; they may be overwritten.
    pub fn receive(&mut self, now: Tick, slot: u32, bytes: &mut [u8]) {
        self.tally.bytes_in += bytes.len() as u64;
        let is_datagram = self.connections.get(slot as usize).is_some_and(|one| one.via == Via::Udp);
        self.now = now;
        // Nobody can be made to send datagrams more slowly: what is too much is lost, as datagrams may be.
        if is_datagram && self.is_slowed(slot) {
            self.note_wait(slot);
            return;
        }
        let count = bytes.len();
        self.converse(now, slot, count, |conversation, acts| conversation.receive(now, bytes, acts));
    }

    /// Lets the conversation meet its deadline.
    pub(super) fn tick(&mut self, now: Tick, slot: u32) {
        self.converse(now, slot, 0, |conversation, acts| conversation.tick(now, acts));
    }

    /// The peer sends no more: what it sent is still carried out and answered.
    pub fn end_of_input(&mut self, now: Tick, slot: u32) {
        let Some(connection) = self.connections.get(slot as usize) else { return };
        match connection.phase {
            // What waits is carried out first; the end is looked for again then.
            Phase::Open if self.is_slowed(slot) => {}
            Phase::Open => {
                self.finish(now, slot);
                // Its last line may have to wait; the end is looked for again then.
                if !self.is_slowed(slot) {
                    self.part(now, slot, Phase::Finishing);
                }
            }
            Phase::Finishing => {}
            Phase::Ending | Phase::Lingering | Phase::Gone => self.give_up(slot),
        }
    }

    /// The socket failed: nothing more can be read or written.
    pub fn broken(&mut self, now: Tick, slot: u32) {
        let Some(connection) = self.connections.get(slot as usize) else { return };
        if connection.phase == Phase::Open {
            self.finish(now, slot);
        }
        self.part(now, slot, Phase::Gone);
    }

    fn finish(&mut self, now: Tick, slot: u32) {
        self.converse(now, slot, 0, |conversation, acts| {
            conversation.finish(acts);
            Ok(())
        });
    }

    /// Runs a decoder, carries out what it wants, and keeps a failure of it to its own connection. `count`: of so many
    /// bytes that the peer sent, for which it is charged.
    fn converse(
        &mut self,
        now: Tick,
        slot: u32,
        count: usize,
        run: impl FnOnce(&mut dyn Conversation, &mut Vec<Act>) -> Result<(), CloseReason>,
    ) {
        let Some(connection) = self.connections.get_mut(slot as usize) else { return };
        if connection.phase != Phase::Open {
            return;
        }
        self.now = now;
        connection.heard = now;
        let mut acts = std::mem::take(&mut self.acts);
        let result = catch_unwind(AssertUnwindSafe(|| run(&mut *connection.conversation, &mut acts)));
        if result.is_err() {
            acts.clear();
        } else {
            self.refresh_dialect(slot);
        }
        if count > 0 {
            let units = work_of(&acts, count);
            self.charge_work(slot, units);
        }
        let mut json = None;
        for act in acts.drain(..) {
            match act {
                Act::Request(request) => self.ask_or_wait(slot, request),
                Act::Send(frame) => self.push(slot, frame),
                Act::Branch(number, Branch::Open) => self.open_branch(now, slot, number),
                Act::Branch(number, Branch::Request(request)) => {
                    if let Some(branch) = self.branch(slot, number) {
                        self.ask_or_wait(branch, request);
                    }
                }
                Act::BecomeJson(bytes) => json = Some(bytes),
                Act::Close(reason) => self.close_in_order(now, slot, reason),
            }
        }
        self.acts = acts;
        match result {
            Ok(Ok(())) => {}
            Ok(Err(reason)) => self.close_in_order(now, slot, reason),
            Err(_) => self.close(now, slot, CloseReason::Internal),
        }
        self.close_overflowed(now);
        if let Some(mut bytes) = json {
            self.become_json(now, slot, &mut bytes);
        }
        self.set_alarm(slot);
    }

    fn become_json(&mut self, now: Tick, slot: u32, bytes: &mut [u8]) {
        let Some(connection) = self.connections.get_mut(slot as usize) else { return };
        connection.conversation = (self.settings.make_json)();
        connection.introduced = false;
        self.refresh_dialect(slot);
        self.receive(now, slot, bytes);
    }

    /// Tells the engine of a connection before the first that it has to say of it: its protocol is known then.
    pub(super) fn introduce(&mut self, slot: u32, observe: bool) {
        let connection = &mut self.connections[slot as usize];
        if !connection.introduced {
            connection.introduced = true;
            connection.known = true;
            connection.parked += 1;
            let peer = connection.peer();
            let protocol = connection.dialect.protocol();
            let (id, via, address) = (connection.id, connection.via, connection.address);
            if self.may_log() {
                tracing::info!(
                    connection = id.0,
                    address = address.map(tracing::field::display),
                    via = via.as_str(),
                    protocol,
                    "connection opened"
                );
            }
            self.opened.push((via, protocol));
            self.to_engine.push_back(ToEngine::Connect { connection: id, peer, observe });
        }
    }

    /// A read of the store came back: its connection may be read again.
    pub(super) fn read_done(&mut self, now: Tick, slot: u32) {
        let connection = &mut self.connections[slot as usize];
        connection.reads -= 1;
        // A session that another connection carries holds up the reading of that one.
        if connection.paused || connection.carrier.is_some() {
            self.resume_paused(now);
        }
        if self.connections[slot as usize].phase != Phase::Gone {
            self.mark_dirty(slot);
        }
    }
}
