//! What proxies, balancers and port forwarding make of requests: who the client is, which hosts and origins are ours, and
//! checks that want a server to be well.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use switchboard_e2e::{
    Json, Line, PATIENCE, Response, Server, ServerOptions, WebSocket, http_get, http_raw, require_tool, said,
};

const UPGRADE: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                       Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

fn ask(server: &Server, path: &str, headers: &str) -> Response {
    http_raw(server.address(), format!("GET {path} HTTP/1.1\r\nConnection: close\r\n{headers}\r\n").as_bytes())
}

#[test]
fn a_client_in_the_proxies_own_network_is_a_client() {
    let mut server =
        Server::start(ServerOptions::ephemeral().set("server.trusted_proxies=[\"127.0.0.0/8\",\"10.0.0.0/8\"]"));
    for (header, status) in [
        ("X-Forwarded-For: 10.1.2.3", 200),
        ("X-Forwarded-For: 127.0.0.1", 200),
        ("X-Forwarded-For: 10.1.2.3, 10.0.0.1", 200),
        ("X-Forwarded-For: 10.1.2.3, , 10.0.0.1:4000", 200),
        ("X-Forwarded-For: 10.1.2.3\r\nX-Forwarded-For: 10.0.0.1", 200),
        ("X-Forwarded-For: unknown, 10.0.0.1", 200),
        ("X-Forwarded-For: garbage, 192.0.2.7", 200),
        ("Forwarded: for=10.1.2.3", 200),
        ("Forwarded: for=\"[fd00::1]:80\", for=10.0.0.1", 200),
        ("Forwarded: for=_hidden", 200),
        ("X-Forwarded-For: garbage", 400),
        ("X-Forwarded-For: ,", 400),
        ("X-Forwarded-For: 192.0.2.7, garbage", 400),
        ("Forwarded: for=\"10.1.2.3", 400),
        ("X-Real-IP: 10.1.2.3", 400),
        ("X-Other: 1", 400),
    ] {
        let headers = format!("Host: localhost\r\n{header}\r\n");
        let answer = ask(&server, "/about.json", &headers);
        assert_eq!(answer.status, status, "{header}: {answer:?}");
        let polling = ask(&server, "/socket.io/?EIO=4&transport=polling", &headers);
        assert_eq!(polling.status, if status == 200 { 200 } else { 403 }, "{header}: {polling:?}");
        if status == 400 {
            assert!(answer.body.contains("X-Forwarded-For") && polling.body.contains("X-Forwarded-For"), "{answer:?}");
        }
    }
    server.log.expect("refused: a trusted proxy has to say for whom it asks");
    // Only whoever is known to sit at this machine may look at the wires.
    for (header, status) in [
        ("X-Forwarded-For: 127.0.0.1", 200),
        ("X-Forwarded-For: 10.1.2.3", 403),
        ("X-Forwarded-For: unknown", 403),
        ("X-Forwarded-For: _x, 127.0.0.1", 403),
        ("Forwarded: proto=https", 403),
    ] {
        let answer = ask(&server, "/wires.json", &format!("Host: localhost\r\n{header}\r\n"));
        assert_eq!(answer.status, status, "{header}: {answer:?}");
    }
    let mut line = Line::connect("websocket", server.address());
    let address = "[2001:db8::7]:4711";
    line.send(
        format!("GET /ws?protocol=text HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: \"{address}\"\r\n{UPGRADE}\r\n")
            .as_bytes(),
    );
    line.heard.expect("101 Switching Protocols");
    server.log.expect(address);
}

#[test]
fn a_proxy_that_names_nobody_is_told_to_the_operator() {
    let mut server = Server::start(ServerOptions::ephemeral().set("server.trusted_proxies=[\"127.0.0.1\"]"));
    let mut raw = Line::connect("raw", server.address());
    raw.say("hello");
    assert!(raw.heard.expect_end().contains("server.proxy_protocol"), "{}", raw.heard.text());
    server.log.expect("server.proxy_protocol=true");
    // ::1 is nobody's proxy.
    let (mut witness, _) = Json::hello("witness", server.address_v6());
    assert!(!witness.drain().iter().any(|event| event["type"] == "message"));

    let options =
        ServerOptions::ephemeral().set("server.trusted_proxies=[\"127.0.0.1\"]").set("server.proxy_protocol=true");
    let mut server = Server::start(options.set("text.style=address"));
    for _ in 0..3 {
        let mut bare = Line::connect("bare", server.address());
        bare.say("GET / HTTP/1.1");
        assert_eq!(bare.heard.expect_end(), "");
    }
    server.log.expect("did not begin with a header of the PROXY protocol");
    let mut reader = Line::greeted("reader", server.address_v6());
    let mut mapped = Line::connect("mapped", server.address());
    mapped.send(b"PROXY TCP6 ::ffff:192.0.2.7 ::1 4000 80\r\nas IPv4\n");
    reader.heard.expect("<192.0.2.7> as IPv4\n");
    let log = server.stop();
    assert_eq!(log.matches("did not begin with").count(), 1, "once in a while: {log}");
}

