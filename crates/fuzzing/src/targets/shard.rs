//! A shard between an engine and sockets that do as they like: nothing is lost, broken or left over.
//!
//! The input is a row of numbers: an operation, and what it is done with. The simulator plays whole servers; this one
//! plays a shard alone, and therefore may be ruder to it.

mod socket;

use crate::input::Numbers;
use crate::samples;
use smallvec::SmallVec;
use socket::Socket;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use switchboard_core::cost::Rate;
use switchboard_core::{CloseReason, Command, ConnectionId, Event, Output, Reply, RoomId, Seq, Time, Via};
use switchboard_protocols::{Conversation, Frame, Framing, Settings as Speech, conversation};
use switchboard_server::message::{Published, Read, ToEngine, ToShard};
use switchboard_server::shard::cost::{Accounts, CostLimits};
use switchboard_server::shard::{Opening, Settings, Shard, Want};
use switchboard_store::Page;

pub(super) const WORDS: &[&[u8]] = &[
    b"\x00\x01\x01",
    b"\x00\x00\x00",
    b"\x01\x00\x00",
    b"\x04\x00\x08",
    b"\x08\x00\x00",
    b"\x0B\xFF",
    b"\x0C\xFF\xFF",
    b"\x09\x00\x02",
    b"\x0F",
];

/// What peers say; the last byte of some is a line end.
const PHRASES: [&[u8]; 14] = [
    b"{\"type\":\"hello\"}\n",
    b"{\"type\":\"message\",\"text\":\"hi\"}\n",
    b"{\"type\":\"history\",\"ref\":\"1\"}\n",
    b"hello\n",
    b"hello",
    b"{",
    b"\"type\":\"ping\"}\n{\"type\":\"ping\"}\n",
    b"/help\n/nick\n",
    b"not JSON\n",
    b"\x81\x8F\0\0\0\0{\"type\":\"ping\"}",
    b"\x88\x80\0\0\0\0",
    b"\x89\x82\0\0\0\0hi",
    b"\n",
    b"\xE2\x82\n",
];

const ROOMS: [(RoomId, &str); 2] = [(RoomId(1), "lobby"), (RoomId(2), "dev")];
const CONNECTIONS_MAX: usize = 8;
const OPERATIONS_MAX: usize = 500;
const OUTBOX_BYTES: usize = 2_048;
const PAGE_EVENTS: usize = 3;

pub(super) fn run(bytes: &[u8]) {
    let mut numbers = Numbers::new(bytes);
    let mut world = World::new();
    for _ in 0..OPERATIONS_MAX {
        if numbers.is_empty() {
            break;
        }
        world.operate(&mut numbers);
        world.settle();
    }
    world.end();
}

/// A connection as the engine knows it.
#[derive(Default)]
struct Known {
    attached: BTreeSet<RoomId>,
    /// The rooms that it was ever attached to.
    ever: BTreeSet<RoomId>,
    gone: bool,
}

struct World {
    shard: Shard,
    speech: Arc<Speech>,
    now: u64,
    sockets: BTreeMap<u32, Socket>,
    known: BTreeMap<ConnectionId, Known>,
    stored: [Vec<Arc<Event>>; ROOMS.len()],
    reads: VecDeque<(ConnectionId, Read)>,
    population: i64,
    bytes_out: u64,
    tallied: u64,
}

impl World {
    fn new() -> Self {
        let speech = Arc::new(Speech { line_bytes: 200, frame_bytes: 200, ..Speech::default() });
        let for_json = Arc::clone(&speech);
        let settings = Settings {
            number: 3,
            outbox_bytes: OUTBOX_BYTES,
            outboxes_bytes: 2 * OUTBOX_BYTES,
            costs: CostLimits {
                spoken: Rate::per_second(100, 50),
                work: Rate::per_second(50, 200),
                address_share: 2,
                counts_messages: true,
                accounts: Accounts::new(true),
            },
            gate_events: 4,
            gate_bytes: 1_024,
            make_json: Arc::new(move || conversation::stream_json(&for_json)),
        };
        Self {
            shard: Shard::new(settings, 0),
            speech,
            now: 0,
            sockets: BTreeMap::new(),
            known: BTreeMap::new(),
            stored: Default::default(),
            reads: VecDeque::new(),
            population: 0,
            bytes_out: 0,
            tallied: 0,
        }
    }

