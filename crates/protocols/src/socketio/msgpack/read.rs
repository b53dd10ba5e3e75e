//! Packets in: msgpack as JSON with attachments, and beside it what JSON cannot say.

use super::{DEPTH_MAX, NOTEPACK, TIMESTAMP, dates};
use crate::json::write::string;
use crate::socketio::packet::{ATTACHMENTS_MAX, Malformed};
use std::io::Write;
use std::sync::Arc;

/// Members of a packet: the four, and `options`.
const MEMBERS_MAX: usize = 8;

/// A packet that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unpacked {
    /// The packet as one with the default parser writes it.
    pub text: String,
    pub attachments: Vec<Arc<[u8]>>,
    /// There were more attachments than a packet may have: the further ones are `null` in the text.
    pub too_many: bool,
    /// What `data` holds, if there is something in it that the text cannot say.
    pub packed: Option<PackedArgs>,
}

/// The elements of `data` as msgpack, one after the other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PackedArgs {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl PackedArgs {
    /// One of the elements.
    #[must_use]
    pub fn argument(&self, place: usize) -> Option<&[u8]> {
        let begin = place.checked_sub(1).map_or(0, |before| self.ends.get(before).copied().unwrap_or(0));
        self.bytes.get(begin..*self.ends.get(place)?)
    }

    /// All elements from this one on.
    pub fn arguments_from(&self, place: usize) -> impl Iterator<Item = &[u8]> {
        (place..self.ends.len()).filter_map(|place| self.argument(place))
    }
}

