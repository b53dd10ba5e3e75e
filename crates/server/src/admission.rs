//! Who may connect: counts of the connections there are, and the limits they are held against.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How many connections there may be. `None` is no limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AdmissionLimits {
    /// To the whole server.
    pub connections_total: Option<u32>,
    /// From one IPv4 address.
    pub connections_per_ip: Option<u32>,
    /// From one IPv6 network of 64 bits, which is what one customer usually has.
    pub connections_per_64: Option<u32>,
    /// That have not said yet what they speak, or are at their TLS handshake.
    pub handshakes: Option<u32>,
    /// Whether loopback addresses are counted like all others. They must be where a proxy on this
    /// machine is trusted to name its clients; else they are this machine's own programs.
    pub counts_loopback: bool,
}

/// The limit that a connection ran into; it is to be closed at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AdmissionRefusal {
    /// The server is full.
    #[error("limits.connections_total ({0}) reached")]
    Total(u32),
    /// The IPv4 address has its share.
    #[error("limits.connections_per_ip ({0}) reached")]
    PerIp(u32),
    /// The IPv6 network has its share.
    #[error("limits.connections_per_64 ({0}) reached")]
    Per64(u32),
    /// Too many others are beginning just now.
    #[error("limits.handshakes ({0}) reached")]
    Handshakes(u32),
}

impl AdmissionRefusal {
    /// The name of the limit, as it stands in the configuration. It does not change.
    #[must_use]
    pub const fn limit(self) -> &'static str {
        match self {
            Self::Total(_) => "connections_total",
            Self::PerIp(_) => "connections_per_ip",
            Self::Per64(_) => "connections_per_64",
            Self::Handshakes(_) => "handshakes",
        }
    }
}

/// The counts, shared by the thread that accepts and the shards that close.
///
/// Its lock is taken when a connection begins and when it ends, never for a message. Memory: one
/// row for each place that has connections, so at most as many rows as there are connections.
#[derive(Debug, Clone)]
pub struct Admission {
    shared: Arc<Shared>,
}

impl Admission {
    /// Counts from zero.
    #[must_use]
    pub fn new(limits: AdmissionLimits) -> Self {
        Self { shared: Arc::new(Shared { limits, counts: Mutex::default() }) }
    }

    /// Admits a connection from `ip`. It counts as a handshake until
    /// [`Permit::finish_handshake`].
    ///
    /// # Errors
    /// The first limit that is reached; nothing is counted then.
    pub fn admit(&self, ip: IpAddr) -> Result<Permit, AdmissionRefusal> {
        self.admit_from(self.shared.limits.place_of(ip))
    }

    /// Admits a connection from a trusted proxy, which speaks for many addresses and is not held
    /// to the limit of one. [`Permit::locate`] counts it once the proxy has named its client.
    ///
    /// # Errors
    /// As [`admit`](Self::admit).
    pub fn admit_proxy(&self) -> Result<Permit, AdmissionRefusal> {
        self.admit_from(None)
    }

    /// How many connections there are.
    #[must_use]
    pub fn connections(&self) -> u32 {
        self.shared.counts().connections
    }

    /// How many of them are at their handshake.
    #[must_use]
    pub fn handshakes(&self) -> u32 {
        self.shared.counts().handshakes
    }

    fn admit_from(&self, place: Option<Place>) -> Result<Permit, AdmissionRefusal> {
        let limits = &self.shared.limits;
        let mut counts = self.shared.counts();
        if let Some(max) = limits.connections_total.filter(|max| counts.connections >= *max) {
            return Err(AdmissionRefusal::Total(max));
        }
        if let Some(max) = limits.handshakes.filter(|max| counts.handshakes >= *max) {
            return Err(AdmissionRefusal::Handshakes(max));
        }
        if let Some(place) = place {
            counts.enter(place, limits)?;
        }
        counts.connections += 1;
        counts.handshakes += 1;
        drop(counts);
        Ok(Permit { shared: Arc::clone(&self.shared), place, is_handshake: true })
    }
}

/// The right of one connection to be there; dropping it gives the place back.
#[derive(Debug)]
pub struct Permit {
    shared: Arc<Shared>,
    place: Option<Place>,
    is_handshake: bool,
}

impl Permit {
    /// The connection has said what it speaks, and its TLS handshake is done if there was one.
    /// A second call does nothing.
    pub fn finish_handshake(&mut self) {
        if std::mem::replace(&mut self.is_handshake, false) {
            self.shared.counts().handshakes -= 1;
        }
    }

    /// The connection, which was silent and had been counted as one whose handshake is done, says what it speaks now.
    ///
    /// # Errors
    /// [`AdmissionRefusal::Handshakes`]: too many others are doing so; it is to be closed.
    pub fn resume_handshake(&mut self) -> Result<(), AdmissionRefusal> {
        let mut counts = self.shared.counts();
        if let Some(max) = self.shared.limits.handshakes.filter(|max| counts.handshakes >= *max) {
            return Err(AdmissionRefusal::Handshakes(max));
        }
        counts.handshakes += u32::from(!std::mem::replace(&mut self.is_handshake, true));
        Ok(())
    }

