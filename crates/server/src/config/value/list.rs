//! Settings of several values: lists, and the table of tokens.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;
use toml_edit::{Item, TableLike};

use super::super::listen::Listen;
use super::super::secret::{Secret, UdpToken};
use super::super::units::excerpt;
use super::text::{found, found_value, quoted};
use super::{Kind, Misfit, Value};

/// What a list may hold, each element written as one text.
trait Element: fmt::Display + Sized {
    const NOUN: &'static str;
    fn of_text(text: &str) -> Result<Self, String>;
}

impl Element for String {
    const NOUN: &'static str = "texts";

    fn of_text(text: &str) -> Result<Self, String> {
        Ok(text.to_owned())
    }
}

impl Element for Listen {
    const NOUN: &'static str = "addresses";

    fn of_text(text: &str) -> Result<Self, String> {
        text.parse()
    }
}

impl Element for IpNet {
    const NOUN: &'static str = "networks";

    /// A bare address is the network of that one address.
    fn of_text(text: &str) -> Result<Self, String> {
        text.parse()
            .or_else(|_| text.parse::<IpAddr>().map(Self::from))
            .map_err(|_| format!("must hold networks such as \"10.0.0.0/8\" or \"::1\", not {}", excerpt(text)))
    }
}

impl<T: Element> Value for Vec<T> {
    type Bound = Infallible;
    const KIND: Kind = Kind::List(T::NOUN);

    fn read(item: &Item) -> Result<Self, Misfit> {
        let array = item.as_array().ok_or_else(|| {
            Misfit::at(item, format!("must be a list in brackets, such as [\"...\"], not {}", found(item)))
        })?;
        array
            .iter()
            .map(|element| {
                let text = element.as_str().ok_or_else(|| Misfit {
                    clause: format!("must hold texts in quotes, not {}", found_value(element)),
                    span: element.span(),
                })?;
                T::of_text(text).map_err(|clause| Misfit { clause, span: element.span() })
            })
            .collect()
    }

    fn write(&self) -> Option<String> {
        let elements: Vec<String> = self.iter().map(quoted).collect();
        Some(format!("[{}]", elements.join(", ")))
    }
}

impl Value for BTreeMap<String, UdpToken> {
    type Bound = Infallible;
    const KIND: Kind = Kind::Tokens;

    fn read(item: &Item) -> Result<Self, Misfit> {
        let form = "must be a table of NAME = { token = \"...\", room = \"...\" }";
        let table = item.as_table_like().ok_or_else(|| Misfit::at(item, form))?;
        table
            .iter()
            .map(|(name, item)| {
                let fields = item.as_table_like().ok_or_else(|| Misfit::at(item, form))?;
                Ok((name.to_owned(), read_token(name, item, fields)?))
            })
            .collect()
    }

    fn write(&self) -> Option<String> {
        let rows: Vec<String> = self
            .iter()
            .map(|(name, UdpToken { token, room })| {
                format!("{} = {{ token = {}, room = {} }}", quoted(name), quoted(&token.expose()), quoted(room))
            })
            .collect();
        Some(if rows.is_empty() { "{}".to_owned() } else { format!("{{ {} }}", rows.join(", ")) })
    }
}

fn read_token(name: &str, item: &Item, fields: &dyn TableLike) -> Result<UdpToken, Misfit> {
    if let Some((unknown, _)) = fields.iter().find(|(field, _)| !["token", "room"].contains(field)) {
        let clause = format!("has the unknown field {name}.{unknown}: a token has token and room");
        return Err(Misfit { clause, span: fields.key(unknown).and_then(toml_edit::Key::span) });
    }
    let field = |field| fields.get(field).ok_or_else(|| Misfit::at(item, format!("needs the field {name}.{field}")));
    let inside =
        |field: &str, misfit: Misfit| Misfit { clause: format!("{name}.{field} {}", misfit.clause), span: misfit.span };
    Ok(UdpToken {
        token: Secret::read(field("token")?).map_err(|misfit| inside("token", misfit))?,
        room: String::read(field("room")?).map_err(|misfit| inside("room", misfit))?,
    })
}
