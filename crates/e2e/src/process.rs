//! What the kernel says about a running process.

use std::fs;

/// Its resident memory, in bytes.
///
/// # Panics
/// There is no such process.
#[must_use]
pub fn resident_bytes(pid: u32) -> u64 {
    let path = format!("/proc/{pid}/status");
    let status = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a VmRSS line");
    let kibibytes: u64 = line.trim_end_matches("kB").trim().parse().expect("a number of kB");
    kibibytes * 1024
}

/// Makes sure that this program may open so many connections, and what a test has beside them.
///
/// # Panics
/// It may not.
pub fn require_connections(count: usize) {
    let limit = switchboard_sys::raise_nofile().expect("a limit").soft;
    assert!(limit > count as u64 + 500, "this test opens {count} connections; `ulimit -n` allows {limit}");
}

/// How many descriptors it has open.
///
/// # Panics
/// There is no such process.
#[must_use]
pub fn open_files(pid: u32) -> usize {
    let path = format!("/proc/{pid}/fd");
    fs::read_dir(&path).unwrap_or_else(|error| panic!("{path}: {error}")).count()
}