/// Reads a packet.
///
/// # Errors
/// It is not msgpack, no packet, or nested too deep.
pub fn read(bytes: &[u8]) -> Result<Unpacked, Malformed> {
    let mut reader = Reader { rest: bytes, attachments: Vec::new(), too_many: false, again: Vec::new(), rich: false };
    let members = match reader.head()? {
        Head::Map(count) if count <= MEMBERS_MAX => count,
        _ => return Err(Malformed),
    };
    let (mut kind, mut namespace, mut id, mut data) = (None, "/".to_owned(), String::new(), Vec::new());
    let mut packed = PackedArgs::default();
    for _ in 0..members {
        let mut key = Vec::new();
        reader.value(&mut key, 0)?;
        let mut value = Vec::new();
        if key == b"\"data\"" {
            reader.rich = false;
            packed = reader.elements(&mut value)?;
            data = if value == b"null" { Vec::new() } else { value };
            if !reader.rich {
                packed.ends.clear();
            }
            continue;
        }
        reader.value(&mut value, 0)?;
        match &key[..] {
            b"\"type\"" => kind = serde_json::from_slice::<u8>(&value).ok(),
            b"\"nsp\"" => namespace = serde_json::from_slice(&value).map_err(|_| Malformed)?,
            b"\"id\"" if value != b"null" => id = String::from_utf8(value).map_err(|_| Malformed)?,
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
    let text = format!("{head}{namespace},{id}{data}");
    let packed = (!packed.ends.is_empty()).then_some(packed);
    Ok(Unpacked { text, attachments: reader.attachments, too_many: reader.too_many, packed })
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
    /// `fixed`: its length is in its first byte.
    Extension {
        fixed: bool,
        kind: i8,
        bytes: &'a [u8],
    },
    Array(usize),
    Map(usize),
}

/// Whether a value is there.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Presence {
    There,
    /// It is JavaScript's `undefined`.
    Undefined,
}

struct Reader<'a> {
    rest: &'a [u8],
    attachments: Vec<Arc<[u8]>>,
    too_many: bool,
    /// What was read, in msgpack again, but with keys that every parser takes.
    again: Vec<u8>,
    /// Something was read that JSON cannot say.
    rich: bool,
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(Malformed)?;
        self.rest = rest;
        Ok(taken)
    }

    /// A big-endian number of `count` bytes.
    fn number(&mut self, count: usize) -> Result<u64, Malformed> {
        Ok(big_endian(self.take(count)?))
    }

    fn length(&mut self, count: usize) -> Result<usize, Malformed> {
        self.number(count).map(|length| usize::try_from(length).unwrap_or(usize::MAX))
    }

    fn text(&mut self, length: usize) -> Result<Head<'a>, Malformed> {
        str::from_utf8(self.take(length)?).map(Head::Text).map_err(|_| Malformed)
    }

    fn extension(&mut self, fixed: bool, length: usize) -> Result<Head<'a>, Malformed> {
        let kind = self.take(1)?[0].cast_signed();
        Ok(Head::Extension { fixed, kind, bytes: self.take(length)? })
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
                self.extension(false, length)
            }
            0xca => self.number(4).map(|bits| Head::Float(f32::from_bits(bits as u32).into())),
            0xcb => self.number(8).map(|bits| Head::Float(f64::from_bits(bits))),
            0xcc..=0xcf => self.number(1 << (first - 0xcc)).map(Head::Unsigned),
            0xd0 => self.number(1).map(|bits| Head::Signed((bits as i8).into())),
            0xd1 => self.number(2).map(|bits| Head::Signed((bits as i16).into())),
            0xd2 => self.number(4).map(|bits| Head::Signed((bits as i32).into())),
            0xd3 => self.number(8).map(|bits| Head::Signed(bits.cast_signed())),
            0xd4..=0xd8 => self.extension(true, 1 << (first - 0xd4)),
            0xd9..=0xdb => {
                let length = self.length(1 << (first - 0xd9))?;
                self.text(length)
            }
            0xdc | 0xdd => self.length(2 << (first - 0xdc)).map(Head::Array),
            0xde | 0xdf => self.length(2 << (first - 0xde)).map(Head::Map),
            0xe0..=0xff => Ok(Head::Signed((first as i8).into())),
        }
    }

    /// Reads a value of which the elements are wanted each by itself, if it is an array.
    fn elements(&mut self, out: &mut Vec<u8>) -> Result<PackedArgs, Malformed> {
        let before = self.rest;
        let Head::Array(count) = self.head()? else {
            self.rest = before;
            self.value(out, 0)?;
            return Ok(PackedArgs::default());
        };
        self.again.clear();
        let mut ends = Vec::new();
        out.push(b'[');
        for place in 0..count {
            if place > 0 {
                out.push(b',');
            }
            self.value(out, 1)?;
            ends.push(self.again.len());
        }
        out.push(b']');
        Ok(PackedArgs { bytes: std::mem::take(&mut self.again), ends })
    }

    /// Appends a value as JSON, bytes as placeholders. Each element takes a byte at least, so that what is written is
    /// bounded by what came, whatever lengths are claimed.
    fn value(&mut self, out: &mut Vec<u8>, depth: usize) -> Result<Presence, Malformed> {
        if depth > DEPTH_MAX {
            return Err(Malformed);
        }
        let before = self.rest;
        let head = self.head()?;
        self.again.extend_from_slice(&before[..before.len() - self.rest.len()]);
        // Writing into a vector cannot fail.
        match head {
            Head::Nil => out.extend_from_slice(b"null"),
            Head::Bool(value) => drop(write!(out, "{value}")),
            Head::Unsigned(value) => drop(write!(out, "{value}")),
            Head::Signed(value) => drop(write!(out, "{value}")),
            Head::Float(value) => match serde_json::Number::from_f64(value) {
                Some(number) => drop(write!(out, "{number}")),
                None => {
                    self.rich = true;
                    out.extend_from_slice(b"null");
                }
            },
            Head::Text(text) => string(out, text),
            Head::Bytes(bytes) => self.attach(out, bytes),
            Head::Extension { fixed, kind, bytes } => {
                self.rich = true;
                return self.extended(out, fixed, kind, bytes);
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
                let begin = out.len();
                for _ in 0..count {
                    let member = out.len();
                    if member > begin {
                        out.push(b',');
                    }
                    self.key(out, depth)?;
                    out.push(b':');
                    if self.value(out, depth + 1)? == Presence::Undefined {
                        out.truncate(member);
                    }
                }
                out.push(b'}');
            }
        }
        Ok(Presence::There)
    }

    /// Appends a key, which is a string in JSON, and with the parsers of some languages in msgpack too.
    fn key(&mut self, out: &mut Vec<u8>, depth: usize) -> Result<(), Malformed> {
        let before = self.rest;
        let text = match self.head()? {
            Head::Text(key) => {
                self.again.extend_from_slice(&before[..before.len() - self.rest.len()]);
                string(out, key);
                return Ok(());
            }
            Head::Bytes(key) => String::from_utf8_lossy(key).into_owned(),
            _ => {
                self.rest = before;
                let (mut text, written) = (Vec::new(), self.again.len());
                self.value(&mut text, depth + 1)?;
                self.again.truncate(written);
                String::from_utf8(text).map_err(|_| Malformed)?
            }
        };
        super::write::put_text(&mut self.again, &text);
        string(out, &text);
        Ok(())
    }

    fn attach(&mut self, out: &mut Vec<u8>, bytes: &[u8]) {
        if self.attachments.len() == ATTACHMENTS_MAX {
            self.too_many = true;
            out.extend_from_slice(b"null");
            return;
        }
        let _ = write!(out, "{{\"_placeholder\":true,\"num\":{}}}", self.attachments.len());
        self.attachments.push(Arc::from(bytes));
    }

    /// Appends what an extension means to those who have only JSON: what the sender's own library would have made of it.
    fn extended(&mut self, out: &mut Vec<u8>, fixed: bool, kind: i8, bytes: &[u8]) -> Result<Presence, Malformed> {
        match (kind, fixed, bytes.len()) {
            (TIMESTAMP, _, _) => dates::put(out, timestamp(bytes)?),
            (NOTEPACK, true, 8) => dates::put(out, Some(big_endian(bytes).cast_signed())),
            (NOTEPACK, true, 1) => {
                out.extend_from_slice(b"null");
                return Ok(Presence::Undefined);
            }
            (NOTEPACK, false, _) => self.attach(out, bytes),
            _ => {
                let _ = write!(out, "[{kind},");
                self.attach(out, bytes);
                out.push(b']');
            }
        }
        Ok(Presence::There)
    }
}

fn big_endian(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// The milliseconds of a date as the specification writes it; none where they are too many for a number of 64 bits.
fn timestamp(bytes: &[u8]) -> Result<Option<i64>, Malformed> {
    const NANOS_MAX: u64 = 999_999_999;

    let (seconds, nanos) = match bytes.len() {
        4 => (big_endian(bytes).cast_signed(), 0),
        8 => {
            let bits = big_endian(bytes);
            ((bits & ((1 << 34) - 1)).cast_signed(), bits >> 34)
        }
        12 => (big_endian(&bytes[4..]).cast_signed(), big_endian(&bytes[..4])),
        _ => return Err(Malformed),
    };
    if nanos > NANOS_MAX {
        return Err(Malformed);
    }
    Ok(seconds.checked_mul(1_000).and_then(|millis| millis.checked_add((nanos / 1_000_000).cast_signed())))
}
