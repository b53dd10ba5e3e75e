//! Bytes that are nobody's language, and connections that say nothing.

use std::net::{Shutdown, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use switchboard_e2e::process::resident_bytes;
use switchboard_e2e::{Line, PATIENCE, ServerOptions, http_get};

use crate::room::Room;

#[test]
fn what_belongs_to_other_protocols_is_closed_without_a_session() {
    let mut room = Room::new(ServerOptions::ephemeral().set("limits.handshake_timeout=500ms"));
    // TLS, and here is no certificate: its client is told by an alert.
    let mut line = Line::connect("foreign", room.address());
    line.send(b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03");
    assert_eq!(line.heard.expect_end(), "\u{15}\u{3}\u{1}\0\u{2}\u{2}(");
    room.check("TLS");
    for bytes in [
        &b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..],
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"PROXY TCP4 192.0.2.1 127.0.0.1 1 2\r\nhello\r\n",
        b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\0\0\0\0\0\0\0\0\0\0\0\0",
        b"\0",
        b"\0hello\n",
        b"\x01\x02\x03",
    ] {
        let mut line = Line::connect("foreign", room.address());
        line.send(bytes);
        assert_eq!(line.heard.expect_end(), "", "{bytes:?}");
        room.check(&format!("{bytes:?}"));
    }
}

#[test]
fn single_bytes_do_not_disturb() {
    let mut room = Room::new(ServerOptions::ephemeral().set("limits.handshake_timeout=400ms"));
    // Of each, one that leaves at once and one that waits for what becomes of it.
    for byte in [b'{', b'G', b'P', b'S', 0x16, 0, 0x1b, 0x7f, b'\n', b'\r', b' ', b'\t', 0xff, 0xe2] {
        let mut line = Line::connect("one byte", room.address());
        line.send(&[byte]);
        drop(line);
        let mut line = Line::connect("one byte, waiting", room.address());
        line.send(&[byte]);
        // What begins another protocol, or is nobody's, is not waited for without end.
        if matches!(byte, b'{' | b'G' | b'P' | b'S' | 0x16 | 0) {
            line.heard.wait_for_end();
        }
    }
    // Somebody may have said just `G`, and left; nothing else of it all is worth a line.
    for event in room.ada.drain() {
        if event["type"] == "message" {
            let text = event["text"].as_str().unwrap_or_default();
            assert!(matches!(text, "{" | "G" | "P" | "S"), "published: {event}");
        }
    }
    room.bob.drain();
    room.server.assert_alive();
}

#[test]
fn random_bytes_do_not_disturb() {
    let mut room = Room::new(ServerOptions::ephemeral().set("limits.handshake_timeout=200ms"));
    let mut random = Random(0x5eed_0000_0000_0001);
    for round in 0..200 {
        let length = 1 + random.below(600);
        let mut bytes: Vec<u8> = (0..length).map(|_| random.next() as u8).collect();
        // Bytes that are valid text are said, as they should be; these never are.
        bytes.insert(random.below(bytes.len()), 0xff);
        if round % 4 == 0 {
            bytes.splice(0..0, *b"{\"type\":");
        } else if round % 4 == 1 {
            bytes.splice(0..0, *b"GET /");
        }
        let mut line = Line::connect("random", room.address());
        let _ = line.try_send(&bytes);
        if round % 2 == 0 {
            let _ = line.stream().shutdown(Shutdown::Write);
        }
    }
    room.server.assert_alive();
    // Lines before the first bad byte may have been messages; whatever was published reads as clean text.
    for event in room.ada.drain() {
        if event["type"] == "message" {
            let text = event["text"].as_str().unwrap_or_default();
            assert!(!text.contains('\u{fffd}') && !text.is_empty(), "{event}");
        }
    }
    room.bob.drain();
    room.bob.say("still here");
    room.ada.message("still here");
    // Over UDP, to the same end.
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    for _ in 0..200 {
        let mut bytes: Vec<u8> = (0..random.below(600)).map(|_| random.next() as u8).collect();
        bytes.push(0xff);
        socket.send_to(&bytes, room.address()).expect("a datagram");
    }
    room.ada.drain();
    room.bob.drain();
    room.check("random datagrams");
}

/// A small generator of numbers that repeats from its seed (splitmix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }
}

#[test]
fn empty_and_huge_datagrams_do_not_disturb() {
    let mut room = Room::new(ServerOptions::ephemeral());
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    socket.set_read_timeout(Some(PATIENCE)).expect("a socket option");
    let mut buffer = vec![0; 65_536];
    // An empty one is nothing.
    socket.send_to(b"", room.address()).expect("a datagram");
    // The largest one there is is over `limits.line_bytes`: a stranger on loopback is told so, and is nobody yet.
    socket.send_to(&vec![b'x'; 65_507], room.address()).expect("a datagram");
    socket.send_to(b"\xff\xfe", room.address()).expect("a datagram");
    room.check("datagrams of 0 and 65507 bytes");
    room.has_visitors = true;
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    socket.set_read_timeout(Some(PATIENCE)).expect("a socket option");
    // A bad datagram does not end a session.
    socket.send_to(b"hello by datagram", room.address()).expect("a datagram");
    room.expect("hello by datagram");
    for (bad, reason) in [(&vec![b'x'; 65_507][..], "limits.line_bytes"), (b"\xff\xfe", "UTF-8")] {
        socket.send_to(bad, room.address()).expect("a datagram");
        let mut answer = String::new();
        while !answer.contains(reason) {
            let (length, _) =
                socket.recv_from(&mut buffer).unwrap_or_else(|error| panic!("no {reason} ({error}): {answer}"));
            answer.push_str(&String::from_utf8_lossy(&buffer[..length]));
        }
    }
    socket.send_to(b"hello again", room.address()).expect("a datagram");
    room.expect("hello again");
    room.check("bad datagrams");
}

#[test]
fn two_thousand_silent_connections_cost_little_and_disturb_nobody() {
    let mut room = Room::new(ServerOptions::ephemeral().set("limits.handshakes=0").set("text.silent_hold=1s"));
    let before = resident_bytes(room.server.id());
    let silent: Vec<TcpStream> =
        (0..2_000).map(|_| TcpStream::connect(room.address()).expect("a connection")).collect();
    let deadline = Instant::now() + PATIENCE;
    // Each is taken for a person in the end, also when a request of this process was under way, and is still not in the room.
    loop {
        let metrics = http_get(room.address(), "/metrics").body;
        let people = metrics.lines().find_map(|line| {
            line.strip_prefix("switchboard_connections{transport=\"tcp\",protocol=\"text\"} ")?.parse::<usize>().ok()
        });
        if people.is_some_and(|people| people >= silent.len()) {
            break;
        }
        assert!(Instant::now() < deadline, "{people:?} of {} connections are known", silent.len());
    }
    room.check("2000 silent connections");
    let each = resident_bytes(room.server.id()).saturating_sub(before) / silent.len() as u64;
    println!("memory per silent connection: {each} bytes");
    assert!(each < 32 * 1024, "{each} bytes for each connection");
    let begun = Instant::now();
    drop(silent);
    room.check("2000 connections that left");
    assert!(begun.elapsed() < Duration::from_secs(10));
}
