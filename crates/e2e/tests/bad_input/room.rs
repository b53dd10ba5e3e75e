//! Two people who go on talking whatever others do, so that a disturbance is noticed.

use std::net::SocketAddr;

use serde_json::Value;
use switchboard_e2e::{Json, Server, ServerOptions};

/// Two people who go on talking whatever others do.
pub(crate) struct Room {
    pub(crate) server: Server,
    pub(crate) ada: Json,
    pub(crate) bob: Json,
    said: u32,
    /// What was said on purpose by the connection under test.
    pub(crate) expected: Vec<String>,
    /// The connection under test is somebody who comes and goes, as others may see.
    pub(crate) has_visitors: bool,
}

impl Room {
    pub(crate) fn new(options: ServerOptions) -> Self {
        let server = Server::start(options.set("limits.messages_per_second=0"));
        let (ada, _) = Json::hello("ada", server.address());
        let (bob, _) = Json::hello("bob", server.address());
        let mut room = Self { server, ada, bob, said: 0, expected: Vec::new(), has_visitors: false };
        room.ada.event("joined");
        room
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// What `text` says was meant to be published, and was.
    pub(crate) fn expect(&mut self, text: &str) {
        self.ada.message(text);
        self.expected.push(text.to_owned());
    }

    /// The two still talk with each other, and heard nothing of anybody else.
    #[track_caller]
    pub(crate) fn check(&mut self, after: &str) {
        self.server.assert_alive();
        self.said += 1;
        let text = format!("still here {}", self.said);
        self.bob.say(&text);
        self.ada.message(&text);
        for (who, heard) in [("ada", self.ada.drain()), ("bob", self.bob.drain())] {
            let strange: Vec<&Value> = heard
                .iter()
                .filter(|event| event["type"] == "message" || !self.has_visitors)
                .filter(|event| !self.expected.iter().any(|text| event["text"] == *text))
                .collect();
            assert!(strange.is_empty(), "after {after}, {who} heard {strange:?}");
        }
    }
}
