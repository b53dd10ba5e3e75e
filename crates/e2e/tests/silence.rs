//! Whom a port for everything greets when nothing is said: people and their programs, and no browser and no proxy.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use switchboard_e2e::{Json, PATIENCE, Program, Server, ServerOptions, http_get, require_openbsd_nc};

/// Far longer than the silence after which `nc` is greeted.
const LONG: Duration = Duration::from_millis(1_200);

/// Seconds that a connection is held back in the test that waits for its greeting.
const HOLD: u64 = 6;

/// A tutorial's client that receives before it sends anything.
const RECEIVES_FIRST: &str = r#"
import socket, sys
client = socket.create_connection((sys.argv[1], int(sys.argv[2])))
sys.stdout.buffer.write(client.recv(1024)); sys.stdout.buffer.flush()
client.recv(1024)
"#;

fn ask(stream: &mut TcpStream, path: &str) -> String {
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes()).expect("a request");
    stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let mut answer = vec![0; 4_096];
    let count = stream.read(&mut answer).expect("an answer");
    String::from_utf8_lossy(&answer[..count]).into_owned()
}

/// Listens for so long, and returns whether anything was said.
fn hears_anything(stream: &mut TcpStream, most: Duration) -> bool {
    stream.set_read_timeout(Some(most)).expect("a timeout");
    match stream.read(&mut [0; 256]) {
        Ok(count) => count > 0,
        Err(error) => !matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
    }
}

fn metric(address: SocketAddr, name: &str) -> u64 {
    let page = http_get(address, "/metrics").body;
    let line = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ').map(str::to_owned));
    line.unwrap_or_else(|| panic!("no {name} in\n{page}")).parse().expect("a number")
}

fn wait_for_metric(address: SocketAddr, name: &str, wanted: u64) {
    let until = Instant::now() + PATIENCE;
    while metric(address, name) != wanted {
        assert!(Instant::now() < until, "{name} is {}, not {wanted}", metric(address, name));
        thread::sleep(Duration::from_millis(20));
    }
}

fn silent_nc(address: SocketAddr) -> Program {
    let mut command = Command::new(require_openbsd_nc());
    Program::start("nc", command.arg(address.ip().to_string()).arg(address.port().to_string()))
}

#[test]
fn what_connects_ahead_is_answered_in_http_while_nc_beside_it_is_greeted() {
    let server = Server::start(ServerOptions::ephemeral());
    // This process speaks HTTP, as a browser does: what it opens ahead of need is no person.
    let mut first = TcpStream::connect(server.address()).expect("a connection");
    assert!(ask(&mut first, "/healthz").starts_with("HTTP/1.1 200"));
    let mut ahead: Vec<TcpStream> =
        (0..8).map(|_| TcpStream::connect(server.address()).expect("a connection")).collect();
    let mut nc = silent_nc(server.address());
    nc.out.expect("-- Welcome to Switchboard.");
    let mut python = Command::new("python3");
    python.args(["-c", RECEIVES_FIRST, "127.0.0.1", &server.port().to_string()]);
    let mut python = Program::start("python", &mut python);
    python.out.expect("-- Welcome to Switchboard.");
    wait_for_metric(server.address(), "switchboard_held_back", 8);
    for stream in &mut ahead {
        assert!(!hears_anything(stream, LONG / 8));
        assert!(ask(stream, "/healthz").starts_with("HTTP/1.1 200"));
    }
    wait_for_metric(server.address(), "switchboard_held_back", 0);
    assert_eq!(metric(server.address(), "switchboard_greeted_then_http_total"), 0);
    nc.kill();
    python.kill();
}

#[test]
fn a_proxy_that_connects_before_its_client_speaks_is_not_greeted() {
    let server = Server::start(ServerOptions::ephemeral());
    let target = server.address();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let proxy = listener.local_addr().expect("an address");
    // One connection, passed on as `ssh -L` does: the far end is opened when the near one is.
    let passed = thread::spawn(move || {
        let (mut near, _) = listener.accept().expect("a connection");
        let mut far = TcpStream::connect(target).expect("a connection");
        let mut back = (far.try_clone().expect("a socket"), near.try_clone().expect("a socket"));
        let answers = thread::spawn(move || std::io::copy(&mut back.0, &mut back.1));
        let _ = std::io::copy(&mut near, &mut far);
        drop(answers);
    });
    let mut browser = TcpStream::connect(proxy).expect("a connection");
    assert!(!hears_anything(&mut browser, LONG));
    assert!(ask(&mut browser, "/healthz").starts_with("HTTP/1.1 200"));
    drop(browser);
    passed.join().expect("the proxy");
}

