//! The join code: before it, nothing is heard and nothing said.

use crate::world::{World, hello, peer, resume, say, settings};
use switchboard_core::{Command, Hello, Limits};

fn locked() -> World {
    let mut settings = settings(Limits::default());
    settings.join_code = Some("open sesame".to_owned());
    World::from_settings(settings)
}

fn pass(code: &str) -> Command {
    Command::Pass { code: code.to_owned() }
}

#[test]
fn nothing_passes_without_the_code() {
    let mut world = locked();
    let ada = world.connect(1);
    for command in [hello("ada"), say("hi"), Command::Ping, Command::Rooms, resume("token", &[])] {
        assert_eq!(world.answer(ada, command), ["no pass_required"]);
    }
    assert_eq!(world.sessions.counts().users, 0);
    assert_eq!(world.answer(ada, Command::Quit), ["closed quit"]);
}

#[test]
fn the_code_comes_with_hello_or_before_it() {
    let mut world = locked();
    let ada = world.connect(1);
    let hello_with = |nick: &str, code: &str| {
        Command::Hello(Hello { nick: Some(nick.to_owned()), pass: Some(code.to_owned()), ..Hello::default() })
    };
    assert_eq!(world.answer(ada, hello_with("ada", "open")), ["no pass_wrong"]);
    assert_eq!(world.answer(ada, hello_with("ada", "open sesame"))[0], "welcome ada lobby 0/1");
    let bob = world.connect(2);
    assert_eq!(world.answer(bob, pass("open sesame")), ["ack"]);
    assert_eq!(world.answer(bob, hello("bob"))[0], "welcome bob lobby 0/2");
}

#[test]
fn a_line_client_is_asked_and_then_hears_the_room() {
    let mut world = locked();
    let silent = world.connect_as(1, peer(false));
    world.observe(silent);
    assert_eq!(world.hears(silent), ["no pass_required"]);
    assert_eq!(world.answer(silent, pass("open sesame")), ["ack", "+lobby", "@lobby", "observing lobby 0/0"]);
}

#[test]
fn too_many_wrong_codes_close_the_connection() {
    let mut world = locked();
    let thief = world.connect(1);
    for _ in 0..4 {
        assert_eq!(world.answer(thief, pass("guess")), ["no pass_wrong"]);
        // Beginning again is no way to get more guesses.
        world.connect(1);
    }
    assert_eq!(world.answer(thief, pass("guess")), ["no pass_wrong", "closed pass_refused"]);
    assert!(world.answer(thief, pass("open sesame")).is_empty());
}

#[test]
fn where_no_code_is_asked_for_any_is_good() {
    let mut world = World::new();
    let ada = world.connect(1);
    assert_eq!(world.answer(ada, pass("whatever")), ["ack"]);
    assert_eq!(world.answer(ada, hello("ada"))[0], "welcome ada lobby 0/1");
}
