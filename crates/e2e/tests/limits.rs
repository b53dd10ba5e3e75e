//! Who gets in, and how much of everything one may have: each refusal has a stable code and names its limit.

use std::time::Instant;

use serde_json::{Value, json};
use switchboard_e2e::{Json, Line, PATIENCE, Server, ServerOptions, WebSocket, http_get, said};

#[test]
fn nothing_is_heard_or_said_before_the_join_code() {
    let server = Server::start(ServerOptions::ephemeral().set("auth.join_code=sesame"));
    let (mut ada, _) = Json::hello_with("ada", server.address(), json!({ "nick": "ada", "pass": "sesame" }));
    let mut stranger = Line::connect("stranger", server.address());
    let asked = stranger.heard.line();
    assert!(asked.contains("/pass"), "{asked}");
    let mut socket = WebSocket::connect("page", server.address(), "/ws?protocol=json");
    let mut object = Json::connect("json", server.address());

    // Each is refused with a code, and goes on.
    stranger.say("let me in");
    stranger.heard.line_where("a refusal", |line| line.contains("/pass"));
    let refused = object.request(json!({ "type": "hello", "nick": "bob" }));
    assert_eq!(refused["code"], "pass_required", "{refused}");
    let refused = object.request(json!({ "type": "hello", "nick": "bob", "pass": "open" }));
    assert_eq!(refused["code"], "pass_wrong", "{refused}");
    socket.say("{\"type\":\"history\",\"ref\":\"1\"}");
    socket.expect("\"pass_required\"");
    socket.say("{\"type\":\"message\",\"text\":\"psst\",\"ref\":\"2\"}");
    socket.expect("\"pass_required\"");
    let output = server.command(["send", "hello"]).output().expect("switchboard send runs");
    assert_eq!(output.status.code(), Some(3), "{}", said(&output));

    ada.say("a secret");
    assert_eq!(ada.drain(), [] as [Value; 0], "nobody came, and nothing was said");

    // With it, everybody gets in, and has heard nothing of what was before.
    stranger.say("/pass sesame");
    stranger.heard.expect("Welcome");
    stranger.say("thank you");
    ada.message("thank you");
    assert!(!stranger.heard.text().contains("a secret"), "{}", stranger.heard.text());
    let welcome = object.request(json!({ "type": "hello", "nick": "bob", "pass": "sesame" }));
    assert_eq!(welcome["type"], "welcome", "{welcome}");
    socket.say("{\"type\":\"pass\",\"code\":\"sesame\",\"ref\":\"3\"}");
    socket.say("{\"type\":\"message\",\"text\":\"at last\",\"ref\":\"4\"}");
    ada.message("at last");
    assert!(!socket.heard().concat().contains("a secret"));
    let output = server.command(["send", "--pass", "sesame", "sent"]).output().expect("switchboard send runs");
    assert!(output.status.success(), "{}", said(&output));
    ada.message("sent");
}

#[test]
fn whoever_guesses_the_join_code_is_closed() {
    let server = Server::start(ServerOptions::ephemeral().set("auth.join_code=sesame"));
    let mut line = Line::connect("guesser", server.address());
    for guess in 0..100 {
        if line.try_send(format!("/pass {guess}\n").as_bytes()).is_err() {
            break;
        }
    }
    line.heard.wait_for_end();
    let mut socket = WebSocket::connect("guesser", server.address(), "/ws?protocol=json");
    for guess in 0..100 {
        let text = format!("{{\"type\":\"hello\",\"pass\":\"{guess}\"}}");
        if socket.send(text.into()).is_err() {
            break;
        }
    }
    assert_eq!(socket.expect_close().map(|frame| u16::from(frame.code)), Some(4403));
    assert!(http_get(server.address(), "/metrics").body.contains("code=\"pass_refused\""));
}

#[test]
fn connections_of_one_address_are_limited_and_the_limit_is_named() {
    let mut server = Server::start(
        ServerOptions::ephemeral().set("limits.connections_per_ip=2").set("server.trusted_proxies=[\"192.0.2.0/24\"]"),
    );
    // Loopback is no longer exempt where proxies are trusted.
    let first = Line::greeted("first", server.address());
    let mut second = Line::greeted("second", server.address());
    let third = Line::connect("third", server.address());
    third.heard.wait_for_end();
    server.log.expect("limits.connections_per_ip (2)");
    // Place is free again when one has left, and the server has noticed.
    drop(first);
    let deadline = Instant::now() + PATIENCE;
    let mut fourth = loop {
        let mut line = Line::connect("fourth", server.address());
        if line.heard.expect_or_end("-- Welcome").is_some() {
            break line;
        }
        assert!(Instant::now() < deadline, "no place was free in {PATIENCE:?}");
    };
    fourth.say("I am in");
    second.heard.expect("I am in");
}

