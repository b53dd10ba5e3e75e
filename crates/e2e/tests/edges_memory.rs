//! What downloads that nobody reads and bodies that never end cost the server, and that others are served beside them.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::process::Command;
use std::time::{Duration, Instant};

use switchboard_e2e::process::{open_files, resident_bytes};
use switchboard_e2e::{Json, PATIENCE, Server, ServerOptions, http_get, http_raw};
use tempfile::TempDir;

const MB: u64 = 1_000_000;

/// Sends a request and reads nothing.
fn ask(address: SocketAddr, request: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(address).expect("a connection");
    stream.set_read_timeout(Some(PATIENCE)).expect("a socket option");
    stream.write_all(request).expect("a request");
    stream
}

/// The head of an answer, and its body.
fn answer(mut stream: TcpStream) -> (String, Vec<u8>) {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).expect("an answer to its end");
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").expect("a head") + 4;
    let body = bytes.split_off(end);
    (String::from_utf8(bytes).expect("text"), body)
}

fn site() -> TempDir {
    let folder = TempDir::new().expect("a folder");
    std::fs::write(folder.path().join("index.html"), "<p>hello").expect("a file");
    folder
}

fn serving(folder: &TempDir) -> ServerOptions {
    ServerOptions::ephemeral().arg("--static").arg(&folder.path().display().to_string())
}

#[test]
fn downloads_that_nobody_reads_cost_next_to_nothing() {
    const LENGTH: usize = 30_000_000;
    let folder = site();
    let film: Vec<u8> = (0..LENGTH).map(|at| (at / 7 + at % 251) as u8).collect();
    std::fs::write(folder.path().join("film.mp4"), &film).expect("a file");
    let server = Server::start(serving(&folder));
    let request = |method: &str, more: &str| {
        format!("{method} /film.mp4 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{more}\r\n").into_bytes()
    };
    let get = |more: &str| request("GET", more);
    let (before, files) = (resident_bytes(server.id()), open_files(server.id()));
    // Both ways that requests go.
    let unread: Vec<TcpStream> = (0..128)
        .map(|number| ask(server.address(), &get(if number % 2 == 0 { "" } else { "Expect: nothing\r\n" })))
        .collect();
    // Others are served meanwhile, and get every byte of it.
    for more in ["", "Expect: nothing\r\n"] {
        let (head, body) = answer(ask(server.address(), &get(more)));
        assert!(head.starts_with("HTTP/1.1 200 ") && head.contains(&format!("content-length: {LENGTH}\r\n")), "{head}");
        assert!(body == film, "{} bytes, and not those of the file", body.len());
        let range = format!("{more}Range: bytes=10000000-20000000\r\n");
        let (head, body) = answer(ask(server.address(), &get(&range)));
        assert!(head.starts_with("HTTP/1.1 206 ") && head.contains("bytes 10000000-20000000/30000000"), "{head}");
        assert!(body == film[10_000_000..=20_000_000], "{} bytes", body.len());
        let head = answer(ask(server.address(), &request("HEAD", more)));
        assert!(head.0.contains(&format!("content-length: {LENGTH}\r\n")) && head.1.is_empty(), "{}", head.0);
    }
    let (mut ada, _) = Json::hello("ada", server.address());
    ada.say("here I am");
    let grown = resident_bytes(server.id()).saturating_sub(before);
    println!("{} KB for {} unread downloads", grown / 1_000, unread.len());
    assert!(grown < 40 * MB, "{grown} bytes for {} unread downloads", unread.len());
    let more = open_files(server.id()) - files;
    assert!(more <= unread.len() + 32 + 16, "{more} descriptors for {} unread downloads", unread.len());
}

#[test]
fn what_is_no_file_holds_nobody_up() {
    let folder = site();
    let pipe = folder.path().join("pipe.txt");
    assert!(Command::new("mkfifo").arg(&pipe).status().expect("mkfifo runs").success());
    std::os::unix::fs::symlink("/dev/zero", folder.path().join("zero.bin")).expect("a link");
    std::os::unix::fs::symlink("loop", folder.path().join("loop")).expect("a link");
    let server = Server::start(serving(&folder).set("server.shards=1"));
    for _ in 0..10 {
        for path in ["/pipe.txt", "/zero.bin", "/loop", "/loop/x"] {
            assert_eq!(http_get(server.address(), path).status, 404, "{path}");
        }
    }
    assert_eq!(http_get(server.address(), "/").body, "<p>hello");
}

/// A session that polls.
fn open_session(address: SocketAddr) -> String {
    let body = http_get(address, "/socket.io/?EIO=4&transport=polling").body;
    let sid = body.split("\"sid\":\"").nth(1).and_then(|rest| rest.split('"').next());
    sid.unwrap_or_else(|| panic!("no session: {body}")).to_owned()
}

