//! Arguments of `switchboard config`, and those by which any command finds the configuration.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use switchboard_server::config::Layers;

/// Print or check the configuration of the server
#[derive(Args, Debug)]
pub(crate) struct ConfigArgs {
    #[command(subcommand)]
    pub(crate) command: ConfigCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Print a TOML file of all settings at their defaults, each explained
    Default,
    /// Say whether the file, the environment and --set are valid together; exits with 2 if not
    Check(LayerArgs),
    /// Print the reference of all settings in Markdown
    Doc,
}

/// Where settings come from, besides the environment.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct LayerArgs {
    /// Read the settings in this TOML file
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Override one setting, as in --set limits.messages_per_second=5; may be repeated
    #[arg(long, value_name = "SECTION.KEY=VALUE")]
    pub(crate) set: Vec<String>,
}

impl LayerArgs {
    /// The layers of the file, these environment variables, and `--set`.
    pub(crate) fn layers(self, variables: impl IntoIterator<Item = (OsString, OsString)>) -> Layers {
        Layers::default().file(self.config).environment(variables).set(self.set)
    }
}

#[cfg(test)]
mod tests {
    use clap::error::ErrorKind;

    use super::super::tests::parse;
    use super::*;

    #[test]
    fn every_form_is_parsed() {
        assert!(matches!(parse::<ConfigArgs>(&["default"]).unwrap().command, ConfigCommand::Default));
        assert!(matches!(parse::<ConfigArgs>(&["doc"]).unwrap().command, ConfigCommand::Doc));
        let ConfigCommand::Check(args) =
            parse::<ConfigArgs>(&["check", "--config", "f.toml", "--set", "a.b=c", "--set=d.e=f=g"]).unwrap().command
        else {
            panic!("not check")
        };
        assert_eq!(args.config, Some(PathBuf::from("f.toml")));
        assert_eq!(args.set, ["a.b=c", "d.e=f=g"]);
    }

    #[test]
    fn nonsense_is_a_usage_error() {
        for (arguments, kind) in [
            (&[][..], ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand),
            (&["print"], ErrorKind::InvalidSubcommand),
            (&["doc", "--set", "a.b=c"], ErrorKind::UnknownArgument),
            (&["check", "file"], ErrorKind::UnknownArgument),
            (&["check", "--set"], ErrorKind::InvalidValue),
        ] {
            assert_eq!(parse::<ConfigArgs>(arguments).unwrap_err(), kind, "{arguments:?}");
        }
    }
}
