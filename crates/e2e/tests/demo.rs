//! The demo of the README: everything that can open a socket, in one room, with the same transcript.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use serde_json::Value;
use switchboard_e2e::{
    Json, PATIENCE, Program, Server, ServerOptions, Transcript, WebSocket, require_openbsd_nc, require_tool,
};
use tempfile::TempDir;

/// A chat client as the tutorials write it: one thread that sends, one that prints, and no newline anywhere.
const TUTORIAL_CLIENT: &str = r#"
import socket, sys, threading

client = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
client.connect((sys.argv[1], int(sys.argv[2])))

def receive():
    while True:
        message = client.recv(1024)
        if not message:
            break
        sys.stdout.buffer.write(message)
        sys.stdout.buffer.flush()

threading.Thread(target=receive, daemon=True).start()
for line in sys.stdin:
    client.sendall(line.rstrip("\n").encode())
"#;

/// How often everybody speaks.
const ROUNDS: usize = 4;

#[test]
fn everything_that_opens_a_socket_is_in_one_room() {
    let directory = TempDir::new().expect("a directory");
    let server = Server::start(ServerOptions::stored(&directory.path().join("data")).arg("--tls-self-signed"));
    // It joins first, says nothing, and hears the order in which all was said.
    let (mut witness, _) = Json::hello("witness", server.address());

    let mut clients = programs(&server, directory.path());
    clients.push(Client::web_socket("ws-text", server.address(), "/ws?protocol=text"));
    clients.push(Client::web_socket("ws-json", server.address_v6(), "/ws"));
    for client in &mut clients {
        client.take_name();
    }
    // Everybody is in the room before anybody speaks.
    let here = witness.request(serde_json::json!({ "type": "members" }));
    assert_eq!(here["count"], clients.len() + 1, "{here}");

    let mut said = 0;
    for round in 0..ROUNDS {
        for client in &mut clients {
            client.say(&message(round, client.name));
        }
        let status = server
            .command(["send", "--nick", "script", &message(round, "script")])
            .status()
            .expect("switchboard send runs");
        assert!(status.success(), "send: {status}");
        said += clients.len() + 1;
        for client in &mut clients {
            // Of its own messages it hears none.
            client.wait_for_messages(said - (round + 1));
        }
    }
    // What this would push away or repeat has then arrived, too.
    witness.say(&message(ROUNDS, "witness"));
    said += 1;
    let order: Vec<String> = witness
        .drain()
        .iter()
        .filter(|event| event["type"] == "message")
        .flat_map(|event| marked(&text_of(event)))
        .collect();
    assert_eq!(order.len(), said - 1, "the witness heard everything but itself");
    let mut order = order;
    order.push(message(ROUNDS, "witness"));
    for client in &mut clients {
        client.wait_for_messages(said - ROUNDS);
        let expected: Vec<&String> =
            order.iter().filter(|text| !text.ends_with(&format!(".{}.", client.name))).collect();
        let heard = marked(&client.heard());
        assert_eq!(heard.iter().collect::<Vec<_>>(), expected, "what {} heard:\n{}", client.name, client.heard());
    }

    // The history has it all in the same order, and says by which socket each message came.
    let history = witness.request(serde_json::json!({ "type": "history" }));
    let events = history["events"].as_array().expect("a list");
    let told: Vec<String> = events.iter().flat_map(|event| marked(&text_of(event))).collect();
    assert_eq!(told, order);
    let vias: BTreeMap<&str, &str> = events
        .iter()
        .map(|event| (event["from"]["nick"].as_str().unwrap_or(""), event["from"]["via"].as_str().unwrap_or("")))
        .collect();
    for (nick, via) in [
        ("ncat", "tcp"),
        ("nc", "tcp"),
        ("openssl", "tls"),
        ("python", "tcp"),
        ("udp4", "udp"),
        ("udp6", "udp"),
        ("chat", "tls"),
        ("chat-ws", "websocket"),
        ("ws-text", "websocket"),
        ("ws-json", "websocket"),
        ("script", "tls"),
    ] {
        assert_eq!(vias.get(nick), Some(&via), "{vias:?}");
    }
    drop(clients);
    server.stop();
}

