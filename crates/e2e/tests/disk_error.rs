//! A disk that fails: everybody is told, the server ends, and a restart on a good disk has all that was acknowledged.

use std::time::Duration;

use switchboard_e2e::{BadDisk, Fault, Heard, Log, Member, Server, ServerOptions};
use tempfile::TempDir;

/// The exit code of a server whose storage failed (EX_IOERR of sysexits.h).
const STORAGE_FAILED: i32 = 74;

#[test]
fn an_io_error_is_told_to_everybody_and_ends_the_server() {
    for fault in [Fault::Writes, Fault::Syncs] {
        let data = TempDir::new().expect("a directory");
        let disk = BadDisk::new(Duration::ZERO, Duration::ZERO);
        let mut server = Server::start(disk.under(ServerOptions::stored(data.path())));
        let mut ada = Member::new("member-ada");
        let mut bob = Member::new("member-bob");
        for member in [&mut ada, &mut bob] {
            member.connect(server.address()).expect("a server");
        }
        for _ in 0..5 {
            ada.say("stored").expect("a connection");
        }
        ada.finish().expect("a connection");
        bob.hear_up_to(5).expect("a connection");
        disk.fail(fault);
        ada.say("under way").expect("a connection");
        for member in [&mut ada, &mut bob] {
            let mut closing = None;
            loop {
                match member.turn() {
                    Ok(Heard::Closing(code)) => closing = Some(code),
                    Ok(Heard::Other(_)) => {}
                    Ok(shown) => panic!("{fault:?}: {} was told what is not stored: {shown:?}", member.nick()),
                    Err(_) => break,
                }
            }
            assert_eq!(closing.as_deref(), Some("storage_failed"), "{fault:?}: {}", member.nick());
        }
        assert_eq!(server.wait().code(), Some(STORAGE_FAILED), "{fault:?}");
        server.log.expect("the storage failed");

        let server = Server::start(ServerOptions::stored(data.path()));
        for member in [&mut ada, &mut bob] {
            member.connect(server.address()).expect("a server");
        }
        // What was under way is sent again and is there once, whether it was stored or not.
        ada.finish().expect("a connection");
        bob.hear_up_to(6).expect("a connection");
        ada.hear_up_to(6).expect("a connection");
        let mut log = Log::default();
        log.read_on(server.address());
        assert_eq!(log.last(), 6, "{fault:?}");
        for member in [&ada, &bob] {
            log.assert_holds(member);
        }
    }
}
