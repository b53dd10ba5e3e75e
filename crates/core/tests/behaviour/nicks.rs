//! Taking another nick.

use crate::world::{World, as_new, hello, join, leave, nick, resume, say};
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

#[test]
fn nobody_looks_like_somebody_who_is_obeyed_and_nobody_is_the_server() {
    let mut world = World::new();
    let (ada, _) = (world.enter(1, "ada"), world.enter(2, "Admin"));
    for wish in
        ["admin", "adm1n", "admiin", "\u{e0}dmin", "ad-min", "àda2", "rооt", "s3rver", "everyone", "here", "room"]
    {
        let expected = if wish == "àda2" { "nick àda2" } else { "no nick_taken" };
        assert_eq!(world.answer(ada, nick(wish)), [expected], "{wish}");
        let other = world.connect(3);
        let heard = world.answer(other, hello(wish));
        assert_eq!(heard[0], "no nick_taken", "{wish}");
        world.disconnect(other);
    }
    assert_eq!(world.answer(ada, nick("ádá2")), ["nick ádá2"], "one's own");
}

#[test]
fn a_new_room_that_looks_like_another_is_refused() {
    let mut world = World::new();
    let (ada, bob) = (world.enter(1, "ada"), world.enter(2, "bob"));
    world.ask(ada, join("modern-0"));
    world.ask(ada, join("команда"));
    for alike in [
        "modern-o",
        "rnodern-0",
        "módern-0",
        "mоdern-0",
        "modern\u{331}-0",
        "кома\u{301}нда",
        "l0bby",
        "lobbby",
        "lóbby",
        "lob.by",
    ] {
        assert_eq!(world.answer(bob, join(alike)), ["no room_invalid"], "{alike}");
    }
    for other in ["modern-1", "modem-00", "lobby2", "lob", "teem", "команды"] {
        assert!(world.answer(bob, join(other))[0].starts_with("joined"), "{other}");
        world.ask(bob, leave(other));
    }
    assert!(world.answer(bob, join("Modern-0"))[0].starts_with("joined modern-0"), "its own name is free to all");
    // It was somebody's, and with its history it stays so.
    world.ask(bob, say("x"));
    world.ask(bob, leave("modern-0"));
    world.ask(ada, leave("modern-0"));
    assert_eq!(world.answer(bob, join("modern-o")), ["no room_invalid"]);
    // Without, anybody may begin another.
    world.ask(ada, leave("команда"));
    assert!(world.answer(bob, join("кома\u{301}нда"))[0].starts_with("joined"));
    // Rooms of earlier days that look alike can be joined, both.
    for name in ["old1", "oldl"] {
        world.rooms.restore_room(name.into(), 5, 1, "".into(), world.now);
    }
    for name in ["old1", "oldl"] {
        assert!(world.answer(ada, join(name))[0].starts_with(&format!("joined {name}")));
    }
    assert_eq!(world.answer(ada, join("o1d1")), ["no room_invalid"]);
    // What is no room to be joined is none to come back to.
    let again = world.connect(4);
    let token = world.token(bob);
    let welcome = world.answer(again, resume(&token, &[("l0bby", 0), ("dev", 0)]));
    assert!(welcome.iter().all(|heard| !heard.contains("l0bby")), "{welcome:?}");
}
