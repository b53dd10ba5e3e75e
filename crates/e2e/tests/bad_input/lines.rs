//! Lines that are too long, not UTF-8, not JSON, or meant to fool a terminal.

use serde_json::{Value, json};
use switchboard_e2e::{Json, Line, ServerOptions};

use crate::room::Room;

#[test]
fn a_line_may_have_its_limit_and_not_one_byte_more() {
    let mut room = Room::new(ServerOptions::ephemeral());
    room.has_visitors = true;
    let limit = 32 * 1024;
    // Text, at the limit: refused for its characters, which is not a reason to close.
    let mut text = Line::named("text", room.address());
    text.say(&"x".repeat(limit));
    text.heard.expect("limits.message_chars");
    text.say("good");
    room.expect("good");
    text.say(&"x".repeat(limit + 1));
    text.heard.expect("limits.line_bytes");
    text.heard.expect_end();
    // JSON, at the limit: members that are not known are ignored.
    let (mut object, _) = Json::hello("json", room.address());
    let around = json!({ "type": "ping", "ref": "1", "pad": "" }).to_string().len();
    let answer = object.request(json!({ "type": "ping", "pad": "" }));
    assert_eq!(answer["type"], "pong");
    object.send(&json!({ "type": "ping", "ref": "2", "pad": "x".repeat(limit - around) }));
    assert_eq!(object.answer("2")["type"], "pong");
    object.send(&json!({ "type": "ping", "ref": "3", "pad": "x".repeat(limit - around + 1) }));
    let closed = closing(object.line());
    assert_eq!((&closed["code"], &closed["limit"]), (&json!("line_too_long"), &json!(limit)), "{closed}");
    room.check("long lines");
}

#[test]
fn a_line_without_an_end_costs_no_more_than_its_limit() {
    let mut room = Room::new(ServerOptions::ephemeral());
    let mut line = Line::connect("endless", room.address());
    line.send(b"{\"type\":\"ping\",\"pad\":\"");
    let chunk = vec![b'x'; 64 * 1024];
    // It hangs up long before all of it is sent.
    let hung_up = (0..1024).any(|_| line.try_send(&chunk).is_err());
    assert!(hung_up || line.heard.end().is_some(), "64 MiB of one line were taken");
    room.check("an endless line");
}

#[test]
fn bad_utf8_is_not_text() {
    let mut room = Room::new(ServerOptions::ephemeral());
    for bytes in [&b"caf\xe9 au lait\n"[..], b"\xfe\xfd\n", b"\xed\xa0\x80\n", b"\xf4\x90\x80\x80\n", b"\xc0\xaf\n"] {
        let mut line = Line::greeted("latin-1", room.address());
        line.send(bytes);
        line.heard.expect("UTF-8");
        line.heard.expect_end();
        room.check("invalid UTF-8 in text");
    }
    let mut line = Line::connect("json", room.address());
    line.send(b"{\"type\":\"ping\",\"pad\":\"\xff\"}\n");
    assert_eq!(closing(&mut line)["code"], "invalid_utf8");
    room.check("invalid UTF-8 in JSON");
}

#[test]
fn deeply_nested_json_is_refused() {
    let mut room = Room::new(ServerOptions::ephemeral());
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let deep =
            format!("{{\"type\":\"ping\",\"ref\":\"1\",\"pad\":{}1{}}}", open.repeat(10_000), close.repeat(10_000));
        let mut line = Line::connect("deep", room.address());
        line.say(&deep[..deep.len().min(32 * 1024)]);
        let answer = line.heard.line_where("a refusal", |line| line.contains("\"error\""));
        assert!(answer.contains("bad_request"), "{answer}");
    }
    // The same in an event that is relayed to others.
    let deep = format!("{{\"type\":\"event\",\"name\":\"x\",\"args\":{}1{}}}", "[".repeat(10_000), "]".repeat(10_000));
    let mut line = Line::connect("deep", room.address());
    line.say(&deep);
    let answer = line.heard.line_where("a refusal", |line| line.contains("\"error\""));
    assert!(answer.contains("bad_request"), "{answer}");
    drop(line);
    room.check("JSON nested 10000 deep");
}

#[test]
fn bad_json_is_refused_and_the_connection_goes_on() {
    let mut room = Room::new(ServerOptions::ephemeral());
    let mut line = Line::connect("json", room.address());
    for bad in [
        "{\"type\":1}",
        "{\"type\":\"\"}",
        "{\"typ\":\"ping\"}",
        "{\"type\":\"ping\"",
        "{\"type\":\"message\",\"text\":7}",
        "{\"type\":\"message\",\"text\":\"\\ud800\"}",
        "{\"type\":\"history\",\"limit\":-1}",
        "{\"type\":\"dance\"}",
        "[1]",
        "nonsense",
    ] {
        line.say(bad);
        let answer = line.heard.line_where("a refusal", |line| line.contains("\"error\""));
        assert!(answer.contains("bad_request") || answer.contains("unknown_command"), "{bad}: {answer}");
    }
    room.check("bad JSON");
}

#[test]
fn what_others_wrote_never_reaches_a_terminal_raw() {
    let mut room = Room::new(ServerOptions::ephemeral());
    let mut terminal = Line::named("terminal", room.address());
    let bad = "a\u{1b}[2Jb\u{7}c\u{202e}d\u{200b}e\u{9b}31mf\rg";
    let (mut sender, _) = Json::hello("sender", room.address());
    sender.say(bad);
    sender.say("one\n<ada> two");
    terminal.heard.expect("two\n");
    let text = terminal.heard.text();
    let raw = |c: char| (c.is_control() && c != '\n') || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}');
    assert!(!text.chars().any(raw), "{text:?}");
    assert!(!text.lines().any(|line| line.starts_with("<ada>")), "a message looks like two: {text}");
    // A program that is read in a terminal gets them escaped.
    room.ada.message(bad);
    let wire = room.ada.line().heard.text();
    assert!(!wire.chars().any(raw), "{wire:?}");
    // The log is read in a terminal, too.
    let log = room.server.log.wait_for("the message", |log| log.contains("two").then(|| log.to_owned()));
    assert!(!log.chars().any(raw), "{log:?}");
}

/// The JSON object by which a connection is closed.
fn closing(line: &mut Line) -> Value {
    let text = line.heard.line_where("closing", |line| line.contains("\"closing\""));
    line.heard.expect_end();
    serde_json::from_str(&text).expect("JSON")
}
