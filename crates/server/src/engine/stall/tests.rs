//! What is told, and what is not, while nothing can be stored.

use super::super::{Engine, Gathered};
use super::*;
use crate::message::{ToEngine, ToShard};
use crate::sequencer::LocalQueue;
use switchboard_core::sessions::{Peer, SessionsSettings};
use switchboard_core::{Command, Epoch, Hello, Limits, Refusal, Request, Rooms, Target, Time, Via};
use switchboard_store::{MemorySettings, MemoryStore, Store, Trim};

const ADA: ConnectionId = ConnectionId(1);
const BOB: ConnectionId = ConnectionId(2);
const EVE: ConnectionId = ConnectionId(3);
const NOW: Time = Time(1_000_000);

/// An engine with a store that takes batches when the test says so.
struct World {
    engine: Engine<LocalQueue>,
    store: MemoryStore,
}

impl World {
    fn new() -> Self {
        let limits = Limits { messages_per_second: 0, commands_per_second: 0, ..Limits::default() };
        let rooms = Rooms::new(&limits);
        let sessions = SessionsSettings {
            limits,
            epoch: Epoch(1),
            token_key: [0; 32],
            seed: 1,
            join_code: None,
            realms: Vec::new(),
            auto_join: vec!["lobby".to_owned()],
            next_pos: 1,
        };
        let engine = Engine::new(sessions, rooms, switchboard_store::ClockLog::default(), LocalQueue::default(), 1);
        let store = MemoryStore::new(MemorySettings::default()).expect("random numbers");
        let mut world = Self { engine, store };
        for connection in [ADA, BOB] {
            world.comes(connection);
        }
        world.commit();
        world
    }

    fn comes(&mut self, connection: ConnectionId) {
        self.engine.apply(NOW, ToEngine::Connect { connection, peer: Peer::new(Via::Tcp, None), observe: false });
        self.ask(connection, "hello", Command::Hello(Hello::default()));
    }

    fn ask(&mut self, connection: ConnectionId, reference: &str, command: Command) {
        let request = Box::new(Request { reference: Some(reference.into()), command });
        self.engine.apply(NOW, ToEngine::Request { connection, request });
    }

    fn say(&mut self, connection: ConnectionId, reference: &str, text: &str) {
        let id = Some(format!("the-message-id-of-{}", text.replace(' ', "-")));
        let message = Command::Message { target: Target::Current, text: text.to_owned(), id, action: false };
        self.ask(connection, reference, message);
    }

    /// What gathered is stored, and leaves.
    fn commit(&mut self) -> Vec<String> {
        let batch = self.engine.take();
        self.store.commit(&batch.store).expect("a batch that follows");
        told(batch)
    }

    /// What gathered is handed to the store.
    fn hand(&mut self) -> (Gathered, Batch) {
        let mut held = self.engine.take();
        let store = std::mem::take(&mut held.store);
        (held, store)
    }

    fn stall(&mut self, (held, store): (Gathered, Batch), is_sure: bool) -> Vec<String> {
        let rooms = self.store.load().expect("a store in memory").rooms;
        told(self.engine.stall(held, store, rooms, is_sure))
    }
}

/// What leaves, in short.
fn told(batch: Gathered) -> Vec<String> {
    let text = |event: &Event| match &event.body {
        Body::Message { text, seq, .. } => format!("{} {}", seq.unwrap_or(0), text),
        Body::Topic { text, seq, .. } => format!("{seq} topic {text}"),
        Body::Gap { first, last } => format!("gap {first} {last}"),
        other => format!("{other:?}").split_whitespace().next().unwrap_or_default().to_owned(),
    };
    let reply = |reply: &Reply| match reply {
        Reply::Ack { reference, seq, duplicate, .. } => {
            let again = if *duplicate { " again" } else { "" };
            format!("ack {} {}{again}", reference.as_deref().unwrap_or("-"), seq.unwrap_or(0))
        }
        Reply::Refused(Refusal { reference, code, .. }) => {
            format!("refused {} {}", reference.as_deref().unwrap_or("-"), code.as_str())
        }
        Reply::Welcome(welcome) => format!("welcome {} {:?}", welcome.rooms[0].seq, welcome.rooms[0].topic),
        Reply::Joined { room, seq, topic, .. } => format!("joined {room} {seq} {topic:?}"),
        Reply::Topic { topic, .. } => format!("topic {topic:?}"),
        Reply::Rooms { rooms, .. } => {
            rooms.iter().map(|row| format!("{} {} {:?}", row.room, row.seq, row.topic)).collect::<Vec<_>>().join(", ")
        }
        Reply::Pong { .. } => "pong".to_owned(),
        other => format!("{other:?}"),
    };
    let effects = batch.shards.into_iter().flatten().filter_map(|effect| match effect {
        ToShard::Publish { event, .. } => Some(format!("all: {}", text(event.event()))),
        ToShard::Output(Output::Reply { to, reply: answer }) => Some(format!("{}: {}", to.0, reply(&answer))),
        ToShard::Output(Output::Deliver { to, event, .. }) => Some(format!("{}: {}", to.0, text(&event))),
        ToShard::Output(Output::Replay { after, through, .. }) => Some(format!("replay {after} {through}")),
        _ => None,
    });
    effects.filter(|effect| !effect.contains("Joined") && !effect.contains("Left")).collect()
}

