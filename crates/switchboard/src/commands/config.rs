//! `switchboard config`: the configuration as a file, as a reference, and checked.

use switchboard_server::config::{Config, default_file, reference};

use crate::args::config::{ConfigArgs, ConfigCommand};
use crate::exit::Exit;
use crate::output::print;

pub(crate) fn run(args: ConfigArgs) -> Exit {
    match args.command {
        ConfigCommand::Default => print(default_file().as_bytes()),
        ConfigCommand::Doc => print(reference().as_bytes()),
        ConfigCommand::Check(layers) => match Config::load(&layers.layers(std::env::vars_os())) {
            Ok(_) => print(b"OK\n"),
            Err(error) => {
                eprintln!("{error}");
                Exit::Usage
            }
        },
    }
}
