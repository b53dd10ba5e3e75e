//! The echo server over real sockets, with clients that know nothing but sockets.

use std::collections::BTreeSet;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use switchboard_protocols::first::ECHO_PROBE;
use switchboard_server::config::ListenPlace;
use switchboard_server::echo::{self, ConnectError, Options, Server};
use switchboard_server::lan;

/// Long enough for the slowest machine; nothing here waits for it to pass.
const PATIENCE: Duration = Duration::from_secs(20);

/// An echo server in a thread, until it is dropped.
struct Running {
    addresses: Vec<SocketAddr>,
    printed: mpsc::Receiver<Vec<u8>>,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// What the server prints, line by line.
struct Printer(mpsc::Sender<Vec<u8>>);

impl Write for Printer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let _ = self.0.send(bytes.to_vec());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Running {
    fn start(options: &Options) -> Self {
        let (lines, printed) = mpsc::channel();
        let server = Server::bind(options, Box::new(Printer(lines))).unwrap();
        let addresses = server.addresses().collect();
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let thread = thread::spawn(move || {
            server
                .run(async {
                    let _ = stopped.await;
                })
                .unwrap();
        });
        Self { addresses, printed, stop: Some(stop), thread: Some(thread) }
    }

    fn anywhere(reply: Option<&str>) -> Self {
        let reply = reply.map(str::to_owned);
        Self::start(&Options { listen: vec![ListenPlace::Port(0)], reply })
    }

    fn tcp(&self) -> TcpStream {
        tcp(self.addresses[0])
    }

    fn printed(&self) -> String {
        String::from_utf8(self.printed.recv_timeout(PATIENCE).unwrap()).unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.stop.take());
        let result = self.thread.take().unwrap().join();
        if !thread::panicking() {
            result.unwrap();
        }
    }
}