/// The option that the log advises.
fn advised(server: &mut Server) -> String {
    server.log.expect("--set '");
    server.log.expect("' ").trim_end_matches("' ").to_owned()
}

#[test]
fn a_refused_host_or_origin_is_allowed_by_what_the_log_says() {
    let from = |host: &str, origin: Option<&str>| {
        let origin = origin.map_or_else(String::new, |origin| format!("Origin: {origin}\r\n"));
        format!("Host: {host}\r\n{origin}")
    };
    let wanted: Vec<(&str, Option<&str>)> = vec![
        ("chat.example.org", None),
        ("Chat.example.net.:8080", None),
        ("192.0.2.7:8080", None),
        ("[2001:db8::7]:8080", None),
        ("2001:db8::8:8080", None),
        ("localhost", Some("null")),
        ("localhost", Some("file://")),
        ("localhost", Some("https://www.example.org")),
        ("localhost", Some("http://www.example.org:8080")),
        ("localhost", Some("capacitor://app")),
        ("localhost", Some("ionic://app")),
        ("localhost", Some("app://obsidian.md")),
        ("localhost", Some("chrome-extension://abcdefghijklmnop")),
        ("localhost", Some("moz-extension://1b2c-3d4e")),
    ];
    let mut server = Server::start(ServerOptions::ephemeral());
    let mut settings: Vec<String> = Vec::new();
    for (host, origin) in &wanted {
        let refused = ask(&server, "/about.json", &from(host, *origin));
        assert_eq!(refused.status, if origin.is_some() { 403 } else { 421 }, "{host} {origin:?}: {refused:?}");
        let option = advised(&mut server);
        let (setting, _) = option.split_once('=').expect("a setting");
        assert!(refused.body.contains(setting), "{refused:?}");
        // Of each setting, what was advised last: a whole list.
        settings.retain(|set| !set.starts_with(setting));
        settings.push(option);
        let options = settings.iter().fold(ServerOptions::ephemeral(), |options, setting| options.set(setting));
        server = Server::start(options);
        let allowed = ask(&server, "/about.json", &from(host, *origin));
        assert_eq!(allowed.status, 200, "{settings:?}: {allowed:?}");
        let polling = ask(&server, "/socket.io/?EIO=4&transport=polling", &from(host, *origin));
        assert_eq!(polling.status, 200, "{settings:?}: {polling:?}");
    }
    for (host, origin) in &wanted {
        let allowed = ask(&server, "/about.json", &from(host, *origin));
        assert_eq!(allowed.status, 200, "all of them together: {host} {origin:?}: {allowed:?}");
    }
    // What cannot be allowed is not promised.
    let refused = ask(&server, "/about.json", &from("localhost", Some("https://a.example https://b.example")));
    assert!(refused.status == 403 && !refused.body.contains("would allow"), "{refused:?}");
    // A flood of them fills no log.
    for number in 0..100 {
        assert_eq!(ask(&server, "/socket.io/", &from(&format!("{number}.evil.example"), None)).status, 403);
        assert_eq!(ask(&server, "/", &from("again.evil.example", None)).status, 421);
    }
    let lines = server.stop().matches("refused: ").count();
    assert!((2..40).contains(&lines), "{lines} lines");
}

