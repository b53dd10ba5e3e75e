//! A shard's state: its connections, who hears which room, outboxes, gates and deadlines; pure, without a socket or a
//! clock.
//!
//! A driver feeds it with bytes that arrived, with what the engine says and with the time; it says what to read from
//! the store, which sockets have something to write, and which to shut. Every run can be repeated from its inputs.

mod branches;
mod connection;
pub mod cost;
mod deliver;
pub mod driver;
mod ending;
pub(crate) mod endpoint;
mod gate;
mod load;
mod logging;
mod members;
mod outbox;
pub mod polling;
mod population;
mod posting;
mod receive;
mod run;
mod sockets;
#[cfg(test)]
mod tests;
mod udp_sessions;
mod volatile;
mod wheel;
mod wires;
mod writing;

use crate::message::{Read, ToEngine};
use connection::{Connection, Phase};
pub use load::Load;
use members::Directory;
pub use population::Population;
use run::Run;
use slab::Slab;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use switchboard_core::cost::Hits;
use switchboard_core::{CloseReason, ConnectionId, Via};
use switchboard_protocols::{Act, Conversation, Frame, Tick};
use wheel::Wheel;
pub use wires::{Wire, Wires};

/// Reads of the store under way for one connection; while there are as many, it is not read.
const READS_MAX: u32 = 4;
/// How long a connection that we end may take to read what we sent and to end its side.
const LINGER_MS: u64 = 2_000;

/// How long a gate may stay open. Meanwhile its connection is not read, so that answers to what it goes on asking cannot
/// fill the gate; after it, the connection is closed with `gate_overflow` and can resume from where it is.
const GATE_MS: u64 = 60_000;

/// Makes the conversation of a connection that turned out to speak JSON.
pub type MakeJson = Arc<dyn Fn() -> Box<dyn Conversation> + Send + Sync>;

/// A shard's bounds and what it needs to know of the server.
#[derive(Clone)]
pub struct Settings {
    /// The shard's number, part of each of its connections' ids.
    pub number: u8,
    /// Bytes that may wait for one connection. More: it is closed with `slow_reader`.
    pub outbox_bytes: usize,
    /// Bytes that may wait in all outboxes of this shard. More: who has some waiting already is closed.
    pub outboxes_bytes: usize,
    /// Events that a gate holds. More: the connection is closed with `gate_overflow`.
    pub gate_events: usize,
    /// Bytes that a gate holds.
    pub gate_bytes: usize,
    /// What connections may cost.
    pub costs: cost::CostLimits,
    pub make_json: MakeJson,
}

/// A connection that begins.
pub struct Opening {
    pub conversation: Box<dyn Conversation>,
    pub via: Via,
    pub address: Option<SocketAddr>,
    /// It has said nothing, and is greeted.
    pub observe: bool,
    /// Silence after which it is closed, in milliseconds; 0 for never.
    pub idle_ms: u64,
    /// What goes before all else: the answer that makes it a WebSocket, if that is not sent yet.
    pub head: Frame,
}

/// What the shard wants its driver to do.
#[derive(Debug, PartialEq)]
pub enum Want {
    /// Read from the store, and give the result back as [`crate::message::ToShard::Page`].
    Read(ConnectionId, Read),
    /// Everything is written: shut the socket's sending side.
    Shut(u32),
    /// Drop the socket, and say so with [`Shard::dropped`].
    Drop(u32),
    /// Read this socket again.
    Resume(u32),
}

/// What a shard counted since its counters were last taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub deliveries: u64,
    pub bytes_in: u64,
    pub bytes_out: u64,
    pub overflows: u64,
    pub hits: Hits,
    /// Events of volatile namespaces that receivers who did not keep up were not given.
    pub skipped: u64,
}

