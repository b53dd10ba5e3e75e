//! Who is in which room, and how the others hear of it.

use crate::world::{World, hello, join, leave};
use switchboard_core::cost::Rate;
use switchboard_core::{Command, Limits};

#[test]
fn joining_and_leaving_is_told_to_the_others() {
    let mut world = World::new();
    let (ada, bob) = (world.enter(1, "ada"), world.enter(2, "bob"));
    assert_eq!(world.answer(ada, join("#Dev")), ["joined dev 0/1 \"\"", "+dev", "@dev"]);
    assert_eq!(world.answer(bob, join("dev")), ["joined dev 0/2 \"\"", "+dev", "@dev"]);
    assert_eq!(world.hears(ada), ["dev bob joined, 2"]);
    assert_eq!(world.answer(ada, leave("dev")), ["left dev, now lobby", "-dev", "@lobby"]);
    assert_eq!(world.hears(bob), ["dev ada left, 1"]);
}

#[test]
fn joining_again_makes_a_room_the_current_one() {
    let mut world = World::new();
    let (ada, bob) = (world.enter(1, "ada"), world.enter(2, "bob"));
    world.ask(ada, join("dev"));
    world.hears(bob);
    assert_eq!(world.answer(ada, join("lobby")), ["joined lobby 0/2 \"\"", "@lobby"]);
    assert!(world.hears(bob).is_empty());
    assert_eq!(world.answer(ada, Command::Leave { room: None }), ["left lobby, now dev", "-lobby", "@dev"]);
    assert_eq!(world.answer(ada, Command::Leave { room: None }), ["left dev, now none", "-dev", "@none"]);
    assert_eq!(world.answer(ada, Command::Leave { room: None }), ["no not_a_member"]);
    assert_eq!(world.answer(ada, leave("lobby")), ["no not_a_member"]);
    assert_eq!(world.answer(ada, leave("no room")), ["no room_invalid"]);
}

#[test]
fn rooms_are_bounded_for_a_session_and_for_the_server() {
    let limits = Limits { rooms_per_session: 3, rooms_total: 4, ..Limits::default() };
    let mut world = World::with(limits);
    let ada = world.enter(1, "ada");
    for room in ["a", "b"] {
        world.ask(ada, join(room));
    }
    assert_eq!(world.answer(ada, join("c")), ["no too_many_rooms"]);
    assert_eq!(world.answer(ada, join("not a room")), ["no room_invalid"]);
    let bob = world.enter(2, "bob");
    world.ask(bob, join("c"));
    assert_eq!(world.answer(bob, join("d")), ["no too_many_rooms_on_server"]);
    // A room with history counts once, with members and without.
    world.ask(bob, crate::world::say("hi"));
    world.ask(ada, leave("a"));
    world.ask(bob, join("d"));
    assert_eq!(world.events(bob).last().unwrap(), "joined d 0/1 \"\"");
    world.ask(bob, leave("c"));
    world.ask(bob, leave("d"));
    assert_eq!(world.answer(bob, join("e"))[0], "joined e 0/1 \"\"");
    assert_eq!(world.answer(bob, join("f")), ["no too_many_rooms_on_server"]);
    assert_eq!(world.answer(bob, join("c"))[0], "joined c 1/1 \"\"");
}

#[test]
fn above_presence_max_only_the_count_is_told_at_most_once_a_second() {
    let mut world = World::with(Limits { presence_max: 2, ..Limits::default() });
    let ada = world.enter(1, "ada");
    let bob = world.enter(2, "bob");
    assert_eq!(world.hears(ada), ["lobby bob joined, 2"]);
    let eve = world.enter(3, "eve");
    assert!(world.hears(ada).is_empty());
    assert_eq!(world.sessions.next_deadline(), Some(world.now));
    world.wait(0);
    assert_eq!(world.hears(ada), ["lobby members 3"]);
    assert_eq!(world.hears(eve), ["lobby members 3"]);
    for number in 4..10 {
        world.enter(number, &format!("user{number}"));
    }
    world.wait(999);
    assert!(world.hears(ada).is_empty());
    world.wait(1);
    assert_eq!(world.hears(ada), ["lobby members 9"]);
    // Nothing changed: nothing is told.
    world.wait(10_000);
    assert!(world.hears(ada).is_empty());
    assert_eq!(world.sessions.next_deadline(), None);
    // Leaves of a large room are counted too.
    world.ask(eve, Command::Quit);
    world.wait(0);
    assert_eq!(world.hears(bob), ["lobby bob joined, 2", "lobby members 3", "lobby members 9", "lobby members 8"][1..]);
}