#[test]
fn limits_refuse_with_a_stable_code_and_name_themselves() {
    let server = Server::start(
        ServerOptions::ephemeral()
            .set("limits.message_chars=10")
            .set("limits.topic_chars=10")
            .set("limits.nick_chars=16")
            .set("limits.room_chars=10")
            .set("limits.rooms_per_session=2")
            .set("limits.sessions_per_user=2")
            .set("limits.messages_per_second=1")
            .set("limits.message_burst=3"),
    );
    let (mut ada, welcome) = Json::hello("ada", server.address());
    let (_bob, _) = Json::hello("bob", server.address());
    assert_eq!(welcome["limits"]["message_chars"], 10);
    let refusals = [
        (json!({ "type": "message", "text": "12345678901" }), "message_too_long", "limits.message_chars"),
        (json!({ "type": "message", "text": "" }), "message_empty", ""),
        (json!({ "type": "topic", "room": "lobby", "text": "12345678901" }), "topic_too_long", "limits.topic_chars"),
        (json!({ "type": "nick", "nick": "12345678901234567" }), "nick_invalid", "limits.nick_chars"),
        (json!({ "type": "nick", "nick": "BOB" }), "nick_taken", ""),
        (json!({ "type": "nick", "nick": "b\u{43e}b" }), "nick_taken", ""),
        (json!({ "type": "join", "room": "12345678901" }), "room_invalid", "limits.room_chars"),
        (json!({ "type": "message", "room": "dev", "text": "hi" }), "not_a_member", ""),
        (json!({ "type": "message", "to": "carl", "text": "hi" }), "no_such_user", ""),
        (json!({ "type": "message", "id": "short", "text": "hi" }), "id_invalid", ""),
        (json!({ "type": "hello" }), "already_welcome", ""),
    ];
    for (request, code, limit) in &refusals {
        let answer = ada.request(request.clone());
        assert_eq!(answer["code"], *code, "{request} was answered with {answer}");
        assert!(answer["message"].as_str().is_some_and(|message| message.contains(limit)), "{answer}");
    }
    // Exactly the limit is allowed. Characters are counted, not bytes.
    let ack = ada.request(json!({ "type": "message", "text": "äöüäöüäöü€" }));
    assert_eq!(ack["type"], "ack", "{ack}");

    assert_eq!(ada.request(json!({ "type": "join", "room": "one" }))["type"], "ack");
    let answer = ada.request(json!({ "type": "join", "room": "two" }));
    assert_eq!(answer["code"], "too_many_rooms", "{answer}");
    assert!(answer["message"].as_str().is_some_and(|message| message.contains("limits.rooms_per_session")), "{answer}");

    let mut more: Vec<Json> = Vec::new();
    let last = loop {
        let mut client = Json::connect("ada again", server.address());
        let answer = client.request(json!({ "type": "hello", "token": welcome["token"], "as": "new" }));
        if answer["type"] != "welcome" {
            break answer;
        }
        more.push(client);
    };
    assert_eq!((more.len(), &last["code"]), (1, &json!("too_many_sessions")), "{last}");
    assert!(last["message"].as_str().is_some_and(|message| message.contains("limits.sessions_per_user")), "{last}");

    // A burst, and then one a second.
    let (mut carl, _) = Json::hello("carl", server.address());
    let references: Vec<String> =
        (0..6).map(|number| carl.start(json!({ "type": "message", "text": number.to_string() }))).collect();
    let answers: Vec<Value> = references.iter().map(|reference| carl.answer(reference)).collect();
    assert!(answers[..3].iter().all(|answer| answer["type"] == "ack"), "{answers:?}");
    assert_eq!(answers[5]["code"], "rate_limited", "{answers:?}");
    let sentence = answers[5]["message"].as_str().unwrap_or_default();
    assert!(sentence.contains("limits.messages_per_second"), "{sentence}");

    // All of it is counted by its code.
    let metrics = http_get(server.address(), "/metrics").body;
    for code in refusals.iter().map(|(_, code, _)| *code).chain(["too_many_rooms", "too_many_sessions", "rate_limited"])
    {
        assert!(metrics.contains(&format!("switchboard_refusals_total{{code=\"{code}\"}}")), "{code}:\n{metrics}");
    }
}
