//! Events and replies out: from the engine to the members' outboxes.

use super::connection::{Connection, Phase};
use super::gate::{Gate, Missed};
use super::volatile::{is_behind, is_volatile};
use super::{GATE_MS, Shard, Want};
use crate::message::{Read, ToShard};
use std::sync::Arc;
use switchboard_core::cost::Limit;
use switchboard_core::{Body, CloseReason, Code, ConnectionId, Event, Output, Reply, RoomId, Seq};
use switchboard_protocols::{Frame, Tick, encode};
use switchboard_store::{Page, StoreError};

impl Shard {
    /// Does what the engine or a reader says.
    pub fn deliver(&mut self, now: Tick, message: ToShard) {
        self.deliver_all(now, &mut std::iter::once(message));
    }

    /// Does what the engine and the readers say, in order, until sockets should be written first: then it gives true, and
    /// there may be more.
    /// Events of one room that come one after the other are given to its members together.
    pub fn deliver_all(&mut self, now: Tick, messages: &mut impl Iterator<Item = ToShard>) -> bool {
        self.now = now;
        let mut is_full = false;
        while !is_full && let Some(message) = messages.next() {
            self.obey(now, message);
            is_full = self.wants_writing();
        }
        self.settle(now);
        is_full
    }

    fn obey(&mut self, now: Tick, message: ToShard) {
        match message {
            ToShard::Publish { room, event, except } => return self.publish(now, room, event, except),
            ToShard::Output(output) => {
                match &output {
                    // It goes to one connection, and only there it has to come after what was before it.
                    Output::Reply { to, .. } | Output::Deliver { to, .. } => self.catch_up(*to),
                    Output::Slow { .. } => {}
                    Output::Attach { .. }
                    | Output::Detach { .. }
                    | Output::Current { .. }
                    | Output::Recover { .. }
                    | Output::Replay { .. }
                    | Output::History { .. }
                    | Output::Search { .. }
                    | Output::Close { .. }
                    | Output::Publish { .. } => self.settle(now),
                }
                self.output(now, output);
            }
            ToShard::Forget(id) => {
                self.settle(now);
                if let Some(slot) = self.slot(id) {
                    self.forget(slot);
                }
            }
            ToShard::Page { connection, read, result } => {
                self.settle(now);
                if let Some(slot) = self.slot(connection) {
                    self.page(now, slot, read, result);
                }
            }
            ToShard::Space => {}
            ToShard::CloseAll(reason) => {
                self.settle(now);
                self.close_all(now, reason);
            }
        }
        self.close_overflowed(now);
    }

    fn output(&mut self, now: Tick, output: Output) {
        match output {
            Output::Reply { to, reply } => {
                if let Some(slot) = self.slot(to) {
                    self.reply(slot, &reply, Place::InOrder);
                }
            }
            Output::Deliver { to, event, own } => {
                let Some(slot) = self.slot(to) else { return };
                let connection = &mut self.connections[slot as usize];
                if let Body::Renamed { from, old } = &event.body {
                    connection.rename(old, &from.nick);
                }
                let mut dialect = connection.dialect;
                dialect.elsewhere = event.room.as_ref().is_some_and(|name| {
                    let current = connection.current.and_then(|room| self.directory.name(room));
                    current != Some(name) && dialect.language != switchboard_protocols::Language::Json
                });
                let Some(frame) = encode(&event, dialect, own) else { return };
                let may_skip = is_volatile(dialect, &event);
                if may_skip && is_behind(&self.connections, slot, frame.len(), self.settings.outbox_bytes) {
                    self.tally.skipped += 1;
                    return;
                }
                self.tally.deliveries += 1;
                self.push_in_order(slot, frame);
            }
            Output::Attach { connection, room, name } => {
                // A connection that ended meanwhile has left its rooms for good: its slot may soon be another's.
                if let Some(slot) = self.slot(connection)
                    && matches!(self.connections[slot as usize].phase, Phase::Open | Phase::Finishing)
                {
                    let places = &mut self.connections[slot as usize].rooms;
                    self.directory.attach(slot, places, room, name);
                }
            }
            Output::Detach { connection, room } => {
                if let Some(slot) = self.slot(connection) {
                    self.detach(slot, room);
                }
            }
            Output::Current { connection, room } => {
                if let Some(connection) = self.find(connection) {
                    connection.current = room;
                }
            }
            Output::Recover { connection, events } => self.miss(connection, |gate| gate.keep(events)),
            Output::Replay { connection, room, after, through, pos, time } => {
                self.miss(connection, |gate| gate.miss(Missed { room, after, through, pos, time }));
            }
            Output::History { to, query } => self.read(to, Read::History(query)),
            Output::Search { to, query } => self.read(to, Read::Search(query)),
            Output::Slow { connection, for_ms } => {
                if let Some(slot) = self.slot(connection) {
                    self.slow(slot, for_ms, Limit::DeliveredBytes);
                }
            }
            Output::Close { connection, reason } => {
                if let Some(slot) = self.slot(connection) {
                    self.close(now, slot, reason);
                }
            }
            Output::Publish { .. } => unreachable!("the engine turns these into ToShard::Publish"),
        }
    }

