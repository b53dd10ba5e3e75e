//! What is true of any story: random commands of several clients that come, go, are cut off and come back.

use crate::world::{Heard, START, World, settings};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;
use switchboard_core::sessions::SessionsSettings;
use switchboard_core::{
    Body, Command, ConnectionId, Entry, Hello, Limits, Reply, Rooms, Seq, Sessions, Target, Ticket, Time,
};

const ROOMS: [&str; 4] = ["lobby", "dev", "ops", "café"];
const CLIENTS: usize = 5;

/// One step of a story. Clients and rooms are numbers.
#[derive(Clone, Debug)]
enum Step {
    /// Connects, closing what was open, and says hello: new (0), with its token (1), as a further session (2), or
    /// nothing at all (3), or observes (4).
    Connect {
        client: usize,
        how: u8,
        resumable: bool,
    },
    /// The connection is cut.
    Cut {
        client: usize,
    },
    Join {
        client: usize,
        room: usize,
    },
    Leave {
        client: usize,
        room: usize,
    },
    Say {
        client: usize,
        room: usize,
    },
    /// With one of few ids and one of two texts.
    SayOnce {
        client: usize,
        room: usize,
        id: u8,
        text: bool,
    },
    Topic {
        client: usize,
        room: usize,
    },
    Nick {
        client: usize,
        nick: u8,
    },
    Tell {
        client: usize,
        nick: u8,
    },
    Relay {
        client: usize,
    },
    Quit {
        client: usize,
    },
    Trim {
        room: usize,
        back: u64,
    },
    /// Entries wait from now on, or are applied.
    Hold(bool),
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let client = 0..CLIENTS;
    let room = 0..ROOMS.len();
    prop_oneof![
        4 => (client.clone(), 0..5_u8, prop::bool::weighted(0.8))
            .prop_map(|(client, how, resumable)| Step::Connect { client, how, resumable }),
        2 => client.clone().prop_map(|client| Step::Cut { client }),
        3 => (client.clone(), room.clone()).prop_map(|(client, room)| Step::Join { client, room }),
        2 => (client.clone(), room.clone()).prop_map(|(client, room)| Step::Leave { client, room }),
        8 => (client.clone(), room.clone()).prop_map(|(client, room)| Step::Say { client, room }),
        3 => (client.clone(), room.clone(), 0..3_u8, any::<bool>())
            .prop_map(|(client, room, id, text)| Step::SayOnce { client, room, id, text }),
        1 => (client.clone(), room.clone()).prop_map(|(client, room)| Step::Topic { client, room }),
        1 => (client.clone(), 0..6_u8).prop_map(|(client, nick)| Step::Nick { client, nick }),
        1 => (client.clone(), 0..6_u8).prop_map(|(client, nick)| Step::Tell { client, nick }),
        1 => client.clone().prop_map(|client| Step::Relay { client }),
        1 => client.prop_map(|client| Step::Quit { client }),
        1 => (room, 0..4_u64).prop_map(|(room, back)| Step::Trim { room, back }),
        2 => any::<bool>().prop_map(Step::Hold),
        2 => (0..40_000_u64).prop_map(Step::Wait),
    ]
}

fn steps(most: usize) -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(step(), 1..most)
}

/// What a client believes: the next number of each room that it hears.
#[derive(Debug, Default)]
struct Client {
    connection: Option<ConnectionId>,
    token: Option<String>,
    /// The rooms of its token, with the last number seen.
    seen: BTreeMap<Arc<str>, Seq>,
    /// The rooms that it hears now, with the number that comes next.
    next: BTreeMap<Arc<str>, Seq>,
    /// What it said that it saw, until it is welcomed.
    resuming: BTreeMap<Arc<str>, Seq>,
}

struct Story {
    world: World,
    clients: Vec<Client>,
    connections: u64,
    said: u64,
}

impl Story {
    fn new(settings: SessionsSettings) -> Self {
        let clients = (0..CLIENTS).map(|_| Client::default()).collect();
        Self { world: World::from_settings(settings), clients, connections: 0, said: 0 }
    }

