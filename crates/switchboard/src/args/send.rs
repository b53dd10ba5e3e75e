//! Arguments of `switchboard send`, and the rule that tells a URL from a text.

use clap::Args;
use switchboard_server::config::Millis;

use super::server::{EntryArgs, is_url};

/// Send one message, for scripts
///
/// It exits with 0 only when the message is stored. Of two arguments, the first is the server and the second the text.
/// One argument is the text, unless it begins with tcp://, tls://, ws://, wss:// or udp://: then it is the server. With
/// no text, standard input is the message. With no server, it finds the one of this machine. A text that begins with a
/// dash goes after --.
#[derive(Args, Debug)]
#[command(override_usage = "switchboard send [OPTIONS] [URL] [TEXT]")]
pub(crate) struct SendArgs {
    /// The server, the message, or both in this order
    #[arg(value_names = ["URL", "TEXT"], num_args = 0..=2)]
    words: Vec<String>,
    /// The room to send it to
    #[arg(long, value_name = "ROOM")]
    pub(crate) room: Option<String>,
    /// The name to be known by
    #[arg(long, value_name = "NICK")]
    pub(crate) nick: Option<String>,
    /// Give up after this time
    #[arg(long, value_name = "DURATION", default_value = "10s")]
    pub(crate) timeout: Millis,
    #[command(flatten)]
    pub(crate) entry: EntryArgs,
}

impl SendArgs {
    /// The server's URL and the text, as far as they were given.
    pub(crate) fn url_and_text(&self) -> (Option<&str>, Option<&str>) {
        match self.words.as_slice() {
            [url, text, ..] => (Some(url), Some(text)),
            [url] if is_url(url) => (Some(url), None),
            [text] => (None, Some(text)),
            [] => (None, None),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::error::ErrorKind;

    use super::super::tests::parse;
    use super::*;

    #[test]
    fn positions_tell_the_server_from_the_text() {
        for (words, url, text) in [
            (&[][..], None, None),
            (&["hello"], None, Some("hello")),
            (&["hello there"], None, Some("hello there")),
            (&[""], None, Some("")),
            (&["https://example.org/"], None, Some("https://example.org/")),
            (&["localhost:12345"], None, Some("localhost:12345")),
            (&["é://x"], None, Some("é://x")),
            (&["tcp://localhost"], Some("tcp://localhost"), None),
            (&["TLS://localhost"], Some("TLS://localhost"), None),
            (&["ws://localhost"], Some("ws://localhost"), None),
            (&["wss://localhost"], Some("wss://localhost"), None),
            (&["udp://localhost"], Some("udp://localhost"), None),
            (&["localhost", "hello"], Some("localhost"), Some("hello")),
            (&["tcp://localhost", "ws://elsewhere"], Some("tcp://localhost"), Some("ws://elsewhere")),
            (&["--", "-1"], None, Some("-1")),
        ] {
            assert_eq!(parse::<SendArgs>(words).unwrap().url_and_text(), (url, text), "{words:?}");
        }
        assert_eq!(parse::<SendArgs>(&["a", "b", "c"]).unwrap_err(), ErrorKind::TooManyValues);
    }

    #[test]
    fn options_may_stand_anywhere() {
        let arguments = ["--room", "garden", "hello", "--nick=bot", "--pass", "sesame", "--timeout", "2s"];
        let args = parse::<SendArgs>(&arguments).unwrap();
        assert_eq!(args.url_and_text(), (None, Some("hello")));
        assert_eq!((args.room.as_deref(), args.nick.as_deref()), (Some("garden"), Some("bot")));
        assert_eq!((args.entry.pass.as_deref(), args.timeout), (Some("sesame"), Millis::seconds(2)));
        assert_eq!(parse::<SendArgs>(&[]).unwrap().timeout, Millis::seconds(10));
        assert_eq!(parse::<SendArgs>(&["--timeout", "2"]).unwrap_err(), ErrorKind::ValueValidation);
    }
}