    /// Opens a connection's gate, if need be, to give it what it missed.
    fn miss(&mut self, connection: ConnectionId, put: impl FnOnce(&mut Gate)) {
        let Some(slot) = self.slot(connection) else { return };
        let connection = &mut self.connections[slot as usize];
        if matches!(connection.phase, Phase::Open | Phase::Finishing) {
            let until = self.now + GATE_MS;
            put(connection.gate.get_or_insert_with(|| Box::new(Gate::new(until))));
            self.set_alarm(slot);
            self.advance_gate(slot);
        }
    }

    fn reply(&mut self, slot: u32, reply: &Reply, place: Place) {
        let connection = &mut self.connections[slot as usize];
        if !matches!(connection.phase, Phase::Open | Phase::Finishing) {
            return;
        }
        match reply {
            Reply::Welcome(welcome) => connection.nick = Some(Arc::clone(&welcome.nick)),
            Reply::Nick { nick, .. } => connection.nick = Some(Arc::clone(nick)),
            Reply::Refused(refusal) if refusal.code == Code::RateLimited && !connection.hasty => {
                connection.hasty = true;
                let (address, protocol) = (connection.address, connection.dialect.protocol());
                if self.may_log() {
                    let address = address.map(tracing::field::display);
                    tracing::warn!(address, protocol, "refused, and more of it is not logged: {}", refusal.message);
                }
            }
            Reply::Refused(refusal) if refusal.code == Code::PassWrong => self.log_wrong_code(slot),
            Reply::Refused(_)
            | Reply::Observing { .. }
            | Reply::Ack { .. }
            | Reply::Joined { .. }
            | Reply::Left { .. }
            | Reply::Topic { .. }
            | Reply::Members { .. }
            | Reply::Rooms { .. }
            | Reply::History { .. }
            | Reply::Found { .. }
            | Reply::Pong { .. } => {}
        }
        let frame = self.connections[slot as usize].conversation.reply(reply);
        self.refresh_dialect(slot);
        self.charge_reply(slot, reply, frame.as_ref().map_or(0, Frame::len));
        if let Some(frame) = frame {
            match place {
                Place::InOrder => self.push_in_order(slot, frame),
                Place::AtOnce => self.push(slot, frame),
            }
        }
        self.set_alarm(slot);
    }

    /// Puts a frame behind everything that the engine said before it: behind an open gate, too.
    pub(super) fn push_in_order(&mut self, slot: u32, frame: Frame) {
        match &mut self.connections[slot as usize].gate {
            Some(gate) => {
                if gate.hold(frame, self.settings.gate_events, self.settings.gate_bytes).is_err() {
                    self.closing.push((slot, CloseReason::GateOverflow));
                }
            }
            None => self.push(slot, frame),
        }
    }

    /// Puts a frame on one connection's outbox.
    pub(super) fn push(&mut self, slot: u32, frame: Frame) {
        let connection = &mut self.connections[slot as usize];
        if !matches!(connection.phase, Phase::Open | Phase::Finishing) {
            return;
        }
        self.unwritten_bytes += frame.len();
        match admit_frame(&self.settings, &mut self.waiting_bytes, connection, frame) {
            Ok(()) => self.mark_dirty(slot),
            Err(reason) => self.closing.push((slot, reason)),
        }
    }

    pub(super) fn detach(&mut self, slot: u32, room: RoomId) {
        let connection = &mut self.connections[slot as usize];
        if connection.current == Some(room) {
            connection.current = None;
        }
        if let Some((moved, index)) = self.directory.detach(&mut connection.rooms, room) {
            let places = &mut self.connections[moved as usize].rooms;
            if let Some(place) = places.iter_mut().find(|place| place.room == room) {
                place.index = index;
            }
        }
    }

    fn read(&mut self, id: ConnectionId, read: Read) {
        if let Some(connection) = self.find(id)
            && connection.phase != Phase::Gone
        {
            connection.reads = connection.reads.saturating_add(1);
            self.wants.push(Want::Read(id, read));
        }
    }

    fn page(&mut self, now: Tick, slot: u32, read: Read, result: Result<Page, Arc<StoreError>>) {
        self.read_done(now, slot);
        match (read, result) {
            (Read::Replay { room, after, through: _ }, Ok(page)) => self.replay(slot, &room, after, &page),
            (Read::Replay { .. }, Err(_)) => self.close(now, slot, CloseReason::Internal),
            (Read::History(query), Ok(page)) => {
                let Page { events, more, .. } = page;
                let reply = Reply::History { reference: query.reference, room: query.room, events, more };
                self.reply(slot, &reply, Place::AtOnce);
            }
            (Read::Search(query), Ok(page)) => {
                let Page { events, more, behind } = page;
                let (reference, room, query) = (query.reference, query.room, query.text);
                self.reply(slot, &Reply::Found { reference, room, query, events, more, behind }, Place::AtOnce);
            }
            (Read::History(query), Err(_)) => self.reply(slot, &unreadable(query.reference), Place::AtOnce),
            (Read::Search(query), Err(_)) => self.reply(slot, &unreadable(query.reference), Place::AtOnce),
        }
    }

