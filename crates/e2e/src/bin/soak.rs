//! Many mixed clients for a long time: order, loss, duplicates and the server's memory are watched all the while.
//!
//! `soak [SECONDS]`, 60 without it; `SWITCHBOARD_SEED` repeats a run's chance. It ends with a failure at the first law
//! that is broken.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, SocketAddr, TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use switchboard_e2e::process::{open_files, resident_bytes};
use switchboard_e2e::{Dice, Heard, Ledger, Log, Member, PATIENCE, Server, ServerOptions};
use tempfile::TempDir;
use tokio_tungstenite::tungstenite::{Message, client};

/// JSON members who come and go, and resume.
const WANDERERS: usize = 8;
/// People on the text protocol, who come and go without.
const PEOPLE: usize = 3;
/// Listeners over WebSocket.
const BROWSERS: usize = 2;
/// What a member remembers of the log.
const REMEMBERED: u64 = 10_000;
/// How much the memory may grow in the second half: caches, and what is remembered of each message's id.
const GROWTH_BYTES: u64 = 16 << 20;
const GROWTH_BYTES_PER_MESSAGE: u64 = 400;

fn main() {
    let seconds = std::env::args().nth(1).map_or(60, |seconds| seconds.parse().expect("a number of seconds"));
    let mut dice = Dice::seeded();
    let data = TempDir::new().expect("a directory");
    let options = ServerOptions::stored(data.path()).set("limits.messages_per_second=0").set("log.level=warn");
    let options = options.set("limits.commands_per_second=0").set("limits.replay_events=1000000");
    let mut server = Server::start(options);
    let address = server.address();
    let is_over = Arc::new(AtomicBool::new(false));

    let mut members = Vec::new();
    for number in 0..WANDERERS {
        let (is_over, dice) = (Arc::clone(&is_over), dice.split());
        members
            .push(thread::spawn(move || wander(Member::new(&format!("wanderer-{number}")), address, dice, &is_over)));
    }
    let mut others = Vec::new();
    for number in 0..PEOPLE {
        let (is_over, dice) = (Arc::clone(&is_over), dice.split());
        others.push(thread::spawn(move || chat(&format!("person-{number}"), address, dice, &is_over)));
    }
    for _ in 0..BROWSERS {
        let is_over = Arc::clone(&is_over);
        others.push(thread::spawn(move || browse(address, &is_over)));
    }
    let (sensor_over, sensor_dice) = (Arc::clone(&is_over), dice.split());
    others.push(thread::spawn(move || sense(address, sensor_dice, &sensor_over)));

    let memory = watch(&mut server, Duration::from_secs(seconds), || {
        members.iter().all(|one| !one.is_finished()) && others.iter().all(|one| !one.is_finished())
    });
    is_over.store(true, Ordering::Relaxed);
    // The end wakes those who wait for something to hear.
    let mut last = Member::new("the-last-word");
    last.connect(address).expect("a server");
    let mut members: Vec<Member> = members
        .into_iter()
        .map(|one| {
            nudge(&mut last, || one.is_finished());
            one.join().expect("no law is broken")
        })
        .collect();
    for one in others {
        nudge(&mut last, || one.is_finished());
        one.join().expect("no law is broken");
    }
    let end = settle(&mut members, &mut last, address);
    judge(&memory, end);
    println!("{end} messages in {seconds} s; {} descriptors are open at the end", open_files(server.id()));
    server.stop();
}

/// Looks at the server once a second while everybody is there, and gives its memory.
fn watch(server: &mut Server, time: Duration, mut is_well: impl FnMut() -> bool) -> Vec<u64> {
    let begun = Instant::now();
    let mut memory = Vec::new();
    while begun.elapsed() < time && is_well() {
        thread::sleep(Duration::from_secs(1));
        server.assert_alive();
        memory.push(resident_bytes(server.id()));
        if memory.len().is_multiple_of(10) {
            println!("{:>5} s: {:>6} KB", memory.len(), memory[memory.len() - 1] / 1_024);
        }
    }
    memory
}

fn judge(memory: &[u64], messages: u64) {
    let (early, late) = memory.split_at(memory.len() / 2);
    let most = |part: &[u64]| part.iter().copied().max().unwrap_or(0);
    let (early, late) = (most(early), most(late));
    println!("{} KB at most in the first half, {} KB in the second", early / 1_024, late / 1_024);
    let allowed = early + GROWTH_BYTES + messages / 2 * GROWTH_BYTES_PER_MESSAGE;
    assert!(late <= allowed, "the memory grows: {early} bytes, then {late}");
}

/// Says something until somebody who may be waiting for it has ended.
fn nudge(last: &mut Member, mut is_done: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_done() {
        assert!(begun.elapsed() < PATIENCE * 2, "somebody does not come to an end");
        last.say("is anybody there?").expect("a connection");
        last.finish().expect("a connection");
    }
}

/// Everybody hears everything to its end, and it is what the history says. Gives the last number.
fn settle(members: &mut [Member], last: &mut Member, address: SocketAddr) -> u64 {
    for member in members.iter_mut() {
        reconnect(member, address);
        member.finish().expect("a connection");
    }
    last.say("the end").expect("a connection");
    last.finish().expect("a connection");
    let (end, _) = last.acknowledged().last().expect("an acknowledgement").clone();
    let mut log = Log::default();
    log.read_on(address);
    assert_eq!(log.last(), end);
    for member in members {
        while member.ledger.top() < end {
            if member.turn().is_err() {
                reconnect(member, address);
            }
        }
        member.ledger.assert_complete(end);
        log.assert_holds(member);
    }
    end
}

