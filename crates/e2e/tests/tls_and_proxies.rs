//! What lies between the server and the world: certificates, plaintext, and proxies that speak for others.

use std::path::Path;
use std::process::Command;

use switchboard_e2e::{Json, Line, Program, Server, ServerOptions, Signal, http_get, http_raw, require_tool, said};
use tempfile::TempDir;

#[test]
fn plaintext_for_everybody_is_refused_with_three_ways_out() {
    let (status, errors) = Server::refused(ServerOptions::ephemeral().listen("0.0.0.0:0"));
    assert_eq!(status.code(), Some(1));
    for way_out in ["--tls-cert", "--tls-self-signed", "--allow-plaintext"] {
        assert!(errors.contains(way_out), "{errors}");
    }
    let server = Server::start(ServerOptions::ephemeral().listen("0.0.0.0:0").arg("--allow-plaintext"));
    let mut client = Line::connect("client", ([127, 0, 0, 1], server.port()).into());
    client.heard.expect("-- Welcome");
}

/// A certificate for localhost with this name in it.
fn certificate(directory: &Path, name: &str) {
    let output = Command::new(require_tool("openssl", "Debian package openssl"))
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"])
        .args(["-subj", &format!("/CN={name}"), "-addext", "subjectAltName=DNS:localhost"])
        .arg("-keyout")
        .arg(directory.join("key.pem"))
        .arg("-out")
        .arg(directory.join("cert.pem"))
        .output()
        .expect("openssl runs");
    assert!(output.status.success(), "{}", said(&output));
}

/// A connection with TLS.
fn openssl(server: &Server, options: &[&str]) -> Program {
    let mut command = Command::new(require_tool("openssl", "Debian package openssl"));
    command.arg("s_client").args(options).args(["-connect", &server.address().to_string()]);
    Program::start("openssl", &mut command)
}

/// The name in the certificate that a new connection sees.
fn presented_name(server: &Server) -> String {
    let mut openssl = openssl(server, &[]);
    openssl.out.expect("subject=");
    openssl.out.line().trim_start_matches("CN").trim_start_matches([' ', '=']).to_owned()
}

#[test]
fn a_server_that_keeps_nothing_has_another_certificate_each_time() {
    let fingerprint = || {
        let mut server = Server::start(ServerOptions::ephemeral().arg("--tls-self-signed"));
        server.log.expect("fingerprint=\"");
        let fingerprint = server.log.expect("\"");
        let mut openssl = openssl(&server, &["-quiet"]);
        openssl.out.expect("-- Welcome");
        server.signal(Signal::HUP);
        server.log.expect("nothing to reload: there is no certificate in a file");
        assert_eq!(presented_name(&server), "Switchboard self-signed");
        fingerprint
    };
    let (one, other) = (fingerprint(), fingerprint());
    assert_eq!((one.len(), other.len()), (96, 96), "{one} {other}");
    assert_ne!(one, other);
}

#[test]
fn a_certificate_is_reloaded_without_dropping_anyone() {
    let files = TempDir::new().expect("a directory");
    certificate(files.path(), "first");
    let file = |name: &str| files.path().join(name).display().to_string();
    let mut server = Server::start(
        ServerOptions::ephemeral().arg("--tls-cert").arg(&file("cert.pem")).arg("--tls-key").arg(&file("key.pem")),
    );
    let mut openssl = openssl(&server, &["-quiet"]);
    openssl.out.expect("-- Welcome");
    openssl.say("before");
    assert_eq!(presented_name(&server), "first");

    certificate(files.path(), "second");
    server.signal(Signal::HUP);
    server.log.expect("the certificate was reloaded");
    assert_eq!(presented_name(&server), "second");

    // A broken one is told, and the last good one stays.
    std::fs::write(files.path().join("cert.pem"), "nonsense").expect("a file");
    server.signal(Signal::HUP);
    server.log.expect("the certificate was not reloaded");
    assert_eq!(presented_name(&server), "second");

    let (mut ada, _) = Json::hello("ada", server.address());
    ada.say("after");
    openssl.out.expect("<ada> after");
    openssl.say("I am still here");
    ada.message("I am still here");
}

