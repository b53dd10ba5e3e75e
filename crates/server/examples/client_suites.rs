//! The test servers of the official clients' own suites: what `engine.io-client` wants on port 3000, and what
//! `socket.io-client` wants on port 3210, or each on another port.
//!
//! `cargo run -p switchboard-server --example client_suites -- engine`, or `-- socket`, and a port; `cargo xtask long
//! suites` runs the suites against it, and names each test that cannot pass, with the reason.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use switchboard_core::{Attachments, CloseReason, Code, Refusal};
use switchboard_protocols::conversation::{Down, Upper};
use switchboard_protocols::engineio::Settings;
use switchboard_protocols::socketio::{Behaviour, Entry, Heard, Namespace, Namespaces, Said, Shows};
use switchboard_protocols::{Conversation, Framing, Tick};
use switchboard_server::config::{Config, Layers};
use switchboard_server::serve::{Application, Endpoint, run_with};

/// What an official server makes of a date in 2026.
const DATE: &str = "\"2026-01-02T03:04:05.678Z\"";
/// What the suite wants to hear, each as an event of its own.
const UTF8: [&str; 5] = ["てすと", "Я Б Г Д Ж Й", "Ä ä Ü ü ß", "utf8 — string", "utf8 — string"];

/// Sends `hi` first, and then every message back, but for a few that ask for something.
struct EngineServer;

fn send_text(down: &mut Down<'_>, text: &str) {
    down.send(&[], |out| {
        out.push(b'4');
        out.extend_from_slice(text.as_bytes());
    });
}

impl Upper for EngineServer {
    fn opened(&mut self, down: &mut Down<'_>) {
        send_text(down, "hi");
    }

    fn text(&mut self, _now: Tick, text: &str, down: &mut Down<'_>) -> Result<(), CloseReason> {
        match text {
            "give binary" => down.send_binary(&[0, 1, 2, 3, 4]),
            "give utf8" => send_text(down, "пойду спать всем спокойной ночи"),
            // An `Upper` knows nothing of the requests that brought its messages.
            "sendHeaders" => send_text(down, "{}"),
            other => send_text(down, other),
        }
        Ok(())
    }

    fn binary(&mut self, _now: Tick, bytes: &[u8], down: &mut Down<'_>) -> Result<(), CloseReason> {
        down.send_binary(bytes);
        Ok(())
    }

    fn deadline(&self) -> Option<Tick> {
        None
    }

    fn tick(&mut self, _now: Tick) -> Result<(), CloseReason> {
        Ok(())
    }

    fn branch(&mut self, _branch: u32, _framing: Framing) -> Option<Box<dyn Conversation>> {
        None
    }
}

/// What a namespace of the suite of `socket.io-client` does.
#[derive(Debug)]
enum Namespaced {
    /// `/`: answers what its tests ask for.
    Main {
        /// The first of two events whose order a test looks at has come.
        has_first: AtomicBool,
    },
    /// Sends each socket what it connected with.
    Handshake,
    /// Refuses every socket.
    Nobody,
    /// Accepts every socket, and answers `getId` only.
    Quiet,
}

fn emit(name: &str, args: &str) -> Said {
    Said::Emit { name: name.to_owned(), args: args.to_owned(), binary: Attachments::default() }
}

/// An event with some bytes as its one argument.
fn emit_bytes(name: &str) -> Said {
    let binary: Attachments = Arc::from([Arc::<[u8]>::from(&b"asdfasdf"[..])]);
    Said::Emit { name: name.to_owned(), args: "[{\"_placeholder\":true,\"num\":0}]".to_owned(), binary }
}

fn acknowledge(args: String) -> Said {
    Said::Acknowledge { args, binary: Attachments::default() }
}

/// The one argument that came is bytes.
fn is_bytes(heard: &Heard<'_>) -> bool {
    heard.binary.len() == 1 && heard.args.len() == 1 && heard.args[0].get().contains("\"_placeholder\"")
}

/// The one argument that came is the object with bytes in it that the suite sends.
fn is_mixed(heard: &Heard<'_>) -> bool {
    let text = heard.args_json();
    heard.binary.len() == 1 && text.contains("\"hello\":\"lol\"") && text.contains("\"goodbye\":\"gotcha\"")
}