fn reconnect(member: &mut Member, address: SocketAddr) {
    member.connect(address).expect("a server");
}

/// Talks, listens, is cut at random, and resumes; half of the time from elsewhere while the old connection is there.
fn wander(mut member: Member, address: SocketAddr, mut dice: Dice, is_over: &AtomicBool) -> Member {
    while !is_over.load(Ordering::Relaxed) {
        reconnect(&mut member, address);
        for _ in 0..dice.below(200) {
            if dice.below(8) == 0 && member.waiting() < 4 {
                let length = if dice.below(50) == 0 { 3_900 } else { dice.below(300) };
                if member.say(&"x".repeat(length as usize)).is_err() {
                    break;
                }
                pause(&mut dice);
            }
            match member.turn() {
                Ok(Heard::Refused(code)) => panic!("{}: refused with {code}", member.nick()),
                Ok(_) => {}
                Err(_) => break,
            }
        }
        if dice.below(2) == 0 {
            member.cut();
        }
        member.ledger.keep_last(REMEMBERED);
    }
    member
}

/// What everybody says, by who said it: nobody's messages may be missed, repeated or out of order on one connection.
#[derive(Default)]
struct Heeded(HashMap<String, u64>);

impl Heeded {
    /// Takes a text that begins with its sender's name and its number.
    fn heed(&mut self, who: &str, text: &str) {
        let first = text.split(' ').next().unwrap_or_default();
        let Some((sender, number)) = first.rsplit_once('-') else { panic!("{who}: whose is {text:?}?") };
        let number: u64 = number.parse().unwrap_or_else(|_| panic!("{who}: which is {text:?}?"));
        let before = self.0.insert(sender.to_owned(), number);
        // A datagram may be lost on its way in.
        let is_next = |before: u64| if sender == "sensor" { number > before } else { number == before + 1 };
        assert!(before.is_none_or(is_next), "{who}: {first} after {before:?}");
    }
}

/// A person on the text protocol: talks and listens, says goodbye by closing one side, and comes again.
fn chat(name: &str, address: SocketAddr, mut dice: Dice, is_over: &AtomicBool) {
    let mut said = 0;
    while !is_over.load(Ordering::Relaxed) {
        let mut stream = TcpStream::connect(address).expect("a server");
        stream.set_read_timeout(Some(PATIENCE)).expect("a socket option");
        let mut lines = BufReader::new(stream.try_clone().expect("a descriptor")).lines();
        let mut heeded = Heeded::default();
        for _ in 0..dice.below(400) {
            if dice.below(8) == 0 {
                said += 1;
                writeln!(stream, "{name}-{said:010} and some words").expect("a connection");
                pause(&mut dice);
            }
            listen(name, &mut lines, &mut heeded);
        }
        stream.shutdown(Shutdown::Write).expect("a connection");
        // What was said is said: the server reads to the end before it hangs up.
        while listen(name, &mut lines, &mut heeded) {}
    }
}

/// Gives whether there may be more to hear.
fn listen(name: &str, lines: &mut impl Iterator<Item = std::io::Result<String>>, heeded: &mut Heeded) -> bool {
    let Some(line) = lines.next() else { return false };
    let line = line.unwrap_or_else(|error| panic!("{name}: {error}"));
    if let Some((_, text)) = line.strip_prefix('<').and_then(|rest| rest.split_once("> ")) {
        heeded.heed(name, text);
    }
    true
}

/// Listens over WebSocket, and never speaks but to say hello.
fn browse(address: SocketAddr, is_over: &AtomicBool) {
    let stream = TcpStream::connect(address).expect("a server");
    stream.set_read_timeout(Some(PATIENCE)).expect("a socket option");
    let (mut socket, _) = client(format!("ws://{address}/ws"), stream).expect("a WebSocket");
    socket.send(Message::text("{\"type\":\"hello\"}")).expect("a connection");
    let (mut ledger, mut heeded) = (Ledger::new("browser"), Heeded::default());
    while !is_over.load(Ordering::Relaxed) {
        let Message::Text(text) = socket.read().expect("a connection") else { continue };
        let object: Value = serde_json::from_str(&text).expect("JSON");
        match object["type"].as_str() {
            Some("welcome") => ledger.begin(object["rooms"][0]["seq"].as_u64().expect("a number")),
            Some("message") => {
                let text = object["text"].as_str().expect("a text");
                let id = object["id"].as_str().unwrap_or(text);
                ledger.event(object["seq"].as_u64().expect("a number"), id);
                ledger.keep_last(REMEMBERED);
                heeded.heed("browser", text);
            }
            _ => {}
        }
    }
}

/// Sends datagrams, and listens to nothing.
fn sense(address: SocketAddr, mut dice: Dice, is_over: &AtomicBool) {
    let socket = UdpSocket::bind((address.ip(), 0)).expect("a socket");
    let mut number = 0;
    while !is_over.load(Ordering::Relaxed) {
        number += 1;
        socket.send_to(format!("sensor-{number:010} {}", dice.below(100)).as_bytes(), address).expect("a datagram");
        pause(&mut dice);
    }
}

/// Nobody types all the time.
fn pause(dice: &mut Dice) {
    thread::sleep(Duration::from_millis(dice.below(40)));
}