#[test]
fn who_is_held_back_is_greeted_at_the_first_byte_of_text_or_after_the_stated_time() {
    let options = ServerOptions::ephemeral().set(&format!("text.silent_hold={HOLD}s")).set("limits.handshakes=2");
    let server = Server::start(options);
    let mut http = TcpStream::connect(server.address()).expect("a connection");
    assert!(ask(&mut http, "/healthz").starts_with("HTTP/1.1 200"));
    let begun = Instant::now();
    // They do not count as half-said: more of them than there may be of those wait, and others still come in.
    let mut silent: Vec<TcpStream> = (1..=4)
        .map(|count| {
            let stream = TcpStream::connect(server.address()).expect("a connection");
            wait_for_metric(server.address(), "switchboard_held_back", count);
            stream
        })
        .collect();
    let mut speaks = TcpStream::connect(server.address()).expect("a connection");
    speaks.write_all(b"hello from a program\n").expect("a line");
    speaks.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let mut greeting = [0; 10];
    speaks.read_exact(&mut greeting).expect("a greeting");
    assert_eq!(&greeting, b"-- Welcome");
    // An empty line is from a person, too.
    let mut enter = TcpStream::connect(server.address()).expect("a connection");
    enter.write_all(b"\n").expect("a line");
    enter.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    enter.read_exact(&mut greeting).expect("a greeting");
    assert!(begun.elapsed() < PATIENCE);
    for silent in &mut silent {
        silent.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        silent.read_exact(&mut greeting).expect("a greeting after the stated time");
        assert_eq!(&greeting, b"-- Welcome");
    }
    assert!(begun.elapsed() >= Duration::from_secs(HOLD), "{:?}", begun.elapsed());
}

#[test]
fn a_program_that_speaks_json_late_is_greeted_and_then_understood() {
    let server = Server::start(ServerOptions::ephemeral());
    let late = "import socket, sys, json\n\
        client = socket.create_connection((sys.argv[1], int(sys.argv[2]))).makefile('rw')\n\
        print(client.readline(), flush=True)\n\
        client.write('{\"type\":\"hello\",\"nick\":\"late\"}\\n'); client.flush()\n\
        for line in client:\n    if line.startswith('{'):\n        print(json.loads(line)['nick'], flush=True)\n        break\n";
    let mut command = Command::new("python3");
    command.args(["-c", late, "127.0.0.1", &server.port().to_string()]);
    let mut python = Program::start("python", &mut command);
    python.out.expect("-- Welcome to Switchboard.");
    python.out.expect("late");
}

#[test]
fn a_greeting_that_reached_http_is_counted_and_logged() {
    let mut server = Server::start(ServerOptions::ephemeral());
    let mut nc = silent_nc(server.address());
    nc.out.expect("-- Welcome to Switchboard.");
    nc.send(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    server.log.expect("greeted in text and then spoke HTTP");
    wait_for_metric(server.address(), "switchboard_greeted_then_http_total", 1);
    let (_json, welcome) = Json::hello("witness", server.address());
    assert_eq!(welcome["rooms"][0]["seq"], 0, "nothing of it was said in the room: {welcome}");
}

#[test]
fn beside_lan_a_port_is_for_text_alone() {
    let server = Server::start(ServerOptions::ephemeral().arg("--lan"));
    let about: serde_json::Value = serde_json::from_str(&http_get(server.address(), "/about.json").body).expect("JSON");
    let port = about["text_port"].as_u64().and_then(|port| u16::try_from(port).ok()).expect("a port");
    assert!(port > server.port() && port <= server.port().saturating_add(100), "{port}");
    // This process speaks HTTP, and is greeted there all the same.
    let mut http = TcpStream::connect(server.address()).expect("a connection");
    assert!(ask(&mut http, "/healthz").starts_with("HTTP/1.1 200"));
    let mut silent = TcpStream::connect(("127.0.0.1", port)).expect("a connection");
    silent.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let mut greeting = [0; 3];
    silent.read_exact(&mut greeting).expect("a greeting");
    assert_eq!(&greeting, b"-- ");
    let urls = about["urls"].as_array().expect("a list");
    assert!(urls.iter().all(|url| !url.as_str().unwrap_or_default().contains(&format!(":{port}"))), "{urls:?}");
}