/// The programs, each started and connected, but not named yet.
fn programs(server: &Server, directory: &Path) -> Vec<Client> {
    let python = require_tool("python3", "Debian package python3");
    let script = directory.join("client.py");
    std::fs::write(&script, TUTORIAL_CLIENT).expect("a file");
    let port = server.port().to_string();
    let nc = require_openbsd_nc();
    let start = |name: &'static str, greeting: &'static str, command: &mut Command| {
        let mut program = Program::start(name, command);
        program.out.expect(greeting);
        Client { name, by: By::Program(program) }
    };
    let silent =
        |name: &'static str, command: &mut Command| Client { name, by: By::Program(Program::start(name, command)) };
    let greeting = "-- Welcome to Switchboard.";
    vec![
        start("ncat", greeting, Command::new(require_tool("ncat", "Debian package ncat")).args(["127.0.0.1", &port])),
        start("nc", greeting, Command::new(&nc).args(["::1", &port])),
        start(
            "openssl",
            greeting,
            Command::new(require_tool("openssl", "Debian package openssl"))
                .args(["s_client", "-quiet", "-connect"])
                .arg(server.address().to_string()),
        ),
        start("python", greeting, Command::new(python).arg(&script).args(["127.0.0.1", &port])),
        silent("udp4", Command::new(&nc).args(["-u", "127.0.0.1", &port])),
        silent("udp6", Command::new(&nc).args(["-u", "::1", &port])),
        start("chat", "-- connected to tls://", &mut server.command(["chat", "--plain", "--nick", "chat"])),
        start(
            "chat-ws",
            "-- connected to ws://",
            &mut server.command(["chat", "--plain", "--nick", "chat-ws", &format!("ws://127.0.0.1:{port}/ws")]),
        ),
    ]
}

/// Text that can be found again in any transcript, and does not hold the mark of another.
fn message(round: usize, name: &str) -> String {
    format!("said.{round}.{name}.")
}

/// The messages in a transcript, in order, whatever stands around them.
fn marked(transcript: &str) -> Vec<String> {
    transcript
        .match_indices("said.")
        .filter_map(|(at, _)| {
            let mut parts = transcript[at..].splitn(4, '.');
            let (_, round, name, _) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
            Some(format!("said.{round}.{name}."))
        })
        .collect()
}

fn text_of(event: &Value) -> String {
    event["text"].as_str().unwrap_or_default().to_owned()
}

struct Client {
    name: &'static str,
    by: By,
}

enum By {
    Program(Program),
    Socket(WebSocket),
}

impl Client {
    fn web_socket(name: &'static str, address: SocketAddr, path: &str) -> Self {
        let mut socket = WebSocket::connect(name, address, path);
        if !path.ends_with("text") {
            socket.say(&serde_json::json!({ "type": "hello", "nick": name }).to_string());
            socket.expect("\"welcome\"");
        }
        Self { name, by: By::Socket(socket) }
    }

    fn take_name(&mut self) {
        if matches!(self.name, "chat" | "chat-ws" | "ws-json") {
            return;
        }
        let name = self.name;
        let told = format!("You are {name}");
        match &mut self.by {
            By::Program(program) => {
                program.say(&format!("/nick {name}"));
                program.out.expect(&told);
            }
            By::Socket(socket) => {
                socket.say(&format!("/nick {name}"));
                socket.expect(&told);
            }
        }
    }

    fn say(&mut self, text: &str) {
        let name = self.name;
        match &mut self.by {
            By::Program(program) => program.say(text),
            By::Socket(socket) if name == "ws-json" => {
                socket.say(&serde_json::json!({ "type": "message", "text": text }).to_string());
            }
            By::Socket(socket) => socket.say(text),
        }
    }

    fn wait_for_messages(&mut self, count: usize) {
        match &mut self.by {
            By::Program(program) => {
                let out: &Transcript = &program.out;
                out.wait_for(&format!("{count} messages"), |text| (marked(text).len() >= count).then_some(()));
            }
            By::Socket(socket) => {
                let deadline = Instant::now() + PATIENCE;
                while marked(&socket.heard().concat()).len() < count {
                    assert!(Instant::now() < deadline, "{}: {:#?}", self.name, socket.heard());
                    socket.expect("said.");
                }
            }
        }
    }

    fn heard(&self) -> String {
        match &self.by {
            By::Program(program) => program.out.text(),
            By::Socket(socket) => socket.heard().concat(),
        }
    }
}
