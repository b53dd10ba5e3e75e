//! Arguments of `switchboard ping`.

use clap::Args;

use super::server::EntryArgs;

/// Measure the times to connect, of the TLS handshake, and of round trips
///
/// Without URL, it finds the server of this machine.
#[derive(Args, Debug)]
pub(crate) struct PingArgs {
    /// The server
    #[arg(value_name = "URL")]
    pub(crate) url: Option<String>,
    /// How many round trips
    #[arg(long, value_name = "COUNT", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) count: u32,
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
        let args = parse::<PingArgs>(&[]).unwrap();
        assert_eq!((args.url, args.count), (None, 4));
        let args = parse::<PingArgs>(&["tls://localhost:1", "--count", "10", "--fingerprint", "ab"]).unwrap();
        assert_eq!((args.url.as_deref(), args.count), (Some("tls://localhost:1"), 10));
        assert_eq!(args.entry.fingerprint.as_deref(), Some("ab"));
        assert_eq!(parse::<PingArgs>(&["--count", "0"]).unwrap_err(), ErrorKind::ValueValidation);
    }
}
