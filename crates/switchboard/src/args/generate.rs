//! Arguments of the commands that print documents made from the command line: `man` and `completions`.

use clap::Args;
use clap_complete::Shell;

/// Print the manual page, or that of one command
#[derive(Args, Debug)]
pub(crate) struct ManArgs {
    /// The command; without it, the page of switchboard itself, with all settings
    #[arg(value_name = "COMMAND")]
    pub(crate) command: Option<String>,
}

/// Print completions for a shell
#[derive(Args, Debug)]
pub(crate) struct CompletionsArgs {
    /// The shell
    pub(crate) shell: Shell,
}

#[cfg(test)]
mod tests {
    use clap::error::ErrorKind;

    use super::super::tests::parse;
    use super::*;

    #[test]
    fn every_form_is_parsed() {
        assert_eq!(parse::<ManArgs>(&[]).unwrap().command, None);
        assert_eq!(parse::<ManArgs>(&["config"]).unwrap().command.as_deref(), Some("config"));
        for (name, shell) in [("bash", Shell::Bash), ("zsh", Shell::Zsh), ("fish", Shell::Fish)] {
            assert_eq!(parse::<CompletionsArgs>(&[name]).unwrap().shell, shell);
        }
        assert_eq!(parse::<CompletionsArgs>(&["sh"]).unwrap_err(), ErrorKind::InvalidValue);
        assert_eq!(parse::<CompletionsArgs>(&[]).unwrap_err(), ErrorKind::MissingRequiredArgument);
    }
}
