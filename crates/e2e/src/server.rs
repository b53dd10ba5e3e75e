//! `switchboard serve`: started, waited for, stopped or killed.

use std::ffi::OsStr;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::Transcript;

/// The binary under test: `target/<profile>/switchboard`, one directory above the tests, and beside our own programs.
///
/// # Panics
/// It was not built.
#[must_use]
pub fn binary() -> PathBuf {
    let test = std::env::current_exe().expect("a test executable");
    let directory = test.parent().expect("target/<profile> or target/<profile>/deps");
    let below = directory.ends_with("deps") || directory.ends_with("examples");
    let profile = if below { directory.parent().expect("target/<profile>") } else { directory };
    let binary = profile.join("switchboard");
    assert!(binary.is_file(), "{} is not there: run `cargo build -p switchboard` first", binary.display());
    binary
}

/// The binary with a clean environment: its home, data and runtime directories are below `home`.
///
/// # Panics
/// It was not built, or a directory cannot be made.
#[must_use]
pub fn switchboard(home: &Path) -> Command {
    let mut command = Command::new(binary());
    clean(&mut command, home);
    command
}

/// Takes away what the tester's own environment would change.
fn clean(command: &mut Command, home: &Path) {
    let runtime = home.join("run");
    std::fs::create_dir_all(&runtime).expect("a directory");
    for (name, _) in std::env::vars_os() {
        let ours = name.to_str().is_some_and(|name| name.starts_with("SWITCHBOARD_") || name == "PORT");
        if ours {
            command.env_remove(name);
        }
    }
    command.env("HOME", home).env("XDG_DATA_HOME", home.join("data")).env("XDG_RUNTIME_DIR", runtime);
    // Clients look for a server there, too: those of other tests are not meant.
    command.env("TMPDIR", home);
}

/// How to start a server.
#[derive(Debug, Default)]
pub struct ServerOptions {
    args: Vec<String>,
    listens: Vec<String>,
    wrapper: Vec<String>,
    env: Vec<(String, String)>,
    home: Option<PathBuf>,
    chooses_port: bool,
}

impl ServerOptions {
    /// Keeps its history in memory, and listens on any free port of 127.0.0.1 and ::1.
    #[must_use]
    pub fn ephemeral() -> Self {
        Self::default().arg("--ephemeral")
    }

    /// Keeps its history in `data_dir`, and listens on any free port of 127.0.0.1 and ::1.
    #[must_use]
    pub fn stored(data_dir: &Path) -> Self {
        Self::default().arg("--data-dir").arg(&data_dir.display().to_string())
    }

    /// One more argument of `serve`.
    #[must_use]
    pub fn arg(mut self, arg: &str) -> Self {
        self.args.push(arg.to_owned());
        self
    }

    /// One more setting: `limits.message_chars=10`.
    #[must_use]
    pub fn set(self, setting: &str) -> Self {
        self.arg("--set").arg(setting)
    }

    /// Listens here; the first call replaces the default. A bare port means two listeners, an address one.
    #[must_use]
    pub fn listen(mut self, listen: &str) -> Self {
        self.listens.push(listen.to_owned());
        self
    }

    /// Is not told where to listen: it finds a port of its own, on 127.0.0.1 and ::1.
    #[must_use]
    pub fn choosing_its_port(mut self) -> Self {
        self.chooses_port = true;
        self
    }

    /// A variable of its environment.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    /// A program and its arguments that run the server in their own process at last, such as `strace -D -f -o FILE`.
    #[must_use]
    pub fn wrapper(mut self, words: &[&str]) -> Self {
        self.wrapper = words.iter().map(|word| (*word).to_owned()).collect();
        self
    }

    /// The directory that is its home, and holds its runtime directory, instead of a new one.
    #[must_use]
    pub fn home(mut self, home: &Path) -> Self {
        self.home = Some(home.to_owned());
        self
    }

    /// How many lines it says when it is ready.
    fn ready_lines(&self) -> usize {
        self.listens.iter().map(|listen| if is_port(listen) { 2 } else { 1 }).sum()
    }
}

fn is_port(listen: &str) -> bool {
    let place = listen.split_once("://").map_or(listen, |(_, place)| place);
    place.strip_prefix("localhost:").unwrap_or(place).parse::<u16>().is_ok()
}

/// A running server; killed, by its id, when dropped. A test that fails shows the server's log.
#[derive(Debug)]
pub struct Server {
    child: Child,
    /// Its log.
    pub log: Transcript,
    /// Its standard output.
    pub out: Transcript,
    addresses: Vec<SocketAddr>,
    home: Home,
    ended: bool,
}

#[derive(Debug)]
enum Home {
    Own(TempDir),
    Given(PathBuf),
}

