//! How many connections there is room for: the descriptors that the system allows, less what the server needs itself.

use crate::config::Config;
use crate::http::{OPEN_MAX, THREADS};
use switchboard_sys::Nofile;

/// Of a shard: its epoll instances, its ring, and what wakes it.
const PER_SHARD: u64 = 10;
/// Of a reader of the history: the database, its log and its index.
const PER_READER: u64 = 6;
/// Of what comes and goes: a certificate or a configuration that is read again, the look-up of a connection's process,
/// SQLite's temporary files, and connections that are accepted to be refused.
const SPARE: u64 = 32;
/// Connections that are let in however few descriptors there are.
const LEAST: u64 = 16;

/// What the server opens itself.
#[derive(Clone, Copy, Debug)]
pub(super) struct Own {
    /// Open now: the store, the listeners, the log, the runtime of the thread that accepts.
    pub(super) open: u64,
    pub(super) shards: u64,
    pub(super) readers: u64,
    /// It serves files of the operator's.
    pub(super) has_files: bool,
}

impl Own {
    /// Returns how many descriptors are kept for the server.
    const fn reserve(self) -> u64 {
        let files = if self.has_files { (OPEN_MAX + THREADS) as u64 } else { 0 };
        self.open + self.shards * PER_SHARD + self.readers * PER_READER + files + SPARE
    }
}

/// Returns how many descriptors are open.
pub(super) fn open_now() -> u64 {
    // Where the system does not say it, as many as a server has.
    std::fs::read_dir("/proc/self/fd").map_or(64, |files| files.count() as u64)
}

/// Holds `limits.connections_total` to the descriptors that there are, and says in the log what that comes to.
pub(super) fn hold(config: &mut Config, nofile: Nofile, own: Own) {
    let reserve = own.reserve();
    let room = nofile.soft.saturating_sub(reserve).max(LEAST);
    let wanted = config.limits.connections_total;
    let total = wanted.map_or(room, |wanted| room.min(u64::from(wanted)));
    config.limits.connections_total = Some(u32::try_from(total).unwrap_or(u32::MAX));
    if wanted.is_none_or(|wanted| total < u64::from(wanted)) {
        let wanted = wanted.map_or("no limit".to_owned(), |wanted| wanted.to_string());
        tracing::warn!(
            connections = total,
            descriptors = nofile.soft,
            reserve,
            "limits.connections_total ({wanted}) is more than the system allows descriptors for (ulimit -n)"
        );
    } else {
        tracing::info!(connections = total, descriptors = nofile.soft, reserve, "room for connections");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_as_many_connections_as_descriptors_are_left() {
        let own = Own { open: 20, shards: 2, readers: 2, has_files: false };
        let reserve = own.reserve();
        assert_eq!(reserve, 20 + 20 + 12 + 32);
        assert_eq!(Own { has_files: true, ..own }.reserve(), reserve + 36);
        let held = |wanted: Option<u32>, soft: u64| {
            let mut config = Config::default();
            config.limits.connections_total = wanted;
            hold(&mut config, Nofile { soft, hard: soft }, own);
            config.limits.connections_total
        };
        assert_eq!(held(Some(1_000), reserve + 1_000), Some(1_000), "at the limit");
        assert_eq!(held(Some(1_000), reserve + 999), Some(999), "one past it");
        assert_eq!(held(None, reserve + 999), Some(999));
        assert_eq!(held(Some(1_000), 10), Some(LEAST as u32));
        assert_eq!(held(Some(5), 10), Some(5));
        assert_eq!(held(None, u64::MAX), Some(u32::MAX));
    }
}
