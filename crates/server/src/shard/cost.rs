//! What a connection costs its shard and others, before it is done: whoever costs too much is read more slowly.
//!
//! A connection that was never charged owns nothing here. What all connections of an address cost is counted in one
//! account, which the shards share: an atomic number for each budget, looked up once for each connection.

use super::Shard;
use super::connection::Phase;
use crate::message::ToEngine;
use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use switchboard_core::cost::{Limit, Meter, Origin, Rate};
use switchboard_core::limits::{IDLE_ACCOUNTS_MAX, SMALL_BYTES};
use switchboard_core::{CloseReason, Command, ConnectionId, Reply, Request, Time};
use switchboard_protocols::{Act, Tick};

/// Units of work of what is sent without the engine: the answer to a ping, an acknowledgement.
const SEND: u64 = 1;
/// Units of work of a refusal. At 2,000 units a second a connection is refused a hundred times a second.
const REFUSAL: u64 = 20;
/// Units of work of a search: at 2,000 units a second a connection searches ten times a second.
const SEARCH: u64 = 200;
/// Units of work of a session that a connection carries: it is welcomed, and others may be told of it. At 2,000 units a
/// second a connection joins five namespaces a second; those beyond wait.
const BRANCH: u64 = 400;
/// Units of work of each KiB of an answer, and of each KiB that came and was no request: at 2,000 units a second a
/// megabyte a second, which is what a connection may put in for others.
const KIB: u64 = 2;
/// Units up to which work of a modest connection does not wait for others of its address: whoever answers a ping now and
/// then, or reads a short page, waits for nobody's refusals.
const SMALL_UNITS: u64 = 8;

/// What connections may cost.
#[derive(Clone, Default)]
pub struct CostLimits {
    /// Bytes that a connection puts in for others.
    pub spoken: Rate,
    /// Units of work.
    pub work: Rate,
    /// How many connections' budgets of work an address has.
    pub address_share: u32,
    /// Messages are charged for their bytes, too, and not only events.
    pub counts_messages: bool,
    /// What each address cost.
    pub accounts: Accounts,
}

/// One address's account.
#[derive(Debug, Default)]
pub struct Account {
    spoken: AtomicU64,
    work: AtomicU64,
}

/// The accounts of all addresses, shared by the shards.
///
/// Its lock is taken once for each connection that is ever charged. Memory: one row for each address with such a
/// connection, and at most `IDLE_ACCOUNTS_MAX` others.
#[derive(Clone, Debug, Default)]
pub struct Accounts {
    counts_loopback: bool,
    table: Arc<Mutex<Table>>,
}

#[derive(Debug, Default)]
struct Table {
    by_origin: HashMap<Origin, Arc<Account>>,
    /// How large the table may grow before those who owe nothing are taken out.
    sweep_at: usize,
}

impl Accounts {
    /// No account yet.
    #[must_use]
    pub fn new(counts_loopback: bool) -> Self {
        Self { counts_loopback, table: Arc::default() }
    }

    /// The account of an address. `None`: it is this machine's own.
    fn of(&self, address: IpAddr, now: Tick) -> Option<Arc<Account>> {
        if address.to_canonical().is_loopback() && !self.counts_loopback {
            return None;
        }
        // The table is right between any two statements, so a panic elsewhere does no harm here.
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        let account = Arc::clone(table.by_origin.entry(Origin::of(address)).or_default());
        if table.by_origin.len() > table.sweep_at {
            table.sweep(now);
        }
        Some(account)
    }

    /// How many there are.
    #[cfg(test)]
    fn len(&self) -> usize {
        self.table.lock().unwrap_or_else(PoisonError::into_inner).by_origin.len()
    }
}

impl Table {
    /// Takes out who has no connection and owes nothing, and of those who owe something as many as there are too many.
    fn sweep(&mut self, now: Tick) {
        let is_idle = |account: &Arc<Account>| Arc::strong_count(account) == 1;
        self.by_origin.retain(|_, account| !is_idle(account) || !account.owes_nothing(now));
        let idle = self.by_origin.values().filter(|account| is_idle(account)).count();
        let mut too_many = idle.saturating_sub(IDLE_ACCOUNTS_MAX / 2);
        self.by_origin.retain(|_, account| {
            let goes = too_many > 0 && is_idle(account);
            too_many -= usize::from(goes);
            !goes
        });
        self.sweep_at = self.by_origin.len() + IDLE_ACCOUNTS_MAX / 2;
    }
}

