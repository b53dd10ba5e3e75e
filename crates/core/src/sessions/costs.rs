//! What sessions and their addresses are charged for, before it is done: deliveries, presence, rooms and what is stored.

use super::Sessions;
use super::accounts::AccountId;
use super::connection::{Link, Peer};
use super::turn::{Ask, Turn};
use crate::cost::Limit;
use crate::event::LeftWhy;
use crate::ids::{RoomId, SessionId, Time};
use crate::limits::{SMALL_BYTES, STORED_EVENT_BYTES};
use crate::output::Output;
use crate::refusal::{Code, Refusal};
use std::sync::Arc;

impl Sessions {
    /// One more holder of the account of a peer's address.
    pub(super) fn enter_account(&mut self, peer: Peer) -> Option<AccountId> {
        peer.address.map(|address| self.accounts.enter(address))
    }

    /// The session's costs are its connection's address's from here on.
    pub(super) fn move_account(&mut self, now: Time, id: SessionId, to: Option<AccountId>) {
        if let Some(to) = to {
            self.accounts.hold(to);
        }
        let before = self.sessions.get_mut(&id).and_then(|session| std::mem::replace(&mut session.account, to));
        self.leave_account(now, before);
    }

    /// One holder fewer.
    pub(super) fn leave_account(&mut self, now: Time, account: Option<AccountId>) {
        if let Some(account) = account {
            self.accounts.leave(account, now);
        }
    }

    /// Charges a session for bytes that so many receivers are given. When that is more than it, or its address, may cost,
    /// its connection is read more slowly.
    pub(super) fn charge_delivered(&mut self, turn: &mut Turn<'_>, ask: &Ask, bytes: usize, receivers: usize) {
        let rate = self.limits.delivered_bytes;
        if rate.per_minute == 0 {
            return;
        }
        let cost = (bytes as u64).saturating_mul(receivers as u64);
        let Some(session) = self.sessions.get_mut(&ask.session) else { return };
        let is_modest = session.delivered.is_modest(turn.now.0, rate);
        let mut wait = session.delivered.charge(turn.now.0, rate, cost);
        if let Some(account) = session.account.map(|account| &mut self.accounts[account]).filter(|own| !own.is_exempt) {
            let shared = account.delivered.charge(turn.now.0, rate.times(self.limits.address_share), cost);
            if bytes > SMALL_BYTES || !is_modest {
                wait = wait.max(shared);
            }
        }
        if wait > 0 {
            turn.push(Output::Slow { connection: ask.connection, for_ms: wait });
        }
    }

    /// Takes what it costs to tell so many members something of a session's user; false if there is not so much left.
    /// `spares_own`: the sum of this machine's own programs is not looked at.
    pub(super) fn take_presence(&mut self, now: Time, id: SessionId, deliveries: u64, spares_own: bool) -> bool {
        let rate = self.limits.presence_deliveries;
        let Some(session) = self.sessions.get_mut(&id) else { return true };
        let account = session.account.map(|account| &mut self.accounts[account]);
        let account = account.filter(|own| !(own.is_exempt && spares_own));
        let shared = rate.times(self.limits.address_share);
        let is_there = session.presence.wait_for_ms(now.0, rate, deliveries) == 0
            && account.as_ref().is_none_or(|own| own.presence.wait_for_ms(now.0, shared, deliveries) == 0);
        if is_there {
            session.presence.charge(now.0, rate, deliveries);
            if let Some(account) = account {
                account.presence.charge(now.0, shared, deliveries);
            }
        } else {
            self.hits.note(Limit::Presence);
        }
        is_there
    }

    /// The room of this name for a session, made if need be, which it and its address pay for.
    pub(super) fn open_room(&mut self, turn: &Turn<'_>, id: SessionId, name: &Arc<str>) -> Result<RoomId, Refusal> {
        let is_new = self.here.find(name).is_none() && !turn.rooms.contains(name);
        if let Some(session) = self.sessions.get_mut(&id).filter(|_| is_new) {
            let account = session.account;
            if !session.new_rooms.take(turn.now.0, self.limits.new_rooms, 1) {
                return Err(self.too_many_new_rooms());
            }
            self.take_new_room(turn.now, account)?;
        }
        self.here.open(name, turn.rooms, self.limits.rooms_total).ok_or_else(|| {
            let message = "the server has as many rooms as it may have (limits.rooms_total)";
            Code::ServerRooms.refuse(None, message)
        })
    }

    /// Takes a new room from an address's budget.
    pub(super) fn take_new_room(&mut self, now: Time, account: Option<AccountId>) -> Result<(), Refusal> {
        let rate = self.limits.new_rooms.times(self.limits.address_share);
        let account = account.map(|account| &mut self.accounts[account]).filter(|own| !own.is_exempt);
        if account.is_none_or(|own| own.rooms.take(now.0, rate, 1)) {
            return Ok(());
        }
        Err(self.too_many_new_rooms())
    }

    fn too_many_new_rooms(&mut self) -> Refusal {
        self.hits.note(Limit::NewRooms);
        let message = "too many new rooms in a short time (limits.new_rooms_per_minute)";
        Code::RateLimited.refuse(None, message)
    }

    /// Takes what a message or a topic of so many bytes costs the disk from its address's budget.
    pub(super) fn take_stored(&mut self, now: Time, session: SessionId, bytes: usize) -> Result<(), Refusal> {
        let account = self.sessions.get(&session).and_then(|session| session.account);
        let account = account.map(|account| &mut self.accounts[account]).filter(|own| !own.is_exempt);
        let cost = bytes as u64 + STORED_EVENT_BYTES;
        if account.is_none_or(|own| own.stored.take(now.0, self.limits.stored_bytes, cost)) {
            return Ok(());
        }
        self.hits.note(Limit::StoredBytes);
        let message = "your address has had too much stored for now (limits.stored_bytes_per_second)";
        Err(Code::RateLimited.refuse(None, message))
    }

    /// A session waits for its client, until `ends`. The oldest such session of its address, or the one that would end
    /// first, ends for it if there are too many.
    pub(super) fn hold_cut(&mut self, now: Time, id: SessionId, ends: Time, out: &mut Vec<Output>) {
        let account = self.sessions.get(&id).and_then(|session| session.account);
        let sessions = &self.sessions;
        let is_held = |(ends, held): &(Time, SessionId)| {
            sessions.get(held).is_some_and(|session| session.link == Link::Cut(*ends) && session.account == account)
        };
        let account = account.map(|account| &mut self.accounts[account]).filter(|own| !own.is_exempt);
        let oldest = account.and_then(|own| own.hold((ends, id), self.limits.held_by_address, is_held));
        if let Some(oldest) = oldest {
            self.hits.note(Limit::HeldByAddress);
            self.end(now, oldest, LeftWhy::Gone, out);
        }
        while self.expiring.len() > self.limits.held_total
            && let Some((_, first)) = self.expiring.first().copied()
        {
            self.hits.note(Limit::HeldTotal);
            self.end(now, first, LeftWhy::Gone, out);
        }
    }
}
