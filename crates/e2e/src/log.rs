//! The whole log of a room, as the server's history tells it.

use std::collections::HashMap;
use std::net::SocketAddr;

use serde_json::json;

use crate::{Json, Member};

/// The lobby's log from its first event on.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Log {
    ids: Vec<String>,
    numbers: HashMap<String, u64>,
}

impl Log {
    /// Reads on from where it ends, on a connection of its own.
    ///
    /// # Panics
    /// There is a hole, or an id that was there before.
    pub fn read_on(&mut self, address: SocketAddr) {
        let mut auditor = Json::connect("auditor", address);
        let _ = auditor.request(json!({ "type": "hello" }));
        loop {
            let after = self.last();
            let page = auditor.request(json!({ "type": "history", "room": "lobby", "after": after, "limit": 200 }));
            let events = page["events"].as_array().unwrap_or_else(|| panic!("no history: {page}"));
            for event in events {
                let seq = event["seq"].as_u64().unwrap_or_else(|| panic!("no seq in {event}"));
                assert_eq!(seq, self.last() + 1, "a hole in the history");
                let text = event["text"].as_str().unwrap_or_default();
                let id = event["id"].as_str().map_or_else(|| format!("without id: {text}"), str::to_owned);
                assert!(event["id"].is_null() || text.starts_with(&id), "{seq} is not what was sent: {event}");
                let before = self.numbers.insert(id.clone(), seq);
                assert_eq!(before, None, "{id} is stored again as {seq}");
                self.ids.push(id);
            }
            if page["more"] != true {
                return;
            }
            assert!(!events.is_empty(), "an empty page that promises more: {page}");
        }
    }

    /// The number of the last event; 0 when there is none.
    #[must_use]
    pub const fn last(&self) -> u64 {
        self.ids.len() as u64
    }

    /// Whether a message with this id is stored.
    #[must_use]
    pub fn contains(&self, id: &str) -> bool {
        self.numbers.contains_key(id)
    }

    /// Everything that this member was acknowledged or told is there, under the same number.
    ///
    /// # Panics
    /// It is not.
    pub fn assert_holds(&self, member: &Member) {
        let name = member.nick();
        for (seq, id) in member.acknowledged() {
            let there = self.numbers.get(id);
            assert_eq!(
                there,
                Some(seq),
                "{name} was acknowledged {id} as {seq}, and the history ends at {}",
                self.last()
            );
        }
        for (seq, id) in member.ledger.known() {
            let there = usize::try_from(*seq - 1).ok().and_then(|place| self.ids.get(place));
            assert_eq!(there, Some(id), "{name} was told {id} as {seq}, and the history ends at {}", self.last());
        }
    }
}
