//! The secret by which a client comes back to its session: made of a keyed hash, so that nothing is stored for it.

use crate::ids::{Epoch, SessionId, Time, UserId};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::sync::Arc;

/// Session, user and time of issue, big-endian.
const CLAIM_BYTES: usize = 24;
/// Of HMAC-SHA-256: 128 bits cannot be guessed.
const TAG_BYTES: usize = 16;

/// Issues and reads tokens.
#[derive(Debug)]
pub(super) struct Tokens {
    /// The hash with its key already in it.
    keyed: Hmac<Sha256>,
    epoch: Epoch,
}

/// What a token of ours says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Claim {
    pub(super) session: SessionId,
    pub(super) user: UserId,
    pub(super) issued: Time,
}

impl Tokens {
    pub(super) fn new(key: &[u8; 32], epoch: Epoch) -> Self {
        let keyed = <Hmac<Sha256> as KeyInit>::new_from_slice(key).expect("HMAC takes keys of any length");
        Self { keyed, epoch }
    }

    /// The token for a claim: 54 characters of base64url.
    pub(super) fn issue(&self, claim: Claim) -> Arc<str> {
        let mut bytes = [0; CLAIM_BYTES + TAG_BYTES];
        bytes[..8].copy_from_slice(&claim.session.0.to_be_bytes());
        bytes[8..16].copy_from_slice(&claim.user.0.to_be_bytes());
        bytes[16..CLAIM_BYTES].copy_from_slice(&claim.issued.0.to_be_bytes());
        let tag = self.hash(&bytes[..CLAIM_BYTES]).finalize().into_bytes();
        bytes[CLAIM_BYTES..].copy_from_slice(&tag[..TAG_BYTES]);
        Arc::from(URL_SAFE_NO_PAD.encode(bytes))
    }

    /// What the token says; None if it was not issued with this key in this epoch. Its age is not looked at.
    pub(super) fn read(&self, token: &str) -> Option<Claim> {
        let mut bytes = [0; CLAIM_BYTES + TAG_BYTES];
        let length = URL_SAFE_NO_PAD.decode_slice(token, &mut bytes).ok()?;
        if length != bytes.len() {
            return None;
        }
        let (claim, tag) = bytes.split_at(CLAIM_BYTES);
        // Compares in constant time.
        self.hash(claim).verify_truncated_left(tag).ok()?;
        let number = |place: usize| {
            let mut number = [0; 8];
            number.copy_from_slice(&claim[place..place + 8]);
            u64::from_be_bytes(number)
        };
        Some(Claim { session: SessionId(number(0)), user: UserId(number(8)), issued: Time(number(16)) })
    }

    fn hash(&self, claim: &[u8]) -> Hmac<Sha256> {
        self.keyed.clone().chain_update(claim).chain_update(self.epoch.0.to_be_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLAIM: Claim = Claim { session: SessionId(7), user: UserId(u64::MAX), issued: Time(1_790_000_000_000) };

    fn tokens() -> Tokens {
        Tokens::new(&[9; 32], Epoch(1))
    }

    #[test]
    fn a_token_says_what_it_was_issued_for() {
        let token = tokens().issue(CLAIM);
        assert_eq!(token.len(), 54);
        assert_eq!(tokens().read(&token), Some(CLAIM));
    }

    #[test]
    fn another_key_or_epoch_reads_nothing() {
        let token = tokens().issue(CLAIM);
        assert_eq!(Tokens::new(&[8; 32], Epoch(1)).read(&token), None);
        assert_eq!(Tokens::new(&[9; 32], Epoch(2)).read(&token), None);
    }

    #[test]
    fn no_changed_character_passes() {
        let token = tokens().issue(CLAIM);
        for place in 0..token.len() {
            let mut changed = token.to_string().into_bytes();
            changed[place] = if changed[place] == b'A' { b'Q' } else { b'A' };
            let changed = String::from_utf8(changed).unwrap();
            assert_eq!(tokens().read(&changed), None, "{changed}");
        }
    }

    #[test]
    fn what_is_no_token_reads_nothing() {
        let long = "A".repeat(100_000);
        for text in ["", "A", "====", "not a token", &long, &"A".repeat(53), &"A".repeat(54), &"A".repeat(55)] {
            assert_eq!(tokens().read(text), None);
        }
    }
}