fn post(sid: &str, length: usize) -> Vec<u8> {
    format!(
        "POST /socket.io/?EIO=4&transport=polling&sid={sid} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
         Content-Length: {length}\r\n\r\n"
    )
    .into_bytes()
}

#[test]
fn bodies_of_small_packets_cost_what_they_weigh() {
    const POSTS: usize = 12;
    let server = Server::start(ServerOptions::ephemeral());
    let mut body = b"40".to_vec();
    while body.len() < 990_000 {
        body.extend_from_slice(b"\x1e42[\"x\"]");
    }
    let sessions: Vec<String> = (0..POSTS).map(|_| open_session(server.address())).collect();
    let before = resident_bytes(server.id());
    let peak = std::thread::scope(|scope| {
        let posts: Vec<_> = sessions
            .iter()
            .map(|sid| {
                let (address, body) = (server.address(), &body);
                scope.spawn(move || {
                    let mut stream = ask(address, &post(sid, body.len()));
                    // Who is over its rate may be cut off.
                    let _ = stream.write_all(body);
                    let _ = stream.read_to_end(&mut Vec::new());
                })
            })
            .collect();
        let mut peak = 0;
        while posts.iter().any(|post| !post.is_finished()) {
            peak = peak.max(resident_bytes(server.id()));
            std::thread::sleep(Duration::from_millis(5));
        }
        peak
    });
    let grown = peak.saturating_sub(before);
    println!("{} KB for {POSTS} bodies of {} bytes", grown / 1_000, body.len());
    assert!(grown < 170 * MB, "{grown} bytes for {POSTS} bodies of {} bytes", body.len());
    let (mut ada, _) = Json::hello("ada", server.address());
    ada.say("here I am");
}

#[test]
fn a_body_has_its_time_and_so_has_an_answer() {
    let folder = site();
    std::fs::write(folder.path().join("film.mp4"), vec![b'x'; 30_000_000]).expect("a file");
    let server = Server::start(serving(&folder).set("limits.body_timeout=500ms"));
    let begun = Instant::now();
    let sid = open_session(server.address());
    let mut slow = ask(server.address(), &post(&sid, 10));
    slow.write_all(b"4").expect("a byte");
    let (head, body) = answer(slow);
    assert!(head.starts_with("HTTP/1.1 408 "), "{head}");
    assert!(String::from_utf8_lossy(&body).contains("limits.body_timeout"), "{body:?}");
    assert!(begun.elapsed() >= Duration::from_millis(500));
    // The session is over, and nothing of it is kept.
    assert_eq!(http_get(server.address(), &format!("/socket.io/?EIO=4&transport=polling&sid={sid}")).status, 400);
    // Whoever takes nothing is given up: the connection is gone with what waited.
    let unread: Vec<TcpStream> = ["", "Expect: nothing\r\n"]
        .map(|more| {
            let request = format!("GET /film.mp4 HTTP/1.1\r\nHost: localhost\r\n{more}\r\n");
            ask(server.address(), request.as_bytes())
        })
        .into();
    let is_closed = |mut stream: &TcpStream| {
        // What the kernel has of it can still be read; then there is an end before the end.
        let mut count = 0;
        let mut buffer = vec![0; 1 << 20];
        while let Ok(more @ 1..) = stream.read(&mut buffer) {
            count += more;
        }
        count < 30_000_000
    };
    // The body that was late, and these two.
    let deadline = Instant::now() + PATIENCE;
    let given_up = "switchboard_limit_hits_total{limit=\"body_timeout\"} 3";
    while !http_get(server.address(), "/metrics").body.contains(given_up) {
        assert!(Instant::now() < deadline, "connections that take nothing stay");
    }
    assert!(unread.iter().all(is_closed));
}

#[test]
fn an_address_has_half_of_the_memory_and_small_bodies_always_pass() {
    let server =
        Server::start(ServerOptions::ephemeral().set("limits.http_bytes_total=2000000").set("limits.body_timeout=2s"));
    let session = || open_session(server.address());
    // At the limit: one body of half of it is under way, and not whole yet.
    let mut first = ask(server.address(), &post(&session(), 1_000_000));
    first.write_all(b"40").expect("some bytes");
    // One past it, the next one waits.
    let mut second = ask(server.address(), &post(&session(), 1_000_000));
    // A small one does not.
    let small = session();
    let answer_to_small = http_raw(server.address(), &[&post(&small, 2)[..], b"40"].concat());
    assert_eq!((answer_to_small.status, &*answer_to_small.body), (200, "ok"));
    // When the first gives up, the second has its memory.
    first.shutdown(Shutdown::Both).expect("a connection");
    drop(first);
    let body = [b"40\x1e4".to_vec(), vec![b'2'; 999_996]].concat();
    let _ = second.write_all(&body);
    let (head, _) = answer(second);
    assert!(!head.starts_with("HTTP/1.1 503 "), "{head}");
}