fn tcp(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

fn udp(to: SocketAddr) -> UdpSocket {
    let socket = UdpSocket::bind(SocketAddr::new(to.ip(), 0)).unwrap();
    socket.connect(to).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
}

/// Reads exactly these bytes.
fn expect(stream: &mut impl Read, expected: &[u8]) {
    let mut bytes = vec![0; expected.len()];
    stream.read_exact(&mut bytes).unwrap();
    assert_eq!(bytes.escape_ascii().to_string(), expected.escape_ascii().to_string());
}

fn expect_end(stream: &mut impl Read) {
    assert_eq!(stream.read(&mut [0; 16]).unwrap(), 0);
}

#[test]
fn a_client_without_newlines_gets_its_replies_at_once() {
    let server = Running::anywhere(None);
    let mut client = server.tcp();
    client.write_all(b"a,b,c").unwrap();
    expect(&mut client, b"abc");
    client.write_all(b"a,,b").unwrap();
    expect(&mut client, b"a\nb");
    client.write_all("é,€,🦀".as_bytes()).unwrap();
    expect(&mut client, "é€🦀".as_bytes());

    let fixed = Running::anywhere(Some("ok"));
    let mut client = fixed.tcp();
    client.write_all(b"a,,b").unwrap();
    expect(&mut client, b"okokok");
}

#[test]
fn replies_end_as_their_request_did_and_lines_count_from_the_first_newline_on() {
    let server = Running::anywhere(None);
    for address in &server.addresses {
        assert!(address.ip().is_loopback());
        let mut client = tcp(*address);
        client.write_all(b"a,,b\nx\r\n\nover ").unwrap();
        expect(&mut client, b"a\n\nb\nx\r\n\n");
        client.write_all(b"two packets\n").unwrap();
        expect(&mut client, b"over two packets\n");
        client.write_all(b"the,rest").unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        expect(&mut client, b"therest");
        expect_end(&mut client);
    }
}

#[test]
fn each_parameter_is_printed_with_its_address_and_nothing_raw() {
    let server = Running::anywhere(Some("seen"));
    let mut client = server.tcp();
    let from = client.local_addr().unwrap();
    client.write_all("hello,\x1b[31mred,\u{202e}\n".as_bytes()).unwrap();
    expect(&mut client, b"seen\nseen\nseen\n");
    assert_eq!(server.printed(), format!("{from} hello\n"));
    assert_eq!(server.printed(), format!("{from} \\u{{1b}}[31mred\n"));
    assert_eq!(server.printed(), format!("{from} \\u{{202e}}\n"));
}

#[test]
fn datagrams_get_one_reply_for_each_parameter_on_loopback() {
    let server = Running::anywhere(None);
    for address in &server.addresses {
        let client = udp(*address);
        for (request, replies) in [
            (&b"a,b,c"[..], &[&b"a"[..], b"b", b"c"][..]),
            (b"a,,b", &[b"a", b"", b"b"]),
            (b"x,y\n", &[b"x\n", b"y\n"]),
            (b"", &[b""]),
        ] {
            client.send(request).unwrap();
            for expected in replies {
                let mut buffer = [0; 64];
                let len = client.recv(&mut buffer).unwrap();
                assert_eq!(&buffer[..len], *expected);
            }
        }
    }
}

#[test]
fn a_datagram_from_elsewhere_gets_one_reply_that_is_no_longer() {
    let Some(ip) = lan::private_addresses().unwrap().into_iter().next() else {
        eprintln!("this machine has no address but loopback");
        return;
    };
    for (reply, request, expected) in [(None, "a,b,c\n", "a,b,c\n"), (Some("a long text"), "a,b\n", "a l\n")] {
        let listen = vec![ListenPlace::Address(SocketAddr::new(ip, 0))];
        let server = Running::start(&Options { listen, reply: reply.map(str::to_owned) });
        let client = udp(server.addresses[0]);
        let mut buffer = [0; 64];
        // What follows is the answer to the next request, not a second one to this.
        for _ in 0..2 {
            client.send(request.as_bytes()).unwrap();
            let len = client.recv(&mut buffer).unwrap();
            assert_eq!(&buffer[..len], expected.as_bytes());
        }
        assert_eq!(server.printed(), format!("{} a\n", client.local_addr().unwrap()));
    }
}

#[test]
fn a_large_datagram_does_no_harm() {
    let server = Running::anywhere(None);
    let client = udp(server.addresses[0]);
    let large = vec![b'x'; 65_507];
    client.send(&large).unwrap();
    let mut buffer = vec![0; 65_535];
    assert_eq!(client.recv(&mut buffer).unwrap(), large.len());
    assert_eq!(server.tcp().write(b"still there").unwrap(), 11);
}

#[test]
fn a_line_that_is_too_long_is_told_so_and_closed() {
    let server = Running::anywhere(None);
    let mut client = server.tcp();
    client.write_all(b"\n").unwrap();
    expect(&mut client, b"\n");
    client.write_all(&vec![b'x'; echo::REQUEST_BYTES_MAX + 1]).unwrap();
    expect(&mut client, b"error: line longer than 65536 bytes\n");
    expect_end(&mut client);
    let mut other = server.tcp();
    other.write_all(b"and others\n").unwrap();
    expect(&mut other, b"and others\n");
}

/// Shakes hands with the key of RFC 6455, 1.3.
fn websocket(address: SocketAddr) -> TcpStream {
    let mut client = tcp(address);
    client
        .write_all(
            b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
              Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        )
        .unwrap();
    let head = response_head(&mut client);
    assert!(head.starts_with("http/1.1 101 "), "{head}");
    assert!(head.contains("sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo="), "{head}");
    client
}

/// The head of a response, in lower case.
fn response_head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    String::from_utf8(head).unwrap().to_ascii_lowercase()
}

/// A frame as a client sends it, of up to 125 bytes, with a mask of zeros.
fn client_frame(first: u8, payload: &[u8]) -> Vec<u8> {
    [&[first, 0x80 | payload.len() as u8, 0, 0, 0, 0], payload].concat()
}

