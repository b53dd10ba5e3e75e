//! Sessions that outlive their connections: cut, taken over, resumed on a server that was started again, and told
//! everything once and in order.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use switchboard_e2e::{Dice, Heard, Json, Member, Server, ServerOptions};
use tempfile::TempDir;

/// A server that does not hold a test back.
fn unhurried(options: ServerOptions) -> ServerOptions {
    options.set("limits.messages_per_second=0").set("limits.commands_per_second=0")
}

fn string(object: &Value, key: &str) -> String {
    object[key].as_str().unwrap_or_else(|| panic!("no {key} in {object}")).to_owned()
}

/// Who joined or left, as far as this client was told.
fn comings_and_goings(client: &mut Json) -> Vec<Value> {
    let is_one = |event: &Value| matches!(event["type"].as_str(), Some("joined" | "left" | "renamed"));
    client.drain().into_iter().filter(is_one).collect()
}

#[test]
fn a_cut_session_is_resumed_with_its_nick_and_rooms_and_nobody_is_told() {
    let server = Server::start(unhurried(ServerOptions::ephemeral()));
    let address = server.address();
    let (mut ada, welcome) = Json::hello("ada", address);
    let (token, session) = (string(&welcome, "token"), string(&welcome, "session"));
    ada.request(json!({ "type": "join", "room": "dev" }));
    let (mut bob, _) = Json::hello("bob", address);
    bob.request(json!({ "type": "join", "room": "dev" }));
    ada.event("joined");
    drop(ada);
    let says = |bob: &mut Json, room: &str, text: &str| {
        let ack = bob.request(json!({ "type": "message", "room": room, "text": text }));
        assert_eq!(ack["type"], "ack", "{ack}");
    };
    for number in 1..=3 {
        says(&mut bob, "lobby", &format!("lobby {number}"));
        says(&mut bob, "dev", &format!("dev {number}"));
    }
    let hello = json!({ "token": token, "resume": { "lobby": 1, "dev": 0 } });
    let (mut ada, welcome) = Json::hello_with("ada", address, hello);
    assert_eq!((&welcome["resumed"], &welcome["nick"]), (&json!(true), &json!("ada")), "{welcome}");
    assert_eq!(string(&welcome, "session"), session);
    let rooms: Vec<&Value> = welcome["rooms"].as_array().expect("rooms").iter().map(|room| &room["room"]).collect();
    assert_eq!(rooms, ["lobby", "dev"]);
    says(&mut bob, "dev", "live");
    ada.message("live");
    let told: Vec<(String, u64)> = ada
        .drain()
        .iter()
        .filter(|event| event["type"] == "message")
        .map(|event| (string(event, "text"), event["seq"].as_u64().unwrap_or(0)))
        .collect();
    let of = |room: &str| -> Vec<u64> {
        told.iter().filter(|(text, _)| text.starts_with(room)).map(|(_, seq)| *seq).collect()
    };
    assert_eq!((of("lobby"), of("dev")), (vec![2, 3], vec![1, 2, 3]), "{told:?}");
    assert_eq!(comings_and_goings(&mut bob), [] as [Value; 0]);
}

#[test]
fn a_session_that_is_resumed_elsewhere_leaves_its_old_connection() {
    let server = Server::start(ServerOptions::ephemeral());
    let (mut old, welcome) = Json::hello("ada", server.address());
    let (mut bob, _) = Json::hello("bob", server.address());
    let seq = bob.say("before");
    old.message("before");
    let hello = json!({ "token": welcome["token"], "resume": { "lobby": seq } });
    let (mut new, resumed) = Json::hello_with("ada", server.address(), hello);
    assert_eq!((&resumed["resumed"], &resumed["session"]), (&json!(true), &welcome["session"]));
    let closing = old.event("closing");
    assert_eq!((&closing["code"], &closing["reconnect"]), (&json!("taken_over"), &json!(false)));
    old.line().heard.wait_for_end();
    bob.say("after");
    assert_eq!(new.message("after")["seq"], seq + 1);
    assert_eq!(new.say("from the new one"), seq + 2);
    assert_eq!(bob.message("from the new one")["from"]["session"], welcome["session"]);
    assert_eq!(comings_and_goings(&mut bob), [] as [Value; 0]);
}

