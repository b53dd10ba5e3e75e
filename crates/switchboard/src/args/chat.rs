//! Arguments of `switchboard chat`.

use clap::Args;

use super::server::EntryArgs;

/// Talk in a room, in the terminal
///
/// Without URL, it finds the server of this machine. A URL is tcp://, tls://, ws://, wss:// or udp:// with a host and a
/// port, or a bare HOST[:PORT] for TCP.
#[derive(Args, Debug)]
pub(crate) struct ChatArgs {
    /// The server
    #[arg(value_name = "URL")]
    pub(crate) url: Option<String>,
    /// The name to be known by
    #[arg(long, value_name = "NICK")]
    pub(crate) nick: Option<String>,
    /// The room to talk in
    #[arg(long, value_name = "ROOM")]
    pub(crate) room: Option<String>,
    /// The server of this name in the client's configuration
    #[arg(long, value_name = "NAME", conflicts_with = "url")]
    pub(crate) profile: Option<String>,
    /// Plain lines, also on a terminal
    #[arg(long)]
    pub(crate) plain: bool,
    #[command(flatten)]
    pub(crate) entry: EntryArgs,
}

#[cfg(test)]
mod tests {
    use clap::error::ErrorKind;

    use super::super::tests::parse;
    use super::*;

    #[test]
    fn every_form_is_parsed() {
        let args = parse::<ChatArgs>(&[]).unwrap();
        assert_eq!((args.url, args.nick, args.room, args.plain), (None, None, None, false));
        assert_eq!(args.entry, EntryArgs::default());
        let args = parse::<ChatArgs>(&[
            "wss://chat.example.org",
            "--nick",
            "ada",
            "--room=garden",
            "--plain",
            "--pass",
            "sesame",
            "--fingerprint=ab",
        ])
        .unwrap();
        assert_eq!(args.url.as_deref(), Some("wss://chat.example.org"));
        assert_eq!((args.nick.as_deref(), args.room.as_deref(), args.plain), (Some("ada"), Some("garden"), true));
        assert_eq!(args.entry.pass.as_deref(), Some("sesame"));
        assert_eq!(args.entry.fingerprint.as_deref(), Some("ab"));
        assert_eq!(parse::<ChatArgs>(&["--profile", "home"]).unwrap().profile.as_deref(), Some("home"));
        assert_eq!(parse::<ChatArgs>(&["a", "--profile", "home"]).unwrap_err(), ErrorKind::ArgumentConflict);
        assert_eq!(parse::<ChatArgs>(&["a", "b"]).unwrap_err(), ErrorKind::UnknownArgument);
    }
}
