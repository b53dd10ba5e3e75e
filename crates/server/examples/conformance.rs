//! The servers that the official test suites of Engine.IO and Socket.IO expect, on port 3000.
//!
//! `cargo run -p switchboard-server --example conformance -- engine` for the suite of Engine.IO version 4, `-- socket`
//! for that of Socket.IO version 5.
//!
//! The suite of Socket.IO waits for one message after the other, and misses the second of two that came in one piece, as
//! the answer to a CONNECT and the event behind it do here, unless its `ws` hands them out one at a time:
//! `npm install ws@8.16.0` in its folder, and all of it passes.

use std::process::ExitCode;
use std::sync::Arc;
use switchboard_core::{Attachments, CloseReason, Refusal};
use switchboard_protocols::conversation::{Down, Upper};
use switchboard_protocols::engineio::Settings;
use switchboard_protocols::socketio::{Behaviour, Entry, Heard, Namespace, Namespaces, Said, Shows};
use switchboard_protocols::{Conversation, Framing, Tick};
use switchboard_server::config::{Config, Layers};
use switchboard_server::serve::{Application, Endpoint, run_with};

/// Says every message back.
struct EngineEcho;

impl Upper for EngineEcho {
    fn text(&mut self, _now: Tick, text: &str, down: &mut Down<'_>) -> Result<(), CloseReason> {
        down.send(&[], |out| {
            out.push(b'4');
            out.extend_from_slice(text.as_bytes());
        });
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

/// What the suite of Socket.IO wants of a namespace.
#[derive(Debug)]
struct SocketEcho;

impl Behaviour for SocketEcho {
    fn enter(&self, auth: &str) -> Result<Entry, Refusal> {
        let args = format!("[{auth}]");
        Ok(Entry::Alone(vec![Said::Emit { name: "auth".to_owned(), args, binary: Attachments::default() }]))
    }

    fn event(&self, heard: &Heard<'_>, said: &mut Vec<Said>) {
        let (args, binary) = (heard.args_json(), heard.binary.clone());
        match heard.name {
            "message" => said.push(Said::Emit { name: "message-back".to_owned(), args, binary }),
            "message-with-ack" => said.push(Said::Acknowledge { args, binary }),
            _ => {}
        }
    }
}

fn namespace(path: &str) -> Namespace {
    let behaviour = Box::new(SocketEcho);
    Namespace { behaviour, shows: Shows::Relayed, ..Namespace::chat(path) }
}

fn main() -> ExitCode {
    let (path, application) = match std::env::args().nth(1).as_deref() {
        Some("engine") => ("/engine.io/", Application::Other(Arc::new(|| Box::new(EngineEcho) as Box<dyn Upper>))),
        Some("socket") => {
            let list = vec![namespace("/"), namespace("/custom")];
            ("/socket.io/", Application::SocketIo(Namespaces::new(list, None, Arc::default())))
        }
        Some(_) | None => {
            eprintln!("conformance: say engine or socket");
            return ExitCode::from(2);
        }
    };
    let settings = Settings {
        ping_interval_ms: 300,
        ping_timeout_ms: 200,
        connect_timeout_ms: 1_000,
        max_payload: 1_000_000,
        ..Settings::default()
    };
    let mut config = Config::default();
    config.server.listen = vec!["3000".parse().expect("a port")];
    config.server.ephemeral = true;
    let endpoint = Endpoint { path: path.to_owned(), settings: Arc::new(settings), application };
    run_with(config, Layers::default(), Some(endpoint))
}
