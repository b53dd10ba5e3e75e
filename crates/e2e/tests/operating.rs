//! Running it: what the operator is told of mistakes, of what goes on, and how it ends.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use switchboard_e2e::{Json, Line, PATIENCE, Server, ServerOptions, WebSocket, http_get, said, switchboard};
use tempfile::TempDir;

#[test]
fn mistakes_in_the_configuration_are_told_with_line_and_column() {
    let home = TempDir::new().expect("a directory");
    let file = home.path().join("switchboard.toml");
    let path = file.display().to_string();
    for (text, place, word) in [
        ("[limits]\nmessage_char = 5\n", ":2:1: ", "message_char"),
        ("[limits]\nmessage_chars = 0\n", ":2:17: ", "message_chars"),
        ("[limits]\n\n  message_chars = \"many\"\n", ":3:19: ", "message_chars"),
        ("[limit]\n", ":1:", "limit"),
        ("[limits\n", ":1:", ""),
    ] {
        std::fs::write(&file, text).expect("a file");
        for command in [&["serve", "--config"][..], &["config", "check", "--config"]] {
            let output = switchboard(home.path()).args(command).arg(&file).output().expect("switchboard runs");
            let errors = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_eq!(output.status.code(), Some(2), "{text:?}: {errors}");
            assert!(errors.contains(&format!("{path}{place}")) && errors.contains(word), "{text:?}: {errors}");
        }
    }
    std::fs::write(&file, "[limits]\nmessage_chars = 5\n").expect("a file");
    let output =
        switchboard(home.path()).args(["config", "check", "--config"]).arg(&file).output().expect("switchboard runs");
    assert!(output.status.success(), "{}", said(&output));
}

#[test]
fn mistakes_elsewhere_are_told_with_their_name() {
    let (status, errors) = Server::refused(ServerOptions::ephemeral().set("limits.message_char=5"));
    assert_eq!(status.code(), Some(2));
    assert!(errors.contains("--set limits.message_char=") && errors.contains("limits.message_chars?"), "{errors}");
    let (status, errors) =
        Server::refused(ServerOptions::ephemeral().env("SWITCHBOARD_LIMITS__MESSAGES_PER_SECOND", "often"));
    assert_eq!(status.code(), Some(2));
    assert!(errors.contains("SWITCHBOARD_LIMITS__MESSAGES_PER_SECOND"), "{errors}");
}

#[test]
fn a_second_server_is_refused_and_the_first_goes_on() {
    let data = TempDir::new().expect("a directory");
    let server = Server::start(ServerOptions::stored(data.path()));
    let (mut ada, _) = Json::hello("ada", server.address());
    ada.say("before");
    // The same data.
    let (status, errors) = Server::refused(ServerOptions::stored(data.path()));
    assert_eq!(status.code(), Some(1));
    assert!(errors.contains(&data.path().display().to_string()), "{errors}");
    // The same port.
    let (status, errors) = Server::refused(ServerOptions::ephemeral().listen(&server.address().to_string()));
    assert_eq!(status.code(), Some(1));
    assert!(errors.contains(&server.address().to_string()), "{errors}");
    ada.say("after");
    let history = ada.request(json!({ "type": "history" }));
    let texts: Vec<&Value> = history["events"].as_array().expect("a list").iter().map(|event| &event["text"]).collect();
    assert_eq!(texts, ["before", "after"]);
}

#[test]
fn a_port_is_found_or_taken_from_the_environment() {
    let first = Server::start(ServerOptions::ephemeral().choosing_its_port());
    let second = Server::start(ServerOptions::ephemeral().choosing_its_port());
    for server in [&first, &second] {
        assert!((12_345..=12_444).contains(&server.port()), "{:?}", server.addresses());
        assert_eq!(server.address_v6().port(), server.port());
        let _client = Line::greeted("client", server.address_v6());
    }
    assert_ne!(first.port(), second.port());
    let free =
        std::net::TcpListener::bind("[::1]:0").and_then(|listener| listener.local_addr()).expect("a port").port();
    let third = Server::start(ServerOptions::ephemeral().choosing_its_port().env("PORT", &free.to_string()));
    assert_eq!(third.port(), free);
    assert_eq!(third.stop().matches("panicked").count(), 0);
}

#[test]
fn listeners_can_be_pinned_to_a_protocol() {
    let server = Server::start(
        ServerOptions::ephemeral()
            .listen("text://127.0.0.1:0")
            .listen("json://127.0.0.1:0")
            .listen("http://127.0.0.1:0"),
    );
    let [text, object, http] = server.addresses() else { panic!("{:?}", server.addresses()) };
    let (mut witness, _) = Json::hello("witness", *object);
    // What is JSON elsewhere is text here. A request is not: no page may post lines to the port.
    let mut client = Line::connect("text", *text);
    client.say("{\"type\":\"ping\"}");
    witness.message("{\"type\":\"ping\"}");
    let mut client = Line::connect("HTTP", *text);
    client.send(b"POST / HTTP/1.1\r\nContent-Length: 4\r\n\r\nbad\n");
    client.heard.wait_for_end();
    // And what is something else elsewhere is closed.
    let mut client = Line::connect("not JSON", *object);
    client.say("hello");
    client.heard.wait_for_end();
    let mut client = Line::connect("not HTTP", *http);
    client.say("hello");
    client.heard.wait_for_end();
    assert_eq!(http_get(*http, "/healthz").status, 200);
    assert!(!witness.drain().iter().any(|event| event["type"] == "message"));
}

