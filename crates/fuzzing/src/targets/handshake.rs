//! The headers of a WebSocket handshake, a line each.

use switchboard_protocols::framing::websocket::handshake::{Upgrade, accept_key};

pub(super) const WORDS: &[&[u8]] = &[
    b"Upgrade: websocket\n",
    b"Connection: Upgrade\n",
    b"Sec-WebSocket-Version: 13\n",
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\n",
    b"Sec-WebSocket-Protocol: json, text\n",
    b"Sec-WebSocket-Extensions: permessage-deflate\n",
    b"; client_max_window_bits",
    b"; server_max_window_bits=10",
    b"; server_no_context_takeover",
    b"; server_max_window_bits=\"15\", permessage-deflate",
    b"keep-alive, ",
    b"==",
    b": ",
    b",",
    b"\t",
];

pub(super) fn run(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let headers: Vec<(&str, &[u8])> = text
        .lines()
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name, value.trim().as_bytes()))
        .collect();
    let values = |name: &str| {
        let of_name = headers.iter().filter(move |(header, _)| header.eq_ignore_ascii_case(name));
        of_name.map(|(_, value)| *value).collect::<Vec<_>>()
    };
    match Upgrade::from_headers(headers.iter().copied()) {
        Ok(upgrade) => {
            let [key] = values("sec-websocket-key")[..] else { panic!("a handshake has one key") };
            assert_eq!(upgrade.accept, accept_key(str::from_utf8(key).expect("a key is ASCII")));
            assert_eq!(upgrade.accept.len(), 28);
            let chosen = upgrade.choose(&["json", "text"]);
            assert_eq!(chosen, upgrade.protocols.iter().copied().find(|offer| matches!(*offer, "json" | "text")));
            assert!(upgrade.protocols.iter().all(|offer| !offer.is_empty() && !offer.contains(',')));
            if let Some(agreement) = upgrade.compression(1_024) {
                let offers = values("sec-websocket-extensions").concat().to_ascii_lowercase();
                assert!(
                    String::from_utf8_lossy(&offers).contains("permessage-deflate"),
                    "only what is offered is agreed on"
                );
                assert!(agreement.response.starts_with("permessage-deflate; server_no_context_takeover; client_no"));
            }
            for name in ["upgrade", "connection"] {
                assert!(!values(name).is_empty(), "a handshake has {name}");
            }
        }
        Err(refusal) => assert!(matches!(refusal.status(), 400 | 426)),
    }
}
