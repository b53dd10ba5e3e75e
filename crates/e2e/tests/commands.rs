//! Our own clients: `chat`, `send` and `ping`, and what they tell a script.

use serde_json::{Value, json};
use switchboard_e2e::{Json, Program, Server, ServerOptions, said, switchboard};
use tempfile::TempDir;

#[test]
fn clients_find_the_server_of_this_machine() {
    let home = TempDir::new().expect("a directory");
    let nobody = switchboard(home.path()).args(["chat", "--plain"]).output().expect("switchboard chat runs");
    assert_eq!(nobody.status.code(), Some(1), "{}", said(&nobody));
    assert!(said(&nobody).contains("switchboard serve"), "{}", said(&nobody));

    let server = Server::start(ServerOptions::ephemeral().home(home.path()));
    let (mut witness, _) = Json::hello("witness", server.address());
    let mut chat = Program::start("chat", &mut server.command(["chat", "--plain", "--nick", "ada"]));
    chat.out.expect("-- connected to ");
    chat.say("found you");
    let message = witness.message("found you");
    assert_eq!(message["from"]["nick"], "ada");
    witness.say("so you did");
    chat.out.expect("<witness> so you did\n");
    chat.finish();
    // The file goes with the server.
    server.stop();
    let nobody = switchboard(home.path()).args(["send", "hello"]).output().expect("switchboard send runs");
    assert_eq!(nobody.status.code(), Some(1), "{}", said(&nobody));
}

#[test]
fn chat_survives_a_killed_server_and_sends_what_waited_once() {
    let data = TempDir::new().expect("a directory");
    let server = Server::start(ServerOptions::stored(data.path()));
    let address = server.address();
    let url = format!("tcp://{address}");
    let mut chat = Program::start("chat", &mut server.command(["chat", "--plain", "--nick", "ada", &url]));
    chat.out.expect("-- connected to ");
    let (mut bob, _) = Json::hello("bob", address);
    chat.out.expect("* bob joined\n");
    bob.say("before");
    chat.out.expect("<bob> before\n");
    let home = server.home().to_owned();
    server.kill();
    chat.out.expect("-- not connected");
    chat.say("waited");

    let server = Server::start(ServerOptions::stored(data.path()).listen(&address.to_string()).home(&home));
    let (mut bob, _) = Json::hello("bob", server.address());
    bob.say("while away or not");
    chat.out.expect("<bob> while away or not\n");
    chat.say("after");
    bob.message("after");
    let history = bob.request(json!({ "type": "history" }));
    let told: Vec<(&Value, &Value)> = history["events"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|event| (&event["from"]["nick"], &event["text"]))
        .collect();
    for expected in [("bob", "before"), ("ada", "waited"), ("bob", "while away or not"), ("ada", "after")] {
        let count =
            told.iter().filter(|(nick, text)| (*nick, *text) == (&json!(expected.0), &json!(expected.1))).count();
        assert_eq!(count, 1, "{expected:?} in {told:?}");
    }
    for heard in ["<bob> before\n", "<bob> while away or not\n"] {
        assert_eq!(chat.out.text().matches(heard).count(), 1, "{}", chat.out.text());
    }
    assert!(chat.out.text().contains("-- connected again as ada"), "{}", chat.out.text());
    chat.finish();
}

#[test]
fn send_succeeds_only_when_the_message_is_stored() {
    let data = TempDir::new().expect("a directory");
    let server = Server::start(ServerOptions::stored(data.path()).set("limits.message_chars=20"));
    let (mut witness, _) = Json::hello("witness", server.address());
    let address = server.address();
    let run = |words: &[&str]| server.command(words).output().expect("switchboard send runs");
    for scheme in ["tcp", "ws", "udp"] {
        let text = format!("by {scheme}");
        let output = run(&["send", &format!("{scheme}://{address}"), &text]);
        assert!(output.status.success(), "{scheme}: {}", said(&output));
        let message = witness.message(&text);
        assert_eq!(message["from"]["via"], if scheme == "ws" { "websocket" } else { scheme });
    }
    // Standard input, and another room.
    let mut program = Program::start("send", &mut server.command(["send", "--room", "lobby", "--nick", "pipe"]));
    program.say("from a pipe");
    program.finish();
    assert_eq!(witness.message("from a pipe")["from"]["nick"], "pipe");

    let output = run(&["send", "more than twenty characters"]);
    assert_eq!(output.status.code(), Some(3), "{}", said(&output));
    assert!(said(&output).contains("20"), "the limit is named: {}", said(&output));
    assert_eq!(run(&["send", "--nonsense"]).status.code(), Some(2));
    assert_eq!(run(&["send", ""]).status.code(), Some(2));
    // Nobody there: a port that was free a moment ago.
    let gone = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.local_addr().expect("an address")
    };
    let output = run(&["send", "--timeout", "1s", &format!("tcp://{gone}"), "hello"]);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
}

#[test]
fn ping_measures_every_way_in() {
    let data = TempDir::new().expect("a directory");
    let server = Server::start(ServerOptions::stored(data.path()).arg("--tls-self-signed"));
    for scheme in ["tcp", "tls", "ws", "wss", "udp"] {
        let url = format!("{scheme}://{}", server.address());
        let output = server.command(["ping", &url, "--count", "2"]).output().expect("switchboard ping runs");
        assert!(output.status.success(), "{scheme}: {}", said(&output));
        let text = said(&output);
        assert!(text.contains("2 pings, 2 answers"), "{text}");
        assert_eq!(text.contains("\ntls "), matches!(scheme, "tls" | "wss"), "{text}");
        assert_eq!(text.contains("\nwebsocket "), matches!(scheme, "ws" | "wss"), "{text}");
    }
    let output = server.command(["ping", "--count", "1"]).output().expect("switchboard ping runs");
    assert!(output.status.success(), "without a URL: {}", said(&output));
    // A certificate that is not the one that was asked for is not trusted.
    let wrong = "00".repeat(32);
    let url = format!("tls://{}", server.address());
    let output = server.command(["ping", &url, "--fingerprint", &wrong]).output().expect("switchboard ping runs");
    assert!(!output.status.success(), "{}", said(&output));
}
