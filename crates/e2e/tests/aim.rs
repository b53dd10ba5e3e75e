//! A line goes where its writer meant, however long the way to the server is: the lines of a pipe, and what is typed
//! ahead on a terminal.

use serde_json::{Value, json};
use std::net::SocketAddr;
use std::time::Duration;
use switchboard_e2e::{HoldUp, Json, Program, Proxy, Server, ServerOptions};

const LOOPBACK: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

/// What a way adds to each piece that a client sends.
const WAYS: [HoldUp; 4] =
    [|_| Duration::ZERO, |_| Duration::from_millis(50), |_| Duration::from_millis(200), |_| Duration::from_secs(1)];

/// The texts of a room, as a member reads them.
fn texts(member: &mut Json, room: &str) -> Vec<String> {
    member.request(json!({ "type": "join", "room": room }));
    let page = member.request(json!({ "type": "history", "room": room }));
    let events: &Vec<Value> = page["events"].as_array().expect("a list");
    events.iter().filter_map(|event| event["text"].as_str()).map(str::to_owned).collect()
}

/// The lines of a pipe, by the way of a proxy: how the client ended and what it said.
fn pipe(server: &Server, way: &Proxy, lines: &str) -> (Option<i32>, String) {
    let url = format!("tcp://{}", way.address());
    let mut chat = Program::start("chat", &mut server.command(["chat", "--plain", "--nick", "ada", &url]));
    chat.send(lines.as_bytes());
    chat.close_input();
    let status = chat.wait();
    (status.code(), chat.out.text())
}

#[test]
fn each_line_of_a_pipe_is_in_the_room_that_the_commands_before_it_lead_to() {
    for hold_up in WAYS {
        let server = Server::start(ServerOptions::ephemeral());
        let way = Proxy::start(&[LOOPBACK], server.address(), hold_up);
        let (code, said) = pipe(&server, &way, "zero\n/join #Ops\none\n/nick eve\ntwo\n/leave\nthree\n");
        assert_eq!(code, Some(0), "{said}");
        let (mut member, _) = Json::hello("bob", server.address());
        assert_eq!(texts(&mut member, "ops"), ["one", "two"]);
        assert_eq!(texts(&mut member, "lobby"), ["zero", "three"]);
    }
}

#[test]
fn a_line_for_a_refused_room_is_said_nowhere_and_the_pipe_ends_with_3() {
    for hold_up in WAYS {
        let server = Server::start(ServerOptions::ephemeral());
        let way = Proxy::start(&[LOOPBACK], server.address(), hold_up);
        let (code, said) = pipe(&server, &way, "/join im possible\nsecret\n/join ops\nopen\n");
        assert_eq!(code, Some(3), "{said}");
        assert!(said.contains("-- not sent: "), "{said}");
        let (mut member, _) = Json::hello("bob", server.address());
        assert_eq!(texts(&mut member, "ops"), ["open"]);
        assert_eq!(texts(&mut member, "lobby"), [""; 0]);
    }
}

/// The line comes long after the refusal was read.
#[test]
fn a_slow_script_says_nothing_in_another_room_than_the_refused_one_either() {
    let server = Server::start(ServerOptions::ephemeral());
    let (mut member, _) = Json::hello("bob", server.address());
    let mut chat = Program::start("chat", &mut server.command(["chat", "--plain"]));
    chat.say("/join im possible");
    chat.out.expect("-- a room's name ");
    chat.say("secret");
    chat.out.expect("-- not sent: ");
    chat.close_input();
    assert_eq!(chat.wait().code(), Some(3), "{}", chat.out.text());
    assert_eq!(texts(&mut member, "lobby"), [""; 0]);
}

#[test]
fn a_cut_in_the_middle_of_a_pipe_moves_no_line() {
    let server = Server::start(ServerOptions::ephemeral());
    let way = Proxy::start(&[LOOPBACK], server.address(), |_| Duration::from_millis(20));
    let (mut member, _) = Json::hello("bob", server.address());
    let url = format!("tcp://{}", way.address());
    let mut chat = Program::start("chat", &mut server.command(["chat", "--plain", &url]));
    chat.say("/join ops");
    for line in 0..20 {
        if line % 7 == 6 {
            way.cut();
        }
        chat.say(&format!("line {line}"));
    }
    chat.finish();
    let expected: Vec<String> = (0..20).map(|line| format!("line {line}")).collect();
    assert_eq!(texts(&mut member, "ops"), expected);
    assert_eq!(texts(&mut member, "lobby"), [""; 0]);
}
