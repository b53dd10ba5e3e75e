//! A TLS handshake that fails ends with an alert that says why, and not with a connection that is simply gone.

use std::io::{Read, Write};
use std::net::TcpStream;

use switchboard_e2e::{PATIENCE, Server, ServerOptions, http_get};

/// A record of TLS (RFC 8446, 5.1).
fn record(kind: u8, version: u8, payload: &[u8]) -> Vec<u8> {
    let mut record = vec![kind, 3, version];
    record.extend_from_slice(&(payload.len() as u16).to_be_bytes());
    record.extend_from_slice(payload);
    record
}

/// The hello of a client that knows nothing newer than this version, and one old cipher (RFC 5246, 7.4.1.2).
fn hello(version: u8) -> Vec<u8> {
    let mut body = vec![3, version];
    body.extend_from_slice(&[7; 32]);
    body.extend_from_slice(&[0, 0, 2, 0, 0x2f, 1, 0]);
    let mut message = vec![1, 0];
    message.extend_from_slice(&(body.len() as u16).to_be_bytes());
    message.extend_from_slice(&body);
    record(0x16, version, &message)
}

/// What a server says to these bytes until it closes.
fn said(server: &Server, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(server.address()).expect("a connection");
    stream.set_read_timeout(Some(PATIENCE)).expect("a socket option");
    // Who hangs up does not take all.
    let _ = stream.write_all(bytes);
    let mut said = Vec::new();
    stream.read_to_end(&mut said).expect("an end, and no reset");
    said
}

/// Whether these bytes are a fatal alert, and which.
fn alert(said: &[u8]) -> Option<u8> {
    let [0x15, 3, _, 0, 2, 2, description, ..] = *said else { return None };
    Some(description)
}

#[test]
fn a_handshake_that_fails_ends_with_its_alert() {
    let server = Server::start(ServerOptions::ephemeral().arg("--tls-self-signed"));
    let junk = vec![b'x'; 100_000];
    for (what, bytes) in [
        ("SSL 3.0", hello(0)),
        ("TLS 1.0", hello(1)),
        ("TLS 1.1", hello(2)),
        ("TLS 1.2 with an old cipher", hello(3)),
        ("no handshake", record(0x16, 1, b"hello")),
        ("another kind of message", record(0x16, 3, &[2, 0, 0, 1, 0])),
        ("a record that is too long", [&[0x16, 3, 1, 0xff, 0xff][..], &junk].concat()),
        ("more behind it", [hello(2), junk.clone()].concat()),
        ("in the clear", [hello(3), b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec()].concat()),
    ] {
        let said = said(&server, &bytes);
        assert!(alert(&said).is_some(), "{what}: {said:02x?}");
    }
}

#[test]
fn a_client_of_tls_is_told_where_there_is_none() {
    let server = Server::start(ServerOptions::ephemeral());
    for bytes in [hello(1), hello(3), [hello(3), vec![b'x'; 10_000]].concat()] {
        let said = said(&server, &bytes);
        assert_eq!(alert(&said), Some(40), "handshake_failure: {said:02x?}");
    }
    assert_eq!(http_get(server.address(), "/healthz").status, 200);
}
