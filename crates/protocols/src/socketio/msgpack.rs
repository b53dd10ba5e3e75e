//! The msgpack parser of Socket.IO: a whole packet as one binary message, read into the usual form and written from it.
//!
//! A packet is a map of `type`, `nsp`, `data` and `id`. Bytes in `data` become attachments, and back.

use super::packet::{ATTACHMENTS_MAX, Malformed, Packet};
use crate::json::write::string;
use serde_json::Value;
use std::io::Write;
use std::sync::Arc;

/// Maps and arrays within each other at most.
const DEPTH_MAX: usize = 64;
/// Members of a packet: the four, and `options`.
const MEMBERS_MAX: usize = 8;

/// A packet's text and its attachments.
pub type Unpacked = (String, Vec<Arc<[u8]>>);

/// Reads a packet into its text and its attachments.
///
/// # Errors
/// It is not msgpack, no packet, nested too deep, or has too many attachments.
pub fn read(bytes: &[u8]) -> Result<Unpacked, Malformed> {
    let mut reader = Reader { rest: bytes, attachments: Vec::new() };
    let members = match reader.head()? {
        Head::Map(count) if count <= MEMBERS_MAX => count,
        _ => return Err(Malformed),
    };
    let (mut kind, mut namespace, mut id, mut data) = (None, "/".to_owned(), String::new(), Vec::new());
    for _ in 0..members {
        let mut key = Vec::new();
        reader.value(&mut key, 0)?;
        let mut value = Vec::new();
        reader.value(&mut value, 0)?;
        match &key[..] {
            b"\"type\"" => kind = serde_json::from_slice::<u8>(&value).ok(),
            b"\"nsp\"" => namespace = serde_json::from_slice(&value).map_err(|_| Malformed)?,
            b"\"id\"" if value != b"null" => id = String::from_utf8(value).map_err(|_| Malformed)?,
            b"\"data\"" if value != b"null" => data = value,
            _ => {}
        }
    }
    if !reader.rest.is_empty() || !namespace.starts_with('/') || namespace.contains(',') {
        return Err(Malformed);
    }
    if !id.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Malformed);
    }
    let count = reader.attachments.len();
    let head = match (kind.ok_or(Malformed)?, count) {
        (kind @ 0..=4, 0) => kind.to_string(),
        (kind @ 2..=3, 1..) => format!("{}{count}-", kind + 3),
        _ => return Err(Malformed),
    };
    let data = String::from_utf8(data).map_err(|_| Malformed)?;
    Ok((format!("{head}{namespace},{id}{data}"), reader.attachments))
}