#[test]
fn every_name_of_this_machine_is_served() {
    let server = Server::start(ServerOptions::ephemeral().listen("0").listen("0.0.0.0:0").arg("--allow-plaintext"));
    let [v4, v6, any] = *server.addresses() else { panic!("{:?}", server.addresses()) };
    let about = |to: SocketAddr, host: &str| {
        http_raw(to, format!("GET /about.json HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").as_bytes()).status
    };
    let any = SocketAddr::new([127, 0, 0, 1].into(), any.port());
    for to in [v4, v6, any] {
        let port = to.port();
        for host in [
            "localhost".to_owned(),
            "localhost.".to_owned(),
            format!("LocalHost.:{port}"),
            format!("my.localhost:{port}"),
            "127.0.0.1".to_owned(),
            format!("127.0.0.1:{port}"),
            format!("[::1]:{port}"),
            format!("::1:{port}"),
            format!("::1:{}", 8_080),
            "::1".to_owned(),
            "[::ffff:127.0.0.1]".to_owned(),
        ] {
            assert_eq!(about(to, &host), 200, "{host} at {to}");
        }
        for host in ["evil.example", "192.0.2.77", "localhost.evil.example", "[2001:db8::77]", "localhost:99999", "a b"]
        {
            assert_ne!(about(to, host), 200, "{host} at {to}");
        }
    }
    // An address of this machine that is not named in a listener is one all the same.
    let other = SocketAddr::new([127, 9, 9, 9].into(), any.port());
    assert_eq!(about(other, &other.to_string()), 200);
    // HTTP/1.0 without a Host.
    assert_eq!(http_raw(v4, b"GET /about.json HTTP/1.0\r\n\r\n").status, 200);
}

#[test]
fn a_certificate_of_ones_own_has_the_hosts_in_it() {
    let hosts = "http.hosts=[\"Chat.example.org.\", \"203.0.113.7\", \"[2001:db8::7]\"]";
    let server = Server::start(ServerOptions::ephemeral().arg("--tls-self-signed").set(hosts));
    let openssl = || Command::new(require_tool("openssl", "Debian package openssl"));
    let mut client = openssl();
    let client = client.args(["s_client", "-connect", &server.address().to_string()]).stdin(Stdio::null());
    let presented = client.output().expect("openssl runs");
    let file = server.home().join("presented.pem");
    std::fs::write(&file, &presented.stdout).expect("a file");
    for (option, name, matches) in [
        ("-checkhost", "chat.example.org", true),
        ("-checkip", "203.0.113.7", true),
        ("-checkip", "2001:db8::7", true),
        ("-checkip", "2001:db8::8", false),
    ] {
        let output = openssl().args(["x509", "-noout", option, name, "-in"]).arg(&file).output().expect("openssl runs");
        let said = said(&output);
        assert!(said.contains("match certificate") && said.contains("NOT") != matches, "{name}: {said}");
    }
}

#[test]
fn what_lan_prints_works() {
    let server = Server::start(ServerOptions::ephemeral().listen("0").listen("text://0").arg("--lan"));
    server.log.wait_for("an invitation", |text| {
        (text.contains("Join code:") || text.contains("no private address")).then_some(())
    });
    let text = server.log.text();
    let urls: Vec<SocketAddr> =
        text.lines().filter_map(|line| line.trim().strip_prefix("http://")?.strip_suffix('/')?.parse().ok()).collect();
    let has_private = text.contains("On this network:");
    assert_eq!(has_private, !urls.is_empty(), "{text}");
    for url in &urls {
        let page = http_raw(
            *url,
            format!("GET / HTTP/1.1\r\nHost: {url}\r\nAccept: text/html\r\nConnection: close\r\n\r\n").as_bytes(),
        );
        assert!(page.status == 200 && page.body.contains("<title>"), "{url}: {page:?}");
        let mut socket = WebSocket::connect("page", *url, "/ws?protocol=text");
        socket.expect("code");
    }
}

/// An answer that a balancer takes for healthy, framed as its version of HTTP wants it.
fn check_health(address: SocketAddr, request: &str) {
    let answer = http_raw(address, request.as_bytes());
    assert_eq!(answer.status, 200, "{request}{answer:?}");
    let version = if request.contains("HTTP/1.0") { "HTTP/1.0 " } else { "HTTP/1.1 " };
    assert!(answer.head.starts_with(version), "{request}{answer:?}");
    // In HTTP/1.0 the end goes without saying; that there was one is in the answer that came to its end.
    let closes = answer.header("connection");
    assert!(closes == Some("close") || closes.is_none() && version == "HTTP/1.0 ", "{request}{answer:?}");
    let length: usize = answer.header("content-length").and_then(|length| length.parse().ok()).expect("a length");
    let body = if request.starts_with("HEAD") { 0 } else { length };
    assert_eq!(answer.body.len(), body, "{request}{answer:?}");
    assert_eq!(answer.header("allow").is_some(), request.starts_with("OPTIONS"), "{request}{answer:?}");
}

