//! Messages, private ones, topics and typing.

use crate::world::{World, as_new, join, say, say_in, say_once, set_topic, tell};
use switchboard_core::{Body, Command, Limits, Target};

const ID: &str = "01JD0000000000000000000001";

#[test]
fn a_message_reaches_the_others_and_is_acknowledged() {
    let mut world = World::new();
    let (ada, bob) = (world.enter(1, "ada"), world.enter(2, "bob"));
    world.hears(ada);
    world.ask_with(ada, "1", say("hi"));
    assert_eq!(world.hears(ada), ["ack(1) #1"]);
    assert_eq!(world.hears(bob), ["lobby #1 <ada> hi"]);
    let wave = Command::Message { target: Target::Current, text: "waves".to_owned(), id: None, action: true };
    assert_eq!(world.answer(ada, wave), ["ack #2"]);
    assert_eq!(world.hears(bob), ["lobby #2 * <ada> waves"]);
}

#[test]
fn what_is_wrong_with_a_message_is_said_in_this_order() {
    let mut world = World::with(Limits { message_chars: 5, ..Limits::default() });
    let ada = world.enter(1, "ada");
    let cases = [
        (say_once("dev", "", "short"), "no not_a_member"),
        (say_once("no room", "", "short"), "no room_invalid"),
        (say_once("lobby", " \t\u{3000}", "short"), "no message_empty"),
        (say_once("lobby", "sixsix", "short"), "no message_too_long"),
        (say_once("lobby", "fifth", "short"), "no id_invalid"),
        (say_once("lobby", "fifth", &"x".repeat(65)), "no id_invalid"),
        (say_once("lobby", "fifth", "sixteen chars no"), "no id_invalid"),
        (tell("nobody", "hi"), "no no_such_user"),
        (tell("no body", "hi"), "no no_such_user"),
        (say("ééééé"), "ack #1"),
        (say_once("lobby", "fifth", ID), "ack #2"),
    ];
    for (command, answer) in cases {
        assert_eq!(world.answer(ada, command.clone()), [answer], "{command:?}");
    }
}

#[test]
fn messages_have_a_rate_and_a_burst() {
    let mut world = World::new();
    let ada = world.enter(1, "ada");
    for _ in 0..30 {
        world.ask(ada, say("hi"));
    }
    world.hears(ada);
    assert_eq!(world.answer(ada, say("hi")), ["no rate_limited"]);
    world.wait(100);
    assert_eq!(world.answer(ada, say("hi")), ["ack #31"]);
    assert_eq!(world.answer(ada, say("hi")), ["no rate_limited"]);
}

#[test]
fn refused_messages_cost_commands() {
    let limits = Limits { command_burst: 3, commands_per_second: 1, message_burst: 1, ..Limits::default() };
    let mut world = World::with(limits);
    let ada = world.enter(1, "ada");
    assert_eq!(world.answer(ada, say("")), ["no message_empty"]);
    assert_eq!(world.answer(ada, say("")), ["no message_empty"]);
    assert_eq!(world.answer(ada, say("")), ["no rate_limited"]);
    assert_eq!(world.answer(ada, say("hi")), ["ack #1"]);
}

#[test]
fn a_full_disk_refuses_what_is_stored_and_nothing_else() {
    let mut world = World::new();
    let (ada, bob) = (world.enter(1, "ada"), world.enter(2, "bob"));
    world.sessions.set_writable(false);
    assert_eq!(world.answer(ada, say("hi")), ["no storage_full"]);
    assert_eq!(world.answer(ada, set_topic("news")), ["no storage_full"]);
    assert_eq!(world.answer(ada, tell("bob", "psst")), ["ack"]);
    assert_eq!(world.hears(bob), ["- <ada> to bob: psst"]);
    world.sessions.set_writable(true);
    assert_eq!(world.answer(ada, say("hi")), ["ack #1"]);
}

#[test]
fn the_same_id_is_stored_once() {
    let mut world = World::new();
    let (ada, bob) = (world.enter(1, "ada"), world.enter(2, "bob"));
    assert_eq!(world.answer(ada, say_once("lobby", "hi", ID)), ["ack #1"]);
    assert_eq!(world.answer(ada, say_once("lobby", "hi", ID)), ["ack #1 again"]);
    assert_eq!(world.answer(ada, say_once("lobby", "other", ID)), ["no id_conflict"]);
    assert_eq!(world.hears(bob), ["lobby #1 <ada> hi"]);
    assert_eq!(world.rooms.seq("lobby"), 1);
}

