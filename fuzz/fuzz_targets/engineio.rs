//! The target `engineio` of `switchboard-fuzzing`, guided by coverage.
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| switchboard_fuzzing::fuzz("engineio", bytes));