    fn play(&mut self, step: &Step) {
        match *step {
            Step::Connect { client, how, resumable } => self.connect(client, how, resumable),
            Step::Cut { client } => self.cut(client),
            Step::Join { client, room } => self.ask(client, room, Command::Join { room: ROOMS[room].to_owned() }),
            Step::Leave { client, room } => {
                self.ask(client, room, Command::Leave { room: Some(ROOMS[room].to_owned()) });
            }
            Step::Say { client, room } => {
                self.said += 1;
                let text = self.said.to_string();
                self.ask(client, room, message(Target::Room(ROOMS[room].to_owned()), text, None));
            }
            Step::SayOnce { client, room, id, text } => {
                let id = Some(format!("0123456789abcdef{id}"));
                self.ask(client, room, message(Target::Room(ROOMS[room].to_owned()), text.to_string(), id));
            }
            Step::Topic { client, room } => {
                self.said += 1;
                let text = Some(self.said.to_string());
                self.ask(client, room, Command::Topic { room: Some(ROOMS[room].to_owned()), text });
            }
            Step::Nick { client, nick } => self.ask(client, 0, Command::Nick { nick: format!("nick{nick}") }),
            Step::Tell { client, nick } => {
                self.ask(client, 0, message(Target::User(format!("nick{nick}")), "psst".to_owned(), None));
            }
            Step::Relay { client } => {
                let relay = Command::Relay {
                    name: "x".to_owned(),
                    args: Arc::from("[]"),
                    packed: None,
                    binary: Default::default(),
                    to: None,
                    room: None,
                };
                self.ask(client, 0, relay);
            }
            Step::Quit { client } => self.ask(client, 0, Command::Quit),
            Step::Trim { room, back } => {
                let seq = self.world.rooms.seq(ROOMS[room]).saturating_sub(back);
                self.world.trim(ROOMS[room], seq);
            }
            Step::Hold(hold) => {
                self.world.hold = hold;
                if !hold {
                    self.world.flush();
                }
            }
            Step::Wait(millis) => self.world.wait(millis),
        }
        for client in 0..CLIENTS {
            self.check(client);
        }
    }

    fn connect(&mut self, client: usize, how: u8, resumable: bool) {
        self.cut(client);
        self.connections += 1;
        let connection = self.world.connect_as(self.connections, crate::world::peer(resumable));
        let known = &mut self.clients[client];
        known.connection = Some(connection);
        let token = known.token.clone();
        let hello = match how {
            0 => Hello { nick: Some(format!("nick{client}")), ..Hello::default() },
            1 => {
                known.resuming.clone_from(&known.seen);
                let resume = known.seen.iter().map(|(room, seq)| (room.to_string(), *seq)).collect();
                Hello { token, resume, ..Hello::default() }
            }
            2 => Hello { token, as_new: true, ..Hello::default() },
            3 => return,
            _ => return self.world.observe(connection),
        };
        self.world.ask(connection, Command::Hello(hello));
    }

    fn cut(&mut self, client: usize) {
        self.check(client);
        if let Some(connection) = self.clients[client].connection.take() {
            self.world.disconnect(connection);
        }
        self.clients[client].next.clear();
    }

    fn ask(&mut self, client: usize, room: usize, command: Command) {
        if let Some(connection) = self.clients[client].connection {
            self.world.ask_with(connection, ROOMS[room], command);
        }
    }

    /// Reads what a client heard: each room's numbers come one after the other.
    fn check(&mut self, client: usize) {
        let known = &mut self.clients[client];
        let Some(connection) = known.connection else { return };
        for heard in self.world.take(connection) {
            match heard {
                Heard::Reply(reply) => known.answered(reply),
                Heard::Event { event, own: _ } => {
                    if let Body::Gap { first, last } = event.body {
                        let room = event.room.as_ref().expect("a gap is in a room");
                        known.advance(room, first, last);
                    } else if let Some(seq) = event.seq() {
                        known.advance(event.room.as_ref().expect("a durable event is in a room"), seq, seq);
                    }
                }
                Heard::Closed(_) => {
                    known.connection = None;
                    known.next.clear();
                    self.world.disconnect(connection);
                }
                Heard::Detached(room) => {
                    known.next.remove(&room);
                }
                Heard::Attached(_) | Heard::Current(_) | Heard::History(_) | Heard::Search(_) | Heard::Slowed(_) => {}
            }
        }
    }

    /// At the end everybody has heard everything of the rooms that they hear.
    fn finish(&mut self) {
        self.play(&Step::Hold(false));
        for client in &self.clients {
            for (room, next) in &client.next {
                assert_eq!(*next, self.world.rooms.seq(room) + 1, "{room} of {client:?}");
            }
        }
        for (room, stored) in &self.world.stored {
            let first = self.world.rooms.first_seq(room);
            let numbers: Vec<_> = stored.iter().filter_map(|event| event.seq()).collect();
            assert_eq!(numbers, (first..=self.world.rooms.seq(room)).collect::<Vec<_>>(), "{room} has a hole");
        }
        for client in 0..CLIENTS {
            self.cut(client);
        }
        self.world.wait(120_000);
        assert_eq!(self.world.sessions.counts(), switchboard_core::sessions::Counts::default());
        assert_eq!(self.world.sessions.next_deadline(), None);
    }
}

