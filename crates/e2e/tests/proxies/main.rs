//! The lines of docs/proxies.md, run: nginx, Caddy and HAProxy as the page says, before the server as it says, with clients
//! behind them. It takes its time and its tools, so it is a part of `cargo xtask long`.

mod document;
mod proxy;
mod through;

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use document::Document;
use proxy::{Proxy, Tls, free_port};
use switchboard_e2e::{PATIENCE, Server, ServerOptions, http_get};
use through::{Kind, Through};

/// Where the server of the page's examples listens.
const SERVER: &str = "127.0.0.1:12346";

#[test]
#[ignore = "needs nginx: cargo xtask long proxies"]
fn nginx_for_http() {
    let document = Document::read();
    let server = document.serve("--set 'http.hosts");
    let (plain, secure, below) = (free_port(), free_port(), free_port());
    let tls = Tls::new("chat.example.org");
    let site = document
        .block("nginx", "map $http_upgrade")
        .with("listen 80;", &format!("listen 127.0.0.1:{plain};"))
        .with("listen 443 ssl;", &format!("listen 127.0.0.1:{secure} ssl;"))
        .with("/etc/ssl/chat.example.org.pem", &tls.certificate())
        .with("/etc/ssl/chat.example.org.key", &tls.key())
        .with(SERVER, &server.address().to_string());
    let location = document.block("nginx", "location /chat/").with(SERVER, &server.address().to_string());
    let other = format!("server {{ listen 127.0.0.1:{below}; {} }}", location.text());
    let _proxy = Proxy::nginx(&format!("http {{ access_log off; TEMP {} {other} }}", site.text()), plain);
    for through in [
        Through::http(plain),
        Through { kind: Kind::Tls, ..Through::http(secure) },
        Through { path: "/chat/", ..Through::http(below) },
    ] {
        through.check_http(&server);
    }
    let slash = Through::http(below).get("/chat");
    let location = slash.header("location").map(|place| place.rsplit_once("/chat").map(|(_, rest)| rest.to_owned()));
    assert_eq!((slash.status, location), (301, Some(Some("/".to_owned()))), "{slash:?}");
}

#[test]
#[ignore = "needs Caddy: cargo xtask long proxies"]
fn caddy_for_http() {
    let document = Document::read();
    let server = document.serve("--set 'http.hosts");
    for (begin, path) in [("chat.example.org {\n    reverse_proxy", "/"), ("chat.example.org {\n    redir", "/chat/")] {
        let port = free_port();
        let site = document
            .block("caddy", begin)
            .with("chat.example.org {", &format!("http://chat.example.org:{port} {{\n    bind 127.0.0.1"))
            .with(SERVER, &server.address().to_string());
        let _proxy = Proxy::caddy(site.text(), port);
        let through = Through { path, ..Through::http(port) };
        through.check_http(&server);
        if path == "/chat/" {
            let slash = through.get("/chat");
            assert_eq!((slash.status, slash.header("location")), (302, Some("/chat/")), "{slash:?}");
        }
    }
}

#[test]
#[ignore = "needs HAProxy: cargo xtask long proxies"]
fn haproxy_for_http() {
    let document = Document::read();
    let server = document.serve("--set 'http.hosts");
    let (plain, secure, below) = (free_port(), free_port(), free_port());
    let tls = Tls::new("chat.example.org");
    let whole = document
        .block("haproxy", "defaults\n    mode http")
        .with("bind :80", &format!("bind 127.0.0.1:{plain}"))
        .with("bind :443", &format!("bind 127.0.0.1:{secure}"))
        .with("/etc/haproxy/chat.example.org.pem", &tls.both())
        .with(SERVER, &server.address().to_string());
    let proxy = Proxy::haproxy(whole.text(), plain);
    for through in [Through::http(plain), Through { kind: Kind::Tls, ..Through::http(secure) }] {
        through.check_http(&server);
    }
    expect_health(&proxy, "switchboard", "L7OK");
    let (defaults, _) = whole.text().split_once("frontend").expect("a frontend");
    let block = document
        .block("haproxy", "frontend web\n    bind :80\n    option forwardfor\n    http-request redirect")
        .with("bind :80", &format!("bind 127.0.0.1:{below}"))
        .with(SERVER, &server.address().to_string());
    let _below = Proxy::haproxy(&format!("{defaults}{}", block.text()), below);
    let through = Through { path: "/chat/", ..Through::http(below) };
    through.check_http(&server);
    let slash = through.get("/chat");
    assert_eq!((slash.status, slash.header("location")), (302, Some("/chat/")), "{slash:?}");
}

