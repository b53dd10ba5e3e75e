//! `switchboard echo`: a server that answers each comma-separated parameter, and its client.
//!
//! It is what people try their first socket programs on. One port speaks TCP, UDP and WebSocket.
//! A request is a line, a WebSocket message or a datagram; `a,b,c` gets three replies, each the
//! parameter itself or always the same text. A TCP client that sends no newline is understood,
//! too: until its first newline, what arrives together is a request.

mod client;
mod datagrams;
mod journal;
mod request;
mod scan;
mod server;
mod stream;
mod websocket;

use std::io::{self, Write};
use std::process::ExitCode;
use std::{fmt, future};

pub use client::{ConnectError, converse};
pub use scan::{Found, find};
pub use server::Server;

use crate::config::ListenPlace;

/// The ports that the server takes the first free one of, and that the client looks at.
pub const PORTS: std::ops::RangeInclusive<u16> = 9_000..=9_998;

/// The bytes of a line, message or datagram that is answered. A longer line is answered by an error
/// that names this limit, and its connection is closed.
pub const REQUEST_BYTES_MAX: usize = 64 * 1024;

/// The parameters of a request. What follows the last comma that counts is one parameter, with all
/// further commas in it.
pub const PARAMETERS_MAX: usize = 1_000;

/// The bytes of the text given with `--reply`. With [`PARAMETERS_MAX`] this bounds what a request
/// can make of itself to 1 MB.
pub const REPLY_BYTES_MAX: usize = 1_024;

/// What the echo server is told.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Where to listen, on TCP and UDP; nothing is the first free port of [`PORTS`] on loopback.
    pub listen: Vec<ListenPlace>,
    /// What to answer each parameter with; else it is sent back.
    pub reply: Option<String>,
}

/// Runs the echo server until the process is ended.
///
/// Standard output gets `switchboard: ready on ADDR:PORT` for each listener, and then each
/// parameter with the address it came from. Returns only when the server cannot start: 1 when an
/// address cannot be taken, 2 when the reply is too long.
#[must_use]
pub fn run(options: &Options) -> ExitCode {
    if options.reply.as_ref().is_some_and(|reply| reply.len() > REPLY_BYTES_MAX) {
        complain(format_args!("the reply is longer than {REPLY_BYTES_MAX} bytes"));
        return ExitCode::from(2);
    }
    let served = Server::bind(options, Box::new(io::stdout())).and_then(|server| {
        let mut out = io::stdout().lock();
        for address in server.addresses() {
            writeln!(out, "switchboard: ready on {address}")?;
        }
        out.flush()?;
        drop(out);
        server.run(future::pending())
    });
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(format_args!("{error}"));
            ExitCode::FAILURE
        }
    }
}

/// Runs the client: sends each line of standard input to the echo server at `address`, or to the
/// first one that is found on this machine, and prints each reply, until an empty line or the end
/// of the input.
///
/// Returns 0 when all was answered, 1 when there is no server or it went away, 2 when the address
/// is none, 3 when the server refused a line.
#[must_use]
pub fn connect(address: Option<&str>) -> ExitCode {
    match converse(address, io::stdin().lock(), io::stdout().lock(), io::stderr()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(format_args!("{error}"));
            ExitCode::from(error.exit_code())
        }
    }
}

fn complain(what: fmt::Arguments<'_>) {
    // With standard error closed there is nobody to tell.
    let _ = writeln!(io::stderr(), "switchboard: {what}");
}
