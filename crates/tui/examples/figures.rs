//! Figures: a room of 100,000 messages, and the time from a key to the screen while 5,000 messages a second arrive.
//!
//! `cargo run --release -p switchboard-tui --example figures` prints them, and fails where one is worse than promised.
//! It needs the binary of the same profile: `cargo build --release -p switchboard`.

#[path = "../tests/support/pty.rs"]
mod pty;

use pty::{Pty, command};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use std::io::Write;
use std::net::TcpStream;
use std::process::{Command, ExitCode, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use switchboard_client::event::{Connected, Event, Message, Person, RoomRow};
use switchboard_tui::keys::Bindings;
use switchboard_tui::model::{Input, Model};
use switchboard_tui::settings::Settings;
use switchboard_tui::view;

const MESSAGES: u64 = 100_000;
const PER_SECOND: u64 = 5_000;
const KEYS: usize = 200;

/// From a key to the screen at most, in 99 of 100 cases.
const KEY_WITHIN: Duration = Duration::from_millis(50);

fn main() -> ExitCode {
    large_room();
    if flood() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Memory and time of a room with many messages.
fn large_room() {
    let mut model = Model::new(Settings::default(), Bindings::default(), "figures".to_owned(), 1, (120, 40));
    let lobby = RoomRow { room: "lobby".to_owned(), seq: 0, members: 2, topic: String::new() };
    let connected = Connected {
        nick: "ada".to_owned(),
        session: "5e55".to_owned(),
        resumed: false,
        again: false,
        rooms: vec![lobby],
        current: Some("lobby".to_owned()),
    };
    model.update(0, Input::Client(Event::Connected(connected)));
    let before = resident_bytes();
    let start = Instant::now();
    for seq in 1..=MESSAGES {
        model.update(seq, Input::Client(Event::Message(message(seq))));
    }
    let each = start.elapsed() / MESSAGES as u32;
    let grown = resident_bytes().saturating_sub(before);
    println!("{MESSAGES} messages of 64 bytes in a room");
    println!("  taken in                {:>8.1} µs each", each.as_secs_f64() * 1e6);
    println!(
        "  memory, as counted      {:>8.1} MB ({} bytes each)",
        model.bytes() as f64 / 1e6,
        model.bytes() as u64 / MESSAGES
    );
    println!("  memory, as resident     {:>8.1} MB ({} bytes each)", grown as f64 / 1e6, grown / MESSAGES);
    frames("a frame at the latest line", &mut model);
    for _ in 0..500 {
        model.update(MESSAGES, Input::Wheel(40));
    }
    frames("a frame 20,000 lines up", &mut model);
    let start = Instant::now();
    for _ in 0..100 {
        model.update(MESSAGES, Input::Wheel(40));
    }
    println!("  a page up               {:>8.1} µs", start.elapsed().as_secs_f64() * 1e6 / 100.0);
}

fn frames(what: &str, model: &mut Model) {
    let area = Rect::new(0, 0, 120, 40);
    let start = Instant::now();
    for _ in 0..100 {
        view::draw(model, &mut Buffer::empty(area));
    }
    println!("  {what:<24}{:>8.1} µs", start.elapsed().as_secs_f64() * 1e6 / 100.0);
}

fn message(seq: u64) -> Message {
    Message {
        room: Some("lobby".to_owned()),
        seq: Some(seq),
        id: None,
        from: Person { nick: format!("guest-{}", seq % 50), session: "x".to_owned(), via: "tcp".to_owned() },
        to: None,
        text: format!("{seq:>8} the quick brown fox jumps over the lazy dog, and again"),
        action: false,
        own: false,
        time: "2026-11-20T08:00:00.123Z".to_owned(),
    }
}

fn resident_bytes() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = statm.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok()).unwrap_or_default();
    pages * 4096
}

