//! Clients that follow positions: what they are given when they come back, and what nobody is given by any word of theirs.

use crate::world::{Heard, World, join, leave, resume, say, settings, tell};
use std::sync::Arc;
use switchboard_core::ids::{Pos, Realm};
use switchboard_core::limits::{RECENT_BYTES_MAX, RECENT_EVENT_BYTES};
use switchboard_core::sessions::{Peer, SessionsSettings};
use switchboard_core::{Attachments, Command, ConnectionId, Hello, Limits, Reply, Via};

/// Longer than `limits.session_ttl_ms`.
const KEEP_MS: u32 = 120_000;

fn follower(realm: u8) -> Peer {
    let peer = Peer::new(Via::WebSocket, None);
    Peer { resumable: true, follows: true, keep_ms: KEEP_MS, realm: Realm(realm), ..peer }
}

fn emit(args: &str, room: Option<&str>) -> Command {
    let (name, args) = ("draw".to_owned(), Arc::from(args));
    Command::Relay { name, args, binary: Attachments::default(), packed: None, to: None, room: room.map(str::to_owned) }
}

/// A world with a relay, where rates do not matter.
fn world() -> World {
    let limits = Limits {
        messages_per_second: 0,
        commands_per_second: 0,
        events_per_second: 0,
        event_deliveries_per_second: 0,
        ..Limits::default()
    };
    World::from_settings(SessionsSettings { realms: vec!["/game".to_owned()], ..settings(limits) })
}

fn enter(world: &mut World, number: u64, realm: u8, nick: &str) -> ConnectionId {
    let connection = world.connect_as(number, follower(realm));
    world.ask(connection, Command::Hello(Hello { nick: Some(nick.to_owned()), ..Hello::default() }));
    world.hears(connection);
    connection
}

/// The position of the latest event.
fn latest(world: &World) -> Pos {
    world.sessions.next_pos() - 1
}

fn come_back(world: &mut World, number: u64, realm: u8, token: &str, since: Option<Pos>) -> (bool, Vec<String>) {
    let connection = world.connect_as(number, follower(realm));
    world.ask(connection, Command::Hello(Hello { token: Some(token.to_owned()), since, ..Hello::default() }));
    let mut resumed = None;
    let mut told = Vec::new();
    for heard in world.take(connection) {
        match &heard {
            Heard::Reply(Reply::Welcome(welcome)) => resumed = Some(welcome.resumed),
            Heard::Event { .. } => told.push(heard.to_string()),
            _ => {}
        }
    }
    (resumed.expect("a welcome"), told)
}

#[test]
fn who_was_cut_is_given_everything_in_order_once() {
    let mut world = world();
    let (ada, bob) = (enter(&mut world, 1, 0, "ada"), enter(&mut world, 2, 0, "bob"));
    for connection in [ada, bob] {
        world.ask(connection, join("dev"));
    }
    world.ask(ada, say("heard"));
    let since = latest(&world);
    let token = world.token(bob);
    world.ask(ada, emit("[1]", Some("lobby")));
    world.disconnect(bob);
    world.ask(ada, say("two"));
    world.ask(ada, emit("[3]", None));
    world.ask(ada, tell("bob", "four"));
    world.ask(ada, emit("[5]", Some("dev")));
    let all = [
        "lobby ada emits draw [1]",
        "dev #2 <ada> two",
        "- ada emits draw [3]",
        "- <ada> to bob: four",
        "dev ada emits draw [5]",
    ];
    let (resumed, told) = come_back(&mut world, 3, 0, &token, Some(since));
    assert_eq!((resumed, &told), (true, &all.map(str::to_owned).to_vec()));
    // The answer was lost on the way but for its first event: the next one has the rest.
    world.disconnect(ConnectionId(3));
    let (resumed, told) = come_back(&mut world, 4, 0, &token, Some(since + 1));
    assert_eq!((resumed, &told[..]), (true, &all.map(str::to_owned)[1..]));
    let now = latest(&world);
    world.disconnect(ConnectionId(4));
    assert_eq!(come_back(&mut world, 5, 0, &token, Some(now)), (true, Vec::new()));
}

