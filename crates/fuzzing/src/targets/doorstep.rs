//! Datagrams of addresses that proved nothing: no answer is longer than what it answers, and no token is guessed.

use serde_json::Value;
use std::net::{Ipv4Addr, SocketAddr};
use switchboard_protocols::json::doorstep::{Doorstep, HELLO_BYTES_MIN, read};
use switchboard_server::udp::gate::{Gate, Verdict};

pub(super) const WORDS: &[&[u8]] = &[
    b"{\"type\":\"hello\",",
    b"{\"type\":\"message\",",
    b"\"token\":\"open\"",
    b"\"cookie\":\"",
    b"\"pad\":\"                                                  \"",
    b"\"text\":\"21.5\"",
    b"\"id\":\"0123456789abcdef\"",
    b"[[[[[[[[",
    b"\\u0000",
];

const TOKEN: &str = "open-sesame";
const NOW: u64 = 1_800_000_000;

pub(super) fn run(datagram: &[u8]) {
    let gate = Gate::new([7; 32], [("cellar", TOKEN, "sensors"), ("attic", "another-token", "weather")]);
    let from = SocketAddr::from((Ipv4Addr::new(192, 0, 2, 1), 4_000));
    let value = str::from_utf8(datagram).ok().and_then(|text| serde_json::from_str::<Value>(text).ok());
    let member = |name: &str| value.as_ref().and_then(|value| value[name].as_str());
    match read(datagram) {
        Some(Doorstep::Hello { cookie }) => {
            assert!(datagram.len() >= HELLO_BYTES_MIN);
            assert!(value.is_none() || (member("type") == Some("hello") && cookie.as_deref() == member("cookie")));
        }
        Some(Doorstep::Publish { token, text, .. }) => {
            assert!(value.is_none() || (member("token") == Some(&token) && member("text") == Some(&text)));
        }
        None => {}
    }
    match gate.judge(datagram, from, NOW) {
        Verdict::Publish { name, room, text, .. } => {
            assert!(matches!((name, room), ("cellar", "sensors") | ("attic", "weather")));
            assert!(value.is_none() || member("text") == Some(&text));
        }
        Verdict::Answer(answer) => {
            assert!(answer.len() <= datagram.len(), "{} bytes for {}", answer.len(), datagram.len());
            proves(&gate, &answer, from);
        }
        // A cookie of this very key, address and minute cannot be guessed.
        Verdict::Accept => panic!("a cookie that was never given out was taken"),
        Verdict::Ignore => {}
    }
}

/// The cookie that was given out is good for the address that it was given to, and for no other.
fn proves(gate: &Gate, answer: &[u8], from: SocketAddr) {
    let answer: Value = serde_json::from_slice(answer).expect("an answer is an object");
    let cookie = answer["cookie"].as_str().expect("an answer has a cookie");
    let hello = format!("{:<HELLO_BYTES_MIN$}", format!(r#"{{"type":"hello","cookie":"{cookie}"}}"#));
    assert_eq!(gate.judge(hello.as_bytes(), from, NOW), Verdict::Accept);
    let other = SocketAddr::from((Ipv4Addr::new(192, 0, 2, 2), 4_000));
    assert!(matches!(gate.judge(hello.as_bytes(), other, NOW), Verdict::Answer(_)));
}
