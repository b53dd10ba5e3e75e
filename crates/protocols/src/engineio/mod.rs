//! Engine.IO version 4, sans-io: packets, payloads, heartbeats, and the requests that open and carry a session.

pub mod heartbeat;
pub mod packet;
pub mod payload;
pub mod request;
pub mod sid;

pub use heartbeat::Heartbeat;
pub use packet::{Malformed, Packet};
pub use request::{Ask, Query, Refused};
pub use sid::Sid;

use std::io::Write;

/// What every session of a server has in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The first ping comes this long after the handshake, each other one this long after a pong, in milliseconds.
    pub ping_interval_ms: u64,
    /// A peer that does not answer a ping within this is gone, in milliseconds.
    pub ping_timeout_ms: u64,
    /// How long a WebSocket that wants to take a polling session over may take, in milliseconds.
    pub upgrade_timeout_ms: u64,
    /// A session that joined no namespace within this is closed, in milliseconds.
    pub connect_timeout_ms: u64,
    /// Bytes of a request's body, or of a WebSocket message. More: 413 or close code 1009, and the session is closed.
    pub max_payload: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            ping_interval_ms: 25_000,
            ping_timeout_ms: 20_000,
            upgrade_timeout_ms: 10_000,
            connect_timeout_ms: 45_000,
            max_payload: 1_000_000,
        }
    }
}

impl Settings {
    /// Appends the handshake packet: `0` and an object of exactly five members.
    pub fn write_handshake(&self, out: &mut Vec<u8>, sid: &str, can_upgrade: bool) {
        let upgrades = if can_upgrade { "[\"websocket\"]" } else { "[]" };
        // Writing into a vector cannot fail; a sid needs no escapes.
        let _ = write!(
            out,
            "0{{\"sid\":\"{sid}\",\"upgrades\":{upgrades},\"pingInterval\":{},\"pingTimeout\":{},\"maxPayload\":{}}}",
            self.ping_interval_ms, self.ping_timeout_ms, self.max_payload
        );
    }
}

#[cfg(test)]
mod tests {
    use super::Settings;

    #[test]
    fn the_handshake_has_exactly_five_members() {
        let mut out = Vec::new();
        Settings::default().write_handshake(&mut out, "abc", true);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            r#"0{"sid":"abc","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}"#
        );
    }
}