#[test]
fn the_answer_finds_only_the_session_that_asked() {
    let mut world = World::new();
    let (ada, bob) = (world.enter(1, "ada"), world.enter(2, "bob"));
    world.hold = true;
    world.ask(ada, say("last words"));
    world.ask(ada, Command::Quit);
    world.ask(bob, say("mine"));
    world.ask(bob, Command::Leave { room: None });
    world.hears(ada);
    world.hears(bob);
    world.flush();
    // Bob left meanwhile: the answer is his, the room is not.
    assert_eq!(world.hears(bob), ["ack #2"]);
    assert!(world.hears(ada).is_empty());
    assert_eq!(world.stored["lobby"].len(), 2);
}

#[test]
fn a_private_message_is_for_one_user_and_not_stored() {
    let mut world = World::new();
    let (ada, bob, eve) = (world.enter(1, "ada"), world.enter(2, "Bob"), world.enter(3, "eve"));
    let second = world.connect(4);
    let token = world.token(ada);
    world.ask(second, as_new(&token));
    for connection in [ada, bob, eve, second] {
        world.hears(connection);
    }
    assert_eq!(world.answer(ada, tell("bob", "psst")), ["ack"]);
    assert_eq!(world.hears(bob), ["- <ada> to Bob: psst"]);
    assert_eq!(world.hears(second), ["own - <ada> to Bob: psst"]);
    assert!(world.hears(eve).is_empty());
    assert!(world.stored.is_empty());
    // To oneself: to one's other sessions.
    assert_eq!(world.answer(ada, tell("ada", "note")), ["ack"]);
    assert_eq!(world.hears(second), ["own - <ada> to ada: note"]);
}

#[test]
fn a_topic_is_set_by_members_and_read_back() {
    let mut world = World::with(Limits { topic_chars: 10, ..Limits::default() });
    let (ada, bob) = (world.enter(1, "ada"), world.enter(2, "bob"));
    assert_eq!(world.answer(ada, set_topic("news")), ["ack #1"]);
    assert_eq!(world.hears(bob), ["lobby #1 ada topic \"news\""]);
    let read = || Command::Topic { room: None, text: None };
    assert_eq!(world.answer(bob, read()), ["topic lobby \"news\""]);
    assert_eq!(world.answer(bob, set_topic("eleven char")), ["no topic_too_long"]);
    assert_eq!(world.answer(bob, set_topic("")), ["ack #2"]);
    assert_eq!(world.answer(bob, read()), ["topic lobby \"\""]);
    let elsewhere = Command::Topic { room: Some("dev".to_owned()), text: Some("x".to_owned()) };
    assert_eq!(world.answer(bob, elsewhere), ["no not_a_member"]);
}

#[test]
fn typing_is_told_once_a_second_and_never_to_oneself() {
    let mut world = World::new();
    let (ada, bob) = (world.enter(1, "ada"), world.enter(2, "bob"));
    world.hears(ada);
    let typing = || Command::Typing { room: None };
    assert!(world.answer(ada, typing()).is_empty());
    assert!(world.answer(ada, typing()).is_empty());
    assert_eq!(world.hears(bob), ["lobby ada types"]);
    world.wait(1_000);
    world.ask_with(ada, "r", typing());
    assert_eq!(world.hears(ada), ["ack(r)"]);
    assert_eq!(world.hears(bob), ["lobby ada types"]);
    assert_eq!(world.answer(ada, Command::Typing { room: Some("dev".to_owned()) }), ["no not_a_member"]);
}

#[test]
fn typing_is_not_told_where_people_are_only_counted() {
    let mut world = World::with(Limits { presence_max: 1, ..Limits::default() });
    let (ada, bob) = (world.enter(1, "ada"), world.enter(2, "bob"));
    world.tick();
    world.hears(bob);
    world.ask(ada, Command::Typing { room: None });
    assert!(world.hears(bob).is_empty());
}

#[test]
fn positions_go_up_and_private_messages_have_one_too() {
    let mut world = World::new();
    let (ada, bob) = (world.enter(1, "ada"), world.enter(2, "bob"));
    world.ask(ada, join("dev"));
    world.ask(bob, join("dev"));
    let first = world.sessions.next_pos();
    world.ask(ada, say_in("lobby", "one"));
    world.ask(ada, tell("bob", "two"));
    world.ask(ada, say_in("dev", "three"));
    assert_eq!(world.sessions.next_pos(), first + 3);
    let positions: Vec<_> = world
        .take(bob)
        .into_iter()
        .filter_map(|heard| match heard {
            crate::world::Heard::Event { event, .. } if matches!(event.body, Body::Message { .. }) => Some(event.pos),
            _ => None,
        })
        .collect();
    assert_eq!(positions, [first, first + 1, first + 2]);
}
