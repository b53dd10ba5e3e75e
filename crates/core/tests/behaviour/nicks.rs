//! Taking another nick.

use crate::world::{World, as_new, hello, join, leave, nick};
use switchboard_core::{Command, Limits};

#[test]
fn a_new_nick_is_told_once_in_each_room() {
    let mut world = World::new();
    let (ada, bob) = (world.enter(1, "ada"), world.enter(2, "bob"));
    world.ask(ada, join("dev"));
    world.ask(bob, join("dev"));
    world.hears(bob);
    assert_eq!(world.answer(ada, nick("Lovelace")), ["nick Lovelace"]);
    assert_eq!(world.hears(bob), ["lobby ada is Lovelace", "dev ada is Lovelace"]);
    assert_eq!(world.answer(bob, Command::Members { room: None }), ["members dev 2: bob(1) Lovelace(1)"]);
    // The old one is free again, the new one is not.
    let other = world.connect(3);
    assert_eq!(world.answer(other, hello("lovelace")), ["no nick_taken"]);
    assert_eq!(world.answer(other, hello("ada"))[0], "welcome ada lobby 0/3");
}

#[test]
fn what_cannot_be_had_is_refused() {
    let mut world = World::new();
    let (ada, _) = (world.enter(1, "ada"), world.enter(2, "bob"));
    for (wish, answer) in [("Bob", "no nick_taken"), ("b b", "no nick_invalid"), ("", "no nick_invalid")] {
        assert_eq!(world.answer(ada, nick(wish)), [answer]);
    }
    let long = "x".repeat(33);
    assert_eq!(world.answer(ada, nick(&long)), ["no nick_invalid"]);
}

#[test]
fn ones_own_nick_may_change_its_case_and_the_same_one_is_no_news() {
    let mut world = World::new();
    let (ada, bob) = (world.enter(1, "ada"), world.enter(2, "bob"));
    assert_eq!(world.answer(ada, nick("ADA")), ["nick ADA"]);
    assert_eq!(world.hears(bob), ["lobby ada is ADA"]);
    assert_eq!(world.answer(ada, nick("ADA")), ["nick ADA"]);
    assert!(world.hears(bob).is_empty());
}

#[test]
fn the_users_other_sessions_learn_it_wherever_they_are() {
    let mut world = World::new();
    let ada = world.enter(1, "ada");
    let token = world.token(ada);
    let (with, apart) = (world.connect(2), world.connect(3));
    world.ask(with, as_new(&token));
    world.ask(apart, as_new(&token));
    world.ask(apart, leave("lobby"));
    world.hears(with);
    world.hears(apart);
    assert_eq!(world.answer(ada, nick("eve")), ["nick eve"]);
    assert_eq!(world.hears(with), ["own lobby ada is eve"]);
    assert_eq!(world.hears(apart), ["own - ada is eve"]);
}

#[test]
fn in_a_large_room_only_the_user_is_told() {
    let mut world = World::with(Limits { presence_max: 1, ..Limits::default() });
    let (ada, bob) = (world.enter(1, "ada"), world.enter(2, "bob"));
    let second = world.connect(3);
    let token = world.token(ada);
    world.ask(second, as_new(&token));
    world.tick();
    world.hears(bob);
    world.hears(second);
    world.ask(ada, nick("eve"));
    assert!(world.hears(bob).is_empty());
    assert_eq!(world.hears(second), ["own - ada is eve"]);
}

#[test]
fn whoever_begins_with_a_nick_was_never_a_guest() {
    let mut world = World::new();
    let bob = world.enter(1, "bob");
    world.hears(bob);
    let ada = world.connect(2);
    assert_eq!(world.answer(ada, nick("Bob")), ["no nick_taken"], "and there is no session yet");
    assert_eq!(world.answer(ada, nick("ada")), ["welcome ada lobby 0/2", "+lobby", "@lobby"]);
    assert_eq!(world.hears(bob), ["lobby ada joined, 2"]);
}