#[test]
fn balancers_find_the_server_healthy() {
    let plain = Server::start(ServerOptions::ephemeral());
    // To a balancer that is a trusted proxy and asks for itself, and where TLS is required, the same.
    let trusting = Server::start(ServerOptions::ephemeral().set("server.trusted_proxies=[\"127.0.0.0/8\"]"));
    let secure = Server::start(
        ServerOptions::ephemeral()
            .arg("--tls-self-signed")
            .set("server.trusted_proxies=[\"127.0.0.0/8\"]")
            .set("server.proxy_protocol=true"),
    );
    for method in ["GET", "HEAD", "OPTIONS"] {
        for path in ["/", "/healthz", "/readyz", "*"] {
            if path == "*" && method != "OPTIONS" {
                continue;
            }
            for server in [&plain, &trusting] {
                let address = server.address();
                check_health(address, &format!("{method} {path} HTTP/1.0\r\n\r\n"));
                check_health(
                    address,
                    &format!("{method} {path} HTTP/1.0\r\nConnection: close\r\nUser-Agent: check\r\n\r\n"),
                );
                let ip = format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n");
                check_health(address, &format!("{ip}\r\n"));
                // The same on the other way through the server.
                check_health(address, &format!("{ip}Expect: nothing\r\n\r\n"));
                if method == "OPTIONS" || path.ends_with('z') {
                    check_health(address, &format!("{ip}\r\n").replace(&address.to_string(), "balancer.internal"));
                }
            }
            if method == "OPTIONS" || path.ends_with('z') {
                let from = "PROXY TCP4 192.0.2.7 127.0.0.1 4000 80\r\n";
                let mut line = Line::connect("secure", secure.address());
                line.send(format!("{from}{method} {path} HTTP/1.0\r\n\r\n").as_bytes());
                let answer = line.heard.expect_end();
                assert!(answer.starts_with("HTTP/1.0 200 OK\r\n"), "{method} {path}: {answer}");
            }
        }
    }
    check_health_of_monitor(trusting.address());
    // A page is no check: nobody is served it through a proxy that names nobody, or without TLS where that is required.
    let page = ask(&trusting, "/", "Host: localhost\r\nAccept: text/html\r\n");
    assert_eq!(page.status, 400, "{page:?}");
    let mut line = Line::connect("page", secure.address());
    line.send(b"PROXY TCP4 192.0.2.7 127.0.0.1 4000 80\r\nGET / HTTP/1.0\r\n\r\n");
    assert!(line.heard.expect_end().starts_with("HTTP/1.0 426 "), "{}", line.heard.text());
}

/// A monitor in the proxies' network asks for itself.
fn check_health_of_monitor(address: SocketAddr) {
    assert_eq!(http_get(address, "/metrics").status, 200);
    assert_eq!(http_get(address, "/about.json").status, 400, "what depends on the client does not");
}

fn metric(address: SocketAddr, name: &str) -> u64 {
    let metrics = http_get(address, "/metrics").body;
    let line = metrics.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_else(|| panic!("{name}: {metrics}"));
    line.trim().parse().expect("a number")
}

#[test]
fn connecting_and_hanging_up_leaves_nothing() {
    let server = Server::start(ServerOptions::ephemeral());
    let trusting = Server::start(
        ServerOptions::ephemeral().set("server.trusted_proxies=[\"127.0.0.1\"]").set("server.proxy_protocol=true"),
    );
    let (mut witness, _) = Json::hello("witness", server.address());
    for to in [server.address(), trusting.address()] {
        for number in 0..20 {
            let stream = TcpStream::connect(to).expect("a connection");
            if number % 2 == 0 {
                // As HAProxy's checks end: with a reset.
                socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO)).expect("a socket option");
            }
            drop(stream);
        }
    }
    // A check that speaks the PROXY protocol for itself, and nothing else.
    let mut stream = TcpStream::connect(trusting.address()).expect("a connection");
    stream.write_all(b"PROXY UNKNOWN\r\n").expect("a header");
    drop(stream);
    // And one that asks for something.
    for _ in 0..5 {
        assert_eq!(http_get(server.address(), "/healthz").status, 200);
        let mut kept = TcpStream::connect(server.address()).expect("a connection");
        kept.set_read_timeout(Some(PATIENCE)).expect("a socket option");
        kept.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("a request");
        assert!(kept.read(&mut [0; 512]).expect("an answer") > 0);
    }
    // Connections are taken in the order in which they came, but by several threads: each is counted out in the end.
    let counted = Instant::now();
    while metric(server.address(), "switchboard_connections{transport=\"tcp\",protocol=\"json\"}") != 1 {
        assert!(counted.elapsed() < PATIENCE);
    }
    for address in [server.address_v6(), trusting.address_v6()] {
        assert_eq!(metric(address, "switchboard_handshake_failures_total"), 0, "at {address}");
        assert_eq!(
            http_get(address, "/metrics").body.matches("switchboard_connections_opened_total{").count(),
            usize::from(address == server.address_v6())
        );
    }
    assert!(!witness.drain().iter().any(|event| event["type"] == "joined" || event["type"] == "message"));
    // What is half said is one.
    let mut half = TcpStream::connect(server.address()).expect("a connection");
    half.write_all(b"\x00\x01\x02").expect("bytes");
    let mut rest = Vec::new();
    let _ = half.read_to_end(&mut rest);
    // It is counted by the thread that closed it, maybe a moment later.
    let closed = Instant::now();
    while metric(server.address(), "switchboard_handshake_failures_total") == 0 {
        assert!(closed.elapsed() < PATIENCE);
    }
    assert_eq!(metric(server.address(), "switchboard_handshake_failures_total"), 1);
}

