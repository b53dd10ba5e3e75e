//! One attack of each kind inside the chat, held to counts: what one attacker makes the server do, store and tell others.
//!
//! The counts follow from the limits and from how long the attack lasted, so that they hold on any machine.

use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use switchboard_e2e::{
    Attacker, Json, Line, PATIENCE, Server, ServerOptions, WebSocket, behind_proxy, from, limit_hits, metric,
};

/// How long an attack without end lasts.
const ATTACK: Duration = Duration::from_millis(1_500);
const RELAY: &str = "/socket.io/?EIO=4&transport=websocket";

fn start(options: ServerOptions) -> Server {
    Server::start(behind_proxy(options))
}

/// A JSON client from 192.0.2.`last` that has said nothing yet.
fn connect(server: &Server, last: u8) -> Json {
    let mut client = Json::connect("client", server.address());
    client.line().send(from(last).as_bytes());
    client
}

fn enter(server: &Server, last: u8, nick: &str) -> Json {
    let mut client = connect(server, last);
    let welcome = client.request(json!({ "type": "hello", "nick": nick }));
    assert_eq!(welcome["type"], "welcome", "{welcome}");
    client
}

/// The beginning of a connection that is a Socket.IO session on a WebSocket.
fn socketio(last: u8) -> Vec<u8> {
    let header = from(last);
    format!(
        "{header}GET {RELAY} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    .into_bytes()
}

/// A short message of a client's WebSocket, masked with zeros.
fn frame(first: u8, text: &str) -> Vec<u8> {
    [&[first, 0x80 | text.len() as u8, 0, 0, 0, 0], text.as_bytes()].concat()
}

/// Runs what attackers do without end for a while; how long it was.
fn attack(attackers: &[Attacker]) -> f64 {
    let begin = Instant::now();
    thread::sleep(ATTACK);
    let seconds = begin.elapsed().as_secs_f64();
    assert!(attackers.iter().all(|attacker| attacker.sent() > 0));
    seconds
}

fn of_type<'a>(heard: &'a [Value], kind: &'a str) -> impl Iterator<Item = &'a Value> {
    heard.iter().filter(move |event| event["type"] == kind)
}

fn is_hit(server: &Server, limit: &str) -> bool {
    limit_hits(server.address(), &from(200)).iter().any(|line| line.contains(limit))
}

#[test]
fn joining_and_leaving_a_namespace_without_end_costs_others_a_bounded_number_of_events() {
    let server = start(ServerOptions::ephemeral());
    let mut reader = enter(&server, 1, "reader");
    let mut first = socketio(2);
    first.extend(frame(0x81, "40"));
    // As many as one reading takes in: a client with more than 64 that have not begun is closed.
    let pairs = [frame(0x81, "41"), frame(0x81, "40")].concat().repeat(50);
    let attackers: Vec<_> = (0..4).map(|_| Attacker::start(server.address(), &first, pairs.clone())).collect();
    let seconds = attack(&attackers);
    let answered: u64 = attackers.iter().map(Attacker::heard).sum();
    drop(attackers);
    let joins = of_type(&reader.drain(), "joined").count();
    // Each socket joins 26 times at once, and then five times a second.
    let most = 4 * (26 + 5 * seconds.ceil() as usize);
    assert!((4..=most).contains(&joins), "{joins} joins, where {most} may be");
    assert!(answered <= 1_000 * most as u64, "{answered} bytes were answered");
    assert!(is_hit(&server, "work_per_second"));
}

#[test]
fn a_guest_who_relays_large_events_without_end_closes_no_reader_at_wide_area_speed() {
    /// 20 Mbit/s.
    const READER_BYTES: f64 = 2_500_000.0;
    let server = start(ServerOptions::ephemeral());
    let address = server.address();
    let readers: Vec<_> = (0..8)
        .map(|number| {
            thread::spawn(move || {
                let mut stream = slow_reader(address, number);
                let (begin, mut count, mut buffer) = (Instant::now(), 0.0, vec![0; 25_000]);
                let mut heard = Vec::new();
                while begin.elapsed() < 2 * ATTACK {
                    // It reads what the line has carried by now, and not more.
                    if count > begin.elapsed().as_secs_f64() * READER_BYTES {
                        thread::sleep(Duration::from_millis(2));
                        continue;
                    }
                    match stream.read(&mut buffer) {
                        Ok(0) => {
                            panic!("closed: {}", String::from_utf8_lossy(&heard[heard.len().saturating_sub(200)..]))
                        }
                        Ok(more) => {
                            count += more as f64;
                            heard.extend_from_slice(&buffer[..more]);
                        }
                        Err(_) => {}
                    }
                }
                heard.windows(9).filter(|word| *word == b"\"picture\"").count()
            })
        })
        .collect();
    while metric(address, &from(200), "switchboard_users") < 8 {
        thread::yield_now();
    }
    let mut first = socketio(100);
    first.extend(frame(0x81, "40"));
    let text = format!("42[\"picture\",\"{}\"]", "p".repeat(990_000));
    let mut picture = vec![0x81, 0xFF];
    picture.extend((text.len() as u64).to_be_bytes());
    picture.extend([0; 4]);
    picture.extend(text.as_bytes());
    let attacker = Attacker::start(address, &first, picture);
    for reader in readers {
        let pictures = reader.join().expect("it was not closed");
        // 990 KB at 1 MB a second: one at once, and then one in 0.86 s and 0.99 s each.
        assert!((1..=4).contains(&pictures), "{pictures} pictures in {:?}", 2 * ATTACK);
    }
    drop(attacker);
    assert_eq!(metric(address, &from(200), "switchboard_outbox_overflows_total"), 0);
    assert!(is_hit(&server, "relay_bytes_per_second"));
}

/// A JSON client with a small window, who has said hello.
fn slow_reader(address: SocketAddr, number: u8) -> TcpStream {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).expect("a socket");
    socket.set_recv_buffer_size(64 * 1024).expect("a socket option");
    socket.connect(&address.into()).expect("a connection");
    let mut stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(Duration::from_millis(20))).expect("a socket option");
    let hello = format!("{}{{\"type\":\"hello\",\"nick\":\"r{number}\"}}\n", from(number + 1));
    stream.write_all(hello.as_bytes()).expect("a hello");
    stream
}

