//! Fuzzing of everything that reads what others wrote.
//!
//! A target ([`TARGETS`]) is a function of bytes that panics when something is wrong. The same targets are run twice:
//! by [`campaign`], which replays the corpora and mutates them from a seed and needs nothing but this crate, and by
//! `cargo fuzz`, which is guided by coverage and has one thin binary for each of them in `fuzz/fuzz_targets`.

pub mod campaign;
mod chance;
pub mod corpus;
mod input;
mod minimise;
mod mutate;
mod samples;
mod targets;
mod wellformed;

pub use targets::{TARGETS, Target, fuzz};
