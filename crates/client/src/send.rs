//! `switchboard send`: one message, for scripts.

use crate::chat::{UTF16, is_utf16};
use crate::clean;
use crate::client::{Client, Options as ClientOptions};
use crate::event::Event;
use crate::exit::Exit;
use crate::login::Login;
use crate::request::Target;
use std::io::{self, Read};
use std::process::ExitCode;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// Bytes of standard input that are read. No server takes a message of that length.
const TEXT_BYTES_MAX: u64 = 1024 * 1024;

/// The options of `send`.
#[derive(Clone)]
pub struct Options {
    pub login: Login,
    /// The message. None: the whole of standard input, without the line end at its end and without what nobody sees
    /// around it; a NUL in it is a line end.
    pub text: Option<String>,
    /// How long everything may take.
    pub timeout: Duration,
}

impl Options {
    /// The time that it may take when nobody says.
    pub const TIMEOUT: Duration = Duration::from_secs(10);
}

/// Sends one message: [`Exit::Good`] only when it is stored.
#[must_use]
pub fn run(options: Options) -> ExitCode {
    let text = match text(options.text, io::stdin().lock()) {
        Ok(text) => text,
        Err(why) => {
            eprintln!("switchboard: {why}");
            return Exit::Usage.into();
        }
    };
    let within = options.timeout;
    crate::command::blocking(options.login, |mut login| async move {
        login.wish.is_script = true;
        let (exit, why) = deliver(login, text, within).await;
        if let Some(why) = why {
            eprintln!("switchboard: {}", clean::line(&why));
        }
        exit
    })
}

/// Sends one message, connecting as often as it takes, within a time; with words for people where it failed.
pub async fn deliver(login: ClientOptions, text: String, within: Duration) -> (Exit, Option<String>) {
    let deadline = Instant::now() + within;
    let (handle, mut events) = Client::connect(login);
    let Ok(id) = handle.say(Target::Current, text, false).await else {
        return (Exit::NotConnected, None);
    };
    let mut why = "the message was not acknowledged in time".to_owned();
    let outcome = loop {
        match timeout_at(deadline, events.next()).await {
            Ok(Some(Event::Delivered { id: delivered, .. })) if delivered == id => break (Exit::Good, None),
            Ok(Some(Event::NotSent { id: refused, message, .. })) if refused == id => {
                break (Exit::Refused, Some(format!("not sent: {message}")));
            }
            Ok(Some(Event::Refused { message, .. })) => why = message,
            Ok(Some(Event::Disconnected { why: because, .. })) => why = format!("not connected: {because}"),
            Ok(Some(Event::Ended(ending))) => break (ending.exit(), Some(ending.to_string())),
            Ok(Some(_)) => {}
            Ok(None) | Err(_) => break (Exit::NotConnected, Some(why)),
        }
    };
    handle.leave();
    // The goodbye is bounded by the client itself.
    while events.next().await.is_some() {}
    outcome
}

fn text(given: Option<String>, input: impl Read) -> Result<String, String> {
    let text = match given {
        Some(text) => text,
        None => {
            let mut bytes = Vec::new();
            input
                .take(TEXT_BYTES_MAX + 1)
                .read_to_end(&mut bytes)
                .map_err(|error| format!("standard input: {error}"))?;
            if bytes.len() as u64 > TEXT_BYTES_MAX {
                return Err(format!("standard input has more than {TEXT_BYTES_MAX} bytes"));
            }
            if is_utf16(&bytes) {
                return Err(UTF16.to_owned());
            }
            let text = String::from_utf8(bytes).map_err(|_| "standard input is not UTF-8".to_owned())?;
            let text = clean::trim(&text);
            let text = text.strip_suffix('\n').map_or(text, |text| text.strip_suffix('\r').unwrap_or(text));
            clean::trim(text).replace('\0', "\n")
        }
    };
    if clean::is_blank(&text) { Err("there is nothing to send".to_owned()) } else { Ok(text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_is_the_argument_or_the_whole_input() {
        for (given, input, expected) in [
            (Some("hi"), &b"ignored"[..], Some("hi")),
            (None, b"hi\n", Some("hi")),
            (None, b"one\r\ntwo\r\n", Some("one\r\ntwo")),
            (None, b"hi\n\n", Some("hi\n")),
            (None, b"\n", None),
            (None, b"\xEF\xBB\xBFhi\0\0\0", Some("hi")),
            (None, b"hi\n\0\0\0", Some("hi")),
            (None, b"one\0two\0", Some("one\ntwo")),
            (None, b"\xFF\xFEh\0i\0", None),
            (None, b"\xE2\x80\x8B\n", None),
            (Some("\u{200b}"), b"", None),
            (None, b"", None),
            (Some(" "), b"", None),
            (None, b"\xff", None),
            (None, &[b'a'; TEXT_BYTES_MAX as usize + 1], None),
        ] {
            assert_eq!(text(given.map(str::to_owned), input).ok().as_deref(), expected);
        }
    }
}