#[test]
fn new_nicks_without_end_are_told_within_a_budget_of_deliveries() {
    let options = ServerOptions::ephemeral()
        .set("limits.commands_per_second=0")
        .set("limits.presence_delivery_burst=60")
        .set("limits.presence_deliveries_per_second=1");
    let server = start(options);
    let mut reader = enter(&server, 1, "reader");
    let mut evil = enter(&server, 2, "evil");
    reader.drain();
    let mut refused = 0;
    for number in 0..100 {
        let answer = evil.request(json!({ "type": "nick", "nick": format!("evil{number}") }));
        refused += usize::from(answer["code"] == "rate_limited");
    }
    // Coming in cost two for each of two, and each nick costs two.
    let told = of_type(&reader.drain(), "renamed").count();
    assert!((28..=40).contains(&told) && told + refused == 100, "{told} told, {refused} refused");
    assert!(is_hit(&server, "presence_deliveries_per_second"));
}

#[test]
fn a_storm_of_short_sessions_is_told_within_its_addresss_budget() {
    let options = ServerOptions::ephemeral()
        .set("limits.presence_delivery_burst=20")
        .set("limits.presence_deliveries_per_second=1");
    let server = start(options);
    let mut reader = enter(&server, 1, "reader");
    for _ in 0..100 {
        let mut line = Line::connect("storm", server.address());
        let _ = line.try_send(format!("{}{{\"type\":\"hello\"}}\n{{\"type\":\"quit\"}}\n", from(2)).as_bytes());
        line.heard.wait_for_end();
    }
    // An address has 80, and each of them costs two for each of two.
    let heard = reader.drain();
    let (joined, left) = (of_type(&heard, "joined").count(), of_type(&heard, "left").count());
    assert!((20..=40).contains(&joined) && left == joined, "{joined} came and {left} went");
    let mut other = enter(&server, 3, "other");
    assert_eq!(reader.event("joined")["from"]["nick"], "other");
    other.say("hi");
}

