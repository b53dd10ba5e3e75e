//! What each address cost: one account for all connections and sessions of an address, kept a while after the last.

use crate::cost::{Meter, Origin};
use crate::ids::{ConnectionId, SessionId, Time};
use crate::limits::IDLE_ACCOUNTS_MAX;
use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::ops::{Index, IndexMut};

/// Names an account; it is good as long as its owner holds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct AccountId(u32);

/// One address's account: about 250 bytes.
#[derive(Debug)]
pub(super) struct Account {
    origin: Origin,
    /// It is this machine's own programs, who are bound by what one connection may cost, and by no sum. Join codes are
    /// guessed here as elsewhere.
    pub(super) is_exempt: bool,
    /// Connections and sessions that hold it.
    holders: u32,
    /// Which of its times without a holder this is.
    idle: u64,
    pub(super) delivered: Meter,
    pub(super) presence: Meter,
    pub(super) rooms: Meter,
    pub(super) stored: Meter,
    pub(super) wrong_codes: Meter,
    /// Sessions whose connection is cut, the oldest first, with when they end. Those that came back are still here.
    held: VecDeque<(Time, SessionId)>,
    /// Connections whose join code waits for its turn. Those that are gone are still here.
    pub(super) turns: VecDeque<ConnectionId>,
}

impl Account {
    const fn new(origin: Origin, is_exempt: bool) -> Self {
        Self {
            origin,
            is_exempt,
            holders: 0,
            idle: 0,
            delivered: Meter::from_bits(0),
            presence: Meter::from_bits(0),
            rooms: Meter::from_bits(0),
            stored: Meter::from_bits(0),
            wrong_codes: Meter::from_bits(0),
            held: VecDeque::new(),
            turns: VecDeque::new(),
        }
    }

    fn owes_nothing(&self, now: Time) -> bool {
        [self.delivered, self.presence, self.rooms, self.stored, self.wrong_codes].iter().all(|one| one.is_full(now))
    }

    /// Adds a session whose connection was cut. Returns the oldest one if there are more than `most`; `is_held` tells
    /// which still are.
    pub(super) fn hold(
        &mut self,
        cut: (Time, SessionId),
        most: usize,
        is_held: impl Fn(&(Time, SessionId)) -> bool,
    ) -> Option<SessionId> {
        self.held.push_back(cut);
        if self.held.len() <= most {
            return None;
        }
        self.held.retain(|held| is_held(held));
        if self.held.len() <= most {
            return None;
        }
        self.held.pop_front().map(|(_, session)| session)
    }
}

/// Every account. One without holders is kept until it owes nothing, and of those at most [`IDLE_ACCOUNTS_MAX`]; so there
/// are never more than that beside one for each connection and each session.
#[derive(Debug, Default)]
pub(super) struct Accounts {
    counts_loopback: bool,
    by_origin: HashMap<Origin, AccountId>,
    slots: Vec<Option<Box<Account>>>,
    free: Vec<AccountId>,
    /// Accounts that lost their last holder, the oldest first, each with its [`Account::idle`]. Those that have one again
    /// are still here.
    idle: VecDeque<(AccountId, u64)>,
    last_idle: u64,
    idle_count: usize,
}

impl Accounts {
    pub(super) fn new(counts_loopback: bool) -> Self {
        Self { counts_loopback, ..Self::default() }
    }

    /// One more holder of an address's account.
    pub(super) fn enter(&mut self, address: IpAddr) -> AccountId {
        let origin = Origin::of(address);
        let id = match self.by_origin.get(&origin) {
            Some(id) => *id,
            None => {
                let is_exempt = address.to_canonical().is_loopback() && !self.counts_loopback;
                let id = self.free.pop().unwrap_or_else(|| {
                    self.slots.push(None);
                    AccountId(self.slots.len() as u32 - 1)
                });
                self.slots[id.0 as usize] = Some(Box::new(Account::new(origin, is_exempt)));
                self.by_origin.insert(origin, id);
                id
            }
        };
        self.hold(id);
        id
    }

    /// One more holder of an account that somebody holds.
    pub(super) fn hold(&mut self, id: AccountId) {
        let account = &mut self[id];
        account.holders += 1;
        if account.holders == 1 && std::mem::take(&mut account.idle) > 0 {
            self.idle_count -= 1;
        }
    }

    /// One holder fewer.
    pub(super) fn leave(&mut self, id: AccountId, now: Time) {
        let last_idle = self.last_idle + 1;
        let account = &mut self[id];
        account.holders -= 1;
        if account.holders > 0 {
            return;
        }
        account.turns = VecDeque::new();
        account.held = VecDeque::new();
        if account.owes_nothing(now) {
            return self.forget(id);
        }
        account.idle = last_idle;
        self.last_idle = last_idle;
        self.idle.push_back((id, last_idle));
        self.idle_count += 1;
        while self.idle_count > IDLE_ACCOUNTS_MAX
            && let Some((oldest, idle)) = self.idle.pop_front()
        {
            if self.is_idle(oldest, idle) {
                self.idle_count -= 1;
                self.forget(oldest);
            }
        }
        if self.idle.len() > 2 * IDLE_ACCOUNTS_MAX {
            let mut idle = std::mem::take(&mut self.idle);
            idle.retain(|(id, idle)| self.is_idle(*id, *idle));
            self.idle = idle;
        }
    }

