//! Beside the chat: namespaces with rooms of their own, by name or by a pattern, and what their events may cost.

use crate::world::{World, join, leave, peer, settings};
use std::sync::Arc;
use switchboard_core::sessions::Peer;
use switchboard_core::{Attachments, Command, ConnectionId, Hello, Limits, Realm, SessionId};

/// `/game` is the first realm, `/table-*` the second.
fn world(limits: Limits) -> World {
    let realms = vec!["/game".to_owned(), "/table-*".to_owned()];
    World::from_settings(switchboard_core::sessions::SessionsSettings { realms, ..settings(limits) })
}

fn hello(nick: Option<&str>, space: Option<&str>, token: Option<String>) -> Command {
    Command::Hello(Hello { nick: nick.map(str::to_owned), space: space.map(Arc::from), token, ..Hello::default() })
}

fn enter(world: &mut World, number: u64, realm: u8, nick: &str, space: Option<&str>) -> ConnectionId {
    let connection = world.connect_as(number, Peer { realm: Realm(realm), ..peer(true) });
    let heard = world.answer(connection, hello(Some(nick), space, None));
    assert!(heard[0].starts_with("welcome"), "{heard:?}");
    connection
}

fn emit(args: &str, to: Option<SessionId>, room: Option<&str>) -> Command {
    let (args, binary, room) = (Arc::from(args), Attachments::default(), room.map(str::to_owned));
    Command::Relay { name: "draw".to_owned(), args, binary, packed: None, to, room }
}

#[test]
fn rooms_have_the_very_names_that_clients_give_them() {
    let mut world = world(Limits::default());
    let (ada, bob) = (enter(&mut world, 1, 1, "ada", None), enter(&mut world, 2, 1, "bob", None));
    for name in ["Red", "red", "a room: é/#x", &"x".repeat(50)] {
        assert!(world.answer(ada, join(name))[0].starts_with(&format!("joined /game#{name} 0/1")), "{name}");
    }
    assert_eq!(world.answer(bob, emit("[]", None, Some("Red"))), ["no not_a_member"]);
    world.ask(bob, join("red"));
    world.hears(ada);
    world.ask(bob, emit("[]", None, Some("red")));
    assert_eq!(world.hears(ada), ["/game#red bob emits draw []"]);
    for name in ["", "a\nb", &"x".repeat(51)] {
        assert_eq!(world.answer(ada, join(name)), ["no room_invalid"], "{name}");
    }
    assert_eq!(world.answer(ada, leave("nowhere")), ["no not_a_member"]);
}

#[test]
fn a_receiver_is_a_session_that_is_here_else_a_room() {
    let mut world = world(Limits::default());
    let (ada, bob) = (enter(&mut world, 1, 1, "ada", None), enter(&mut world, 2, 1, "bob", None));
    let other = enter(&mut world, 3, 2, "eve", Some("/table-1"));
    let id = |world: &World, connection| world.sessions.session_of(connection);
    let to = id(&world, bob);
    world.hears(bob);
    world.ask(ada, emit("[]", to, Some("x")));
    assert_eq!(world.hears(bob), ["/game ada emits draw []"]);
    let absent = id(&world, other);
    assert_eq!(world.answer(ada, emit("[]", absent, None)), ["no no_such_user"]);
    assert_eq!(world.answer(ada, emit("[]", absent, Some("0123456789abcdef"))), ["no no_such_user"]);
    world.ask(ada, join("0123456789abcdef"));
    world.ask(bob, join("0123456789abcdef"));
    world.hears(bob);
    world.ask(ada, emit("[]", absent, Some("0123456789abcdef")));
    assert_eq!(world.hears(bob), ["/game#0123456789abcdef ada emits draw []"]);
}

#[test]
fn names_are_only_shown_there() {
    let mut world = world(Limits::default());
    let chat = world.enter(9, "ada");
    let (one, two) = (enter(&mut world, 1, 1, "ada", None), enter(&mut world, 2, 1, "ada", None));
    assert_eq!(world.sessions.sender_of(one).map(|sender| sender.nick.to_string()).as_deref(), Some("ada"));
    world.disconnect(one);
    world.disconnect(two);
    world.wait(60_000);
    assert_eq!(world.answer(chat, crate::world::tell("ada", "still me")), ["ack"], "the name is the chat's");
    let wrong = world.connect_as(3, Peer { realm: Realm(1), ..peer(true) });
    assert_eq!(world.answer(wrong, hello(Some("no good"), None, None)), ["no nick_invalid"]);
}

