//! What a connection may cost: whoever costs too much is read more slowly, and nothing that it said is lost.

use super::*;
use crate::shard::cost::{Accounts, CostLimits};
use bytes::BytesMut;
use std::net::{Ipv4Addr, SocketAddr};
use switchboard_core::cost::{Limit, Rate};
use switchboard_core::{Code, Command, Reply};
use switchboard_protocols::conversation::Choice;
use switchboard_protocols::framing::websocket::client;
use switchboard_protocols::framing::websocket::frame::Opcode;

fn limits() -> CostLimits {
    CostLimits {
        spoken: Rate::per_second(1_000, 500),
        work: Rate::per_second(100, 200),
        address_share: 2,
        counts_messages: true,
        accounts: Accounts::new(false),
    }
}

fn world(costs: CostLimits) -> World {
    let mut world = World::new();
    world.shard = Shard::new(Settings { costs, outbox_bytes: 1 << 20, ..settings() }, 0);
    world
}

/// A connection that speaks JSON, from the address that ends in this number.
fn open(world: &mut World, address: u8, via: Via) -> u32 {
    let opening = Opening {
        conversation: match via {
            Via::Udp => conversation::datagram(&Arc::new(Speech::default()), Some(Choice::Json)),
            Via::WebSocket => {
                conversation::websocket(&Arc::new(Speech::default()), None, Some(Choice::Json), world.now)
            }
            Via::Tcp | Via::Tls | Via::Polling => conversation::stream_json(&Arc::new(Speech::default())),
        },
        via,
        address: Some(SocketAddr::from((Ipv4Addr::new(192, 0, 2, address), 4_000))),
        observe: false,
        idle_ms: 0,
        head: Frame::default(),
    };
    world.shard.open(world.now, opening)
}

/// An event of so many bytes.
fn event(bytes: usize) -> String {
    let object = |text: &str| format!("{{\"type\":\"event\",\"name\":\"e\",\"args\":[\"{text}\"]}}\n");
    // The name and the argument's brackets and quotes are five.
    object(&"x".repeat(bytes - 5))
}

/// A client's WebSocket message.
fn frame(opcode: Opcode, payload: &[u8]) -> Vec<u8> {
    let mut frame = BytesMut::new();
    client::put_message(&mut frame, opcode, payload, [1, 2, 3, 4]);
    frame.to_vec()
}

/// Reads what a socket has, if it may be read; tells whether it was.
fn read(world: &mut World, slot: u32, text: &str) -> bool {
    let may = world.shard.may_read(slot);
    if may {
        world.say(slot, text);
    }
    may
}

fn relayed(world: &mut World) -> usize {
    let is_relay = |told: &&ToEngine| matches!(told, ToEngine::Request { request, .. } if matches!(request.command, Command::Relay { .. }));
    let count = world.told.iter().filter(is_relay).count();
    world.told.clear();
    count
}

/// Time goes on.
fn wait(world: &mut World, millis: u64) {
    world.now += millis;
    world.shard.turn(world.now);
    world.turn(usize::MAX);
}

#[test]
fn a_sender_over_its_budget_of_bytes_is_not_read_until_it_has_paid_for_them() {
    let mut world = world(limits());
    let slot = open(&mut world, 1, Via::Tcp);
    assert!(read(&mut world, slot, &event(500)), "all that the budget holds");
    assert!(read(&mut world, slot, &event(100)), "one that is too much passes");
    assert_eq!(relayed(&mut world), 2);
    assert!(!read(&mut world, slot, &event(100)));
    wait(&mut world, 90);
    assert!(!read(&mut world, slot, &event(100)));
    wait(&mut world, 10);
    assert!(world.wants.contains(&Want::Resume(slot)), "the driver is told to read it again");
    assert!(read(&mut world, slot, &event(100)));
    assert_eq!((relayed(&mut world), world.shard.tally.hits.of(Limit::SpokenBytes)), (1, 1));
}

