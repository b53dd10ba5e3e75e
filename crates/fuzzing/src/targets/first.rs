//! The judge of a connection's first bytes: it never takes a verdict back, and never needs more than its bytes.

use switchboard_core::visible::is_blank;
use switchboard_protocols::first::{DECIDING_BYTES, Stranger, Verdict, judge, judge_datagram, judge_later, skipped};

pub(super) const WORDS: &[&[u8]] = &[
    b"\xEF\xBB\xBF",
    b"\xE2\x80\x8B",
    b"\0",
    b"\0\x05Hello",
    b"h\0i\0",
    b"GET ",
    b"/ ",
    b"http",
    b"CONNECT ",
    b"PRI *",
    b"PROXY ",
    b"SSH-",
    b"{\"",
    b"{ ",
    b"\x16\x03",
    b"\r\n",
    b"\t",
];

pub(super) fn run(bytes: &[u8]) {
    let begins = skipped(bytes);
    let bytes = &bytes[..bytes.len().min(begins + 4 * DECIDING_BYTES)];
    for judge in [judge, judge_later] {
        let mut verdict = Verdict::Undecided;
        for len in 0..=bytes.len() {
            let next = judge(&bytes[..len]);
            assert!(verdict == Verdict::Undecided || verdict == next, "{verdict:?} became {next:?} at {len}");
            assert!(len < begins + DECIDING_BYTES || next != Verdict::Undecided, "undecided after {len} bytes");
            verdict = next;
        }
    }
    let is_speech = judge_datagram(bytes, 40) == Stranger::Speech;
    assert!(!is_speech || str::from_utf8(bytes).is_ok_and(|text| !is_blank(text)), "nothing to see is no speech");
}
