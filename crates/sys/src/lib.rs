//! The few system calls that the standard library does not offer, behind safe functions.
//!
//! This is the only crate that may contain `unsafe`: each block is small, says why it is sound, and
//! takes nothing from its caller but what the types already guarantee.

#[cfg(feature = "allocator")]
mod allocator;
mod datagrams;
pub mod disk;
mod files;
mod flusher;
mod host;
mod process;
mod process_time;
mod readiness;
#[cfg(target_os = "linux")]
mod ring;
#[cfg(not(target_os = "linux"))]
#[path = "no_ring.rs"]
mod ring;
mod round_trip;
#[cfg(feature = "sqlite")]
pub mod sqlite;
mod uptime;

#[cfg(feature = "allocator")]
pub use allocator::return_freed_memory_at_once;
pub use datagrams::{BATCH_MAX, send_datagrams};
pub use files::{Nofile, nofile, raise_nofile};
pub use flusher::{FLUSH_MAX, Flusher, SLICES_MAX, Seat, Socket, Unfinished, Writes};
pub use host::host_name;
pub use process::{effective_uid, process_exists};
pub use process_time::process_cpu_time;
pub use readiness::{Acceptor, LazyStream, await_poll};
pub use round_trip::tcp_round_trip;
pub use uptime::{boot_number, uptime};
