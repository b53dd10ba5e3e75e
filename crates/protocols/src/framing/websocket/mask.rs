//! The masking of frames a client sends (RFC 6455, 5.3), eight bytes at a time.

/// Masks or unmasks `bytes`, in place, from the first byte of `key` on.
pub(super) fn apply(bytes: &mut [u8], key: [u8; 4]) {
    let [a, b, c, d] = key;
    let word_key = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let (words, tail) = bytes.as_chunks_mut::<8>();
    for word in words {
        *word = (u64::from_ne_bytes(*word) ^ word_key).to_ne_bytes();
    }
    for (byte, key) in tail.iter_mut().zip(key.iter().cycle()) {
        *byte ^= key;
    }
}

/// The key for the bytes that follow `len` bytes masked by `key`.
pub(super) fn after(mut key: [u8; 4], len: usize) -> [u8; 4] {
    key.rotate_left(len % 4);
    key
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn masking_is_the_xor_of_the_specification(
            bytes in prop::collection::vec(any::<u8>(), 0..40),
            key in any::<[u8; 4]>(),
            cut in 0_usize..40,
        ) {
            let expected: Vec<u8> =
                bytes.iter().enumerate().map(|(at, byte)| byte ^ key[at % 4]).collect();
            let mut masked = bytes.clone();
            let (front, back) = masked.split_at_mut(cut.min(bytes.len()));
            apply(front, key);
            apply(back, after(key, front.len()));
            prop_assert_eq!(masked, expected);
        }
    }
}
