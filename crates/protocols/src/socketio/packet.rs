//! Packets of Socket.IO version 5: `<type>[<n>-][/namespace,][id][json]`, read as strictly as official servers do.

use super::msgpack;
use crate::json::fields;
use serde_json::value::RawValue;

/// Attachments of one packet at most, as the official parser has it.
pub const ATTACHMENTS_MAX: usize = 10;
/// Digits of an acknowledgement's id at most: those of the largest integer of 64 bits.
const ID_DIGITS_MAX: usize = 20;
/// Arrays and objects within each other at most; JSON deeper than that is an attack.
pub(crate) const DEPTH_MAX: usize = 128;
/// Bytes of an event's name at most.
pub const NAME_BYTES_MAX: usize = crate::json::decode::EVENT_NAME_BYTES_MAX;
/// Names that mean something to clients themselves: an event of such a name would deceive them.
const RESERVED: [&str; 6] =
    ["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"];

/// The peer broke the protocol; its connection is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a Socket.IO packet")]
pub struct Malformed;

/// What a packet is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Connect,
    Disconnect,
    Event,
    Ack,
    ConnectError,
}

/// A packet's text, split; what the JSON in it says is not looked at yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    pub kind: Kind,
    /// How many binary messages follow that belong to it; `None` for a packet that cannot have any.
    pub attachments: Option<usize>,
    /// `/` where none is named.
    pub namespace: &'a str,
    /// The digits of an acknowledgement's id, as they came.
    pub id: Option<&'a str>,
    /// The JSON; empty if there is none.
    pub data: &'a str,
}

/// Whether an event must not have this name.
#[must_use]
pub fn is_reserved(name: &str) -> bool {
    RESERVED.contains(&name)
}

impl<'a> Packet<'a> {
    /// Splits a packet's text.
    ///
    /// # Errors
    /// An unknown type, a bad number of attachments, or an id of more digits than a number has.
    pub fn read(text: &'a str) -> Result<Self, Malformed> {
        let (kind, mut rest) = text.split_at_checked(1).ok_or(Malformed)?;
        let (kind, is_binary) = match kind {
            "0" => (Kind::Connect, false),
            "1" => (Kind::Disconnect, false),
            "2" => (Kind::Event, false),
            "3" => (Kind::Ack, false),
            "4" => (Kind::ConnectError, false),
            "5" => (Kind::Event, true),
            "6" => (Kind::Ack, true),
            _ => return Err(Malformed),
        };
        let mut attachments = None;
        if is_binary {
            let (count, after) = rest.split_once('-').ok_or(Malformed)?;
            let count: usize = if is_digits(count) { count.parse().map_err(|_| Malformed)? } else { 0 };
            if !(1..=ATTACHMENTS_MAX).contains(&count) {
                return Err(Malformed);
            }
            (attachments, rest) = (Some(count), after);
        }
        let mut namespace = "/";
        if rest.starts_with('/') {
            // A packet may end with its namespace, without a comma.
            (namespace, rest) = rest.split_once(',').unwrap_or((rest, ""));
        }
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (id, data) = rest.split_at(digits);
        if digits > ID_DIGITS_MAX {
            return Err(Malformed);
        }
        Ok(Self { kind, attachments, namespace, id: (digits > 0).then_some(id), data })
    }

    /// Whether the packet's JSON is nested deeper than 128 arrays and objects: it is refused unread.
    #[must_use]
    pub fn is_too_deep(&self) -> bool {
        fields::is_deeper(self.data, DEPTH_MAX)
    }

    /// The object of a `CONNECT`, if it has one.
    ///
    /// # Errors
    /// It is something else than an object.
    pub fn auth(&self) -> Result<Option<&'a str>, Malformed> {
        if self.data.is_empty() {
            return Ok(None);
        }
        check_depth(self.data)?;
        let value: &RawValue = serde_json::from_str(self.data).map_err(|_| Malformed)?;
        if value.get().starts_with('{') { Ok(Some(value.get())) } else { Err(Malformed) }
    }

    /// The arguments of an event or an acknowledgement, each as its JSON. `None`: there is no array at all, which
    /// official servers let pass.
    ///
    /// # Errors
    /// It is no array of valid JSON, or an attachment is named that does not follow.
    pub fn arguments(&self) -> Result<Option<Vec<&'a RawValue>>, Malformed> {
        if self.data.is_empty() {
            return Ok(None);
        }
        check_depth(self.data)?;
        let arguments: Vec<&RawValue> = serde_json::from_str(self.data).map_err(|_| Malformed)?;
        let count = self.attachments;
        let is_whole =
            |argument: &&RawValue| count.is_none_or(|count| msgpack::has_its_attachments(argument.get(), count));
        if arguments.iter().all(is_whole) { Ok(Some(arguments)) } else { Err(Malformed) }
    }
}

