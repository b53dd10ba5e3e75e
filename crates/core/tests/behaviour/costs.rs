//! What one session, and all of one address, may cost the others: each limit at its edge and one past it.

use crate::world::{START, World, hello, join, leave, nick, peer, say, set_topic, settings};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use switchboard_core::cost::{Limit, Rate};
use switchboard_core::sessions::Peer;
use switchboard_core::{Attachments, Command, ConnectionId, Hello, Limits, Via};

/// A connection from the address that ends in this number.
fn from(address: u8) -> Peer {
    Peer { resumable: true, ..Peer::new(Via::Tcp, Some(Ipv4Addr::new(192, 0, 2, address).into())) }
}

fn enter(world: &mut World, number: u64, nick: &str, peer: Peer) -> ConnectionId {
    let connection = world.connect_as(number, peer);
    world.ask(connection, hello(nick));
    world.hears(connection);
    connection
}

/// Ten who listen, and forget what they heard so far.
fn crowd(world: &mut World) -> Vec<ConnectionId> {
    let crowd: Vec<_> = (0..10).map(|number| world.enter(100 + number, &format!("listener-{number}"))).collect();
    hush(world, &crowd);
    crowd
}

fn hush(world: &mut World, crowd: &[ConnectionId]) {
    for one in crowd {
        world.hears(*one);
    }
}

fn event(bytes: usize) -> Command {
    let args = Arc::from(format!("[\"{}\"]", "x".repeat(bytes.saturating_sub(5))));
    let binary = Attachments::default();
    Command::Relay { name: "e".to_owned(), args, binary, packed: None, to: None, room: None }
}

fn pass(code: &str) -> Command {
    Command::Pass { code: code.to_owned() }
}

fn hits(world: &mut World, limit: Limit) -> u64 {
    world.sessions.take_hits().of(limit)
}

#[test]
fn a_sender_whose_bytes_are_too_many_deliveries_is_read_more_slowly_and_nothing_is_refused() {
    let limits = Limits { delivered_bytes: Rate::per_second(1_000, 11_000), ..Limits::default() };
    let mut world = World::with(limits);
    let crowd = crowd(&mut world);
    let ada = world.enter(1, "ada");
    hush(&mut world, &crowd);
    // Eleven are in the room, the sender among them.
    assert!(world.answer(ada, event(1_000)).is_empty(), "all that the budget holds");
    assert_eq!(world.answer(ada, event(100)), ["slowed 1100"]);
    assert_eq!(world.answer(ada, event(100)), ["slowed 2200"]);
    assert_eq!(world.answer(ada, say(&"x".repeat(100))), ["slowed 3300", "ack #1"]);
    assert_eq!(world.answer(ada, set_topic(&"x".repeat(100))), ["slowed 4400", "ack #2"]);
    for one in crowd {
        assert_eq!(world.hears(one).len(), 5, "everybody heard everything");
    }
}

#[test]
fn sessions_of_one_address_share_four_budgets_of_deliveries() {
    let limits = Limits { delivered_bytes: Rate::per_second(10_000, 100_000), ..Limits::default() };
    let mut world = World::with(limits);
    let senders: Vec<_> = (0..5).map(|number| enter(&mut world, number, &format!("s{number}"), from(1))).collect();
    let stranger = enter(&mut world, 9, "stranger", from(2));
    for sender in &senders[..4] {
        world.hears(*sender);
        // Six are in the room; four times this is 399,840.
        assert!(world.answer(*sender, event(16_660)).is_empty());
    }
    world.hears(senders[4]);
    assert!(world.answer(senders[4], event(4_096)).is_empty(), "what is small waits for nobody else");
    assert_eq!(world.answer(senders[4], event(4_097)), ["slowed 1225"], "48,998 bytes too many, at 40,000 a second");
    world.hears(stranger);
    assert!(world.answer(stranger, event(16_660)).is_empty(), "another address pays for itself alone");
}

#[test]
fn loopback_shares_nothing_unless_it_is_counted() {
    for counts_loopback in [false, true] {
        let delivered_bytes = Rate::per_second(10_000, 10_000);
        let limits = Limits { delivered_bytes, address_share: 1, counts_loopback, ..Limits::default() };
        let mut world = World::with(limits);
        let own = Peer::new(Via::Tcp, Some(IpAddr::from(Ipv4Addr::LOCALHOST)));
        let (ada, bob) = (enter(&mut world, 1, "ada", own), enter(&mut world, 2, "bob", own));
        world.hears(ada);
        assert!(world.answer(ada, event(5_000)).is_empty());
        world.hears(bob);
        assert_eq!(world.answer(bob, event(5_000)).is_empty(), !counts_loopback);
    }
}

