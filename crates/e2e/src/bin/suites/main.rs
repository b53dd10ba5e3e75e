//! The official suites against our engine: those of the two protocols, and those of the JavaScript clients themselves.
//!
//! `suites protocols` or `suites clients`, after `cargo xtask long` has put the official repository's files where
//! [`PLACE`] says and installed what they need. It ends with a failure if a test fails that is not in
//! [`exceptions`], if one passes that is, or if there are more or fewer tests than there were.

mod exceptions;

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use exceptions::{CLIENT_OF_ENGINEIO, CLIENT_OF_SOCKETIO, CLOCK_OF_SOCKETIO, Exception};
use serde_json::Value;
use switchboard_e2e::{Program, Proxy, binary, require_tool, said};
use tempfile::TempDir;

/// Where the files of the official repository are.
const PLACE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/suites");

/// A suite, its server, and what is known of it.
struct Suite {
    name: &'static str,
    /// The folder in the repository from which it runs.
    folder: &'static str,
    /// What runs it there.
    mocha: &'static str,
    arguments: &'static [&'static str],
    /// The example that is its server, and the example's arguments.
    server: &'static [&'static str],
    /// Where the suite looks for its server, if that is elsewhere: behind something that holds up the first request of
    /// each session, as the suite's own server does, because it tests what a client does meanwhile.
    held_up_at: Option<u16>,
    /// Tests that there are, those that skip themselves not counted.
    tests: usize,
    /// The groups of tests that are run in a process of their own, because what they do to the process depends on what
    /// was done in it before.
    alone: &'static [&'static str],
    exceptions: &'static [Exception],
}

const OWN_MOCHA: &str = "node_modules/.bin/mocha";
const SHARED_MOCHA: &str = "../../node_modules/.bin/mocha";

const PROTOCOLS: [Suite; 2] = [
    Suite {
        name: "the protocol of Engine.IO",
        folder: "docs/engine.io-protocol/v4-test-suite",
        mocha: OWN_MOCHA,
        arguments: &["test-suite.js"],
        server: &["conformance", "engine"],
        held_up_at: None,
        tests: 25,
        alone: &[],
        exceptions: &[],
    },
    Suite {
        name: "the protocol of Socket.IO",
        folder: "docs/socket.io-protocol/v5-test-suite",
        mocha: OWN_MOCHA,
        arguments: &["test-suite.js"],
        server: &["conformance", "socket"],
        held_up_at: None,
        tests: 32,
        alone: &[],
        exceptions: &[],
    },
];

const CLIENTS: [Suite; 2] = [
    Suite {
        name: "engine.io-client",
        folder: "packages/engine.io-client",
        mocha: SHARED_MOCHA,
        arguments: &["test/index.js"],
        server: &["client_suites", "engine"],
        held_up_at: None,
        tests: 83,
        alone: &[],
        exceptions: &CLIENT_OF_ENGINEIO,
    },
    Suite {
        name: "socket.io-client",
        folder: "packages/socket.io-client",
        mocha: SHARED_MOCHA,
        arguments: &["--import=tsx", "test/index.ts"],
        server: &["client_suites", "socket", "0"],
        held_up_at: Some(3210),
        tests: 111,
        alone: &CLOCK_OF_SOCKETIO,
        exceptions: &CLIENT_OF_SOCKETIO,
    },
];