    /// Counts the connection at `ip`, which its proxy has named, in place of where it was counted
    /// before.
    ///
    /// # Errors
    /// [`AdmissionRefusal::PerIp`] or [`AdmissionRefusal::Per64`]; it then stays where it was.
    pub fn locate(&mut self, ip: IpAddr) -> Result<(), AdmissionRefusal> {
        let place = self.shared.limits.place_of(ip);
        if place == self.place {
            return Ok(());
        }
        let mut counts = self.shared.counts();
        if let Some(place) = place {
            counts.enter(place, &self.shared.limits)?;
        }
        if let Some(left) = std::mem::replace(&mut self.place, place) {
            counts.leave(left);
        }
        Ok(())
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut counts = self.shared.counts();
        counts.connections -= 1;
        counts.handshakes -= u32::from(self.is_handshake);
        if let Some(place) = self.place {
            counts.leave(place);
        }
    }
}

#[derive(Debug)]
struct Shared {
    limits: AdmissionLimits,
    counts: Mutex<Counts>,
}

impl Shared {
    fn counts(&self) -> MutexGuard<'_, Counts> {
        // The counts are right between any two statements, so a panic elsewhere does no harm here.
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug, Default)]
struct Counts {
    connections: u32,
    handshakes: u32,
    /// Connections by where they come from; no row is 0.
    by_place: HashMap<Place, u32>,
}

impl Counts {
    fn enter(&mut self, place: Place, limits: &AdmissionLimits) -> Result<(), AdmissionRefusal> {
        let count = self.by_place.get(&place).copied().unwrap_or(0);
        match place {
            Place::V4(_) => match limits.connections_per_ip {
                Some(max) if count >= max => return Err(AdmissionRefusal::PerIp(max)),
                Some(_) | None => {}
            },
            Place::V6Net(_) => match limits.connections_per_64 {
                Some(max) if count >= max => return Err(AdmissionRefusal::Per64(max)),
                Some(_) | None => {}
            },
        }
        self.by_place.insert(place, count + 1);
        Ok(())
    }

    fn leave(&mut self, place: Place) {
        if let Entry::Occupied(mut row) = self.by_place.entry(place) {
            *row.get_mut() -= 1;
            if *row.get() == 0 {
                row.remove();
            }
        }
    }
}

/// Where connections are counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Place {
    V4(Ipv4Addr),
    /// The first 64 bits.
    V6Net(u64),
}

impl Place {
    /// The place of an address: itself, or its IPv6 network of 64 bits.
    pub(crate) fn of(ip: IpAddr) -> Self {
        // An IPv4 address is the same one when it arrives at an IPv6 socket.
        match ip.to_canonical() {
            IpAddr::V4(ip) => Self::V4(ip),
            IpAddr::V6(ip) => Self::V6Net(network_64(ip)),
        }
    }
}

impl AdmissionLimits {
    fn place_of(&self, ip: IpAddr) -> Option<Place> {
        let is_own = ip.to_canonical().is_loopback() && !self.counts_loopback;
        (!is_own).then(|| Place::of(ip))
    }
}

fn network_64(ip: Ipv6Addr) -> u64 {
    (ip.to_bits() >> 64) as u64
}

/// Lets one of many equal lines into the log in each span of time, and counts the others.
///
/// Whoever connects a thousand times a second must not fill the disk with what is said about it.
#[derive(Debug, Clone)]
pub struct LogLimiter {
    interval: Duration,
    last: Option<Instant>,
    suppressed: u64,
}

impl LogLimiter {
    /// One line in each `interval`.
    #[must_use]
    pub const fn new(interval: Duration) -> Self {
        Self { interval, last: None, suppressed: 0 }
    }

