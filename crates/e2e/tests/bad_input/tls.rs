//! Handshakes that are broken off, refused, or meant for a server with a certificate.

use std::process::Command;

use switchboard_e2e::{Line, Program, ServerOptions, require_tool};
use tempfile::TempDir;

use crate::room::Room;

#[test]
fn tls_alerts_and_half_handshakes_end_alone() {
    let data = TempDir::new().expect("a directory");
    let options = ServerOptions::stored(data.path()).arg("--tls-self-signed").set("limits.handshake_timeout=500ms");
    let mut room = Room::new(options);
    // A client that sends an alert instead of a hello.
    let mut line = Line::connect("alert", room.address());
    line.send(b"\x15\x03\x03\x00\x02\x02\x28");
    line.heard.wait_for_end();
    room.check("an alert");
    // A client that says that much and no more, and one that leaves then.
    let half_hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03";
    let mut line = Line::connect("half", room.address());
    line.send(half_hello);
    line.heard.wait_for_end();
    let mut line = Line::connect("half and gone", room.address());
    line.send(half_hello);
    drop(line);
    room.check("half a handshake");
    // A record that is no handshake.
    let mut line = Line::connect("garbage", room.address());
    line.send(b"\x16\x03\x01\x00\x05hello");
    line.heard.wait_for_end();
    room.check("garbage in TLS");
    // A client that does not trust the certificate sends an alert in the middle of the handshake.
    let mut openssl = Program::start(
        "openssl",
        Command::new(require_tool("openssl", "Debian package openssl"))
            .args(["s_client", "-verify_return_error", "-verify", "1", "-connect"])
            .arg(room.address().to_string()),
    );
    assert!(!openssl.wait().success(), "{}", openssl.out.text());
    room.check("an untrusting client");
    // TLS inside TLS is nobody's protocol.
    let mut openssl = Program::start(
        "openssl",
        Command::new(require_tool("openssl", "Debian package openssl"))
            .args(["s_client", "-quiet", "-connect"])
            .arg(room.address().to_string()),
    );
    openssl.send(half_hello);
    openssl.wait();
    room.check("TLS inside TLS");
}

#[test]
fn tls_without_a_certificate_is_closed() {
    let mut room = Room::new(ServerOptions::ephemeral());
    let mut openssl = Program::start(
        "openssl",
        Command::new(require_tool("openssl", "Debian package openssl"))
            .args(["s_client", "-connect"])
            .arg(room.address().to_string()),
    );
    assert!(!openssl.wait().success());
    room.check("TLS without a certificate");
}
