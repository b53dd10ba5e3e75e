//! What is told when the sequencer's entries have been applied.

use super::Sessions;
use super::connection::Stage;
use super::telling::OwnConnections;
use crate::entry::{Applied, Outcome, Ticket};
use crate::event::Event;
use crate::ids::{ConnectionId, Seq, SessionId, Time};
use crate::output::Output;
use crate::refusal::Code;
use crate::reply::Reply;
use std::sync::Arc;

/// A request that waits for its entry.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) connection: ConnectionId,
    pub(super) session: SessionId,
    pub(super) reference: Option<Arc<str>>,
}

impl Sessions {
    /// Tells what became of an entry: the asker, if it is still there, gets its answer, and the room its event. Returns
    /// the event that the store has to keep, if there is one; nothing may leave before it is kept.
    ///
    /// To be called at once after [`Rooms::apply`](crate::Rooms::apply), before anything else is asked: who comes in
    /// between would be told a number whose event is still to reach them.
    pub fn settle(&mut self, applied: Applied, out: &mut Vec<Output>) -> Option<Arc<Event>> {
        let Applied { ticket, room, outcome } = applied;
        let pending = self.pending.remove(&ticket).filter(|pending| self.still_waits(pending));
        match outcome {
            Outcome::Stored { seq, time, body } => {
                let user = body.sender().map(|from| from.user);
                let event = self.event_of(time, Some(Arc::clone(&room)), body);
                let asker = pending.as_ref().filter(|pending| !self.hears_itself(pending.session));
                let asker = asker.map(|pending| pending.connection);
                if let Some(pending) = pending {
                    out.push(acknowledge(pending, seq, time, false));
                }
                if let Some(room) = self.here.find(&room) {
                    self.here.note_history(room);
                    match user {
                        Some(user) => self.publish_from(user, asker, room, &event, out),
                        None => self.publish(room, Arc::clone(&event), OwnConnections::new(), out),
                    }
                }
                Some(event)
            }
            Outcome::Duplicate { seq, time } => {
                out.extend(pending.map(|pending| acknowledge(pending, seq, time, true)));
                None
            }
            Outcome::Refused(code) => {
                out.extend(pending.map(|pending| refuse(pending, code)));
                None
            }
            Outcome::Trimmed { .. } => None,
        }
    }

    fn hears_itself(&self, session: SessionId) -> bool {
        self.sessions.get(&session).is_some_and(|session| session.peer.hears_itself)
    }

    /// The ticket for an entry whose outcome this request waits for.
    pub(super) fn ticket(&mut self, pending: Pending) -> Ticket {
        self.last_ticket += 1;
        let ticket = Ticket(self.last_ticket);
        self.pending.insert(ticket, pending);
        ticket
    }

    fn still_waits(&self, pending: &Pending) -> bool {
        let connection = self.connections.get(&pending.connection);
        connection.is_some_and(|connection| connection.stage == Stage::Session(pending.session))
    }
}

fn acknowledge(pending: Pending, seq: Seq, time: Time, duplicate: bool) -> Output {
    let Pending { connection, reference, .. } = pending;
    Output::Reply { to: connection, reply: Reply::Ack { reference, seq: Some(seq), time: Some(time), duplicate } }
}

fn refuse(pending: Pending, code: Code) -> Output {
    let sentence = match code {
        Code::IdConflict => "this id was used for another message",
        Code::StorageFull => "this could not be stored: the disk is full, or another program keeps it locked",
        Code::ShuttingDown => "this was not stored: the server is going down",
        _ => code.as_str(),
    };
    let refusal = code.refuse(pending.reference, sentence);
    Output::Reply { to: pending.connection, reply: Reply::Refused(refusal) }
}