#[test]
fn whoever_comes_and_goes_too_often_is_only_counted() {
    // Two deliveries for each of eleven members are 22.
    let limits = Limits { presence_deliveries: Rate::per_second(1, 22), ..Limits::default() };
    let mut world = World::with(limits);
    let crowd = crowd(&mut world);
    let ada = enter(&mut world, 1, "ada", from(1));
    assert_eq!(world.events(crowd[0]), ["lobby ada joined, 11"]);
    world.ask(ada, leave("lobby"));
    assert_eq!(world.events(crowd[0]), ["lobby ada left, 10"], "whose coming was told, their going is");
    world.ask(ada, join("lobby"));
    assert_eq!(world.events(crowd[0]), Vec::<String>::new());
    world.wait(1_000);
    assert_eq!(world.events(crowd[0]), ["lobby members 11"]);
    world.ask(ada, leave("lobby"));
    world.wait(1_000);
    assert_eq!(world.events(crowd[0]), ["lobby members 10"]);
    world.wait(30_000);
    world.ask(ada, join("lobby"));
    assert_eq!(world.events(crowd[0]), ["lobby ada joined, 11"], "what it cost is paid back");
    assert_eq!(hits(&mut world, Limit::Presence), 1);
}

#[test]
fn short_sessions_of_one_address_are_told_within_its_budget() {
    let limits = Limits { presence_deliveries: Rate::per_second(1, 22), address_share: 3, ..Limits::default() };
    let mut world = World::with(limits);
    let crowd = crowd(&mut world);
    for number in 0..100 {
        let one = enter(&mut world, 1_000 + number, &format!("n{number}"), from(1));
        world.ask(one, Command::Quit);
        world.disconnect(one);
    }
    let told = world.events(crowd[0]).len();
    assert_eq!(told, 6, "three came and went");
    let other = enter(&mut world, 1, "other", from(2));
    assert_eq!(world.events(crowd[0]), ["lobby other joined, 11"], "others are told as ever");
    world.disconnect(other);
}

#[test]
fn comings_from_loopback_have_a_budget_together_and_new_nicks_from_there_have_none() {
    let limits = Limits { presence_deliveries: Rate::per_second(1, 60), address_share: 1, ..Limits::default() };
    for (peer, told) in [(from(1), 5), (Peer::new(Via::Tcp, Some(IpAddr::from(Ipv4Addr::LOCALHOST))), 10)] {
        let mut world = World::with(limits.clone());
        let crowd = crowd(&mut world);
        let (ada, bob) = (enter(&mut world, 1, "ada", peer), enter(&mut world, 2, "bob", peer));
        let eve = enter(&mut world, 3, "eve", peer);
        assert_eq!(world.events(crowd[0]).len(), 2, "two cost 22 and 24 of 60, and eve would cost 26");
        world.ask(eve, Command::Quit);
        world.wait(60_000);
        hush(&mut world, &crowd);
        for number in 0..6 {
            world.ask(ada, nick(&format!("ada{number}")));
            world.ask(bob, nick(&format!("bob{number}")));
        }
        // Each costs twelve, and each session has 60.
        assert_eq!(world.events(crowd[0]).len(), told);
    }
}

#[test]
fn new_nicks_cost_their_listeners_and_then_are_refused() {
    let limits = Limits { presence_deliveries: Rate::per_second(11, 44), ..Limits::default() };
    let mut world = World::with(limits);
    let crowd = crowd(&mut world);
    let ada = world.enter(1, "ada");
    hush(&mut world, &crowd);
    world.hears(ada);
    assert_eq!(world.answer(ada, nick("ada2")), ["nick ada2"]);
    assert_eq!(world.answer(ada, nick("ada3")), ["nick ada3"]);
    assert_eq!(world.answer(ada, nick("ada4")), ["no rate_limited"]);
    assert_eq!(world.answer(ada, nick("ada3")), ["nick ada3"], "the same again is told nobody");
    assert_eq!(world.hears(crowd[0]).len(), 2);
    world.wait(1_000);
    assert_eq!(world.answer(ada, nick("ada4")), ["nick ada4"]);
}

#[test]
fn a_session_makes_so_many_new_rooms_and_then_one_at_a_time() {
    let limits = Limits { new_rooms: Rate { per_minute: 6, burst: 3 }, ..Limits::default() };
    let mut world = World::with(limits);
    let ada = world.enter(1, "ada");
    for room in ["a", "b", "c"] {
        assert_eq!(world.answer(ada, join(room)).last().unwrap(), &format!("@{room}"));
    }
    assert_eq!(world.answer(ada, join("d")), ["no rate_limited"]);
    assert_eq!(world.answer(ada, join("a")).last().unwrap(), "@a", "it is in that one");
    let bob = world.enter(2, "bob");
    assert_eq!(world.answer(bob, join("d")).last().unwrap(), "@d");
    assert_eq!(world.answer(ada, join("d")).last().unwrap(), "@d", "a room that is there costs nothing");
    world.wait(10_000);
    assert_eq!(world.answer(ada, join("e")).last().unwrap(), "@e");
    assert_eq!(world.answer(ada, join("f")), ["no rate_limited"]);
    assert_eq!(hits(&mut world, Limit::NewRooms), 2);
}

