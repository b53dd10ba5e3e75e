//! A client behind a proxy: what it sees of the server, and what the server sees of it.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use socket2::{Domain, Socket, Type};
use switchboard_e2e::{Json, PATIENCE, Response, Server, http_get, require_tool};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Message, client};

/// Whence the client comes: from this machine, but from nobody's usual address.
const CLIENT: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 7);
/// The name by which browsers know the server.
const NAME: &str = "chat.example.org";

/// How the proxy is spoken to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Plain,
    Tls,
}

/// A way through a proxy.
pub(crate) struct Through {
    pub(crate) port: u16,
    pub(crate) kind: Kind,
    /// Below which path the server is.
    pub(crate) path: &'static str,
}

/// Either kind of connection.
trait Stream: Read + Write {}

impl Stream for TcpStream {}

/// One with TLS, by way of OpenSSL's client.
struct Secure {
    child: Child,
    input: ChildStdin,
    output: ChildStdout,
}

impl Stream for Secure {}

impl Read for Secure {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.output.read(buffer)
    }
}

impl Write for Secure {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.input.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.input.flush()
    }
}

impl Drop for Secure {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Through {
    pub(crate) const fn http(port: u16) -> Self {
        Self { port, kind: Kind::Plain, path: "/" }
    }

    fn dial(&self) -> Box<dyn Stream> {
        match self.kind {
            Kind::Plain => Box::new(self.dial_plain()),
            Kind::Tls => {
                let mut child = Command::new(require_tool("openssl", "Debian package openssl"))
                    .args(["s_client", "-quiet", "-servername", NAME, "-bind", &format!("{CLIENT}:0")])
                    .args(["-connect", &format!("127.0.0.1:{}", self.port)])
                    .stdin(Stdio::piped())
                    .stdout(Stdio::piped())
                    .stderr(Stdio::null())
                    .spawn()
                    .expect("openssl runs");
                let (input, output) = (child.stdin.take().expect("a pipe"), child.stdout.take().expect("a pipe"));
                Box::new(Secure { child, input, output })
            }
        }
    }

    fn dial_plain(&self) -> TcpStream {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        socket.bind(&SocketAddr::from((CLIENT, 0)).into()).expect("an address of loopback");
        socket.connect(&SocketAddr::from((Ipv4Addr::LOCALHOST, self.port)).into()).expect("the proxy");
        socket.set_read_timeout(Some(PATIENCE)).expect("a socket option");
        socket.into()
    }

    /// The host as a browser names it.
    fn authority(&self) -> String {
        format!("{NAME}:{}", self.port)
    }

    /// Asks for a path of the proxy's.
    pub(crate) fn get(&self, path: &str) -> Response {
        let mut stream = self.dial();
        let host = self.authority();
        let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nAccept: text/html\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).expect("a proxy that reads");
        let mut answer = Vec::new();
        // OpenSSL's client and some proxies end without the last words of TLS.
        let _ = stream.read_to_end(&mut answer);
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        let status = head.get(9..12).and_then(|code| code.parse().ok()).unwrap_or(0);
        Response { status, head: head.to_owned(), body: body.to_owned() }
    }

    /// The page and what it asks for, Socket.IO by long-polling, and a WebSocket that talks; and that the server knows
    /// who it is.
    pub(crate) fn check_http(&self, server: &Server) {
        let path = self.path;
        let page = self.get(path);
        assert!(page.status == 200 && page.body.contains("<title>Switchboard</title>"), "{page:?}");
        let (_, script) = page.body.split_once("<script type=\"module\" src=\"").expect("a script");
        let (script, _) = script.split_once('"').expect("an address");
        let script = self.get(&format!("{path}{script}"));
        assert!(script.status == 200 && script.body.contains("new App()"), "{script:?}");
        for health in ["healthz", "readyz"] {
            assert_eq!(self.get(&format!("{path}{health}")).status, 200);
        }
        let polling = self.get(&format!("{path}socket.io/?EIO=4&transport=polling"));
        assert!(polling.status == 200 && polling.body.contains("0{\"sid\""), "{polling:?}");

        let (mut witness, _) = Json::hello(&format!("witness-{}", self.port), server.address_v6());
        let (scheme, site) = if self.kind == Kind::Tls { ("wss", "https") } else { ("ws", "http") };
        let host = self.authority();
        let mut request = format!("{scheme}://{host}{path}ws?protocol=json").into_client_request().expect("a request");
        // A page of this very site.
        request.headers_mut().insert("origin", format!("{site}://{host}").parse().expect("a value"));
        // The connection is there already, whatever the scheme.
        *request.uri_mut() = format!("ws://{host}{path}ws?protocol=json").parse().expect("an address");
        let (mut socket, _) = client(request, self.dial()).expect("a WebSocket through the proxy");
        socket.send(Message::text("{\"type\":\"hello\"}")).expect("a connection");
        let text = format!("hello by {}", self.port);
        socket.send(Message::text(format!("{{\"type\":\"message\",\"text\":\"{text}\"}}"))).expect("a connection");
        witness.message(&text);
        self.check_address(server, "websocket", None);
        let back = format!("back to {}", self.port);
        witness.say(&back);
        loop {
            let heard = socket.read().expect("what was said");
            if heard.to_text().is_ok_and(|heard| heard.contains(&back)) {
                break;
            }
        }
    }

    /// A client with lines, as `nc` is.
    pub(crate) fn check_lines(&self, server: &Server) {
        let (mut witness, _) = Json::hello("hearer", server.address_v6());
        let mut stream = self.dial_plain();
        stream.write_all(b"hello by lines\n").expect("a proxy that reads");
        witness.message("hello by lines");
        self.check_address(server, "tcp", Some(stream.local_addr().expect("an address").port()));
        witness.say("back by lines");
        let mut heard = String::new();
        while !heard.contains("<hearer> back by lines\n") {
            let mut buffer = [0; 1_024];
            let count = stream.read(&mut buffer).expect("what was said");
            assert!(count > 0, "{heard}");
            heard.push_str(&String::from_utf8_lossy(&buffer[..count]));
        }
        assert!(heard.contains("-- Welcome"), "{heard}");
    }

    /// The server has a connection of this kind from the client's own address, and not from the proxy's.
    fn check_address(&self, server: &Server, via: &str, port: Option<u16>) {
        let answer = http_get(server.address_v6(), "/wires.json");
        let wires: serde_json::Value = serde_json::from_str(&answer.body).expect("the wires");
        let rows = wires["wires"].as_array().expect("a list");
        let addresses: Vec<SocketAddr> = rows
            .iter()
            .filter(|row| row["via"] == via)
            .filter_map(|row| row["address"].as_str()?.parse().ok())
            .filter(|address: &SocketAddr| address.is_ipv4())
            .collect();
        let is_client = |address: &SocketAddr| address.ip() == CLIENT && port.is_none_or(|port| address.port() == port);
        assert!(!addresses.is_empty() && addresses.iter().all(is_client), "{addresses:?}, not {CLIENT} {port:?}");
    }
}
