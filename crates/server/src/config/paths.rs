//! Where a server keeps its data when nobody said.

use std::ffi::OsString;
use std::path::PathBuf;

/// `$XDG_DATA_HOME/switchboard`, else `$HOME/.local/share/switchboard`, by the XDG Base Directory Specification: an
/// empty or relative `XDG_DATA_HOME` does not count. None when there is no home directory either.
///
/// `variable` reads one environment variable; usually it is `std::env::var_os`.
pub fn default_data_dir(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let absolute = |name| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
    absolute("XDG_DATA_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".local/share")))
        .map(|base| base.join("switchboard"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_data_directory_follows_the_specification() {
        for (xdg, home, expected) in [
            (Some("/data"), Some("/home/ada"), Some("/data/switchboard")),
            (Some(""), Some("/home/ada"), Some("/home/ada/.local/share/switchboard")),
            (Some("relative"), Some("/home/ada"), Some("/home/ada/.local/share/switchboard")),
            (None, Some("/home/ada"), Some("/home/ada/.local/share/switchboard")),
            (None, Some(""), None),
            (None, None, None),
        ] {
            let found = default_data_dir(|name| match name {
                "XDG_DATA_HOME" => xdg.map(OsString::from),
                "HOME" => home.map(OsString::from),
                _ => None,
            });
            assert_eq!(found, expected.map(PathBuf::from), "{xdg:?} {home:?}");
        }
    }
}
