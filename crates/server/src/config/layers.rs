//! Where settings come from, in rising order: the file, the environment, `--set`, and the other flags.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::PathBuf;

/// What every environment variable of the configuration begins with, in any case of letters.
pub(super) const PREFIX: &str = "SWITCHBOARD_";

/// What stands between section and key in the name of a variable.
pub(super) const SEPARATOR: &str = "__";

/// Everything that was said about the configuration. It is kept, so that a reload can read the file again.
#[derive(Clone, Default)]
pub struct Layers {
    pub(super) port: Option<OsString>,
    pub(super) file: Option<PathBuf>,
    pub(super) environment: Vec<(String, OsString)>,
    pub(super) set: Vec<String>,
    pub(super) flags: Vec<Flag>,
}

/// A flag of the command line that stands for a setting.
#[derive(Clone)]
pub(super) struct Flag {
    pub(super) name: &'static str,
    pub(super) path: &'static str,
    pub(super) value: FlagValue,
}

/// What a flag says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FlagValue {
    /// It is there: true.
    On,
    /// Its one value.
    Text(String),
    /// Its values, in order.
    List(Vec<String>),
}

impl Layers {
    /// Reads this TOML file.
    #[must_use]
    pub fn file(mut self, path: Option<PathBuf>) -> Self {
        self.file = path;
        self
    }

    /// Takes what concerns the configuration out of these variables; usually they are `std::env::vars_os()`.
    ///
    /// A variable without `__` is left alone: a container platform sets names such as `SWITCHBOARD_SERVICE_HOST` for a
    /// service of that name, and they are none of ours.
    #[must_use]
    pub fn environment(mut self, variables: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        for (name, value) in variables {
            if name == "PORT" {
                self.port = Some(value).filter(|port| !port.is_empty());
            } else if let Some(name) = name.to_str().filter(|name| is_ours(name)) {
                self.environment.push((name.to_owned(), value));
            }
        }
        self.environment.sort();
        self
    }

    /// Adds `--set` texts of the form `section.key=value`.
    #[must_use]
    pub fn set(mut self, texts: impl IntoIterator<Item = String>) -> Self {
        self.set.extend(texts);
        self
    }

    /// Adds a flag: its name with the dashes, the `section.key` it stands for, and what it says.
    #[must_use]
    pub fn flag(mut self, name: &'static str, path: &'static str, value: FlagValue) -> Self {
        self.flags.push(Flag { name, path, value });
        self
    }
}

fn is_ours(name: &str) -> bool {
    let rest = name.get(PREFIX.len()..).filter(|_| name[..PREFIX.len()].eq_ignore_ascii_case(PREFIX));
    rest.is_some_and(|rest| rest.contains(SEPARATOR))
}

/// Values may be secrets: only names are shown.
impl fmt::Debug for Layers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let variables: Vec<&str> = self.environment.iter().map(|(name, _)| name.as_str()).collect();
        let set: Vec<&str> = self.set.iter().map(|text| text.split('=').next().unwrap_or_default()).collect();
        let flags: Vec<&str> = self.flags.iter().map(|flag| flag.name).collect();
        f.debug_struct("Layers")
            .field("port", &self.port.as_deref().map(OsStr::to_string_lossy))
            .field("file", &self.file)
            .field("environment", &variables)
            .field("set", &set)
            .field("flags", &flags)
            .finish()
    }
}