#[test]
#[ignore = "needs nginx with its module stream: cargo xtask long proxies"]
fn nginx_for_tcp() {
    let document = Document::read();
    let server = document.serve("server.proxy_protocol=true");
    let port = free_port();
    let stream = document
        .block("nginx", "stream {")
        .with("listen 12345;", &format!("listen 127.0.0.1:{port};"))
        .with(SERVER, &server.address().to_string());
    let _proxy = Proxy::nginx(stream.text(), port);
    Through::http(port).check_http(&server);
    Through::http(port).check_lines(&server);
}

#[test]
#[ignore = "needs HAProxy: cargo xtask long proxies"]
fn haproxy_for_tcp() {
    let document = Document::read();
    let server = document.serve("server.proxy_protocol=true");
    let port = free_port();
    let whole = document
        .block("haproxy", "defaults\n    mode tcp")
        .with("bind :12345", &format!("bind 127.0.0.1:{port}"))
        .with(SERVER, &server.address().to_string());
    let proxy = Proxy::haproxy(whole.text(), port);
    Through::http(port).check_http(&server);
    Through::http(port).check_lines(&server);
    expect_health(&proxy, "switchboard", "L4OK");
}

#[test]
#[ignore = "needs HAProxy: cargo xtask long proxies"]
fn every_check_of_haproxy_finds_the_server_healthy() {
    let plain = Server::start(ServerOptions::ephemeral());
    let trusting = Server::start(ServerOptions::ephemeral().set("server.trusted_proxies=[\"127.0.0.1\"]"));
    let named = Server::start(
        ServerOptions::ephemeral().set("server.trusted_proxies=[\"127.0.0.1\"]").set("server.proxy_protocol=true"),
    );
    let secure = Server::start(ServerOptions::ephemeral().arg("--tls-self-signed"));
    let port = free_port();
    let mut config = format!(
        "defaults\n mode http\n timeout connect 5s\n timeout client 5s\n timeout server 5s\n\
         frontend web\n bind 127.0.0.1:{port}\n"
    );
    let mut wanted = Vec::new();
    for (name, check, status) in [
        ("options", "option httpchk", "L7OK"),
        ("head", "option httpchk HEAD /", "L7OK"),
        ("page", "option httpchk GET /", "L7OK"),
        ("live", "option httpchk GET /healthz", "L7OK"),
        ("ready", "option httpchk OPTIONS /readyz HTTP/1.0", "L7OK"),
        ("all", "option httpchk OPTIONS *", "L7OK"),
        ("host", "option httpchk\n http-check send meth GET uri / ver HTTP/1.1 hdr Host ADDRESS", "L7OK"),
        ("named", "option httpchk\n http-check send meth GET uri /readyz ver HTTP/1.1 hdr Host lb", "L7OK"),
        ("connect", "option tcp-check", "L4OK"),
    ] {
        for (kind, server, more) in [
            ("plain", &plain, ""),
            ("trusting", &trusting, ""),
            ("proxy", &named, "send-proxy"),
            ("proxy2", &named, "send-proxy-v2"),
            ("secure", &secure, "check-ssl ssl verify none"),
        ] {
            let address = server.address().to_string();
            let check = check.replace("ADDRESS", &address);
            config += &format!("backend {name}-{kind}\n {check}\n server one {address} check inter 200ms {more}\n");
            // A connection with TLS that is closed behind its handshake.
            let status = if (name, kind) == ("connect", "secure") { "L6OK" } else { status };
            wanted.push((format!("{name}-{kind}"), status));
        }
    }
    let proxy = Proxy::haproxy(&config, port);
    for (backend, status) in &wanted {
        expect_health(&proxy, backend, status);
    }
    for server in [&plain, &trusting, &named] {
        let metrics = http_get(server.address_v6(), "/metrics").body;
        assert!(metrics.contains("switchboard_handshake_failures_total 0\n"), "{metrics}");
    }
}

/// Waits until HAProxy says this of a backend's server.
fn expect_health(proxy: &Proxy, backend: &str, wanted: &str) {
    let begun = Instant::now();
    loop {
        let mut socket = UnixStream::connect(proxy.socket()).expect("the statistics of HAProxy");
        socket.write_all(b"show stat\n").expect("a question");
        let mut table = String::new();
        socket.read_to_string(&mut table).expect("an answer");
        let head = table.lines().next().expect("a head");
        let column = head.split(',').position(|name| name == "check_status").expect("a column");
        let row = table.lines().find(|line| line.starts_with(&format!("{backend},one,"))).expect("a server");
        let status = row.split(',').nth(column).expect("a status");
        // While a check is under way it is marked.
        if status.trim_start_matches("* ") == wanted {
            return;
        }
        assert!(
            begun.elapsed() < PATIENCE && (status.contains("INI") || status.is_empty() || status.contains(wanted)),
            "{backend}: {status}, not {wanted}"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}