/// The name of an event, from its first argument: a string that is not reserved, or a number. How long it may be is
/// for the namespace to say.
///
/// # Errors
/// It is neither.
pub fn event_name(first: Option<&&RawValue>) -> Result<String, Malformed> {
    let first = first.ok_or(Malformed)?.get();
    let name: String = match first.as_bytes().first() {
        Some(b'"') => serde_json::from_str(first).map_err(|_| Malformed)?,
        Some(b'-' | b'0'..=b'9') => first.to_owned(),
        Some(_) | None => return Err(Malformed),
    };
    if is_reserved(&name) { Err(Malformed) } else { Ok(name) }
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn check_depth(json: &str) -> Result<(), Malformed> {
    if fields::is_deeper(json, DEPTH_MAX) { Err(Malformed) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet<'a>(kind: Kind, namespace: &'a str, id: Option<&'a str>, data: &'a str) -> Packet<'a> {
        Packet { kind, attachments: None, namespace, id, data }
    }

    #[test]
    fn packets_are_split() {
        for (text, expected) in [
            ("0", packet(Kind::Connect, "/", None, "")),
            ("0{\"a\":1}", packet(Kind::Connect, "/", None, "{\"a\":1}")),
            ("0/custom,", packet(Kind::Connect, "/custom", None, "")),
            ("0/custom", packet(Kind::Connect, "/custom", None, "")),
            ("0/custom?x=1,{}", packet(Kind::Connect, "/custom?x=1", None, "{}")),
            ("1/custom,", packet(Kind::Disconnect, "/custom", None, "")),
            ("2[\"a\"]", packet(Kind::Event, "/", None, "[\"a\"]")),
            ("2/n,12[\"a\"]", packet(Kind::Event, "/n", Some("12"), "[\"a\"]")),
            ("3456[]", packet(Kind::Ack, "/", Some("456"), "[]")),
            ("4{}", packet(Kind::ConnectError, "/", None, "{}")),
            ("52-[]", Packet { attachments: Some(2), ..packet(Kind::Event, "/", None, "[]") }),
            ("610-/n,7[]", Packet { attachments: Some(10), ..packet(Kind::Ack, "/n", Some("7"), "[]") }),
        ] {
            assert_eq!(Packet::read(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_packet_is_refused() {
        for text in ["", "7", "abc", "é", "5", "5[]", "50-[]", "511-[]", "5-[]", "51.5-[]", "5 1-[]", "5+1-[]", "5a-[]"]
        {
            assert_eq!(Packet::read(text), Err(Malformed), "{text}");
        }
        assert_eq!(Packet::read("2999999999999999999999[]"), Err(Malformed), "an id is no longer than a number");
    }

    #[test]
    fn connect_carries_an_object_or_nothing() {
        for (text, expected) in [
            ("0", Ok(None)),
            ("0{}", Ok(Some("{}"))),
            ("0[]", Err(Malformed)),
            ("0null", Err(Malformed)),
            ("0{", Err(Malformed)),
            ("0\"x\"", Err(Malformed)),
        ] {
            assert_eq!(Packet::read(text).and_then(|packet| packet.auth()), expected, "{text}");
        }
    }

    #[test]
    fn events_have_a_name_first() {
        let name = |text: &str| {
            let arguments = Packet::read(text).and_then(|packet| packet.arguments())?;
            arguments.map_or(Ok(None), |arguments| event_name(arguments.first()).map(Some))
        };
        for (text, expected) in [
            ("2[\"hi\"]", Ok(Some("hi".to_owned()))),
            ("2[1,2]", Ok(Some("1".to_owned()))),
            ("2", Ok(None)),
            ("2[]", Err(Malformed)),
            ("2{}", Err(Malformed)),
            ("2[null]", Err(Malformed)),
            ("2[{}]", Err(Malformed)),
            ("2[\"a\"", Err(Malformed)),
            ("2abc[\"a\"]", Err(Malformed)),
            ("2[\"connect\"]", Err(Malformed)),
            ("2[\"disconnecting\"]", Err(Malformed)),
            ("2[\"removeListener\"]", Err(Malformed)),
        ] {
            assert_eq!(name(text), expected, "{text}");
        }
        let deep = |levels| format!("2[\"a\",{}{}]", "[".repeat(levels), "]".repeat(levels));
        assert_eq!(name(&deep(127)), Ok(Some("a".to_owned())));
        assert_eq!(name(&deep(128)), Err(Malformed));
        assert_eq!(name(&deep(100_000)), Err(Malformed));
        assert_eq!(name("2[\"a\",\"\\ud800\"]"), Ok(Some("a".to_owned())), "half a surrogate pair is passed on");
    }

    #[test]
    fn placeholders_name_attachments_that_follow() {
        for (text, good) in [
            (r#"51-["a",{"_placeholder":true,"num":0}]"#, true),
            (r#"52-["a",{"x":[{"_placeholder":true,"num":1}]},{"_placeholder":true,"num":1}]"#, true),
            (r#"51-["a",{"_placeholder":false,"num":9}]"#, true),
            (r#"51-["a"]"#, true),
            (r#"51-["a","\ud800",1e999,{"\udc00":{"num":0,"_placeholder":true}}]"#, true),
            (r#"51-["a",{"num":1,"_placeholder":true}]"#, false),
            (r#"51-["a",{"_placeholder":true,"num":1}]"#, false),
            (r#"51-["a",{"_placeholder":true,"num":-1}]"#, false),
            (r#"51-["a",{"_placeholder":true,"num":0.5}]"#, false),
            (r#"51-["a",{"_placeholder":true,"num":"splice"}]"#, false),
            (r#"51-["a",{"_placeholder":true}]"#, false),
        ] {
            assert_eq!(Packet::read(text).and_then(|packet| packet.arguments()).is_ok(), good, "{text}");
        }
    }
}
