//! A tap on what the server writes to a connection: the messages in it, as soon as their last byte is written.

use bytes::BytesMut;
use switchboard_protocols::framing::websocket::{Decoder, Message, Role};

/// What the server told a client.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Told {
    /// A line or a WebSocket text message, its end taken off.
    Text(String),
    Ping(Vec<u8>),
    /// The WebSocket ends, with the code and reason given.
    Close(String),
}

/// The decoder of one connection.
pub(crate) enum Tap {
    Lines(Vec<u8>),
    WebSocket(Box<Decoder>),
}

impl Tap {
    pub(crate) fn websocket() -> Self {
        Self::WebSocket(Box::new(Decoder::new(Role::Client, 1 << 24)))
    }

    /// Takes what was written, and gives what is whole now.
    pub(crate) fn feed(&mut self, bytes: &[u8], told: &mut Vec<Told>) -> Result<(), String> {
        match self {
            Self::Lines(partial) => {
                partial.extend_from_slice(bytes);
                while let Some(end) = partial.iter().position(|byte| *byte == b'\n') {
                    let line: Vec<u8> = partial.drain(..=end).collect();
                    let line = String::from_utf8(line).map_err(|_| "a line is not UTF-8".to_owned())?;
                    told.push(Told::Text(line.trim_end_matches('\n').to_owned()));
                }
            }
            Self::WebSocket(decoder) => {
                let mut input = BytesMut::from(bytes);
                let mut rest = &mut input[..];
                while let Some(message) = decoder.next_message(&mut rest).map_err(|broken| format!("{broken:?}"))? {
                    told.push(match message {
                        Message::Text(text) => Told::Text(text.trim_end_matches('\n').to_owned()),
                        Message::Binary(_) => return Err("a binary message".to_owned()),
                        Message::Ping(payload) => Told::Ping(payload.into_owned()),
                        Message::Pong(_) => continue,
                        Message::Close(close) => Told::Close(format!("{close:?}")),
                    });
                }
            }
        }
        Ok(())
    }
}
