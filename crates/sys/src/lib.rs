//! The few system calls that the standard library does not offer, behind safe functions.
//!
//! This is the only crate that may contain `unsafe`: each block is small, says why it is sound, and
//! takes nothing from its caller but what the types already guarantee.

mod datagrams;
pub mod disk;
mod files;
mod host;
mod process;
mod process_time;
mod round_trip;

pub use datagrams::{BATCH_MAX, send_datagrams};
pub use files::{Nofile, nofile, raise_nofile};
pub use host::host_name;
pub use process::{effective_uid, process_exists};
pub use process_time::process_cpu_time;
pub use round_trip::tcp_round_trip;
