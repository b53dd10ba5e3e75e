//! The join code: the simple lock on the door.

use super::Sessions;
use super::connection::Connection;
use super::turn::Turn;
use crate::command::{Command, Hello, Request};
use crate::cost::Limit;
use crate::ids::{ConnectionId, Time};
use crate::limits::{WAITING_REQUESTS_MAX, WRONG_PASSES_MAX};
use crate::refusal::{Code, Refusal};
use crate::reply::Reply;
use sha2::{Digest, Sha256};
use std::collections::VecDeque;

/// What somebody before the door is told.
pub(super) const ASK: &str = "this server asks for its join code first";

/// The lock. The code is kept and compared as its hash, so that comparing takes the same time whatever was said.
#[derive(Debug)]
pub(super) struct Door {
    code: Option<[u8; 32]>,
}

impl Door {
    pub(super) fn new(code: Option<&str>) -> Self {
        Self { code: code.map(hash) }
    }

    pub(super) const fn is_locked_for(&self, connection: &Connection) -> bool {
        self.code.is_some() && !connection.passed
    }

    fn opens_with(&self, said: &str) -> bool {
        self.code.is_none_or(|code| {
            let difference = code.iter().zip(hash(said)).fold(0, |sum, (ours, theirs)| sum | (ours ^ theirs));
            difference == 0
        })
    }
}

impl Sessions {
    /// Keeps a request that has a join code, from an address that has said too many wrong ones, until it is its turn, and
    /// all that its connection asks after it. Returns the request if it need not wait.
    ///
    /// Nothing of the code is looked at before its turn, whoever says it: so nobody guesses faster by connecting anew,
    /// and a right one still opens the door.
    pub(super) fn await_turn(
        &mut self,
        turn: &mut Turn<'_>,
        connection: ConnectionId,
        request: Request,
    ) -> Option<Request> {
        let Some(known) = self.connections.get_mut(&connection) else { return Some(request) };
        if let Some(waiting) = &mut known.waiting {
            if waiting.len() < WAITING_REQUESTS_MAX {
                waiting.push_back(request);
            } else {
                let words = "your join code waits for its turn, and so does too much behind it";
                turn.reply(connection, Reply::Refused(Code::RateLimited.refuse(request.reference, words)));
            }
            return None;
        }
        let Some(id) = known.account.filter(|_| !known.has_turn && self.door.is_locked_for(known)) else {
            return Some(request);
        };
        if !says_code(&request.command) {
            return Some(request);
        }
        let account = &mut self.accounts[id];
        let wait = account.wrong_codes.wait_for_ms(turn.now.0, self.limits.wrong_codes, 1);
        if wait == 0 && account.turns.is_empty() {
            return Some(request);
        }
        self.hits.note(Limit::WrongCodes);
        known.waiting = Some(Box::new(VecDeque::from([request])));
        if account.turns.is_empty() {
            self.turns.insert((turn.now.plus(wait), id));
        }
        // Those that are gone count as long as they are not more than those that wait.
        if account.turns.len() == account.turns.capacity() {
            let connections = &self.connections;
            account.turns.retain(|one| connections.get(one).is_some_and(|known| known.waiting.is_some()));
        }
        account.turns.push_back(connection);
        None
    }

    /// The next connection whose join code's turn has come, with all that it asked for since it said it, in order; that
    /// is to be admitted at once, before this is asked again. None: nobody's turn has come.
    pub fn take_turn(&mut self, now: Time) -> Option<(ConnectionId, VecDeque<Request>)> {
        while let Some((due, id)) = self.turns.first().copied()
            && due <= now
        {
            self.turns.pop_first();
            let Some(account) = self.accounts.get_mut(id) else { continue };
            let wait = account.wrong_codes.wait_for_ms(now.0, self.limits.wrong_codes, 1);
            if wait > 0 {
                if !account.turns.is_empty() {
                    self.turns.insert((now.plus(wait), id));
                }
                continue;
            }
            while let Some(connection) = account.turns.pop_front() {
                let Some(known) = self.connections.get_mut(&connection) else { continue };
                let Some(requests) = known.waiting.take() else { continue };
                known.has_turn = true;
                if !account.turns.is_empty() {
                    self.turns.insert((now, id));
                }
                return Some((connection, *requests));
            }
        }
        None
    }

    /// Takes the join code that a connection said, if it still has to.
    pub(super) fn pass(&mut self, now: Time, connection: ConnectionId, said: &str) -> Result<(), Refusal> {
        let Some(known) = self.connections.get_mut(&connection) else { return Ok(()) };
        known.has_turn = false;
        if !self.door.is_locked_for(known) {
            return Ok(());
        }
        if !self.door.opens_with(said) {
            known.wrong_passes = known.wrong_passes.saturating_add(1);
            if let Some(account) = known.account {
                self.accounts[account].wrong_codes.charge(now.0, self.limits.wrong_codes, 1);
            }
            return Err(Code::PassWrong.refuse(None, "that is not the join code"));
        }
        known.passed = true;
        Ok(())
    }

    /// Whether the connection has said a wrong code as often as it may.
    pub(super) fn has_guessed_enough(&self, connection: ConnectionId) -> bool {
        self.connections.get(&connection).is_some_and(|known| known.wrong_passes >= WRONG_PASSES_MAX)
    }
}

const fn says_code(command: &Command) -> bool {
    matches!(command, Command::Pass { .. } | Command::Hello(Hello { pass: Some(_), .. }))
}

fn hash(code: &str) -> [u8; 32] {
    Sha256::digest(code).into()
}
