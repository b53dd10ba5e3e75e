//! Refusals cost time: who is refused again and again waits for each, and is read no faster than that.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use switchboard_core::cost::Origin;

/// As many refusals as belong to this time cost nothing at once: a crowd behind one address mistypes together.
const BURST: Duration = Duration::from_secs(5);
/// The longest that one waits.
const WAIT_MAX: Duration = Duration::from_secs(2);
/// Addresses that are remembered. While there are as many, all others wait for the longest time.
const ORIGINS_MAX: usize = 4_096;

/// The refusals of each address lately.
#[derive(Debug)]
pub struct Penalties {
    /// The time that each refusal costs. None: nothing.
    each: Option<Duration>,
    /// When what an address was refused is paid for.
    paid: Mutex<HashMap<Origin, Instant>>,
}

impl Penalties {
    /// So many refusals a second are free.
    #[must_use]
    pub fn new(per_second: Option<u32>) -> Self {
        let each = per_second.map(|per_second| Duration::from_secs(1) / per_second.max(1));
        Self { each, paid: Mutex::default() }
    }

    /// An address is refused something at `now`: how long it has to wait for that.
    pub(super) fn note(&self, ip: IpAddr, now: Instant) -> Duration {
        let Some(each) = self.each else { return Duration::ZERO };
        // Nothing in here is ever half done.
        let mut paid = self.paid.lock().unwrap_or_else(PoisonError::into_inner);
        if paid.len() >= ORIGINS_MAX {
            paid.retain(|_, until| *until > now);
        }
        let origin = Origin::of(ip);
        if paid.len() >= ORIGINS_MAX && !paid.contains_key(&origin) {
            return WAIT_MAX;
        }
        let until = paid.get(&origin).copied().unwrap_or(now).max(now) + each;
        let until = until.min(now + BURST + WAIT_MAX);
        paid.insert(origin, until);
        until.saturating_duration_since(now + BURST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    #[test]
    fn a_crowd_waits_for_nothing_and_a_flood_for_each() {
        let penalties = Penalties::new(Some(20));
        let now = Instant::now();
        let free = (0..1_000).take_while(|_| penalties.note(HERE, now).is_zero()).count();
        assert_eq!(free, 100, "five seconds' worth");
        let waits: Vec<Duration> = (0..100).map(|_| penalties.note(HERE, now)).collect();
        assert!(waits.is_sorted() && waits[0] == Duration::from_millis(100) && waits[99] == WAIT_MAX, "{waits:?}");
        assert!(penalties.note("192.0.2.1".parse().unwrap(), now).is_zero(), "another address");
        assert!(penalties.note(HERE, now + Duration::from_secs(60)).is_zero(), "it is forgiven");
    }

    #[test]
    fn addresses_are_remembered_within_bounds() {
        let penalties = Penalties::new(Some(1));
        let now = Instant::now();
        for number in 0..2 * ORIGINS_MAX as u32 {
            penalties.note(IpAddr::V4(number.into()), now);
        }
        assert_eq!(penalties.paid.lock().unwrap().len(), ORIGINS_MAX);
        assert!(penalties.note(HERE, now + Duration::from_secs(60)).is_zero());
        assert_eq!(penalties.paid.lock().unwrap().len(), 1);
        assert!(Penalties::new(None).note(HERE, now).is_zero());
    }
}
