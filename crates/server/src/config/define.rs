//! What a setting is, and the macro by which each is written once: it makes the structs and the table of all of them.

use std::fmt::Write as _;
use std::ops::RangeInclusive;

use toml_edit::Item;

use super::settings::Config;
use super::value::{Kind, Misfit, Value};

/// A group of settings: `[name]` in the file.
#[derive(Debug)]
pub struct Section {
    /// Its name.
    pub name: &'static str,
    /// What it is about, in sentences.
    pub doc: &'static str,
    /// What it holds, in the order of the reference.
    pub settings: &'static [Setting],
}

/// One setting, as the operator sees it.
#[derive(Debug)]
pub struct Setting {
    /// The section it belongs to.
    pub section: &'static str,
    /// Its name in the section.
    pub key: &'static str,
    /// The form of its value.
    pub kind: Kind,
    /// What a number counts.
    pub unit: Option<&'static str>,
    /// The TOML value that means none, where it can be none.
    pub none: Option<&'static str>,
    /// What it does, in sentences.
    pub doc: &'static str,
    pub(super) write_default: fn() -> Option<String>,
    pub(super) range: fn() -> Option<(String, String)>,
    pub(super) read: fn(&mut Config, &Item) -> Result<(), Misfit>,
    pub(super) check: fn(&Config) -> Result<(), String>,
}

impl Setting {
    /// `section.key`.
    #[must_use]
    pub fn path(&self) -> String {
        format!("{}.{}", self.section, self.key)
    }

    /// The environment variable that sets it.
    #[must_use]
    pub fn variable(&self) -> String {
        format!("{}{}__{}", super::layers::PREFIX, self.section, self.key).to_ascii_uppercase()
    }

    /// Its default as TOML; none when it is unset unless somebody sets it.
    #[must_use]
    pub fn default(&self) -> Option<String> {
        (self.write_default)()
    }

    /// The form of its value and what is allowed, in one phrase.
    #[must_use]
    pub fn allowed(&self) -> String {
        let mut phrase = self.kind.to_string();
        if let Some(unit) = self.unit {
            let _ = write!(phrase, " of {unit}");
        }
        match (self.none, (self.range)()) {
            (None, None) => {}
            (None, Some((low, high))) => {
                let _ = write!(phrase, ", {low} to {high}");
            }
            (Some(none), None) => {
                let _ = write!(phrase, ", {none} for none");
            }
            (Some(none), Some((low, high))) => {
                let _ = write!(phrase, ", {none} for none, else {low} to {high}");
            }
        }
        phrase
    }
}

/// Fails unless `value` is in `range`; none always is.
pub(super) fn within<T: Value>(value: &T, range: &RangeInclusive<T::Bound>) -> Result<(), String> {
    match value.bound() {
        Some(bound) if !range.contains(bound) => {
            let none = T::NONE.map_or_else(String::new, |none| format!("{none} for none, or "));
            Err(format!("must be {none}{} to {}, not {bound}", range.start(), range.end()))
        }
        Some(_) | None => Ok(()),
    }
}

/// The ends of a type's range, if it has one.
pub(super) fn ends<T: Value>(range: &[RangeInclusive<T::Bound>]) -> Option<(String, String)> {
    range.first().map(|range| (range.start().to_string(), range.end().to_string()))
}

/// What a setting's value must keep to: fails with a clause that completes "the setting ...".
type Rule<'a, T> = &'a dyn Fn(&T) -> Result<(), String>;

/// Applies every rule of a setting to its value.
pub(super) fn hold<T>(value: &T, rules: &[Rule<'_, T>]) -> Result<(), String> {
    rules.iter().try_for_each(|rule| rule(value))
}

/// The one element of a list of at most one, known when the table is compiled.
pub(super) const fn first(list: &[&'static str]) -> Option<&'static str> {
    match list {
        [one, ..] => Some(one),
        [] => None,
    }
}

/// Declares the settings. Each has a doc comment (which the operator reads), a name, a type and a default; then what is
/// allowed: `in` a range, and what a `check` function says; and the `unit` of a bare number.
macro_rules! settings {
    ($(
        $(#[doc = $section_doc:literal])+
        $section:ident: $Section:ident {
            $(
                $(#[doc = $doc:literal])+
                $key:ident: $type:ty = $default:expr
                    $(, in $range:expr)? $(, check $check:path)? $(, unit $unit:literal)?;
            )+
        }
    )+) => {
        $(
            $(#[doc = $section_doc])+
            #[derive(Clone, Debug, PartialEq, Eq)]
            pub struct $Section {
                $( $(#[doc = $doc])+ pub $key: $type, )+
            }

            impl Default for $Section {
                fn default() -> Self {
                    Self { $( $key: $default, )+ }
                }
            }
        )+

        /// Everything that an operator can set, with the defaults of a server that nobody configured.
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        pub struct Config {
            $( $(#[doc = $section_doc])+ pub $section: $Section, )+
        }

        /// Every setting, by section, in the order of the reference.
        pub static SECTIONS: &[Section] = &[ $(
            Section {
                name: stringify!($section),
                doc: concat!($($section_doc),+),
                settings: &[ $(
                    Setting {
                        section: stringify!($section),
                        key: stringify!($key),
                        kind: <$type as Value>::KIND,
                        unit: first(&[$($unit)?]),
                        none: <$type as Value>::NONE,
                        doc: concat!($($doc),+),
                        write_default: || {
                            let default: $type = $default;
                            default.write()
                        },
                        range: || ends::<$type>(&[$($range)?]),
                        read: |config, item| {
                            config.$section.$key = Value::read(item)?;
                            Ok(())
                        },
                        check: |config| hold(&config.$section.$key, &[
                            $( &|value| within(value, &($range)), )?
                            $( &|value| $check(value), )?
                        ]),
                    },
                )+ ],
            },
        )+ ];
    };
}
pub(super) use settings;
