//! Bare connections of each kind: a socket and nothing else, so that thousands of them cost the test little.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use socket2::{Domain, Socket, Type};

use crate::PATIENCE;

/// What a connection speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Silent, and greeted: somebody who looks.
    Text,
    /// A member by JSON.
    Json,
    /// The same over WebSocket.
    WebSocket,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 3] = [Self::Text, Self::Json, Self::WebSocket];

    /// Opens a connection; [`Self::settle`] waits until it is what it is going to be. Of what is not read, the kernel
    /// is to hold about `receive_bytes`, if that is given.
    ///
    /// # Panics
    /// It cannot be opened.
    #[must_use]
    pub fn open(self, address: SocketAddr, receive_bytes: Option<usize>) -> TcpStream {
        let mut stream =
            connect(address, receive_bytes).unwrap_or_else(|error| panic!("{self:?} cannot connect: {error}"));
        let greeting = match self {
            // Enter: who is silent in a process that speaks HTTP as well is not greeted soon.
            Self::Text => "\n".to_owned(),
            Self::Json => "{\"type\":\"hello\"}\n".to_owned(),
            Self::WebSocket => format!(
                "GET /ws?protocol=json HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                 Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
            ),
        };
        stream.write_all(greeting.as_bytes()).unwrap_or_else(|error| panic!("{self:?}: {error}"));
        stream
    }

    /// Waits until it is greeted or welcome.
    ///
    /// # Panics
    /// It is not.
    pub fn settle(self, stream: &mut TcpStream) {
        match self {
            Self::Text => hear(stream, "Welcome to Switchboard"),
            Self::Json => hear(stream, "\"type\":\"welcome\""),
            Self::WebSocket => {
                hear(stream, "101 Switching Protocols");
                // A text frame of 16 bytes, masked with zeros (RFC 6455, section 5.2).
                let hello = b"\x81\x90\0\0\0\0{\"type\":\"hello\"}";
                stream.write_all(hello).unwrap_or_else(|error| panic!("{self:?}: {error}"));
                hear(stream, "\"type\":\"welcome\"");
            }
        }
    }
}

/// Connects, with a deadline for everything that follows, and with a receive buffer of this size in the kernel.
pub(crate) fn connect(address: SocketAddr, receive_bytes: Option<usize>) -> std::io::Result<TcpStream> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    if let Some(bytes) = receive_bytes {
        socket.set_recv_buffer_size(bytes)?;
    }
    socket.connect_timeout(&address.into(), PATIENCE)?;
    let stream = TcpStream::from(socket);
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(stream)
}

/// Reads up to `wanted`, and not much further.
///
/// # Panics
/// It does not come.
pub fn hear(stream: &mut TcpStream, wanted: &str) {
    let mut heard = Vec::new();
    let mut buffer = [0; 4_096];
    while !String::from_utf8_lossy(&heard).contains(wanted) {
        let count = stream.read(&mut buffer).unwrap_or_else(|error| panic!("no {wanted:?}: {error}"));
        assert!(count > 0, "closed instead of {wanted:?}: {}", String::from_utf8_lossy(&heard));
        heard.extend_from_slice(&buffer[..count]);
    }
}