#[test]
fn spaces_of_a_pattern_are_apart_bounded_and_forgotten_when_empty() {
    let mut world = world(Limits { namespaces: 2, ..Limits::default() });
    let game = enter(&mut world, 9, 1, "eve", None);
    let (ada, bob) =
        (enter(&mut world, 1, 2, "ada", Some("/table-1")), enter(&mut world, 2, 2, "bob", Some("/table-2")));
    let more = enter(&mut world, 3, 2, "dan", Some("/table-1"));
    world.hears(more);
    world.ask(ada, emit("[]", None, None));
    assert_eq!(world.hears(more), ["/table-1 ada emits draw []"]);
    assert!(!world.hears(bob).iter().chain(&world.hears(game)).any(|line| line.contains("draw")));
    let to = world.sessions.session_of(bob);
    assert_eq!(world.answer(ada, emit("[]", to, None)), ["no no_such_user"], "its ids are those of its own space");
    let past = world.connect_as(4, Peer { realm: Realm(2), ..peer(true) });
    assert_eq!(world.answer(past, hello(None, Some("/table-3"), None)), ["no too_many_rooms_on_server"]);
    assert_eq!(world.answer(past, emit("[]", None, None)), ["no not_a_member"], "nobody is let in unasked");
    world.ask(bob, Command::Quit);
    assert!(world.answer(past, hello(None, Some("/table-3"), None))[0].starts_with("welcome"));
    let late = world.connect_as(5, Peer { realm: Realm(2), ..peer(true) });
    assert_eq!(world.answer(late, hello(None, Some("/table-2"), None)), ["no too_many_rooms_on_server"]);
    for space in [None, Some("table"), Some("/a#b")] {
        assert_eq!(world.answer(late, hello(None, space, None)), ["no bad_request"], "{space:?}");
    }
}

#[test]
fn a_token_leads_into_no_other_space() {
    let mut world = world(Limits::default());
    let ada = enter(&mut world, 1, 2, "ada", Some("/table-1"));
    let token = world.token(ada);
    let id = world.sessions.session_of(ada);
    world.disconnect(ada);
    let other = world.connect_as(2, Peer { realm: Realm(2), ..peer(true) });
    let heard = world.answer(other, hello(None, Some("/table-2"), Some(token.clone())));
    assert!(heard[0].starts_with("welcome guest-") && heard[0].contains("/table-2"), "{heard:?}");
    let again = world.connect_as(3, Peer { realm: Realm(2), ..peer(true) });
    let heard = world.answer(again, hello(None, Some("/table-1"), Some(token)));
    assert!(heard[0].starts_with("welcome back ada /table-1"), "{heard:?}");
    assert_eq!(world.sessions.session_of(again), id);
}

#[test]
fn events_have_a_measure_of_their_own() {
    let limits = Limits { events_per_second: 10, event_burst: 5, command_burst: 1, ..Limits::default() };
    let mut world = world(limits);
    let ada = enter(&mut world, 1, 1, "ada", None);
    let refused = |world: &mut World| world.answer(ada, emit("[]", None, None)) == ["no rate_limited"];
    assert_eq!((0..8).filter(|_| refused(&mut world)).count(), 3);
    world.wait(100);
    assert!(!refused(&mut world) && refused(&mut world));
}

#[test]
fn an_event_costs_by_its_receivers() {
    let limits = Limits { event_deliveries_per_second: 10, ..Limits::default() };
    let mut world = world(limits);
    let ada = enter(&mut world, 1, 1, "ada", None);
    let bob = enter(&mut world, 2, 1, "bob", None);
    let refused = |world: &mut World, args: &str| world.answer(ada, emit(args, None, None)) == ["no rate_limited"];
    // To two members each: five fit into ten.
    assert_eq!((0..6).filter(|_| refused(&mut world, "[]")).count(), 1);
    world.wait(1_000);
    let large = format!("[\"{}\"]", "x".repeat(100 * 1_024));
    assert_eq!((0..6).filter(|_| refused(&mut world, &large)).count(), 1, "bytes are not refused, however many");
    world.hears(bob);
}