    fn operate(&mut self, numbers: &mut Numbers<'_>) {
        match numbers.below(16) {
            0 => self.open(numbers),
            1 => self.receive(numbers),
            2 => self.end_of_input(numbers),
            3 => {
                if let Some(slot) = self.slot(numbers) {
                    self.shard.broken(self.now, slot);
                }
            }
            4 => self.publish(numbers),
            5 => self.tell(numbers),
            6 => self.attach(numbers),
            7 => self.detach(numbers),
            8 => self.forget(numbers),
            9 => self.page(numbers),
            10 => {
                self.now += [1, 100, 1_000, 2_000, 25_000][numbers.below(5)];
                self.shard.turn(self.now);
            }
            11 => self.hand_over(usize::from(numbers.byte())),
            12 => {
                let bytes = 4 * usize::from(numbers.byte());
                self.write(bytes);
            }
            13 => {
                if let Some(slot) = self.slot(numbers)
                    && std::mem::take(&mut self.sockets.get_mut(&slot).expect("it is there").blocked)
                {
                    self.shard.unblocked(slot);
                }
            }
            14 => {
                if let Some(connection) = self.connection(numbers) {
                    let reason = CloseReason::ALL[numbers.below(CloseReason::ALL.len())];
                    // Internal is what a shard says when a decoder panicked, which is looked for.
                    if reason != CloseReason::Internal {
                        self.output(Output::Close { connection, reason });
                    }
                }
            }
            _ => self.shard.deliver(self.now, ToShard::Space),
        }
    }

    fn slot(&self, numbers: &mut Numbers<'_>) -> Option<u32> {
        self.sockets.keys().nth(numbers.below(self.sockets.len())).copied()
    }

    /// A connection that the engine may still say something to.
    fn connection(&self, numbers: &mut Numbers<'_>) -> Option<ConnectionId> {
        self.known.keys().nth(numbers.below(self.known.len())).copied()
    }

    fn output(&mut self, output: Output) {
        self.shard.deliver(self.now, ToShard::Output(output));
    }

    fn open(&mut self, numbers: &mut Numbers<'_>) {
        if self.sockets.len() >= CONNECTIONS_MAX {
            return;
        }
        let speech = &self.speech;
        let (conversation, framing, via): (Box<dyn Conversation>, _, _) = match numbers.below(4) {
            0 => (conversation::stream_text(speech), Framing::Lines, Via::Tcp),
            1 => (conversation::stream_json(speech), Framing::Lines, Via::Tls),
            2 => (conversation::websocket(speech, None, None, self.now), Framing::WebSocket, Via::WebSocket),
            _ => (conversation::datagram(speech, None), Framing::Datagram, Via::Udp),
        };
        let choice = numbers.byte();
        let opening = Opening {
            conversation,
            via,
            address: Some(SocketAddr::from((Ipv4Addr::LOCALHOST, 4_000))),
            observe: choice & 1 == 1,
            idle_ms: if choice & 2 == 2 { 60_000 } else { 0 },
            head: Frame::default(),
        };
        let slot = self.shard.open(self.now, opening);
        let socket = Socket::new(framing);
        let before = self.sockets.insert(slot, socket);
        assert!(before.is_none(), "slot {slot} is given twice");
    }

    fn receive(&mut self, numbers: &mut Numbers<'_>) {
        let Some(slot) = self.readable(numbers) else { return };
        let choice = numbers.byte();
        let mut bytes = match PHRASES.get(usize::from(choice) % 16) {
            Some(phrase) => phrase.to_vec(),
            None => numbers.bytes().to_vec(),
        };
        self.shard.receive(self.now, slot, &mut bytes);
    }

    /// A socket that its reader may read now.
    fn readable(&mut self, numbers: &mut Numbers<'_>) -> Option<u32> {
        let slot = self.slot(numbers)?;
        let socket = self.sockets.get_mut(&slot)?;
        // The shard says when it wants more.
        socket.paused = socket.paused || !self.shard.may_read(slot);
        (!socket.paused).then_some(slot)
    }

    fn end_of_input(&mut self, numbers: &mut Numbers<'_>) {
        if let Some(slot) = self.readable(numbers) {
            // A driver goes on reading, and comes to the end again.
            self.shard.end_of_input(self.now, slot);
        }
    }

