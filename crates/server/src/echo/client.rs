//! The client of an echo server: each line goes there, each reply is printed.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::time::Duration;

use super::journal::escaped;
use super::request::Request;
use super::{Found, PORTS, REQUEST_BYTES_MAX, find};

const CONNECT_TIME_MAX: Duration = Duration::from_secs(10);

/// How long a reply is waited for.
const REPLY_TIME_MAX: Duration = Duration::from_secs(10);

/// How long after an error the server closes the connection, if it does.
const CLOSE_TIME_MAX: Duration = Duration::from_secs(1);

/// The same for one that closes because it answered what it was found by.
const PROBED_CLOSE_TIME_MAX: Duration = Duration::from_millis(100);

/// A server that answers with more than this without a newline is not one for us.
const REPLY_LINE_BYTES_MAX: u64 = 2 * REQUEST_BYTES_MAX as u64;

/// What an echo server says before it closes a connection that it refuses.
const REFUSAL: &[u8] = b"error: ";

/// Why the client ended before its input did.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// No echo server runs on this machine.
    #[error(
        "no echo server found on ports {} to {}: start one with `switchboard echo`, or give an address",
        PORTS.start(),
        PORTS.end()
    )]
    NotFound,
    /// The text is neither a host nor a port.
    #[error("{address:?} is not an address: it must be HOST:PORT, HOST or PORT")]
    Address {
        /// What was given.
        address: String,
    },
    /// Nobody answers there.
    #[error("cannot connect to {address}: {error}")]
    Unreachable {
        /// Where.
        address: String,
        /// What the system said.
        error: io::Error,
    },
    /// A line got no reply in time.
    #[error("no reply within {} seconds", REPLY_TIME_MAX.as_secs())]
    NoReply,
    /// The server closed the connection.
    #[error("the server closed the connection")]
    Closed,
    /// The server closed the connection and said why.
    #[error("refused: {reason}")]
    Refused {
        /// What it said.
        reason: String,
    },
    /// Standard input or output, or the connection, failed.
    #[error(transparent)]
    Failed(#[from] io::Error),
}

impl ConnectError {
    /// 1 not connected, 2 usage, 3 refused.
    #[must_use]
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::Address { .. } => 2,
            Self::Refused { .. } => 3,
            Self::NotFound | Self::Unreachable { .. } | Self::NoReply | Self::Closed | Self::Failed(_) => 1,
        }
    }
}

/// Sends each line of `input` to the echo server at `address`, or to the first one of this machine,
/// and prints each reply to `output`, until an empty line or the end of the input. Where it is
/// connected to is told on `notices`.
///
/// # Errors
/// [`ConnectError`] when it ended before that.
pub fn converse(
    address: Option<&str>,
    mut input: impl BufRead,
    mut output: impl Write,
    mut notices: impl Write,
) -> Result<(), ConnectError> {
    let mut connection = Connection::open(address)?;
    // Nobody may be reading it; the conversation goes on.
    let _ = writeln!(notices, "switchboard: connected to {}", connection.peer);
    let mut line = Vec::new();
    loop {
        line.clear();
        input.read_until(b'\n', &mut line)?;
        let request = Request::from_message(&line);
        if request.bytes().is_empty() {
            return Ok(());
        }
        connection.ask(&request, &mut output)?;
    }
}

struct Connection {
    peer: SocketAddr,
    replies: BufReader<TcpStream>,
    /// All that was asked on it is whether this is an echo server. One that answers once for each connection has closed
    /// it since, or will.
    is_probed: bool,
}

impl Connection {
    fn open(address: Option<&str>) -> Result<Self, ConnectError> {
        let Some(address) = address else {
            let Found { address, stream } = find(PORTS).ok_or(ConnectError::NotFound)?;
            return Ok(Self { is_probed: true, ..Self::on(address, stream)? });
        };
        let Some(name) = host_and_port(address) else {
            return Err(ConnectError::Address { address: address.to_owned() });
        };
        let unreachable = |error| ConnectError::Unreachable { address: address.to_owned(), error };
        let mut last_error = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
        for peer in name.to_socket_addrs().map_err(unreachable)? {
            match Self::open_one(peer) {
                Ok(connection) => return Ok(connection),
                Err(error) => last_error = error,
            }
        }
        Err(unreachable(last_error))
    }

    fn open_one(peer: SocketAddr) -> io::Result<Self> {
        Self::on(peer, TcpStream::connect_timeout(&peer, CONNECT_TIME_MAX)?)
    }

