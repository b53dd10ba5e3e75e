//! How a session begins and ends.

use crate::world::{World, hello, join, peer, say, settings};
use switchboard_core::{Command, Limits, Request, SessionId};

#[test]
fn a_hello_is_welcomed_into_the_first_rooms_and_told_to_the_others() {
    let mut world = World::new();
    let ada = world.connect(1);
    world.ask_with(ada, "r", hello("Ada"));
    assert_eq!(world.hears(ada), ["welcome(r) Ada lobby 0/1", "+lobby", "@lobby"]);
    let bob = world.connect(2);
    assert_eq!(world.answer(bob, hello("bob")), ["welcome bob lobby 0/2", "+lobby", "@lobby"]);
    assert_eq!(world.hears(ada), ["lobby bob joined, 2"]);
}

#[test]
fn any_other_command_opens_a_guest_session_first() {
    let mut world = World::new();
    let guest = world.connect(1);
    let heard = world.answer(guest, say("hi"));
    assert!(heard[0].starts_with("welcome guest-"), "{heard:?}");
    assert_eq!(heard[1..], ["+lobby", "@lobby", "ack #1"]);
    let nick = world.sessions.sender_of(guest).unwrap().nick;
    assert_eq!(nick.len(), "guest-7f3a".len());
    assert!(nick["guest-".len()..].bytes().all(|byte| byte.is_ascii_hexdigit()));
}

#[test]
fn ping_opens_no_session() {
    let mut world = World::new();
    let silent = world.connect(1);
    assert_eq!(world.answer(silent, Command::Ping), ["pong"]);
    assert_eq!(world.sessions.session_of(silent), None);
}

#[test]
fn a_hello_that_cannot_be_may_be_tried_again() {
    let mut world = World::new();
    world.enter(1, "ada");
    let other = world.connect(2);
    assert_eq!(world.answer(other, hello("ADA")), ["no nick_taken"]);
    assert_eq!(world.answer(other, hello("аda")), ["no nick_taken"]);
    assert_eq!(world.answer(other, hello("a da")), ["no nick_invalid"]);
    assert_eq!(world.answer(other, hello("bob"))[0], "welcome bob lobby 0/2");
    assert_eq!(world.answer(other, hello("bob")), ["no already_welcome"]);
}

#[test]
fn quit_ends_the_session_at_once() {
    let mut world = World::new();
    let (ada, bob) = (world.enter(1, "ada"), world.enter(2, "bob"));
    world.hears(ada);
    assert_eq!(world.answer(bob, Command::Quit), ["-lobby", "closed quit"]);
    assert_eq!(world.hears(ada), ["lobby bob left, 1"]);
    // What a closing connection still says is not heard.
    assert!(world.answer(bob, say("more")).is_empty());
    world.disconnect(bob);
    assert_eq!(world.sessions.counts().connections, 1);
    assert_eq!(world.sessions.counts().users, 1);
}

#[test]
fn a_session_without_a_token_ends_with_its_connection() {
    let mut world = World::new();
    let ada = world.enter(1, "ada");
    let text = world.connect_as(2, peer(false));
    world.ask(text, hello("bob"));
    world.hears(ada);
    world.disconnect(text);
    assert_eq!(world.hears(ada), ["lobby bob gone, 1"]);
}

#[test]
fn a_resumable_session_is_seen_until_its_time_is_over() {
    let mut world = World::new();
    let (ada, bob) = (world.enter(1, "ada"), world.enter(2, "bob"));
    world.hears(ada);
    world.disconnect(bob);
    world.wait(29_999);
    assert!(world.hears(ada).is_empty());
    assert_eq!(world.answer(ada, Command::Members { room: None }), ["members lobby 2: ada(1) bob(1)"]);
    world.wait(1);
    assert_eq!(world.hears(ada), ["lobby bob gone, 1"]);
    assert_eq!(world.sessions.next_deadline(), None);
}

#[test]
fn a_silent_observer_hears_the_room_and_is_nobody() {
    let mut world = World::new();
    let ada = world.enter(1, "ada");
    let silent = world.connect_as(2, peer(false));
    world.observe(silent);
    world.observe(silent);
    assert_eq!(world.hears(silent), ["+lobby", "@lobby", "observing lobby 0/1"]);
    assert!(world.hears(ada).is_empty());
    world.ask(ada, say("hi"));
    assert_eq!(world.hears(silent), ["lobby #1 <ada> hi"]);
    // It speaks, and is somebody.
    let heard = world.answer(silent, say("hello"));
    assert_eq!(heard[0], "-lobby");
    assert!(heard[1].starts_with("welcome guest-") && heard[1].ends_with(" lobby 1/2"), "{heard:?}");
    assert_eq!(heard[2..], ["+lobby", "@lobby", "ack #2"]);
}

