//! Readers that stop reading: they delay nobody, cost no more than their outbox, are closed for it, and can come back.

use std::net::TcpStream;
use std::time::{Duration, Instant};

use switchboard_e2e::process::resident_bytes;
use switchboard_e2e::{Heard, Kind, Member, Server, ServerOptions};
use tempfile::TempDir;

/// Connections that stop reading: members who come back later, and as many bare ones of each kind as the second number.
const STUCK_MEMBERS: usize = 20;
const STUCK_OF_EACH_KIND: usize = 10;
const STUCK: usize = STUCK_MEMBERS + Kind::ALL.len() * STUCK_OF_EACH_KIND;
/// Of what they do not read, their kernel holds about as much.
const RECEIVE_BYTES: usize = 4_096;
/// Members who go on.
const READING: usize = 5;
/// Enough for the kernel's buffers and the outbox of a stuck reader: about 4 MB.
const MESSAGES: u64 = 950;
const TEXT_BYTES: usize = 4_000;
const OUTBOX_BYTES: u64 = 128 * 1024;
/// What memory may differ by for other reasons between two runs.
const SLACK_BYTES: u64 = 8 << 20;

/// What a run showed.
struct Run {
    server: Server,
    sender: Member,
    reading: Vec<Member>,
    /// Kept open.
    bare: Vec<TcpStream>,
    /// From the sending of a message until all who read have it.
    delays: Vec<Duration>,
    grown_bytes: u64,
}

fn run(data: &TempDir, stuck: &mut [Member], stuck_of_each_kind: usize) -> Run {
    let options = ServerOptions::stored(data.path()).set("limits.messages_per_second=0");
    // The disk's moods are not what is measured.
    let options = options.set("store.durability=none").set("limits.outbox_bytes=128KiB");
    let server = Server::start(options);
    let member = |number: usize| Member::new(&format!("reading-{number}"));
    let mut sender = Member::new("sender-of-much");
    let mut reading: Vec<Member> = (0..READING).map(member).collect();
    for member in reading.iter_mut().chain(stuck).chain([&mut sender]) {
        member.connect(server.address()).expect("a server");
    }
    let mut bare = Vec::new();
    for kind in Kind::ALL.repeat(stuck_of_each_kind) {
        let mut stream = kind.open(server.address(), Some(RECEIVE_BYTES));
        kind.settle(&mut stream);
        bare.push(stream);
    }
    let text = "x".repeat(TEXT_BYTES);
    let before = resident_bytes(server.id());
    let mut delays = Vec::new();
    for seq in 1..=MESSAGES {
        let begun = Instant::now();
        sender.say(&text).expect("a connection");
        for member in &mut reading {
            member.hear_up_to(seq).expect("a reader is not cut off");
        }
        delays.push(begun.elapsed());
        sender.hear_up_to(seq).expect("a connection");
    }
    for member in reading.iter().chain([&sender]) {
        member.ledger.assert_complete(MESSAGES);
    }
    let grown_bytes = resident_bytes(server.id()).saturating_sub(before);
    delays.sort();
    Run { server, sender, reading, bare, delays, grown_bytes }
}

impl Run {
    fn delay_of(&self, part: f64) -> Duration {
        self.delays[(part * (self.delays.len() - 1) as f64) as usize]
    }

    fn tell(&self, who: &str) {
        let (median, most, worst) = (self.delay_of(0.5), self.delay_of(0.95), self.delay_of(1.0));
        let grown = self.grown_bytes / 1_024;
        println!(
            "{who}: delivered after {median:?} (median), {most:?} (95 %), {worst:?} (worst); {grown} KB more memory"
        );
    }
}

#[test]
fn readers_that_stop_delay_nobody_and_cost_no_more_than_their_outbox() {
    let alone_data = TempDir::new().expect("a directory");
    let alone = run(&alone_data, &mut [], 0);
    alone.tell("without them");

    let data = TempDir::new().expect("a directory");
    let member = |number| Member::new(&format!("stuck-{number:02}")).with_receive_buffer(RECEIVE_BYTES);
    let mut stuck: Vec<Member> = (0..STUCK_MEMBERS).map(member).collect();
    let mut with_them = run(&data, &mut stuck, STUCK_OF_EACH_KIND);
    assert_eq!(with_them.bare.len() + stuck.len(), STUCK);
    with_them.tell("with 50 of them");

    // Each message is written to eleven times as many sockets until these are full; more than that is a wait.
    let ratio = with_them.delay_of(0.5).as_secs_f64() / alone.delay_of(0.5).as_secs_f64();
    println!("the median delay is {ratio:.2} times that without them");
    assert!(ratio < 16.0, "others wait for those who do not read");
    assert!(with_them.delay_of(1.0) < alone.delay_of(1.0) + Duration::from_secs(1), "somebody waited for them once");

    let allowed = alone.grown_bytes + STUCK as u64 * OUTBOX_BYTES + SLACK_BYTES;
    let grown = with_them.grown_bytes;
    assert!(grown < allowed, "{grown} bytes, where {STUCK} outboxes and what it is without them are {allowed}");

    with_them.server.log.wait_for("close of all who do not read", |log| {
        (log.matches("reason=\"slow_reader\"").count() == STUCK).then_some(())
    });
    for member in &with_them.reading {
        assert!(member.ledger.top() == MESSAGES);
    }
    come_back(&mut with_them, &mut stuck);
}

/// They read what is left, learn why they were closed if that still reached them, and resume.
fn come_back(run: &mut Run, stuck: &mut [Member]) {
    let address = run.server.address();
    for member in stuck.iter_mut() {
        loop {
            match member.turn() {
                Ok(Heard::Event { .. } | Heard::Other(_)) => {}
                Ok(Heard::Closing(code)) => assert_eq!(code, "slow_reader"),
                Ok(other) => panic!("{}: {other:?}", member.nick()),
                Err(_) => break,
            }
        }
        assert!(member.ledger.top() < MESSAGES, "{} was closed, and had everything", member.nick());
        member.connect(address).expect("a server");
        member.hear_up_to(MESSAGES).expect("who reads now is not cut off again");
    }
    run.sender.say("the end").expect("a connection");
    run.sender.finish().expect("a connection");
    for member in stuck.iter_mut().chain(&mut run.reading) {
        member.hear_up_to(MESSAGES + 1).expect("a connection");
        member.ledger.assert_complete(MESSAGES + 1);
    }
}
