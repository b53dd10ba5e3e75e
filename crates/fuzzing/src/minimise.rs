//! Makes a failing input smaller while it still fails.

use std::time::{Duration, Instant};

/// Leaves out parts, large ones first, for as long as `fails` is true of what remains; then makes bytes plain. It stops
/// after `time` with the smallest input found until then.
pub(crate) fn minimise(mut bytes: Vec<u8>, time: Duration, mut fails: impl FnMut(&[u8]) -> bool) -> Vec<u8> {
    let until = Instant::now() + time;
    let mut len = bytes.len().div_ceil(2);
    while len > 0 {
        let before = bytes.len();
        let mut at = 0;
        while at < bytes.len() {
            if Instant::now() > until {
                return bytes;
            }
            let shorter = [&bytes[..at], &bytes[bytes.len().min(at + len)..]].concat();
            if fails(&shorter) {
                bytes = shorter;
            } else {
                at += len;
            }
        }
        // Single bytes are tried again and again: one that goes may set another free.
        if len > 1 || bytes.len() == before {
            len /= 2;
        }
    }
    for at in 0..bytes.len() {
        let was = std::mem::replace(&mut bytes[at], b'a');
        if Instant::now() > until || !fails(&bytes) {
            bytes[at] = was;
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_matters_is_left() {
        let bytes = b"some {long} input [with] a (bug) in it".to_vec();
        let fails = |bytes: &[u8]| bytes.contains(&b'[') && bytes.contains(&b')');
        assert_eq!(minimise(bytes, Duration::from_secs(60), fails), b"[)");
        assert_eq!(minimise(b"xyz".to_vec(), Duration::from_secs(60), |bytes| bytes.len() > 1), b"aa");
    }
}