#[test]
fn what_came_in_one_piece_goes_on_one_by_one_and_in_order() {
    let mut world = world(limits());
    let slot = open(&mut world, 1, Via::Tcp);
    let ping = "{\"type\":\"ping\"}\n";
    let all = format!("{}{}{ping}{}", event(600), event(600), event(600));
    assert!(read(&mut world, slot, &all));
    assert_eq!(relayed(&mut world), 1);
    wait(&mut world, 100);
    let pings = world
        .told
        .iter()
        .filter(|told| matches!(told, ToEngine::Request { request, .. } if request.command == Command::Ping));
    assert_eq!((pings.count(), relayed(&mut world)), (1, 1), "what costs nothing follows what it stands behind");
    wait(&mut world, 500);
    assert_eq!(relayed(&mut world), 0);
    wait(&mut world, 100);
    assert_eq!(relayed(&mut world), 1);
}

#[test]
fn an_end_that_the_peer_wants_comes_behind_what_it_said() {
    let mut world = world(limits());
    let slot = open(&mut world, 1, Via::WebSocket);
    let mut bytes = Vec::new();
    for _ in 0..2 {
        bytes.extend(frame(Opcode::Text, event(600).as_bytes()));
    }
    bytes.extend(frame(Opcode::Close, b""));
    world.shard.receive(world.now, slot, &mut bytes);
    world.turn(usize::MAX);
    assert_eq!(relayed(&mut world), 1);
    world.shard.end_of_input(world.now, slot);
    wait(&mut world, 100);
    let ends = world.told.iter().any(|told| matches!(told, ToEngine::Disconnect { .. }));
    assert_eq!((relayed(&mut world), ends), (1, true));
}

#[test]
fn a_peer_that_is_gone_has_said_only_what_it_had_paid_for() {
    let mut world = world(limits());
    let slot = open(&mut world, 1, Via::Tcp);
    assert!(read(&mut world, slot, &format!("{}{}", event(600), event(600))));
    world.shard.broken(world.now, slot);
    world.turn(usize::MAX);
    assert_eq!(relayed(&mut world), 1);
    wait(&mut world, 10_000);
    assert_eq!(relayed(&mut world), 0);
}

#[test]
fn connections_of_one_address_wait_for_each_other_with_what_is_large() {
    let mut world = world(limits());
    let [one, two, other] = [1, 1, 2].map(|address| open(&mut world, address, Via::Tcp));
    let large = event(5_000);
    assert!(read(&mut world, one, &large) && read(&mut world, two, &large));
    assert_eq!(relayed(&mut world), 1);
    assert!(read(&mut world, other, &large));
    assert_eq!(relayed(&mut world), 1, "another address waits for nobody");
    wait(&mut world, 4_490);
    assert_eq!(relayed(&mut world), 0);
    wait(&mut world, 10);
    assert_eq!(relayed(&mut world), 1);
    let drawer = open(&mut world, 1, Via::Tcp);
    assert!(read(&mut world, drawer, &event(200)));
    assert_eq!(relayed(&mut world), 1, "a stroke waits for nobody's picture");
    let fresh = open(&mut world, 1, Via::Tcp);
    assert!(read(&mut world, fresh, &large));
    assert_eq!(relayed(&mut world), 0, "connecting anew pays for nothing");
}

#[test]
fn messages_are_charged_unless_they_are_without_measure() {
    for counts_messages in [true, false] {
        let mut world = world(CostLimits { counts_messages, ..limits() });
        let slot = open(&mut world, 1, Via::Tcp);
        let message = format!("{{\"type\":\"message\",\"text\":\"{}\"}}\n", "x".repeat(501));
        assert!(read(&mut world, slot, &message));
        assert_eq!(world.shard.may_read(slot), !counts_messages);
    }
}

