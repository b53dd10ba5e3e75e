//! Coming back with a token.

use crate::world::{START, World, as_new, hello, join, leave, resume, say, settings, tell};
use switchboard_core::limits::TOKEN_AGE_MS;
use switchboard_core::{Command, Epoch, Hello, Limits, Time};

#[test]
fn a_cut_session_goes_on_and_nobody_notices() {
    let mut world = World::new();
    let (ada, bob) = (world.enter(1, "ada"), world.enter(2, "bob"));
    let (token, session) = (world.token(bob), world.sessions.session_of(bob));
    world.ask(ada, say("one"));
    world.disconnect(bob);
    world.ask(ada, say("two"));
    world.ask(ada, say("three"));
    world.hears(ada);
    let again = world.connect(3);
    assert_eq!(
        world.answer(again, resume(&token, &[("Lobby", 1)])),
        ["welcome back bob lobby 3/2", "+lobby", "@lobby", "lobby #2 <ada> two", "lobby #3 <ada> three"]
    );
    assert_eq!(world.sessions.session_of(again), session);
    assert!(world.hears(ada).is_empty());
    world.wait(60_000);
    assert_eq!(world.answer(again, say("four")), ["ack #4"]);
    assert_eq!(world.hears(ada), ["lobby #4 <bob> four"]);
}

#[test]
fn a_session_is_taken_over_and_keeps_its_rooms_and_its_place() {
    let mut world = World::new();
    let (ada, bob) = (world.enter(1, "ada"), world.enter(2, "bob"));
    world.ask(bob, join("dev"));
    world.ask(bob, join("lobby"));
    world.hears(ada);
    world.hears(bob);
    let token = world.token(bob);
    let again = world.connect(3);
    // The token is worth more than the nick that is wished for.
    let hello = Hello { token: Some(token), nick: Some("rob".to_owned()), ..Hello::default() };
    assert_eq!(
        world.answer(again, Command::Hello(hello)),
        ["welcome back bob dev 0/1 lobby 0/2", "+dev", "+lobby", "@lobby"]
    );
    assert_eq!(world.hears(bob), ["-dev", "-lobby", "closed taken_over"]);
    world.disconnect(bob);
    world.wait(60_000);
    assert!(world.hears(ada).is_empty());
    assert_eq!(world.sessions.counts().sessions, 2);
}

#[test]
fn a_message_under_way_during_a_take_over_reaches_the_new_connection_once() {
    let mut world = World::new();
    let (ada, bob) = (world.enter(1, "ada"), world.enter(2, "bob"));
    let token = world.token(bob);
    world.hold = true;
    world.ask(bob, say("mine"));
    let again = world.connect(3);
    world.ask(again, resume(&token, &[("lobby", 0)]));
    world.flush();
    assert_eq!(world.hears(again), ["welcome back bob lobby 0/2", "+lobby", "@lobby", "own lobby #1 <bob> mine"]);
    assert_eq!(world.hears(ada), ["lobby bob joined, 2", "lobby #1 <bob> mine"]);
}

#[test]
fn too_much_to_replay_is_a_gap() {
    let mut world = World::with(Limits { replay_events: 3, ..Limits::default() });
    let (ada, bob) = (world.enter(1, "ada"), world.enter(2, "bob"));
    let token = world.token(bob);
    for number in 1..=5 {
        world.ask(ada, say(&number.to_string()));
    }
    let mut missed = |number, seen: u64| {
        let again = world.connect(number);
        world.ask(again, resume(&token, &[("lobby", seen)]));
        world.hears(again)[3..].to_vec()
    };
    assert_eq!(missed(3, 0), ["lobby gap 1-5"]);
    assert_eq!(missed(4, 1), ["lobby gap 2-5"]);
    assert_eq!(missed(5, 2), ["lobby #3 <ada> 3", "lobby #4 <ada> 4", "lobby #5 <ada> 5"]);
    assert!(missed(6, 5).is_empty());
    // From the future, as after a restore: nothing was missed.
    assert!(missed(7, u64::MAX).is_empty());
}

#[test]
fn what_was_trimmed_is_a_gap_and_the_rest_is_replayed() {
    let mut world = World::with(Limits { replay_events: 3, ..Limits::default() });
    let (ada, bob) = (world.enter(1, "ada"), world.enter(2, "bob"));
    let token = world.token(bob);
    for number in 1..=5 {
        world.ask(ada, say(&number.to_string()));
    }
    let missed = |world: &mut World, number, seen: u64| {
        let again = world.connect(number);
        world.ask(again, resume(&token, &[("lobby", seen)]));
        world.hears(again)[3..].to_vec()
    };
    world.trim("lobby", 4);
    assert_eq!(missed(&mut world, 3, 1), ["lobby gap 2-3", "lobby #4 <ada> 4", "lobby #5 <ada> 5"]);
    assert_eq!(missed(&mut world, 4, 3), ["lobby #4 <ada> 4", "lobby #5 <ada> 5"]);
    world.trim("lobby", 99);
    assert_eq!(missed(&mut world, 5, 1), ["lobby gap 2-5"]);
    assert!(missed(&mut world, 6, 5).is_empty());
}

