//! A TCP client that sends bytes as it is told and remembers all that it hears.

use std::io::Write;
use std::net::{Shutdown, SocketAddr, TcpStream};

use crate::{PATIENCE, Transcript};

/// One TCP connection.
#[derive(Debug)]
pub struct Line {
    stream: TcpStream,
    /// What arrived.
    pub heard: Transcript,
}

impl Line {
    /// Connects to `address` and says nothing yet. `name` is for failures.
    ///
    /// # Panics
    /// It cannot connect.
    #[must_use]
    pub fn connect(name: &str, address: SocketAddr) -> Self {
        let stream = TcpStream::connect_timeout(&address, PATIENCE)
            .unwrap_or_else(|error| panic!("{name} cannot connect to {address}: {error}"));
        stream.set_nodelay(true).expect("a socket option");
        let reader = stream.try_clone().expect("a descriptor");
        Self { stream, heard: Transcript::record(name, reader) }
    }

    /// Connects, hits enter, and waits for the greeting of the text protocol. Who is silent in a process that speaks HTTP
    /// as well is not greeted soon.
    ///
    /// # Panics
    /// It does not come.
    #[must_use]
    pub fn greeted(name: &str, address: SocketAddr) -> Self {
        let mut line = Self::connect(name, address);
        line.say("");
        line.heard.expect("-- Welcome to Switchboard.");
        line.heard.line();
        line
    }

    /// A person in the lobby who is known as `nick`, and was told so.
    ///
    /// # Panics
    /// The name is refused.
    #[must_use]
    pub fn named(nick: &str, address: SocketAddr) -> Self {
        let mut line = Self::greeted(nick, address);
        line.say(&format!("/nick {nick}"));
        line.heard.expect(&format!("You are {nick}"));
        line.heard.line();
        line
    }

    /// Sends `text` and a line end.
    ///
    /// # Panics
    /// The connection is gone.
    pub fn say(&mut self, text: &str) {
        self.send(format!("{text}\n").as_bytes());
    }

    /// Sends these bytes.
    ///
    /// # Panics
    /// The connection is gone.
    pub fn send(&mut self, bytes: &[u8]) {
        self.stream
            .write_all(bytes)
            .unwrap_or_else(|error| panic!("cannot send ({error}); heard before:\n{}", self.heard.text()));
    }

    /// Sends these bytes to a server that may hang up in the middle of them.
    ///
    /// # Errors
    /// It did.
    pub fn try_send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// Says that nothing more will be sent, and goes on hearing.
    ///
    /// # Panics
    /// The connection is gone.
    pub fn half_close(&mut self) {
        self.stream.shutdown(Shutdown::Write).expect("an open connection");
    }

    /// The client's own address, which is what the server logs.
    ///
    /// # Panics
    /// The connection is gone.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.stream.local_addr().expect("an open connection")
    }

    /// The socket itself.
    #[must_use]
    pub const fn stream(&self) -> &TcpStream {
        &self.stream
    }
}

impl Drop for Line {
    /// The recording thread has a descriptor of its own, so that dropping this one alone would not close.
    fn drop(&mut self) {
        let _ = self.stream.shutdown(Shutdown::Both);
    }
}