/// What a value begins with.
enum Head<'a> {
    Nil,
    Bool(bool),
    Unsigned(u64),
    Signed(i64),
    Float(f64),
    Text(&'a str),
    Bytes(&'a [u8]),
    Array(usize),
    Map(usize),
}

struct Reader<'a> {
    rest: &'a [u8],
    attachments: Vec<Arc<[u8]>>,
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(Malformed)?;
        self.rest = rest;
        Ok(taken)
    }

    /// A big-endian number of `count` bytes.
    fn number(&mut self, count: usize) -> Result<u64, Malformed> {
        Ok(self.take(count)?.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    fn length(&mut self, count: usize) -> Result<usize, Malformed> {
        self.number(count).map(|length| usize::try_from(length).unwrap_or(usize::MAX))
    }

    fn text(&mut self, length: usize) -> Result<Head<'a>, Malformed> {
        str::from_utf8(self.take(length)?).map(Head::Text).map_err(|_| Malformed)
    }

    /// An extension, which has no meaning here.
    fn extension(&mut self, length: usize) -> Result<Head<'a>, Malformed> {
        self.take(length.saturating_add(1)).map(|_| Head::Nil)
    }

    fn head(&mut self) -> Result<Head<'a>, Malformed> {
        let first = self.take(1)?[0];
        match first {
            0x00..=0x7f => Ok(Head::Unsigned(first.into())),
            0x80..=0x8f => Ok(Head::Map(usize::from(first & 0x0f))),
            0x90..=0x9f => Ok(Head::Array(usize::from(first & 0x0f))),
            0xa0..=0xbf => self.text(usize::from(first & 0x1f)),
            0xc0 => Ok(Head::Nil),
            0xc1 => Err(Malformed),
            0xc2 | 0xc3 => Ok(Head::Bool(first == 0xc3)),
            0xc4..=0xc6 => {
                let length = self.length(1 << (first - 0xc4))?;
                self.take(length).map(Head::Bytes)
            }
            0xc7..=0xc9 => {
                let length = self.length(1 << (first - 0xc7))?;
                self.extension(length)
            }
            0xca => self.number(4).map(|bits| Head::Float(f32::from_bits(bits as u32).into())),
            0xcb => self.number(8).map(|bits| Head::Float(f64::from_bits(bits))),
            0xcc..=0xcf => self.number(1 << (first - 0xcc)).map(Head::Unsigned),
            0xd0 => self.number(1).map(|bits| Head::Signed((bits as i8).into())),
            0xd1 => self.number(2).map(|bits| Head::Signed((bits as i16).into())),
            0xd2 => self.number(4).map(|bits| Head::Signed((bits as i32).into())),
            0xd3 => self.number(8).map(|bits| Head::Signed(bits.cast_signed())),
            0xd4..=0xd8 => self.extension(1 << (first - 0xd4)),
            0xd9..=0xdb => {
                let length = self.length(1 << (first - 0xd9))?;
                self.text(length)
            }
            0xdc | 0xdd => self.length(2 << (first - 0xdc)).map(Head::Array),
            0xde | 0xdf => self.length(2 << (first - 0xde)).map(Head::Map),
            0xe0..=0xff => Ok(Head::Signed((first as i8).into())),
        }
    }

    /// Appends a value as JSON, bytes as placeholders. Each element takes a byte at least, so that what is written is
    /// bounded by what came, whatever lengths are claimed.
    fn value(&mut self, out: &mut Vec<u8>, depth: usize) -> Result<(), Malformed> {
        if depth > DEPTH_MAX {
            return Err(Malformed);
        }
        // Writing into a vector cannot fail.
        match self.head()? {
            Head::Nil => out.extend_from_slice(b"null"),
            Head::Bool(value) => drop(write!(out, "{value}")),
            Head::Unsigned(value) => drop(write!(out, "{value}")),
            Head::Signed(value) => drop(write!(out, "{value}")),
            Head::Float(value) => match serde_json::Number::from_f64(value) {
                Some(number) => drop(write!(out, "{number}")),
                None => out.extend_from_slice(b"null"),
            },
            Head::Text(text) => string(out, text),
            Head::Bytes(bytes) => {
                if self.attachments.len() == ATTACHMENTS_MAX {
                    return Err(Malformed);
                }
                drop(write!(out, "{{\"_placeholder\":true,\"num\":{}}}", self.attachments.len()));
                self.attachments.push(Arc::from(bytes));
            }
            Head::Array(count) => {
                out.push(b'[');
                for place in 0..count {
                    if place > 0 {
                        out.push(b',');
                    }
                    self.value(out, depth + 1)?;
                }
                out.push(b']');
            }
            Head::Map(count) => {
                out.push(b'{');
                for place in 0..count {
                    if place > 0 {
                        out.push(b',');
                    }
                    match self.head()? {
                        Head::Text(key) => string(out, key),
                        Head::Unsigned(key) => string(out, &key.to_string()),
                        Head::Signed(key) => string(out, &key.to_string()),
                        _ => return Err(Malformed),
                    }
                    out.push(b':');
                    self.value(out, depth + 1)?;
                }
                out.push(b'}');
            }
        }
        Ok(())
    }
}

/// Writes a packet from its text, without Engine.IO's `4`, and its attachments.
#[must_use]
pub fn write(text: &str, attachments: &[Arc<[u8]>]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() + 32);
    // What the server made is a packet.
    let Ok(packet) = Packet::read(text) else { return out };
    let kind = text.as_bytes()[0] - b'0';
    let data: Option<Value> = serde_json::from_str(packet.data).ok();
    let id: Option<u64> = packet.id.and_then(|id| id.parse().ok());
    out.push(0x80 + 2 + u8::from(data.is_some()) + u8::from(id.is_some()));
    put_text(&mut out, "type");
    out.push(if packet.attachments.is_some() { kind - 3 } else { kind });
    put_text(&mut out, "nsp");
    put_text(&mut out, packet.namespace);
    if let Some(data) = data {
        put_text(&mut out, "data");
        put(&mut out, &data, attachments);
    }
    if let Some(id) = id {
        put_text(&mut out, "id");
        put_unsigned(&mut out, id);
    }
    out
}

