//! Nothing is acknowledged or shown before the disk has it: the server is traced, and each acknowledgement and each
//! delivery is held against the sync that covers its commit.

use std::net::SocketAddr;

use switchboard_e2e::trace::{Told, Trace, strace_words};
use switchboard_e2e::{Member, Server, ServerOptions, require_tool};
use tempfile::TempDir;

/// Members who talk at the same time, so that commits hold several messages.
const MEMBERS: usize = 4;
/// Messages of each.
const MESSAGES: u64 = 12;
/// Everybody is told of every message, the sender by its acknowledgement; and the first member says as many again.
const TOLD: usize = MEMBERS * (MEMBERS + 1) * MESSAGES as usize;

/// Runs a traced server with this durability. Gives what was told too early, and how many syncs there were.
fn too_early(durability: &str) -> (Vec<String>, usize) {
    let _ = require_tool("strace", "Debian package strace");
    let home = TempDir::new().expect("a directory");
    let file = home.path().join("trace");
    let words = strace_words(&file);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let options = ServerOptions::stored(&home.path().join("data")).wrapper(&words);
    // What io_uring writes is not seen by strace; both ways of writing are given the same bytes at the same time.
    let options = options.set(&format!("store.durability={durability}")).set("server.io=epoll");
    let server = Server::start(options);
    let mut members: Vec<Member> = (0..MEMBERS).map(|number| Member::new(&format!("member-{number}"))).collect();
    for member in &mut members {
        member.connect(server.address()).expect("a server");
    }
    let clients: Vec<SocketAddr> = members.iter().map(Member::local_addr).collect();
    let mut told = Vec::new();
    let mut say = |members: &mut [Member], speaker: usize, number: u64| {
        members[speaker].say("traced").expect("a connection");
        let text = format!("{} traced", members[speaker].waiting_ids().last().expect("a message that waits"));
        told.extend(clients.iter().enumerate().map(|(place, client)| {
            let reference = number.to_string();
            if place == speaker {
                Told::acknowledged(*client, &reference, &text)
            } else {
                Told::delivered(*client, &text)
            }
        }));
    };
    for number in 1..=MESSAGES {
        for speaker in 0..MEMBERS {
            say(&mut members, speaker, number);
        }
    }
    for member in &mut members {
        member.finish().expect("a connection");
    }
    // One at a time as well: each has a commit of its own.
    for number in MESSAGES + 1..=2 * MESSAGES {
        say(&mut members, 0, number);
        members[0].finish().expect("a connection");
    }
    let last = members[0].ledger.top();
    for member in &mut members {
        member.hear_up_to(last).expect("a connection");
    }
    assert_eq!(told.len(), TOLD);
    drop(members);
    server.stop();
    let trace = Trace::read(&file);
    let early = told.iter().filter_map(|told| trace.check(told).err()).collect();
    (early, trace.syncs())
}

#[test]
fn nothing_is_told_before_the_sync_that_covers_it_has_returned() {
    let (early, syncs) = too_early("fsync");
    println!("{TOLD} acknowledgements and deliveries, {syncs} syncs of the log");
    assert!(early.is_empty(), "{early:#?}");
    assert!(syncs > MESSAGES as usize, "{syncs} syncs cannot have covered {MESSAGES} commits");
}

#[test]
fn the_same_check_fails_where_nothing_is_promised() {
    let (early, _) = too_early("os");
    assert_eq!(early.len(), TOLD, "without a sync at each commit, everything is told too early");
}
