//! The join code: the simple lock on the door.

use super::Sessions;
use super::connection::Connection;
use crate::ids::ConnectionId;
use crate::limits::WRONG_PASSES_MAX;
use crate::refusal::{Code, Refusal};
use sha2::{Digest, Sha256};

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
    /// Takes the join code that a connection said, if it still has to.
    pub(super) fn pass(&mut self, connection: ConnectionId, said: &str) -> Result<(), Refusal> {
        let Some(known) = self.connections.get_mut(&connection) else { return Ok(()) };
        if !self.door.is_locked_for(known) {
            return Ok(());
        }
        if !self.door.opens_with(said) {
            known.wrong_passes = known.wrong_passes.saturating_add(1);
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

fn hash(code: &str) -> [u8; 32] {
    Sha256::digest(code).into()
}
