//! Several sessions of one user: tabs and devices.

use crate::world::{World, as_new, join, leave, say, set_topic};
use switchboard_core::{Command, ConnectionId, Limits};

/// Ada twice, and Bob.
fn three() -> (World, ConnectionId, ConnectionId, ConnectionId) {
    let mut world = World::new();
    let (ada, bob) = (world.enter(1, "ada"), world.enter(2, "bob"));
    let token = world.token(ada);
    let second = world.connect(3);
    assert_eq!(world.answer(second, as_new(&token)), ["welcome ada lobby 0/2", "+lobby", "@lobby"]);
    world.hears(ada);
    (world, ada, second, bob)
}

#[test]
fn a_further_session_is_the_same_user_and_told_nobody() {
    let (mut world, ada, second, bob) = three();
    assert!(world.hears(bob).is_empty());
    let (one, other) = (world.sessions.sender_of(ada).unwrap(), world.sessions.sender_of(second).unwrap());
    assert_eq!((one.user, &one.nick), (other.user, &other.nick));
    assert_ne!(one.session, other.session);
    assert_eq!(world.answer(bob, Command::Members { room: None }), ["members lobby 2: ada(2) bob(1)"]);
}

#[test]
fn what_one_session_says_the_other_hears_as_its_own() {
    let (mut world, ada, second, bob) = three();
    assert_eq!(world.answer(ada, say("hi")), ["ack #1"]);
    assert_eq!(world.hears(second), ["own lobby #1 <ada> hi"]);
    assert_eq!(world.hears(bob), ["lobby #1 <ada> hi"]);
    assert_eq!(world.answer(second, set_topic("news")), ["ack #2"]);
    assert_eq!(world.hears(ada), ["own lobby #2 ada topic \"news\""]);
    assert_eq!(world.hears(bob), ["lobby #2 ada topic \"news\""]);
}

#[test]
fn only_the_first_to_come_and_the_last_to_go_are_told() {
    let (mut world, ada, second, bob) = three();
    world.ask(bob, join("dev"));
    world.ask(ada, join("dev"));
    world.ask(second, join("dev"));
    assert_eq!(world.events(bob), ["joined dev 0/1 \"\"", "dev ada joined, 2"]);
    world.ask(ada, leave("dev"));
    assert!(world.hears(bob).is_empty());
    world.ask(second, leave("dev"));
    assert_eq!(world.hears(bob), ["dev ada left, 1"]);
    world.ask(ada, Command::Quit);
    assert!(world.hears(bob).is_empty());
    world.ask(second, Command::Quit);
    assert_eq!(world.hears(bob), ["lobby ada left, 1"]);
}

#[test]
fn a_room_may_be_heard_by_one_of_them_only() {
    let (mut world, ada, second, _) = three();
    world.ask(ada, join("dev"));
    world.ask(ada, say("alone"));
    assert!(world.hears(second).is_empty());
}

#[test]
fn a_user_has_so_many_sessions_and_no_more() {
    let mut world = World::with(Limits { sessions_per_user: 2, ..Limits::default() });
    let ada = world.enter(1, "ada");
    let token = world.token(ada);
    let (second, third) = (world.connect(2), world.connect(3));
    assert_eq!(world.answer(second, as_new(&token))[0], "welcome ada lobby 0/1");
    assert_eq!(world.answer(third, as_new(&token)), ["no too_many_sessions"]);
    world.ask(second, Command::Quit);
    assert_eq!(world.answer(third, as_new(&token))[0], "welcome ada lobby 0/1");
}

#[test]
fn a_session_that_comes_back_belongs_to_its_user() {
    let (mut world, ada, second, bob) = three();
    let token = world.token(second);
    let session = world.sessions.session_of(second);
    world.disconnect(second);
    world.wait(30_000);
    world.hears(bob);
    let again = world.connect(4);
    world.ask(again, crate::world::resume(&token, &[]));
    assert_eq!(world.hears(again)[0], "welcome back ada lobby 0/2");
    assert_eq!(world.sessions.session_of(again), session);
    assert_eq!(world.sessions.sender_of(again).unwrap().user, world.sessions.sender_of(ada).unwrap().user);
    assert!(world.hears(bob).is_empty());
}

#[test]
fn as_new_without_its_user_here_is_the_user_again() {
    let mut world = World::new();
    let ada = world.enter(1, "ada");
    let (token, sender) = (world.token(ada), world.sessions.sender_of(ada).unwrap());
    world.disconnect(ada);
    world.wait(60_000);
    let again = world.connect(2);
    let heard = world.answer(again, as_new(&token));
    assert!(heard[0].starts_with("welcome guest-"), "{heard:?}");
    let now = world.sessions.sender_of(again).unwrap();
    assert_eq!(now.user, sender.user);
    assert_ne!(now.session, sender.session);
}
