//! What a peer may cost: budgets that refill with time, the limits they belong to, and how often each was reached.

use crate::ids::Time;
use std::net::{IpAddr, Ipv4Addr};

/// The longest time for which anybody has to wait for a budget that was overdrawn, in milliseconds. One event of 16 MiB
/// to 10,000 receivers would otherwise silence its sender for two hours. It is shorter than any heartbeat's patience, so
/// that nobody is taken for dead meanwhile.
pub const WAIT_MS_MAX: u64 = 15_000;

/// How fast a budget refills.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rate {
    /// What it gains in a minute. 0: it is never used up.
    pub per_minute: u64,
    /// What it holds.
    pub burst: u64,
}

impl Rate {
    /// So much in a second, and so much at once after a pause.
    #[must_use]
    pub const fn per_second(per_second: u64, burst: u64) -> Self {
        Self { per_minute: per_second.saturating_mul(60), burst }
    }

    /// The same for several who share one budget.
    #[must_use]
    pub const fn times(self, count: u32) -> Self {
        Self {
            per_minute: self.per_minute.saturating_mul(count as u64),
            burst: self.burst.saturating_mul(count as u64),
        }
    }

    /// How long it takes to gain so much, in microseconds.
    const fn micros(self, amount: u64) -> u64 {
        const MINUTE_MICROS: u128 = 60_000_000;

        let micros = amount as u128 * MINUTE_MICROS / self.per_minute as u128;
        if micros > u64::MAX as u128 { u64::MAX } else { micros as u64 }
    }
}

/// What is left of a budget, as the moment at which it will be full again (the generic cell rate algorithm), in eight
/// bytes. It can be overdrawn: whoever did what was too much pays for it by waiting.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Meter {
    full_at_micros: u64,
}

impl Meter {
    /// The meter that [`Meter::to_bits`] gave, for budgets that threads share.
    #[must_use]
    pub const fn from_bits(bits: u64) -> Self {
        Self { full_at_micros: bits }
    }

    /// All that it knows.
    #[must_use]
    pub const fn to_bits(self) -> u64 {
        self.full_at_micros
    }

    /// Returns how long it takes until the budget is not overdrawn any more, in milliseconds; 0 if it is not.
    #[must_use]
    pub const fn wait_ms(self, now_ms: u64, rate: Rate) -> u64 {
        if rate.per_minute == 0 {
            return 0;
        }
        let paid_at = self.full_at_micros.saturating_sub(rate.micros(rate.burst));
        paid_at.saturating_sub(now_ms.saturating_mul(1_000)).div_ceil(1_000)
    }

    /// Takes `amount`, even if it is more than there is: then it is overdrawn, by [`WAIT_MS_MAX`] at most. Returns how
    /// long it takes until that is paid back, in milliseconds.
    pub const fn charge(&mut self, now_ms: u64, rate: Rate, amount: u64) -> u64 {
        if rate.per_minute == 0 {
            return 0;
        }
        let now = now_ms.saturating_mul(1_000);
        let begin = if self.full_at_micros > now { self.full_at_micros } else { now };
        let full_at = begin.saturating_add(rate.micros(amount));
        let latest = now.saturating_add(rate.micros(rate.burst)).saturating_add(WAIT_MS_MAX * 1_000);
        self.full_at_micros = if full_at < latest { full_at } else { latest };
        self.wait_ms(now_ms, rate)
    }

    /// Whether nine tenths of the budget are there: its owner costs little, and need not wait for others who cost more.
    #[must_use]
    pub const fn is_modest(self, now_ms: u64, rate: Rate) -> bool {
        self.wait_for_ms(now_ms, rate, rate.burst - rate.burst / 10) == 0
    }

    /// Returns how long it takes until there is `amount`, or all that the budget holds if that is less, in milliseconds.
    #[must_use]
    pub const fn wait_for_ms(self, now_ms: u64, rate: Rate, amount: u64) -> u64 {
        let amount = if amount < rate.burst { amount } else { rate.burst };
        self.wait_ms(now_ms, Rate { burst: rate.burst - amount, ..rate })
    }

    /// Takes `amount`, or all that the budget holds if that is less; false, and nothing is taken, if that is not there.
    pub const fn take(&mut self, now_ms: u64, rate: Rate, amount: u64) -> bool {
        if self.wait_for_ms(now_ms, rate, amount) > 0 {
            return false;
        }
        self.charge(now_ms, rate, if amount < rate.burst { amount } else { rate.burst });
        true
    }

    /// Whether nothing of the budget is used.
    #[must_use]
    pub const fn is_full(self, now: Time) -> bool {
        self.full_at_micros <= now.0.saturating_mul(1_000)
    }
}

/// Where costs are counted together: an IPv4 address, or the first 64 bits of an IPv6 address, which is what one customer
/// usually has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Origin {
    V4(Ipv4Addr),
    /// The first 64 bits.
    V6Net(u64),
}

impl Origin {
    /// The origin of an address. An IPv4 address is the same one when it arrives at an IPv6 socket.
    #[must_use]
    pub const fn of(ip: IpAddr) -> Self {
        match ip.to_canonical() {
            IpAddr::V4(ip) => Self::V4(ip),
            IpAddr::V6(ip) => Self::V6Net((ip.to_bits() >> 64) as u64),
        }
    }
}

