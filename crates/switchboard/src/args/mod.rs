//! What may stand on the command line: one file for the arguments of each command.

pub(crate) mod chat;
pub(crate) mod check;
pub(crate) mod config;
pub(crate) mod echo;
pub(crate) mod generate;
pub(crate) mod ping;
pub(crate) mod send;
pub(crate) mod serve;
pub(crate) mod server;

use clap::{Parser, Subcommand};

/// Every socket, one room: a chat and real-time messaging server.
///
/// Plug anything into its one port (a browser, nc, a ten-line Python script, a TLS client, a UDP sensor, a WebSocket,
/// any official Socket.IO client) and they all talk in the same rooms, in the same order, with a history that survives
/// a power cut.
#[derive(Debug, Parser)]
#[command(name = "switchboard", version, propagate_version = true, disable_help_subcommand = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Serve(serve::ServeArgs),
    Chat(chat::ChatArgs),
    Send(send::SendArgs),
    Echo(echo::EchoArgs),
    Ping(ping::PingArgs),
    Check(check::CheckArgs),
    Config(config::ConfigArgs),
    Man(generate::ManArgs),
    Completions(generate::CompletionsArgs),
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    /// Parses the arguments of one command, without the program's and the command's name; errors by their kind.
    pub(crate) fn parse<T: clap::Args>(arguments: &[&str]) -> Result<T, clap::error::ErrorKind> {
        #[derive(Debug, Parser)]
        struct Only<T: clap::Args> {
            #[command(flatten)]
            args: T,
        }
        Only::<T>::try_parse_from([&["switchboard"], arguments].concat())
            .map(|only| only.args)
            .map_err(|error| error.kind())
    }

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_and_argument_is_described() {
        fn check(command: &clap::Command) {
            assert!(command.get_about().is_some(), "{}", command.get_name());
            for argument in command.get_arguments() {
                assert!(argument.get_help().is_some(), "{} {}", command.get_name(), argument.get_id());
            }
            command.get_subcommands().for_each(check);
        }
        check(&Cli::command());
    }
}