#[test]
fn one_address_makes_four_times_as_many_rooms_by_however_many_sessions() {
    let limits = Limits { new_rooms: Rate { per_minute: 6, burst: 3 }, ..Limits::default() };
    let mut world = World::with(limits);
    let mut made = 0;
    for number in 0..10 {
        let one = enter(&mut world, number, &format!("n{number}"), from(1));
        for room in 0..3 {
            made += usize::from(world.answer(one, join(&format!("r{number}-{room}"))).len() > 1);
        }
        world.ask(one, Command::Quit);
        world.disconnect(one);
    }
    assert_eq!(made, 12);
    assert_eq!(world.sessions.counts().rooms, 0, "empty rooms without history are forgotten");
}

#[test]
fn rooms_named_in_a_resume_are_paid_for_like_joins() {
    let limits = Limits { new_rooms: Rate { per_minute: 6, burst: 3 }, ..Limits::default() };
    let mut world = World::with(limits);
    let ada = world.enter(1, "ada");
    let token = world.token(ada);
    world.disconnect(ada);
    // The session ends by itself, and its token is still good.
    world.wait(Limits::default().session_ttl_ms + 1);
    let again = world.connect(2);
    world.ask(again, crate::world::resume(&token, &[("a", 1), ("b", 1), ("c", 1), ("d", 1)]));
    assert_eq!(world.sessions.counts().rooms, 4, "the lobby and three");
}

#[test]
fn an_address_has_so_much_stored_and_then_waits() {
    let limits = Limits { stored_bytes: Rate::per_second(238, 3 * 238), ..Limits::default() };
    let mut world = World::with(limits);
    let ada = enter(&mut world, 1, "ada", from(1));
    let bob = enter(&mut world, 2, "bob", from(1));
    let text = "x".repeat(110);
    assert_eq!(world.answer(ada, say(&text)), ["ack #1"]);
    assert_eq!(world.answer(bob, say(&text)).last().unwrap(), "ack #2");
    assert_eq!(world.answer(bob, set_topic(&text)), ["ack #3"]);
    assert_eq!(world.answer(bob, say("x")), ["no rate_limited"]);
    let eve = enter(&mut world, 3, "eve", from(2));
    assert_eq!(world.answer(eve, say("x")), ["ack #4"]);
    world.wait(1_000);
    world.hears(bob);
    assert_eq!(world.answer(bob, say(&text)), ["ack #5"]);
    assert_eq!(hits(&mut world, Limit::StoredBytes), 1);
}

#[test]
fn topics_count_as_messages() {
    let limits = Limits { messages_per_second: 1, message_burst: 2, ..Limits::default() };
    let mut world = World::with(limits);
    let ada = world.enter(1, "ada");
    assert_eq!(world.answer(ada, set_topic("a")), ["ack #1"]);
    assert_eq!(world.answer(ada, say("b")), ["ack #2"]);
    assert_eq!(world.answer(ada, set_topic("c")), ["no rate_limited"]);
}

#[test]
fn the_oldest_cut_session_of_an_address_ends_when_there_are_too_many() {
    let mut world = World::with(Limits { held_by_address: 2, ..Limits::default() });
    let elsewhere = enter(&mut world, 9, "elsewhere", from(2));
    world.disconnect(elsewhere);
    let cut: Vec<_> = (1..=3)
        .map(|number| {
            let one = enter(&mut world, number, &format!("n{number}"), from(1));
            let token = world.token(one);
            world.wait(10);
            world.disconnect(one);
            token
        })
        .collect();
    assert_eq!(world.sessions.counts().sessions, 3);
    let back = |world: &mut World, number, token: &str| {
        let one = world.connect_as(number, from(1));
        world.ask(one, crate::world::resume(token, &[]));
        world.hears(one)[0].clone()
    };
    assert_eq!(back(&mut world, 12, &cut[1]), "welcome back n2 lobby 0/3");
    assert_eq!(back(&mut world, 13, &cut[2]), "welcome back n3 lobby 0/3");
    assert_eq!(hits(&mut world, Limit::HeldByAddress), 1);
}

