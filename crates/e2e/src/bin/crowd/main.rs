//! A thousand clients that poll and a thousand with WebSockets in one room: each hears every message, once, in the one
//! order, through upgrades and cut connections.
//!
//! `crowd [CLIENTS] [MESSAGES]`, 2,000 and 1,000 without them; `SWITCHBOARD_SEED` repeats a run's chance. Half of the
//! clients poll; of the others half begin by polling and upgrade in the middle. It ends with a failure at the first
//! message that is lost, comes twice or out of order.

mod client;
mod http;

use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use client::{Client, Counts, Manner};
use switchboard_e2e::process::resident_bytes;
use switchboard_e2e::{Dice, Server, ServerOptions};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::task::{JoinSet, LocalSet};

/// How far the speaker may be ahead of the slowest listener: what is under way stays bounded.
const AHEAD_MAX: u64 = 200;
/// How many clients come in at the same time.
const COMING_MAX: usize = 100;
/// How long all of it may take. Much longer than it does, because the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(900);
/// How often the speaker looks whether the slowest listener has caught up.
const LOOK: Duration = Duration::from_millis(5);

fn main() {
    let mut arguments = std::env::args().skip(1).map(|argument| argument.parse::<usize>().expect("a number"));
    let (clients, messages) = (arguments.next().unwrap_or(2_000), arguments.next().unwrap_or(1_000) as u64);
    switchboard_sys::raise_nofile().expect("descriptors for everybody");
    // Where only HTTP is spoken, a client that a busy machine keeps from speaking is not taken for a person.
    let options = ServerOptions::ephemeral().listen("http://127.0.0.1:0").listen("json://127.0.0.1:0");
    let options = options.set("limits.messages_per_second=0").set("limits.handshakes=0").set("log.level=warn");
    let options = options.set("socketio.recovery=true");
    let server = Server::start(options);
    let [clients_at, speaker_at] = server.addresses() else { panic!("two listeners") };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let local = LocalSet::new();
    let whole = local.run_until(crowd(*clients_at, *speaker_at, clients, messages));
    let begun = Instant::now();
    let ended = runtime.block_on(async { tokio::time::timeout(PATIENCE, whole).await });
    let counts = ended.expect("everybody hears everything in time");
    let Counts { arrived, upgrades, cuts, losses } = &*counts;
    println!(
        "{} clients heard {messages} messages each in {:.1} s, through {} upgrades, {} cuts and {} losses; \
         the server has {} KB",
        arrived.get(),
        begun.elapsed().as_secs_f64(),
        upgrades.get(),
        cuts.get(),
        losses.get(),
        resident_bytes(server.id()) / 1_024,
    );
    assert!(cuts.get() > 0 && upgrades.get() > 0, "a run without either shows nothing");
    server.stop();
}

async fn crowd(address: SocketAddr, speaker_at: SocketAddr, clients: usize, messages: u64) -> Rc<Counts> {
    let mut dice = Dice::seeded();
    let counts = Rc::new(Counts::default());
    let mut heard = Vec::new();
    let mut tasks = JoinSet::new();
    for number in 0..clients {
        let manner = match number % 4 {
            0 | 2 => Manner::Polling,
            1 => Manner::WebSocket,
            _ => Manner::Upgrading,
        };
        let mut client = Client::new(number, address, manner, dice.split(), messages);
        client.counts = Rc::clone(&counts);
        heard.push(Rc::clone(&client.heard));
        tasks.spawn_local(client.run());
        until(&mut tasks, || counts.arrived.get() + COMING_MAX > number).await;
    }
    until(&mut tasks, || counts.arrived.get() == clients).await;
    tasks.spawn_local(speak(speaker_at, messages, heard));
    while let Some(ended) = tasks.join_next().await {
        ended.expect("no law is broken");
    }
    counts
}

/// Waits until something is so, and fails as soon as a client does.
async fn until(tasks: &mut JoinSet<()>, is_so: impl Fn() -> bool) {
    while !is_so() {
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            Some(ended) = tasks.join_next() => ended.expect("no law is broken"),
        }
    }
}

/// Says every number, over a TCP connection of its own.
async fn speak(address: SocketAddr, messages: u64, heard: Vec<Rc<Cell<u64>>>) {
    let mut stream = BufReader::new(TcpStream::connect(address).await.expect("a connection"));
    stream.write_all(b"{\"type\":\"hello\",\"nick\":\"speaker\"}\n").await.expect("a connection");
    let mut line = String::new();
    for number in 0..messages {
        while heard.iter().map(|heard| heard.get()).min().unwrap_or(number) + AHEAD_MAX <= number {
            tokio::time::sleep(LOOK).await;
        }
        let said = format!("{{\"type\":\"message\",\"room\":\"lobby\",\"text\":\"{number}\",\"ref\":\"{number}\"}}\n");
        stream.write_all(said.as_bytes()).await.expect("a connection");
        let stored = format!("\"ref\":\"{number}\"");
        loop {
            line.clear();
            let count = stream.read_line(&mut line).await.expect("a connection");
            assert!(count > 0, "the speaker is heard");
            if line.contains(&stored) {
                assert!(line.starts_with("{\"type\":\"ack\""), "{line}");
                break;
            }
        }
    }
}