#[test]
fn plaintext_from_elsewhere_is_told_to_use_tls() {
    let data = TempDir::new().expect("a directory");
    // Somebody elsewhere, as a proxy on this machine says.
    let server = Server::start(
        ServerOptions::stored(data.path())
            .arg("--tls-self-signed")
            .set("server.trusted_proxies=[\"127.0.0.0/8\"]")
            .set("server.proxy_protocol=true")
            .set("http.hosts=[\"chat.example\"]"),
    );
    let from = "PROXY TCP4 192.0.2.7 127.0.0.1 4000 80\r\n";
    let mut line = Line::connect("text", server.address());
    line.send(format!("{from}hello\n").as_bytes());
    let told = line.heard.expect_end();
    assert!(told.starts_with("-- ") && told.contains("TLS") && told.lines().count() == 1, "{told:?}");
    let mut line = Line::connect("json", server.address());
    line.send(format!("{from}{{\"type\":\"hello\"}}\n").as_bytes());
    assert!(line.heard.expect_end().contains("\"tls_required\""), "{}", line.heard.text());
    let request = format!("{from}GET /page?x=1 HTTP/1.1\r\nHost: chat.example\r\nConnection: close\r\n\r\n");
    let answer = http_raw(server.address(), request.as_bytes());
    assert_eq!((answer.status, answer.header("location")), (308, Some("https://chat.example/page?x=1")), "{answer:?}");
}

#[test]
fn a_trusted_proxy_says_for_whom_it_comes() {
    let server = Server::start(
        ServerOptions::ephemeral()
            .set("text.style=address")
            .set("server.trusted_proxies=[\"127.0.0.0/8\"]")
            .set("server.proxy_protocol=true"),
    );
    // ::1 is no proxy: it speaks for itself, and its claims are nobody's protocol.
    let (mut witness, _) = Json::hello("witness", server.address_v6());
    let mut reader = Line::greeted("reader", server.address_v6());
    let mut liar = Line::connect("liar", server.address_v6());
    liar.send(b"PROXY TCP4 192.0.2.9 127.0.0.1 1 2\r\nI am 192.0.2.9\n");
    assert_eq!(liar.heard.expect_end(), "");

    let mut v2 = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c".to_vec();
    v2.extend_from_slice(&[192, 0, 2, 8, 127, 0, 0, 1, 0x0f, 0xa0, 0, 80]);
    for (header, address) in [(&b"PROXY TCP4 192.0.2.7 127.0.0.1 4000 80\r\n"[..], "192.0.2.7"), (&v2, "192.0.2.8")] {
        let mut client = Line::connect(address, server.address());
        client.send(&[header, format!("from {address}\n").as_bytes()].concat());
        witness.message(&format!("from {address}"));
        reader.heard.expect(&format!("<{address}> from {address}\n"));
    }
    // Without the header nothing is heard of it.
    let mut bare = Line::connect("bare", server.address());
    bare.say("no header");
    assert_eq!(bare.heard.expect_end(), "");
    assert!(!witness.drain().iter().any(|event| event["type"] == "message"));
}

#[test]
fn a_trusted_http_proxy_has_to_say_for_whom_it_asks() {
    let mut server = Server::start(ServerOptions::ephemeral().set("server.trusted_proxies=[\"127.0.0.0/8\"]"));
    let address = server.address();
    let answer = http_get(address, "/about.json");
    assert_eq!(answer.status, 400, "{answer:?}");
    let ask = |path: &str, forwarded: &str| {
        let more = if path.starts_with("/ws") {
            "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        } else {
            "Connection: close\r\n"
        };
        format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n{forwarded}\r\n{more}\r\n")
    };
    assert_eq!(http_raw(address, ask("/", "Forwarded: for=192.0.2.7").as_bytes()).status, 200);
    let mut line = Line::connect("websocket", address);
    line.send(ask("/ws?protocol=text", "X-Forwarded-For: 198.51.100.1, 192.0.2.9, 127.0.0.5").as_bytes());
    line.heard.expect("101 Switching Protocols");
    // The last hop that is no proxy of ours is who it is.
    server.log.expect("192.0.2.9");
}