/// Keys pressed on a real terminal while the room is flooded: whether they come to the screen in time.
fn flood() -> bool {
    let home = tempfile::tempdir().expect("a directory");
    let own = std::env::current_exe().expect("this program");
    let binary =
        own.parent().and_then(|examples| examples.parent()).expect("the profile's directory").join("switchboard");
    let mut server = Command::new(&binary)
        .args([
            "serve",
            "--ephemeral",
            "--listen",
            "127.0.0.1:0",
            "--set",
            "limits.messages_per_second=0",
            "--set",
            "log.messages=false",
        ])
        .env("HOME", home.path())
        .env("XDG_RUNTIME_DIR", home.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the server starts; was the binary built?");
    let mut line = String::new();
    let out = server.stdout.take().expect("piped");
    std::io::BufRead::read_line(&mut std::io::BufReader::new(out), &mut line).expect("a line");
    let address = line.trim().rsplit(' ').next().expect("an address").to_owned();
    let url = format!("tcp://{address}");
    let mut pty = Pty::start(command(&binary, home.path(), &["chat", &url, "--nick", "ada"]), 120, 40);
    pty.shows("connected to tcp://");

    let (over, sent) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let speaker = {
        let (over, sent) = (over.clone(), sent.clone());
        std::thread::spawn(move || speak(&address, &over, &sent))
    };
    pty.shows("the quick brown fox");
    let (start, before) = (Instant::now(), sent.load(Ordering::Relaxed));
    let mut times: Vec<Duration> = (0..KEYS).map(|number| key(&mut pty, number)).collect();
    let rate = (sent.load(Ordering::Relaxed) - before) as f64 / start.elapsed().as_secs_f64();
    over.store(true, Ordering::Relaxed);
    speaker.join().expect("the speaker ends");
    drop(pty);
    server.kill().expect("our own child");
    server.wait().expect("our own child");
    times.sort_unstable();
    let at = |part: f64| times[((times.len() - 1) as f64 * part) as usize];
    println!("{KEYS} keys while {rate:.0} messages a second arrive, from the key to the terminal's output");
    for (name, part) in [("median", 0.5), ("p90", 0.9), ("p99", 0.99), ("slowest", 1.0)] {
        println!("  {name:<24}{:>8.1} ms", at(part).as_secs_f64() * 1e3);
    }
    at(0.99) <= KEY_WITHIN
}

/// Says a message every 200 µs, in small batches as a clock can keep them.
fn speak(address: &str, over: &AtomicBool, sent: &AtomicU64) {
    let mut stream = TcpStream::connect(address).expect("the server listens");
    let mut answers = stream.try_clone().expect("a descriptor");
    std::thread::spawn(move || std::io::copy(&mut answers, &mut std::io::sink()));
    stream.write_all(b"{\"type\":\"hello\",\"nick\":\"bob\"}\n").expect("the server listens");
    let start = Instant::now();
    while !over.load(Ordering::Relaxed) {
        let due = start.elapsed().as_micros() as u64 * PER_SECOND / 1_000_000;
        let mut batch = String::new();
        for number in sent.load(Ordering::Relaxed)..due {
            batch += &format!(
                "{{\"type\":\"message\",\"text\":\"{number:>8} the quick brown fox jumps over the lazy dog, and again\"}}\n"
            );
        }
        stream.write_all(batch.as_bytes()).expect("the server listens");
        sent.store(due, Ordering::Relaxed);
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

/// Presses a key: how long until its letter is on the screen.
fn key(pty: &mut Pty, number: usize) -> Duration {
    // Letters are taken away again, so that the line does not grow.
    let clear = number.is_multiple_of(20);
    if clear {
        pty.press("\x15");
        pty.until("an empty line", |seen| input(seen).trim() == "›");
    }
    let letters = |seen: &pty::Seen| input(seen).matches('x').count();
    let before = letters(&pty.seen());
    let start = Instant::now();
    pty.press("x");
    let at = pty.until("the letter", |seen| letters(seen) > before);
    at.duration_since(start)
}

/// The line being written.
fn input(seen: &pty::Seen) -> String {
    pty::rows(seen).lines().last().unwrap_or_default().to_owned()
}
