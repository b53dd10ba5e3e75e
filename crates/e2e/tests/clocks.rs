//! The machine's clock is wrong, and is set: messages are stored once, what was just stored stays, sessions come back.

use serde_json::{Value, json};
use switchboard_e2e::{Json, Server, ServerOptions, WrongClock};
use tempfile::TempDir;

const DAY: i64 = 24;

fn once(client: &mut Json, room: &str, id: &str) -> (Value, bool) {
    let ack = client.request(json!({ "type": "message", "room": room, "text": "pay 10", "id": id }));
    assert_eq!(ack["type"], "ack", "{ack}");
    (ack["seq"].clone(), ack["duplicate"] == true)
}

fn times(client: &mut Json, room: &str) -> Vec<String> {
    let page = client.request(json!({ "type": "history", "room": room }));
    let events = page["events"].as_array().unwrap_or_else(|| panic!("no history: {page}"));
    events.iter().map(|event| event["time"].as_str().expect("a time").to_owned()).collect()
}

#[test]
fn a_clock_that_was_ahead_or_behind_once_ends_no_promise() {
    let clock = WrongClock::new();
    let data = TempDir::new().expect("a directory");
    let options = || clock.over(ServerOptions::stored(data.path()).set("store.retention=30d"));
    let start = || {
        let server = Server::start(options());
        let mut ada = Json::hello("ada", server.address()).0;
        ada.request(json!({ "type": "join", "room": "other" }));
        (server, ada)
    };
    let id = |number: usize| format!("once-and-only-once-{number}");
    // Each run with another clock, and every id of each run again in all that follow.
    for (number, hours) in [0, 2 * DAY, 0, 100 * DAY, -100 * DAY, -20_000 * DAY, 0].into_iter().enumerate() {
        clock.set(hours);
        let (server, mut ada) = start();
        for room in ["lobby", "other"] {
            let stored = once(&mut ada, room, &id(number));
            assert_eq!(stored, (json!(number + 1), false), "{hours}");
            for earlier in 0..=number {
                assert_eq!(once(&mut ada, room, &id(earlier)), (json!(earlier + 1), true), "{hours} {earlier}");
            }
            let times = times(&mut ada, room);
            assert_eq!(times.len(), number + 1, "retention took what was stored just now: {hours}");
            assert!(times.is_sorted(), "{times:?}");
        }
        drop(server.kill());
    }
}

#[test]
fn a_clock_that_is_set_while_the_server_runs_is_followed_and_deletes_nothing() {
    let clock = WrongClock::new();
    let data = TempDir::new().expect("a directory");
    let options = || clock.over(ServerOptions::stored(data.path()).set("store.retention=30d"));
    clock.set(-100 * DAY);
    let server = Server::start(options());
    let (mut ada, welcome) = Json::hello("ada", server.address());
    ada.say("before");
    clock.set(0);
    ada.say("after");
    let stamped = times(&mut ada, "lobby");
    assert_eq!(stamped.len(), 2);
    assert_ne!(stamped[0][..10], stamped[1][..10], "the new time is taken over");
    server.log.wait_for("the clock being set", |log| log.contains("clock was set").then_some(()));
    drop(server.kill());
    // Also where a server that just starts looks for what is old at once, and a day further on.
    for hours in [0, 0, 25] {
        clock.set(hours);
        let server = Server::start(options());
        let hello = json!({ "token": welcome["token"], "resume": { "lobby": 0 } });
        let (mut ada, again) = Json::hello_with("ada", server.address(), hello);
        assert_eq!(again["resumed"], true, "a token grows old by the time that went by: {hours}");
        ada.say("and on");
        assert!(times(&mut ada, "lobby").len() >= 3);
        assert_eq!(times(&mut ada, "lobby")[..2], stamped);
        drop(server.stop());
    }
}

#[test]
fn a_token_ends_with_the_goodbye_over_a_restart_too() {
    let data = TempDir::new().expect("a directory");
    let mut server = Server::start(ServerOptions::stored(data.path()));
    let (mut ada, welcome) = Json::hello("ada", server.address());
    ada.send(&json!({ "type": "quit" }));
    assert_eq!(ada.event("closing")["code"], "quit");
    for is_restarted in [false, true] {
        if is_restarted {
            drop(server.stop());
            server = Server::start(ServerOptions::stored(data.path()));
        }
        for how in [json!({}), json!({ "as": "new" }), json!({ "resume": { "lobby": 0 } })] {
            let mut hello = how.clone();
            hello["token"] = welcome["token"].clone();
            let (again, told) = Json::hello_with("eve", server.address(), hello);
            assert_eq!(told["resumed"], false, "{how} {told}");
            assert_ne!(told["session"], welcome["session"]);
            drop(again);
        }
    }
}

#[test]
fn look_alikes_and_the_servers_own_names_are_refused_in_each_language() {
    let server = Server::start(ServerOptions::ephemeral());
    let (_admin, _) = Json::hello("admin", server.address());
    for nick in ["adm1n", "admiin", "\u{e0}dmin", "a\u{34f}dmin", "server", "R00T", "everyone"] {
        let mut eve = Json::connect("eve", server.address());
        let answer = eve.request(json!({ "type": "hello", "nick": nick }));
        assert_eq!(answer["type"], "error", "{nick} {answer}");
        let code = answer["code"].as_str().expect("a code");
        assert!(matches!(code, "nick_taken" | "nick_invalid"), "{nick} {answer}");
        let answer = eve.request(json!({ "type": "nick", "nick": nick }));
        assert_eq!(answer["type"], "error", "{nick} {answer}");
    }
    let (mut eve, _) = Json::hello("eve", server.address());
    for room in ["l0bby", "lóbby", "lobbby"] {
        let answer = eve.request(json!({ "type": "join", "room": room }));
        assert_eq!(answer["code"], "room_invalid", "{room} {answer}");
    }
}