#[test]
fn rooms_that_a_live_session_is_not_in_are_not_replayed() {
    let mut world = World::new();
    let (ada, bob) = (world.enter(1, "ada"), world.enter(2, "bob"));
    world.ask(ada, join("dev"));
    world.ask(ada, say("hi"));
    let token = world.token(bob);
    let again = world.connect(3);
    let heard = world.answer(again, resume(&token, &[("dev", 0), ("no room", 0)]));
    assert_eq!(heard, ["welcome back bob lobby 0/2", "+lobby", "@lobby"]);
}

#[test]
fn private_messages_wait_for_a_cut_session() {
    let mut world = World::with(Limits { message_burst: 1_000, ..Limits::default() });
    let (ada, bob) = (world.enter(1, "ada"), world.enter(2, "bob"));
    let token = world.token(bob);
    world.disconnect(bob);
    assert_eq!(world.answer(ada, tell("bob", "psst")).last().unwrap(), "ack");
    let again = world.connect(3);
    let heard = world.answer(again, resume(&token, &[]));
    assert_eq!(heard, ["welcome back bob lobby 0/2", "+lobby", "@lobby", "- <ada> to bob: psst"]);
    world.disconnect(again);
    for number in 0..66 {
        world.ask(ada, tell("bob", &number.to_string()));
    }
    let again = world.connect(4);
    let heard = world.answer(again, resume(&token, &[]));
    assert!(heard[3].starts_with("- notice missed_private: 2 "), "{}", heard[3]);
    assert_eq!(heard[4], "- <ada> to bob: 2");
    assert_eq!(heard.len(), 4 + 64);
}

#[test]
fn after_a_restart_the_same_session_comes_back() {
    let mut world = World::new();
    let (ada, bob) = (world.enter(1, "ada"), world.enter(2, "bob"));
    world.ask(bob, join("dev"));
    world.ask(bob, say("in dev"));
    world.ask(ada, say("one"));
    let (token, sender) = (world.token(bob), world.sessions.sender_of(bob).unwrap());
    let mut new = settings(Limits::default());
    new.seed = 43;
    world.restart(new);
    let ada = world.enter(11, "ada");
    let again = world.connect(12);
    let resume = vec![("dev".to_owned(), 1), ("lobby".to_owned(), 0), ("other".to_owned(), 5)];
    let hello = Hello { token: Some(token), nick: Some("bob".to_owned()), resume, ..Hello::default() };
    assert_eq!(
        world.answer(again, Command::Hello(hello)),
        ["welcome back bob lobby 1/2 dev 1/1 other 0/1", "+lobby", "+dev", "+other", "@other", "lobby #1 <ada> one"]
    );
    let now = world.sessions.sender_of(again).unwrap();
    assert_eq!((now.session, now.user), (sender.session, sender.user));
    assert_eq!(world.hears(ada), ["lobby bob joined, 2"]);
}

#[test]
fn a_nick_that_was_taken_meanwhile_makes_a_guest() {
    let mut world = World::new();
    let bob = world.enter(1, "bob");
    let token = world.token(bob);
    world.disconnect(bob);
    world.wait(30_000);
    world.enter(2, "bob");
    let again = world.connect(3);
    let hello = Hello { token: Some(token), nick: Some("bob".to_owned()), ..Hello::default() };
    let heard = world.answer(again, Command::Hello(hello));
    assert!(heard[0].starts_with("welcome back guest-"), "{heard:?}");
}

#[test]
fn a_token_of_no_worth_begins_anew() {
    let mut world = World::new();
    let bob = world.enter(1, "bob");
    let token = world.token(bob);
    world.ask(bob, say("one"));
    world.ask(bob, Command::Quit);
    let mut number = 2;
    let mut begins = |world: &mut World, token: &str| {
        number += 1;
        let again = world.connect(number);
        let heard = world.answer(again, resume(token, &[("lobby", 0)]));
        assert_eq!(heard.len(), 3, "{heard:?}");
        assert!(heard[0].starts_with("welcome guest-"), "{heard:?}");
    };
    begins(&mut world, "");
    begins(&mut world, "nonsense");
    begins(&mut world, &token.to_lowercase());
    world.wait(TOKEN_AGE_MS + 1);
    begins(&mut world, &token);
    let mut restored = settings(Limits::default());
    restored.epoch = Epoch(2);
    world.restart(restored);
    begins(&mut world, &token);
}

#[test]
fn a_token_of_a_live_session_does_not_grow_old() {
    let mut world = World::new();
    let bob = world.enter(1, "bob");
    let token = world.token(bob);
    world.wait(3 * TOKEN_AGE_MS);
    world.disconnect(bob);
    let again = world.connect(2);
    assert_eq!(world.answer(again, resume(&token, &[]))[0], "welcome back bob lobby 0/1");
}

#[test]
fn a_room_left_before_the_cut_stays_left() {
    let mut world = World::new();
    let bob = world.enter(1, "bob");
    world.ask(bob, join("dev"));
    world.ask(bob, leave("lobby"));
    let token = world.token(bob);
    world.disconnect(bob);
    let again = world.connect(2);
    assert_eq!(world.answer(again, resume(&token, &[("lobby", 0)])), ["welcome back bob dev 0/1", "+dev", "@dev"]);
    assert_eq!(world.answer(again, hello("bob")), ["no already_welcome"]);
}