#[test]
fn a_session_that_does_not_come_back_ends_and_its_token_is_still_good() {
    let server = Server::start(ServerOptions::ephemeral().set("limits.session_ttl=1s"));
    let (mut bob, _) = Json::hello("bob", server.address());
    let (ada, welcome) = Json::hello("ada", server.address());
    drop(ada);
    let left = bob.event("left");
    assert_eq!((&left["from"]["nick"], &left["why"]), (&json!("ada"), &json!("gone")), "{left}");
    bob.say("missed");
    let hello = json!({ "token": welcome["token"], "nick": "ada", "resume": { "lobby": 0 } });
    let (mut ada, again) = Json::hello_with("ada", server.address(), hello);
    assert_eq!((&again["resumed"], &again["nick"]), (&json!(true), &json!("ada")), "{again}");
    assert_eq!(again["session"], welcome["session"]);
    ada.message("missed");
    bob.event("joined");
}

#[test]
fn private_messages_wait_for_a_session_that_is_away() {
    const KEPT: usize = 64;
    // With one shard, what it logged of one connection is with the engine before what it reads of another.
    let server = Server::start(unhurried(ServerOptions::ephemeral()).set("server.shards=1"));
    let (mut bob, _) = Json::hello("bob", server.address());
    for sent in [3, KEPT, KEPT + 6] {
        let (ada, welcome) = Json::hello("ada", server.address());
        drop(ada);
        // A connection that was cut is away when the server has seen it; until then it is written to.
        server_has_seen_the_end(&server);
        for number in 0..sent {
            let ack = bob.request(json!({ "type": "message", "to": "ada", "text": format!("private {number}") }));
            assert_eq!((&ack["type"], ack["seq"].is_null()), (&json!("ack"), true), "{ack}");
        }
        let hello = json!({ "token": welcome["token"], "resume": { "lobby": 0 } });
        let (mut ada, resumed) = Json::hello_with("ada", server.address(), hello);
        assert_eq!(resumed["resumed"], true);
        let told = ada.drain();
        let texts: Vec<String> =
            told.iter().filter(|event| event["type"] == "message").map(|event| string(event, "text")).collect();
        let expected: Vec<String> =
            (sent.saturating_sub(KEPT)..sent).map(|number| format!("private {number}")).collect();
        assert_eq!(texts, expected, "of {sent}");
        let lost = told.iter().filter(|event| event["code"] == "missed_private").count();
        assert_eq!(lost, usize::from(sent > KEPT), "of {sent}: {told:?}");
        ada.send(&json!({ "type": "quit" }));
        bob.event("left");
        bob.drain();
    }
}

fn server_has_seen_the_end(server: &Server) {
    let opened = |log: &str| log.matches("connection opened").count();
    // All but bob's.
    server.log.wait_for("end of the connection", |log| {
        (log.matches("connection closed").count() + 1 == opened(log)).then_some(())
    });
}

#[test]
fn more_than_is_replayed_is_a_gap_before_and_after_a_restart() {
    let data = TempDir::new().expect("a directory");
    let options = || unhurried(ServerOptions::stored(data.path())).set("limits.replay_events=50");
    let mut server = Server::start(options());
    let mut ada = Member::new("member-ada");
    let mut bob = Member::new("member-bob");
    ada.connect(server.address()).expect("a server");
    bob.connect(server.address()).expect("a server");
    let mut last = 0;
    for (missed, is_restarted) in [(50, false), (51, false), (50, true), (400, true)] {
        ada.cut();
        for _ in 0..missed {
            bob.say("missed").expect("a connection");
        }
        bob.finish().expect("a connection");
        if is_restarted {
            server.stop();
            server = Server::start(options());
            bob.connect(server.address()).expect("a server");
        }
        ada.connect(server.address()).expect("a server");
        let mut gaps = Vec::new();
        while ada.ledger.top() < last + missed {
            if let Heard::Gap { from, to } = ada.turn().expect("a connection") {
                gaps.push((from, to));
            }
        }
        let expected = if missed > 50 { vec![(last + 1, last + missed)] } else { Vec::new() };
        assert_eq!(gaps, expected, "{missed} missed, restarted: {is_restarted}");
        last += missed;
    }
    bob.say("live").expect("a connection");
    ada.hear_up_to(last + 1).expect("a connection");
    ada.ledger.assert_complete(last + 1);
    // The history has what was not replayed.
    let (mut reader, _) = Json::hello("reader", server.address());
    let page = reader.request(json!({ "type": "history", "room": "lobby", "after": 50, "limit": 51 }));
    assert_eq!(page["events"].as_array().map(Vec::len), Some(51), "{page}");
    server.stop();
}

