//! The session in single situations: what a welcome, a refusal, a verdict or silence makes it do.

use proptest::prelude::*;
use serde_json::{Value, json};
use switchboard_client::event::{Ending, Event};
use switchboard_client::request::{Outgoing, Target};
use switchboard_client::state::{Output, State, Wish};

proptest! {
    #[test]
    fn whatever_a_server_says_is_survived(lines in prop::collection::vec(any::<String>(), 0..20), online in any::<bool>()) {
        let mut state = State::new(Wish::default());
        let mut out = Vec::new();
        state.connected(0, false, &mut out);
        if online {
            state.received(0, &welcome(&json!({})), &mut out);
        }
        lines.iter().for_each(|line| state.received(0, line, &mut out));
        state.received(0, &format!("{{{}", lines.concat()), &mut out);
    }
}

fn welcome(changes: &Value) -> String {
    let mut welcome = json!({"type": "welcome", "session": "s", "token": "secret", "epoch": "e", "nick": "ada",
        "resumed": false, "rooms": [{"room": "lobby", "seq": 10, "members": 1}]});
    for (key, value) in changes.as_object().expect("an object") {
        welcome[key] = value.clone();
    }
    welcome.to_string()
}

/// A session that is welcome in the lobby at 10.
fn welcomed(wish: Wish) -> State {
    let mut state = State::new(wish);
    let mut out = Vec::new();
    state.connected(0, false, &mut out);
    state.received(0, &welcome(&json!({})), &mut out);
    state
}

fn reconnect(state: &mut State, welcome: &str) -> Vec<Output> {
    let mut out = Vec::new();
    state.disconnected(&mut out);
    state.connected(0, false, &mut out);
    state.received(0, welcome, &mut out);
    out
}

fn sent(out: &[Output]) -> Vec<Value> {
    let lines = out.iter().filter_map(|output| match output {
        Output::Send(line) => Some(serde_json::from_str(line).expect("JSON")),
        Output::Show(_) | Output::Reconnect(_) | Output::Stop(_) => None,
    });
    lines.collect()
}

fn shown(out: &[Output]) -> Vec<&Event> {
    let events = out.iter().filter_map(|output| match output {
        Output::Show(event) => Some(event),
        Output::Send(_) | Output::Reconnect(_) | Output::Stop(_) => None,
    });
    events.collect()
}

#[test]
fn another_epoch_starts_over() {
    let mut state = welcomed(Wish::default());
    let welcome = welcome(&json!({"epoch": "f", "rooms": [{"room": "lobby", "seq": 3}]}));
    let out = reconnect(&mut state, &welcome);
    assert_eq!(sent(&out)[0]["resume"], json!({"lobby": 10}));
    assert!(matches!(shown(&out)[..], [Event::StartedOver, Event::Connected(_)]), "{out:?}");
    let mut out = Vec::new();
    let event = json!({"type": "message", "room": "lobby", "seq": 4, "from": {"nick": "bob"}, "text": "hi"});
    state.received(0, &event.to_string(), &mut out);
    assert!(matches!(shown(&out)[..], [Event::Message(_)]), "{out:?}");
}

#[test]
fn what_a_new_session_missed_is_told() {
    let mut state = welcomed(Wish::default());
    let out = reconnect(&mut state, &welcome(&json!({"rooms": [{"room": "lobby", "seq": 15}]})));
    let [Event::Connected(_), Event::Gap(gap)] = shown(&out)[..] else { panic!("{out:?}") };
    assert_eq!((gap.from, gap.to), (11, 15));
}

#[test]
fn a_gap_that_the_server_tells_is_told_once() {
    let mut state = welcomed(Wish::default());
    let mut out = Vec::new();
    state.received(0, &json!({"type": "gap", "room": "lobby", "from": 11, "to": 2_000}).to_string(), &mut out);
    let event = json!({"type": "message", "room": "lobby", "seq": 2_001, "from": {"nick": "bob"}, "text": "hi"});
    state.received(0, &event.to_string(), &mut out);
    assert!(matches!(shown(&out)[..], [Event::Gap(_), Event::Message(_)]), "{out:?}");
}

