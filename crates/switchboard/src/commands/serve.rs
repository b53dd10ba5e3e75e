//! `switchboard serve`: loads the configuration, starts the log, and runs the server.

use std::process::ExitCode;

use switchboard_server::config::Config;

use crate::args::serve::ServeArgs;
use crate::exit::Exit;
use crate::logging;

pub(crate) fn run(args: ServeArgs) -> ExitCode {
    let layers = args.layers(std::env::vars_os());
    let config = match Config::load(&layers) {
        Ok(config) => config,
        Err(error) => {
            eprintln!("{error}");
            return Exit::Usage.into();
        }
    };
    logging::start(&config.log);
    // The layers go along, because a reload reads the file again.
    switchboard_server::serve::run(config, layers)
}
