//! `switchboard ping`: how long things take.

use std::process::ExitCode;

use switchboard_client::ping::{self, Options};

use crate::args::ping::PingArgs;

pub(crate) fn run(args: PingArgs) -> ExitCode {
    let PingArgs { url, count, entry } = args;
    ping::run(Options { url, count, fingerprint: entry.fingerprint, ..Options::default() })
}
