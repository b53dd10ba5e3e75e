//! The body of a POST of a session that polls, given to its conversation a few packets at a time.

use super::driver::Local;
use super::polling::{Outcome, Poll};
use crate::http::Posted;
use bytes::Buf;
use std::rc::Rc;
use switchboard_protocols::engineio::payload::{PACKETS_MAX, first, parts};
use tokio::sync::oneshot;
use tokio::task::yield_now;

/// Packets that are given at a time. What they ask for goes to the engine before the next are read: a small packet becomes
/// twenty times as many bytes.
const PACKETS_PER_PART: usize = 256;

impl Local {
    /// Passes a body to its session, in parts, as fast as the engine takes them.
    pub(super) async fn post(
        self: Rc<Self>,
        slot: u32,
        poll: Rc<Poll>,
        mut posted: Posted,
        tell: oneshot::Sender<Outcome>,
    ) {
        // A client that closes the session is thanked like any other.
        let says_close = parts(&posted.bytes).any(|packet| packet == b"1");
        // Of what is no text nothing counts, so that all of it is judged at once.
        let step = if str::from_utf8(&posted.bytes).is_ok() { PACKETS_PER_PART } else { usize::MAX };
        let mut left = PACKETS_MAX;
        // While it waits, the session may end, and its slot be another's.
        let is_ours = || self.poll_of(slot).is_some_and(|one| Rc::ptr_eq(&one, &poll));
        let is_open = loop {
            while is_ours() && self.peek(|shard| shard.is_open(slot) && !shard.may_read(slot)) {
                self.wait(slot).await;
            }
            if !is_ours() {
                break false;
            }
            let now = self.tick();
            let (length, packets) = first(&posted.bytes, step.min(left));
            let mut part = posted.bytes.split_to(length);
            let is_open = self.with(|shard| {
                shard.receive(now, slot, &mut part);
                shard.is_open(slot)
            });
            left -= packets.min(left);
            if !is_open || left == 0 || !posted.bytes.has_remaining() {
                break is_open;
            }
            // The separator behind the part.
            posted.bytes.advance(1);
            self.hand_over();
            self.carry_out();
            yield_now().await;
        };
        drop(posted);
        poll.posting.set(false);
        if is_ours() {
            self.settle(slot);
        }
        let _ = tell.send(if is_open || says_close { Outcome::Done } else { Outcome::BadBody });
    }
}
