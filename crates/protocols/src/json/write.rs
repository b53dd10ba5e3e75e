//! Writing JSON: objects member by member, straight into the frame's bytes.

use crate::text::clean::is_forbidden;
use crate::timestamp::write_rfc3339;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::io::Write;
use switchboard_core::Time;

/// An object under construction.
pub(crate) struct Object<'a> {
    out: &'a mut Vec<u8>,
    any: bool,
}

impl<'a> Object<'a> {
    /// Begins an object.
    pub(crate) fn begin(out: &'a mut Vec<u8>) -> Self {
        out.push(b'{');
        Self { out, any: false }
    }

    /// Begins a message of the protocol, whose first member is its type.
    pub(crate) fn message(out: &'a mut Vec<u8>, kind: &str) -> Self {
        let mut object = Self::begin(out);
        object.string("type", kind);
        object
    }

    /// Ends the object.
    pub(crate) fn end(self) {
        self.out.push(b'}');
    }

    /// Adds a member, whose value the caller appends to what this returns.
    pub(crate) fn member(&mut self, name: &str) -> &mut Vec<u8> {
        if self.any {
            self.out.push(b',');
        }
        self.any = true;
        self.out.push(b'"');
        // Names are our own words and need no escapes.
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"\":");
        self.out
    }

    pub(crate) fn string(&mut self, name: &str, value: &str) {
        string(self.member(name), value);
    }

    pub(crate) fn string_if(&mut self, name: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.string(name, value);
        }
    }

    pub(crate) fn number(&mut self, name: &str, value: u64) {
        // Writing into a vector cannot fail.
        let _ = write!(self.member(name), "{value}");
    }

    pub(crate) fn bool(&mut self, name: &str, value: bool) {
        let value: &[u8] = if value { b"true" } else { b"false" };
        self.member(name).extend_from_slice(value);
    }

    /// Adds a member that is there only when it is true.
    pub(crate) fn flag(&mut self, name: &str, value: bool) {
        if value {
            self.bool(name, true);
        }
    }

    pub(crate) fn time(&mut self, name: &str, value: Time) {
        let out = self.member(name);
        out.push(b'"');
        write_rfc3339(out, value);
        out.push(b'"');
    }

    /// Adds an array, of which `write` appends each item.
    pub(crate) fn array<T>(
        &mut self,
        name: &str,
        items: impl IntoIterator<Item = T>,
        mut write: impl FnMut(&mut Vec<u8>, T),
    ) {
        let out = self.member(name);
        out.push(b'[');
        for (at, item) in items.into_iter().enumerate() {
            if at > 0 {
                out.push(b',');
            }
            write(out, item);
        }
        out.push(b']');
    }
}

/// Appends a string (RFC 8259 section 7).
///
/// What must not reach a terminal raw is escaped too: it is the same string to a program, and people do look at JSON
/// with `nc`.
pub(crate) fn string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    if is_plain(text) {
        out.extend_from_slice(text.as_bytes());
    } else {
        for character in text.chars() {
            match character {
                '"' => out.extend_from_slice(b"\\\""),
                '\\' => out.extend_from_slice(b"\\\\"),
                '\n' => out.extend_from_slice(b"\\n"),
                '\r' => out.extend_from_slice(b"\\r"),
                '\t' => out.extend_from_slice(b"\\t"),
                forbidden if is_forbidden(forbidden) => escape(out, forbidden),
                harmless => out.extend_from_slice(harmless.encode_utf8(&mut [0; 4]).as_bytes()),
            }
        }
    }
    out.push(b'"');
}

/// Whether a string is written as it is: printable ASCII without quotation marks and backslashes. It looks at every byte
/// and never stops early, so that the compiler can look at sixteen at a time.
fn is_plain(text: &str) -> bool {
    text.bytes().fold(true, |plain, byte| plain & matches!(byte, b' '..=b'~') & (byte != b'"') & (byte != b'\\'))
}

/// Appends bytes as a string of base64.
pub(crate) fn base64(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(b'"');
    out.extend_from_slice(STANDARD.encode(bytes).as_bytes());
    out.push(b'"');
}

/// Makes JSON that a client wrote fit to be passed on: on one line, and with what must not reach a terminal raw
/// escaped. Such characters stand only in strings of valid JSON, but for line ends and tabs, which stand only outside.
pub(crate) fn harmless(json: &str) -> String {
    if !json.chars().any(is_forbidden) {
        return json.to_owned();
    }
    let mut out = Vec::with_capacity(json.len());
    for character in json.chars() {
        match character {
            '\n' | '\r' | '\t' => out.push(b' '),
            forbidden if is_forbidden(forbidden) => escape(&mut out, forbidden),
            other => out.extend_from_slice(other.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    // Only whole characters were put in.
    String::from_utf8(out).unwrap_or_default()
}

/// Appends `\uXXXX`, a pair of them for a character outside the basic plane.
fn escape(out: &mut Vec<u8>, character: char) {
    for unit in character.encode_utf16(&mut [0; 2]) {
        // Writing into a vector cannot fail.
        let _ = write!(out, "\\u{unit:04x}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn written(text: &str) -> String {
        let mut out = Vec::new();
        string(&mut out, text);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn strings_are_escaped() {
        for (text, json) in [
            ("plain", r#""plain""#),
            ("a\"b\\c", r#""a\"b\\c""#),
            ("a\nb\r\tc\0", r#""a\nb\r\tc\u0000""#),
            ("\u{1B}[0m\u{7F}\u{9B}\u{202E}", r#""\u001b[0m\u007f\u009b\u202e""#),
            ("\u{E0041}", r#""\udb40\udc41""#),
            ("é😀", r#""é😀""#),
        ] {
            assert_eq!(written(text), json);
        }
    }

    proptest! {
        #[test]
        fn every_string_is_read_back_and_safe_to_print(characters in prop::collection::vec(any::<char>(), 0..40)) {
            let text: String = characters.into_iter().collect();
            let json = written(&text);
            prop_assert!(!json.chars().any(is_forbidden));
            prop_assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
        }

        #[test]
        fn json_passed_on_means_the_same(characters in prop::collection::vec(any::<char>(), 0..40)) {
            let text: String = characters.into_iter().collect();
            let json = serde_json::to_string_pretty(&[&text]).unwrap();
            let passed_on = harmless(&json);
            prop_assert!(!passed_on.chars().any(is_forbidden));
            prop_assert_eq!(serde_json::from_str::<Vec<String>>(&passed_on).unwrap(), vec![text]);
        }
    }
}