/// A shard's state.
pub struct Shard {
    settings: Settings,
    connections: Slab<Connection>,
    directory: Directory,
    wheel: Wheel,
    /// Slots that have something to write and whose sockets are not blocked.
    dirty: Vec<u32>,
    /// Slots of those that have something to write and no socket of their own.
    dirty_branches: Vec<u32>,
    /// Events that wait to be given to the members of their room together.
    run: Run,
    to_engine: VecDeque<ToEngine>,
    /// The engine's inbox did not take everything the last time.
    backlogged: bool,
    paused: Vec<u32>,
    wants: Vec<Want>,
    generation: u32,
    /// Bytes in all outboxes.
    waiting_bytes: usize,
    /// Connections that others carry.
    branches: usize,
    /// Bytes of the largest part that one connection may have been given since sockets were last written.
    unwritten_bytes: usize,
    acts: Vec<Act>,
    due: Vec<u32>,
    closing: Vec<(u32, CloseReason)>,
    /// What connections turned out to be since the driver last took this, for the metrics.
    pub opened: Vec<(Via, &'static str)>,
    /// Why connections ended since the driver last took this, for the metrics.
    pub closed: Vec<CloseReason>,
    /// What may still be written to the log.
    lines: logging::Lines,
    /// Counters for the metrics; the driver takes them.
    pub tally: Tally,
    /// How many connections of each kind there are, for the metrics.
    pub population: Population,
    /// The latest time it was told.
    now: Tick,
}

impl Shard {
    /// An empty shard at `now`.
    #[must_use]
    pub fn new(settings: Settings, now: Tick) -> Self {
        Self {
            settings,
            connections: Slab::new(),
            directory: Directory::default(),
            wheel: Wheel::new(now),
            dirty: Vec::new(),
            dirty_branches: Vec::new(),
            run: Run::default(),
            to_engine: VecDeque::new(),
            backlogged: false,
            paused: Vec::new(),
            wants: Vec::new(),
            generation: 0,
            waiting_bytes: 0,
            branches: 0,
            unwritten_bytes: 0,
            acts: Vec::new(),
            due: Vec::new(),
            closing: Vec::new(),
            opened: Vec::new(),
            closed: Vec::new(),
            lines: logging::Lines::default(),
            tally: Tally::default(),
            population: Population::default(),
            now,
        }
    }

    /// Takes a connection in and gives its slot, which stays its own until the driver says [`Shard::dropped`].
    pub fn open(&mut self, now: Tick, opening: Opening) -> u32 {
        self.generation = self.generation.wrapping_add(1) & 0x00ff_ffff;
        let entry = self.connections.vacant_entry();
        let slot = entry.key() as u32;
        let id =
            ConnectionId(u64::from(self.settings.number) << 56 | u64::from(self.generation) << 32 | u64::from(slot));
        let dialect = opening.conversation.dialect();
        entry.insert(Connection {
            id,
            phase: Phase::Open,
            known: false,
            introduced: false,
            ended: false,
            forgotten: false,
            dropped: false,
            hasty: false,
            behind: false,
            dirty: connection::Dirty::No,
            apart: false,
            blocked: false,
            holds_up: false,
            paused: false,
            reads: 0,
            parked: 0,
            conversation: opening.conversation,
            dialect,
            current: None,
            rooms: members::Places::new(),
            outbox: outbox::Outbox::default(),
            gate: None,
            cost: None,
            via: opening.via,
            address: opening.address,
            nick: None,
            heard: now,
            give_up: Tick::MAX,
            alarm: Tick::MAX,
            idle_ms: opening.idle_ms,
            carrier: None,
            branches: branches::Branches::new(),
        });
        self.population.change(opening.via, dialect, 1);
        if !opening.head.is_empty() {
            self.push(slot, opening.head);
        }
        if opening.observe {
            self.introduce(slot, true);
        }
        self.set_alarm(slot);
        slot
    }

    /// The shard that a connection belongs to.
    #[must_use]
    pub const fn of(id: ConnectionId) -> usize {
        (id.0 >> 56) as usize
    }

    /// How many connections there are, those that only wait to be forgotten included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.connections.len()
    }

