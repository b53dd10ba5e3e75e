//! Socket.IO clients of several languages and versions, by every transport, through every check of one list.
//!
//! `clients [WORDS]`: only those whose names and transports have all of the words in them. `cargo xtask long clients`
//! installs the clients first. It ends with a failure if a check fails that is no exception, if an exception passes, or
//! if a program leaves a check out.

mod list;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Duration;

use list::{CHECKS, EXCEPTIONS};
use serde_json::Value;
use switchboard_e2e::{Program, Proxy, Server, ServerOptions, require_tool};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
/// What each program is told of the transport.
const TRANSPORTS: [&str; 3] = ["polling", "websocket", "upgrade"];

/// A client, and the program that puts it through the list.
struct Client {
    name: &'static str,
    program: fn() -> Command,
}

const CLIENTS: [Client; 9] = [
    Client { name: "socket.io-client 3.0.5", program: || javascript("3.0") },
    Client { name: "socket.io-client 4.0.2", program: || javascript("4.0") },
    Client { name: "socket.io-client 4.4.1", program: || javascript("4.4") },
    Client { name: "socket.io-client 4.6.2", program: || javascript("4.6") },
    Client { name: "socket.io-client 4.8.4", program: || javascript("4.8") },
    Client { name: "python-socketio 5.18.1, synchronous", program: || python("sync") },
    Client { name: "python-socketio 5.18.1, asyncio", program: || python("async") },
    Client { name: "rust_socketio 0.6.0", program: rust },
    Client { name: "io.socket:socket.io-client 2.1.2 (Java)", program: java },
];

/// A file that has been installed.
fn installed(path: &str) -> PathBuf {
    let path = Path::new(ROOT).join(path);
    assert!(path.exists(), "{} is not there: `cargo xtask long clients` installs it", path.display());
    path
}

fn javascript(version: &str) -> Command {
    let _ = installed("crates/e2e/clients/js/node_modules");
    let mut command = Command::new(require_tool("node", "Debian package nodejs"));
    command.arg(installed("crates/e2e/clients/js/check.mjs")).arg(version);
    command
}

fn python(manner: &str) -> Command {
    let mut command = Command::new(installed("target/socketio-venv/bin/python"));
    command.arg(installed("crates/e2e/clients/python/check.py")).arg(manner);
    command
}

fn rust() -> Command {
    Command::new(installed("target/clients/rust/debug/check"))
}

fn java() -> Command {
    let mut command = Command::new(require_tool("java", "Debian package default-jdk-headless"));
    let jars = installed("target/clients/java").join("*");
    command.arg("-cp").arg(jars).arg(installed("crates/e2e/clients/java/Check.java"));
    command
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let mut faults = Vec::new();
    for client in &CLIENTS {
        for transport in TRANSPORTS {
            let name = format!("{}, {transport}", client.name);
            if words.iter().all(|word| name.contains(word.as_str())) {
                let begun = faults.len();
                let passed = judge(client, transport, &name, &run(client, transport, &name), &mut faults);
                println!("{name}: {passed} of {}", CHECKS.len());
                for fault in &faults[begun..] {
                    println!("  FAULT: {fault}");
                }
            }
        }
    }
    for exception in EXCEPTIONS {
        println!("not: {} ({}): {}", exception.client, exception.check, exception.why);
    }
    if faults.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn server(settings: &[&str]) -> Server {
    let options = ServerOptions::ephemeral()
        .set("auth.join_code=sesame")
        .set("socketio.namespaces=[\"/game\"]")
        .set("socketio.ping_interval=\"1s\"")
        .set("socketio.ping_timeout=\"5s\"")
        .set("limits.messages_per_second=0")
        .set("limits.commands_per_second=0")
        .set("limits.handshakes=0");
    Server::start(settings.iter().fold(options, |options, setting| options.set(setting)))
}

/// What a check came to: why it failed, if it did.
type Result = (String, Option<String>);

/// Runs a client's program against servers of its own, and gives the results in their order.
fn run(client: &Client, transport: &str, name: &str) -> Vec<Result> {
    let (plain, recovering) = (server(&[]), server(&["socketio.recovery=\"2m\""]));
    let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let ways = [&plain, &recovering].map(|server| Proxy::start(&[any], server.address(), |_| Duration::ZERO));
    let addresses = [plain.address(), ways[0].address(), ways[1].address()];
    let mut command = (client.program)();
    command.arg(transport).args(addresses.map(|address| format!("http://{address}")));
    let mut program = Program::start(name, &mut command);
    let mut results = Vec::new();
    while let Some(line) = program.out.expect_or_end("\n") {
        let Ok(said) = serde_json::from_str::<Value>(&line) else { panic!("{name}: not a result: {line}") };
        if said["ask"] == "cut" {
            ways.iter().for_each(Proxy::cut);
            program.say("done");
        } else {
            let check = said["check"].as_str().expect("a check's name").to_owned();
            let why = (said["ok"] != true).then(|| said["why"].as_str().unwrap_or("no reason").to_owned());
            results.push((check, why));
        }
    }
    program.finish();
    results
}

/// Compares results with the list, and gives how many checks passed.
fn judge(client: &Client, transport: &str, name: &str, results: &[Result], faults: &mut Vec<String>) -> usize {
    let names: Vec<&str> = results.iter().map(|(check, _)| check.as_str()).collect();
    if names != CHECKS.map(|(check, _)| check) {
        faults.push(format!("{name}: its checks are not those of the list: {names:?}"));
    }
    for (check, why) in results {
        let is_exception = EXCEPTIONS.iter().any(|exception| {
            exception.client == client.name && exception.transports.contains(&transport) && exception.check == check
        });
        match why {
            Some(why) if !is_exception => faults.push(format!("{name}: {check}: {why}")),
            None if is_exception => faults.push(format!("{name}: {check}: an exception that passes is none")),
            Some(_) | None => {}
        }
    }
    results.iter().filter(|(_, why)| why.is_none()).count()
}
