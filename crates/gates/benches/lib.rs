//! Nothing: the benchmarks beside this file are the whole crate.