impl Account {
    fn owes_nothing(&self, now: Tick) -> bool {
        [&self.spoken, &self.work].iter().all(|one| Meter::from_bits(one.load(Ordering::Relaxed)).is_full(Time(now)))
    }
}

/// Charges a meter that threads share, and returns how long it takes until that is paid back.
fn charge_shared(meter: &AtomicU64, now: Tick, rate: Rate, amount: u64) -> u64 {
    let mut wait = 0;
    let charged = |bits| {
        let mut meter = Meter::from_bits(bits);
        wait = meter.charge(now, rate, amount);
        Some(meter.to_bits())
    };
    // The closure never declines.
    let _ = meter.fetch_update(Ordering::Relaxed, Ordering::Relaxed, charged);
    wait
}

/// What a connection that was charged has cost.
#[derive(Default)]
pub(super) struct Cost {
    account: Option<Arc<Account>>,
    spoken: Meter,
    work: Meter,
    /// It is not read before this.
    until: Tick,
    /// Why, until something has had to wait for it.
    limit: Option<Limit>,
    /// What it asked for, in order, beginning with what is to wait.
    waiting: VecDeque<Waiting>,
}

/// What waits until its connection has paid for what went before.
enum Waiting {
    /// A request of a connection, or of one that it carries.
    Request(ConnectionId, Request),
    /// The end that the connection itself wants.
    Close(CloseReason),
}

impl Cost {
    /// Whether its connection is not to be read.
    pub(super) fn is_slowed(&self, now: Tick) -> bool {
        self.until > now || !self.waiting.is_empty()
    }

    /// When it may be read again, if it is not to be now; else never.
    pub(super) fn alarm(&self) -> Tick {
        if self.until > 0 { self.until } else { Tick::MAX }
    }
}

impl Shard {
    /// The connection whose socket this one uses.
    fn root(&self, slot: u32) -> u32 {
        self.connections[slot as usize].carrier.unwrap_or(slot)
    }

    fn cost(&mut self, slot: u32) -> &mut Cost {
        let (limits, now) = (&self.settings.costs, self.now);
        let connection = &mut self.connections[slot as usize];
        let address = connection.address;
        connection.cost.get_or_insert_with(|| {
            let account = address.and_then(|address| limits.accounts.of(address.ip(), now));
            Box::new(Cost { account, ..Cost::default() })
        })
    }

    /// Charges a connection for work that no other limit counts.
    pub(super) fn charge_work(&mut self, slot: u32, units: u64) {
        let (rate, share, now) = (self.settings.costs.work, self.settings.costs.address_share, self.now);
        if units == 0 || rate.per_minute == 0 {
            return;
        }
        let root = self.root(slot);
        let cost = self.cost(root);
        let is_modest = cost.work.is_modest(now, rate);
        let mut wait = cost.work.charge(now, rate, units);
        if let Some(account) = &cost.account {
            let shared = charge_shared(&account.work, now, rate.times(share), units);
            if units > SMALL_UNITS || !is_modest {
                wait = wait.max(shared);
            }
        }
        if wait > 0 {
            self.slow(root, wait, Limit::Work);
        }
    }

    /// Charges a connection for the answer that it was given.
    pub(super) fn charge_reply(&mut self, slot: u32, reply: &Reply, bytes: usize) {
        let units = match reply {
            Reply::Refused(_) => REFUSAL,
            Reply::Found { .. } => SEARCH + by_size(bytes),
            _ => by_size(bytes),
        };
        self.charge_work(slot, units);
    }

    /// Reads a connection, or the one that carries it, no further for so many milliseconds.
    pub(super) fn slow(&mut self, slot: u32, for_ms: u64, limit: Limit) {
        let root = self.root(slot);
        let until = self.now + for_ms;
        if self.connections[root as usize].phase != Phase::Open {
            return;
        }
        let cost = self.cost(root);
        if cost.until < until {
            cost.until = until;
            cost.limit = Some(limit);
        }
        self.connections[root as usize].paused = true;
        self.set_alarm(root);
    }

