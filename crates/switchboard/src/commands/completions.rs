//! `switchboard completions`: what a shell needs to complete our command line.

use clap::CommandFactory as _;

use crate::args::Cli;
use crate::args::generate::CompletionsArgs;
use crate::exit::Exit;
use crate::output::print;

pub(crate) fn run(args: &CompletionsArgs) -> Exit {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "switchboard", &mut script);
    print(&script)
}
