//! What is wrong with a configuration, and where: one clear line for each problem.

use std::fmt;
use std::path::PathBuf;

/// Everything that was found wrong, at least one thing; displayed as one line each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    /// The problems, in the order of the layers.
    pub problems: Vec<Problem>,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where.
    pub place: Place,
    /// What. It repeats no secret.
    pub message: String,
}

/// Where a problem is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// At a place in the file; both count from 1, columns in characters.
    File {
        /// The file.
        path: PathBuf,
        /// The line.
        line: usize,
        /// The column.
        column: usize,
    },
    /// The file as a whole.
    WholeFile(PathBuf),
    /// An environment variable.
    Variable(String),
    /// A `--set`, with its text.
    Set(String),
    /// Another flag of the command line.
    Flag(&'static str),
    /// The settings as they came out of all layers.
    Together,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { place, message } = self;
        match place {
            Place::File { path, line, column } => {
                write!(f, "{}:{line}:{column}: {message}", path.display())
            }
            Place::WholeFile(path) => write!(f, "{}: {message}", path.display()),
            Place::Variable(name) => write!(f, "{name}: {message}"),
            Place::Set(text) => write!(f, "--set {text}: {message}"),
            Place::Flag(flag) => write!(f, "{flag}: {message}"),
            Place::Together => f.write_str(message),
        }
    }
}

impl std::error::Error for ConfigError {}
impl std::error::Error for Problem {}
