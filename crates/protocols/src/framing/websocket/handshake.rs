//! The server's side of the opening handshake (RFC 6455, 4.2), over headers parsed by someone else.

use super::Agreement;
use base64::Engine;
use base64::alphabet;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use sha1::{Digest, Sha1};

/// The only version of the protocol there is.
pub const VERSION: &str = "13";

/// What a key is hashed with (RFC 6455, 1.3).
const ACCEPT_GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// Keys are random, and some clients make them by hand: bits that belong to no byte do no harm.
const KEY_BASE64: GeneralPurpose =
    GeneralPurpose::new(&alphabet::STANDARD, GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true));

/// Why a request is not a WebSocket handshake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// `Upgrade` does not name `websocket`, or `Connection` does not name `upgrade`.
    #[error("this is a WebSocket address")]
    NotAnUpgrade,
    /// `Sec-WebSocket-Version` is not 13.
    #[error("only WebSocket version 13 is spoken here")]
    Version,
    /// `Sec-WebSocket-Key` is missing, doubled, or not 16 bytes in base64.
    #[error("bad Sec-WebSocket-Key")]
    Key,
}

impl Refusal {
    /// The HTTP status to answer with. A 426 names what would be taken: a `Sec-WebSocket-Version`
    /// header for [`Version`](Self::Version), `Upgrade: websocket` for
    /// [`NotAnUpgrade`](Self::NotAnUpgrade).
    pub const fn status(self) -> u16 {
        match self {
            Self::NotAnUpgrade | Self::Version => 426,
            Self::Key => 400,
        }
    }
}

/// A request that may be upgraded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upgrade<'a> {
    /// The value of `Sec-WebSocket-Accept` in the response.
    pub accept: String,
    /// The subprotocols the client offers, the one it likes best first.
    pub protocols: Vec<&'a str>,
    /// The values of its `Sec-WebSocket-Extensions`, in order.
    pub extensions: Vec<&'a str>,
}

impl<'a> Upgrade<'a> {
    /// Judges the headers of a GET request, as names and values; the method is the caller's affair.
    ///
    /// # Errors
    /// A [`Refusal`] when they do not ask for a WebSocket as RFC 6455, 4.2.1, wants it.
    pub fn from_headers(headers: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Result<Self, Refusal> {
        let (mut upgrade, mut connection) = (false, false);
        let (mut version, mut keys, mut protocols, mut extensions) = (None, Vec::new(), Vec::new(), Vec::new());
        for (name, value) in headers {
            let is = |header: &str| name.eq_ignore_ascii_case(header);
            // A value that is not ASCII means nothing in any of these headers.
            let value = str::from_utf8(value).unwrap_or_default().trim_ascii();
            if is("upgrade") {
                upgrade |= tokens(value).any(|token| token.eq_ignore_ascii_case("websocket"));
            } else if is("connection") {
                connection |= tokens(value).any(|token| token.eq_ignore_ascii_case("upgrade"));
            } else if is("sec-websocket-version") {
                version = Some(value);
            } else if is("sec-websocket-key") {
                keys.push(value);
            } else if is("sec-websocket-protocol") {
                protocols.extend(tokens(value));
            } else if is("sec-websocket-extensions") {
                extensions.push(value);
            }
        }
        if !upgrade || !connection {
            return Err(Refusal::NotAnUpgrade);
        }
        if version != Some(VERSION) {
            return Err(Refusal::Version);
        }
        match keys[..] {
            [key] if is_key(key) => Ok(Self { accept: accept_key(key), protocols, extensions }),
            _ => Err(Refusal::Key),
        }
    }

    /// The first of the client's subprotocols that is among `spoken`, which the response then
    /// names in `Sec-WebSocket-Protocol`. With none in common the response names none.
    pub fn choose<'b>(&self, spoken: &[&'b str]) -> Option<&'b str> {
        self.protocols.iter().find_map(|offer| spoken.iter().find(|name| *name == offer).copied())
    }

    /// Agrees on compression (RFC 7692) if the client offers it in a way that we can meet. Messages of
    /// `bytes_min` bytes and more will be compressed.
    pub fn compression(&self, bytes_min: u32) -> Option<Agreement> {
        Agreement::first(self.extensions.iter().copied(), bytes_min)
    }
}

