//! Values as text: those of the environment and of `--set`, and how errors name what they found.

use std::fmt;
use std::str::FromStr as _;

use toml_edit::Item;

use super::super::units::excerpt;
use super::Kind;

/// What an environment variable or `--set` says, as TOML: there, texts need no quotes and lists no brackets.
///
/// # Errors
/// A clause that completes "the setting ...".
pub(in super::super) fn item_of_text(kind: Kind, text: &str) -> Result<Item, String> {
    let text = text.trim();
    let plain = || Item::from(toml_edit::Value::from(text));
    let toml = || toml_edit::Value::from_str(text);
    Ok(match kind {
        Kind::Boolean | Kind::Number | Kind::Recovery => toml().map_or_else(|_| plain(), Item::from),
        // Quotes are taken off, because `--set 'a.b="c"'` is TOML too; without a matching pair they are part of it.
        Kind::Text | Kind::Secret | Kind::Path | Kind::Duration | Kind::Size | Kind::Choice(_) => {
            toml().ok().filter(toml_edit::Value::is_str).map_or_else(plain, Item::from)
        }
        Kind::List(_) if text.starts_with('[') => {
            toml().map(Item::from).map_err(|_| format!("is not a TOML list: {}", excerpt(text)))?
        }
        Kind::List(_) => {
            let elements: toml_edit::Array =
                text.split(',').map(str::trim).filter(|element| !element.is_empty()).collect();
            Item::from(toml_edit::Value::from(elements))
        }
        Kind::Tokens => toml()
            .map(Item::from)
            .map_err(|_| "must be an inline table, such as { garage = { token = \"...\", room = \"...\" } }")?,
    })
}

/// `text` in TOML's quotes.
pub(super) fn quoted(text: &impl fmt::Display) -> String {
    toml_edit::Value::from(text.to_string()).to_string()
}

/// `"a", "b" or "c"`.
pub(super) fn alternatives(words: &[&str]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("{word:?}")).collect();
    match quoted.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        Some(_) | None => quoted.concat(),
    }
}

/// What stands in a value's place, for an error message.
pub(super) fn found(item: &Item) -> String {
    match item {
        Item::Value(value) => found_value(value),
        Item::Table(_) | Item::ArrayOfTables(_) => "a table".to_owned(),
        Item::None => "nothing".to_owned(),
    }
}

pub(super) fn found_value(value: &toml_edit::Value) -> String {
    match value {
        toml_edit::Value::String(text) => excerpt(text.value()),
        toml_edit::Value::Integer(number) => number.value().to_string(),
        toml_edit::Value::Float(number) => number.value().to_string(),
        toml_edit::Value::Boolean(boolean) => boolean.value().to_string(),
        toml_edit::Value::Datetime(date) => date.value().to_string(),
        toml_edit::Value::Array(_) => "a list".to_owned(),
        toml_edit::Value::InlineTable(_) => "a table".to_owned(),
    }
}
