//! How the load generator speaks to a target: the only thing that differs between targets.

use std::net::SocketAddr;

use clap::ValueEnum;
use serde::Serialize;

use super::decoder::Decoder;
use super::marker::Marker;
use super::polling::Poller;
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
    /// Socket.IO over WebSocket.
    SocketioWs,
    /// Socket.IO over long-polling.
    SocketioPolling,
    /// The text protocol over TLS.
    TlsText,
    /// The JSON protocol over WebSocket over TLS.
    WssJson,
    /// Socket.IO over WebSocket over TLS.
    SocketioWss,
}

impl Protocol {
    /// The name on the command line and in tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::TcpText => "tcp-text",
            Self::TcpJson => "tcp-json",
            Self::WsJson => "ws-json",
            Self::SocketioWs => "socketio-ws",
            Self::SocketioPolling => "socketio-polling",
            Self::TlsText => "tls-text",
            Self::WssJson => "wss-json",
            Self::SocketioWss => "socketio-wss",
        }
    }

    /// Whether it is spoken inside TLS.
    #[must_use]
    pub const fn is_encrypted(self) -> bool {
        match self {
            Self::TcpText | Self::TcpJson | Self::WsJson | Self::SocketioWs | Self::SocketioPolling => false,
            Self::TlsText | Self::WssJson | Self::SocketioWss => true,
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
    /// Switchboard's text protocol: a line is a message to the current room.
    Text,
    /// Switchboard's JSON protocol over TCP.
    Json,
    /// Switchboard's JSON protocol over WebSocket.
    WebSocketJson,
    /// A WebSocket whose messages go to all others as they are.
    WebSocketBare,
    /// Socket.IO over WebSocket: a text emitted as `message`.
    SocketIo,
    /// The same over long-polling.
    SocketIoPolling,
    /// The client protocol of NATS, in which a room is a subject.
    Nats,
}

/// The room of a connection, by its number. When there is only one, it is the lobby, which sessions join by themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Room {
    pub(super) number: usize,
    pub(super) is_lobby: bool,
}

impl Room {
    fn name(self) -> String {
        if self.is_lobby { "lobby".to_owned() } else { format!("room-{}", self.number) }
    }
}

const JSON_HELLO: &[u8] = br#"{"type":"hello"}"#;

impl Dialect {
    pub(super) fn decoder(self) -> Decoder {
        match self {
            Self::Bare { .. } | Self::Text | Self::Json => Decoder::lines(),
            Self::WebSocketJson | Self::WebSocketBare => Decoder::websocket(),
            Self::SocketIo => Decoder::engineio(),
            Self::SocketIoPolling => Decoder::polling(),
            Self::Nats => Decoder::nats(),
        }
    }

    /// The state of a connection that asks by long-polling; the others need none.
    pub(super) fn poller(self, host: SocketAddr) -> Option<Poller> {
        (self == Self::SocketIoPolling).then(|| Poller::new(host))
    }

    /// Appends what a connection sends first.
    pub(super) fn open(self, host: SocketAddr, room: Room, out: &mut Vec<u8>) {
        match self {
            Self::Bare { .. } | Self::SocketIoPolling => {}
            // Any first input makes a text connection a member of the lobby.
            Self::Text if room.is_lobby => out.extend_from_slice(b"/rooms\n"),
            Self::Text => out.extend_from_slice(format!("/join {}\n", room.name()).as_bytes()),
            Self::Json => {
                out.extend_from_slice(JSON_HELLO);
                out.push(b'\n');
                if !room.is_lobby {
                    json_join(&room.name(), out);
                    out.push(b'\n');
                }
            }
            Self::WebSocketJson => out.extend_from_slice(upgrade_request(host, "/ws?protocol=json").as_bytes()),
            Self::WebSocketBare => out.extend_from_slice(upgrade_request(host, "/").as_bytes()),
            Self::SocketIo => {
                out.extend_from_slice(upgrade_request(host, "/socket.io/?EIO=4&transport=websocket").as_bytes());
            }
            Self::Nats => {
                out.extend_from_slice(b"CONNECT {\"verbose\":false,\"pedantic\":false,\"echo\":false}\r\n");
                out.extend_from_slice(format!("SUB {} 1\r\nPING\r\n", room.name()).as_bytes());
            }
        }
    }

