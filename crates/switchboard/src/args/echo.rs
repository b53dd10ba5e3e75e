//! Arguments of `switchboard echo`.

use clap::Args;
use switchboard_server::config::{Listen, ListenPlace, Pin};

/// Run the echo server, or its client
///
/// The server splits what it gets at commas and sends each parameter back, over TCP, UDP and WebSocket on one port.
#[derive(Args, Debug)]
pub(crate) struct EchoArgs {
    /// Listen here: ADDRESS:PORT, or PORT for loopback; without it, on the first free port from 9000 to 9998
    #[arg(long, value_name = "ADDRESS", value_parser = listen_place)]
    pub(crate) listen: Option<ListenPlace>,
    /// Reply with this text to each parameter
    #[arg(long, value_name = "TEXT")]
    pub(crate) reply: Option<String>,
    /// Be the client: send lines to the server at HOST[:PORT], or to the first found on ports 9000 to 9998 of this
    /// machine; an empty line ends it
    #[arg(long, value_name = "ADDRESS", conflicts_with_all = ["listen", "reply"])]
    #[expect(clippy::option_option, reason = "the flag's absence, the flag alone, and the flag with its value")]
    pub(crate) connect: Option<Option<String>>,
}

/// The echo server speaks one protocol, so nothing can be pinned.
fn listen_place(text: &str) -> Result<ListenPlace, String> {
    match text.parse()? {
        Listen { pin: Pin::Any, place } => Ok(place),
        Listen { pin: Pin::Text | Pin::Json | Pin::Http | Pin::Udp, place: _ } => {
            Err("takes no scheme: everything is echoed on one port".to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::error::ErrorKind;

    use super::super::tests::parse;
    use super::*;

    #[test]
    fn every_form_is_parsed() {
        let args = parse::<EchoArgs>(&[]).unwrap();
        assert_eq!((args.listen, args.reply, args.connect), (None, None, None));
        let args = parse::<EchoArgs>(&["--listen", "127.0.0.1:9000", "--reply", "thanks, got it"]).unwrap();
        assert_eq!(args.listen, Some(ListenPlace::Address("127.0.0.1:9000".parse().unwrap())));
        assert_eq!(args.reply.as_deref(), Some("thanks, got it"));
        assert_eq!(parse::<EchoArgs>(&["--listen=9000"]).unwrap().listen, Some(ListenPlace::Port(9_000)));
        assert_eq!(parse::<EchoArgs>(&["--connect"]).unwrap().connect, Some(None));
        assert_eq!(
            parse::<EchoArgs>(&["--connect", "[::1]:9000"]).unwrap().connect,
            Some(Some("[::1]:9000".to_owned()))
        );
    }

    #[test]
    fn nonsense_is_a_usage_error() {
        for (arguments, kind) in [
            (&["--connect", "--reply", "x"][..], ErrorKind::ArgumentConflict),
            (&["--connect", "--listen", "1"], ErrorKind::ArgumentConflict),
            (&["--listen", "udp://1"], ErrorKind::ValueValidation),
            (&["--listen", "x"], ErrorKind::ValueValidation),
            (&["x"], ErrorKind::UnknownArgument),
        ] {
            assert_eq!(parse::<EchoArgs>(arguments).unwrap_err(), kind, "{arguments:?}");
        }
    }
}
