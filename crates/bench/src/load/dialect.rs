//! How the load generator speaks to a target: the only thing that differs between targets.

use std::net::SocketAddr;

use clap::ValueEnum;
use serde::Serialize;

use super::decoder::Decoder;
use super::marker::Marker;
use super::websocket::{ServerFrame, upgrade_request, write_client_frame};

/// A language and its transport, as it is named on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Protocol {
    /// The text protocol over TCP.
    TcpText,
    /// The JSON protocol over TCP, one object a line.
    TcpJson,
    /// The JSON protocol over WebSocket.
    WsJson,
}

impl Protocol {
    /// The name on the command line and in tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::TcpText => "tcp-text",
            Self::TcpJson => "tcp-json",
            Self::WsJson => "ws-json",
        }
    }
}

/// The bytes of a target's language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// The floor: a line is delivered as it was sent, so it is sent as long as it shall be delivered.
    Bare {
        /// The length of each line with its newline, in bytes: that of the frame delivered by the server that the
        /// floor is compared with.
        line_bytes: usize,
    },
    /// Switchboard's text protocol: a line is a message to the lobby.
    Text,
    /// Switchboard's JSON protocol over TCP.
    Json,
    /// Switchboard's JSON protocol over WebSocket.
    WebSocketJson,
}

const JSON_HELLO: &[u8] = br#"{"type":"hello"}"#;

impl Dialect {
    pub(super) const fn decoder(self) -> Decoder {
        match self {
            Self::Bare { .. } | Self::Text | Self::Json => Decoder::lines(),
            Self::WebSocketJson => Decoder::websocket(),
        }
    }

    /// Appends what a connection sends first. The first input makes a text connection a member of the lobby.
    pub(super) fn open(self, host: SocketAddr, out: &mut Vec<u8>) {
        match self {
            Self::Bare { .. } => {}
            Self::Text => out.extend_from_slice(b"/rooms\n"),
            Self::Json => {
                out.extend_from_slice(JSON_HELLO);
                out.push(b'\n');
            }
            Self::WebSocketJson => out.extend_from_slice(upgrade_request(host, "/ws?protocol=json").as_bytes()),
        }
    }

    /// Appends what a connection sends once it is upgraded.
    pub(super) fn upgraded(self, out: &mut Vec<u8>) {
        match self {
            Self::Bare { .. } | Self::Text | Self::Json => {}
            Self::WebSocketJson => write_client_frame(ServerFrame::TEXT, JSON_HELLO, out),
        }
    }

    /// Whether this target says when it has taken a connection in; the floor is silent.
    pub(super) const fn welcomes(self) -> bool {
        match self {
            Self::Bare { .. } => false,
            Self::Text | Self::Json | Self::WebSocketJson => true,
        }
    }

    pub(super) fn is_welcome(self, message: &[u8]) -> bool {
        match self {
            Self::Bare { .. } => false,
            Self::Text => true,
            Self::Json | Self::WebSocketJson => memchr::memmem::find(message, br#""type":"welcome""#).is_some(),
        }
    }

    /// Appends a message with a text of `text_bytes` bytes that begins with `marker`.
    pub(super) fn message(self, marker: Marker, text_bytes: usize, out: &mut Vec<u8>) {
        match self {
            Self::Bare { line_bytes } => {
                marker.write(line_bytes.saturating_sub(1), out);
                out.push(b'\n');
            }
            Self::Text => {
                marker.write(text_bytes, out);
                out.push(b'\n');
            }
            Self::Json => {
                json_message(marker, text_bytes, out);
                out.push(b'\n');
            }
            Self::WebSocketJson => {
                let mut message = Vec::with_capacity(text_bytes + 64);
                json_message(marker, text_bytes, &mut message);
                write_client_frame(ServerFrame::TEXT, &message, out);
            }
        }
    }

    /// Appends the answer to a ping.
    pub(super) fn pong(self, payload: &[u8], out: &mut Vec<u8>) {
        match self {
            Self::Bare { .. } | Self::Text | Self::Json => {}
            Self::WebSocketJson => write_client_frame(ServerFrame::PONG, payload, out),
        }
    }
}

fn json_message(marker: Marker, text_bytes: usize, out: &mut Vec<u8>) {
    out.extend_from_slice(br#"{"type":"message","room":"lobby","text":""#);
    marker.write(text_bytes, out);
    out.extend_from_slice(br#""}"#);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_floor_is_sent_exactly_the_bytes_it_shall_deliver() {
        for line_bytes in [20, 64, 251] {
            let mut line = Vec::new();
            Dialect::Bare { line_bytes }.message(Marker { sender: 1, number: 2 }, 64, &mut line);
            assert_eq!(line.len(), line_bytes);
            assert_eq!(line.iter().position(|byte| *byte == b'\n'), Some(line_bytes - 1));
        }
    }

    #[test]
    fn a_json_message_is_json() {
        let mut line = Vec::new();
        Dialect::Json.message(Marker { sender: 1, number: 2 }, 64, &mut line);
        let value: serde_json::Value = serde_json::from_slice(&line).unwrap();
        assert_eq!(value["type"], "message");
        assert_eq!(value["text"].as_str().map(str::len), Some(64));
    }

    #[test]
    fn every_protocol_has_its_name_on_the_command_line() {
        for protocol in Protocol::value_variants() {
            assert_eq!(protocol.to_possible_value().unwrap().get_name(), protocol.name());
            assert_eq!(serde_json::to_value(protocol).unwrap(), protocol.name());
        }
    }
}
