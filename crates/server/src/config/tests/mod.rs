//! The configuration as a whole, from its layers to the result or to the words of each error.

mod layers;
mod problems;

use std::ffi::OsString;
use std::io::Write as _;

use super::{Config, FlagValue, Layers};

/// Loads a file of this text, these variables, these `--set` texts and these flags; errors as text, with `FILE` for the
/// file's name.
fn load(
    file: &str,
    variables: &[(&str, &str)],
    set: &[&str],
    flags: &[(&'static str, &'static str, FlagValue)],
) -> Result<Config, String> {
    let mut temporary = tempfile::NamedTempFile::new().unwrap();
    temporary.write_all(file.as_bytes()).unwrap();
    let mut layers = Layers::default()
        .file(Some(temporary.path().to_owned()))
        .environment(variables.iter().map(|(name, value)| (OsString::from(name), OsString::from(value))))
        .set(set.iter().map(|&text| text.to_owned()));
    for (name, path, value) in flags {
        layers = layers.flag(name, path, value.clone());
    }
    let name = temporary.path().display().to_string();
    Config::load(&layers).map_err(|error| error.to_string().replace(&name, "FILE"))
}
