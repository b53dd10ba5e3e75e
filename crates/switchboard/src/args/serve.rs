//! Arguments of `switchboard serve`: the flags are the last layer of the configuration.

use std::ffi::OsString;

use clap::Args;
use clap::builder::PossibleValuesParser;
use switchboard_server::config::{FlagValue, Layers, LogFormat, LogLevel};

use super::config::LayerArgs;

/// Run the server
///
/// Without options it listens on loopback only, 127.0.0.1 and ::1, TCP and UDP, on the first free port from 12345 on (or
/// the one that the variable PORT names), and keeps the history in the user's data directory.
#[derive(Args, Debug)]
pub(crate) struct ServeArgs {
    /// Listen here: ADDRESS:PORT, or PORT for loopback; text://, json://, http:// or udp:// before it pins the protocol;
    /// may be repeated
    #[arg(long, value_name = "ADDRESS")]
    listen: Vec<String>,
    /// Listen on this network too: private addresses, a join code, URLs and a QR code
    #[arg(long)]
    lan: bool,
    /// Speak TLS with this certificate chain (PEM)
    #[arg(long, value_name = "FILE")]
    tls_cert: Option<String>,
    /// The private key of the certificate (PEM)
    #[arg(long, value_name = "FILE")]
    tls_key: Option<String>,
    /// Speak TLS with a certificate of our own, made once; its fingerprint is printed
    #[arg(long)]
    tls_self_signed: bool,
    /// Allow addresses other than loopback without TLS
    #[arg(long)]
    allow_plaintext: bool,
    /// Keep the history in this directory
    #[arg(long, value_name = "DIR")]
    data_dir: Option<String>,
    /// Keep no history: nothing survives a restart
    #[arg(long)]
    ephemeral: bool,
    /// Serve this folder at /, for a front-end of your own that uses Socket.IO
    #[arg(long = "static", value_name = "DIR")]
    static_dir: Option<String>,
    /// With --static: index.html for every path without a file, for a front-end that makes its pages itself
    #[arg(long)]
    spa: bool,
    /// Take this Socket.IO event for a message of the chat, such as 'chat message'
    #[arg(long, value_name = "NAME")]
    message_event: Option<String>,
    #[command(flatten)]
    layers: LayerArgs,
    /// The form of the log, which goes to standard error
    #[arg(long, value_name = "FORMAT", value_parser = PossibleValuesParser::new(LogFormat::WORDS))]
    log_format: Option<String>,
    /// The least important thing that is logged
    #[arg(long, value_name = "LEVEL", value_parser = PossibleValuesParser::new(LogLevel::WORDS))]
    log_level: Option<String>,
}

impl ServeArgs {
    /// All layers of the configuration: the file, these environment variables, `--set`, and the other flags.
    pub(crate) fn layers(self, variables: impl IntoIterator<Item = (OsString, OsString)>) -> Layers {
        let list = |values: Vec<String>| Some(values).filter(|values| !values.is_empty()).map(FlagValue::List);
        let on = |present: bool| present.then_some(FlagValue::On);
        let text = |value: Option<String>| value.map(FlagValue::Text);
        [
            ("--listen", "server.listen", list(self.listen)),
            ("--lan", "server.lan", on(self.lan)),
            ("--tls-cert", "tls.cert", text(self.tls_cert)),
            ("--tls-key", "tls.key", text(self.tls_key)),
            ("--tls-self-signed", "tls.self_signed", on(self.tls_self_signed)),
            ("--allow-plaintext", "server.allow_plaintext", on(self.allow_plaintext)),
            ("--data-dir", "server.data_dir", text(self.data_dir)),
            ("--ephemeral", "server.ephemeral", on(self.ephemeral)),
            ("--static", "http.static_dir", text(self.static_dir)),
            ("--spa", "http.spa", on(self.spa)),
            ("--message-event", "socketio.message_event", text(self.message_event)),
            ("--log-format", "log.format", text(self.log_format)),
            ("--log-level", "log.level", text(self.log_level)),
        ]
        .into_iter()
        .filter_map(|(name, path, value)| Some((name, path, value?)))
        .fold(self.layers.layers(variables), |layers, (name, path, value)| layers.flag(name, path, value))
    }
}

#[cfg(test)]
mod tests {
    use clap::error::ErrorKind;
    use switchboard_server::config::Config;

