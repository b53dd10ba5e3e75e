//! What is behind the page's Wires view: the live connections of all shards, and a message's bytes in each dialect.

use super::site::{Answer, plain};
use crate::listener::Route;
use crate::shard::driver::ShardHandle;
use crate::shard::{Wire, Wires};
use hyper::StatusCode;
use hyper::header::{self, HeaderMap, HeaderValue};
use ipnet::IpNet;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::SystemTime;
use switchboard_core::{Body, Event, Sender, SessionId, Time, UserId, Via};
use switchboard_protocols::socketio::{Namespace, Tongue};
use switchboard_protocols::{Dialect, Framing, Language, TextStyle, encode};

/// Bytes of the message whose dialects are asked for. More: 413.
pub(super) const BODY_BYTES_MAX: usize = 256 * 1024;

/// Each dialect that is shown, with the sockets that speak it.
const DIALECTS: [(&str, Language, Framing); 6] = [
    ("text over TCP or TLS", Language::Text(TextStyle::Named), Framing::Lines),
    ("text over WebSocket", Language::Text(TextStyle::Named), Framing::WebSocket),
    ("text over UDP", Language::Text(TextStyle::Named), Framing::Datagram),
    ("JSON over TCP or TLS", Language::Json, Framing::Lines),
    ("JSON over WebSocket", Language::Json, Framing::WebSocket),
    ("JSON over long polling", Language::Json, Framing::Polling),
];

/// And of Socket.IO, whose packets name the namespace: each framing, and whether the client's parser is the msgpack one.
/// The position that clients which can recover get with each event is not told: the page does not know it.
const SOCKETIO: [(&str, Framing, bool); 3] = [
    ("Socket.IO over WebSocket", Framing::WebSocket, false),
    ("Socket.IO over long polling", Framing::Polling, false),
    ("Socket.IO over WebSocket, msgpack parser", Framing::WebSocket, true),
];

/// Whether a request may look: it comes from one of these networks, and not from a proxy that is not trusted, behind
/// which anybody may be.
pub(super) fn may_look(networks: &[IpNet], route: Route, client: std::net::SocketAddr, headers: &HeaderMap) -> bool {
    let is_forwarded = headers.contains_key(header::FORWARDED) || headers.contains_key("x-forwarded-for");
    let ip = client.ip().to_canonical();
    (route.proxied || !is_forwarded) && networks.iter().any(|network| network.contains(&ip))
}

/// The live connections of all shards.
pub(super) async fn list(shards: &[ShardHandle]) -> Answer {
    let mut total = 0;
    let mut rows = Vec::new();
    for (number, shard) in shards.iter().enumerate() {
        // A shard ends only with the process.
        let Some(Wires { total: more, listed }) = shard.wires().await else { continue };
        total += more;
        rows.extend(listed.iter().map(|wire| row(number, wire)));
    }
    answer(&json!({ "total": total, "wires": rows }))
}

fn row(shard: usize, wire: &Wire) -> Value {
    json!({
        "id": format!("{shard}.{}", wire.slot),
        "via": wire.via.as_str(),
        "protocol": wire.protocol,
        "address": wire.address.map(|address| address.to_string()),
        "nick": wire.nick.as_deref(),
        "rooms": wire.rooms,
        "outbox_bytes": wire.outbox_bytes,
        "silent_ms": wire.silent_ms,
        "rtt_us": wire.round_trip.map(|time| time.as_micros() as u64),
    })
}

/// The exact bytes in which each dialect shows a message, which the body has as the JSON protocol told it. `chat`: the
/// namespace where Socket.IO's clients hear it.
pub(super) fn dialects(body: &[u8], chat: Option<&'static Namespace>) -> Answer {
    let Some(event) = serde_json::from_slice(body).ok().and_then(|value| read(&value)) else {
        return plain(StatusCode::BAD_REQUEST, "the body is a message as the JSON protocol tells it\n");
    };
    let sockets = chat.into_iter().flat_map(|namespace| {
        SOCKETIO.map(|(name, framing, packed)| {
            (name, Language::SocketIo(Some(Tongue { namespace, offsets: None, numbers: false, packed })), framing)
        })
    });
    let rows: Vec<Value> = DIALECTS
        .into_iter()
        .chain(sockets)
        .filter_map(|(name, language, framing)| {
            let dialect = Dialect { language, framing, elsewhere: false };
            let frame = encode(&event, dialect, false)?;
            Some(json!({ "dialect": name, "hex": hex(frame.bytes()) }))
        })
        .collect();
    answer(&json!({ "dialects": rows }))
}