impl Server {
    /// Starts a server and waits until it says where it is ready.
    ///
    /// # Panics
    /// It does not get ready.
    #[must_use]
    pub fn start(mut options: ServerOptions) -> Self {
        if options.listens.is_empty() && !options.chooses_port {
            options.listens.push("0".to_owned());
        }
        let ready_lines = if options.chooses_port { 2 } else { options.ready_lines() };
        let (mut command, home) = command(options);
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let mut out = Transcript::record("the server's output", child.stdout.take().expect("piped"));
        let mut log = Transcript::record("the server's log", child.stderr.take().expect("piped"));
        let mut addresses = Vec::new();
        while addresses.len() < ready_lines {
            out.wait_for("ready line", |text| {
                // A server that cannot start says why on the other stream.
                (text.lines().count() > addresses.len() || log.end().is_some()).then_some(())
            });
            if out.lines().len() <= addresses.len() {
                let why = log.expect_end();
                let _ = child.wait();
                panic!("the server does not start: {command:?}\n{why}");
            }
            let line = out.line();
            let address = line.strip_prefix("switchboard: ready on ").and_then(|address| address.parse().ok());
            addresses.push(address.unwrap_or_else(|| panic!("not a ready line: {line:?}")));
        }
        Self { child, log, out, addresses, home, ended: false }
    }

    /// Starts a server that is expected to refuse. Returns how it ended and what it said on standard error.
    ///
    /// # Panics
    /// It runs.
    #[must_use]
    pub fn refused(options: ServerOptions) -> (ExitStatus, String) {
        let (mut command, _home) = command(options);
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let mut out = Transcript::record("the server's output", child.stdout.take().expect("piped"));
        let mut log = Transcript::record("the server's log", child.stderr.take().expect("piped"));
        let ready = out.expect_or_end("ready").is_some();
        if ready {
            let _ = child.kill();
        }
        let status = child.wait().expect("our own child");
        assert!(!ready, "the server starts, which it should not: {command:?}");
        (status, log.expect_end())
    }

    /// Where it listens first: on 127.0.0.1 unless told otherwise.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.addresses[0]
    }

    /// Every listener, in the order of its ready lines.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Where it listens on ::1.
    ///
    /// # Panics
    /// It does not.
    #[must_use]
    pub fn address_v6(&self) -> SocketAddr {
        *self.addresses.iter().find(|address| matches!(address.ip(), IpAddr::V6(_))).expect("an IPv6 listener")
    }

    /// The port of its first listener.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.address().port()
    }

    /// Its process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Its home directory.
    #[must_use]
    pub fn home(&self) -> &Path {
        match &self.home {
            Home::Own(directory) => directory.path(),
            Home::Given(path) => path,
        }
    }

    /// The same binary in the same environment, so that it finds this server by itself.
    #[must_use]
    pub fn command<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Command {
        let mut command = switchboard(self.home());
        command.args(args);
        command
    }

    /// Sends it a signal.
    ///
    /// # Panics
    /// It has ended already.
    pub fn signal(&self, signal: Signal) {
        assert!(!self.ended, "the server has ended");
        kill_process(pid(&self.child), signal).expect("our own child");
    }

    /// SIGTERM; it ends with success. Returns its whole log.
    ///
    /// # Panics
    /// It does not end in time, or not with success.
    pub fn stop(mut self) -> String {
        self.signal(Signal::TERM);
        let status = self.wait();
        assert!(status.success(), "after SIGTERM: {status}");
        self.log.wait_for_end();
        self.log.text()
    }

    /// SIGKILL, and waits until it is gone. Returns its whole log.
    ///
    /// # Panics
    /// It cannot be killed.
    pub fn kill(mut self) -> String {
        self.child.kill().expect("our own child");
        let _ = self.wait();
        self.log.wait_for_end();
        self.log.text()
    }

    /// Waits until it ends by itself.
    ///
    /// # Panics
    /// It does not.
    pub fn wait(&mut self) -> ExitStatus {
        self.out.wait_for_end();
        self.ended = true;
        self.child.wait().expect("our own child")
    }

    /// Checks that it still runs.
    ///
    /// # Panics
    /// It does not.
    pub fn assert_alive(&mut self) {
        let status = self.child.try_wait().expect("our own child");
        assert!(status.is_none(), "the server has ended: {status:?}");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if !self.ended {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
        if std::thread::panicking() {
            eprintln!("--- the server's log:\n{}--- end of the server's log", self.log.text());
        }
    }
}

fn pid(child: &Child) -> Pid {
    i32::try_from(child.id()).ok().and_then(Pid::from_raw).expect("a process id")
}

fn command(options: ServerOptions) -> (Command, Home) {
    let home = match options.home {
        Some(path) => Home::Given(path),
        None => Home::Own(TempDir::new().expect("a directory")),
    };
    let mut command = match options.wrapper.split_first() {
        None => Command::new(binary()),
        Some((program, arguments)) => {
            let mut command = Command::new(program);
            command.args(arguments).arg(binary());
            command
        }
    };
    let directory = match &home {
        Home::Own(directory) => directory.path(),
        Home::Given(path) => path,
    };
    clean(&mut command, directory);
    command.envs(options.env).arg("serve").args(options.args);
    for listen in options.listens {
        command.arg("--listen").arg(listen);
    }
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    (command, home)
}