#[test]
fn websocket_messages_are_answered_message_by_message() {
    let server = Running::anywhere(None);
    for address in &server.addresses {
        let mut client = websocket(*address);
        client.write_all(&client_frame(0x81, b"a,,b")).unwrap();
        expect(&mut client, b"\x81\x01a\x81\x00\x81\x01b");
        client.write_all(&client_frame(0x81, b"line\n")).unwrap();
        expect(&mut client, b"\x81\x05line\n");
        client.write_all(&client_frame(0x89, b"ping")).unwrap();
        expect(&mut client, b"\x8A\x04ping");
        client.write_all(&client_frame(0x88, b"\x03\xE8")).unwrap();
        expect(&mut client, b"\x88\x02\x03\xE8");
        expect_end(&mut client);
    }
}

#[test]
fn bad_websockets_are_closed_with_their_code() {
    let server = Running::anywhere(None);
    for (bytes, code) in [
        (client_frame(0x82, b"binary"), 1003_u16),
        (client_frame(0x81, b"\xFF"), 1007),
        (vec![0x81, 0x00], 1002),
        ([&[0x81, 0xFF][..], &65_537_u64.to_be_bytes(), &[0; 4]].concat(), 1009),
    ] {
        let mut client = websocket(server.addresses[0]);
        client.write_all(&bytes).unwrap();
        let mut header = [0; 4];
        client.read_exact(&mut header).unwrap();
        assert_eq!(header[0], 0x88);
        assert_eq!(u16::from_be_bytes([header[2], header[3]]), code);
    }
}

#[test]
fn http_without_an_upgrade_is_told_what_this_is() {
    let server = Running::anywhere(None);
    for (request, status) in [
        ("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", 426),
        (
            "GET / HTTP/1.1\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: short\r\n\r\n",
            400,
        ),
    ] {
        let mut client = server.tcp();
        client.write_all(request.as_bytes()).unwrap();
        let head = response_head(&mut client);
        assert!(head.starts_with(&format!("http/1.1 {status} ")), "{head}");
        assert!(head.contains("\r\nserver: switchboard-echo\r\n"), "{head}");
    }
    let mut client = server.tcp();
    client.write_all(b"GET / HTTP/1.1\r\nbad header\r\n\r\n").unwrap();
    assert!(response_head(&mut client).starts_with("http/1.1 400 "));
}

#[test]
fn a_taken_port_is_named() {
    let server = Running::anywhere(None);
    let port = server.addresses[0].port();
    let options = Options { listen: vec![ListenPlace::Port(port)], reply: None };
    let error = Server::bind(&options, Box::new(io::sink())).err().unwrap();
    assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
    assert!(error.to_string().starts_with(&format!("cannot listen on localhost:{port}: ")));
}

/// A server on a port of the range that answers as it is told, and keeps what it was sent.
fn neighbour(answer: &'static [u8]) -> (u16, mpsc::Receiver<Vec<u8>>) {
    let listener = echo::PORTS.map(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, port))).find_map(Result::ok).unwrap();
    let port = listener.local_addr().unwrap().port();
    let (sender, heard) = mpsc::channel();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut bytes = vec![0; 1024];
            let len = stream.read(&mut bytes).unwrap();
            bytes.truncate(len);
            stream.write_all(answer).unwrap();
            let _ = sender.send(bytes);
        }
    });
    (port, heard)
}