impl Client {
    fn answered(&mut self, reply: Reply) {
        match reply {
            Reply::Welcome(welcome) => {
                self.token = Some(welcome.token.to_string());
                self.next.clear();
                self.seen.clear();
                let resuming = std::mem::take(&mut self.resuming);
                for row in welcome.rooms {
                    let seen = if welcome.resumed { resuming.get(&row.room).copied() } else { None };
                    let seen = seen.unwrap_or(row.seq).min(row.seq);
                    self.next.insert(Arc::clone(&row.room), seen + 1);
                    self.seen.insert(row.room, seen);
                }
            }
            Reply::Joined { room, seq, .. } => {
                let next = self.next.entry(Arc::clone(&room)).or_insert(seq + 1);
                assert_eq!(*next, seq + 1, "{room} is joined where it stands");
                self.seen.insert(room, seq);
            }
            Reply::Observing { room, seq, .. } => {
                self.next.insert(room, seq + 1);
            }
            Reply::Left { room, .. } => {
                self.seen.remove(&room);
            }
            // The request's name is its room.
            Reply::Ack { reference: Some(room), seq: Some(seq), duplicate: false, .. } => {
                // The answer to what was said before leaving comes to who left.
                if self.next.contains_key(&room) {
                    self.advance(&room, seq, seq);
                }
            }
            Reply::Ack { .. }
            | Reply::Nick { .. }
            | Reply::Topic { .. }
            | Reply::Members { .. }
            | Reply::Rooms { .. }
            | Reply::History { .. }
            | Reply::Found { .. }
            | Reply::Pong { .. }
            | Reply::Refused(_) => {}
        }
    }

    fn advance(&mut self, room: &Arc<str>, first: Seq, last: Seq) {
        let next = self.next.get_mut(room).unwrap_or_else(|| panic!("hears {room} without being in it"));
        assert_eq!(*next, first, "{room} came twice or not at all");
        *next = last + 1;
        self.seen.insert(Arc::clone(room), last);
    }
}

fn message(target: Target, text: String, id: Option<String>) -> Command {
    Command::Message { target, text, id, action: false }
}

/// Bounds low enough to be met.
fn low_limits() -> Limits {
    Limits {
        presence_max: 2,
        replay_events: 4,
        rooms_per_session: 3,
        sessions_per_user: 2,
        dedupe_ids: 4,
        dedupe_age_ms: 60_000,
        ..Limits::default()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn everybody_hears_everything_once_and_in_order(steps in steps(120)) {
        let mut story = Story::new(settings(low_limits()));
        for step in &steps {
            story.play(step);
        }
        story.finish();
    }

    #[test]
    fn the_same_inputs_give_the_same_outputs(steps in steps(80)) {
        let outputs = || {
            let mut story = Story::new(settings(low_limits()));
            steps.iter().for_each(|step| story.play(step));
            (story.world.outputs, story.world.rooms, story.world.waiting)
        };
        prop_assert_eq!(outputs(), outputs());
    }

    #[test]
    fn two_nodes_with_the_same_entries_have_the_same_rooms(one in steps(60), other in steps(60)) {
        let mut nodes = [Story::new(settings(low_limits())), Story::new(SessionsSettings {
            seed: 7,
            next_pos: 1_000,
            auto_join: vec!["ops".to_owned()],
            ..settings(low_limits())
        })];
        nodes[1].world.now = Time(START.0 + 12_345);
        let longest = one.len().max(other.len());
        for at in 0..longest {
            for (node, steps) in [&one, &other].into_iter().enumerate() {
                // Each node keeps its entries for the one order of both, and trims nothing by itself.
                if let Some(step) = steps.get(at).filter(|step| !matches!(step, Step::Trim { .. } | Step::Hold(_))) {
                    nodes[node].world.hold = true;
                    nodes[node].play(step);
                }
            }
            for node in 0..2 {
                for entry in std::mem::take(&mut nodes[node].world.waiting) {
                    let foreign = Entry { ticket: Ticket(0), ..entry.clone() };
                    let here = nodes[node].world.apply(&entry).outcome;
                    let there = nodes[1 - node].world.apply(&foreign).outcome;
                    prop_assert_eq!(here, there);
                }
            }
        }
        let [mut one, mut other] = nodes;
        prop_assert_eq!(&one.world.rooms, &other.world.rooms);
        one.finish();
        other.finish();
    }
}

#[test]
fn the_core_may_go_to_another_thread() {
    const fn is_send<T: Send>() {}
    is_send::<Sessions>();
    is_send::<Rooms>();
}
