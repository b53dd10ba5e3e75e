//! Connections that never say what they speak, from one address or many, keep nobody else out.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use switchboard_e2e::process::require_connections;
use switchboard_e2e::{Json, Line, PATIENCE, Server, ServerOptions, http_get};

/// Connections that an attacker holds with half a word.
const HELD: usize = 3_000;
/// Clients that come at once.
const HERD: usize = 2_000;

fn hold(address: SocketAddr, word: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(address).expect("a connection");
    stream.set_read_timeout(Some(PATIENCE)).expect("a socket option");
    stream.write_all(word).expect("a connection takes a few bytes");
    stream
}

/// All connect before the first says a word, and all of them are welcome.
fn herd(address: SocketAddr, count: usize) {
    let mut herd: Vec<TcpStream> = (0..count).map(|_| hold(address, b"")).collect();
    for stream in &mut herd {
        stream.write_all(b"{\"type\":\"hello\"}\n").expect("it is let in");
    }
    for stream in &mut herd {
        let mut first = [0; 18];
        stream.read_exact(&mut first).expect("it is let in");
        assert_eq!(&first, b"{\"type\":\"welcome\",", "{:?}", String::from_utf8_lossy(&first));
    }
}

fn metric(server: &Server, name: &str) -> u64 {
    let metrics = http_get(server.address(), "/metrics").body;
    let line = metrics.lines().find_map(|line| line.strip_prefix(name)).unwrap_or(" 0").to_owned();
    line.trim().parse().unwrap_or_else(|_| panic!("{name}{line}"))
}

/// Waits until something is so, asking the server again and again.
fn await_metric(server: &Server, name: &str) -> u64 {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match metric(server, name) {
            0 => assert!(Instant::now() < deadline, "{name} stays 0"),
            value => return value,
        }
    }
}

const GAVE_WAY: &str = "switchboard_limit_hits_total{limit=\"handshakes\"}";

#[test]
fn a_herd_gets_in_beside_thousands_that_say_half_a_word() {
    require_connections(HELD + HERD);
    let mut server = Server::start(ServerOptions::ephemeral());
    let mut held: Vec<TcpStream> = (0..HELD).map(|_| hold(server.address(), b"GE")).collect();
    herd(server.address(), HERD);
    // Those who were there first have had their time, and give way to whoever comes.
    await_metric(&server, GAVE_WAY);
    let mut answer = String::new();
    held[0].read_to_string(&mut answer).expect("the oldest goes first");
    assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("limits.handshakes"), "{answer}");
    let (mut ada, _) = Json::hello("ada", server.address());
    ada.say("here I am");
    server.log.expect("limits.handshakes reached");
    server.assert_alive();
}

#[test]
fn at_the_bound_the_oldest_of_the_address_that_has_most_goes_and_is_told_why() {
    // The PROXY protocol gives each connection the address that the test wants.
    let server = Server::start(
        ServerOptions::ephemeral()
            .set("limits.handshakes=4")
            .set("server.trusted_proxies=[\"127.0.0.0/8\"]")
            .set("server.proxy_protocol=true"),
    );
    let from = |ip: &str, word: &str| {
        hold(server.address(), format!("PROXY TCP4 {ip} 127.0.0.1 1000 80\r\n{word}").as_bytes())
    };
    // An honest client whose word is cut by its network was here before all others.
    let mut honest = from("192.0.2.1", "{");
    let mut attackers: Vec<TcpStream> = ["GE", "{", "PO"].map(|word| from("203.0.113.1", word)).into();
    // The time that each has to say what it speaks.
    std::thread::sleep(Duration::from_millis(3_100));
    // At the limit nobody goes; one past it, the oldest of the crowd does.
    let mut newcomer = from("192.0.2.2", "{\"type\":\"hello\"}\n");
    let mut word = [0; 10];
    newcomer.read_exact(&mut word).expect("it is let in");
    let mut late = from("192.0.2.3", "{");
    let mut later = from("192.0.2.3", "{");
    let mut told = String::new();
    attackers[0].read_to_string(&mut told).expect("an end");
    assert!(told.starts_with("HTTP/1.1 503 "), "{told}");
    for stream in [&mut honest, &mut late, &mut later] {
        stream.write_all(b"\"type\":\"hello\"}\n").expect("it is still there");
        stream.read_exact(&mut word).expect("it is let in");
        assert_eq!(&word, b"{\"type\":\"w");
    }
}