    /// Sends the engine a request, unless it has to wait until its connection has paid for what went before.
    pub(super) fn ask_or_wait(&mut self, slot: u32, request: Request) {
        let root = self.root(slot);
        let id = self.connections[slot as usize].id;
        let is_waiting = self.connections[root as usize].cost.as_ref().is_some_and(|cost| !cost.waiting.is_empty());
        let waits = if is_waiting { None } else { Some(self.charge_request(root, slot, &request)) };
        if waits == Some(None) {
            return self.ask(slot, request);
        }
        self.cost(root).waiting.push_back(Waiting::Request(id, request));
        if let Some(Some((wait, limit))) = waits {
            self.slow(root, wait, limit);
            self.note_wait(root);
        }
    }

    /// Charges a connection for a request, if it may go on now. Otherwise nothing is charged, and it is told for how many
    /// milliseconds it has to wait, and why.
    fn charge_request(&mut self, root: u32, slot: u32, request: &Request) -> Option<(u64, Limit)> {
        if slot != root && !self.connections[slot as usize].introduced {
            let wait = self.work_wait(root);
            if wait > 0 {
                return Some((wait, Limit::Work));
            }
            self.charge_work(root, BRANCH);
        }
        let wait = self.charge_spoken(root, request);
        (wait > 0).then_some((wait, Limit::SpokenBytes))
    }

    /// How long a connection has to wait until it, and its address, have paid for their work.
    fn work_wait(&mut self, root: u32) -> u64 {
        let (rate, share, now) = (self.settings.costs.work, self.settings.costs.address_share, self.now);
        let cost = self.cost(root);
        let shared = cost.account.as_ref().map(|account| Meter::from_bits(account.work.load(Ordering::Relaxed)));
        cost.work.wait_ms(now, rate).max(shared.map_or(0, |meter| meter.wait_ms(now, rate.times(share))))
    }

    /// Something has to wait because of what a connection cost. Whoever has nothing more to say met no limit.
    pub(super) fn note_wait(&mut self, slot: u32) {
        let cost = self.connections.get_mut(slot as usize).and_then(|connection| connection.cost.as_mut());
        if let Some(limit) = cost.and_then(|cost| cost.limit.take()) {
            self.tally.hits.note(limit);
        }
    }

    /// Ends a connection as it wants itself: behind what it asked for.
    pub(super) fn close_in_order(&mut self, now: Tick, slot: u32, reason: CloseReason) {
        match &mut self.connections[slot as usize].cost {
            Some(cost) if !cost.waiting.is_empty() => cost.waiting.push_back(Waiting::Close(reason)),
            Some(_) | None => self.close(now, slot, reason),
        }
    }

    /// Charges a connection for what a request puts in for others, if it may go on now. Returns how long it has to wait,
    /// and then nothing is charged.
    fn charge_spoken(&mut self, root: u32, request: &Request) -> u64 {
        let (rate, now) = (self.settings.costs.spoken, self.now);
        let bytes = spoken_bytes(&request.command, self.settings.costs.counts_messages);
        if bytes == 0 || rate.per_minute == 0 {
            return 0;
        }
        let cost = self.cost(root);
        let account = cost.account.as_ref();
        let mut wait = cost.spoken.wait_ms(now, rate);
        if bytes > SMALL_BYTES as u64
            && let Some(account) = account
        {
            wait = wait.max(Meter::from_bits(account.spoken.load(Ordering::Relaxed)).wait_ms(now, rate));
        }
        if wait > 0 {
            return wait;
        }
        if let Some(account) = account {
            charge_shared(&account.spoken, now, rate, bytes);
        }
        let debt = cost.spoken.charge(now, rate, bytes);
        if debt > 0 {
            self.slow(root, debt, Limit::SpokenBytes);
        }
        0
    }

    /// The time until which a connection was not to be read has come: what waited goes on, as far as it may.
    pub(super) fn go_on(&mut self, now: Tick, root: u32) {
        self.cost(root).until = 0;
        while let Some(next) = self.cost(root).waiting.pop_front() {
            match next {
                Waiting::Close(reason) => return self.close(now, root, reason),
                Waiting::Request(id, request) => {
                    let Some(slot) = self.slot(id).filter(|slot| !self.connections[*slot as usize].ended) else {
                        // The server ended that session.
                        continue;
                    };
                    if let Some((wait, limit)) = self.charge_request(root, slot, &request) {
                        self.cost(root).waiting.push_front(Waiting::Request(id, request));
                        self.slow(root, wait, limit);
                        return self.note_wait(root);
                    }
                    self.ask(slot, request);
                }
            }
        }
        if self.cost(root).until > now {
            return;
        }
        if !self.is_held(root) {
            self.unpause(now, root);
        } else if !self.paused.contains(&root) {
            self.paused.push(root);
        }
    }