#[test]
fn rooms_are_joined_again_under_their_canonical_name_and_messages_follow() {
    let mut state = State::new(Wish { room: Some("#Dev".to_owned()), ..Wish::default() });
    let mut out = Vec::new();
    let message =
        Outgoing { id: "0123456789abcdef".to_owned(), target: Target::Current, text: "hi".to_owned(), action: false };
    state.say(0, message, &mut out);
    state.connected(0, false, &mut out);
    state.received(0, &welcome(&json!({})), &mut out);
    let lines = sent(&out);
    assert_eq!((&lines[1]["type"], &lines[1]["room"]), (&json!("join"), &json!("#Dev")));
    assert_eq!((&lines[2]["type"], &lines[2]["room"]), (&json!("message"), &json!("#Dev")));
    let mut out = Vec::new();
    let join = json!({"type": "ack", "ref": lines[1]["ref"], "room": "dev", "seq": 4, "members": 1, "topic": ""});
    state.received(0, &join.to_string(), &mut out);
    state.received(0, &json!({"type": "ack", "ref": lines[2]["ref"], "seq": 5}).to_string(), &mut out);
    let [Event::Delivered { room, seq, .. }] = shown(&out)[..] else { panic!("{out:?}") };
    assert_eq!((room.as_deref(), *seq), (Some("dev"), Some(5)));

    let out = reconnect(&mut state, &welcome(&json!({"resumed": true})));
    let lines = sent(&out);
    assert_eq!(lines[0]["resume"], json!({"lobby": 10, "dev": 5}));
    assert_eq!((&lines[1]["type"], &lines[1]["room"]), (&json!("join"), &json!("dev")));
    let mut out = Vec::new();
    let join = json!({"type": "ack", "ref": lines[1]["ref"], "room": "dev", "seq": 7, "members": 1, "topic": ""});
    state.received(0, &join.to_string(), &mut out);
    let [Event::Gap(gap)] = shown(&out)[..] else { panic!("{out:?}") };
    assert_eq!((gap.from, gap.to), (6, 7));
}

#[test]
fn a_private_message_is_not_sent_twice() {
    let mut state = welcomed(Wish::default());
    let mut out = Vec::new();
    let target = Target::User("bob".to_owned());
    state.say(
        0,
        Outgoing { id: "0123456789abcdef".to_owned(), target, text: "hi".to_owned(), action: false },
        &mut out,
    );
    assert_eq!(sent(&out)[0]["to"], "bob");
    let out = reconnect(&mut state, &welcome(&json!({"resumed": true})));
    assert!(matches!(shown(&out)[0], Event::NotSent { .. }), "{out:?}");
    assert_eq!(sent(&out).len(), 1, "the hello alone");
}

#[test]
fn a_message_that_would_cost_the_connection_is_not_sent() {
    let mut state = State::new(Wish::default());
    let mut out = Vec::new();
    state.connected(0, false, &mut out);
    state.received(0, &welcome(&json!({"limits": {"message_chars": 50, "frame_bytes": 150}})), &mut out);
    out.clear();
    // 51 characters; and 50 which JSON writes with six bytes each.
    for (id, text) in [("a", "x".repeat(51)), ("b", "\u{1}".repeat(50)), ("c", "x".repeat(50))] {
        state.say(0, Outgoing { id: id.to_owned(), target: Target::Current, text, action: false }, &mut out);
    }
    let [Event::NotSent { id: a, .. }, Event::NotSent { id: b, .. }] = shown(&out)[..] else { panic!("{out:?}") };
    assert_eq!((a.as_str(), b.as_str()), ("a", "b"));
    assert_eq!(sent(&out)[0]["id"], "c");
}

#[test]
fn a_silent_server_is_asked_and_then_given_up() {
    let mut state = welcomed(Wish::default());
    let mut out = Vec::new();
    let asks_at = state.deadline().expect("a deadline");
    state.tick(asks_at - 1, &mut out);
    assert!(out.is_empty());
    state.tick(asks_at, &mut out);
    assert_eq!(sent(&out), [json!({"type": "ping"})]);
    state.received(asks_at + 1, &json!({"type": "pong"}).to_string(), &mut out);
    let asks_at = state.deadline().expect("a deadline");
    state.tick(asks_at, &mut out);
    let gives_up_at = state.deadline().expect("a deadline");
    state.tick(gives_up_at, &mut out);
    assert!(matches!(out.last(), Some(Output::Reconnect(_))), "{out:?}");
}

