//! Bytes that nobody sees: NUL, byte order marks, line ends of every kind, and telnet, over every transport of one port.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::process::{Command, Stdio};
use std::thread;

use serde_json::json;
use socket2::SockRef;
use switchboard_e2e::{Json, Line, PATIENCE, Program, Server, ServerOptions, WebSocket, require_tool, switchboard};
use tempfile::TempDir;

fn start() -> (Server, Json) {
    let server = Server::start(
        ServerOptions::ephemeral().set("limits.messages_per_second=0").set("limits.commands_per_second=0"),
    );
    let (ada, _) = Json::hello("ada", server.address());
    (server, ada)
}

/// The texts that were said until `last` was, in their order.
fn texts_until(ada: &mut Json, last: &str) -> Vec<String> {
    ada.message(last);
    let mut texts: Vec<_> = ada
        .drain()
        .into_iter()
        .filter(|event| event["type"] == "message")
        .map(|event| event["text"].as_str().unwrap_or_default().to_owned())
        .collect();
    texts.push(last.to_owned());
    texts
}

#[test]
fn a_nul_ends_a_message_and_a_padded_buffer_is_no_more() {
    let (server, mut ada) = start();
    let padded = |text: &[u8]| [text, &[0; 64][text.len()..]].concat();
    for bytes in [b"Hello from C\0".to_vec(), padded(b"Hello from C"), padded(b"Hello from C\n")] {
        let mut line = Line::connect("a program in C", server.address());
        line.send(&bytes);
        assert_eq!(texts_until(&mut ada, "Hello from C"), ["Hello from C"], "{}", bytes.escape_ascii());
        line.send(b"more\0");
        assert_eq!(texts_until(&mut ada, "more"), ["more"]);
        assert_eq!(line.heard.end(), None);
    }
}

#[test]
fn commands_and_objects_are_never_said_for_what_nobody_sees_around_them() {
    let (server, mut ada) = start();
    for (at, (before, after)) in
        [("\u{feff}", "\r\n"), ("\r", "\n"), ("\n\r", "\r\0"), ("", "\0\0\0"), ("\u{200b}\u{2060}", "\u{200b}\n")]
            .into_iter()
            .enumerate()
    {
        let mut person = Line::connect("person", server.address());
        for byte in format!("{before}/nick person{at}{after}{before}hi {at}{after}").as_bytes() {
            person.send(&[*byte]);
        }
        let message = ada.message(&format!("hi {at}"));
        assert_eq!(message["from"]["nick"], format!("person{at}"));
        let mut program = Line::connect("program", server.address());
        program.send(
            format!("{before}{{\"type\":\"hello\",\"nick\":\"program{at}\",\"token\":\"SECRET\"}}{after}").as_bytes(),
        );
        program.heard.expect("\"welcome\"");
    }
    let said = ada.drain();
    assert!(!said.iter().any(|event| event["type"] == "message"), "{said:?}");
}

#[test]
fn other_forms_of_text_are_told_in_words_and_never_said() {
    let (server, mut ada) = start();
    let utf16 = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>();
    for (bytes, words) in [
        (b"\0\x05Hello".to_vec(), "writeUTF"),
        ([&b"\x01\x2C"[..], &[b'x'; 300]].concat(), "writeUTF"),
        ([&b"\xFF\xFE"[..], &utf16("/pass 1234\r\n")].concat(), "UTF-16"),
        (utf16("hello\r\n"), "UTF-16"),
        (b"\xFE\xFF\0h\0i\0\n".to_vec(), "UTF-16"),
        (b"\0h\0i\0\n".to_vec(), "UTF-16"),
    ] {
        let mut line = Line::connect("another form", server.address());
        line.send(&bytes);
        line.heard.expect(words);
        line.heard.expect_end();
    }
    assert!(ada.drain().is_empty());
}

#[test]
fn a_later_control_byte_is_cleaned_and_only_the_first_byte_is_foreign() {
    let (server, mut ada) = start();
    let mut line = Line::connect("bell", server.address());
    line.send(b"done\x07\n");
    ada.message("done");
    let mut line = Line::connect("control", server.address());
    line.send(b"a\x01b\n");
    ada.message("a\u{1}b");
    let mut line = Line::connect("binary", server.address());
    line.send(b"\x02\x03hello\n");
    line.heard.expect_end();
    assert!(!ada.drain().iter().any(|event| event["type"] == "message"));
}

#[test]
fn datagrams_websockets_and_polls_know_no_invisible_ends_either() {
    let (server, mut ada) = start();
    let udp = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    udp.set_read_timeout(Some(PATIENCE)).expect("a socket option");
    udp.connect(server.address()).expect("an address");
    udp.send(b"datagram\0\0\0").expect("a datagram");
    ada.message("datagram");
    udp.send(b"\xEF\xBB\xBF/nick udo\0").expect("a datagram");
    udp.send(b"named\r\n\0").expect("a datagram");
    assert_eq!(ada.message("named")["from"]["nick"], "udo");
    let mut text = WebSocket::connect("text", server.address(), "/ws?protocol=text");
    text.say("\u{feff}/nick wilma\0");
    text.say("socket\0\0");
    assert_eq!(ada.message("socket")["from"]["nick"], "wilma");
    let mut object = WebSocket::connect("json", server.address(), "/ws");
    object.say("\u{feff}{\"type\":\"message\",\"text\":\"object\"}\0");
    ada.message("object");
    assert!(!ada.drain().iter().any(|event| event["type"] == "message"));
}