    fn publish(&mut self, numbers: &mut Numbers<'_>) {
        let place = numbers.below(ROOMS.len());
        let len = 16 * usize::from(numbers.byte());
        let except: SmallVec<[ConnectionId; 2]> = match numbers.byte() {
            choice if choice & 1 == 1 => self.connection(numbers).into_iter().collect(),
            _ => SmallVec::new(),
        };
        let (room, name) = ROOMS[place];
        let seq = self.stored[place].len() as Seq + 1;
        let event = Arc::new(samples::message(name, seq, "ada", &"x".repeat(len)));
        self.stored[place].push(Arc::clone(&event));
        let event = Arc::new(Published::new(event));
        self.shard.deliver(self.now, ToShard::Publish { room, event, except });
    }

    fn tell(&mut self, numbers: &mut Numbers<'_>) {
        let Some(to) = self.connection(numbers) else { return };
        let kind = numbers.byte();
        if kind & 1 == 1 {
            let reply = Reply::Pong { reference: None, time: Time(self.now) };
            self.output(Output::Reply { to, reply });
        } else {
            let event = Arc::new(samples::event(4 + usize::from(kind >> 1) % 6, "ada", "hi"));
            self.output(Output::Deliver { to, event, own: false });
        }
    }

    /// As the core does it: a session that begins gets what it missed of its rooms; who joins later gets nothing.
    fn attach(&mut self, numbers: &mut Numbers<'_>) {
        let Some(connection) = self.connection(numbers) else { return };
        let place = numbers.below(ROOMS.len());
        let (room, name) = ROOMS[place];
        let through = self.stored[place].len() as Seq;
        let after = numbers.below(self.stored[place].len() + 1) as Seq;
        let known = self.known.get_mut(&connection).expect("it is known");
        if !known.attached.insert(room) {
            return;
        }
        let is_first = known.ever.insert(room);
        self.output(Output::Attach { connection, room, name: name.into() });
        self.output(Output::Current { connection, room: Some(room) });
        if is_first && after < through {
            self.output(Output::Replay { connection, room: name.into(), after, through, pos: u64::MAX, time: Time(0) });
        }
    }

    fn detach(&mut self, numbers: &mut Numbers<'_>) {
        let Some(connection) = self.connection(numbers) else { return };
        let place = numbers.below(ROOMS.len());
        let known = self.known.get_mut(&connection).expect("it is known");
        if known.attached.remove(&ROOMS[place].0) {
            self.output(Output::Detach { connection, room: ROOMS[place].0 });
        }
    }

    fn forget(&mut self, numbers: &mut Numbers<'_>) {
        if let Some(connection) = self.connection(numbers).filter(|connection| self.known[connection].gone) {
            self.known.remove(&connection);
            self.shard.deliver(self.now, ToShard::Forget(connection));
        }
    }

    fn page(&mut self, numbers: &mut Numbers<'_>) {
        let Some((connection, read)) = self.reads.pop_front() else { return };
        let count = numbers.below(PAGE_EVENTS + 1);
        let events = match &read {
            Read::Replay { room, after, through } => {
                let place = ROOMS.iter().position(|(_, name)| *name == &**room).expect("there is such a room");
                let missed = &self.stored[place][*after as usize..*through as usize];
                missed.iter().take(count.max(1)).cloned().collect()
            }
            Read::History(_) | Read::Search(_) => self.stored[0].iter().take(count).cloned().collect(),
        };
        let page = Page { events, more: false, behind: 0 };
        self.shard.deliver(self.now, ToShard::Page { connection, read, result: Ok(page) });
    }

    fn hand_over(&mut self, mut count: usize) {
        let mut told = Vec::new();
        self.shard.hand_over(self.now, |message| {
            if count == 0 {
                return Err(message);
            }
            count -= 1;
            told.push(message);
            Ok(())
        });
        for message in told {
            self.hear(message);
        }
    }

    /// The engine takes a message of the shard.
    fn hear(&mut self, message: ToEngine) {
        match message {
            // A connection that turned out to speak JSON begins again.
            ToEngine::Connect { connection, .. } => {
                let known = self.known.entry(connection).or_default();
                assert!(!known.gone, "{connection:?} begins after its end");
            }
            ToEngine::Request { connection, request } => {
                assert!(!self.known[&connection].gone, "{connection:?} asks after its end");
                if let Command::History { limit, .. } = request.command {
                    let query = switchboard_core::output::HistoryQuery {
                        reference: request.reference,
                        room: ROOMS[0].1.into(),
                        range: switchboard_core::output::HistoryRange::Latest,
                        limit: limit.unwrap_or(1),
                    };
                    self.output(Output::History { to: connection, query });
                }
            }
            ToEngine::Behind { connection } => {
                assert!(!self.known[&connection].gone, "{connection:?} falls behind after its end");
            }
            ToEngine::Disconnect { connection } => {
                let known = self.known.get_mut(&connection).expect("it had begun");
                assert!(!known.gone, "{connection:?} ends twice");
                known.gone = true;
            }
        }
    }

