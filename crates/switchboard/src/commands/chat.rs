//! `switchboard chat`: the terminal client, full-screen where there is a screen, in lines everywhere else.

use std::io::{IsTerminal, stdin, stdout};
use std::process::ExitCode;

use switchboard_client::chat;
use switchboard_client::login::Login;

use crate::args::chat::ChatArgs;

pub(crate) fn run(args: ChatArgs) -> ExitCode {
    let ChatArgs { url, nick, room, profile, plain, entry } = args;
    let login = Login { url, nick, room, pass: entry.pass, fingerprint: entry.fingerprint };
    let on_screen = !plain && stdin().is_terminal() && stdout().is_terminal();
    match (switchboard_tui::resolve(login, profile.as_deref()), on_screen) {
        (Ok(chosen), true) => switchboard_tui::run(chosen),
        (Ok(chosen), false) => chat::run(chat::Options { login: chosen.login }),
        (Err(code), _) => code,
    }
}
