//! What is measured: the time and memory of a process, and the distribution of latencies.

mod histogram;
mod process;

pub use histogram::Histogram;
pub use process::{CpuReading, CpuSpent, Machine, cpu_reading, machine, resident_bytes};