#[test]
fn metrics_count_what_goes_on() {
    let data = TempDir::new().expect("a directory");
    let server = Server::start(ServerOptions::stored(data.path()));
    let (mut ada, _) = Json::hello("ada", server.address());
    let mut text = Line::greeted("text", server.address());
    let mut socket = WebSocket::connect("page", server.address(), "/ws");
    socket.say("{\"type\":\"hello\"}");
    socket.expect("welcome");
    for number in 0..3 {
        ada.say(&number.to_string());
    }
    text.heard.expect("<ada> 2\n");
    socket.expect("\"text\":\"2\"");
    let answer = http_get(server.address(), "/metrics");
    assert!(answer.header("content-type").is_some_and(|kind| kind.contains("openmetrics")), "{}", answer.head);
    let metrics: Vec<&str> = answer.body.lines().collect();
    for line in [
        "switchboard_connections{transport=\"tcp\",protocol=\"json\"} 1",
        "switchboard_connections{transport=\"tcp\",protocol=\"text\"} 1",
        "switchboard_connections{transport=\"websocket\",protocol=\"json\"} 1",
        "switchboard_messages_total 3",
        "switchboard_outbox_overflows_total 0",
        "switchboard_writable 1",
    ] {
        assert!(metrics.contains(&line), "no {line} in:\n{}", answer.body);
    }
    let number = |name: &str| -> f64 {
        let line = metrics.iter().find(|line| line.starts_with(&format!("{name} ")));
        let value = line.and_then(|line| line.rsplit(' ').next()).and_then(|value| value.parse().ok());
        value.unwrap_or_else(|| panic!("no {name} in:\n{}", answer.body))
    };
    assert!(number("switchboard_deliveries_total") >= 6.0);
    assert!(number("switchboard_sent_bytes_total") > 100.0);
    assert!(number("switchboard_received_bytes_total") > 100.0);
    assert!(number("switchboard_commit_seconds_count") >= 3.0);
    assert!(number("switchboard_batch_commands_count") >= 3.0);
    assert_eq!(metrics.last(), Some(&"# EOF"));
    assert_eq!(http_get(server.address(), "/readyz").status, 200);
}

#[test]
fn the_log_says_who_came_and_went_and_nothing_raw() {
    let mut server = Server::start(ServerOptions::ephemeral().arg("--log-format").arg("json"));
    let (mut ada, _) = Json::hello("ada", server.address());
    ada.say("one\n\u{1b}[2Jtwo");
    let from = ada.line().local_addr();
    drop(ada);
    server.log.expect("peer_gone");
    server.log.line();
    let log = server.log.text();
    for line in log.lines() {
        let object: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert!(object["level"].is_string(), "{line}");
    }
    assert!(log.contains(&from.to_string()), "{log}");
    assert!(!log.contains('\u{1b}'), "{log:?}");
}

#[test]
fn at_the_end_everybody_is_told_and_nothing_is_lost() {
    let data = TempDir::new().expect("a directory");
    let server = Server::start(ServerOptions::stored(data.path()));
    let address = server.address();
    let mut text = Line::named("text", address);
    let (mut object, _) = Json::hello("json", address);
    let mut socket = WebSocket::connect("page", address, "/ws?protocol=json");
    socket.say("{\"type\":\"hello\"}");
    socket.expect("welcome");
    let udp = std::net::UdpSocket::bind("127.0.0.1:0").expect("a socket");
    udp.set_read_timeout(Some(PATIENCE)).expect("a socket option");
    udp.send_to(b"/nick sensor", address).expect("a datagram");
    while object.event("joined")["from"]["nick"] != "sensor" {}
    // What was sent just before the signal is stored, or refused: never lost in between.
    let references: Vec<String> =
        (0..20).map(|number| object.start(json!({ "type": "message", "text": format!("last {number}") }))).collect();
    let begun = Instant::now();
    let log = server.stop();
    assert!(begun.elapsed() < Duration::from_secs(10), "it took {:?}", begun.elapsed());
    assert!(log.contains("shutting down"), "{log}");

    text.heard.expect_end();
    assert!(text.heard.text().ends_with("-- the server is going down\n"), "{}", text.heard.text());
    let all = object.line().heard.expect_end();
    let frame = socket.expect_close().expect("a close frame");
    assert_eq!(u16::from(frame.code), 1012);
    assert!(frame.reason.starts_with("shutting_down:"), "{}", frame.reason);
    let mut told = String::new();
    while !told.contains("going down") {
        let mut buffer = [0; 2_000];
        let (length, _) = udp.recv_from(&mut buffer).unwrap_or_else(|error| panic!("{error}, after {told}"));
        told.push_str(&String::from_utf8_lossy(&buffer[..length]));
    }

    let answers: Vec<Value> = all.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let closing = answers.last().expect("a last word");
    assert_eq!((&closing["type"], &closing["code"]), (&json!("closing"), &json!("shutting_down")), "{closing}");
    let acknowledged = references
        .iter()
        .filter(|reference| answers.iter().any(|answer| answer["type"] == "ack" && answer["ref"] == **reference))
        .count();
    let server = Server::start(ServerOptions::stored(data.path()));
    let (mut object, _) = Json::hello("again", server.address());
    let history = object.request(json!({ "type": "history" }));
    let kept = history["events"].as_array().map_or(0, Vec::len);
    assert!(kept >= acknowledged, "{acknowledged} messages were acknowledged, {kept} are there");
}