#[test]
fn datagrams_of_a_sender_over_its_budget_are_dropped() {
    let mut world = world(limits());
    let slot = open(&mut world, 1, Via::Udp);
    for _ in 0..10 {
        world.say(slot, event(600).trim_end());
    }
    assert_eq!(relayed(&mut world), 1);
    wait(&mut world, 100);
    world.say(slot, event(600).trim_end());
    assert_eq!(relayed(&mut world), 1);
}

#[test]
fn refusals_and_pings_are_work_and_too_much_of_it_is_not_read() {
    let mut world = world(limits());
    let slot = open(&mut world, 1, Via::Tcp);
    world.say(slot, "{\"type\":\"hello\"}\n");
    let id = world.shard.connections[slot as usize].id;
    for _ in 0..10 {
        assert!(world.shard.may_read(slot));
        let reply = Reply::Refused(Code::RateLimited.refuse(None, "no"));
        world.output(Output::Reply { to: id, reply });
    }
    assert!(world.shard.may_read(slot), "ten refusals are 200 units");
    world.output(Output::Reply { to: id, reply: Reply::Refused(Code::RateLimited.refuse(None, "no")) });
    assert!(!world.shard.may_read(slot));
    wait(&mut world, 200);
    assert!(world.shard.may_read(slot));

    let socket = open(&mut world, 2, Via::WebSocket);
    let ping = |count: usize| frame(Opcode::Ping, b"").repeat(count);
    // Their 1,188 bytes are two units more.
    world.shard.receive(world.now, socket, &mut ping(198));
    assert!(world.shard.may_read(socket));
    world.shard.receive(world.now, socket, &mut ping(1));
    assert!(!world.shard.may_read(socket));
    let sibling = open(&mut world, 2, Via::WebSocket);
    world.shard.receive(world.now, sibling, &mut ping(197));
    assert!(world.shard.may_read(sibling));
    world.shard.receive(world.now, sibling, &mut ping(1));
    assert!(!world.shard.may_read(sibling), "an address has two connections' budgets");
    assert_eq!(world.shard.tally.hits.of(Limit::Work), 3);
}

#[test]
fn large_answers_and_bytes_of_which_nothing_comes_are_work() {
    let mut world = world(limits());
    let slot = open(&mut world, 1, Via::Tcp);
    world.say(slot, "{\"type\":\"hello\"}\n");
    let id = world.shard.connections[slot as usize].id;
    let event = Arc::new(message(1, &"x".repeat(101 * 1_024)));
    let history = Reply::History { reference: None, room: "lobby".into(), events: vec![event], more: false };
    world.output(Output::Reply { to: id, reply: history });
    assert!(!world.shard.may_read(slot));
    let empty = open(&mut world, 2, Via::Tcp);
    assert!(read(&mut world, empty, &"\n".repeat(100 * 1_024)));
    assert!(read(&mut world, empty, &"\n".repeat(1_024)));
    assert!(!read(&mut world, empty, "\n"));
}

#[test]
fn the_engine_has_a_connection_read_more_slowly() {
    let mut world = world(limits());
    let slot = open(&mut world, 1, Via::Tcp);
    world.say(slot, "{\"type\":\"hello\"}\n");
    let connection = world.shard.connections[slot as usize].id;
    world.output(Output::Slow { connection, for_ms: 70 });
    world.output(Output::Slow { connection, for_ms: 30 });
    assert!(!world.shard.may_read(slot));
    wait(&mut world, 60);
    assert!(!world.shard.may_read(slot));
    wait(&mut world, 10);
    assert!(world.shard.may_read(slot));
}

#[test]
fn whoever_costs_nothing_owns_nothing() {
    let mut world = world(limits());
    let slot = open(&mut world, 1, Via::Tcp);
    world.say(slot, "{\"type\":\"hello\"}\n{\"type\":\"ping\"}\n");
    assert!(world.shard.connections[slot as usize].cost.is_none());
}
