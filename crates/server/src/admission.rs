//! Who may connect: counts of the connections there are, and the limits they are held against.

mod log_limiter;
mod notice;
mod undecided;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

pub use log_limiter::LogLimiter;
pub use notice::Notice;
use switchboard_core::cost::Origin;
use undecided::Undecided;

/// How many connections there may be. `None` is no limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AdmissionLimits {
    /// To the whole server.
    pub connections_total: Option<u32>,
    /// From one IPv4 address.
    pub connections_per_ip: Option<u32>,
    /// From one IPv6 network of 64 bits, which is what one customer usually has.
    pub connections_per_64: Option<u32>,
    /// That have not said yet what they speak, or are at their TLS handshake. Beyond it nobody is refused: the oldest of
    /// the address that has most of them gives way.
    pub handshakes: Option<u32>,
    /// UDP sessions of one IPv4 address, or of one IPv6 network of 64 bits. Loopback is counted in any case: a port
    /// costs its owner nothing.
    pub udp_sessions_per_ip: Option<u32>,
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
    /// The address has its share of UDP sessions.
    #[error("limits.udp_sessions_per_ip ({0}) reached")]
    UdpPerIp(u32),
}

impl AdmissionRefusal {
    /// The name of the limit, as it stands in the configuration. It does not change.
    #[must_use]
    pub const fn limit(self) -> &'static str {
        match self {
            Self::Total(_) => "connections_total",
            Self::PerIp(_) => "connections_per_ip",
            Self::Per64(_) => "connections_per_64",
            Self::UdpPerIp(_) => "udp_sessions_per_ip",
        }
    }
}

/// The counts, shared by the thread that accepts and the shards that close.
///
/// Its lock is taken when a connection begins and when it ends, never for a message. Memory: one
/// row for each origin that has connections, so at most as many rows as there are connections.
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

    /// Admits a connection from `ip` at `now`. It counts as a handshake until [`Permit::finish_handshake`], or until
    /// [`Permit::notice`] says that it has to give way to others.
    ///
    /// # Errors
    /// The first limit that is reached; nothing is counted then.
    pub fn admit(&self, ip: IpAddr, now: Instant) -> Result<Permit, AdmissionRefusal> {
        let seat = self.shared.limits.origin_of(ip).map_or(Seat::Uncounted, Seat::Stream);
        self.admit_to(seat, Some(Origin::of(ip)), now)
    }

    /// Admits a connection from a trusted proxy at `ip`, which speaks for many addresses and is not held to the limit of
    /// one. [`Permit::locate`] counts it once the proxy has named its client.
    ///
    /// # Errors
    /// As [`admit`](Self::admit).
    pub fn admit_proxy(&self, ip: IpAddr, now: Instant) -> Result<Permit, AdmissionRefusal> {
        self.admit_to(Seat::Uncounted, Some(Origin::of(ip)), now)
    }

    /// Admits the UDP session of a port of `ip`, which counts like a connection for the whole server, and has a limit by
    /// address of its own. It has no handshake.
    ///
    /// # Errors
    /// The limit that is reached; nothing is counted then.
    pub fn admit_datagrams(&self, ip: IpAddr, now: Instant) -> Result<Permit, AdmissionRefusal> {
        self.admit_to(Seat::Datagrams(Origin::of(ip)), None, now)
    }

    /// Returns how many connections there are, UDP sessions among them.
    #[must_use]
    pub fn connections(&self) -> u32 {
        self.shared.counts().connections
    }

    /// Returns how many of them are at their handshake.
    #[must_use]
    pub fn handshakes(&self) -> usize {
        self.shared.counts().undecided.len()
    }

    /// `undecided` is where it is counted while it is at its handshake, if it has one.
    fn admit_to(&self, seat: Seat, undecided: Option<Origin>, now: Instant) -> Result<Permit, AdmissionRefusal> {
        let limits = &self.shared.limits;
        let mut counts = self.shared.counts();
        if let Some(max) = limits.connections_total.filter(|max| counts.connections >= *max) {
            // Those who never say what they speak do not keep others out for as long as they may take for it.
            counts.undecided.dismiss_one(now);
            return Err(AdmissionRefusal::Total(max));
        }
        counts.enter(seat, limits)?;
        counts.connections += 1;
        let handshake = undecided.map(|origin| {
            let notice = Arc::new(Notice::default());
            let serial = counts.begin_handshake(origin, limits, notice.clone(), now);
            Box::new(Handshake { serial, notice })
        });
        drop(counts);
        Ok(Permit { shared: Arc::clone(&self.shared), seat, handshake })
    }
}

/// The right of one connection to be there; dropping it gives the place back.
#[derive(Debug)]
pub struct Permit {
    shared: Arc<Shared>,
    seat: Seat,
    /// Only while it is undecided, so that a connection that goes on owns nothing for it.
    handshake: Option<Box<Handshake>>,
}

