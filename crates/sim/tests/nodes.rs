//! Two engines over one order: whatever else each of them hears, their rooms end the same.

use std::cell::RefCell;
use std::rc::Rc;
use switchboard_core::sessions::{Peer, SessionsSettings};
use switchboard_core::{Command, ConnectionId, Entry, Epoch, Hello, Limits, Request, Rooms, Target, Ticket, Time, Via};
use switchboard_server::engine::Engine;
use switchboard_server::message::ToEngine;
use switchboard_server::sequencer::Sequencer;
use switchboard_sim::Random;
use switchboard_store::ClockLog;

/// What a clustered sequencer does: one log, which every node reads from its own place.
#[derive(Clone, Default)]
struct SharedLog(Rc<RefCell<Vec<(usize, Entry)>>>);

struct Node {
    number: usize,
    log: SharedLog,
    place: usize,
}

impl Sequencer for Node {
    fn submit(&mut self, entry: Entry) {
        self.log.0.borrow_mut().push((self.number, entry));
    }

    fn next(&mut self) -> Option<Entry> {
        let (number, mut entry) = self.log.0.borrow().get(self.place)?.clone();
        self.place += 1;
        // Nobody here waits for what another node's clients asked.
        if number != self.number {
            entry.ticket = Ticket(0);
        }
        Some(entry)
    }
}

#[test]
fn two_engines_with_the_same_entries_and_other_inputs_end_with_the_same_rooms() {
    for seed in 0..20 {
        let mut random = Random::new(seed);
        let log = SharedLog::default();
        let mut nodes: Vec<_> = (0..2).map(|number| engine(number, &log)).collect();
        for step in 0..400 {
            let node = random.below(2);
            let connection = ConnectionId(random.between(1, 6));
            // Clocks of nodes differ.
            let now = Time(1_000_000 + step * 500 + random.between(0, 3_000));
            let message = match random.below(24) {
                0 => ToEngine::Disconnect { connection },
                1..5 => ToEngine::Connect { connection, peer: peer(), observe: random.percent(20) },
                _ => ToEngine::Request { connection, request: Box::new(Request::plain(command(&mut random))) },
            };
            nodes[node].apply(now, message);
            nodes[node].tick(now);
            if random.percent(5) {
                let seq = nodes[node].rooms().seq("lobby") / 2;
                nodes[node].trim(now, "lobby".into(), seq);
            }
            drop(nodes[node].take());
        }
        // An order of no effect makes each read the rest of the log.
        for node in [0, 1, 0] {
            nodes[node].trim(Time(0), "lobby".into(), 0);
        }
        assert_eq!(nodes[0].rooms(), nodes[1].rooms(), "seed {seed}");
        assert!(nodes[0].rooms().seq("lobby") > 5, "seed {seed} says something");
    }
}

fn engine(number: usize, log: &SharedLog) -> Engine<Node> {
    let limits = Limits { messages_per_second: 0, commands_per_second: 0, dedupe_ids: 20, ..Limits::default() };
    let rooms = Rooms::new(&limits);
    let sessions = SessionsSettings {
        limits,
        epoch: Epoch(1),
        token_key: [number as u8; 32],
        seed: number as u64,
        join_code: None,
        auto_join: vec!["lobby".to_owned()],
        realms: Vec::new(),
        next_pos: 1,
    };
    Engine::new(sessions, rooms, ClockLog::default(), Node { number, log: log.clone(), place: 0 }, 1)
}

const fn peer() -> Peer {
    Peer { resumable: true, ..Peer::new(Via::Tcp, None) }
}

fn command(random: &mut Random) -> Command {
    let room = random.pick(&["lobby", "dev", "tea"]);
    match random.below(8) {
        0 => Command::Hello(Hello::default()),
        1 => Command::Join { room: room.to_owned() },
        2 => Command::Leave { room: Some(room.to_owned()) },
        3 => Command::Topic { room: Some(room.to_owned()), text: Some(random.below(100).to_string()) },
        _ => {
            // Few ids and texts, so that some are said twice, alike or not.
            let id = random.percent(60).then(|| format!("message-{:08}", random.below(60)));
            let text = random.below(3).to_string();
            Command::Message { target: Target::Room(room.to_owned()), text, id, action: false }
        }
    }
}
