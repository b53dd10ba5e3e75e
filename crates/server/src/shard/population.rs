//! How many connections of each kind a shard has, kept as they come, change and go.

use switchboard_core::Via;
use switchboard_protocols::{Dialect, Language};

const PROTOCOLS: [&str; 3] = ["text", "json", "socketio"];

/// Connections by transport and protocol, as changes that were not reported yet.
#[derive(Default)]
pub struct Population {
    changes: [[i64; PROTOCOLS.len()]; Via::ALL.len()],
    changed: bool,
}

impl Population {
    /// A connection of this kind came (1) or went (-1).
    pub(super) fn change(&mut self, via: Via, dialect: Dialect, by: i64) {
        let protocol = match dialect.language {
            Language::Text(_) => 0,
            Language::Json => 1,
            Language::SocketIo(None) => 2,
            // Counted with the session that carries it.
            Language::SocketIo(Some(_)) => return,
        };
        self.changes[via as usize][protocol] += by;
        self.changed = true;
    }

    /// Reports and forgets the changes.
    pub fn report(&mut self, mut report: impl FnMut(Via, &'static str, i64)) {
        if std::mem::take(&mut self.changed) {
            for via in Via::ALL {
                for (protocol, change) in PROTOCOLS.iter().zip(&mut self.changes[via as usize]) {
                    if *change != 0 {
                        report(via, protocol, std::mem::take(change));
                    }
                }
            }
        }
    }
}