#[test]
fn the_client_finds_the_echo_server_behind_a_chat_server() {
    let (port, heard) = neighbour(b"HTTP/1.1 200 OK\r\nServer: switchboard\r\n\r\nok\n");
    let server = Running::start(&Options::default());
    let ports: BTreeSet<u16> = server.addresses.iter().map(SocketAddr::port).collect();
    assert_eq!(ports.len(), 1, "{ports:?}");
    let echo_port = server.addresses[0].port();
    assert!(echo_port > port, "a port that is taken on one address is not free");

    // Other programs may hold ports of the range, so only ours are looked at.
    assert_eq!(found(port..=echo_port), Some(server.addresses[0]));
    let question = String::from_utf8(heard.recv_timeout(PATIENCE).unwrap()).unwrap();
    assert_eq!(question, format!("{ECHO_PROBE}\n"));
    assert!(server.printed.try_recv().is_err(), "being looked at is no parameter");
    assert_eq!(found(port..=port), None);
    let fixed = Running::anywhere(Some("ok"));
    let port = fixed.addresses[0].port();
    assert_eq!(found(port..=port), Some(fixed.addresses[0]), "whatever it answers else");
}

#[test]
fn a_plain_echo_server_is_found_too() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    // As the tutorials have it: it takes one connection, and ends with it.
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        drop(listener);
        let mut bytes = [0; 1024];
        loop {
            let len = stream.read(&mut bytes).unwrap();
            if len == 0 {
                return;
            }
            stream.write_all(&bytes[..len]).unwrap();
        }
    });
    let mut found = echo::find(address.port()..=address.port()).expect("an echo server");
    assert_eq!(found.address, address);
    found.stream.write_all(b"hello\n").unwrap();
    expect(&mut found.stream, b"hello\n");
}

/// An echo server that takes the line end off, or shouts, is one too.
#[test]
fn an_echo_server_may_take_the_line_end_off_and_shout() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut bytes = [0; 1024];
        let len = stream.read(&mut bytes).unwrap();
        stream.write_all(&bytes[..len].trim_ascii().to_ascii_uppercase()).unwrap();
        let _ = stream.read(&mut bytes);
    });
    assert_eq!(found(address.port()..=address.port()), Some(address));
}

fn found(range: std::ops::RangeInclusive<u16>) -> Option<SocketAddr> {
    echo::find(range).map(|found| found.address)
}

fn converse(address: &str, input: &[u8]) -> (Result<(), ConnectError>, String) {
    let mut output = Vec::new();
    let result = echo::converse(Some(address), input, &mut output, io::sink());
    (result, String::from_utf8(output).unwrap())
}

#[test]
fn the_client_sends_lines_and_prints_replies_until_an_empty_line() {
    let server = Running::anywhere(None);
    let address = server.addresses[0].to_string();
    for (input, output) in [
        ("a,b,c\nd\n\nnot sent\n", "a\nb\nc\nd\n"),
        ("a,,b\r\n", "a\n\nb\n"),
        ("no newline at the end", "no newline at the end\n"),
        ("error: \x1b[31m\n", "error: \\u{1b}[31m\n"),
        ("", ""),
    ] {
        let (result, printed) = converse(&address, input.as_bytes());
        result.unwrap();
        assert_eq!(printed, output);
    }
    let (result, printed) = converse(&address.replace("127.0.0.1", "localhost"), b"by name\n");
    result.unwrap();
    assert_eq!(printed, "by name\n");
}

#[test]
fn the_client_says_why_it_failed() {
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
    for (address, code) in [("no:port", 2), (":9000", 2), ("70000", 2), (&free.to_string()[..], 1)] {
        let error = converse(address, b"a\n").0.unwrap_err();
        assert_eq!(error.exit_code(), code, "{address}: {error}");
    }

    let server = Running::anywhere(None);
    let too_long = vec![b'x'; echo::REQUEST_BYTES_MAX + 1];
    let (result, printed) = converse(&server.addresses[0].to_string(), &too_long);
    let error = result.unwrap_err();
    assert_eq!(error.to_string(), "refused: line longer than 65536 bytes");
    assert_eq!((error.exit_code(), printed), (3, String::new()));

    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap().to_string();
    thread::spawn(move || drop(listener.accept()));
    let error = converse(&address, b"a\n").0.unwrap_err();
    assert_eq!((error.to_string().as_str(), error.exit_code()), ("the server closed the connection", 1));
}
