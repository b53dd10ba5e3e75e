//! `switchboard echo`: the echo server, and its client.

use std::process::ExitCode;

use switchboard_server::echo;

use crate::args::echo::EchoArgs;

pub(crate) fn run(args: EchoArgs) -> ExitCode {
    let EchoArgs { listen, reply, connect } = args;
    match connect {
        Some(address) => echo::connect(address.as_deref()),
        None => echo::run(&echo::Options { listen: listen.into_iter().collect(), reply }),
    }
}