#[test]
fn what_is_refused_was_never_told_and_takes_no_number() {
    let mut world = World::new();
    world.say(ADA, "a1", "stored");
    assert_eq!(world.commit(), ["1: ack a1 1", "all: 1 stored"]);
    world.say(ADA, "a2", "lost");
    world.ask(BOB, "b1", Command::Ping);
    world.ask(ADA, "a3", Command::Topic { room: None, text: Some("lost".to_owned()) });
    world.comes(EVE);
    let held = world.hand();
    world.say(BOB, "b2", "lost as well");
    // What is stored is stored, also while nothing else can be.
    world.say(ADA, "a4", "stored");
    world.ask(BOB, "b3", Command::Topic { room: None, text: None });
    world.ask(BOB, "b4", Command::Rooms);
    assert_eq!(world.stall(held, true), ["2: pong", "3: welcome 1 \"\""]);
    assert!(world.engine.is_stalled());
    world.engine.refuse_parked(Code::StorageFull);
    let refused = ["1: refused a2 storage_full", "1: refused a3 storage_full", "2: refused b2 storage_full"];
    let (held, store) = world.hand();
    assert!(store.is_empty());
    assert_eq!(told(held), [["1: ack a4 1 again", "2: topic \"\"", "2: lobby 1 \"\""].as_slice(), &refused].concat());
    world.say(ADA, "a5", "stored");
    world.engine.set_writable(false);
    world.say(ADA, "a6", "stored");
    world.say(ADA, "a7", "not stored");
    assert_eq!(told(world.hand().0), ["1: ack a5 1 again", "1: ack a6 1 again", "1: refused a7 storage_full"]);
    world.engine.set_writable(true);
    world.engine.resume();
    // The id may be used again, also for the same message.
    world.say(ADA, "a8", "lost");
    assert_eq!(world.commit(), ["1: ack a8 2", "all: 2 lost"]);
    assert_eq!(world.engine.rooms().seq("lobby"), 2);
}

#[test]
fn what_waits_is_applied_in_its_order_and_answered_once() {
    let mut world = World::new();
    world.say(ADA, "a1", "first");
    world.say(ADA, "a2", "second");
    // The same message again, in the same batch and in the next one.
    world.say(ADA, "a3", "first");
    let held = world.hand();
    world.say(BOB, "b1", "third");
    world.say(ADA, "a4", "second");
    assert!(world.stall(held, true).is_empty(), "nobody is told of anything");
    world.say(BOB, "b2", "fourth");
    world.ask(BOB, "b3", Command::Ping);
    let (held, store) = world.hand();
    assert!(store.is_empty());
    assert_eq!(told(held), ["2: pong"]);
    world.engine.resume();
    let told = world.commit();
    let published: Vec<_> = told.iter().filter(|effect| effect.starts_with("all: ")).collect();
    assert_eq!(published, ["all: 1 first", "all: 2 second", "all: 3 third", "all: 4 fourth"]);
    let mut answered: Vec<_> = told.iter().filter(|effect| effect.contains("ack")).map(String::as_str).collect();
    answered.sort_unstable();
    assert_eq!(
        answered,
        ["1: ack a1 1", "1: ack a2 2", "1: ack a3 1 again", "1: ack a4 2 again", "2: ack b1 3", "2: ack b2 4"]
    );
    assert_eq!(world.engine.tally.stored, 4, "each is counted once");
}

#[test]
fn what_may_be_stored_after_all_is_not_refused() {
    let mut world = World::new();
    world.say(ADA, "a1", "perhaps");
    let held = world.hand();
    assert!(world.stall(held, false).is_empty());
    world.engine.refuse_parked(Code::StorageFull);
    assert!(told(world.hand().0).is_empty());
    world.engine.resume();
    assert_eq!(world.commit(), ["1: ack a1 1", "all: 1 perhaps"]);
}

#[test]
fn who_is_gone_is_not_answered_and_what_was_said_is_stored() {
    let mut world = World::new();
    world.say(ADA, "a1", "last words");
    let held = world.hand();
    world.engine.apply(NOW, ToEngine::Disconnect { connection: ADA });
    world.stall(held, true);
    world.engine.resume();
    assert_eq!(world.commit(), ["all: 1 last words"]);
}

#[test]
fn a_room_that_was_made_by_it_is_not_there_and_nothing_is_forgotten_meanwhile() {
    let mut world = World::new();
    world.ask(ADA, "a1", Command::Join { room: "new".to_owned() });
    world.say(ADA, "a2", "first of its room");
    let held = world.hand();
    assert_eq!(world.engine.rooms().len(), 1);
    assert_eq!(world.stall(held, true), ["1: joined new 0 \"\""]);
    assert_eq!(world.engine.rooms().len(), 0);
    world.engine.trim(NOW, "lobby".into(), 5);
    assert!(world.hand().1.is_empty());
    world.engine.refuse_parked(Code::StorageFull);
    world.engine.resume();
    // A trim that was in the batch is taken back with it.
    world.commit();
    world.say(BOB, "b1", "one");
    world.commit();
    world.engine.trim(NOW, "lobby".into(), 2);
    let (held, store) = world.hand();
    assert_eq!(store.trims, [Trim { room: "lobby".into(), before: 2 }]);
    world.stall((held, store), true);
    assert_eq!(world.engine.rooms().first_seq("lobby"), 1);
}

#[test]
fn no_more_waits_than_there_is_room_for() {
    let mut world = World::new();
    world.say(ADA, "a", "0");
    let held = world.hand();
    world.stall(held, true);
    for number in 1..PARKED_MAX {
        world.say(ADA, "a", &number.to_string());
    }
    assert!(told(world.hand().0).is_empty());
    world.say(ADA, "over", "one more");
    assert_eq!(told(world.hand().0), ["1: refused over storage_full"]);
    world.engine.resume();
    world.commit();
    assert_eq!(world.engine.rooms().seq("lobby"), PARKED_MAX as u64);
}
