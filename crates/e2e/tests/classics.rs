//! The classic socket programs, as the tutorials write them, keep working unchanged.

use std::net::{SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::process::Command;

use switchboard_e2e::{Json, Line, PATIENCE, Program, Server, ServerOptions, WebSocket, require_tool, switchboard};
use tempfile::TempDir;

/// Says one thing and is gone.
const ONE_SHOT: &str = r#"
import socket, sys

with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as s:
    s.connect((sys.argv[1], int(sys.argv[2])))
    s.sendall(b"Hello, Server!")
"#;

/// Greets, waits for one reply, prints it.
const GREET_AND_WAIT: &str = r#"
import socket, sys

s = socket.socket()
s.settimeout(15)
s.connect((sys.argv[1], int(sys.argv[2])))
s.send(b"Hello, I am here")
print("Received", repr(s.recv(1024)))
s.close()
"#;

/// Two threads: what is typed is sent as it is, what comes is printed as it is.
const CHAT_CLIENT: &str = r#"
import socket, sys, threading

client = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
client.connect((sys.argv[1], int(sys.argv[2])))

def receive():
    while True:
        try:
            message = client.recv(1024).decode("utf-8")
        except OSError:
            break
        if not message:
            break
        print(message, end="", flush=True)

threading.Thread(target=receive, daemon=True).start()
print("connected", file=sys.stderr, flush=True)
while True:
    try:
        text = input()
    except EOFError:
        break
    client.sendall(text.encode("utf-8"))
client.close()
"#;

/// Tries the ports in turn until one lets it in, sends parameters, prints what comes back.
const SCANNING_CLIENT: &str = r#"
import socket, sys

def find(ports):
    for port in ports:
        s = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        s.settimeout(5)
        try:
            s.connect(("127.0.0.1", port))
            return s, port
        except OSError:
            s.close()
    sys.exit("no server")

s, port = find(range(int(sys.argv[1]), 9999))
print("port", port, flush=True)
s.sendall(sys.argv[2].encode())
print("got", [s.recv(1024).decode() for _ in range(int(sys.argv[3]))], flush=True)
s.close()
"#;

/// The scripts, in a directory of their own.
struct Scripts {
    directory: TempDir,
    python: PathBuf,
}

impl Scripts {
    fn new() -> Self {
        let scripts = Self {
            directory: TempDir::new().expect("a directory"),
            python: require_tool("python3", "Debian package python3"),
        };
        for (name, text) in
            [("one_shot", ONE_SHOT), ("greet", GREET_AND_WAIT), ("chat", CHAT_CLIENT), ("scan", SCANNING_CLIENT)]
        {
            std::fs::write(scripts.directory.path().join(name), text).expect("a file");
        }
        scripts
    }

    fn start(&self, name: &str, script: &str, arguments: &[&str]) -> Program {
        Program::start(
            name,
            Command::new(&self.python).arg("-u").arg(self.directory.path().join(script)).args(arguments),
        )
    }
}

fn place(address: SocketAddr) -> [String; 2] {
    [address.ip().to_string(), address.port().to_string()]
}

#[test]
fn one_sendall_and_close_is_a_message() {
    let scripts = Scripts::new();
    let mut server = Server::start(ServerOptions::ephemeral());
    let (mut witness, _) = Json::hello("witness", server.address());
    let [host, port] = place(server.address());
    let mut program = scripts.start("one-shot", "one_shot", &[&host, &port]);
    program.finish();
    let message = witness.message("Hello, Server!");
    assert_eq!(message["from"]["via"], "tcp");
    let line = server.log.line_where("the message in the log", |line| line.contains("Hello, Server!"));
    assert!(line.contains("127.0.0.1"), "the log does not say where it came from: {line}");
    // It came once.
    assert!(!witness.drain().iter().any(|event| event["type"] == "message"));
}

#[test]
fn a_client_that_greets_and_waits_is_answered() {
    let scripts = Scripts::new();
    let server = Server::start(ServerOptions::ephemeral());
    let (mut witness, _) = Json::hello("witness", server.address());
    let [host, port] = place(server.address());
    let mut program = scripts.start("greeter", "greet", &[&host, &port]);
    program.finish();
    assert!(program.out.text().contains("Received b'-- Welcome to Switchboard."), "{}", program.out.text());
    let greeting = witness.message("Hello, I am here");
    assert_eq!(greeting["from"]["via"], "tcp");
}

/// Starts `count` chat clients; each is known to be connected, and has sent nothing.
fn chat_clients(scripts: &Scripts, server: &Server, count: usize) -> Vec<Program> {
    let [host, port] = place(server.address());
    let mut clients: Vec<Program> =
        (0..count).map(|number| scripts.start(&format!("client {number}"), "chat", &[&host, &port])).collect();
    for client in &mut clients {
        client.err.expect("connected");
    }
    clients
}

/// Everybody says `ROUND-NUMBER;` at the same time, and waits until they heard it of everybody else.
fn speak(clients: &mut [(usize, Program)], round: usize) {
    for (number, client) in clients.iter_mut() {
        client.say(&format!("m{round}-{number};"));
    }
    let numbers: Vec<usize> = clients.iter().map(|(number, _)| *number).collect();
    for (number, client) in clients.iter() {
        client.out.wait_for(&format!("round {round} of {numbers:?}"), |text| {
            let missing = numbers.iter().any(|other| other != number && !text.contains(&format!("m{round}-{other};")));
            (!missing).then_some(())
        });
    }
}

/// The `mROUND-NUMBER;` in a transcript, in order.
fn spoken(text: &str) -> Vec<&str> {
    text.split_inclusive(';').filter_map(|piece| piece.rfind('m').map(|at| &piece[at..])).collect()
}

#[test]
fn a_dozen_chat_clients_hear_each_other_and_survive_a_killed_one() {
    let scripts = Scripts::new();
    let server = Server::start(ServerOptions::ephemeral().set("limits.session_ttl=0s"));
    let (mut witness, _) = Json::hello("witness", server.address());
    let mut clients: Vec<(usize, Program)> = chat_clients(&scripts, &server, 12).into_iter().enumerate().collect();
    // Who is greeted is in the room.
    for (_, client) in &mut clients {
        client.out.expect("-- Welcome");
    }
    speak(&mut clients, 1);
    speak(&mut clients, 2);

    let (number, mut killed) = clients.remove(5);
    let nick = witness.message(&format!("m1-{number};"))["from"]["nick"].clone();
    killed.kill();
    let left = witness.event("left");
    assert_eq!(left["from"]["nick"], nick, "{left}");
    assert_eq!(left["why"], "gone", "{left}");
    speak(&mut clients, 3);

    let order: Vec<String> = witness
        .drain()
        .iter()
        .filter(|event| event["type"] == "message")
        .filter_map(|event| event["text"].as_str().map(str::to_owned))
        .collect();
    assert_eq!(order.len(), 12 + 12 - 1 + 11, "all but the one that was looked at: {order:?}");
    for (number, client) in &clients {
        let text = client.out.text();
        let heard: Vec<&str> = spoken(&text).into_iter().filter(|message| *message != "m1-5;").collect();
        let expected: Vec<&str> =
            order.iter().map(String::as_str).filter(|message| !message.ends_with(&format!("-{number};"))).collect();
        assert_eq!(heard, expected, "client {number}");
        let text = client.out.text();
        assert_eq!(text.matches("m1-5;").count(), 1, "client {number}");
    }
}

#[test]
fn styles_show_messages_plainly_or_with_addresses() {
    let scripts = Scripts::new();
    for (style, shown) in [("plain", "Hello\n"), ("address", "<127.0.0.1> Hello\n"), ("named", "> Hello\n")] {
        let server = Server::start(ServerOptions::ephemeral().set(&format!("text.style={style}")));
        let (mut witness, _) = Json::hello("witness", server.address());
        let mut clients = chat_clients(&scripts, &server, 2);
        // Whoever has spoken is in the room.
        clients[1].say("knock");
        witness.message("knock");
        clients[0].say("Hello");
        let heard = clients[1].out.expect("Hello");
        let rest = clients[1].out.line();
        assert_eq!(rest, "", "{style}: each message is a line");
        match style {
            // Just the text as sent: no greeting, no names, no notices.
            "plain" => assert_eq!(clients[1].out.text(), shown),
            _ => assert!(format!("{heard}\n").ends_with(shown), "{style}: {heard}"),
        }
    }
}

#[test]
fn a_plain_room_greets_with_the_operators_own_words() {
    let server = Server::start(ServerOptions::ephemeral().set("text.style=plain").set("text.welcome=\"Good day.\""));
    let mut client = Line::connect("client", server.address());
    assert_eq!(client.heard.line(), "Good day.");
}

#[test]
fn whoever_chose_text_over_a_web_socket_is_greeted_too() {
    let server = Server::start(ServerOptions::ephemeral());
    let mut client = WebSocket::connect("client", server.address(), "/ws?protocol=text");
    client.expect("-- Welcome to Switchboard.");
}

/// An echo server on a port that is free now, in the range that is scanned.
fn echo(arguments: &[&str]) -> (Program, SocketAddr, TempDir) {
    let home = TempDir::new().expect("a directory");
    let mut program = Program::start("echo", switchboard(home.path()).arg("echo").args(arguments));
    program.out.expect("switchboard: ready on ");
    let address = program.out.line().parse().expect("an address");
    (program, address, home)
}

#[test]
fn the_echo_server_is_found_beside_a_running_chat_server() {
    let scripts = Scripts::new();
    let server = Server::start(ServerOptions::ephemeral());
    let (mut witness, _) = Json::hello("witness", server.address());
    let (mut echo, address, home) = echo(&[]);
    assert!((9000..=9998).contains(&address.port()), "{address}");

    let from = address.port().to_string();
    // One `recv` for each parameter, an empty one's reply being the least that `recv` can return.
    for (sent, got) in [("a,b,c", r"got ['a', 'b', 'c']"), ("a,,b", r"got ['a', '\n', 'b']")] {
        let mut client = scripts.start("scanning client", "scan", &[&from, sent, "3"]);
        client.finish();
        assert_eq!(client.out.lines(), [&format!("port {from}"), got], "{}", client.err.text());
    }
    // It prints each parameter with its address.
    for parameter in ["a", "b", "c", "a", "", "b"] {
        let line = echo.out.line_where("a parameter", |line| line.starts_with("127.0.0.1:"));
        let (_, printed) = line.split_once(' ').unwrap_or((&line, ""));
        assert_eq!(printed, parameter);
    }

    // Our own client, which looks for it, too. Another echo server may be on a lower port.
    let mut client = Program::start("echo --connect", switchboard(home.path()).args(["echo", "--connect"]));
    client.err.expect("switchboard: connected to ");
    client.say("one,two,,three");
    for reply in ["one", "two", "", "three"] {
        assert_eq!(client.out.line(), reply);
    }
    client.say("");
    assert!(client.wait().success());

    // Nobody's scanning was taken for a message in the chat.
    assert_eq!(witness.drain(), [] as [serde_json::Value; 0]);
}

#[test]
fn the_echo_server_replies_on_every_transport() {
    let (_echo, address, _home) = echo(&["--listen", "127.0.0.1:0"]);
    // Lines, with their ends; then everything at the end.
    let mut line = Line::connect("client", address);
    line.send(b"a,b,c\n");
    assert_eq!(line.heard.exactly(6), "a\nb\nc\n");
    line.send(b"a,,b\r\n");
    assert_eq!(line.heard.exactly(8), "a\r\n\r\nb\r\n");
    line.half_close();
    assert_eq!(line.heard.expect_end(), "");
    // No line end: none comes back.
    let mut bare = Line::connect("client without line ends", address);
    bare.send(b"x,y");
    assert_eq!(bare.heard.exactly(2), "xy");
    // Datagrams: one reply for each parameter on loopback.
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    socket.set_read_timeout(Some(PATIENCE)).expect("a socket option");
    socket.send_to(b"a,b,c", address).expect("a datagram");
    let mut replies = Vec::new();
    for _ in 0..3 {
        let mut buffer = [0; 100];
        let (len, from) = socket.recv_from(&mut buffer).expect("a reply");
        assert_eq!(from, address);
        replies.push(String::from_utf8_lossy(&buffer[..len]).into_owned());
    }
    assert_eq!(replies, ["a", "b", "c"]);
    let mut web_socket = WebSocket::connect("client", address, "/");
    web_socket.say("a,b");
    web_socket.expect("b");
    assert_eq!(web_socket.heard(), ["a", "b"]);
}

#[test]
fn the_echo_server_can_have_one_reply_to_everything() {
    let (_echo, address, home) = echo(&["--listen", "127.0.0.1:0", "--reply", "thank you"]);
    let mut client =
        Program::start("echo --connect", switchboard(home.path()).args(["echo", "--connect", &address.to_string()]));
    client.say("a,,b");
    for _ in 0..3 {
        assert_eq!(client.out.line(), "thank you");
    }
    client.finish();
}
