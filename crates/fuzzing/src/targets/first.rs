//! The judge of a connection's first bytes: it never takes a verdict back, and never needs more than its bytes.

use switchboard_protocols::first::{DECIDING_BYTES, Verdict, judge};

pub(super) const WORDS: &[&[u8]] =
    &[b"GET ", b"/ ", b"http", b"CONNECT ", b"PRI *", b"PROXY ", b"SSH-", b"{\"", b"{ ", b"\x16\x03", b"\r\n", b"\t"];

pub(super) fn run(bytes: &[u8]) {
    // Line ends at the beginning are the caller's to take off.
    let begin = bytes.iter().position(|byte| !matches!(byte, b'\r' | b'\n')).unwrap_or(bytes.len());
    let bytes = &bytes[begin..bytes.len().min(begin + 4 * DECIDING_BYTES)];
    let mut verdict = Verdict::Undecided;
    for len in 0..=bytes.len() {
        let next = judge(&bytes[..len]);
        assert!(verdict == Verdict::Undecided || verdict == next, "{verdict:?} became {next:?} at {len}");
        assert!(len < DECIDING_BYTES || next != Verdict::Undecided, "undecided after {len} bytes");
        verdict = next;
    }
}
