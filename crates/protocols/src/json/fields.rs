//! The members of a request, before it is known which of them its type uses.

use serde::Deserialize;
use serde_json::value::RawValue;
use switchboard_core::limits::RESUME_ROOMS_MAX;
use switchboard_core::{Seq, SessionId};

/// Arrays and objects within each other, more than any request needs.
const DEPTH_MAX: usize = 64;

/// Everything that a request may hold, each value still unread. Members that are not here are ignored, so that
/// clients may be newer than the server; `null` is like no member.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Fields<'a> {
    #[serde(borrow, rename = "type")]
    pub(crate) kind: Option<&'a RawValue>,
    #[serde(borrow, rename = "ref")]
    pub(crate) reference: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) nick: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) pass: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) code: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) token: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) cookie: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) resume: Option<&'a RawValue>,
    #[serde(borrow, rename = "as")]
    pub(crate) as_what: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) room: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) to: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) text: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) id: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) action: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) before: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) after: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) limit: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) query: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) name: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(crate) args: Option<&'a RawValue>,
}

/// What is wrong with a request, as a sentence.
pub(crate) type Fault = String;

impl<'a> Fields<'a> {
    /// Reads a request's members.
    pub(crate) fn read(text: &'a str) -> Result<Self, Fault> {
        // serde would take an array for a struct, too.
        if !text.trim_start().starts_with('{') {
            return Err("a request is a JSON object".to_owned());
        }
        if is_deeper(text, DEPTH_MAX) {
            return Err(format!("a request is nested at most {DEPTH_MAX} deep"));
        }
        serde_json::from_str(text).map_err(|error| format!("this is not JSON as it should be: {error}"))
    }
}

/// Reads a string.
pub(crate) fn string(value: Option<&RawValue>, name: &str) -> Result<Option<String>, Fault> {
    let Some(value) = value else { return Ok(None) };
    match serde_json::from_str(value.get()) {
        Ok(text) => Ok(Some(text)),
        // A string that is not a string is one with half of a surrogate pair.
        Err(_) if value.get().starts_with('"') => Err(format!("`{name}` is not a string of whole characters")),
        Err(_) => Err(format!("`{name}` must be a string")),
    }
}

/// Reads a string that must be there.
pub(crate) fn required(value: Option<&RawValue>, name: &str) -> Result<String, Fault> {
    string(value, name)?.ok_or_else(|| format!("`{name}` is missing"))
}

/// Reads `true` or `false`; nothing is `false`.
pub(crate) fn flag(value: Option<&RawValue>, name: &str) -> Result<bool, Fault> {
    value.map_or(Ok(false), |value| {
        serde_json::from_str(value.get()).map_err(|_| format!("`{name}` must be true or false"))
    })
}

/// Reads an event's number.
pub(crate) fn seq(value: Option<&RawValue>, name: &str) -> Result<Option<Seq>, Fault> {
    value
        .map(|value| serde_json::from_str(value.get()).map_err(|_| format!("`{name}` must be an integer from 0 on")))
        .transpose()
}

/// Reads how many are asked for; what is above 32 bits is as good as its greatest number.
pub(crate) fn count(value: Option<&RawValue>, name: &str) -> Result<Option<u32>, Fault> {
    Ok(seq(value, name)?.map(|count| u32::try_from(count).unwrap_or(u32::MAX)))
}

/// Reads a session's public name.
pub(crate) fn session(value: Option<&RawValue>, name: &str) -> Result<Option<SessionId>, Fault> {
    string(value, name)?
        .map(|text| {
            let is_id = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
            match text.parse() {
                Ok(session) if is_id => Ok(session),
                Ok(_) | Err(_) => Err(format!("`{name}` must be a session: 16 hexadecimal digits")),
            }
        })
        .transpose()
}

/// Reads the last number seen of each room.
pub(super) fn resume(value: Option<&RawValue>) -> Result<Vec<(String, Seq)>, Fault> {
    let Some(value) = value else { return Ok(Vec::new()) };
    let rooms: std::collections::BTreeMap<String, Seq> = serde_json::from_str(value.get())
        .map_err(|_| "`resume` must be an object of rooms with the last seq seen of each".to_owned())?;
    Ok(rooms.into_iter().take(RESUME_ROOMS_MAX).collect())
}

/// Whether arrays and objects are nested more than `most` deep, if the text is JSON. Where there are no more brackets than
/// that, nobody has to look at anything else.
pub(crate) fn is_deeper(text: &str, most: usize) -> bool {
    memchr::memchr2_iter(b'{', b'[', text.as_bytes()).nth(most).is_some() && depth(text) > most
}

/// How deep arrays and objects are nested, at most, if the text is JSON.
fn depth(text: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    let mut bytes = text.bytes();
    let mut in_string = false;
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => in_string = !in_string,
            b'\\' if in_string => {
                bytes.next();
            }
            b'{' | b'[' if !in_string => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

#[cfg(test)]
mod tests {
    use super::depth;

    #[test]
    fn depth_counts_brackets_outside_strings() {
        for (text, expected) in [
            ("", 0),
            ("{}", 1),
            (r#"{"a":[1,[2]],"b":{}}"#, 3),
            (r#"{"a":"[[[["}"#, 1),
            (r#"{"a":"\"[[","b":[]}"#, 2),
            (r#"{"a":"\\","b":[[]]}"#, 3),
            ("]]]][", 1),
        ] {
            assert_eq!(depth(text), expected, "{text}");
        }
    }
}