#[test]
fn new_rooms_have_a_budget_by_address_and_empty_ones_are_forgotten() {
    let server = start(ServerOptions::ephemeral());
    let mut guests: Vec<_> = (0..5).map(|number| enter(&server, 1, &format!("guest{number}"))).collect();
    let mut made = 0;
    for (number, guest) in guests.iter_mut().enumerate() {
        for room in 0..25 {
            let answer = guest.request(json!({ "type": "join", "room": format!("room{number}-{room}") }));
            match answer["code"].as_str() {
                None => made += 1,
                code => assert_eq!(code, Some("rate_limited"), "{answer}"),
            }
        }
    }
    assert!((80..=82).contains(&made), "{made} rooms");
    let mut other = enter(&server, 2, "other");
    let answer = other.request(json!({ "type": "join", "room": "ours" }));
    assert_eq!(answer["type"], "ack", "{answer}");
    for mut guest in guests {
        guest.send(&json!({ "type": "quit" }));
        guest.line().heard.wait_for_end();
    }
    let rooms = other.request(json!({ "type": "rooms" }));
    assert_eq!(rooms["rooms"].as_array().map(Vec::len), Some(2), "{rooms}");
    assert!(is_hit(&server, "new_rooms_per_minute"));
}

#[test]
fn join_codes_are_guessed_once_a_second_and_the_log_says_who_does() {
    let mut server = start(ServerOptions::ephemeral().set("auth.join_code=sesame").set("limits.wrong_codes=10"));
    let begin = Instant::now();
    let mut guessers = VecDeque::new();
    while begin.elapsed() < ATTACK {
        let mut guesser = connect(&server, 1);
        guesser.send(&json!({ "type": "pass", "code": "123456" }));
        guessers.push_back(guesser);
        if guessers.len() > 20 {
            guessers.pop_front();
        }
    }
    drop(guessers);
    let wrong = metric(server.address(), &from(200), "switchboard_refusals_total{code=\"pass_wrong\"}");
    let most = 11 + begin.elapsed().as_secs();
    assert!((10..=most).contains(&wrong), "{wrong} codes were looked at");
    let mut honest = connect(&server, 1);
    let welcome = honest.request(json!({ "type": "hello", "nick": "ada", "pass": "sesame" }));
    assert_eq!(welcome["type"], "welcome", "a right code waits for its turn, and has it: {welcome}");
    // What docs/limits.md gives to fail2ban: `^.* WARN wrong join code code="pass_wrong" address=<HOST>$`.
    let line = server.log.line_where("a wrong code", |line| line.contains("wrong join code"));
    let (time, rest) = line.split_once(' ').expect("a time");
    assert!(
        time.ends_with('Z') && rest.trim_start() == "WARN wrong join code code=\"pass_wrong\" address=192.0.2.1",
        "{line:?}"
    );
    assert!(is_hit(&server, "wrong_codes"));
}

#[test]
fn an_address_has_a_bounded_number_of_bytes_stored() {
    let directory = tempfile::tempdir().expect("a directory");
    let options = ServerOptions::stored(directory.path())
        .set("limits.messages_per_second=0")
        .set("limits.stored_burst=64KiB")
        .set("limits.stored_bytes_per_second=1");
    let server = start(options);
    let (mut evil, mut other) = (enter(&server, 1, "evil"), enter(&server, 2, "other"));
    let text = "x".repeat(4_000);
    let answers: Vec<_> = (0..40).map(|_| evil.request(json!({ "type": "message", "text": text }))).collect();
    let stored = answers.iter().filter(|answer| answer["type"] == "ack").count();
    assert_eq!(stored, 65_536 / 4_128);
    assert!(answers[39]["message"].as_str().is_some_and(|words| words.contains("limits.stored_bytes_per_second")));
    other.say(&text);
    assert!(is_hit(&server, "stored_bytes_per_second"));
}