#[test]
fn another_life_of_the_server_is_told_by_its_epoch() {
    let data = TempDir::new().expect("a directory");
    let server = Server::start(ServerOptions::stored(data.path()));
    let (mut ada, welcome) = Json::hello("ada", server.address());
    ada.say("in the first life");
    server.kill();
    let server = Server::start(ServerOptions::stored(data.path()));
    let hello = json!({ "token": welcome["token"], "nick": "ada", "resume": { "lobby": 1 } });
    let (_, again) = Json::hello_with("ada", server.address(), hello.clone());
    assert_eq!((&again["epoch"], &again["resumed"]), (&welcome["epoch"], &json!(true)), "the same life");
    server.kill();
    for entry in std::fs::read_dir(data.path()).expect("a directory") {
        std::fs::remove_file(entry.expect("an entry").path()).expect("a file");
    }
    let server = Server::start(ServerOptions::stored(data.path()));
    let (mut ada, fresh) = Json::hello_with("ada", server.address(), hello);
    assert_ne!(fresh["epoch"], welcome["epoch"]);
    assert_eq!((&fresh["resumed"], &fresh["rooms"][0]["seq"]), (&json!(false), &json!(0)), "{fresh}");
    assert_ne!(fresh["session"], welcome["session"]);
    assert_eq!(ada.say("in the second life"), 1);
    assert!(ada.drain().iter().all(|event| event["type"] != "gap"), "nothing of the first life is missed");
}

#[test]
fn a_token_that_was_not_issued_here_opens_a_fresh_session() {
    let server = Server::start(ServerOptions::ephemeral());
    let (_ada, welcome) = Json::hello("ada", server.address());
    let token = string(&welcome, "token");
    for place in [0, token.len() / 2, token.len() - 2] {
        let mut forged = token.clone();
        let other = if forged.as_bytes()[place] == b'A' { "B" } else { "A" };
        forged.replace_range(place..=place, other);
        for token in [forged.as_str(), &token[..place], ""] {
            let (_, fresh) = Json::hello_with("eve", server.address(), json!({ "token": token }));
            assert_eq!(fresh["resumed"], false, "{token:?}");
            assert_ne!(fresh["session"], welcome["session"], "{token:?}");
            assert_ne!(fresh["nick"], "ada", "{token:?}");
        }
    }
}

#[test]
fn a_user_may_have_further_sessions_and_each_hears_the_others() {
    let server = Server::start(unhurried(ServerOptions::ephemeral()));
    let address = server.address();
    let (mut bob, _) = Json::hello("bob", address);
    let (mut first, welcome) = Json::hello("ada", address);
    bob.event("joined");
    let hello = json!({ "token": welcome["token"], "as": "new" });
    let (mut second, further) = Json::hello_with("ada, again", address, hello.clone());
    assert_eq!((&further["nick"], &further["resumed"]), (&json!("ada"), &json!(false)), "{further}");
    assert_ne!(further["session"], welcome["session"]);
    assert_eq!(further["rooms"][0]["members"], 2, "users are counted, not sessions");
    first.say("from the first");
    assert_eq!(second.message("from the first")["own"], true);
    assert!(bob.message("from the first")["own"].is_null());
    bob.request(json!({ "type": "message", "to": "ada", "text": "to both" }));
    first.message("to both");
    second.message("to both");
    let members = bob.request(json!({ "type": "members", "room": "lobby" }));
    let sessions = members["members"].as_array().and_then(|all| all.iter().find(|one| one["nick"] == "ada"));
    assert_eq!(sessions.and_then(|one| one["sessions"].as_array()).map(Vec::len), Some(2), "{members}");
    // The second is cut and resumed by its own token; the first stays where it is.
    drop(second);
    bob.say("while one was away");
    let token = json!({ "token": further["token"], "resume": { "lobby": 1 } });
    let (mut second, resumed) = Json::hello_with("ada, again", address, token);
    assert_eq!(resumed["session"], further["session"]);
    second.message("while one was away");
    first.message("while one was away");
    // There may be eight of them.
    let more: Vec<Json> = (3..=8).map(|_| Json::hello_with("ada, more", address, hello.clone()).0).collect();
    let mut ninth = Json::connect("ada, the ninth", address);
    let mut refused = hello;
    refused["type"] = json!("hello");
    assert_eq!(ninth.request(refused)["code"], "too_many_sessions");
    assert_eq!(comings_and_goings(&mut bob), [] as [Value; 0], "it is one user all the time");
    drop(more);
}