#[test]
fn the_messages_measure_survives_a_new_connection() {
    let mut world = World::with(Limits { message_burst: 2, ..Limits::default() });
    let bob = world.enter(1, "bob");
    let token = world.token(bob);
    world.ask(bob, say("1"));
    world.ask(bob, say("2"));
    let again = world.connect(2);
    world.ask(again, resume(&token, &[]));
    assert_eq!(world.answer(again, say("3")), ["no rate_limited"]);
}

#[test]
fn a_token_ends_with_a_goodbye() {
    let mut world = World::new();
    let (ada, bob) = (world.enter(1, "ada"), world.enter(2, "bob"));
    let token = world.token(bob);
    let further = world.connect(3);
    world.ask(further, as_new(&token));
    let other = world.token(further);
    world.ask(bob, Command::Quit);
    world.disconnect(bob);
    world.hears(ada);
    // Neither the session nor the user is had by it again.
    let again = world.connect(4);
    assert!(world.answer(again, resume(&token, &[("lobby", 0)]))[0].starts_with("welcome guest-"));
    let again = world.connect(5);
    assert!(world.answer(again, as_new(&token))[0].starts_with("welcome guest-"));
    // The user's other session goes on, with its own.
    world.disconnect(further);
    let again = world.connect(6);
    assert!(world.answer(again, resume(&other, &[]))[0].starts_with("welcome back bob"));
    assert_eq!(world.answer(again, Command::Quit), ["-lobby", "closed quit"]);
    // Whoever else comes may be called so, and the token of either takes nothing from them.
    let next = world.enter(7, "bob");
    for token in [&token, &other] {
        let again = world.connect(8);
        assert!(world.answer(again, resume(token, &[]))[0].starts_with("welcome guest-"));
        world.disconnect(again);
    }
    assert!(world.hears(next).iter().all(|heard| !heard.contains("closed")));
    // Nor after a restart, of which the store keeps them.
    let ended = world.sessions.take_ended();
    assert_eq!(ended.len(), 2);
    world.restart(settings(Limits::default()));
    ended.into_iter().for_each(|session| world.sessions.restore_ended(session));
    assert!(!world.sessions.has_ended());
    let again = world.connect(9);
    assert!(world.answer(again, resume(&token, &[("lobby", 0)]))[0].starts_with("welcome guest-"));
}

#[test]
fn a_clock_that_is_set_ends_no_session_and_holds_up_no_rate() {
    const DAY: u64 = 24 * 60 * 60 * 1_000;
    for wall in [Time(START.0 + 100 * DAY), Time(START.0 - 100 * DAY), Time(0)] {
        let limits = Limits { messages_per_second: 10, message_burst: 3, ..Limits::default() };
        let mut world = World::with(limits);
        let (ada, bob) = (world.enter(1, "ada"), world.enter(2, "bob"));
        let token = world.token(bob);
        world.disconnect(bob);
        (0..3).for_each(|_| assert!(world.answer(ada, say("x"))[0].starts_with("ack")));
        assert_eq!(world.answer(ada, say("x")), ["no rate_limited"]);
        world.sessions.set_wall(world.now, wall, world.now);
        assert_eq!(world.answer(ada, say("x")), ["no rate_limited"], "time did not go by");
        world.wait(100);
        assert!(world.answer(ada, say("x"))[0].starts_with("ack"));
        assert_eq!(world.sessions.counts().sessions, 2, "and bob is held");
        let again = world.connect(3);
        assert!(world.answer(again, resume(&token, &[("lobby", 4)]))[0].starts_with("welcome back bob"));
        let times: Vec<_> = world.stored["lobby"].iter().map(|event| event.time).collect();
        assert!(times.is_sorted(), "{times:?}");
        assert_eq!(times[3], wall.plus(100).max(times[2]), "stamps follow the wall");
    }
}

#[test]
fn a_token_is_good_for_a_day_that_went_by_and_longer_while_its_session_is_there() {
    const HOUR: u64 = 60 * 60 * 1_000;
    for (hours, is_good) in [(-72, true), (0, true), (23, true), (24, true), (25, false), (100_000, false)] {
        let mut world = World::new();
        let bob = world.enter(2, "bob");
        let token = world.token(bob);
        let now = world.now;
        let later = Time(now.0.saturating_add_signed(hours * HOUR.cast_signed()));
        world.sessions.set_wall(now, Time(0), later);
        world.disconnect(bob);
        let again = world.connect(3);
        assert!(world.answer(again, resume(&token, &[]))[0].starts_with("welcome back bob"), "{hours}");
        world.restart(settings(Limits::default()));
        world.sessions.set_wall(now, Time(0), later);
        let again = world.connect(4);
        let heard = world.answer(again, resume(&token, &[]));
        assert_eq!(heard[0].starts_with("welcome back"), is_good, "{hours}: {heard:?}");
    }
}