#[test]
fn sessions_that_are_cut_off_are_bounded_by_address() {
    let server = start(ServerOptions::ephemeral().set("limits.held_sessions_per_address=5"));
    for number in 0..30 {
        let client = enter(&server, 1, &format!("n{number}"));
        drop(client);
    }
    let deadline = Instant::now() + PATIENCE;
    while metric(server.address(), &from(200), "switchboard_sessions") > 6 {
        assert!(Instant::now() < deadline, "more than five sessions are held");
    }
    assert!(is_hit(&server, "held_sessions_per_address"));
}

#[test]
fn pings_empty_lines_and_refusals_without_end_are_read_more_slowly() {
    let server = start(ServerOptions::ephemeral());
    let handshake = from(1)
        + "GET /ws?protocol=json HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n\
                               Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
                               Sec-WebSocket-Version: 13\r\n\r\n";
    let pings = Attacker::start(server.address(), handshake.as_bytes(), frame(0x89, "").repeat(1_000));
    let hello = from(2) + "{\"type\":\"hello\"}\n";
    let empty = Attacker::start(server.address(), hello.as_bytes(), vec![b'\n'; 64 * 1024]);
    let wrong = Attacker::start(server.address(), (from(3) + "hi\n").as_bytes(), b"/nonsense\n".repeat(1_000));
    let received = metric(server.address(), &from(200), "switchboard_received_bytes_total");
    let seconds = attack(&[]);
    let received = metric(server.address(), &from(200), "switchboard_received_bytes_total") - received;
    // A pong has two bytes. One reading of 64 KiB has 11,000 pings.
    assert!(pings.heard() <= 2 * (10_000 + 11_000 + 2_000 * seconds.ceil() as u64) + 1_000, "{}", pings.heard());
    // 500 refusals at once, one turn of reading, of four times 64 KiB, and then a hundred a second, each of less than 200
    // bytes.
    assert!(wrong.heard() <= 200 * (500 + 4 * 6_600 + 100 * seconds.ceil() as u64), "{}", wrong.heard());
    // Five MiB of empty lines at once, one a second, and a turn of reading of each.
    assert!(received <= (5 << 20) + (1 << 20) * seconds.ceil() as u64 + 6 * 256 * 1_024, "{received}");
    drop((pings, empty, wrong));
    assert!(is_hit(&server, "work_per_second"));
}

#[test]
fn a_client_that_did_not_keep_up_is_not_recovered() {
    let server =
        start(ServerOptions::ephemeral().set("limits.outbox_bytes=128KiB").set("limits.messages_per_second=0"));
    let join = |token: &str| format!("40{{\"recover\":true,\"nick\":\"slow\"{token}}}");
    let mut slow = WebSocket::connect_behind("slow", server.address(), &from(1), RELAY);
    slow.say(&join(""));
    let joined = slow.expect("\"pid\"");
    let pid =
        joined.split("\"pid\":\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a secret id").to_owned();
    let mut talker = enter(&server, 2, "talker");
    // It reads nothing from here on; what the system takes for it ends at some time.
    let deadline = Instant::now() + PATIENCE;
    while metric(server.address(), &from(200), "switchboard_outbox_overflows_total") == 0 {
        assert!(Instant::now() < deadline, "it is not closed");
        for _ in 0..100 {
            talker.say(&"x".repeat(4_000));
        }
    }
    let mut back = WebSocket::connect_behind("slow", server.address(), &from(1), RELAY);
    back.say(&join(&format!(",\"pid\":\"{pid}\"")));
    let joined = back.expect("\"pid\"");
    assert!(!joined.contains(&pid), "its session begins anew: {joined}");
}
