//! The configuration: what an operator can set, where it comes from, and what is wrong with it.
//!
//! Each setting is written once, in `settings.rs`; the structs of [`Config`], the file of defaults, the reference page and
//! the manual page are made from that. [`Config::load`] puts the [`Layers`] together. Every layer reads its values through
//! the same code, one setting at a time, so that each error can say where the value came from: line and column of the
//! file, the variable, or the flag.

mod choices;
mod core_limits;
mod define;
mod error;
mod layers;
mod listen;
mod load;
mod namespaces;
mod paths;
mod recovery;
mod render;
mod rules;
mod secret;
mod settings;
mod suggest;
mod units;
mod value;

#[cfg(test)]
mod tests;

pub use choices::{Durability, Io, LogFormat, LogLevel, Parser, TextStyle, Whom};
pub use define::{Section, Setting};
pub use error::{ConfigError, Place, Problem};
pub use layers::{FlagValue, Layers};
pub use listen::{Listen, ListenPlace, Pin};
pub use namespaces::NamespaceEntry;
pub use paths::default_data_dir;
pub use recovery::Recovery;
pub use render::{default_file, reference};
pub use secret::{Secret, UdpToken};
pub use settings::{Auth, Config, Http, Limits, Log, Rooms, SECTIONS, Server, Store, Text, Tls, Udp};
pub use units::{Bytes, Millis};
pub use value::Kind;
