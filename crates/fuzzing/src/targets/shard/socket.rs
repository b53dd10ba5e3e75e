//! A socket of the fuzzed shard: what its peer reads is well formed and in order.

use crate::wellformed::Listener;
use std::collections::BTreeMap;
use switchboard_core::Seq;
use switchboard_protocols::{Framing, Language, TextStyle};

/// A socket as the driver has it.
pub(super) struct Socket {
    pub(super) framing: Framing,
    listener: Listener,
    /// Bytes that are not a whole message yet.
    unread: Vec<u8>,
    /// It is answered in HTTP.
    in_http: bool,
    pub(super) blocked: bool,
    /// The shard wants no more of it read, for now.
    pub(super) paused: bool,
    /// For each room the last number that came.
    seen: BTreeMap<String, Seq>,
}

impl Socket {
    pub(super) fn new(framing: Framing) -> Self {
        Self {
            framing,
            listener: Listener::new(framing),
            unread: Vec::new(),
            in_http: false,
            blocked: false,
            paused: false,
            seen: BTreeMap::new(),
        }
    }

    /// The peer reads: whole messages are well formed, and those of a room come in order.
    pub(super) fn read(&mut self, bytes: &[u8]) {
        self.unread.extend_from_slice(bytes);
        match self.framing {
            // A text of several lines is so many lines to a peer that knows nothing of texts.
            Framing::Lines | Framing::Datagram | Framing::Polling | Framing::WebSocketBase64 => {
                while let Some(end) = self.unread.iter().position(|byte| *byte == b'\n') {
                    let line: Vec<u8> = self.unread.drain(..=end).collect();
                    // Whoever asked in HTTP is answered in HTTP, and then it ends.
                    self.in_http |= line.starts_with(b"HTTP/1.1 400 ");
                    if !line.contains(&0xFF) && !self.in_http {
                        self.hear(&line);
                    }
                }
            }
            // Frames are decoded across any cut; both languages are told apart inside.
            Framing::WebSocket | Framing::WebSocketDeflate(_) => {
                let frames = std::mem::take(&mut self.unread);
                self.listener.hear(Language::Text(TextStyle::Named), &frames);
            }
        }
    }

    fn hear(&mut self, line: &[u8]) {
        let is_json = line.starts_with(b"{");
        let language = if is_json { Language::Json } else { Language::Text(TextStyle::Named) };
        self.listener.hear(language, line);
        let value: serde_json::Value = if is_json { serde_json::from_slice(line).expect("JSON") } else { return };
        if value["type"] == "message"
            && let (Some(room), Some(seq)) = (value["room"].as_str(), value["seq"].as_u64())
        {
            let last = self.seen.insert(room.to_owned(), seq).unwrap_or_default();
            assert!(last < seq, "{seq} comes after {last} in {room}");
        }
    }
}