#[test]
fn who_was_cut_before_its_first_event_has_no_position_and_comes_back_all_the_same() {
    let mut world = world();
    let (ada, bob) = (enter(&mut world, 1, 1, "ada"), enter(&mut world, 2, 1, "bob"));
    world.ask(ada, emit("[1]", None));
    let token = world.token(bob);
    world.disconnect(bob);
    world.ask(ada, emit("[2]", None));
    let all = ["/game ada emits draw [1]", "/game ada emits draw [2]"].map(str::to_owned).to_vec();
    assert_eq!(come_back(&mut world, 3, 1, &token, None), (true, all.clone()));
    // Its library may still know the position of an earlier session.
    world.disconnect(ConnectionId(3));
    assert_eq!(come_back(&mut world, 4, 1, &token, Some(1)), (true, all));
}

#[test]
fn nobody_hears_what_was_passed_on_before_they_came() {
    for (realm, room) in [(0, None), (0, Some("lobby")), (1, None)] {
        let mut world = world();
        let (ada, bob) = (enter(&mut world, 1, realm, "ada"), enter(&mut world, 2, realm, "bob"));
        for _ in 0..3 {
            world.ask(ada, emit("[\"secret\"]", room));
        }
        world.ask(ada, tell("bob", "secret"));
        let eve = enter(&mut world, 3, realm, "eve");
        let token = world.token(eve);
        world.disconnect(eve);
        for since in [None, Some(0), Some(1)] {
            let (resumed, told) = come_back(&mut world, 4, realm, &token, since);
            assert!(resumed && told.is_empty(), "{realm} {room:?} {since:?}: {told:?}");
            world.disconnect(ConnectionId(4));
        }
        // Another session of the same user is a newcomer, too.
        let token = world.token(bob);
        let second = world.connect_as(5, follower(realm));
        world.ask(second, Command::Hello(Hello { token: Some(token), as_new: true, ..Hello::default() }));
        world.hears(second);
        let token = world.token(second);
        world.disconnect(second);
        assert_eq!(come_back(&mut world, 6, realm, &token, Some(0)), (true, Vec::new()));
    }
}

#[test]
fn nobody_hears_what_was_passed_on_in_a_room_while_they_were_out_of_it() {
    let mut world = world();
    let (ada, bob) = (enter(&mut world, 1, 1, "ada"), enter(&mut world, 2, 1, "bob"));
    let since = latest(&world);
    for connection in [ada, bob] {
        world.ask(connection, join("red"));
    }
    world.ask(bob, leave("red"));
    world.ask(ada, emit("[\"secret\"]", Some("red")));
    world.ask(bob, join("red"));
    world.ask(ada, emit("[\"public\"]", Some("red")));
    let token = world.token(bob);
    world.disconnect(bob);
    let (resumed, told) = come_back(&mut world, 3, 1, &token, Some(since));
    assert!(resumed);
    assert!(told.iter().any(|line| line.contains("public")), "{told:?}");
    assert!(!told.iter().any(|line| line.contains("secret")), "{told:?}");
}

#[test]
fn a_session_that_has_ended_starts_over_with_its_nick_and_hears_nothing_of_meanwhile() {
    let mut world = world();
    let (ada, bob) = (enter(&mut world, 1, 0, "ada"), enter(&mut world, 2, 0, "bob"));
    let token = world.token(bob);
    let since = latest(&world);
    world.disconnect(bob);
    world.wait(u64::from(KEEP_MS));
    world.ask(ada, emit("[\"secret\"]", None));
    world.ask(ada, say("stored"));
    assert_eq!(come_back(&mut world, 3, 0, &token, Some(since)), (false, Vec::new()));
    // By the JSON protocol's way it gets what is stored, as anybody may read it, and nothing else.
    let other = world.connect(4);
    world.ask(other, resume(&token, &[("lobby", 0)]));
    assert!(!world.hears(other).iter().any(|line| line.contains("secret")));
}

#[test]
fn a_position_that_no_event_has_had_is_not_believed() {
    let mut world = world();
    let (_, bob) = (enter(&mut world, 1, 0, "ada"), enter(&mut world, 2, 0, "bob"));
    let token = world.token(bob);
    world.disconnect(bob);
    let since = latest(&world) + 1;
    assert!(!come_back(&mut world, 3, 0, &token, Some(since)).0);
    let session = world.sessions.sender_of(ConnectionId(3)).expect("it is in");
    assert_eq!(&*session.nick, "bob", "it keeps its name");
}

