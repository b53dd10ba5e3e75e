//! Packets out: JSON with attachments as msgpack.

use crate::socketio::packet::Packet;
use std::sync::Arc;

/// Arrays and objects within each other at most; what was checked when it came has fewer.
const DEPTH_MAX: usize = 160;
const NIL: u8 = 0xc0;

/// Writes a packet from its text, without Engine.IO's `4`, and its attachments.
#[must_use]
pub fn write(text: &str, attachments: &[Arc<[u8]>]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() + 32);
    // What the server made is a packet.
    let Ok(packet) = Packet::read(text) else { return out };
    let kind = text.as_bytes()[0] - b'0';
    let id: Option<u64> = packet.id.and_then(|id| id.parse().ok());
    out.push(0x80 + 2 + u8::from(!packet.data.is_empty()) + u8::from(id.is_some()));
    put_head(&mut out, if packet.attachments.is_some() { kind - 3 } else { kind }, packet.namespace);
    if !packet.data.is_empty() {
        put_text(&mut out, "data");
        put_json(&mut out, packet.data, attachments);
    }
    if let Some(id) = id {
        put_text(&mut out, "id");
        put_unsigned(&mut out, id);
    }
    out
}

/// Writes an event from arguments that are msgpack already: its name, who sent it (JSON), the arguments as an array
/// whose head has five bytes, and its place in the stream of events.
pub(crate) fn relayed(path: &str, name: &str, from: Option<&[u8]>, args: &[u8], offset: Option<&str>) -> Vec<u8> {
    const HEAD: usize = 5;

    let mut out = Vec::with_capacity(args.len() + name.len() + path.len() + 96);
    out.push(0x83);
    put_head(&mut out, 2, path);
    put_text(&mut out, "data");
    let (head, inside) = args.split_at_checked(HEAD).unwrap_or_default();
    let count = head.get(1..).map_or(0, |count| count.iter().fold(0, |count, byte| count << 8 | usize::from(*byte)));
    out.push(0xdd);
    put_length(&mut out, count + 1 + usize::from(from.is_some()) + usize::from(offset.is_some()));
    put_text(&mut out, name);
    if let Some(from) = from.and_then(|from| str::from_utf8(from).ok()) {
        put_json(&mut out, from, &[]);
    }
    out.extend_from_slice(inside);
    if let Some(offset) = offset {
        put_text(&mut out, offset);
    }
    out
}

/// An array of these elements, with a head of five bytes.
pub(crate) fn array<'a>(elements: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut out = vec![0xdd, 0, 0, 0, 0];
    let mut count = 0;
    for element in elements {
        count += 1;
        out.extend_from_slice(element);
    }
    set_length(&mut out, 1, count);
    out
}

fn put_head(out: &mut Vec<u8>, kind: u8, path: &str) {
    put_text(out, "type");
    out.push(kind);
    put_text(out, "nsp");
    put_text(out, path);
}

/// Appends valid JSON. Nothing that is valid JSON fails: a receiver must not stumble over what another client wrote.
fn put_json(out: &mut Vec<u8>, json: &str, attachments: &[Arc<[u8]>]) {
    let begin = out.len();
    let mut writer = Writer { out, rest: json.as_bytes(), attachments, announced: None };
    if writer.value(0).is_none() {
        out.truncate(begin);
        out.push(NIL);
    }
}

/// Whether each placeholder in valid JSON stands for one of so many attachments.
pub(crate) fn has_its_attachments(json: &str, count: usize) -> bool {
    let mut out = Vec::with_capacity(json.len());
    Writer { out: &mut out, rest: json.as_bytes(), attachments: &[], announced: Some(count) }.value(0).is_some()
}

/// What a value of JSON was, as far as a placeholder is made of it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Value {
    True,
    Unsigned(u64),
    Other,
}

struct Writer<'a> {
    out: &'a mut Vec<u8>,
    rest: &'a [u8],
    attachments: &'a [Arc<[u8]>],
    /// So many attachments there will be: a placeholder of another is an error.
    announced: Option<usize>,
}