#[test]
fn a_message_with_nothing_to_see_is_empty_for_everybody() {
    let (server, mut ada) = start();
    for text in ["\u{200b}", "\u{2060}\u{feff}", "\u{ad}", "\u{3164}", "\u{2800}", "\u{fe0f}", "\u{34f}", "\0", " \r\n"]
    {
        let answer = ada.request(json!({ "type": "message", "text": text }));
        assert_eq!(answer["code"], "message_empty", "{text:?}");
    }
    let answer = ada.request(json!({ "type": "message", "text": "❤\u{fe0f}" }));
    assert_eq!(answer["type"], "ack");
    let (mut bob, _) = Json::hello("bob", server.address());
    let deep = format!("{{\"type\":\"message\",\"ref\":\"1\",\"text\":{}1{}}}", "[".repeat(200), "]".repeat(200));
    bob.line().say(&deep);
    bob.line().heard.line_where("a refusal", |line| line.contains("bad_request"));
    let half = bob.request(json!({ "type": "ping" }));
    assert_eq!(half["type"], "pong", "it goes on");
    bob.line().say(r#"{"type":"message","text":"\ud800"}"#);
    bob.line().heard.line_where("a refusal", |line| line.contains("whole characters"));
}

#[test]
fn what_cannot_be_read_over_udp_is_answered_on_loopback() {
    let (server, mut ada) = start();
    for (bytes, words) in [(&b"caf\xe9"[..], "UTF-8"), (&[b'x'; 40_000], "limits.line_bytes")] {
        let udp = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        udp.set_read_timeout(Some(PATIENCE)).expect("a socket option");
        udp.send_to(bytes, server.address()).expect("a datagram");
        let mut answer = [0; 2_000];
        let (len, _) = udp.recv_from(&mut answer).expect("an answer");
        let answer = String::from_utf8_lossy(&answer[..len]).into_owned();
        assert!(answer.contains(words), "{answer}");
    }
    assert!(ada.drain().is_empty());
}

#[test]
fn standard_input_of_send_and_chat_is_read_the_same_way() {
    let (server, mut ada) = start();
    let run = |command: &str, input: &[u8]| {
        let arguments: &[&str] = if command == "chat" { &["chat", "--plain"] } else { &["send"] };
        let mut program = server.command(arguments);
        let mut child =
            program.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
        child.stdin.take().expect("piped").write_all(input).expect("it reads");
        child.wait_with_output().expect("it ends")
    };
    for (command, text) in [("send", "from send"), ("chat", "from chat")] {
        let output = run(command, &[b"\xEF\xBB\xBF", text.as_bytes(), b"\r\n\0\0\0"].concat());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(texts_until(&mut ada, text), [text]);
        let output = run(command, b"\xFF\xFEh\0i\0\n\0");
        assert!(String::from_utf8_lossy(&output.stderr).contains("UTF-16"), "{output:?}");
    }
    assert!(!ada.drain().iter().any(|event| event["type"] == "message"));
}

#[test]
fn a_synch_with_urgent_data_costs_a_telnet_user_nothing() {
    let (server, mut ada) = start();
    let mut line = Line::named("telnet", server.address());
    for round in 0..20 {
        // Interrupt, and the Synch: a data mark, whose second byte is urgent; then a line in the same packets.
        line.send(b"ab\xFF\xF4\xFF");
        SockRef::from(line.stream()).send_out_of_band(b"\xF2").expect("urgent data");
        line.send(format!("c {round}\r\0").as_bytes());
        ada.message(&format!("abc {round}"));
    }
    line.send(b"hx\xFF\xF7allo\r\n");
    ada.message("hallo");
    line.send(b"nonsense\xFF\xF8sense\xFF\xF6\r\n");
    ada.message("sense");
    line.heard.expect("the server is here");
}

#[test]
fn telnet_itself_is_a_client_like_any_other() {
    let (server, mut ada) = start();
    let mut telnet = Program::start(
        "telnet",
        Command::new(require_tool("telnet", "Debian package telnet"))
            .arg(server.address().ip().to_string())
            .arg(server.address().port().to_string()),
    );
    telnet.out.expect("-- Welcome to Switchboard.");
    telnet.send(b"/nick tess\nhello\n");
    assert_eq!(ada.message("hello")["from"]["nick"], "tess");
}

/// Sends back what it gets, on one connection, as the tutorials' servers do.
fn tutorial_echo(address: SocketAddr) -> SocketAddr {
    let listener = TcpListener::bind(address).expect("a port");
    let address = listener.local_addr().expect("an address");
    thread::spawn(move || {
        let (mut stream, _): (TcpStream, _) = listener.accept().expect("a connection");
        drop(listener);
        let mut bytes = [0; 1_024];
        while let Ok(len @ 1..) = stream.read(&mut bytes) {
            if stream.write_all(&bytes[..len]).is_err() {
                return;
            }
        }
    });
    address
}

#[test]
fn the_echo_client_is_no_member_of_a_chat_that_it_looks_at() {
    let (server, mut ada) = start();
    let mut line = Line::connect("echo client", server.address());
    line.say("switchboard: is this an echo server?");
    line.heard.expect("not said");
    assert!(ada.drain().is_empty());
    let home = TempDir::new().expect("a directory");
    let address = tutorial_echo(SocketAddr::from(([127, 0, 0, 1], 0)));
    let mut command = switchboard(home.path());
    command.args(["echo", "--connect"]).arg(address.to_string());
    let mut echo = Program::start("echo", &mut command);
    echo.say("hello");
    echo.out.expect("hello");
}
