//! `switchboard man`: the manual pages, made from the command line and the table of settings.

use clap::CommandFactory as _;
use clap_mangen::Man;
use clap_mangen::roff::{Inline, Roff, bold, roman};
use switchboard_server::config::SECTIONS;

use crate::args::Cli;
use crate::args::generate::ManArgs;
use crate::exit::Exit;
use crate::output::print;

pub(crate) fn run(args: &ManArgs) -> Exit {
    let page = match args.command.as_deref() {
        None => Ok(main_page()),
        Some(name) => command_page(name),
    };
    match page {
        Ok(page) => print(&page),
        Err(message) => {
            eprintln!("switchboard man: {message}");
            Exit::Usage
        }
    }
}

/// `switchboard(1)`: the commands, all settings, and the exit codes.
fn main_page() -> Vec<u8> {
    let man = Man::new(built());
    let mut page = Vec::new();
    man.render_title(&mut page)
        .and_then(|()| man.render_name_section(&mut page))
        .and_then(|()| man.render_synopsis_section(&mut page))
        .and_then(|()| man.render_description_section(&mut page))
        .and_then(|()| man.render_options_section(&mut page))
        .and_then(|()| man.render_subcommands_section(&mut page))
        .and_then(|()| settings().to_writer(&mut page))
        .and_then(|()| exit_codes().to_writer(&mut page))
        .and_then(|()| man.render_version_section(&mut page))
        .expect(WRITES);
    page
}

/// `switchboard-NAME(1)`.
fn command_page(name: &str) -> Result<Vec<u8>, String> {
    let command = built();
    let Some(found) = command.find_subcommand(name) else {
        let names: Vec<&str> = command.get_subcommands().map(clap::Command::get_name).collect();
        return Err(format!("no command {name:?}; there are {}", names.join(", ")));
    };
    let mut page = Vec::new();
    Man::new(found.clone()).title(format!("switchboard-{name}")).render(&mut page).expect(WRITES);
    Ok(page)
}

const WRITES: &str = "writing to memory succeeds";

/// The command line with its names and versions handed down, as parsing would.
fn built() -> clap::Command {
    let mut command = Cli::command();
    command.build();
    command
}

fn settings() -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", ["CONFIGURATION"]);
    roff.text([roman(
        "Settings come from four layers, each overriding the ones before it: a TOML file (--config FILE), environment \
         variables (SWITCHBOARD_SECTION__KEY), --set SECTION.KEY=VALUE, and the other flags.",
    )]);
    for section in SECTIONS {
        roff.control("SS", [section.name]);
        roff.text(prose(section.doc));
        for setting in section.settings {
            roff.control("TP", []);
            roff.text([bold(setting.path())]);
            roff.text(prose(setting.doc));
            roff.control("br", []);
            let default = setting.default().unwrap_or_else(|| "unset".to_owned());
            roff.text([roman(format!("Value: {}. Default: {default}", setting.allowed()))]);
        }
    }
    roff
}

fn exit_codes() -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", ["EXIT STATUS"]);
    for exit in Exit::ALL {
        roff.control("TP", []);
        roff.text([bold(exit.code().to_string())]);
        roff.text([roman(exit.meaning())]);
    }
    roff
}

/// A doc comment, with what stands between backticks in bold.
fn prose(doc: &str) -> Vec<Inline> {
    let pieces = doc.trim().split('`').enumerate();
    pieces.map(|(index, piece)| if index % 2 == 0 { roman(piece) } else { bold(piece) }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The page as readers see it: without escapes and font changes.
    fn plain(page: Vec<u8>) -> String {
        String::from_utf8(page).unwrap().replace("\\-", "-").replace("\\fB", "").replace("\\fR", "")
    }

    #[test]
    fn the_main_page_holds_every_command_setting_and_exit_code() {
        let page = plain(main_page());
        for command in built().get_subcommands() {
            assert!(page.contains(&format!("switchboard-{}", command.get_name())), "{}", command.get_name());
        }
        for setting in SECTIONS.iter().flat_map(|section| section.settings) {
            assert!(page.contains(&format!("\n{}\n", setting.path())), "{}", setting.path());
        }
        for exit in Exit::ALL {
            assert!(page.contains(&format!("\n{}\n{}", exit.code(), exit.meaning())), "{exit:?}");
        }
    }

    #[test]
    fn every_command_has_a_page_of_its_own() {
        for command in built().get_subcommands() {
            let page = plain(command_page(command.get_name()).unwrap());
            assert!(page.contains(&format!(".TH switchboard-{} 1", command.get_name())), "{page}");
        }
        assert!(command_page("dance").unwrap_err().starts_with("no command \"dance\"; there are "));
    }
}
