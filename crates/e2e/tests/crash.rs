//! The server is killed under load, again and again: nothing acknowledged is lost, nothing is there twice, and every
//! client goes on where it was.
//!
//! `SWITCHBOARD_KILLS` says how often (10), `SWITCHBOARD_SEED` when; the seed of a run is printed.

use std::net::SocketAddr;
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

use serde_json::json;
use switchboard_e2e::{BadDisk, Dice, Heard, Json, Log, Member, PATIENCE, Server, ServerOptions};
use tempfile::TempDir;

/// Clients that send as fast as they are acknowledged, and clients that only listen.
const SENDERS: usize = 6;
const LISTENERS: usize = 2;
/// Messages that a sender keeps waiting.
const WINDOW: usize = 6;
/// Acknowledgements after which a server is killed, at most.
const ACKNOWLEDGEMENTS: u64 = 250;
/// A sync takes about this long, so that a kill a random part of it later falls anywhere in a commit.
const SYNC: Duration = Duration::from_millis(5);
/// And on the other disk a write, so that transactions are torn.
const WRITE: Duration = Duration::from_micros(100);

/// What the kills did.
#[derive(Debug, Default)]
struct Tally {
    /// A commit waited for its sync.
    in_sync: usize,
    /// The log was being written.
    in_write: usize,
    /// The server did something else.
    elsewhere: usize,
    /// Messages that were sent and not acknowledged.
    unacknowledged: usize,
    /// Of these, how many the next server had.
    stored: usize,
    /// Kills that left messages of both kinds.
    torn: usize,
}

/// How many acknowledgements came since a server was started.
#[derive(Debug, Default)]
struct Progress {
    count: Mutex<u64>,
    changed: Condvar,
}

impl Progress {
    fn add(&self) {
        *self.count.lock().expect("no panic") += 1;
        self.changed.notify_one();
    }

    fn wait_for(&self, wanted: u64) {
        let count = self.count.lock().expect("no panic");
        let (count, waited) =
            self.changed.wait_timeout_while(count, PATIENCE, |count| *count < wanted).expect("no panic");
        assert!(!waited.timed_out(), "{} acknowledgements in {PATIENCE:?}, {wanted} were waited for", *count);
    }
}

/// Talks and listens until the server is gone, and gives the member back.
fn live(mut member: Member, address: SocketAddr, window: usize, mut dice: Dice, progress: &Progress) -> Member {
    if member.connect(address).is_err() {
        return member;
    }
    let mut is_heard = true;
    loop {
        while is_heard && member.waiting() < window {
            let length = if dice.below(20) == 0 { 3_000 } else { dice.below(200) };
            // What the server said before it was killed may still be there to be heard.
            is_heard = member.say(&"x".repeat(length as usize)).is_ok();
        }
        match member.turn() {
            Ok(Heard::Acknowledged { .. }) => progress.add(),
            Ok(Heard::Event { .. } | Heard::Other(_)) => {}
            Ok(other) => panic!("{}: {other:?}", member.nick()),
            Err(_) => return member,
        }
    }
}

#[test]
fn a_killed_server_has_lost_nothing_that_it_acknowledged() {
    let kills =
        std::env::var("SWITCHBOARD_KILLS").map_or(10, |kills| kills.parse().expect("SWITCHBOARD_KILLS: a number"));
    let mut dice = Dice::seeded();
    let data = TempDir::new().expect("a directory");
    let disks = [BadDisk::new(Duration::ZERO, SYNC), BadDisk::new(Duration::ZERO, SYNC), BadDisk::new(WRITE, SYNC)];
    let options = || {
        let options = ServerOptions::stored(data.path()).set("limits.messages_per_second=0");
        let options = options.set("limits.commands_per_second=0").set("limits.replay_events=1000000");
        // A member that resumes among all who resume is not to be sent away for it.
        options.set("limits.gate_events=100000").set("limits.gate_bytes=16MiB")
    };
    let mut members: Vec<(Member, usize)> = (0..SENDERS + LISTENERS)
        .map(|number| (Member::new(&format!("member-{number}")), if number < SENDERS { WINDOW } else { 0 }))
        .collect();
    let (mut log, mut tally) = (Log::default(), Tally::default());
    for _ in 0..kills {
        let disk = &disks[dice.below(3) as usize];
        let server = Server::start(disk.under(options()));
        let address = server.address();
        log.read_on(address);
        settle_accounts(&members, &log, &mut tally);
        let progress = Arc::new(Progress::default());
        let lives: Vec<_> = members
            .drain(..)
            .map(|(member, window)| {
                let (progress, dice) = (Arc::clone(&progress), dice.split());
                (thread::spawn(move || live(member, address, window, dice, &progress)), window)
            })
            .collect();
        progress.wait_for(dice.below(ACKNOWLEDGEMENTS));
        thread::sleep(SYNC.mul_f64(dice.below(1_000) as f64 / 1_000.0));
        server.kill();
        let state = disk.state();
        match (state.is_syncing(), state.is_writing()) {
            (true, _) => tally.in_sync += 1,
            (false, true) => tally.in_write += 1,
            (false, false) => tally.elsewhere += 1,
        }
        members = lives.into_iter().map(|(life, window)| (life.join().expect("no law is broken"), window)).collect();
    }
    let server = Server::start(options());
    log.read_on(server.address());
    settle_accounts(&members, &log, &mut tally);
    finish(&mut members, &server, &log);
    println!("{kills} kills, {} messages stored: {tally:#?}", log.last());
    server.stop();
    assert!(tally.in_sync + tally.in_write > kills / 2, "most kills are to fall between apply and commit: {tally:?}");
}