#[derive(Debug)]
struct Handshake {
    serial: u64,
    notice: Arc<Notice>,
}

impl Permit {
    /// Returns what is notified when the connection has to give way before its handshake is done.
    #[must_use]
    pub fn notice(&self) -> Arc<Notice> {
        self.handshake.as_ref().map(|handshake| handshake.notice.clone()).unwrap_or_default()
    }

    /// The connection has said what it speaks, and its TLS handshake is done if there was one.
    /// A second call does nothing.
    pub fn finish_handshake(&mut self) {
        if let Some(handshake) = self.handshake.take() {
            self.shared.counts().undecided.leave(handshake.serial);
        }
    }

    /// The connection from `ip`, which was silent and had been counted as one whose handshake is done, says what it
    /// speaks now. `notice` is what it was told with before.
    pub fn resume_handshake(&mut self, ip: IpAddr, notice: &Arc<Notice>, now: Instant) {
        if self.handshake.is_none() {
            let limits = &self.shared.limits;
            let serial = self.shared.counts().begin_handshake(Origin::of(ip), limits, notice.clone(), now);
            self.handshake = Some(Box::new(Handshake { serial, notice: notice.clone() }));
        }
    }

    /// Counts the connection at `ip`, which its proxy has named, in place of where it was counted
    /// before.
    ///
    /// # Errors
    /// [`AdmissionRefusal::PerIp`] or [`AdmissionRefusal::Per64`]; it then stays where it was.
    pub fn locate(&mut self, ip: IpAddr) -> Result<(), AdmissionRefusal> {
        let seat = self.shared.limits.origin_of(ip).map_or(Seat::Uncounted, Seat::Stream);
        let mut counts = self.shared.counts();
        if seat != self.seat {
            counts.enter(seat, &self.shared.limits)?;
            counts.leave(std::mem::replace(&mut self.seat, seat));
        }
        if let Some(handshake) = &self.handshake {
            counts.undecided.relocate(handshake.serial, Origin::of(ip));
        }
        Ok(())
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut counts = self.shared.counts();
        counts.connections -= 1;
        if let Some(handshake) = &self.handshake {
            counts.undecided.leave(handshake.serial);
        }
        counts.leave(self.seat);
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
    undecided: Undecided,
    /// Connections by where they come from; no row is 0.
    by_origin: HashMap<Origin, u32>,
    /// UDP sessions, likewise.
    datagrams_by_origin: HashMap<Origin, u32>,
}

impl Counts {
    fn enter(&mut self, seat: Seat, limits: &AdmissionLimits) -> Result<(), AdmissionRefusal> {
        let (rows, origin, max, refusal): (_, _, _, fn(u32) -> AdmissionRefusal) = match seat {
            Seat::Uncounted => return Ok(()),
            Seat::Stream(origin @ Origin::V4(_)) => {
                (&mut self.by_origin, origin, limits.connections_per_ip, AdmissionRefusal::PerIp)
            }
            Seat::Stream(origin @ Origin::V6Net(_)) => {
                (&mut self.by_origin, origin, limits.connections_per_64, AdmissionRefusal::Per64)
            }
            Seat::Datagrams(origin) => {
                (&mut self.datagrams_by_origin, origin, limits.udp_sessions_per_ip, AdmissionRefusal::UdpPerIp)
            }
        };
        let count = rows.get(&origin).copied().unwrap_or(0);
        if let Some(max) = max.filter(|max| count >= *max) {
            return Err(refusal(max));
        }
        rows.insert(origin, count + 1);
        Ok(())
    }

    fn leave(&mut self, seat: Seat) {
        let (rows, origin) = match seat {
            Seat::Uncounted => return,
            Seat::Stream(origin) => (&mut self.by_origin, origin),
            Seat::Datagrams(origin) => (&mut self.datagrams_by_origin, origin),
        };
        if let Entry::Occupied(mut row) = rows.entry(origin) {
            *row.get_mut() -= 1;
            if *row.get() == 0 {
                row.remove();
            }
        }
    }

    fn begin_handshake(&mut self, origin: Origin, limits: &AdmissionLimits, notice: Arc<Notice>, now: Instant) -> u64 {
        if let Some(max) = limits.handshakes {
            self.undecided.make_room(max, now);
        }
        self.undecided.enter(origin, now, notice)
    }
}

/// Where a connection is counted beside the whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Seat {
    /// Nowhere: this machine's own programs, and proxies that have not named their clients.
    Uncounted,
    Stream(Origin),
    /// A UDP session.
    Datagrams(Origin),
}

impl AdmissionLimits {
    fn origin_of(&self, ip: IpAddr) -> Option<Origin> {
        let is_own = ip.to_canonical().is_loopback() && !self.counts_loopback;
        (!is_own).then(|| Origin::of(ip))
    }
}

#[cfg(test)]
mod tests;
