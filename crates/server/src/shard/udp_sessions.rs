//! The sessions of a datagram socket, by their address; and which of them gives way when its address has its share.

use super::endpoint::Remote;
use crate::admission::Permit;
use std::collections::HashMap;
use std::net::SocketAddr;
use switchboard_core::cost::Origin;
use switchboard_protocols::Tick;

/// How long a session must have been silent to give way to another port of its address, in milliseconds: programs that
/// send one datagram from a new port each time go on, and a flood of ports replaces as many sessions in that time as an
/// address may have.
pub(super) const QUIET_MS: u64 = 10_000;
/// What is done for newcomers beyond the share of their address in a second, refusals and replacements. All others get no
/// answer, and nobody looks for a place for them.
const TRIES_PER_SECOND: u32 = 10;

struct Session {
    slot: u32,
    /// The right to be there. None: it was given to another, or it is a sender of the configuration.
    permit: Option<Permit>,
}

/// Who speaks over a datagram socket.
#[derive(Default)]
pub(super) struct UdpSessions {
    sessions: HashMap<Remote, Session>,
    /// The ports of each address; no row is empty.
    by_origin: HashMap<Origin, Vec<SocketAddr>>,
    /// The second that is counted, and the tries in it.
    tries: (Tick, u32),
}

impl UdpSessions {
    /// Returns how many there are.
    pub(super) fn len(&self) -> usize {
        self.sessions.len()
    }

    /// Returns the slot of a session.
    pub(super) fn slot(&self, remote: &Remote) -> Option<u32> {
        self.sessions.get(remote).map(|session| session.slot)
    }

    /// Takes a session in.
    pub(super) fn insert(&mut self, remote: Remote, slot: u32, permit: Option<Permit>) {
        if let Remote::Address(address) = remote {
            self.by_origin.entry(Origin::of(address.ip())).or_default().push(address);
        }
        self.sessions.insert(remote, Session { slot, permit });
    }

    /// Forgets a session that is over.
    pub(super) fn remove(&mut self, remote: &Remote) {
        self.sessions.remove(remote);
        if let Remote::Address(address) = remote {
            self.leave(*address);
        }
    }

    /// Whether something may be done at `now` for a newcomer whose address has its share.
    pub(super) fn may_try(&mut self, now: Tick) -> bool {
        let second = now / 1_000;
        if self.tries.0 != second {
            self.tries = (second, 0);
        }
        self.tries.1 += 1;
        self.tries.1 <= TRIES_PER_SECOND
    }

    /// Takes the place of the session of the same address that has been silent for longest, if that is long enough.
    /// Returns its slot, which is to be closed, and its right to be there. `heard` says when a slot was heard last.
    pub(super) fn replace(
        &mut self,
        newcomer: SocketAddr,
        now: Tick,
        heard: impl Fn(u32) -> Option<Tick>,
    ) -> Option<(u32, Permit)> {
        let ports = self.by_origin.get(&Origin::of(newcomer.ip()))?;
        let silent = ports.iter().filter_map(|port| {
            let session = self.sessions.get(&Remote::Address(*port)).filter(|session| session.permit.is_some())?;
            Some((heard(session.slot)?, *port))
        });
        let (last, port) = silent.min_by_key(|(last, _)| *last)?;
        if now.saturating_sub(last) < QUIET_MS {
            return None;
        }
        let session = self.sessions.get_mut(&Remote::Address(port))?;
        let replaced = (session.slot, session.permit.take()?);
        // It is no candidate any more, though its goodbye is still to be sent.
        self.leave(port);
        Some(replaced)
    }

    fn leave(&mut self, port: SocketAddr) {
        let origin = Origin::of(port.ip());
        if let Some(ports) = self.by_origin.get_mut(&origin) {
            ports.retain(|one| *one != port);
            if ports.is_empty() {
                self.by_origin.remove(&origin);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admission::{Admission, AdmissionLimits, AdmissionRefusal};
    use std::time::Instant;

    fn port(number: u16) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], number))
    }

    #[test]
    fn the_port_that_was_silent_for_longest_gives_way_to_one_of_its_own_address() {
        let admission = Admission::new(AdmissionLimits { udp_sessions_per_ip: Some(2), ..AdmissionLimits::default() });
        let admit = |address: SocketAddr| admission.admit_datagrams(address.ip(), Instant::now());
        let mut sessions = UdpSessions::default();
        for number in [1, 2] {
            sessions.insert(Remote::Address(port(number)), number.into(), admit(port(number)).ok());
        }
        sessions.insert(Remote::Sender("cellar".to_owned()), 9, None);
        assert_eq!(admit(port(3)).unwrap_err(), AdmissionRefusal::UdpPerIp(2));
        let heard = |slot: u32| Some(Tick::from(slot));
        assert!(sessions.replace(port(3), QUIET_MS, heard).is_none(), "nobody has been silent for long enough");
        assert!(sessions.replace("192.0.2.1:3".parse().unwrap(), 2 * QUIET_MS, heard).is_none());
        let (slot, permit) = sessions.replace(port(3), QUIET_MS + 1, heard).expect("the first");
        assert_eq!(slot, 1);
        sessions.insert(Remote::Address(port(3)), 3, Some(permit));
        assert_eq!(sessions.slot(&Remote::Address(port(1))), Some(1), "until its goodbye is sent");
        assert!(sessions.replace(port(4), QUIET_MS + 1, heard).is_none(), "one gives way once");
        assert_eq!(admission.connections(), 2);
        for number in [1, 2, 3] {
            sessions.remove(&Remote::Address(port(number)));
        }
        assert_eq!((admission.connections(), sessions.by_origin.len(), sessions.len()), (0, 0, 1));
    }

    #[test]
    fn tries_are_counted_by_the_second() {
        let mut sessions = UdpSessions::default();
        let count = |sessions: &mut UdpSessions, now| (0..100).filter(|_| sessions.may_try(now)).count();
        assert_eq!(count(&mut sessions, 999), 10);
        assert_eq!(count(&mut sessions, 1_000), 10);
        assert_eq!(count(&mut sessions, 1_999), 0);
    }
}
