//! The command line of Switchboard, and nothing more: each command reads its arguments and calls the crate that does it.

#[allow(rustdoc::broken_intra_doc_links, reason = "these comments are what --help prints")]
mod args;
mod commands;
mod exit;
mod logging;
mod output;

use std::panic::catch_unwind;
use std::process::ExitCode;

use clap::Parser as _;

use crate::args::{Cli, Command};
use crate::exit::Exit;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    switchboard_sys::return_freed_memory_at_once();
    // The panic's message is on standard error by then; its code tells it from a refusal.
    catch_unwind(|| run(Cli::parse())).unwrap_or(Exit::Panic.into())
}

fn run(cli: Cli) -> ExitCode {
    match cli.command {
        Command::Serve(args) => commands::serve::run(args),
        Command::Chat(args) => commands::chat::run(args),
        Command::Send(args) => commands::send::run(args),
        Command::Echo(args) => commands::echo::run(args),
        Command::Ping(args) => commands::ping::run(args),
        Command::Check(args) => commands::check::run(args).into(),
        Command::Config(args) => commands::config::run(args).into(),
        Command::Man(args) => commands::man::run(&args).into(),
        Command::Completions(args) => commands::completions::run(&args).into(),
    }
}
