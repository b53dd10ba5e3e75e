//! A WebSocket client that is not ours: tungstenite, with a deadline on every read.

use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::time::Instant;

use tokio_tungstenite::tungstenite::{self, Message, client, protocol::CloseFrame};

use crate::PATIENCE;

/// One WebSocket connection over plain TCP.
#[derive(Debug)]
pub struct WebSocket {
    name: String,
    socket: tungstenite::WebSocket<TcpStream>,
    heard: Vec<String>,
}

impl WebSocket {
    /// Connects to `ws://ADDRESS` and the path with its query, `/ws?protocol=text` for example.
    ///
    /// # Panics
    /// The handshake fails.
    #[must_use]
    pub fn connect(name: &str, address: SocketAddr, path: &str) -> Self {
        Self::connect_behind(name, address, "", path)
    }

    /// The same with something before the handshake: a header of the PROXY protocol, for example.
    ///
    /// # Panics
    /// The handshake fails.
    #[must_use]
    pub fn connect_behind(name: &str, address: SocketAddr, header: &str, path: &str) -> Self {
        let mut stream = TcpStream::connect_timeout(&address, PATIENCE)
            .unwrap_or_else(|error| panic!("{name} cannot connect to {address}: {error}"));
        stream.write_all(header.as_bytes()).unwrap_or_else(|error| panic!("{name} cannot send: {error}"));
        stream.set_nodelay(true).expect("a socket option");
        stream.set_read_timeout(Some(PATIENCE)).expect("a socket option");
        let (socket, _) = client(format!("ws://{address}{path}"), stream)
            .unwrap_or_else(|error| panic!("{name}: no WebSocket at {address}{path}: {error}"));
        Self { name: name.to_owned(), socket, heard: Vec::new() }
    }

    /// Sends a text message.
    ///
    /// # Panics
    /// The connection is gone.
    pub fn say(&mut self, text: &str) {
        self.send(Message::text(text)).unwrap_or_else(|error| panic!("{} cannot send: {error}", self.name));
    }

    /// Sends any message.
    ///
    /// # Errors
    /// The connection is gone, or the message cannot be sent.
    pub fn send(&mut self, message: Message) -> Result<(), tungstenite::Error> {
        self.socket.send(message)
    }

    /// Waits for a text message that contains `needle`, passing over others.
    ///
    /// # Panics
    /// None comes.
    pub fn expect(&mut self, needle: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            match self.socket.read() {
                Ok(Message::Text(text)) => {
                    self.heard.push(text.to_string());
                    if text.contains(needle) {
                        return text.to_string();
                    }
                }
                Ok(Message::Ping(_) | Message::Pong(_)) => {}
                Ok(other) => panic!("{}: {other:?} instead of {needle:?}; heard: {:#?}", self.name, self.heard),
                Err(error) => panic!("{}: no {needle:?} ({error}); heard: {:#?}", self.name, self.heard),
            }
        }
        panic!("{}: no {needle:?} in {PATIENCE:?}; heard: {:#?}", self.name, self.heard);
    }

    /// Waits until the server closes. Returns the close frame, if one came; what was said before it is in
    /// [`heard`](Self::heard).
    ///
    /// # Panics
    /// It does not close.
    pub fn expect_close(&mut self) -> Option<CloseFrame> {
        let deadline = Instant::now() + PATIENCE;
        let mut frame = None;
        while Instant::now() < deadline {
            match self.socket.read() {
                Ok(Message::Text(text)) => self.heard.push(text.to_string()),
                Ok(Message::Close(close)) => frame = close,
                Ok(_) => {}
                Err(tungstenite::Error::Io(error)) if error.kind() == std::io::ErrorKind::WouldBlock => break,
                Err(_) => return frame,
            }
        }
        panic!("{}: not closed; heard: {:#?}", self.name, self.heard);
    }

    /// Every text message so far.
    #[must_use]
    pub fn heard(&self) -> &[String] {
        &self.heard
    }

    /// The socket beneath, to send what no WebSocket library would.
    pub fn stream(&mut self) -> &mut TcpStream {
        self.socket.get_mut()
    }
}
