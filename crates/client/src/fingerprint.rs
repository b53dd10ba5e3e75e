//! The SHA-256 of a certificate: what `--fingerprint` pins.

use sha2::{Digest, Sha256};
use std::fmt;
use std::str::FromStr;

/// The SHA-256 of a certificate in DER, as `openssl x509 -fingerprint -sha256` shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint([u8; 32]);

/// A text that is no fingerprint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a fingerprint has 64 hexadecimal digits, with or without colons")]
pub struct BadFingerprint;

impl Fingerprint {
    /// The fingerprint of this certificate.
    #[must_use]
    pub fn of(certificate_der: &[u8]) -> Self {
        Self(Sha256::digest(certificate_der).into())
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl FromStr for Fingerprint {
    type Err = BadFingerprint;

    /// Takes the forms that servers and OpenSSL print: either case, with colons or a `SHA256:` before it.
    fn from_str(text: &str) -> Result<Self, BadFingerprint> {
        let text = text.trim();
        let digits = match text.get(..7) {
            Some(prefix) if prefix.eq_ignore_ascii_case("sha256:") => &text[7..],
            Some(_) | None => text,
        };
        let mut bytes = [0; 32];
        let mut nibbles = 0;
        for digit in digits.chars().filter(|digit| *digit != ':') {
            let value = digit.to_digit(16).ok_or(BadFingerprint)?;
            let byte = bytes.get_mut(nibbles / 2).ok_or(BadFingerprint)?;
            *byte = (*byte << 4) | value as u8;
            nibbles += 1;
        }
        if nibbles == 64 { Ok(Self(bytes)) } else { Err(BadFingerprint) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn every_printed_form_is_read() {
        let expected = Fingerprint::of(b"");
        assert_eq!(expected.to_string(), EMPTY);
        let colons: Vec<_> =
            EMPTY.as_bytes().chunks(2).map(|pair| String::from_utf8_lossy(pair).to_uppercase()).collect();
        for text in [EMPTY.to_owned(), colons.join(":"), format!("SHA256:{EMPTY}"), format!(" {EMPTY}\n")] {
            assert_eq!(text.parse(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_fingerprint_is_refused() {
        for text in ["", "e3", &EMPTY[1..], &format!("{EMPTY}0"), &EMPTY.replace('e', "g"), "sha256:"] {
            assert_eq!(text.parse::<Fingerprint>(), Err(BadFingerprint), "{text}");
        }
    }
}