#[test]
fn a_client_that_was_woken_asks_at_once() {
    let mut state = welcomed(Wish::default());
    let mut out = Vec::new();
    state.probe(1_000, &mut out);
    assert_eq!(sent(&out), [json!({"type": "ping"})]);
    out.clear();
    state.probe(1_001, &mut out);
    assert!(out.is_empty(), "one question at a time");
    state.tick(10_999, &mut out);
    assert!(out.is_empty());
    state.tick(11_000, &mut out);
    assert!(matches!(out.last(), Some(Output::Reconnect(_))));
    let mut offline = State::new(Wish::default());
    out.clear();
    offline.probe(0, &mut out);
    assert!(out.is_empty());
}

#[test]
fn the_verdicts_of_a_server_are_kept() {
    for (line, code) in [
        (json!({"type": "closing", "code": "taken_over", "message": "m", "reconnect": false}), Some("taken_over")),
        (json!({"type": "closing", "code": "shutting_down", "message": "m", "reconnect": true}), None),
    ] {
        let mut out = Vec::new();
        welcomed(Wish::default()).received(0, &line.to_string(), &mut out);
        match (out.last(), code) {
            (Some(Output::Stop(Ending::Refused { code, .. })), Some(expected)) => assert_eq!(code, expected),
            (Some(Output::Reconnect(_)), None) => {}
            other => panic!("{line}: {other:?}"),
        }
    }
    for (code, stops) in [(4001, true), (4403, true), (1009, true), (1012, false), (4002, false), (1000, false)] {
        let mut out = Vec::new();
        welcomed(Wish::default()).closed(code, "", &mut out);
        assert_eq!(matches!(out.last(), Some(Output::Stop(_))), stops, "{code}");
    }
}

#[test]
fn a_refused_hello_ends_it_unless_time_or_another_name_helps() {
    let hello_error = |code: &str| json!({"type": "error", "code": code, "message": "m"}).to_string();
    for (code, again) in
        [("nick_taken", false), ("pass_wrong", false), ("pass_required", false), ("shutting_down", true)]
    {
        let mut state = State::new(Wish { nick: Some("ada".to_owned()), ..Wish::default() });
        let mut out = Vec::new();
        state.connected(0, false, &mut out);
        state.received(0, &hello_error(code), &mut out);
        assert_eq!(matches!(out.last(), Some(Output::Reconnect(_))), again, "{code}: {out:?}");
        assert_eq!(matches!(out.last(), Some(Output::Stop(_))), !again, "{code}: {out:?}");
    }
    let mut state = welcomed(Wish::default());
    let out = reconnect(&mut state, &hello_error("nick_taken"));
    let lines = sent(&out);
    assert_eq!((&lines[0]["nick"], &lines[1]["nick"]), (&json!("ada"), &Value::Null), "a guest's name will do");
}

#[test]
fn over_datagrams_everything_is_sent_again_until_it_is_answered() {
    let mut state = State::new(Wish::default());
    let mut out = Vec::new();
    state.connected(0, true, &mut out);
    state.tick(state.deadline().expect("a deadline"), &mut out);
    let hellos: Vec<usize> = out.iter().map(|output| format!("{output:?}").len()).collect();
    assert!(hellos.len() == 2 && hellos[0] == hellos[1] && hellos[0] > 64, "{out:?}");
    state.received(1_000, &json!({"type": "cookie", "cookie": "c"}).to_string(), &mut out);
    assert_eq!(sent(&out)[2]["cookie"], "c");
    state.received(1_000, &welcome(&json!({})), &mut out);
    out.clear();
    let message =
        Outgoing { id: "0123456789abcdef".to_owned(), target: Target::Current, text: "hi".to_owned(), action: false };
    state.say(1_000, message, &mut out);
    state.tick(1_999, &mut out);
    assert_eq!(sent(&out).len(), 1);
    state.tick(state.deadline().expect("a deadline"), &mut out);
    let lines = sent(&out);
    assert!(lines.len() == 2 && lines[0] == lines[1], "{out:?}");
}