fn read(value: &Value) -> Option<Event> {
    let text = |value: &Value| value.as_str().map(Arc::<str>::from);
    let from = &value["from"];
    let via = from["via"].as_str()?;
    let sender = Sender {
        nick: text(&from["nick"])?,
        session: SessionId(u64::from_str_radix(from["session"].as_str()?, 16).ok()?),
        user: UserId(0),
        via: Via::parse(via)?,
        address: None,
    };
    let time = humantime::parse_rfc3339(value["time"].as_str()?).ok()?;
    let since = time.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    let body = Body::Message {
        seq: value["seq"].as_u64(),
        id: text(&value["id"]),
        from: sender,
        to: text(&value["to"]),
        text: text(&value["text"])?,
        action: value["action"].as_bool().unwrap_or_default(),
    };
    Some(Event { pos: 0, time: Time(since.as_millis() as u64), room: text(&value["room"]), body })
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        // Writing into a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// An answer for the page alone: what it says is of this moment.
pub(super) fn answer(value: &Value) -> Answer {
    let mut answer = plain(StatusCode::OK, value.to_string());
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    answer
}

#[cfg(test)]
mod tests {
    use super::*;
    use switchboard_protocols::socketio::Namespaces;

    #[test]
    fn a_messages_bytes_are_the_encoders_own() {
        let message = r#"{"type":"message","room":"lobby","seq":42,"from":{"nick":"bob","session":"8d147be260fac935","via":"websocket"},"text":"hé","time":"2026-11-20T08:00:00.123Z"}"#;
        let namespaces = Namespaces::new(vec![Namespace::chat("/")], None, Arc::default());
        let answer = dialects(message.as_bytes(), namespaces.chat());
        let value: Value = serde_json::from_slice(answer.body().known()).expect("JSON");
        let rows = value["dialects"].as_array().expect("rows");
        assert_eq!(rows.len(), DIALECTS.len() + SOCKETIO.len());
        assert_eq!(rows[0]["hex"], hex("<bob> hé\n".as_bytes()));
        assert_eq!(rows[3]["hex"], hex(format!("{message}\n").as_bytes()));
        assert_eq!(rows[5]["hex"], hex(format!("4{message}").as_bytes()));
        let polled = rows[7]["hex"].as_str().expect("hex");
        assert!(polled.starts_with(&hex(b"42[\"message\",{\"room\":\"lobby\"")), "{polled}");
    }

    #[test]
    fn what_is_no_message_is_refused() {
        for body in ["", "{}", r#"{"from":{"nick":"bob","session":"x","via":"tcp"},"text":"","time":"now"}"#] {
            assert_eq!(dialects(body.as_bytes(), None).status(), StatusCode::BAD_REQUEST, "{body}");
        }
    }

    #[test]
    fn only_the_named_networks_may_look_and_nobody_through_a_strange_proxy() {
        let networks = ["127.0.0.0/8".parse().expect("a network")];
        let plain = HeaderMap::new();
        let mut forwarded = HeaderMap::new();
        forwarded.insert("x-forwarded-for", HeaderValue::from_static("127.0.0.1"));
        for (client, proxied, headers, expected) in [
            ("127.0.0.1:5", false, &plain, true),
            ("[::ffff:127.0.0.1]:5", false, &plain, true),
            ("192.0.2.1:5", false, &plain, false),
            ("127.0.0.1:5", false, &forwarded, false),
            ("127.0.0.1:5", true, &forwarded, true),
        ] {
            let client = client.parse().expect("an address");
            let route = Route { peer: client, local: client, proxied };
            assert_eq!(may_look(&networks, route, client, headers), expected, "{client} {proxied}");
        }
    }
}