    /// Gives a resuming connection a page of what it missed, as far as its outbox has room; the rest is read again. What
    /// is not stored any more is told as a gap.
    fn replay(&mut self, slot: u32, room: &Arc<str>, after: Seq, page: &Page) {
        let connection = &mut self.connections[slot as usize];
        let Some(part) = connection.gate.as_ref().and_then(|gate| gate.at()) else { return };
        let (through, latest) = (part.through, (part.pos, part.time));
        let dialect = connection.dialect;
        let mut last = None;
        let missed = page.events.iter().filter_map(|event| Some((event.seq()?, event)));
        let missed: Vec<_> = missed.take_while(|(seq, _)| *seq <= through).collect();
        let first = missed.first().map_or(through + 1, |(seq, _)| *seq);
        if first > after + 1 {
            let body = Body::Gap { first: after + 1, last: first - 1 };
            // Whoever comes back by the position of a gap has still to be given what follows it.
            let next = page.events.first().map(|event| (event.pos.saturating_sub(1), event.time));
            let (pos, time) = next.unwrap_or(latest);
            let gap = Event { pos, time, room: Some(room.clone()), body };
            if let Some(frame) = encode(&gap, dialect, false) {
                self.push(slot, frame);
            }
        }
        for (seq, event) in missed {
            if last.is_some() && self.connections[slot as usize].outbox.bytes() > self.settings.outbox_bytes / 2 {
                break;
            }
            last = Some(seq);
            if !self.connections[slot as usize].conversation.missed(event) {
                continue;
            }
            if let Some(frame) = encode(event, dialect, false) {
                self.tally.deliveries += 1;
                self.push(slot, frame);
            }
        }
        if let Some(gate) = &mut self.connections[slot as usize].gate {
            gate.page(last);
        }
        self.advance_gate(slot);
    }

    /// Asks for the next page when the outbox has room for it, and drains the gate when there is nothing more.
    pub(super) fn advance_gate(&mut self, slot: u32) {
        let Some(connection) = self.connections.get_mut(slot as usize) else { return };
        if connection.gate.is_none()
            || connection.outbox.bytes() > self.settings.outbox_bytes / 4
            || !self.give_kept(slot)
        {
            return;
        }
        let connection = &mut self.connections[slot as usize];
        let Some(gate) = &mut connection.gate else { return };
        if let Some(Missed { room, after, through, .. }) = gate.next_page() {
            let id = connection.id;
            self.read(id, Read::Replay { room, after, through });
        } else if gate.is_done() {
            self.drain_gate(slot);
        }
    }

    /// Delivers to a connection the missed events that are at hand, as far as its outbox has room, and returns whether that
    /// was all.
    fn give_kept(&mut self, slot: u32) -> bool {
        loop {
            let connection = &mut self.connections[slot as usize];
            if connection.outbox.bytes() > self.settings.outbox_bytes / 2 {
                return false;
            }
            let Some((event, own)) = connection.gate.as_mut().and_then(|gate| gate.next_kept()) else { return true };
            if let Some(frame) = encode(&event, connection.dialect, own) {
                self.tally.deliveries += 1;
                self.push(slot, frame);
            }
        }
    }

    /// Lets what was held back go, as far as the outbox has room. The gate is gone when nothing is behind it.
    fn drain_gate(&mut self, slot: u32) {
        loop {
            let connection = &mut self.connections[slot as usize];
            if connection.outbox.bytes() > self.settings.outbox_bytes / 4 {
                return;
            }
            match connection.gate.as_mut().and_then(|gate| gate.release()) {
                Some(frame) => self.push(slot, frame),
                None => {
                    connection.gate = None;
                    self.resume_paused(self.now);
                    return;
                }
            }
        }
    }
}

/// Where an answer stands among what a connection is told.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Behind everything that the engine said before it.
    InOrder,
    /// A page was read beside the engine, and waits for nothing.
    AtOnce,
}

/// Puts a frame on an outbox unless that is full: then its owner has to go.
#[inline]
pub(super) fn admit_frame(
    settings: &super::Settings,
    waiting_bytes: &mut usize,
    connection: &mut Connection,
    frame: Frame,
) -> Result<(), CloseReason> {
    let waiting = connection.outbox.bytes();
    if waiting > 0 {
        if waiting + frame.len() > settings.outbox_bytes {
            return Err(CloseReason::SlowReader);
        }
        if connection.blocked && *waiting_bytes + frame.len() > settings.outboxes_bytes {
            return Err(CloseReason::OutboxesFull);
        }
    }
    *waiting_bytes += frame.len();
    connection.outbox.push(frame);
    Ok(())
}

fn unreadable(reference: Option<Arc<str>>) -> Reply {
    Reply::Refused(Code::StorageError.refuse(reference, "the history could not be read; the server's log says why"))
}