/// The `Sec-WebSocket-Accept` that answers this `Sec-WebSocket-Key` (RFC 6455, 4.2.2).
pub fn accept_key(key: &str) -> String {
    let hash = Sha1::new().chain_update(key).chain_update(ACCEPT_GUID).finalize();
    STANDARD.encode(hash)
}

fn is_key(key: &str) -> bool {
    let mut bytes = [0; 24];
    KEY_BASE64.decode_slice(key, &mut bytes) == Ok(16)
}

/// The members of a comma-separated header value.
fn tokens(value: &str) -> impl Iterator<Item = &str> {
    value.split(',').map(str::trim_ascii).filter(|token| !token.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: (&str, &str) = ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==");
    const UPGRADE: (&str, &str) = ("Upgrade", "websocket");
    const CONNECTION: (&str, &str) = ("Connection", "Upgrade");
    const VERSION_13: (&str, &str) = ("Sec-WebSocket-Version", "13");

    fn judge<'a>(headers: &[(&'a str, &'a str)]) -> Result<Upgrade<'a>, Refusal> {
        Upgrade::from_headers(headers.iter().map(|(name, value)| (*name, value.as_bytes())))
    }

    #[test]
    fn the_example_of_the_specification_is_accepted() {
        let upgrade = judge(&[
            ("Host", "server.example.com"),
            UPGRADE,
            CONNECTION,
            KEY,
            ("Sec-WebSocket-Protocol", "chat, superchat"),
            ("Sec-WebSocket-Extensions", "permessage-deflate"),
            VERSION_13,
        ]);
        let expected = Upgrade {
            accept: "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=".to_owned(),
            protocols: vec!["chat", "superchat"],
            extensions: vec!["permessage-deflate"],
        };
        assert_eq!(upgrade, Ok(expected));
    }

    #[test]
    fn header_names_and_tokens_ignore_case_and_stand_in_lists() {
        let upgrade = judge(&[
            ("UPGRADE", "h2c, WebSocket"),
            ("connection", "keep-alive, upgrade"),
            ("sec-websocket-key", " dGhlIHNhbXBsZSBub25jZQ== "),
            ("sec-websocket-version", "13"),
            ("sec-websocket-protocol", "a"),
            ("sec-websocket-protocol", "b,,c"),
        ])
        .expect("a good handshake");
        assert_eq!(upgrade.protocols, ["a", "b", "c"]);
        assert_eq!(upgrade.choose(&["c", "b"]), Some("b"), "the client's order counts");
        assert_eq!(upgrade.choose(&["B"]), None);
    }

    #[test]
    fn what_is_no_handshake_is_refused() {
        for (headers, refusal) in [
            (&[][..], Refusal::NotAnUpgrade),
            (&[CONNECTION, KEY, VERSION_13], Refusal::NotAnUpgrade),
            (&[UPGRADE, KEY, VERSION_13], Refusal::NotAnUpgrade),
            (&[("Upgrade", "websockets"), CONNECTION, KEY, VERSION_13], Refusal::NotAnUpgrade),
            (&[UPGRADE, CONNECTION, KEY], Refusal::Version),
            (&[UPGRADE, CONNECTION, KEY, ("Sec-WebSocket-Version", "8")], Refusal::Version),
            (&[UPGRADE, CONNECTION, VERSION_13], Refusal::Key),
            (&[UPGRADE, CONNECTION, VERSION_13, KEY, KEY], Refusal::Key),
        ] {
            assert_eq!(judge(headers), Err(refusal), "{headers:?}");
        }
    }

    #[test]
    fn a_key_is_sixteen_bytes() {
        for (key, good) in [
            ("dGhlIHNhbXBsZSBub25jZQ==", true),
            ("abcdefghijklmnopqrstuv==", true),
            ("dGhlIHNhbXBsZSBub25jZQ", false),
            ("dGhlIHNhbXBsZSBub25j", false),
            ("dGhlIHNhbXBsZSBub25jZSE=", false),
            ("dGhlIHNhbXBsZSBub25jZSEh", false),
            ("dGhlIHNhbXBsZSBub25jZSEhISEhISEhISEhISEhISEh", false),
            ("dGhlIHNhbXBsZSBub2 jZQ==", false),
            ("", false),
        ] {
            let judged = judge(&[UPGRADE, CONNECTION, VERSION_13, ("Sec-WebSocket-Key", key)]);
            assert_eq!(judged.is_ok(), good, "{key}");
        }
    }
}