    /// Writes every socket that has something to be written; all of them together take this many bytes.
    fn write(&mut self, mut bytes: usize) {
        let mut dirty = Vec::new();
        self.shard.take_dirty(&mut dirty);
        let different: BTreeSet<u32> = dirty.iter().copied().collect();
        assert_eq!(different.len(), dirty.len(), "each slot is there once");
        for slot in dirty {
            if self.sockets.contains_key(&slot) {
                self.write_one(slot, &mut bytes);
            }
        }
    }

    fn write_one(&mut self, slot: u32, bytes: &mut usize) {
        let socket = self.sockets.get_mut(&slot).expect("it is there");
        assert!(!socket.blocked, "a socket that takes nothing is not asked");
        loop {
            let mut slices = Vec::new();
            self.shard.gather(slot, &mut slices);
            let waiting: Vec<u8> = slices.iter().flat_map(|slice| slice.iter().copied()).collect();
            // A datagram goes whole.
            let len = match self.shard.datagram(slot) {
                Some((_, frame)) if socket.framing == Framing::Datagram => frame.len(),
                Some(_) | None => waiting.len().min(*bytes),
            };
            if waiting.is_empty() {
                return self.shard.written(slot);
            }
            if len == 0 || len > *bytes {
                socket.blocked = true;
                return self.shard.blocked(slot);
            }
            *bytes -= len;
            self.bytes_out += len as u64;
            socket.read(&waiting[..len]);
            if len < waiting.len() {
                self.shard.wrote(slot, len);
            } else if !self.shard.wrote_all(slot) {
                return;
            }
        }
    }

    /// Does what the shard wants done, and looks at its counters.
    fn settle(&mut self) {
        loop {
            let wants = self.shard.take_wants();
            if wants.is_empty() {
                break;
            }
            for want in wants {
                match want {
                    Want::Read(connection, read) => self.reads.push_back((connection, read)),
                    Want::Shut(slot) => assert!(self.sockets.contains_key(&slot), "{slot} is shut and not there"),
                    Want::Drop(slot) => {
                        let socket = self.sockets.remove(&slot);
                        assert!(socket.is_some(), "{slot} is dropped and not there");
                        self.shard.dropped(slot);
                    }
                    Want::Resume(slot) => {
                        if let Some(socket) = self.sockets.get_mut(&slot) {
                            socket.paused = false;
                        }
                    }
                }
            }
        }
        assert!(!self.shard.closed.contains(&CloseReason::Internal), "a decoder panicked");
        self.shard.closed.clear();
        let population = &mut self.population;
        self.shard.population.report(|_, _, change| *population += change);
        assert_eq!(*population, self.sockets.len() as i64, "connections are counted");
        self.tallied += std::mem::take(&mut self.shard.tally).bytes_out;
        assert_eq!(self.tallied, self.bytes_out, "bytes are counted");
    }

    /// The server goes down, and everybody does as they should: nothing is left.
    fn end(mut self) {
        self.shard.deliver(self.now, ToShard::CloseAll(CloseReason::ShuttingDown));
        for _ in 0..3 {
            self.hand_over(usize::MAX);
            self.settle();
            for (slot, socket) in &mut self.sockets {
                if std::mem::take(&mut socket.blocked) {
                    self.shard.unblocked(*slot);
                }
            }
            self.write(usize::MAX);
            self.settle();
            self.now += 10_000;
            self.shard.turn(self.now);
            self.settle();
        }
        assert!(self.sockets.is_empty(), "{} sockets are left", self.sockets.len());
        for (connection, known) in std::mem::take(&mut self.known) {
            assert!(known.gone, "the engine was not told that {connection:?} ended");
            self.shard.deliver(self.now, ToShard::Forget(connection));
        }
        self.settle();
        assert!(self.shard.is_empty() && !self.shard.has_for_engine(), "{} connections are left", self.shard.len());
    }
}
