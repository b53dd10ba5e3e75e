//! How each type of setting is read from TOML and from plain text, and written back as TOML.

mod list;
mod single;
mod text;

use std::fmt;
use std::ops::Range;

use toml_edit::Item;

use text::alternatives;
pub(super) use text::item_of_text;

/// What a setting's value looks like to the operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `true` or `false`.
    Boolean,
    /// A whole number.
    Number,
    /// Any text.
    Text,
    /// Text that is never shown again.
    Secret,
    /// A path of the file system.
    Path,
    /// A duration with a unit: see [`Millis`](super::Millis).
    Duration,
    /// A size with a unit: see [`Bytes`](super::Bytes).
    Size,
    /// `true`, `false` or a duration: see [`Recovery`](super::Recovery).
    Recovery,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A list of what the noun says.
    List(&'static str),
    /// A table of named tokens: see [`UdpToken`](super::UdpToken).
    Tokens,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Boolean => f.write_str("true or false"),
            Self::Number => f.write_str("whole number"),
            Self::Text => f.write_str("text"),
            Self::Secret => f.write_str("secret text"),
            Self::Path => f.write_str("path"),
            Self::Duration => f.write_str("duration"),
            Self::Size => f.write_str("size"),
            Self::Recovery => f.write_str("true, false or duration"),
            Self::Choice(words) => f.write_str(&alternatives(words)),
            Self::List(noun) => write!(f, "list of {noun}"),
            Self::Tokens => f.write_str("table of NAME = { token = TEXT, room = TEXT }"),
        }
    }
}

/// Why a value does not fit: a clause that completes "the setting ...", and where in the document it stands.
#[derive(Debug)]
pub(super) struct Misfit {
    pub(super) clause: String,
    pub(super) span: Option<Range<usize>>,
}

impl Misfit {
    fn at(item: &Item, clause: impl Into<String>) -> Self {
        Self { clause: clause.into(), span: item.span() }
    }
}

/// A type that a setting may have.
pub(super) trait Value: Sized {
    /// What a range of allowed values is made of; [`Infallible`](std::convert::Infallible) where a range has no meaning.
    type Bound: PartialOrd + fmt::Display;
    const KIND: Kind;
    /// The TOML value that stands for "none", where the setting can be none.
    const NONE: Option<&'static str> = None;

    fn read(item: &Item) -> Result<Self, Misfit>;
    /// The TOML value that reads as `self`; none where only the key's absence does.
    fn write(&self) -> Option<String>;
    /// What a range is checked against.
    fn bound(&self) -> Option<&Self::Bound> {
        None
    }
}

/// A type of which one value means "none" when the setting is optional.
trait OrNone: Value {
    const NONE_WRITTEN: &'static str;
    fn is_none(&self) -> bool;
}

impl<T: OrNone> Value for Option<T> {
    type Bound = T::Bound;
    const KIND: Kind = T::KIND;
    const NONE: Option<&'static str> = Some(T::NONE_WRITTEN);

    fn read(item: &Item) -> Result<Self, Misfit> {
        if item.as_str() == Some("") {
            return Ok(None);
        }
        Ok(Some(T::read(item)?).filter(|value| !value.is_none()))
    }

    fn write(&self) -> Option<String> {
        self.as_ref().map_or_else(|| Some(T::NONE_WRITTEN.to_owned()), T::write)
    }

    fn bound(&self) -> Option<&T::Bound> {
        self.as_ref().and_then(T::bound)
    }
}
