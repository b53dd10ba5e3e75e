//! `switchboard send`: one message.

use std::process::ExitCode;

use switchboard_client::login::Login;
use switchboard_client::send::{self, Options};

use crate::args::send::SendArgs;

pub(crate) fn run(args: SendArgs) -> ExitCode {
    let (url, text) = args.url_and_text();
    let (url, text) = (url.map(str::to_owned), text.map(str::to_owned));
    let SendArgs { room, nick, timeout, entry, .. } = args;
    let login = Login { url, nick, room, pass: entry.pass, fingerprint: entry.fingerprint };
    send::run(Options { login, text, timeout: timeout.duration() })
}
