//! What other protocols' clients and scanners send by themselves: nothing of it is said, and nobody joins.

use std::net::UdpSocket;
use std::process::Command;

use switchboard_e2e::{Json, Line, Server, ServerOptions, require_openbsd_nc, require_tool};

fn start() -> (Server, Json) {
    let server = Server::start(
        ServerOptions::ephemeral().set("limits.messages_per_second=0").set("limits.commands_per_second=0"),
    );
    let (ada, _) = Json::hello("ada", server.address());
    (server, ada)
}

/// Nobody came and nothing was said.
#[track_caller]
fn assert_untouched(server: &mut Server, ada: &mut Json, after: &str) {
    server.assert_alive();
    let heard = ada.drain();
    assert!(heard.is_empty(), "after {after}: {heard:?}");
}

#[test]
fn requests_are_answered_in_words_and_closed() {
    let (mut server, mut ada) = start();
    for (request, answer) in [
        ("CONNECT example.com:443 HTTP/1.1\r\nProxy-Authorization: Basic c2VjcmV0\r\n\r\n", "HTTP/1.1 400 Bad Request"),
        ("PROPFIND / HTTP/1.1\r\nHost: x\r\nAuthorization: Basic c2VjcmV0\r\n\r\n", "HTTP/1.1 400 Bad Request"),
        ("get / HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 400 Bad Request"),
        ("GET example.com/ HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 400 Bad Request"),
        ("OPTIONS rtsp://x/ RTSP/1.0\r\nCSeq: 1\r\n\r\n", "another protocol's request"),
        ("OPTIONS sip:nm SIP/2.0\r\nVia: SIP/2.0/TCP nm\r\n\r\n", "another protocol's request"),
        ("EHLO mail.example.com\r\n", "another protocol's request"),
        ("NICK ada\r\nUSER ada 0 * :Ada\r\n", "another protocol's request"),
        ("*1\r\n$4\r\nPING\r\n", "another protocol's request"),
        ("HTTP/1.1 200 OK\r\n\r\n", "another protocol's request"),
    ] {
        let mut line = Line::connect("another protocol", server.address());
        line.send(request.as_bytes());
        line.heard.expect(answer);
        line.heard.expect_end();
        assert_untouched(&mut server, &mut ada, request);
    }
}

#[test]
fn a_first_word_is_help_or_has_to_be_said_twice_and_people_are_heard() {
    let (mut server, mut ada) = start();
    for word in ["HELP", "help", "?"] {
        let mut line = Line::connect("help", server.address());
        line.say(word);
        line.heard.expect("/nick NAME");
        assert_untouched(&mut server, &mut ada, word);
    }
    let mut line = Line::connect("doubtful", server.address());
    line.say("stats");
    line.heard.expect("not said");
    assert_untouched(&mut server, &mut ada, "stats");
    line.say("stats");
    ada.message("stats");
    for words in ["HELP me please", "GET up, stand up", "get / up", "USER stories are great", "I like HTTP/1.1"] {
        let mut line = Line::connect("person", server.address());
        line.say(words);
        ada.message(words);
    }
}

#[test]
fn netcats_question_over_udp_leaves_nothing() {
    let (mut server, mut ada) = start();
    let port = server.address().port().to_string();
    for nc in [require_openbsd_nc(), require_tool("ncat", "Debian package ncat")] {
        let status =
            Command::new(&nc).args(["-uvz", "-w", "1", "127.0.0.1", &port]).output().expect("it starts").status;
        assert!(status.success(), "{}", nc.display());
        assert_untouched(&mut server, &mut ada, "nc -uvz");
    }
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    for _ in 0..5 {
        socket.send_to(b"X", server.address()).expect("a datagram");
    }
    assert_untouched(&mut server, &mut ada, "five questions");
    socket.send_to(b"X marks the spot\n", server.address()).expect("a datagram");
    ada.message("X marks the spot");
}

/// nmap's probes, as its file has them: `Probe TCP NAME q|...|`.
fn probes() -> Vec<(bool, String, Vec<u8>)> {
    let paths = ["/usr/share/nmap/nmap-service-probes", "/usr/local/share/nmap/nmap-service-probes"];
    let file = paths.iter().find_map(|path| std::fs::read(path).ok()).expect("nmap has a file of its probes");
    let text = String::from_utf8_lossy(&file);
    text.lines()
        .filter_map(|line| {
            let (transport, rest) = line.strip_prefix("Probe ")?.split_once(' ')?;
            let (name, rest) = rest.split_once(' ')?;
            let quoted = rest.strip_prefix('q')?;
            let delimiter = quoted.chars().next()?;
            let bytes = quoted[delimiter.len_utf8()..].split(delimiter).next()?;
            Some((transport == "UDP", name.to_owned(), unescaped(bytes)))
        })
        .filter(|(_, _, bytes)| !bytes.is_empty())
        .collect()
}

fn unescaped(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'\\' {
            bytes.push(byte);
            continue;
        }
        let Some((&escape, after)) = rest.split_first() else { break };
        rest = after;
        bytes.push(match escape {
            b'0' => 0,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'x' => {
                let digits = std::str::from_utf8(&rest[..2]).expect("two digits");
                rest = &rest[2..];
                u8::from_str_radix(digits, 16).expect("hexadecimal digits")
            }
            other => other,
        });
    }
    bytes
}

#[test]
fn no_probe_of_nmap_is_said_or_joins() {
    let _ = require_tool("nmap", "Debian package nmap");
    let (mut server, mut ada) = start();
    let probes = probes();
    assert!(probes.len() > 100, "{} probes", probes.len());
    // Each on a connection of its own that ends its side: what it sent is taken for whole then.
    let over_tcp: Vec<_> = probes.iter().filter(|(is_udp, ..)| !is_udp).collect();
    for some in over_tcp.chunks(16) {
        let lines = some.iter().map(|(_, name, bytes)| {
            let mut line = Line::connect(name, server.address());
            let _ = line.try_send(bytes);
            let _ = line.stream().shutdown(std::net::Shutdown::Write);
            line
        });
        for line in lines.collect::<Vec<_>>() {
            line.heard.wait_for_end();
        }
    }
    assert_untouched(&mut server, &mut ada, "probes over TCP");
    let sockets: Vec<UdpSocket> = probes
        .iter()
        .filter(|(is_udp, ..)| *is_udp)
        .map(|(_, _, bytes)| {
            let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
            socket.send_to(bytes, server.address()).expect("a datagram");
            socket
        })
        .collect();
    // The last datagram is heard after all of them.
    let last = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    last.send_to(b"the last one\n", server.address()).expect("a datagram");
    ada.message("the last one");
    let heard = ada.drain();
    assert!(!heard.iter().any(|event| event["type"] == "message"), "{heard:?}");
    assert_eq!(heard.iter().filter(|event| event["type"] == "joined").count(), 1, "{heard:?}");
    drop(sockets);
}

#[test]
fn a_scan_with_version_detection_leaves_no_message_and_no_member() {
    let (mut server, mut ada) = start();
    let port = server.address().port().to_string();
    let output = Command::new(require_tool("nmap", "Debian package nmap"))
        .args(["-sV", "-Pn", "-n", "--host-timeout", "100s", "-p", &port, "127.0.0.1"])
        .output()
        .expect("nmap starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(String::from_utf8_lossy(&output.stdout).contains("open"), "{}", String::from_utf8_lossy(&output.stdout));
    assert_untouched(&mut server, &mut ada, "nmap -sV");
}
