//! What a datagram says before its sender is believed to be where it says: UDP addresses are easily forged.

use super::fields::{self, Fields};
use super::write::Object;

/// A hello is at least this long, so that the cookie which answers it is not longer than what was sent: nobody can
/// use the server to send more to a third party than they sent themselves.
pub const HELLO_BYTES_MIN: usize = 64;

/// The longest cookie whose answer is no longer than the shortest hello.
pub const COOKIE_BYTES_MAX: usize = HELLO_BYTES_MIN - "{\"type\":\"cookie\",\"cookie\":\"\"}\n".len();

/// What a datagram from an address that proved nothing asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Doorstep {
    /// A `hello`: to be answered with a cookie, or, with the right cookie in it, to be let in.
    Hello { cookie: Option<String> },
    /// A message from somebody who may publish without being a member, if the token is right. It gets no answer.
    Publish { token: String, text: String, id: Option<String> },
}

/// Understands a datagram of an unproved address. `None`: it is nothing that such an address may say, and is dropped.
#[must_use]
pub fn read(datagram: &[u8]) -> Option<Doorstep> {
    let members = Fields::read(str::from_utf8(datagram).ok()?).ok()?;
    match &*fields::required(members.kind, "type").ok()? {
        "hello" if datagram.len() >= HELLO_BYTES_MIN => {
            Some(Doorstep::Hello { cookie: fields::string(members.cookie, "cookie").ok()? })
        }
        "message" => Some(Doorstep::Publish {
            token: fields::required(members.token, "token").ok()?,
            text: fields::required(members.text, "text").ok()?,
            id: fields::string(members.id, "id").ok()?,
        }),
        _ => None,
    }
}

/// The datagram that answers a hello with a cookie of at most [`COOKIE_BYTES_MAX`] bytes, which are to be letters,
/// digits, `-` and `_`.
#[must_use]
pub fn cookie(cookie: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(HELLO_BYTES_MIN);
    let mut object = Object::message(&mut out, "cookie");
    object.string("cookie", cookie);
    object.end();
    out.push(b'\n');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_long_hellos_and_tokens_are_heard() {
        let pad = "x".repeat(40);
        let hello = format!(r#"{{"type":"hello","pad":"{pad}"}}"#);
        let back = format!(r#"{{"type":"hello","pad":"{pad}","cookie":"c1"}}"#);
        let publish = Doorstep::Publish { token: "t".into(), text: "21.5".into(), id: None };
        for (datagram, expected) in [
            (&*hello, Some(Doorstep::Hello { cookie: None })),
            (&*back, Some(Doorstep::Hello { cookie: Some("c1".into()) })),
            (r#"{"type":"hello"}"#, None),
            (r#"{"type":"message","token":"t","text":"21.5"}"#, Some(publish)),
            (r#"{"type":"message","text":"21.5"}"#, None),
            (r#"{"type":"rooms"}"#, None),
            ("hi", None),
            ("", None),
        ] {
            assert_eq!(read(datagram.as_bytes()), expected, "{datagram}");
        }
        assert_eq!(read(b"\xFF"), None);
    }

    #[test]
    fn a_cookie_is_no_longer_than_a_hello() {
        assert_eq!(cookie(&"c".repeat(COOKIE_BYTES_MAX)).len(), HELLO_BYTES_MIN);
    }
}