/// Everything acknowledged is there, and what was not is counted.
fn settle_accounts(members: &[(Member, usize)], log: &Log, tally: &mut Tally) {
    let (mut stored, mut lost) = (0, 0);
    for (member, _) in members {
        log.assert_holds(member);
        let there = member.waiting_ids().filter(|id| log.contains(id)).count();
        stored += there;
        lost += member.waiting() - there;
    }
    tally.unacknowledged += stored + lost;
    tally.stored += stored;
    tally.torn += usize::from(stored > 0 && lost > 0);
}

/// Everybody comes back a last time, sends what waits, and hears everything to its end.
fn finish(members: &mut [(Member, usize)], server: &Server, before: &Log) {
    for (member, _) in members.iter_mut() {
        member.connect(server.address()).expect("a server");
        let told: Vec<bool> = member.waiting_ids().map(|id| before.contains(id)).collect();
        for was_stored in told {
            let duplicate = loop {
                if let Heard::Acknowledged { duplicate, .. } = member.turn().expect("a connection") {
                    break duplicate;
                }
            };
            assert_eq!(duplicate, was_stored, "{}: what is sent again is known, or is not", member.nick());
        }
    }
    members[0].0.say("the end").expect("a connection");
    members[0].0.finish().expect("a connection");
    let (last, _) = members[0].0.acknowledged().last().expect("an acknowledgement");
    let last = *last;
    // From the first event on, as somebody reads it who was never here.
    let mut whole = Log::default();
    whole.read_on(server.address());
    assert_eq!(whole.last(), last);
    for (member, _) in members {
        member.hear_up_to(last).expect("a connection");
        member.ledger.assert_complete(last);
        assert_eq!(member.waiting(), 0);
        whole.assert_holds(member);
    }
}

#[test]
fn what_was_not_indexed_yet_when_the_server_was_killed_is_found_at_once() {
    let data = TempDir::new().expect("a directory");
    let options = || ServerOptions::stored(data.path()).set("limits.messages_per_second=0");
    for round in 1..=3 {
        let server = Server::start(options());
        let mut ada = Member::new(&format!("member-{round}"));
        ada.connect(server.address()).expect("a server");
        for number in 0..300 {
            ada.say(&format!("round{round} number{number}")).expect("a connection");
        }
        ada.finish().expect("a connection");
        server.kill();
        let server = Server::start(options());
        let (mut reader, _) = Json::hello("reader", server.address());
        for number in [299, 0, 150] {
            let query = format!("round{round} number{number}");
            let found = reader.request(json!({ "type": "search", "room": "lobby", "query": query }));
            let events = found["events"].as_array().unwrap_or_else(|| panic!("{query}: {found}"));
            assert_eq!(events.len(), 1, "{query}: {found}");
            assert!(events[0]["text"].as_str().is_some_and(|text| text.ends_with(&query)), "{query}: {found}");
        }
        server.kill();
    }
}

#[test]
#[should_panic(expected = "member-ada was acknowledged member-ada-0000000001 as 1, and the history ends at 0")]
fn the_audit_finds_what_is_lost() {
    let data = TempDir::new().expect("a directory");
    let server = Server::start(ServerOptions::stored(data.path()));
    let mut ada = Member::new("member-ada");
    ada.connect(server.address()).expect("a server");
    ada.say("this will be lost").expect("a connection");
    ada.finish().expect("a connection");
    server.kill();
    std::fs::remove_file(data.path().join("switchboard.db-wal")).expect("a log");
    let server = Server::start(ServerOptions::stored(data.path()));
    let mut log = Log::default();
    log.read_on(server.address());
    log.assert_holds(&ada);
}