    /// Appends what a connection sends once it is upgraded.
    pub(super) fn upgraded(self, room: Room, out: &mut Vec<u8>) {
        match self {
            Self::Bare { .. } | Self::Text | Self::Json | Self::WebSocketBare | Self::Nats => {}
            Self::WebSocketJson => {
                write_client_frame(ServerFrame::TEXT, JSON_HELLO, out);
                if !room.is_lobby {
                    let mut join = Vec::new();
                    json_join(&room.name(), &mut join);
                    write_client_frame(ServerFrame::TEXT, &join, out);
                }
            }
            Self::SocketIo => {
                write_client_frame(ServerFrame::TEXT, b"40", out);
                if !room.is_lobby {
                    let join = format!(r#"42["join","{}"]"#, room.name());
                    write_client_frame(ServerFrame::TEXT, join.as_bytes(), out);
                }
            }
            Self::SocketIoPolling => out.extend_from_slice(b"40"),
        }
    }

    /// Appends the request to join a further room, in which nothing is said.
    ///
    /// Only the languages in which a session can be in several rooms and speak in a named one have it.
    pub(super) fn join_further(self, name: &str, out: &mut Vec<u8>) {
        match self {
            Self::Json => {
                json_join(name, out);
                out.push(b'\n');
            }
            Self::WebSocketJson => {
                let mut join = Vec::new();
                json_join(name, &mut join);
                write_client_frame(ServerFrame::TEXT, &join, out);
            }
            Self::Bare { .. }
            | Self::Text
            | Self::WebSocketBare
            | Self::SocketIo
            | Self::SocketIoPolling
            | Self::Nats => {}
        }
    }

    /// Whether this target says when it has taken a connection in; the floor is silent.
    pub(super) const fn welcomes(self) -> bool {
        match self {
            Self::Bare { .. } => false,
            Self::Text
            | Self::Json
            | Self::WebSocketJson
            | Self::WebSocketBare
            | Self::SocketIo
            | Self::SocketIoPolling
            | Self::Nats => true,
        }
    }

    /// Whether the answer to the upgrade is all the welcome there is; an empty message stands for it.
    pub(super) const fn upgrade_is_welcome(self) -> bool {
        matches!(self, Self::WebSocketBare)
    }

    pub(super) fn is_welcome(self, message: &[u8]) -> bool {
        match self {
            Self::Bare { .. } => false,
            Self::WebSocketBare => message.is_empty(),
            Self::Text => true,
            Self::Json | Self::WebSocketJson => memchr::memmem::find(message, br#""type":"welcome""#).is_some(),
            Self::SocketIo | Self::SocketIoPolling => message.starts_with(b"40"),
            Self::Nats => message == b"PONG",
        }
    }

    /// Appends a message with a text of `text_bytes` bytes that begins with `marker`.
    pub(super) fn message(self, marker: Marker, room: Room, text_bytes: usize, out: &mut Vec<u8>) {
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
                json_message(marker, room, text_bytes, out);
                out.push(b'\n');
            }
            Self::WebSocketJson => {
                let mut message = Vec::with_capacity(text_bytes + 64);
                json_message(marker, room, text_bytes, &mut message);
                write_client_frame(ServerFrame::TEXT, &message, out);
            }
            Self::WebSocketBare => {
                let mut message = Vec::with_capacity(text_bytes);
                marker.write(text_bytes, &mut message);
                write_client_frame(ServerFrame::TEXT, &message, out);
            }
            Self::SocketIo => {
                let mut message = Vec::with_capacity(text_bytes + 16);
                socketio_message(marker, text_bytes, &mut message);
                write_client_frame(ServerFrame::TEXT, &message, out);
            }
            Self::SocketIoPolling => {
                if !out.is_empty() {
                    out.push(super::polling::SEPARATOR);
                }
                socketio_message(marker, text_bytes, out);
            }
            Self::Nats => {
                out.extend_from_slice(format!("PUB {} {text_bytes}\r\n", room.name()).as_bytes());
                marker.write(text_bytes, out);
                out.extend_from_slice(b"\r\n");
            }
        }
    }