#[test]
fn an_observer_that_goes_leaves_no_trace() {
    let mut world = World::new();
    let silent = world.connect_as(1, peer(false));
    world.observe(silent);
    assert_eq!(world.sessions.counts().rooms, 1);
    let ada = world.enter(2, "ada");
    world.disconnect(silent);
    assert!(world.hears(ada).is_empty());
    world.ask(ada, Command::Quit);
    assert_eq!(world.sessions.counts().rooms, 0);
}

#[test]
fn an_observer_may_begin_again_as_a_program() {
    let mut world = World::new();
    let connection = world.connect_as(1, peer(false));
    world.observe(connection);
    world.hears(connection);
    world.connect_as(1, peer(true));
    assert_eq!(world.hears(connection), ["-lobby"]);
    assert_eq!(world.answer(connection, hello("ada")), ["welcome ada lobby 0/1", "+lobby", "@lobby"]);
    // With a session, beginning again means nothing.
    world.connect_as(1, peer(false));
    assert_eq!(world.answer(connection, say("hi")), ["ack #1"]);
}

#[test]
fn several_first_rooms_and_the_last_is_current() {
    let mut settings = settings(Limits::default());
    settings.auto_join = ["Lobby", "no room", "#dev", "lobby"].map(str::to_owned).to_vec();
    let mut world = World::from_settings(settings);
    let ada = world.connect(1);
    assert_eq!(world.answer(ada, hello("ada")), ["welcome ada lobby 0/1 dev 0/1", "+lobby", "+dev", "@dev"]);
}

#[test]
fn without_first_rooms_there_is_nothing_to_observe_and_no_room_to_speak_in() {
    let mut settings = settings(Limits::default());
    settings.auto_join.clear();
    let mut world = World::from_settings(settings);
    let ada = world.connect(1);
    world.observe(ada);
    assert_eq!(world.answer(ada, hello("ada")), ["welcome ada", "@none"]);
    assert_eq!(world.answer(ada, say("hi")), ["no not_a_member"]);
    assert_eq!(world.answer(ada, join("dev")), ["joined dev 0/1 \"\"", "+dev", "@dev"]);
}

#[test]
fn a_server_that_goes_down_refuses_everything() {
    let mut world = World::new();
    let ada = world.enter(1, "ada");
    world.sessions.shutdown();
    assert_eq!(world.answer(ada, say("hi")), ["no shutting_down"]);
    let late = world.connect(2);
    assert_eq!(world.answer(late, hello("bob")), ["no shutting_down"]);
}

#[test]
fn commands_have_a_measure_and_goodbye_is_always_heard() {
    let limits = Limits { commands_per_second: 1, command_burst: 3, ..Limits::default() };
    let mut world = World::with(limits);
    let ada = world.enter(1, "ada");
    assert_eq!(world.answer(ada, Command::Ping), ["pong"]);
    assert_eq!(world.answer(ada, Command::Rooms), ["rooms lobby 0/1"]);
    assert_eq!(world.answer(ada, Command::Ping), ["no rate_limited"]);
    // Messages have another.
    assert_eq!(world.answer(ada, say("hi")), ["ack #1"]);
    world.wait(1_000);
    assert_eq!(world.answer(ada, Command::Ping), ["pong"]);
    assert_eq!(world.answer(ada, Command::Quit), ["-lobby", "closed quit"]);
}

#[test]
fn the_session_of_a_connection_is_known() {
    let mut world = World::new();
    let ada = world.enter(1, "ada");
    let session: SessionId = world.sessions.session_of(ada).unwrap();
    let sender = world.sessions.sender_of(ada).unwrap();
    assert_eq!((sender.session, &*sender.nick), (session, "ada"));
}

#[test]
fn an_unknown_connection_is_not_heard() {
    let mut world = World::new();
    let mut out = Vec::new();
    let nobody = switchboard_core::ConnectionId(99);
    let entry = world.sessions.admit(world.now, nobody, Request::plain(say("hi")), &world.rooms, &mut out);
    assert_eq!((entry, out), (None, Vec::new()));
}

#[test]
fn guests_find_names_when_the_short_ones_are_taken() {
    let limits = Limits { presence_max: 0, ..Limits::default() };
    let mut world = World::with(limits);
    for number in 0..3_000 {
        let connection = world.connect(number);
        world.ask(connection, Command::Rooms);
    }
    assert_eq!(world.sessions.counts().users, 3_000);
}