    /// Whether there is no connection.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.connections.is_empty()
    }

    /// Whether every connection has ended, though the engine may not have forgotten them all.
    #[must_use]
    pub fn has_no_sockets(&self) -> bool {
        self.connections.iter().all(|(_, connection)| connection.phase == Phase::Gone)
    }

    /// When [`Shard::turn`] wants to be called next.
    #[must_use]
    pub fn next_alarm(&self) -> Option<Tick> {
        self.wheel.next()
    }

    /// Gives the engine what waits for it, as far as `accept` takes it; the rest stays, and its senders are not read
    /// until it is gone.
    pub fn hand_over(&mut self, now: Tick, mut accept: impl FnMut(ToEngine) -> Result<(), ToEngine>) {
        self.now = now;
        while let Some(message) = self.to_engine.pop_front() {
            let id = message.connection();
            if let Err(message) = accept(message) {
                self.to_engine.push_front(message);
                self.backlogged = true;
                return;
            }
            if let Some(connection) = self.find(id) {
                connection.parked -= 1;
            }
        }
        self.backlogged = false;
        self.resume_paused(now);
    }

    /// Whether anything waits for the engine.
    #[must_use]
    pub fn has_for_engine(&self) -> bool {
        !self.to_engine.is_empty()
    }

    /// What the driver has to do; called until it gives nothing.
    pub fn take_wants(&mut self) -> Vec<Want> {
        std::mem::take(&mut self.wants)
    }

    /// Returns when a connection was heard last, if there is one in this slot.
    #[must_use]
    pub fn heard(&self, slot: u32) -> Option<Tick> {
        self.connections.get(slot as usize).map(|connection| connection.heard)
    }

    /// Whether a socket should be read now. When not, [`Want::Resume`] says when it should be again.
    pub fn may_read(&mut self, slot: u32) -> bool {
        let (is_held, is_slowed) = (self.is_held(slot), self.is_slowed(slot));
        let Some(connection) = self.connections.get_mut(slot as usize) else { return false };
        let may = match connection.phase {
            Phase::Open => !is_held && !is_slowed,
            Phase::Ending | Phase::Lingering => true,
            Phase::Finishing | Phase::Gone => false,
        };
        if !may && !connection.paused {
            connection.paused = true;
            if !is_slowed {
                self.paused.push(slot);
            }
        }
        if !may && is_slowed {
            self.note_wait(slot);
        }
        may
    }

    /// Time passed: deadlines are met.
    pub fn turn(&mut self, now: Tick) {
        self.now = now;
        let mut due = std::mem::take(&mut self.due);
        self.wheel.turn(now, &mut due);
        for slot in due.drain(..) {
            self.alarm(now, slot);
        }
        self.due = due;
    }

    fn alarm(&mut self, now: Tick, slot: u32) {
        let Some(connection) = self.connections.get_mut(slot as usize) else { return };
        if connection.alarm > now {
            return;
        }
        connection.alarm = Tick::MAX;
        if connection.give_up <= now {
            self.give_up(slot);
            return;
        }
        let is_paid = connection.cost.as_ref().is_some_and(|cost| cost.alarm() <= now);
        if is_paid && connection.phase == Phase::Open {
            self.go_on(now, slot);
        }
        let Some(connection) = self.connections.get_mut(slot as usize) else { return };
        if connection.gate.as_ref().is_some_and(|gate| gate.until() <= now) {
            self.close(now, slot, CloseReason::GateOverflow);
            return;
        }
        if connection.phase == Phase::Open && !connection.paused {
            if connection.idle_ms > 0 && connection.heard + connection.idle_ms <= now {
                self.close(now, slot, CloseReason::Idle);
            } else if connection.conversation.deadline().is_some_and(|deadline| deadline <= now) {
                self.tick(now, slot);
            }
        }
        self.set_alarm(slot);
    }

    /// Puts the connection's next deadline into the wheel, if it is earlier than the one that is there.
    fn set_alarm(&mut self, slot: u32) {
        let Some(connection) = self.connections.get_mut(slot as usize) else { return };
        let gate = connection.gate.as_ref().map_or(Tick::MAX, |gate| gate.until());
        let mut deadline = connection.give_up.min(gate);
        if connection.phase == Phase::Open {
            deadline = deadline.min(connection.cost.as_ref().map_or(Tick::MAX, |cost| cost.alarm()));
        }
        if connection.phase == Phase::Open && !connection.paused {
            deadline = deadline.min(connection.conversation.deadline().unwrap_or(Tick::MAX));
            if connection.idle_ms > 0 {
                deadline = deadline.min(connection.heard + connection.idle_ms);
            }
        }
        if deadline < connection.alarm {
            connection.alarm = deadline;
            self.wheel.set(slot, deadline);
        }
    }

    /// Reads the sockets again that were stopped and need not be any more. Their deadlines, which were suspended, count
    /// from now.
    fn resume_paused(&mut self, now: Tick) {
        let mut paused = std::mem::take(&mut self.paused);
        paused.retain(|&slot| {
            let still = self.is_held(slot);
            let Some(connection) = self.connections.get_mut(slot as usize) else { return false };
            if !connection.paused {
                return false;
            }
            if still && connection.phase == Phase::Open {
                return true;
            }
            // When it has paid for what it cost is looked at then.
            if !self.is_slowed(slot) {
                self.unpause(now, slot);
            }
            false
        });
        self.paused = paused;
    }

    /// Reads a socket again that was stopped.
    fn unpause(&mut self, now: Tick, slot: u32) {
        let connection = &mut self.connections[slot as usize];
        connection.paused = false;
        connection.heard = now;
        connection.conversation.resumed(now);
        self.wants.push(Want::Resume(slot));
        self.set_alarm(slot);
    }

    /// A conversation was at work: its dialect may be another now.
    fn refresh_dialect(&mut self, slot: u32) {
        let connection = &mut self.connections[slot as usize];
        let dialect = connection.conversation.dialect();
        if dialect != connection.dialect {
            self.population.change(connection.via, connection.dialect, -1);
            self.population.change(connection.via, dialect, 1);
            connection.dialect = dialect;
        }
    }

    fn find(&mut self, id: ConnectionId) -> Option<&mut Connection> {
        let connection = self.connections.get_mut(slot_of(id) as usize)?;
        (connection.id == id).then_some(connection)
    }

    fn slot(&self, id: ConnectionId) -> Option<u32> {
        let slot = slot_of(id);
        self.connections.get(slot as usize).is_some_and(|connection| connection.id == id).then_some(slot)
    }
}

const fn slot_of(id: ConnectionId) -> u32 {
    id.0 as u32
}
