//! The proxies, running, and a certificate for those that speak TLS.

use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use switchboard_e2e::{PATIENCE, Transcript, require_tool, said};
use tempfile::TempDir;

/// nginx's module for TCP, where Debian has it.
const STREAM_MODULE: &str = "/usr/lib/nginx/modules/ngx_stream_module.so";

/// A proxy that runs, killed when it is dropped. A test that fails shows what it said.
pub(crate) struct Proxy {
    child: Child,
    said: Transcript,
    folder: TempDir,
}

/// A port that was free a moment ago.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    listener.local_addr().expect("an address").port()
}

impl Proxy {
    /// nginx with this block `http` (where `TEMP` stands for the places of its temporary files) or `stream`.
    pub(crate) fn nginx(block: &str, port: u16) -> Self {
        let folder = TempDir::new().expect("a directory");
        let place = folder.path().display();
        let temp: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|kind| format!("{kind}_temp_path {place}/{kind};"))
            .concat();
        let module = if block.starts_with("stream") { format!("load_module {STREAM_MODULE};") } else { String::new() };
        let block = block.replace("TEMP", &temp);
        let file = folder.path().join("nginx.conf");
        let config =
            format!("{module} pid {place}/pid; error_log stderr; events {{ worker_connections 512; }} {block}");
        std::fs::write(&file, config).expect("a file");
        let mut command = Command::new(require_tool("nginx", "Debian package nginx-light"));
        // One process, so that nothing of it is left when it is killed.
        command.args(["-e", "stderr", "-g", "daemon off; master_process off;", "-c"]).arg(file);
        Self::start(command, folder, port)
    }

    /// Caddy with these sites.
    pub(crate) fn caddy(sites: &str, port: u16) -> Self {
        let folder = TempDir::new().expect("a directory");
        let file = folder.path().join("Caddyfile");
        std::fs::write(&file, format!("{{\n    admin off\n    auto_https off\n}}\n{sites}")).expect("a file");
        let mut command = Command::new(require_tool("caddy", "Debian package caddy"));
        command.args(["run", "--adapter", "caddyfile", "--config"]).arg(file).env("HOME", folder.path());
        Self::start(command, folder, port)
    }

    /// HAProxy with this configuration, and a socket for its statistics.
    pub(crate) fn haproxy(config: &str, port: u16) -> Self {
        let folder = TempDir::new().expect("a directory");
        let file = folder.path().join("haproxy.cfg");
        let socket = socket_in(folder.path());
        std::fs::write(&file, format!("global\n    stats socket {}\n{config}", socket.display())).expect("a file");
        let mut command = Command::new(require_tool("haproxy", "Debian package haproxy"));
        command.arg("-db").arg("-f").arg(file);
        Self::start(command, folder, port)
    }

    fn start(mut command: Command, folder: TempDir, port: u16) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let said = Transcript::record("the proxy", child.stderr.take().expect("piped"));
        let proxy = Self { child, said, folder };
        let begun = Instant::now();
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            assert!(proxy.said.end().is_none() && begun.elapsed() < PATIENCE, "{command:?}: {}", proxy.said.text());
            std::thread::sleep(Duration::from_millis(10));
        }
        proxy
    }

    /// Where HAProxy tells its statistics.
    pub(crate) fn socket(&self) -> PathBuf {
        socket_in(self.folder.path())
    }
}

fn socket_in(folder: &Path) -> PathBuf {
    folder.join("stats")
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- the proxy said:\n{}--- end", self.said.text());
        }
    }
}

/// A certificate in files.
pub(crate) struct Tls(TempDir);

impl Tls {
    pub(crate) fn new(name: &str) -> Self {
        let folder = TempDir::new().expect("a directory");
        let tls = Self(folder);
        let output = Command::new(require_tool("openssl", "Debian package openssl"))
            .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"])
            .args(["-subj", &format!("/CN={name}"), "-addext", &format!("subjectAltName=DNS:{name}")])
            .args(["-keyout", &tls.key(), "-out", &tls.certificate()])
            .output()
            .expect("openssl runs");
        assert!(output.status.success(), "{}", said(&output));
        let both = [tls.certificate(), tls.key()].map(|file| std::fs::read_to_string(file).expect("a file")).concat();
        std::fs::write(tls.both(), both).expect("a file");
        tls
    }

    pub(crate) fn certificate(&self) -> String {
        self.file("cert.pem")
    }

    pub(crate) fn key(&self) -> String {
        self.file("key.pem")
    }

    /// Both in one file, as HAProxy wants them.
    pub(crate) fn both(&self) -> String {
        self.file("both.pem")
    }

    fn file(&self, name: &str) -> String {
        self.0.path().join(name).display().to_string()
    }
}
