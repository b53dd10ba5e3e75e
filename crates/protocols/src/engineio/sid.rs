//! Session ids: secret, unguessable, and naming the node and the shard that own the session.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::fmt;

/// Two bytes of place and 128 bits of chance: 24 characters of base64url.
const BYTES: usize = 18;

/// An Engine.IO session id. Whoever knows it can read and write the session, so that it is shown to its client alone:
/// what others see of a client is another id.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Sid([u8; BYTES]);

impl Sid {
    /// The id of a session of this node's `shard`, with `chance` from the system's source of randomness.
    #[must_use]
    pub fn new(node: u8, shard: u8, chance: [u8; 16]) -> Self {
        let mut bytes = [0; BYTES];
        bytes[0] = node;
        bytes[1] = shard;
        bytes[2..].copy_from_slice(&chance);
        Self(bytes)
    }

    /// The id that a client sent; none if it cannot be one of ours.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let mut bytes = [0; BYTES];
        let length = URL_SAFE_NO_PAD.decode_slice(text, &mut bytes).ok()?;
        (length == BYTES).then_some(Self(bytes))
    }

    /// The node that owns the session.
    #[must_use]
    pub const fn node(&self) -> u8 {
        self.0[0]
    }

    /// The shard that owns the session.
    #[must_use]
    pub const fn shard(&self) -> u8 {
        self.0[1]
    }

    /// The id as its client gets it.
    #[must_use]
    pub fn text(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }
}

impl fmt::Debug for Sid {
    /// Logs are read by many: the secret stays out of them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sid(node {}, shard {})", self.node(), self.shard())
    }
}

#[cfg(test)]
mod tests {
    use super::Sid;

    #[test]
    fn an_id_is_read_back_and_nothing_else_is() {
        let sid = Sid::new(1, 7, [0xfb; 16]);
        let text = sid.text();
        assert_eq!(text.len(), 24);
        assert_eq!(Sid::read(&text), Some(sid));
        assert_eq!((sid.node(), sid.shard()), (1, 7));
        for bad in ["", "x", &text[..23], &format!("{text}A"), "????????????????????????", &"A".repeat(10_000)] {
            assert_eq!(Sid::read(bad), None, "{bad}");
        }
    }
}