fn main() -> ExitCode {
    let suites = match std::env::args().nth(1).as_deref() {
        Some("protocols") => PROTOCOLS,
        Some("clients") => CLIENTS,
        Some(_) | None => {
            eprintln!("suites: say protocols or clients");
            return ExitCode::from(2);
        }
    };
    let mut faults = Vec::new();
    for suite in suites {
        let begun = faults.len();
        let passed = run(&suite, &mut faults);
        println!("{}: {passed} of {}", suite.name, suite.tests);
        for exception in suite.exceptions {
            println!("  not: {} ({})", exception.title, exception.why);
        }
        for fault in &faults[begun..] {
            println!("  FAULT: {fault}");
        }
    }
    if faults.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Runs a suite: what is to pass in one go, and each exception in a process of its own, because what fails in the middle
/// of a test goes on to disturb those after it.
fn run(suite: &Suite, faults: &mut Vec<String>) -> usize {
    let folder = Path::new(PLACE).join(suite.folder);
    assert!(folder.is_dir(), "{} is not there: `cargo xtask long suites` puts it there", folder.display());
    let home = TempDir::new().expect("a directory");
    let (_server, address) = serve(suite.server, home.path());
    let _proxy = suite.held_up_at.map(|port| {
        let places = [SocketAddr::from((Ipv4Addr::LOCALHOST, port)), SocketAddr::from((Ipv6Addr::LOCALHOST, port))];
        Proxy::start(&places, address, hold_up_openings)
    });
    let titles: Vec<String> = suite.exceptions.iter().map(|exception| pattern(exception.title) + "$").collect();
    let alone: Vec<String> = suite.alone.iter().map(|group| pattern(group)).collect();
    let others = [&titles[..], &alone[..]].concat().join("|");
    let most: &[&str] = if others.is_empty() { &[] } else { &["--grep", &others, "--invert"] };
    let mut count = titles.len();
    let mut passed = 0;
    let runs = [most.to_vec()].into_iter().chain(alone.iter().map(|group| vec!["--grep", group.as_str()]));
    for words in runs {
        let report = mocha(suite, &folder, home.path(), &words);
        for test in tests(&report, "failures") {
            faults.push(format!("{}: {}: {}", suite.name, title(test), test["err"]["message"]));
        }
        passed += tests(&report, "passes").len();
        count += tests(&report, "passes").len() + tests(&report, "failures").len();
    }
    if count != suite.tests {
        faults.push(format!("{}: {count} tests instead of {}", suite.name, suite.tests));
    }
    for (exception, pattern) in suite.exceptions.iter().zip(&titles) {
        let report = mocha(suite, &folder, home.path(), &["--grep", pattern]);
        match (tests(&report, "passes"), tests(&report, "failures")) {
            // A test may fail twice: by itself, and when it is over.
            ([], [first, ..]) if title(first) == exception.title => {}
            ([], []) => faults.push(format!("{}: there is no such test: {}", suite.name, exception.title)),
            _ => faults.push(format!("{}: an exception that passes is none: {}", suite.name, exception.title)),
        }
    }
    passed
}

/// Tests of one kind in a report.
fn tests<'a>(report: &'a Value, kind: &str) -> &'a [Value] {
    report[kind].as_array().expect("a list of tests")
}

fn title(test: &Value) -> &str {
    test["fullTitle"].as_str().expect("a title")
}

/// A regular expression for what begins with this title.
fn pattern(title: &str) -> String {
    let mut pattern = String::from("^");
    for c in title.chars() {
        if !c.is_alphanumeric() && c != ' ' {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern
}

/// Runs mocha, and gives its report.
fn mocha(suite: &Suite, folder: &Path, home: &Path, words: &[&str]) -> Value {
    let report = home.join("report.json");
    let mut command = Command::new(require_tool("node", "Debian package nodejs"));
    command.current_dir(folder).arg(suite.mocha).args(["--exit", "--reporter", "json", "--reporter-option"]);
    command.arg(format!("output={}", report.display())).args(suite.arguments).args(words);
    // Mocha gives each test a time, and ends when all of them had theirs.
    let ended = command.stdin(Stdio::null()).output().expect("node starts");
    let text = std::fs::read_to_string(&report)
        .unwrap_or_else(|error| panic!("{}: no report ({error}); {}", suite.name, said(&ended)));
    std::fs::remove_file(&report).expect("our own file");
    serde_json::from_str(&text).expect("mocha's report is JSON")
}

/// What opens a session is held up for as long as the suite's own server takes.
fn hold_up_openings(bytes: &[u8]) -> Duration {
    let head = String::from_utf8_lossy(bytes);
    let line = head.lines().next().unwrap_or_default();
    let opens = line.starts_with("GET ") && line.contains("EIO=4") && !line.contains("sid=");
    if opens { Duration::from_millis(10) } else { Duration::ZERO }
}

/// Starts a suite's server, waits until it is ready on both of its addresses, and gives the first.
fn serve(words: &[&str], home: &Path) -> (Program, SocketAddr) {
    let program = binary().with_file_name("examples").join(words[0]);
    assert!(program.is_file(), "{} is not there: run `cargo build --examples` first", program.display());
    let mut command = Command::new(program);
    command.args(&words[1..]).env("HOME", home).env("XDG_DATA_HOME", home).env("XDG_RUNTIME_DIR", home);
    let mut server = Program::start(words[0], &mut command);
    let mut ready = || {
        // A port that is taken is named on the other stream.
        if server.out.expect_or_end("switchboard: ready on ").is_none() {
            panic!("{words:?} does not start: {}", server.err.expect_end());
        }
        server.out.line().parse::<SocketAddr>().expect("an address")
    };
    let address = ready();
    let _ = ready();
    (server, address)
}