    /// An account that somebody may hold.
    pub(super) fn get_mut(&mut self, id: AccountId) -> Option<&mut Account> {
        self.slots.get_mut(id.0 as usize)?.as_deref_mut()
    }

    /// How many there are.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.by_origin.len()
    }

    fn is_idle(&self, id: AccountId, idle: u64) -> bool {
        self.slots[id.0 as usize].as_ref().is_some_and(|account| account.idle == idle)
    }

    fn forget(&mut self, id: AccountId) {
        if let Some(account) = self.slots[id.0 as usize].take() {
            self.by_origin.remove(&account.origin);
            self.free.push(id);
        }
    }
}

/// Ids come from [`Accounts::enter`] and are kept by holders only, so that the account is there.
impl Index<AccountId> for Accounts {
    type Output = Account;

    fn index(&self, id: AccountId) -> &Account {
        self.slots[id.0 as usize].as_ref().expect("an account is there while somebody holds it")
    }
}

impl IndexMut<AccountId> for Accounts {
    fn index_mut(&mut self, id: AccountId) -> &mut Account {
        self.slots[id.0 as usize].as_mut().expect("an account is there while somebody holds it")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cost::Rate;
    use std::net::Ipv4Addr;

    const RATE: Rate = Rate::per_second(1, 10);

    fn address(number: u32) -> IpAddr {
        Ipv4Addr::from(0x0a00_0000 + number).into()
    }

    #[test]
    fn connections_of_one_address_share_it_and_what_it_owes_outlasts_them() {
        let mut accounts = Accounts::new(false);
        let first = accounts.enter(address(1));
        assert_eq!(accounts.enter(address(1)), first);
        accounts[first].rooms.charge(1_000, RATE, 10);
        accounts.leave(first, Time(1_000));
        accounts.leave(first, Time(1_000));
        let again = accounts.enter(address(1));
        assert!(!accounts[again].rooms.take(1_000, RATE, 1), "it is not new by connecting again");
        accounts.leave(again, Time(11_000));
        assert_eq!(accounts.len(), 0, "what owes nothing is not kept");
    }

    #[test]
    fn accounts_without_holders_are_bounded_and_the_oldest_goes() {
        let mut accounts = Accounts::new(false);
        for number in 0..=IDLE_ACCOUNTS_MAX as u32 {
            let id = accounts.enter(address(number));
            accounts[id].rooms.charge(1_000, RATE, 10);
            accounts.leave(id, Time(1_000));
            assert!(accounts.len() <= IDLE_ACCOUNTS_MAX);
        }
        assert_eq!(accounts.len(), IDLE_ACCOUNTS_MAX);
        let (oldest, second) = (accounts.enter(address(0)), accounts.enter(address(1)));
        assert!(accounts[oldest].rooms.is_full(Time(1_000)));
        assert!(!accounts[second].rooms.is_full(Time(1_000)));
    }

    #[test]
    fn coming_and_going_does_not_fill_the_list_of_idle_accounts() {
        let mut accounts = Accounts::new(false);
        for _ in 0..3 * IDLE_ACCOUNTS_MAX {
            let id = accounts.enter(address(1));
            accounts[id].rooms.charge(1_000, RATE, 10);
            accounts.leave(id, Time(1_000));
        }
        assert_eq!((accounts.len(), accounts.idle_count), (1, 1));
        assert!(accounts.idle.len() <= 2 * IDLE_ACCOUNTS_MAX + 1);
    }

    #[test]
    fn loopback_is_exempt_unless_it_is_counted() {
        let loopback = IpAddr::from(Ipv4Addr::LOCALHOST);
        for counts in [false, true] {
            let mut accounts = Accounts::new(counts);
            let (own, other) = (accounts.enter(loopback), accounts.enter(address(1)));
            assert_eq!((accounts[own].is_exempt, accounts[other].is_exempt), (!counts, false));
        }
    }

    #[test]
    fn the_oldest_held_session_goes_when_there_is_one_too_many() {
        let mut account = Account::new(Origin::of(address(1)), false);
        let cut = |number| (Time(number), SessionId(number));
        assert_eq!(account.hold(cut(1), 2, |_| true), None);
        assert_eq!(account.hold(cut(2), 2, |_| true), None);
        assert_eq!(account.hold(cut(3), 2, |_| true), Some(SessionId(1)));
        assert_eq!(account.hold(cut(4), 2, |held| held.0 != Time(2)), None, "one came back");
    }
}
