//! Events that are not in the vocabulary are relayed as they came, once to each connection.

use crate::world::{World, as_new, join, leave};
use std::sync::Arc;
use switchboard_core::{Attachments, Command, SessionId};

fn emit(to: Option<SessionId>) -> Command {
    Command::Relay {
        name: "draw".to_owned(),
        args: Arc::from("[1]"),
        binary: Attachments::default(),
        packed: None,
        to,
        room: None,
    }
}

#[test]
fn in_one_room_it_reaches_each_other_member() {
    let mut world = World::new();
    let (ada, bob) = (world.enter(1, "ada"), world.enter(2, "bob"));
    let second = world.connect(3);
    let token = world.token(ada);
    world.ask(second, as_new(&token));
    world.hears(ada);
    world.hears(second);
    assert!(world.answer(ada, emit(None)).is_empty());
    assert_eq!(world.hears(bob), ["- ada emits draw [1]"]);
    assert_eq!(world.hears(second), ["own - ada emits draw [1]"]);
    world.ask_with(ada, "r", emit(None));
    assert_eq!(world.hears(ada), ["ack(r)"]);
}

#[test]
fn in_several_rooms_it_reaches_each_connection_once() {
    let mut world = World::new();
    let (ada, bob, eve) = (world.enter(1, "ada"), world.enter(2, "bob"), world.enter(3, "eve"));
    for connection in [ada, bob, eve] {
        world.ask(connection, join("dev"));
    }
    world.ask(eve, leave("lobby"));
    let out = world.enter(4, "out");
    world.ask(out, leave("lobby"));
    for connection in [ada, bob, eve, out] {
        world.hears(connection);
    }
    assert!(world.answer(ada, emit(None)).is_empty());
    assert_eq!(world.hears(bob), ["- ada emits draw [1]"]);
    assert_eq!(world.hears(eve), ["- ada emits draw [1]"]);
    assert!(world.hears(out).is_empty());
    assert_eq!(world.answer(out, emit(None)), ["no not_a_member"]);
}

#[test]
fn it_may_be_for_one_session() {
    let mut world = World::new();
    let (ada, bob, eve) = (world.enter(1, "ada"), world.enter(2, "bob"), world.enter(3, "eve"));
    world.hears(bob);
    let to = world.sessions.session_of(bob);
    world.ask(ada, emit(to));
    assert_eq!(world.hears(bob), ["- ada emits draw [1]"]);
    assert!(world.hears(eve).is_empty());
    world.disconnect(bob);
    assert_eq!(world.answer(ada, emit(to)), ["no no_such_user"]);
}