impl Writer<'_> {
    fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }

    /// The next byte that is no white space, which is left where it is.
    fn peek(&mut self) -> Option<u8> {
        self.rest = self.rest.trim_ascii_start();
        self.rest.first().copied()
    }

    fn word(&mut self, length: usize, byte: u8) -> Option<()> {
        self.rest = self.rest.get(length..)?;
        self.out.push(byte);
        Some(())
    }

    fn value(&mut self, depth: usize) -> Option<Value> {
        if depth > DEPTH_MAX {
            return None;
        }
        match self.peek()? {
            b'n' => self.word(4, NIL)?,
            b't' => {
                self.word(4, 0xc3)?;
                return Some(Value::True);
            }
            b'f' => self.word(5, 0xc2)?,
            b'"' => self.text().map(drop)?,
            b'[' => self.array(depth)?,
            b'{' => self.object(depth)?,
            _ => return self.number(),
        }
        Some(Value::Other)
    }

    fn array(&mut self, depth: usize) -> Option<()> {
        self.next()?;
        let head = self.begin(0xdd);
        let mut count = 0;
        if self.peek()? == b']' {
            self.next()?;
            return Some(());
        }
        loop {
            self.value(depth + 1)?;
            count += 1;
            self.peek()?;
            match self.next()? {
                b',' => {}
                _ => break,
            }
        }
        set_length(self.out, head, count);
        Some(())
    }

    fn object(&mut self, depth: usize) -> Option<()> {
        self.next()?;
        let begin = self.out.len();
        let head = self.begin(0xdf);
        let mut count = 0;
        let (mut is_placeholder, mut number) = (false, None);
        if self.peek()? == b'}' {
            self.next()?;
            return Some(());
        }
        loop {
            self.peek()?;
            let key = self.text()?;
            let key = &self.out[key..];
            let (is_mark, is_number) = (key == b"_placeholder", key == b"num");
            self.peek()?;
            self.next()?;
            let value = self.value(depth + 1)?;
            if is_mark {
                is_placeholder = value == Value::True;
            }
            if is_number {
                number = match value {
                    Value::Unsigned(number) => usize::try_from(number).ok(),
                    Value::True | Value::Other => None,
                };
            }
            count += 1;
            self.peek()?;
            match self.next()? {
                b',' => {}
                _ => break,
            }
        }
        if let Some(count) = self.announced.filter(|_| is_placeholder) {
            number.filter(|number| *number < count)?;
        }
        let attachment = number.filter(|_| is_placeholder).and_then(|number| self.attachments.get(number));
        if let Some(bytes) = attachment {
            self.out.truncate(begin);
            self.out.push(0xc6);
            put_length(self.out, bytes.len());
            self.out.extend_from_slice(bytes);
        } else {
            set_length(self.out, head, count);
        }
        Some(())
    }

    /// Appends the head of what has elements; how many is written when they are known.
    fn begin(&mut self, byte: u8) -> usize {
        self.out.push(byte);
        put_length(self.out, 0);
        self.out.len() - 4
    }

    fn number(&mut self) -> Option<Value> {
        let is_part = |byte: &u8| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
        let length = self.rest.iter().take_while(|byte| is_part(byte)).count();
        let (digits, rest) = self.rest.split_at(length);
        let digits = str::from_utf8(digits).ok()?;
        self.rest = rest;
        if let Ok(number) = digits.parse::<u64>() {
            put_unsigned(self.out, number);
            return Some(Value::Unsigned(number));
        }
        match digits.parse::<i64>() {
            Ok(number @ -32..=-1) => self.out.push(number as i8 as u8),
            Ok(number) if number < 0 && i32::try_from(number).is_ok() => {
                self.out.push(0xd2);
                self.out.extend_from_slice(&(number as i32).to_be_bytes());
            }
            Ok(number) if number < 0 => {
                self.out.push(0xd3);
                self.out.extend_from_slice(&number.to_be_bytes());
            }
            // There is a negative zero, and there are numbers beyond all integers: JavaScript reads them so, too.
            Ok(_) | Err(_) => {
                self.out.push(0xcb);
                self.out.extend_from_slice(&digits.parse::<f64>().ok()?.to_be_bytes());
            }
        }
        Some(Value::Other)
    }

    /// Appends a string, and says where its text begins in the output. Half of a surrogate pair, which UTF-8 cannot
    /// hold, becomes the replacement character.
    fn text(&mut self) -> Option<usize> {
        self.next()?;
        let length = self.rest.iter().position(|byte| matches!(byte, b'"' | b'\\'))?;
        let (plain, rest) = self.rest.split_at(length);
        let begin = self.out.len();
        if rest[0] == b'"' {
            self.rest = &rest[1..];
            put_text_bytes(self.out, plain);
            return Some(self.out.len() - length);
        }
        let mut text = plain.to_vec();
        self.rest = rest;
        loop {
            match self.next()? {
                b'"' => break,
                b'\\' => self.escape(&mut text)?,
                byte => text.push(byte),
            }
        }
        put_text_bytes(self.out, &text);
        debug_assert!(self.out.len() > begin);
        Some(self.out.len() - text.len())
    }

    fn escape(&mut self, text: &mut Vec<u8>) -> Option<()> {
        let character = match self.next()? {
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let unit = self.unit()?;
                let low = match (unit, self.rest) {
                    (0xd800..=0xdbff, [b'\\', b'u', ..]) => {
                        let before = self.rest;
                        self.rest = &before[2..];
                        let low = self.unit()?;
                        if (0xdc00..=0xdfff).contains(&low) {
                            Some(low)
                        } else {
                            self.rest = before;
                            None
                        }
                    }
                    _ => None,
                };
                let units = [unit, low.unwrap_or(0)];
                let mut characters = char::decode_utf16(units[..1 + usize::from(low.is_some())].iter().copied());
                characters.next()?.unwrap_or(char::REPLACEMENT_CHARACTER)
            }
            other => char::from(other),
        };
        text.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        Some(())
    }

    fn unit(&mut self) -> Option<u16> {
        let (digits, rest) = self.rest.split_at_checked(4)?;
        self.rest = rest;
        u16::from_str_radix(str::from_utf8(digits).ok()?, 16).ok()
    }
}

pub(super) fn put_text(out: &mut Vec<u8>, text: &str) {
    put_text_bytes(out, text.as_bytes());
}

fn put_text_bytes(out: &mut Vec<u8>, text: &[u8]) {
    match text.len() {
        length @ 0..=31 => out.push(0xa0 + length as u8),
        length => {
            out.push(0xdb);
            put_length(out, length);
        }
    }
    out.extend_from_slice(text);
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

fn set_length(out: &mut [u8], at: usize, length: usize) {
    if let Some(place) = out.get_mut(at..at + 4) {
        place.copy_from_slice(&(length as u32).to_be_bytes());
    }
}