macro_rules! limits {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// A limit on what a peer may cost, by the name of its setting.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Limit { $($(#[$doc])* $name,)* }

        impl Limit {
            /// Every limit, for the metrics.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The setting's name below `limits.`; it is the label of the metric, too.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

limits! {
    /// Bytes that a connection, or all of one address, puts in for others: it is read more slowly.
    SpokenBytes = "relay_bytes_per_second",
    /// These bytes times their receivers: the sender is read more slowly.
    DeliveredBytes = "delivered_bytes_per_second",
    /// Events of clients' own times their receivers: refused.
    EventDeliveries = "event_deliveries_per_second",
    /// Work that no other limit counts: the connection is read more slowly.
    Work = "work_per_second",
    /// Coming, going and new nicks, times those who are told: only counts are told then, and new nicks are refused.
    Presence = "presence_deliveries_per_second",
    /// Rooms that were not there before: refused.
    NewRooms = "new_rooms_per_minute",
    /// Wrong join codes of one address: the next one waits for its turn.
    WrongCodes = "wrong_codes",
    /// Bytes of messages and topics of one address: refused.
    StoredBytes = "stored_bytes_per_second",
    /// Sessions of one address whose connection is cut: the oldest ends.
    HeldByAddress = "held_sessions_per_address",
    /// The same of all addresses together.
    HeldTotal = "held_sessions_total",
}

/// How often each limit was reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hits([u64; Limit::ALL.len()]);

impl Hits {
    /// A limit was reached.
    pub const fn note(&mut self, limit: Limit) {
        self.0[limit as usize] += 1;
    }

    /// How often this one was.
    #[must_use]
    pub const fn of(&self, limit: Limit) -> u64 {
        self.0[limit as usize]
    }

    /// Each limit that was reached, with how often.
    pub fn iter(&self) -> impl Iterator<Item = (Limit, u64)> + '_ {
        Limit::ALL.iter().map(|limit| (*limit, self.of(*limit))).filter(|(_, count)| *count > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv6Addr;

    const RATE: Rate = Rate::per_second(1_000, 500);

    #[test]
    fn what_is_overdrawn_is_paid_back_by_waiting() {
        let mut meter = Meter::default();
        assert_eq!(meter.charge(10_000, RATE, 500), 0, "all that it holds");
        assert_eq!(meter.charge(10_000, RATE, 1), 1, "one more");
        assert_eq!(meter.charge(10_000, RATE, 999), 1_000);
        assert_eq!(meter.wait_ms(10_400, RATE), 600);
        assert_eq!(meter.wait_ms(11_000, RATE), 0);
        assert_eq!(meter.charge(11_000, RATE, 1), 1, "nothing was saved up meanwhile");
        assert!(!meter.is_full(Time(11_000)) && meter.is_full(Time(11_501)));
    }

    #[test]
    fn nobody_waits_longer_than_the_bound() {
        let mut meter = Meter::default();
        assert_eq!(meter.charge(5, RATE, u64::MAX), WAIT_MS_MAX);
        assert_eq!(meter.charge(5, RATE, u64::MAX), WAIT_MS_MAX);
        assert_eq!(meter.wait_ms(5 + WAIT_MS_MAX, RATE), 0);
    }

    #[test]
    fn what_may_be_refused_is_taken_only_if_it_is_there() {
        let mut meter = Meter::default();
        assert!(meter.take(1_000, RATE, 400));
        assert!(!meter.take(1_000, RATE, 101));
        assert!(meter.take(1_000, RATE, 100));
        assert!(!meter.take(1_000, RATE, 1) && meter.take(1_001, RATE, 1));
        assert!(!meter.take(1_500, RATE, 10_000), "more than it ever holds waits until it is full");
        assert!(meter.take(1_501, RATE, 10_000));
        assert_eq!(meter.wait_for_ms(1_501, RATE, 1), 1);
    }

    #[test]
    fn no_rate_is_no_bound() {
        let mut meter = Meter::default();
        assert_eq!(meter.charge(1, Rate::default(), u64::MAX), 0);
        assert!(meter.take(1, Rate::default(), u64::MAX));
        assert!(meter.is_full(Time(0)));
    }

    #[test]
    fn slow_rates_are_exact() {
        let rate = Rate { per_minute: 6, burst: 20 };
        let mut meter = Meter::default();
        assert_eq!((0..30).filter(|_| meter.take(0, rate, 1)).count(), 20);
        assert_eq!(meter.wait_for_ms(0, rate, 1), 10_000);
        assert_eq!((0..2).filter(|_| meter.take(10_000, rate, 1)).count(), 1);
        assert_eq!(rate.times(3), Rate { per_minute: 18, burst: 60 });
    }

    #[test]
    fn a_customer_is_one_origin() {
        let v6 = |text: &str| Origin::of(IpAddr::V6(text.parse::<Ipv6Addr>().unwrap()));
        assert_eq!(v6("2001:db8::1"), v6("2001:db8::ffff:1"));
        assert_ne!(v6("2001:db8::1"), v6("2001:db8:0:1::1"));
        assert_eq!(v6("::ffff:192.0.2.1"), Origin::of("192.0.2.1".parse().unwrap()));
    }

    #[test]
    fn each_limit_is_counted_apart() {
        let mut hits = Hits::default();
        hits.note(Limit::Work);
        hits.note(Limit::Work);
        assert_eq!(hits.iter().collect::<Vec<_>>(), [(Limit::Work, 2)]);
        let mut names: Vec<_> = Limit::ALL.iter().map(|limit| limit.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Limit::ALL.len());
    }
}
