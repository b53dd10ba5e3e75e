//! Datagrams from elsewhere: who may send them, and what is answered before an address has proved that it is real.

pub mod cookie;
pub mod gate;

use hmac::{Hmac, KeyInit};
use sha2::Sha256;

/// HMAC-SHA256 under a key, which fills its block of 64 bytes up with zeros (RFC 2104, 2).
fn keyed(key: &[u8; 32]) -> Hmac<Sha256> {
    let mut block = [0; 64];
    block[..key.len()].copy_from_slice(key);
    Hmac::new(&block.into())
}

#[cfg(test)]
mod tests {
    use hmac::Mac;

    #[test]
    fn it_is_the_hmac_of_the_standard() {
        // RFC 4231, test case 2, has a key shorter than 32 bytes, which zeros do not change.
        let mut key = [0; 32];
        key[..4].copy_from_slice(b"Jefe");
        let tag = super::keyed(&key).chain_update("what do ya want for nothing?").finalize();
        assert_eq!(tag.into_bytes()[..4], [0x5b, 0xdc, 0xc1, 0x46]);
    }
}