    use super::super::tests::parse;
    use super::*;

    fn load(arguments: &[&str], variables: &[(&str, &str)]) -> Result<Config, String> {
        let variables = variables.iter().map(|(name, value)| (OsString::from(name), OsString::from(value)));
        let layers = parse::<ServeArgs>(arguments).unwrap().layers(variables);
        Config::load(&layers).map_err(|error| error.to_string())
    }

    #[test]
    fn no_flag_changes_nothing() {
        assert_eq!(load(&[], &[]), Ok(Config::default()));
    }

    #[test]
    fn every_flag_reaches_its_setting() {
        let config = load(
            &[
                "--listen=0.0.0.0:12345",
                "--listen=8080",
                "--listen=text://9000",
                "--listen=json://[::1]:9001",
                "--listen=http://127.0.0.1:80",
                "--listen=udp://9002",
                "--lan",
                "--tls-cert=cert.pem",
                "--tls-key=key.pem",
                "--allow-plaintext",
                "--data-dir=data",
                "--ephemeral",
                "--static=src",
                "--spa",
                "--message-event=chat message",
                "--set=text.style=plain",
                "--set=limits.nick_chars=20",
                "--log-format=json",
                "--log-level=debug",
            ],
            &[],
        )
        .unwrap();
        let mut expected = Config::default();
        expected.server.listen =
            ["0.0.0.0:12345", "8080", "text://9000", "json://[::1]:9001", "http://127.0.0.1:80", "udp://9002"]
                .map(|text| text.parse().unwrap())
                .to_vec();
        expected.server.lan = true;
        expected.tls.cert = Some("cert.pem".into());
        expected.tls.key = Some("key.pem".into());
        expected.server.allow_plaintext = true;
        expected.server.data_dir = Some("data".into());
        expected.server.ephemeral = true;
        expected.http.static_dir = Some("src".into());
        expected.http.spa = true;
        expected.socketio.message_event = "chat message".to_owned();
        expected.text.style = switchboard_server::config::TextStyle::Plain;
        expected.limits.nick_chars = 20;
        expected.log.format = LogFormat::Json;
        expected.log.level = LogLevel::Debug;
        assert_eq!(config, expected);
        assert!(load(&["--tls-self-signed"], &[]).unwrap().tls.self_signed);
    }

    #[test]
    fn flags_override_set_and_set_overrides_the_environment() {
        let variables = [("SWITCHBOARD_LOG__LEVEL", "error"), ("SWITCHBOARD_SERVER__LISTEN", "1"), ("PORT", "2")];
        let level = |arguments: &[&str]| load(arguments, &variables).unwrap().log.level;
        assert_eq!(level(&[]), LogLevel::Error);
        assert_eq!(level(&["--set", "log.level=warn"]), LogLevel::Warn);
        assert_eq!(level(&["--set", "log.level=warn", "--log-level", "trace"]), LogLevel::Trace);
        let listen = |arguments: &[&str], variables| load(arguments, variables).unwrap().server.listen;
        assert_eq!(listen(&[], &variables), ["1".parse().unwrap()]);
        assert_eq!(listen(&[], &variables[2..]), ["2".parse().unwrap()]);
        assert_eq!(listen(&["--listen", "3"], &variables), ["3".parse().unwrap()]);
    }

    #[test]
    fn problems_name_the_flag() {
        assert_eq!(
            load(&["--static", "src/main.rs"], &[]),
            Err("--static: must be a folder, not src/main.rs: that is a file".to_owned())
        );
        assert_eq!(
            load(&["--spa"], &[]),
            Err("http.static_dir must name the folder with index.html, because http.spa is true".to_owned())
        );
        assert_eq!(load(&["--listen", "10.0.0.1"], &[]), Err("--listen: needs a port: 10.0.0.1:12345".to_owned()));
        for (arguments, kind) in [
            (&["--log-level", "loud"][..], ErrorKind::InvalidValue),
            (&["--log-format", "xml"], ErrorKind::InvalidValue),
            (&["--listen"], ErrorKind::InvalidValue),
            (&["12345"], ErrorKind::UnknownArgument),
            (&["--verbose"], ErrorKind::UnknownArgument),
        ] {
            assert_eq!(parse::<ServeArgs>(arguments).unwrap_err(), kind, "{arguments:?}");
        }
    }
}