    /// Appends the answer to a ping.
    pub(super) fn pong(self, payload: &[u8], out: &mut Vec<u8>) {
        match self {
            Self::Bare { .. } | Self::Text | Self::Json => {}
            Self::WebSocketJson | Self::WebSocketBare => write_client_frame(ServerFrame::PONG, payload, out),
            Self::SocketIo => write_client_frame(ServerFrame::TEXT, b"3", out),
            Self::SocketIoPolling => {
                if !out.is_empty() {
                    out.push(super::polling::SEPARATOR);
                }
                out.push(b'3');
            }
            Self::Nats => out.extend_from_slice(b"PONG\r\n"),
        }
    }
}

fn json_join(room: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(format!(r#"{{"type":"join","room":"{room}"}}"#).as_bytes());
}

fn json_message(marker: Marker, room: Room, text_bytes: usize, out: &mut Vec<u8>) {
    out.extend_from_slice(br#"{"type":"message","room":""#);
    out.extend_from_slice(room.name().as_bytes());
    out.extend_from_slice(br#"","text":""#);
    marker.write(text_bytes, out);
    out.extend_from_slice(br#""}"#);
}

fn socketio_message(marker: Marker, text_bytes: usize, out: &mut Vec<u8>) {
    out.extend_from_slice(br#"42["message",""#);
    marker.write(text_bytes, out);
    out.extend_from_slice(br#""]"#);
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOBBY: Room = Room { number: 0, is_lobby: true };

    #[test]
    fn the_floor_is_sent_exactly_the_bytes_it_shall_deliver() {
        for line_bytes in [20, 64, 251] {
            let mut line = Vec::new();
            Dialect::Bare { line_bytes }.message(Marker { sender: 1, number: 2 }, LOBBY, 64, &mut line);
            assert_eq!(line.len(), line_bytes);
            assert_eq!(line.iter().position(|byte| *byte == b'\n'), Some(line_bytes - 1));
        }
    }

    #[test]
    fn a_json_message_is_json() {
        for (room, name) in [(LOBBY, "lobby"), (Room { number: 7, is_lobby: false }, "room-7")] {
            let mut line = Vec::new();
            Dialect::Json.message(Marker { sender: 1, number: 2 }, room, 64, &mut line);
            let value: serde_json::Value = serde_json::from_slice(&line).unwrap();
            assert_eq!((&value["type"], &value["room"]), (&"message".into(), &name.into()));
            assert_eq!(value["text"].as_str().map(str::len), Some(64));
        }
    }

    #[test]
    fn a_polling_client_puts_several_packets_into_one_payload() {
        let mut out = Vec::new();
        Dialect::SocketIoPolling.pong(b"", &mut out);
        Dialect::SocketIoPolling.message(Marker { sender: 1, number: 2 }, LOBBY, 16, &mut out);
        assert_eq!(out, b"3\x1e42[\"message\",\"#00001:00000002;\"]");
    }

    #[test]
    fn every_protocol_has_its_name_on_the_command_line() {
        for protocol in Protocol::value_variants() {
            assert_eq!(protocol.to_possible_value().unwrap().get_name(), protocol.name());
            assert_eq!(serde_json::to_value(protocol).unwrap(), protocol.name());
        }
    }
}