#[test]
fn ports_of_one_address_are_few_sessions() {
    let server = Server::start(ServerOptions::ephemeral().listen("127.0.0.1:0").set("limits.udp_sessions_per_ip=8"));
    let (mut ada, welcome) = Json::hello("ada", server.address());
    assert_eq!(welcome["rooms"][0]["members"], 1, "{welcome}");
    let hello = |from: &str| {
        let socket = UdpSocket::bind(format!("{from}:0")).expect("a socket");
        socket.connect(server.address()).expect("a socket");
        socket.set_read_timeout(Some(PATIENCE)).expect("a socket option");
        socket.send(b"{\"type\":\"hello\"}").expect("a datagram");
        socket
    };
    let answer = |socket: &UdpSocket| {
        let mut buffer = [0; 4_096];
        let count = socket.recv(&mut buffer).expect("an answer");
        String::from_utf8_lossy(&buffer[..count]).into_owned()
    };
    // At the limit, and one past it.
    let ports: Vec<UdpSocket> = (0..8).map(|_| hello("127.0.0.1")).collect();
    for port in &ports {
        assert!(answer(port).contains("\"welcome\""));
    }
    let refused = hello("127.0.0.1");
    let words = answer(&refused);
    assert!(words.contains("\"too_many_connections\""), "{words}");
    // A flood of ports costs the others nothing, and is answered a few times a second.
    let flood: Vec<UdpSocket> = (0..2_000).map(|_| hello("127.0.0.1")).collect();
    let neighbour = hello("127.0.0.2");
    assert!(answer(&neighbour).contains("\"welcome\""), "another address has its own share");
    let room = ada.request(serde_json::json!({ "type": "members", "room": "lobby" }));
    assert_eq!(room["members"].as_array().map(Vec::len), Some(10), "{room}");
    let answered = flood.iter().filter(|socket| {
        socket.set_nonblocking(true).expect("a socket option");
        socket.recv(&mut [0; 4_096]).is_ok()
    });
    assert!(answered.count() <= 100, "refusals are few");
    assert!(metric(&server, "switchboard_limit_hits_total{limit=\"udp_sessions_per_ip\"}") > 0);
    // Text is refused in words.
    let text = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    text.set_read_timeout(Some(Duration::from_millis(200))).expect("a socket option");
    let deadline = Instant::now() + PATIENCE;
    loop {
        text.send_to(b"hello", server.address()).expect("a datagram");
        let mut buffer = [0; 4_096];
        if let Ok((count, _)) = text.recv_from(&mut buffer) {
            let words = String::from_utf8_lossy(&buffer[..count]);
            assert!(words.starts_with("-- ") && words.contains("too many connections"), "{words}");
            break;
        }
        assert!(Instant::now() < deadline, "no answer in {PATIENCE:?}");
    }
}

#[test]
fn idle_connections_of_one_machine_meet_no_limit() {
    const IDLE: usize = 1_200;
    require_connections(IDLE);
    let server = Server::start(ServerOptions::ephemeral().set("limits.handshakes=256"));
    // Those who say nothing are greeted in the end: none of them is closed, though all come at once.
    let mut idle: Vec<TcpStream> = (0..IDLE).map(|_| hold(server.address(), b"")).collect();
    for stream in &mut idle {
        let mut first = [0; 10];
        stream.read_exact(&mut first).expect("it is greeted");
        assert_eq!(&first, b"-- Welcome");
    }
    let mut line = Line::greeted("a person", server.address());
    line.say("hello");
    assert_eq!(metric(&server, GAVE_WAY), 0);
}
