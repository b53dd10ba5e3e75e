//! A poll that waits, with nothing of HTTP but what its answer needs.

use super::site::Answer;
use super::socketio::{Manner, answer};
use super::{CHUNK, take_in};
use crate::listener::Left;
use crate::shard::driver::Local;
use crate::shard::polling::{Outcome, Underway, Wish};
use crate::socket::Socket;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use switchboard_protocols::engineio::{Refused, Sid};
use tokio::sync::oneshot;

/// A poll that was asked for. If it is dropped before its client was given the answer, the session is over.
pub(super) struct Parked {
    underway: Underway,
    sid: Sid,
    told: oneshot::Receiver<Outcome>,
    manner: Manner,
    is_given: bool,
}

impl Parked {
    /// Asks for what waits for a session.
    pub(super) async fn begin(local: &Rc<Local>, sid: Sid, manner: Manner) -> Box<Self> {
        let underway = Underway::begin(local);
        let told = local.ask(sid, Wish::Poll).await;
        local.environment.metrics.parked_polls.inc();
        Box::new(Self { underway, sid, told, manner, is_given: false })
    }

    /// Waits for what the session has to say.
    pub(super) async fn answer(&mut self) -> Box<Answer> {
        let outcome = poll_fn(|context| self.poll_outcome(context)).await;
        self.say(outcome)
    }

    /// The client has the answer, as far as can be known.
    pub(super) fn given(&mut self) {
        self.is_given = true;
    }

    /// Waits for what the session has to say, and meanwhile for the end of the client. `first` is what it has sent beyond the poll: up to [`CHUNK`] is
    /// taken in, the rest waits in the socket, and the end behind it.
    ///
    /// # Errors
    /// The client is gone.
    pub(super) async fn answer_unless_gone(&mut self, socket: &Socket, first: &mut Vec<u8>) -> io::Result<Box<Answer>> {
        let outcome = poll_fn(|context| {
            if let Poll::Ready(outcome) = self.poll_outcome(context) {
                return Poll::Ready(Ok(outcome));
            }
            while first.len() < CHUNK {
                if ready!(take_in(socket, context, first))? == 0 {
                    return Poll::Ready(Err(io::Error::from(Left)));
                }
            }
            Poll::Pending
        })
        .await?;
        Ok(self.say(outcome))
    }

    fn poll_outcome(&mut self, context: &mut Context<'_>) -> Poll<Outcome> {
        let told = ready!(Pin::new(&mut self.told).poll(context));
        Poll::Ready(told.unwrap_or(Outcome::Refused(Refused::SessionUnknown)))
    }

    fn say(&self, outcome: Outcome) -> Box<Answer> {
        Box::new(self.manner.apply(answer(outcome)))
    }
}

impl Drop for Parked {
    fn drop(&mut self) {
        let local = &self.underway.0;
        local.environment.metrics.parked_polls.dec();
        if !self.is_given {
            local.abandon(self.sid);
        }
    }
}