fn put(out: &mut Vec<u8>, value: &Value, attachments: &[Arc<[u8]>]) {
    match value {
        Value::Null => out.push(0xc0),
        Value::Bool(value) => out.push(0xc2 + u8::from(*value)),
        Value::Number(number) => match (number.as_u64(), number.as_i64()) {
            (Some(number), _) => put_unsigned(out, number),
            (None, Some(number)) => {
                out.push(0xd3);
                out.extend_from_slice(&number.to_be_bytes());
            }
            (None, None) => {
                out.push(0xcb);
                out.extend_from_slice(&number.as_f64().unwrap_or_default().to_be_bytes());
            }
        },
        Value::String(text) => put_text(out, text),
        Value::Array(values) => {
            out.push(0xdd);
            put_length(out, values.len());
            values.iter().for_each(|value| put(out, value, attachments));
        }
        Value::Object(members) => {
            let number = members.get("num").and_then(Value::as_u64).and_then(|number| usize::try_from(number).ok());
            let is_placeholder = members.get("_placeholder") == Some(&Value::Bool(true));
            if let Some(bytes) = number.filter(|_| is_placeholder).and_then(|number| attachments.get(number)) {
                out.push(0xc6);
                put_length(out, bytes.len());
                out.extend_from_slice(bytes);
                return;
            }
            out.push(0xdf);
            put_length(out, members.len());
            for (name, value) in members {
                put_text(out, name);
                put(out, value, attachments);
            }
        }
    }
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    match text.len() {
        length @ 0..=31 => out.push(0xa0 + length as u8),
        length => {
            out.push(0xdb);
            put_length(out, length);
        }
    }
    out.extend_from_slice(text.as_bytes());
}

fn put_unsigned(out: &mut Vec<u8>, number: u64) {
    match number {
        0..=0x7f => out.push(number as u8),
        // JavaScript's decoders give larger integers in 64 bits as they can.
        0x80..=0xffff_ffff => {
            out.push(0xce);
            out.extend_from_slice(&(number as u32).to_be_bytes());
        }
        _ => {
            out.push(0xcf);
            out.extend_from_slice(&number.to_be_bytes());
        }
    }
}

fn put_length(out: &mut Vec<u8>, length: usize) {
    // Nothing in memory here is as long as 4 GiB.
    out.extend_from_slice(&(length as u32).to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn packets_are_the_same_both_ways() {
        for text in [
            "0/,",
            "0/chat,{\"nick\":\"ada\"}",
            "2/,[\"a\",1,-5,1.5,true,null,\"é\"]",
            "2/game,12[\"move\",{\"x\":[70000,5000000000]}]",
            "3/,7[]",
        ] {
            assert_eq!(read(&write(text, &[])), Ok((text.to_owned(), Vec::new())));
        }
        let bytes: Vec<Arc<[u8]>> = vec![Arc::from([1, 2, 3].as_slice())];
        let text = r#"51-/,["file",{"_placeholder":true,"num":0}]"#;
        assert_eq!(read(&write(text, &bytes)), Ok((text.to_owned(), bytes)));
    }

    #[test]
    fn lengths_that_are_claimed_cost_nothing() {
        let bomb = [b"\x81\xa4data".as_slice(), &[0xdd, 0xff, 0xff, 0xff, 0xff]].concat();
        assert_eq!(read(&bomb), Err(Malformed));
        let deep = [b"\x81\xa4data".as_slice(), &[0x91; 100_000], &[0xc0]].concat();
        assert_eq!(read(&deep), Err(Malformed));
    }

    proptest! {
        #[test]
        fn anything_is_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            let _ = read(&bytes);
            let _ = read(&[b"\x82\xa4type\x02\xa4data".as_slice(), &bytes].concat());
        }
    }
}