#[test]
fn all_cut_sessions_together_are_bounded() {
    let mut world = World::with(Limits { held_total: 3, ..Limits::default() });
    for number in 1..=5 {
        let one = enter(&mut world, number, &format!("n{number}"), from(number as u8));
        world.disconnect(one);
        assert!(world.sessions.counts().sessions <= 3);
    }
    assert_eq!(hits(&mut world, Limit::HeldTotal), 2);
}

fn locked() -> World {
    let mut settings = settings(Limits { wrong_codes: Rate::per_second(1, 10), ..Limits::default() });
    settings.join_code = Some("open sesame".to_owned());
    World::from_settings(settings)
}

/// Sends ten wrong codes from an address, by three connections.
fn guess(world: &mut World, peer: Peer) {
    for attempt in 0..10 {
        let thief = world.connect_as(1_000 + attempt / 4, peer);
        assert_eq!(world.answer(thief, pass("guess")), ["no pass_wrong"]);
    }
}

#[test]
fn beyond_ten_wrong_codes_each_attempt_of_the_address_waits_for_its_turn() {
    let mut world = locked();
    guess(&mut world, from(1));
    let (thief, ada, bob) = (world.connect_as(1, from(1)), world.connect_as(2, from(1)), world.connect_as(3, from(1)));
    assert!(world.answer(thief, pass("guess")).is_empty());
    let with_code = Hello { nick: Some("ada".to_owned()), pass: Some("open sesame".to_owned()), ..Hello::default() };
    assert!(world.answer(ada, Command::Hello(with_code)).is_empty(), "a right one waits, too");
    world.ask(ada, say("hi"));
    assert!(world.answer(bob, pass("open sesame")).is_empty());
    let other = world.connect_as(4, from(2));
    assert_eq!(world.answer(other, pass("open sesame")), ["ack"], "another address waits for nothing");
    world.wait(999);
    assert!(world.hears(thief).is_empty());
    world.wait(1);
    assert_eq!(world.hears(thief), ["no pass_wrong"]);
    assert!(world.hears(ada).is_empty());
    world.wait(1_000);
    assert_eq!(world.events(ada), ["welcome ada lobby 0/1", "ack #1"], "what was asked behind the code follows it");
    assert_eq!(world.hears(bob), ["ack"], "a right code takes no time from the next");
    assert_eq!(hits(&mut world, Limit::WrongCodes), 3);
}

#[test]
fn guessing_by_ever_new_connections_is_no_faster_and_takes_no_turns_from_those_who_stay() {
    let mut world = locked();
    guess(&mut world, from(1));
    let mut wrong = 0;
    let ada = world.connect_as(1, from(1));
    for second in 0..60 {
        for number in 0..20 {
            let thief = world.connect_as(10_000 + second * 100 + number, from(1));
            wrong += world.answer(thief, pass("guess")).len();
            world.disconnect(thief);
        }
        if second == 0 {
            world.ask(ada, pass("open sesame"));
        }
        world.wait(1_000);
        if second == 1 {
            assert_eq!(world.hears(ada), ["ack"]);
        }
    }
    assert!(wrong <= 60, "{wrong} codes were looked at in a minute");
}

#[test]
fn what_waits_behind_a_code_is_bounded() {
    let mut world = locked();
    guess(&mut world, from(1));
    let ada = world.connect_as(1, from(1));
    for _ in 0..16 {
        assert!(world.answer(ada, pass("open sesame")).is_empty());
    }
    assert_eq!(world.answer(ada, pass("open sesame")), ["no rate_limited"]);
    world.disconnect(ada);
    world.wait(5_000);
    assert_eq!(world.sessions.counts().connections, 3);
}

#[test]
fn loopback_guesses_no_faster() {
    let mut world = locked();
    let own = Peer::new(Via::Tcp, Some(IpAddr::from(Ipv4Addr::LOCALHOST)));
    guess(&mut world, own);
    let thief = world.connect_as(1, own);
    assert!(world.answer(thief, pass("guess")).is_empty());
}

#[test]
fn a_client_that_did_not_keep_up_begins_anew() {
    let mut world = World::new();
    let follower = Peer { follows: true, ..peer(true) };
    let ada = enter(&mut world, 1, "ada", follower);
    let token = world.token(ada);
    for (number, behind) in [(2, false), (3, true)] {
        let before = ConnectionId(number - 1);
        if behind {
            world.sessions.fell_behind(before);
        }
        world.disconnect(before);
        let again = world.connect_as(number, follower);
        world.ask(again, Command::Hello(Hello { token: Some(token.clone()), ..Hello::default() }));
        let welcome = world.hears(again)[0].clone();
        assert_eq!(welcome, if behind { "welcome ada lobby 0/1" } else { "welcome back ada lobby 0/1" });
    }
    assert!(world.now >= START);
}