    /// A connection is over, in whatever way: what it asked for and had not paid for is as if it had not been read.
    pub(super) fn forget_waiting(&mut self, slot: u32) {
        if let Some(cost) = &mut self.connections[slot as usize].cost {
            cost.waiting = VecDeque::new();
            cost.until = 0;
        }
    }

    /// Whether what a connection costs keeps it from being read.
    pub(super) fn is_slowed(&self, slot: u32) -> bool {
        let cost = self.connections.get(slot as usize).and_then(|connection| connection.cost.as_ref());
        cost.is_some_and(|cost| cost.is_slowed(self.now))
    }

    /// What waits for the engine has its way to it from here.
    fn ask(&mut self, slot: u32, request: Request) {
        self.introduce(slot, false);
        let connection = &mut self.connections[slot as usize];
        connection.parked += 1;
        self.to_engine.push_back(ToEngine::Request { connection: connection.id, request: Box::new(request) });
    }
}

/// Units of work of so many bytes. What is shorter than a KiB costs nothing by its size.
const fn by_size(bytes: usize) -> u64 {
    bytes as u64 / 1_024 * KIB
}

/// Units of work of what a conversation made of so many bytes.
pub(super) fn work_of(acts: &[Act], bytes: usize) -> u64 {
    let mut units = 0;
    let mut is_asked = false;
    for act in acts {
        match act {
            Act::Send(frame) => units += SEND + by_size(frame.len()),
            // What a branch asks is charged when the engine is given it.
            Act::Request(_) | Act::Branch(..) | Act::BecomeJson(_) | Act::Close(_) => is_asked = true,
        }
    }
    if is_asked { units } else { units + by_size(bytes) }
}

/// Bytes that a command puts in for others.
fn spoken_bytes(command: &Command, counts_messages: bool) -> u64 {
    let bytes = match command {
        Command::Relay { name, args, binary, .. } => {
            name.len() + args.len() + binary.iter().map(|part| part.len()).sum::<usize>()
        }
        Command::Message { text, .. } if counts_messages => text.len(),
        Command::Topic { text: Some(text), .. } => text.len(),
        _ => 0,
    };
    bytes as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    const RATE: Rate = Rate::per_second(1, 1);

    fn address(number: u32) -> IpAddr {
        Ipv4Addr::from(0x0a00_0000 + number).into()
    }

    #[test]
    fn accounts_without_connections_are_bounded_and_those_with_them_stay() {
        let accounts = Accounts::new(false);
        let held = accounts.of(address(0), 0).expect("it is counted");
        for number in 1..100_000 {
            let account = accounts.of(address(number), 0).expect("it is counted");
            charge_shared(&account.work, 0, RATE, 10);
            // The one with a connection and the one that was just looked up are not idle.
            assert!(accounts.len() <= 2 + IDLE_ACCOUNTS_MAX, "{}", accounts.len());
        }
        let again = accounts.of(address(0), 0).expect("it is counted");
        assert!(Arc::ptr_eq(&held, &again));
    }

    #[test]
    fn what_an_address_owes_outlasts_its_connections_and_what_owes_nothing_goes_first() {
        let accounts = Accounts::new(false);
        for number in 0..10 {
            let account = accounts.of(address(number), 0).expect("it is counted");
            charge_shared(&account.work, 0, RATE, if number == 3 { 1_000 } else { 5 });
        }
        for number in 1_000..1_000 + IDLE_ACCOUNTS_MAX as u32 {
            accounts.of(address(number), 10_000);
        }
        let debtor = accounts.of(address(3), 10_000).expect("it is counted");
        assert!(!debtor.owes_nothing(10_000));
    }

    #[test]
    fn loopback_has_no_account_unless_it_is_counted() {
        let loopback = Ipv4Addr::LOCALHOST.into();
        assert!(Accounts::new(false).of(loopback, 0).is_none());
        assert!(Accounts::new(true).of(loopback, 0).is_some());
    }
}