impl Behaviour for Namespaced {
    fn enter(&self, auth: &str) -> Result<Entry, Refusal> {
        match self {
            Self::Main { .. } | Self::Quiet => Ok(Entry::Alone(Vec::new())),
            // A `Behaviour` is told what the client says of itself, not what was in its first request.
            Self::Handshake => {
                Ok(Entry::Alone(vec![emit("handshake", &format!("[{{\"auth\":{auth},\"query\":{{}}}}]"))]))
            }
            Self::Nobody => Err(Code::BadRequest.refuse(None, "Auth failed (custom namespace)")),
        }
    }

    fn event(&self, heard: &Heard<'_>, said: &mut Vec<Said>) {
        match (self, heard.name) {
            // A `Behaviour` is the same for all sockets and knows none's id.
            (_, "getId") => said.push(acknowledge("[\"\"]".to_owned())),
            (Self::Main { has_first }, name) => answer(name, heard, has_first, said),
            (Self::Handshake | Self::Nobody | Self::Quiet, _) => {}
        }
    }
}

/// What the suite's server does on `/`.
fn answer(name: &str, heard: &Heard<'_>, has_first: &AtomicBool, said: &mut Vec<Said>) {
    match name {
        "hi" => said.push(emit("hi", "[]")),
        "echo" => {
            let args = heard.args.first().map_or("[]".to_owned(), |arg| format!("[{}]", arg.get()));
            said.push(Said::Acknowledge { args, binary: heard.binary.clone() });
        }
        // The suite's own server asks for an acknowledgement here, which no `Behaviour` can.
        "ack" => said.push(emit("ack", "[]")),
        "getAckDate" => said.push(acknowledge(format!("[{DATE}]"))),
        "getDate" => said.push(emit("takeDate", &format!("[{DATE}]"))),
        "getDateObj" => said.push(emit("takeDateObj", &format!("[{{\"date\":{DATE}}}]"))),
        "getUtf8" => said.extend(UTF8.map(|text| emit("takeUtf8", &format!("[\"{text}\"]")))),
        "false" => said.push(emit("false", "[false]")),
        "doge" => said.push(emit_bytes("doge")),
        "getbin" => said.push(emit_bytes("takebin")),
        "buffa" if is_bytes(heard) => said.push(emit("buffack", "[]")),
        "jsonbuff" if is_mixed(heard) => said.push(emit("jsonbuff-ack", "[]")),
        "abuff1" if is_bytes(heard) => has_first.store(true, Ordering::Relaxed),
        "abuff2" if has_first.swap(false, Ordering::Relaxed) => said.push(emit("abuff2-ack", "[]")),
        "getHandshake" => said.push(acknowledge("[{\"auth\":{},\"query\":{}}]".to_owned())),
        _ => {}
    }
}

fn namespace(path: &str, behaviour: Namespaced) -> Namespace {
    Namespace { behaviour: Box::new(behaviour), shows: Shows::Relayed, ..Namespace::chat(path) }
}

fn namespaces() -> &'static Namespaces {
    let main = namespace("/", Namespaced::Main { has_first: AtomicBool::new(false) });
    let quiet = ["/foo", "/timeout_socket", "/valid", "/asd"].map(|path| namespace(path, Namespaced::Quiet));
    let others = [namespace("/abc", Namespaced::Handshake), namespace("/no", Namespaced::Nobody)];
    Namespaces::new([main].into_iter().chain(quiet).chain(others).collect(), None, Arc::default())
}

fn main() -> ExitCode {
    let defaults = Settings::default();
    let (port, path, settings, application) = match std::env::args().nth(1).as_deref() {
        Some("engine") => {
            let settings = Settings { ping_interval_ms: 500, max_payload: 100, ..defaults };
            let make = || Box::new(EngineServer) as Box<dyn Upper>;
            ("3000", "/engine.io/", settings, Application::Other(Arc::new(make)))
        }
        Some("socket") => {
            let settings = Settings { ping_interval_ms: 2_000, ..defaults };
            ("3210", "/socket.io/", settings, Application::SocketIo(namespaces()))
        }
        Some(_) | None => {
            eprintln!("client_suites: say engine or socket");
            return ExitCode::from(2);
        }
    };
    let mut config = Config::default();
    let port = std::env::args().nth(2).unwrap_or_else(|| port.to_owned());
    let Ok(listen) = port.parse() else {
        eprintln!("client_suites: {port} is not a port");
        return ExitCode::from(2);
    };
    config.server.listen = vec![listen];
    config.server.ephemeral = true;
    let endpoint = Endpoint { path: path.to_owned(), settings: Arc::new(settings), application };
    run_with(config, Layers::default(), Some(endpoint))
}