#[test]
fn endpoints_are_there_with_and_without_a_slash() {
    let server = Server::start(ServerOptions::ephemeral());
    for path in ["/ws?protocol=text", "/ws/?protocol=text", "/ws/"] {
        let mut socket = WebSocket::connect(path, server.address(), path);
        socket.say("{\"type\":\"hello\",\"nick\":\"ada\"}");
        socket.expect(if path.contains("text") { "-- Welcome" } else { "\"welcome\"" });
    }
    for path in ["/socket.io", "/socket.io/", "/poll", "/poll/"] {
        let answer = http_get(server.address(), &format!("{path}?EIO=4&transport=polling"));
        assert!(answer.status == 200 && answer.body.starts_with("0{\"sid\""), "{path}: {answer:?}");
    }
    assert_eq!(http_get(server.address(), "/ws/x").status, 404);
}

#[test]
fn a_front_ends_folder_has_to_be_there() {
    let folder = tempfile::tempdir().expect("a directory");
    let file = folder.path().join("index.html");
    std::fs::write(&file, "<p>hello").expect("a file");
    let missing = folder.path().join("missing").display().to_string();
    for (options, words) in [
        (
            ServerOptions::ephemeral().arg("--static").arg(&missing),
            format!("--static: must be a folder, not {missing}"),
        ),
        (ServerOptions::ephemeral().arg("--static").arg(&file.display().to_string()), "that is a file".to_owned()),
        (ServerOptions::ephemeral().set(&format!("http.static_dir={missing}")), "there is none".to_owned()),
        (ServerOptions::ephemeral().arg("--spa"), "http.static_dir must name".to_owned()),
    ] {
        let (status, errors) = Server::refused(options);
        assert_eq!(status.code(), Some(2), "{errors}");
        assert!(errors.contains(&words), "{errors}");
    }
    // Builders put their scripts where the page's own would be.
    std::fs::create_dir(folder.path().join("assets")).expect("a directory");
    std::fs::write(folder.path().join("assets/app-1.js"), "run()").expect("a file");
    let site = folder.path().display().to_string();
    let server = Server::start(ServerOptions::ephemeral().arg("--static").arg(&site));
    let browser = "Host: localhost\r\nAccept: text/html,*/*;q=0.8\r\n";
    assert_eq!(ask(&server, "/users/ada", browser).status, 404);
    let server = Server::start(ServerOptions::ephemeral().arg("--static").arg(&site).arg("--spa"));
    for path in ["/", "/users/ada", "/users/jane.doe?tab=1"] {
        let page = ask(&server, path, browser);
        assert_eq!(
            (page.status, &*page.body, page.header("cache-control")),
            (200, "<p>hello", Some("no-cache")),
            "{path}"
        );
    }
    assert_eq!(ask(&server, "/assets/app-1.js", "Host: localhost\r\n").body, "run()");
    for (path, status) in [
        ("/missing.js", 404),
        ("/assets/missing.js", 404),
        ("/socket.io/nothing", 404),
        ("/ws", 426),
        ("/healthz", 200),
        ("/metrics", 200),
    ] {
        let answer = ask(&server, path, "Host: localhost\r\nAccept: */*\r\n");
        assert!(answer.status == status && !answer.body.contains("<p>hello"), "{path}: {answer:?}");
    }
}
