//! What this node takes back when events could not be stored: nobody was told of them.

use super::Sessions;
use super::settle::Pending;
use crate::entry::Ticket;
use crate::ids::{ConnectionId, Pos};
use crate::rooms::Rooms;
use std::collections::BTreeSet;
use std::sync::Arc;

impl Sessions {
    /// Forgets that events with these positions were published in these rooms. `rooms` is without them already.
    pub fn take_back<'a>(
        &mut self,
        events: &BTreeSet<Pos>,
        touched: impl Iterator<Item = &'a Arc<str>>,
        rooms: &Rooms,
    ) {
        self.recent.forget(events);
        for room in touched.filter(|room| !rooms.contains(room)) {
            if let Some(here) = self.here.find(room) {
                self.here.note_no_history(here);
            }
        }
    }

    /// A ticket for an entry that is to be applied again, for the session that the connection speaks for now. Nobody
    /// waits for the outcome if there is none.
    pub fn ask_again(&mut self, connection: ConnectionId, reference: Option<Arc<str>>) -> Ticket {
        match self.session_of(connection) {
            Some(session) => self.ticket(Pending { connection, session, reference }),
            None => Ticket(0),
        }
    }
}
