//! What must not be shown: [`Secret`] text, and the [`UdpToken`] that holds one.

use std::fmt;

/// A text that no log, error or debug output repeats.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Keeps `text` secret.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, to be compared in constant time or printed where the operator asked for it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

/// What a datagram with the right token may do: publish to one room, and hear nothing back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UdpToken {
    /// What the datagram's `token` must equal.
    pub token: Secret,
    /// The room it publishes to.
    pub room: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_output_shows_no_secret() {
        let token = UdpToken { token: Secret::new("open-sesame"), room: "garage".to_owned() };
        assert_eq!(format!("{token:?}"), "UdpToken { token: [secret], room: \"garage\" }");
        assert_eq!(token.token.expose(), "open-sesame");
    }
}
