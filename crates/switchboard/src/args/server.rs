//! Arguments of every command that connects to a server: how to get in.

use clap::Args;

/// What it takes to be let in.
#[derive(Args, Debug, Default, PartialEq, Eq)]
pub(crate) struct EntryArgs {
    /// The join code, where the server asks for one
    #[arg(long, value_name = "CODE")]
    pub(crate) pass: Option<String>,
    /// Trust exactly the certificate with this SHA-256 fingerprint
    #[arg(long, value_name = "SHA256")]
    pub(crate) fingerprint: Option<String>,
}

/// The schemes by which a server is addressed; without one, an address is host[:port] over TCP.
pub(crate) const SCHEMES: [&str; 5] = ["tcp://", "tls://", "ws://", "wss://", "udp://"];

/// Whether `word` can only be meant as a server's address. `https://` is none: a link is something to say.
pub(crate) fn is_url(word: &str) -> bool {
    SCHEMES.iter().any(|scheme| word.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme)))
}
