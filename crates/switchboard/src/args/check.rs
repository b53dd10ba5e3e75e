//! Arguments of `switchboard check`.

use std::path::PathBuf;

use clap::Args;

/// Examine the history of a server that does not run
///
/// Reads everything, changes nothing: the database and its log, each room's messages against its record, and the search
/// index against the messages. Exits with 0 if all is whole, with 74 if something is damaged or cannot be read, and with 3
/// if a server is using the directory.
#[derive(Args, Debug)]
pub(crate) struct CheckArgs {
    /// Examine this data directory, and not the default one
    #[arg(long, value_name = "DIR")]
    pub(crate) data_dir: Option<PathBuf>,
}

#[cfg(test)]
mod tests {
    use clap::error::ErrorKind;

    use super::super::tests::parse;
    use super::*;

    #[test]
    fn the_directory_may_be_named() {
        assert_eq!(parse::<CheckArgs>(&[]).unwrap().data_dir, None);
        assert_eq!(parse::<CheckArgs>(&["--data-dir", "d"]).unwrap().data_dir, Some(PathBuf::from("d")));
        assert_eq!(parse::<CheckArgs>(&["d"]).unwrap_err(), ErrorKind::UnknownArgument);
    }
}
