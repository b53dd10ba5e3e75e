//! What one call to the sessions may look at, and where its effects go.

use crate::ids::{ConnectionId, SessionId, Time};
use crate::output::Output;
use crate::reply::Reply;
use crate::rooms::Rooms;
use std::sync::Arc;

/// The arguments that every step of an admission needs.
pub(super) struct Turn<'a> {
    pub(super) now: Time,
    pub(super) rooms: &'a Rooms,
    pub(super) out: &'a mut Vec<Output>,
}

impl Turn<'_> {
    pub(super) fn push(&mut self, output: Output) {
        self.out.push(output);
    }

    pub(super) fn reply(&mut self, to: ConnectionId, reply: Reply) {
        self.push(Output::Reply { to, reply });
    }
}

/// Who asks: a connection with its session, and its word for the request.
#[derive(Clone, Debug)]
pub(super) struct Ask {
    pub(super) connection: ConnectionId,
    pub(super) session: SessionId,
    pub(super) reference: Option<Arc<str>>,
}
