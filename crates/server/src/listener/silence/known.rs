//! Who has spoken HTTP to this server lately, within bounds.

use std::collections::HashSet;
use std::hash::Hash;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use switchboard_core::cost::Origin;

/// How long an address is remembered at least, unless so many others came that it was forgotten before.
pub(super) const ADDRESS_MEMORY: Duration = Duration::from_hours(24);
/// Addresses that are remembered at least; at most twice as many are kept.
const ADDRESSES: usize = 8_192;
/// Connections from this machine that are remembered at least; at most twice as many are kept.
const SOCKETS: usize = 8_192;

/// The addresses that have spoken HTTP, and the connections from this machine that do.
pub(super) struct Known {
    origins: Recent<Origin>,
    sockets: Recent<SocketAddr>,
}

impl Default for Known {
    fn default() -> Self {
        Self { origins: Recent::new(ADDRESSES), sockets: Recent::new(SOCKETS) }
    }
}

impl Known {
    /// A connection speaks HTTP. `is_of_this_machine`: its other end is a process here.
    pub(super) fn speaks_http(&mut self, peer: SocketAddr, is_of_this_machine: bool, now: Instant) {
        self.origins.insert(Origin::of(peer.ip()), now);
        if is_of_this_machine {
            self.sockets.insert(peer, now);
        }
    }

    /// A connection from this machine speaks something else: what was known of an earlier one with its port is void.
    pub(super) fn speaks_no_http(&mut self, peer: &SocketAddr) {
        self.sockets.remove(peer);
    }

    /// Returns whether the address has spoken HTTP within [`ADDRESS_MEMORY`].
    pub(super) fn address_speaks_http(&mut self, peer: SocketAddr, now: Instant) -> bool {
        self.origins.age(now);
        self.origins.contains(&Origin::of(peer.ip()))
    }

    /// Returns whether a connection from this machine speaks HTTP.
    pub(super) fn socket_speaks_http(&self, peer: &SocketAddr) -> bool {
        self.sockets.contains(peer)
    }
}

/// A set that forgets: in two halves, of which the older is dropped when the younger is full or old.
struct Recent<K> {
    young: HashSet<K>,
    old: HashSet<K>,
    /// When the young half began.
    since: Option<Instant>,
    half: usize,
}

impl<K: Eq + Hash> Recent<K> {
    fn new(half: usize) -> Self {
        Self { young: HashSet::new(), old: HashSet::new(), since: None, half }
    }

    fn insert(&mut self, key: K, now: Instant) {
        self.age(now);
        if self.young.len() >= self.half && !self.young.contains(&key) {
            self.turn(now);
        }
        self.young.insert(key);
    }

    fn remove(&mut self, key: &K) {
        self.young.remove(key);
        self.old.remove(key);
    }

    fn contains(&self, key: &K) -> bool {
        self.young.contains(key) || self.old.contains(key)
    }

    /// Forgets what was last heard of before the young half began, when that is long ago.
    fn age(&mut self, now: Instant) {
        let since = *self.since.get_or_insert(now);
        let age = now.saturating_duration_since(since);
        if age >= ADDRESS_MEMORY {
            self.turn(now);
            if age >= 2 * ADDRESS_MEMORY {
                self.old = HashSet::new();
            }
        }
    }

    fn turn(&mut self, now: Instant) {
        self.old = std::mem::take(&mut self.young);
        self.since = Some(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_hours(1);

    fn address(text: &str) -> SocketAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn an_address_is_remembered_for_a_day_and_forgotten_after_two() {
        let (mut known, begun) = (Known::default(), Instant::now());
        known.speaks_http(address("192.0.2.1:1"), false, begun);
        known.speaks_http(address("[2001:db8::1]:1"), false, begun + HOUR);
        for (after, expected) in [(0, true), (23, true), (24, true), (47, true), (49, false)] {
            let now = begun + after * HOUR;
            assert_eq!(known.address_speaks_http(address("192.0.2.1:2"), now), expected, "{after} h");
            assert_eq!(known.address_speaks_http(address("[2001:db8::2]:2"), now), expected, "{after} h");
            assert!(!known.address_speaks_http(address("192.0.2.2:2"), now));
        }
        // A long time in which nobody asked is a long time all the same.
        let later = begun + 50 * HOUR;
        known.speaks_http(address("192.0.2.1:1"), false, later);
        assert!(!known.address_speaks_http(address("192.0.2.1:1"), later + 48 * HOUR));
    }

    #[test]
    fn a_set_is_bounded_and_forgets_the_oldest_first() {
        let (mut set, now) = (Recent::new(4), Instant::now());
        for key in 0..4 {
            set.insert(key, now);
        }
        set.insert(3, now);
        assert!((0..4).all(|key| set.contains(&key)), "at the limit");
        set.insert(4, now);
        assert!((0..5).all(|key| set.contains(&key)), "one past it, the older half is kept");
        for key in 5..9 {
            set.insert(key, now);
        }
        assert!((0..4).all(|key| !set.contains(&key)) && (4..9).all(|key| set.contains(&key)));
        assert!(set.young.len() + set.old.len() <= 8);
    }

    #[test]
    fn a_port_that_is_used_again_for_another_protocol_is_forgotten() {
        let (mut known, now, peer) = (Known::default(), Instant::now(), address("127.0.0.1:50000"));
        known.speaks_http(peer, true, now);
        assert!(known.socket_speaks_http(&peer));
        known.speaks_no_http(&peer);
        assert!(!known.socket_speaks_http(&peer));
        known.speaks_http(address("192.0.2.1:50000"), false, now);
        assert!(!known.socket_speaks_http(&address("192.0.2.1:50000")), "its process is elsewhere");
    }
}