#[test]
fn the_count_of_a_very_large_room_is_told_once_in_as_many_milliseconds_as_it_has_members() {
    let mut world = World::with(Limits { presence_max: 2, ..Limits::default() });
    let ada = world.enter(1, "ada");
    let enter = |world: &mut World, numbers: std::ops::RangeInclusive<u64>| {
        for number in numbers {
            world.enter(number, &format!("user{number}"));
        }
    };
    enter(&mut world, 2..=1_000);
    world.wait(0);
    enter(&mut world, 1_001..=1_500);
    world.hears(ada);
    // With 1,000 members it is still a second.
    world.wait(999);
    assert!(world.hears(ada).is_empty());
    world.wait(1);
    assert_eq!(world.hears(ada), ["lobby members 1500"]);
    enter(&mut world, 1_501..=1_501);
    world.wait(1_499);
    assert!(world.hears(ada).is_empty());
    world.wait(1);
    assert_eq!(world.hears(ada), ["lobby members 1501"]);
    // It was quiet for long: what comes now is told together, a second later.
    world.wait(1_501);
    enter(&mut world, 1_502..=1_502);
    world.wait(999);
    enter(&mut world, 1_503..=1_600);
    assert!(world.hears(ada).is_empty());
    world.wait(1);
    assert_eq!(world.hears(ada), ["lobby members 1600"]);
}

#[test]
fn back_at_presence_max_leaves_are_told_one_by_one_again() {
    let mut world = World::with(Limits { presence_max: 2, ..Limits::default() });
    let (ada, bob, eve) = (world.enter(1, "ada"), world.enter(2, "bob"), world.enter(3, "eve"));
    world.wait(5_000);
    world.hears(ada);
    world.ask(eve, Command::Quit);
    world.wait(5_000);
    world.ask(bob, Command::Quit);
    assert_eq!(world.hears(ada), ["lobby members 2", "lobby bob left, 1"]);
}

#[test]
fn a_room_that_is_gone_owes_no_count() {
    let mut world = World::with(Limits { presence_max: 0, ..Limits::default() });
    let ada = world.enter(1, "ada");
    world.ask(ada, join("dev"));
    world.ask(ada, leave("dev"));
    world.ask(ada, join("other"));
    world.hears(ada);
    world.wait(1_000);
    assert_eq!(world.hears(ada), ["lobby members 1", "other members 1"]);
}

#[test]
fn members_and_rooms_are_listed_by_name() {
    let mut world = World::new();
    let ada = world.enter(1, "Zoe");
    world.enter(2, "adam");
    world.enter(3, "Bea");
    assert_eq!(world.answer(ada, Command::Members { room: None }), ["members lobby 3: adam(1) Bea(1) Zoe(1)"]);
    world.ask(ada, join("zoo"));
    world.ask(ada, crate::world::say("hi"));
    world.ask(ada, leave("zoo"));
    world.ask(ada, join("arena"));
    assert_eq!(world.answer(ada, Command::Rooms), ["rooms arena 0/1 lobby 0/3 zoo 1/0"]);
    let room = Some("zoo".to_owned());
    assert_eq!(world.answer(ada, Command::Members { room }), ["no not_a_member"]);
}

#[test]
fn long_lists_are_cut_and_say_so() {
    let new_rooms = Rate::default();
    let limits =
        Limits { presence_max: 0, rooms_per_session: 1_000, command_burst: 1_000, new_rooms, ..Limits::default() };
    let mut world = World::with(limits);
    let ada = world.connect(0);
    world.ask(ada, hello("ada"));
    for number in 1..=500 {
        world.enter(number, &format!("user{number:03}"));
        world.ask(ada, join(&format!("room{number:03}")));
    }
    let heard = world.answer(ada, Command::Members { room: Some("lobby".to_owned()) }).remove(0);
    assert!(heard.starts_with("members lobby 501: ada(1) user001(1)") && heard.ends_with("user499(1) ..."), "{heard}");
    let heard = world.answer(ada, Command::Rooms).remove(0);
    assert!(heard.starts_with("rooms lobby 0/501 room001 0/1") && heard.ends_with("room499 0/1 ..."), "{heard}");
}