#[test]
fn as_much_is_kept_as_the_bound_says_and_not_one_event_more() {
    let text = "x".repeat(1_000_000);
    let args = format!("[\"{text}\"]");
    let weight = RECENT_EVENT_BYTES + "draw".len() + args.len();
    for (events, whole) in [(RECENT_BYTES_MAX / weight, true), (RECENT_BYTES_MAX / weight + 1, false)] {
        let mut world = world();
        let (ada, bob) = (enter(&mut world, 1, 1, "ada"), enter(&mut world, 2, 1, "bob"));
        let (eve, since) = (enter(&mut world, 3, 0, "eve"), latest(&world));
        let (bobs, eves) = (world.token(bob), world.token(eve));
        world.disconnect(bob);
        world.disconnect(eve);
        for _ in 0..events {
            world.ask(ada, emit(&args, None));
        }
        let (resumed, told) = come_back(&mut world, 4, 1, &bobs, Some(since));
        assert_eq!((resumed, told.len()), (whole, if whole { events } else { 0 }));
        // Elsewhere nothing was forgotten.
        assert_eq!(come_back(&mut world, 5, 0, &eves, Some(since)), (true, Vec::new()));
    }
}

#[test]
fn three_thousand_small_events_are_all_given() {
    let mut world = world();
    let (ada, bob) = (enter(&mut world, 1, 1, "ada"), enter(&mut world, 2, 1, "bob"));
    let token = world.token(bob);
    world.disconnect(bob);
    for number in 0..3_000 {
        world.ask(ada, emit(&format!("[{number}]"), None));
    }
    let (resumed, told) = come_back(&mut world, 3, 1, &token, None);
    assert_eq!((resumed, told.len()), (true, 3_000));
    assert_eq!(told.last().map(String::as_str), Some("/game ada emits draw [2999]"));
}

#[test]
fn who_begins_with_a_number_is_given_the_history_after_it() {
    let limits = Limits { messages_per_second: 0, commands_per_second: 0, replay_events: 5, ..Limits::default() };
    let mut world = World::with(limits);
    let ada = world.enter(1, "ada");
    for number in 1..=8 {
        world.ask(ada, say(&number.to_string()));
    }
    let mut begin = |number: u64, after: u64| {
        let connection = world.connect(number);
        world.ask(connection, Command::Hello(Hello { after: Some(after), ..Hello::default() }));
        let heard = world.take(connection);
        heard.iter().filter(|heard| matches!(heard, Heard::Event { .. })).map(ToString::to_string).collect::<Vec<_>>()
    };
    let lines = |range: std::ops::RangeInclusive<u64>| -> Vec<String> {
        range.map(|number| format!("lobby #{number} <ada> {number}")).collect()
    };
    assert_eq!(begin(2, 0), lines(4..=8), "the latest of them");
    assert_eq!(begin(3, 3), lines(4..=8));
    assert_eq!(begin(4, 6), lines(7..=8));
    assert!(begin(5, 8).is_empty(), "it has seen them all");
    assert!(begin(6, u64::MAX).is_empty(), "and there are no later ones");
}

#[test]
fn who_was_cut_in_its_history_starts_over_from_its_number() {
    let mut world = world();
    let ada = enter(&mut world, 1, 0, "ada");
    for number in 1..=4 {
        world.ask(ada, say(&number.to_string()));
    }
    let bob = world.connect_as(2, follower(0));
    world.ask(bob, Command::Hello(Hello { after: Some(0), ..Hello::default() }));
    let heard = world.take(bob);
    let second = heard.iter().filter_map(|heard| match heard {
        Heard::Event { event, .. } => Some(event.pos),
        _ => None,
    });
    let since = second.take(2).last();
    let token = world.token(bob);
    world.disconnect(bob);
    let again = world.connect_as(3, follower(0));
    world.ask(again, Command::Hello(Hello { token: Some(token), since, after: Some(2), ..Hello::default() }));
    let heard = world.hears(again);
    assert!(heard.iter().any(|line| line == "lobby #3 <ada> 3") && heard.iter().any(|line| line == "lobby #4 <ada> 4"));
    assert!(!heard.iter().any(|line| line == "lobby #2 <ada> 2"), "{heard:?}");
}

#[test]
fn what_a_session_did_itself_it_is_given_only_where_it_is_given_it_live() {
    for hears_itself in [false, true] {
        let mut world = world();
        let peer = Peer { hears_itself, ..follower(1) };
        let ada = world.connect_as(1, peer);
        world.ask(ada, Command::Hello(Hello::default()));
        let token = world.token(ada);
        world.ask(ada, emit("[1]", None));
        world.disconnect(ada);
        let again = world.connect_as(2, peer);
        world.ask(again, Command::Hello(Hello { token: Some(token), ..Hello::default() }));
        let given = world.hears(again).iter().filter(|line| line.contains("draw")).count();
        assert_eq!(given, usize::from(hears_itself));
    }
}