#[test]
fn a_gate_that_overflows_is_said_and_the_next_resume_goes_on() {
    let data = TempDir::new().expect("a directory");
    let options = unhurried(ServerOptions::stored(data.path())).set("limits.gate_events=5");
    let server = Server::start(options.set("limits.replay_events=100000"));
    let mut ada = Member::new("member-ada");
    let mut bob = Member::new("member-bob");
    ada.connect(server.address()).expect("a server");
    bob.connect(server.address()).expect("a server");
    ada.cut();
    for _ in 0..600 {
        bob.say(&"x".repeat(1_000)).expect("a connection");
    }
    bob.finish().expect("a connection");
    let mut overflows = 0;
    for _ in 0..20 {
        ada.connect(server.address()).expect("a server");
        // More than five events while 600 are read from the disk.
        for _ in 0..20 {
            bob.say("live").expect("a connection");
        }
        bob.finish().expect("a connection");
        let (last, _) = bob.acknowledged().last().expect("an acknowledgement").clone();
        while ada.ledger.top() < last {
            match ada.turn() {
                Ok(Heard::Closing(code)) => {
                    assert_eq!(code, "gate_overflow");
                    overflows += 1;
                }
                Ok(Heard::Event { .. } | Heard::Other(_)) => {}
                Ok(other) => panic!("{other:?}"),
                Err(_) => ada.connect(server.address()).expect("a server"),
            }
        }
        ada.ledger.assert_complete(last);
        if overflows > 0 {
            break;
        }
        ada.ledger.begin(0);
        ada.cut();
    }
    println!("{overflows} gates overflowed");
    assert!(overflows > 0, "no gate ever overflowed");
}

#[test]
fn whoever_resumes_again_and_again_while_messages_flow_hears_each_once_and_in_order() {
    let closings = wander("limits.outbox_bytes=1MiB");
    println!("{closings:?}");
    assert!(!closings.contains_key("slow_reader"), "{closings:?}");
}

#[test]
fn a_small_outbox_is_enough_for_whoever_resumes_and_reads() {
    let closings = wander("limits.outbox_bytes=128KiB");
    println!("{closings:?}");
    assert!(!closings.contains_key("slow_reader"), "{closings:?}");
}

#[test]
fn a_gate_that_holds_more_than_an_outbox_drains_all_the_same() {
    let data = TempDir::new().expect("a directory");
    let options = unhurried(ServerOptions::stored(data.path())).set("limits.replay_events=100000");
    let server = Server::start(options.set("limits.outbox_bytes=128KiB"));
    let (mut ada, mut bob) = (Member::new("member-ada"), Member::new("member-bob"));
    ada.connect(server.address()).expect("a server");
    bob.connect(server.address()).expect("a server");
    let text = "x".repeat(1_000);
    for _ in 0..5 {
        ada.cut();
        for count in [600, 150] {
            for _ in 0..count {
                bob.say(&text).expect("a connection");
            }
            // While 600 are read from the disk, 150 come behind the gate; that is less than it may hold.
            if count == 600 {
                bob.finish().expect("a connection");
                ada.connect(server.address()).expect("a server");
            }
        }
        bob.finish().expect("a connection");
        let (last, _) = bob.acknowledged().last().expect("an acknowledgement").clone();
        while ada.ledger.top() < last {
            match ada.turn().expect("a connection") {
                Heard::Event { .. } | Heard::Other(_) => {}
                other => panic!("{other:?}"),
            }
        }
        ada.ledger.assert_complete(last);
    }
}