    /// Something happened at `now`. If it may be logged: how many times it happened since the last
    /// line without a line of its own.
    pub fn note(&mut self, now: Instant) -> Option<u64> {
        let is_due = self.last.is_none_or(|last| now.saturating_duration_since(last) >= self.interval);
        if is_due {
            self.last = Some(now);
            Some(std::mem::take(&mut self.suppressed))
        } else {
            self.suppressed += 1;
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIMITS: AdmissionLimits = AdmissionLimits {
        connections_total: Some(5),
        connections_per_ip: Some(2),
        connections_per_64: Some(3),
        handshakes: None,
        counts_loopback: false,
    };

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn each_limit_is_named_and_given_back() {
        let admission = Admission::new(LIMITS);
        let first = admission.admit(ip("192.0.2.1")).unwrap();
        let _second = admission.admit(ip("::ffff:192.0.2.1")).unwrap();
        assert_eq!(admission.admit(ip("192.0.2.1")).unwrap_err(), AdmissionRefusal::PerIp(2));
        let _other = admission.admit(ip("192.0.2.2")).unwrap();
        drop(first);
        let _again = admission.admit(ip("192.0.2.1")).unwrap();
        let _v6 = admission.admit(ip("2001:db8::1")).unwrap();
        let _loopback = admission.admit(ip("::1")).unwrap();
        assert_eq!(admission.admit(ip("2001:db8::2")).unwrap_err(), AdmissionRefusal::Total(5));
        assert_eq!(admission.connections(), 5);
        assert_eq!(AdmissionRefusal::Total(5).to_string(), "limits.connections_total (5) reached");
    }

    #[test]
    fn ipv6_is_counted_by_its_network() {
        let admission = Admission::new(LIMITS);
        let permits: Vec<Permit> =
            ["2001:db8::1", "2001:db8::2", "2001:db8:0:0:ffff::"].map(|text| admission.admit(ip(text)).unwrap()).into();
        assert_eq!(admission.admit(ip("2001:db8::4")).unwrap_err(), AdmissionRefusal::Per64(3));
        admission.admit(ip("2001:db8:0:1::1")).unwrap();
        drop(permits);
        assert!(admission.shared.counts().by_place.is_empty());
    }

    #[test]
    fn loopback_is_exempt_unless_it_is_to_be_counted() {
        let exempt = Admission::new(LIMITS);
        let counted = Admission::new(AdmissionLimits { counts_loopback: true, ..LIMITS });
        for text in ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"] {
            let permits: Vec<_> = (0..5).map(|_| exempt.admit(ip(text)).unwrap()).collect();
            assert_eq!(exempt.admit(ip(text)).unwrap_err(), AdmissionRefusal::Total(5));
            drop(permits);
            let results: Vec<_> = (0..5).map(|_| counted.admit(ip(text))).collect();
            assert!(results.iter().any(Result::is_err), "{text}");
        }
    }

    #[test]
    fn a_handshake_counts_until_it_is_finished_or_dropped() {
        let admission = Admission::new(AdmissionLimits { handshakes: Some(2), ..AdmissionLimits::default() });
        let mut first = admission.admit(ip("192.0.2.1")).unwrap();
        let second = admission.admit(ip("192.0.2.1")).unwrap();
        let refusal = admission.admit(ip("192.0.2.1")).unwrap_err();
        assert_eq!((refusal, refusal.limit()), (AdmissionRefusal::Handshakes(2), "handshakes"));
        first.finish_handshake();
        first.finish_handshake();
        assert_eq!(admission.handshakes(), 1);
        drop(second);
        assert_eq!((admission.handshakes(), admission.connections()), (0, 1));
    }

    #[test]
    fn a_proxied_connection_is_counted_where_its_client_is() {
        let admission = Admission::new(LIMITS);
        let mut permits: Vec<Permit> = (0..3).map(|_| admission.admit_proxy().unwrap()).collect();
        permits[0].locate(ip("192.0.2.1")).unwrap();
        permits[1].locate(ip("192.0.2.1")).unwrap();
        permits[1].locate(ip("192.0.2.1")).unwrap();
        let refusal = permits[2].locate(ip("192.0.2.1")).unwrap_err();
        assert_eq!(refusal, AdmissionRefusal::PerIp(2));
        permits[1].locate(ip("192.0.2.2")).unwrap();
        permits[2].locate(ip("192.0.2.1")).unwrap();
        drop(permits);
        assert!(admission.shared.counts().by_place.is_empty());
        assert_eq!(admission.connections(), 0);
    }

    proptest! {
        #[test]
        fn whatever_comes_and_goes_all_is_given_back(
            steps in prop::collection::vec((0_u8..4, 0_u8..6), 0..200),
        ) {
            let admission = Admission::new(LIMITS);
            let mut permits: Vec<Permit> = Vec::new();
            for (step, which) in steps {
                let from = [
                    "192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8::2", "127.0.0.1", "::1",
                ][usize::from(which)];
                let at = usize::from(which) % permits.len().max(1);
                match step {
                    0 => permits.extend(admission.admit(ip(from))),
                    1 => permits.extend(admission.admit_proxy()),
                    2 => if let Some(permit) = permits.get_mut(at) {
                        permit.finish_handshake();
                        let _ = permit.locate(ip(from));
                    },
                    _ => if at < permits.len() {
                        permits.swap_remove(at);
                    },
                }
                prop_assert_eq!(admission.connections() as usize, permits.len());
                prop_assert!(permits.len() <= 5);
                for (place, count) in &admission.shared.counts().by_place {
                    let max = match place { Place::V4(_) => 2, Place::V6Net(_) => 3 };
                    prop_assert!((1..=max).contains(count));
                }
            }
            permits.clear();
            prop_assert_eq!((admission.connections(), admission.handshakes()), (0, 0));
            prop_assert!(admission.shared.counts().by_place.is_empty());
        }
    }

    #[test]
    fn one_line_a_second_and_the_number_of_the_others() {
        let mut limiter = LogLimiter::new(Duration::from_secs(1));
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let said: Vec<_> = [0, 1, 999, 1000, 1500, 5000, 5001].map(|m| limiter.note(at(m))).into();
        assert_eq!(said, [Some(0), None, None, Some(2), None, Some(1), None]);
    }
}