    fn on(peer: SocketAddr, stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(REPLY_TIME_MAX))?;
        stream.set_write_timeout(Some(REPLY_TIME_MAX))?;
        Ok(Self { peer, replies: BufReader::new(stream), is_probed: false })
    }

    /// Sends a request, and prints as many replies as it has parameters.
    fn ask(&mut self, request: &Request, output: &mut impl Write) -> Result<(), ConnectError> {
        if std::mem::take(&mut self.is_probed) && self.is_closed(PROBED_CLOSE_TIME_MAX)? {
            *self = Self::open_one(self.peer)
                .map_err(|error| ConnectError::Unreachable { address: self.peer.to_string(), error })?;
        }
        // In one write: until its first newline, an echo server takes what arrives together for a
        // request. When it fails, what the server said before it closed is still to be read.
        let _ = self.replies.get_mut().write_all(&[request.bytes(), b"\n"].concat());
        for (at, parameter) in request.parameters().enumerate() {
            let reply = match self.next_reply() {
                Ok(reply) => reply,
                // One that is not ours answers less often than once for each parameter.
                Err(ConnectError::NoReply) if at > 0 => return Ok(()),
                Err(error) => return Err(error),
            };
            if reply.starts_with(REFUSAL) && reply != parameter && self.is_closed(CLOSE_TIME_MAX)? {
                return Err(ConnectError::Refused { reason: escaped(&reply[REFUSAL.len()..]) });
            }
            writeln!(output, "{}", escaped(&reply))?;
            output.flush()?;
        }
        Ok(())
    }

    /// The next line, or what came of it before the server fell silent.
    fn next_reply(&mut self) -> Result<Vec<u8>, ConnectError> {
        let mut line = Vec::new();
        match self.replies.by_ref().take(REPLY_LINE_BYTES_MAX).read_until(b'\n', &mut line) {
            Ok(0) => return Err(ConnectError::Closed),
            Ok(_) => {}
            Err(error) if is_closing(&error) => return Err(ConnectError::Closed),
            Err(error) if is_timeout(&error) && line.is_empty() => {
                return Err(ConnectError::NoReply);
            }
            Err(error) if is_timeout(&error) => {}
            Err(error) => return Err(ConnectError::Failed(error)),
        }
        Ok(Request::from_message(&line).bytes().to_vec())
    }

    /// Whether the server closes the connection after what it said last.
    fn is_closed(&mut self, within: Duration) -> io::Result<bool> {
        self.replies.get_ref().set_read_timeout(Some(within))?;
        let is_closed = match self.replies.fill_buf() {
            Ok(rest) => rest.is_empty(),
            Err(error) => !is_timeout(&error),
        };
        self.replies.get_ref().set_read_timeout(Some(REPLY_TIME_MAX))?;
        Ok(is_closed)
    }
}

/// `HOST:PORT` of what may be a host or a port alone: the host is then this one, the port the first of [`PORTS`].
fn host_and_port(address: &str) -> Option<String> {
    let default_port = PORTS.start();
    if let Ok(port) = address.parse::<u16>() {
        return Some(format!("localhost:{port}"));
    }
    if let Ok(ip) = address.trim_start_matches('[').trim_end_matches(']').parse() {
        return Some(SocketAddr::new(ip, *default_port).to_string());
    }
    match address.rsplit_once(':') {
        Some((host, port)) if !host.is_empty() && port.parse::<u16>().is_ok() => Some(address.to_owned()),
        Some(_) => None,
        // A number that is no port would be looked up as a name.
        None if address.is_empty() || address.bytes().all(|byte| byte.is_ascii_digit()) => None,
        None => Some(format!("{address}:{default_port}")),
    }
}

fn is_closing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted | io::ErrorKind::BrokenPipe
    )
}

/// The two ways in which systems say that a socket's time is up.
fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

#[cfg(test)]
mod tests {
    use super::host_and_port;

    #[test]
    fn an_address_may_be_a_host_a_port_or_both() {
        for (address, expected) in [
            ("9001", Some("localhost:9001")),
            ("localhost", Some("localhost:9000")),
            ("example.org:7", Some("example.org:7")),
            ("192.0.2.1", Some("192.0.2.1:9000")),
            ("::1", Some("[::1]:9000")),
            ("[::1]", Some("[::1]:9000")),
            ("[::1]:9001", Some("[::1]:9001")),
            ("", None),
            (":9000", None),
            ("70000", None),
            ("localhost:70000", None),
            ("tcp://localhost", None),
        ] {
            assert_eq!(host_and_port(address).as_deref(), expected, "{address}");
        }
    }
}
