//! Settings of one value: booleans, numbers, durations, sizes, texts and choices.

use std::convert::Infallible;
use std::path::PathBuf;

use toml_edit::Item;

use super::super::choices::{Durability, Io, LogFormat, LogLevel, Parser, TextStyle};
use super::super::recovery::Recovery;
use super::super::secret::Secret;
use super::super::units::{Bytes, Millis};
use super::text::{alternatives, found, quoted};
use super::{Kind, Misfit, OrNone, Value};

impl Value for bool {
    type Bound = Infallible;
    const KIND: Kind = Kind::Boolean;

    fn read(item: &Item) -> Result<Self, Misfit> {
        item.as_bool().ok_or_else(|| Misfit::at(item, format!("must be true or false, not {}", found(item))))
    }

    fn write(&self) -> Option<String> {
        Some(self.to_string())
    }
}

/// Unset is a third state, which only the key's absence says.
impl Value for Option<bool> {
    type Bound = Infallible;
    const KIND: Kind = Kind::Boolean;

    fn read(item: &Item) -> Result<Self, Misfit> {
        bool::read(item).map(Some)
    }

    fn write(&self) -> Option<String> {
        self.as_ref().and_then(Value::write)
    }
}

impl Value for u32 {
    type Bound = Self;
    const KIND: Kind = Kind::Number;

    fn read(item: &Item) -> Result<Self, Misfit> {
        let number = item
            .as_integer()
            .ok_or_else(|| Misfit::at(item, format!("must be a whole number, not {}", found(item))))?;
        if number < 0 {
            return Err(Misfit::at(item, format!("must not be negative, but is {number}")));
        }
        Self::try_from(number).map_err(|_| Misfit::at(item, format!("is too large: {number}")))
    }

    fn write(&self) -> Option<String> {
        Some(self.to_string())
    }

    fn bound(&self) -> Option<&Self> {
        Some(self)
    }
}

impl OrNone for u32 {
    const NONE_WRITTEN: &'static str = "0";

    fn is_none(&self) -> bool {
        *self == 0
    }
}

impl Value for Millis {
    type Bound = Self;
    const KIND: Kind = Kind::Duration;

    /// A number without quotes is read like one in quotes, so that both get the same error about the missing unit.
    fn read(item: &Item) -> Result<Self, Misfit> {
        match (item.as_str(), item.as_integer()) {
            (Some(text), _) => text.parse().map_err(|clause: String| Misfit::at(item, clause)),
            (None, Some(number)) => number.to_string().parse().map_err(|clause: String| Misfit::at(item, clause)),
            (None, None) => Err(Misfit::at(item, format!("must be a duration such as \"30s\", not {}", found(item)))),
        }
    }

    fn write(&self) -> Option<String> {
        Some(quoted(self))
    }

    fn bound(&self) -> Option<&Self> {
        Some(self)
    }
}

impl OrNone for Millis {
    const NONE_WRITTEN: &'static str = "\"0s\"";

    fn is_none(&self) -> bool {
        self.0 == 0
    }
}

impl Value for Recovery {
    type Bound = Millis;
    const KIND: Kind = Kind::Recovery;

    fn read(item: &Item) -> Result<Self, Misfit> {
        match item.as_bool() {
            Some(true) => Ok(Self::All(Self::USUAL)),
            Some(false) => Ok(Self::Asked),
            None if item.is_str() || item.is_integer() => {
                Millis::read(item).map(|time| if time.is_none() { Self::Asked } else { Self::All(time) })
            }
            None => Err(Misfit::at(item, format!("must be true, false or a duration, not {}", found(item)))),
        }
    }

    fn write(&self) -> Option<String> {
        match self {
            Self::Asked => false.write(),
            Self::All(time) if *time == Self::USUAL => true.write(),
            Self::All(time) => time.write(),
        }
    }

    fn bound(&self) -> Option<&Millis> {
        match self {
            Self::Asked => None,
            Self::All(time) => Some(time),
        }
    }
}

impl Value for Bytes {
    type Bound = Self;
    const KIND: Kind = Kind::Size;

    fn read(item: &Item) -> Result<Self, Misfit> {
        match (item.as_str(), item.as_integer()) {
            (Some(text), _) => text.parse().map_err(|clause: String| Misfit::at(item, clause)),
            (None, Some(number)) => u64::try_from(number)
                .map(Self)
                .map_err(|_| Misfit::at(item, format!("must not be negative, but is {number}"))),
            (None, None) => Err(Misfit::at(item, format!("must be a size such as \"64KiB\", not {}", found(item)))),
        }
    }

    fn write(&self) -> Option<String> {
        Some(quoted(self))
    }

    fn bound(&self) -> Option<&Self> {
        Some(self)
    }
}

impl OrNone for Bytes {
    const NONE_WRITTEN: &'static str = "0";

    fn is_none(&self) -> bool {
        self.0 == 0
    }
}

impl Value for String {
    type Bound = Infallible;
    const KIND: Kind = Kind::Text;

    fn read(item: &Item) -> Result<Self, Misfit> {
        item.as_str()
            .map(Self::from)
            .ok_or_else(|| Misfit::at(item, format!("must be text in quotes, not {}", found(item))))
    }

    fn write(&self) -> Option<String> {
        Some(quoted(self))
    }
}

impl Value for PathBuf {
    type Bound = Infallible;
    const KIND: Kind = Kind::Path;

    fn read(item: &Item) -> Result<Self, Misfit> {
        item.as_str()
            .map(Self::from)
            .ok_or_else(|| Misfit::at(item, format!("must be a path in quotes, not {}", found(item))))
    }

    fn write(&self) -> Option<String> {
        Some(quoted(&self.display()))
    }
}

impl OrNone for PathBuf {
    const NONE_WRITTEN: &'static str = "\"\"";

    fn is_none(&self) -> bool {
        self.as_os_str().is_empty()
    }
}

impl Value for Secret {
    type Bound = Infallible;
    const KIND: Kind = Kind::Secret;

    /// The error names the type that was found, never the value.
    fn read(item: &Item) -> Result<Self, Misfit> {
        item.as_str()
            .map(Self::new)
            .ok_or_else(|| Misfit::at(item, format!("must be text in quotes, not of the type {}", item.type_name())))
    }

    fn write(&self) -> Option<String> {
        Some(quoted(&self.expose()))
    }
}

impl OrNone for Secret {
    const NONE_WRITTEN: &'static str = "\"\"";

    fn is_none(&self) -> bool {
        self.expose().is_empty()
    }
}

/// Reads a choice by its words.
macro_rules! choice_values {
    ($($name:ident),+) => { $(
        impl Value for $name {
            type Bound = Infallible;
            const KIND: Kind = Kind::Choice($name::WORDS);

            fn read(item: &Item) -> Result<Self, Misfit> {
                item.as_str().and_then(Self::of_word).ok_or_else(|| {
                    Misfit::at(item, format!("must be {}, not {}", alternatives(Self::WORDS), found(item)))
                })
            }

            fn write(&self) -> Option<String> {
                Some(quoted(self))
            }
        }
    )+ };
}

choice_values!(TextStyle, Durability, Io, Parser, LogFormat, LogLevel);
