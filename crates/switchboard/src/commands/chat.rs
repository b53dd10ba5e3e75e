//! `switchboard chat`: the terminal client.

use std::process::ExitCode;

use switchboard_client::chat::{self, Options};
use switchboard_client::login::Login;

use crate::args::chat::ChatArgs;

pub(crate) fn run(args: ChatArgs) -> ExitCode {
    // Lines are all there is today, on a terminal too: `--plain` says so for scripts that rely on it.
    let ChatArgs { url, nick, room, plain: _, entry } = args;
    chat::run(Options { login: Login { url, nick, room, pass: entry.pass, fingerprint: entry.fingerprint } })
}