#[test]
fn nobody_is_cut_off_by_those_who_leave() {
    let server = Server::start(unhurried(ServerOptions::ephemeral()).set("log.level=warn"));
    let address = server.address();
    let movers: Vec<_> = (0..4)
        .map(|number| {
            let mut member = Member::new(&format!("mover-{number}"));
            thread::spawn(move || {
                for _ in 0..100 {
                    // Each connection takes over from the one before, which ends while others begin.
                    member.connect(address).expect("a newcomer is let in");
                    member.say("here now").expect("a connection");
                    member.finish().expect("a newcomer may stay");
                }
            })
        })
        .collect();
    for mover in movers {
        mover.join().expect("nobody is cut off");
    }
}

/// Members who come and go while others talk. Gives how often they were closed, and why.
fn wander(setting: &str) -> BTreeMap<String, usize> {
    const SENDERS: usize = 3;
    const WANDERERS: usize = 4;
    const CUTS: usize = 40;
    let data = TempDir::new().expect("a directory");
    let options = unhurried(ServerOptions::stored(data.path())).set("limits.replay_events=100000");
    let server = Server::start(options.set(setting));
    let address = server.address();
    let mut dice = Dice::seeded();
    let is_over = Arc::new(AtomicBool::new(false));
    let (tell, told) = mpsc::channel();
    let senders: Vec<_> = (0..SENDERS)
        .map(|number| {
            let (is_over, mut dice) = (Arc::clone(&is_over), dice.split());
            let mut member = Member::new(&format!("sender-{number}"));
            thread::spawn(move || {
                member.connect(address).expect("a server");
                while !is_over.load(Ordering::Relaxed) {
                    while member.waiting() < 4 {
                        member.say(&"x".repeat(dice.below(1_000) as usize)).expect("a connection");
                    }
                    member.turn().expect("a sender is not cut off");
                }
                member.finish().expect("a connection");
                member
            })
        })
        .collect();
    let wanderers: Vec<_> = (0..WANDERERS)
        .map(|number| {
            let (tell, mut dice) = (tell.clone(), dice.split());
            let mut member = Member::new(&format!("wanderer-{number}"));
            thread::spawn(move || {
                let mut closings = Vec::new();
                for _ in 0..CUTS {
                    member.connect(address).expect("a server");
                    // Half of the time a message of its own is under way when it is cut.
                    if dice.below(2) == 0 {
                        let _ = member.say("on the way");
                    }
                    for _ in 0..dice.below(60) {
                        match member.turn() {
                            Ok(Heard::Closing(code)) => closings.push(code),
                            Ok(_) => {}
                            Err(_) => break,
                        }
                    }
                    // The other half, the new connection takes over from one that is still there.
                    if dice.below(2) == 0 {
                        member.cut();
                        // Some stay away for a while.
                        thread::sleep(Duration::from_millis(dice.below(4) * dice.below(100)));
                    }
                }
                let _ = tell.send(());
                (member, closings)
            })
        })
        .collect();
    drop(tell);
    assert_eq!(told.iter().count(), WANDERERS, "a wanderer failed");
    is_over.store(true, Ordering::Relaxed);
    let mut senders: Vec<Member> = senders.into_iter().map(|one| one.join().expect("no law is broken")).collect();
    let wanderers = wanderers.into_iter().map(|one| one.join().expect("no law is broken"));
    let (mut members, closings): (Vec<Member>, Vec<Vec<String>>) = wanderers.unzip();
    for member in &mut members {
        member.connect(address).expect("a server");
        member.finish().expect("a connection");
    }
    senders[0].say("the end").expect("a connection");
    senders[0].finish().expect("a connection");
    let (last, _) = senders[0].acknowledged().last().expect("an acknowledgement").clone();
    println!("{setting}: {last} messages, {} resumes", WANDERERS * CUTS);
    let mut log = switchboard_e2e::Log::default();
    log.read_on(address);
    assert_eq!(log.last(), last);
    for member in senders.iter_mut().chain(&mut members) {
        member.hear_up_to(last).expect("a connection");
        member.ledger.assert_complete(last);
        log.assert_holds(member);
    }
    let mut counts = BTreeMap::new();
    for code in closings.into_iter().flatten() {
        *counts.entry(code).or_default() += 1;
    }
    counts
}
