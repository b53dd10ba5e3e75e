//! How connections and sessions end, and what time brings about.

use super::Sessions;
use super::connection::{Link, Peer, Stage};
use crate::event::LeftWhy;
use crate::ids::{ConnectionId, SessionId, Time};
use crate::output::Output;

impl Sessions {
    /// A connection ends because it did not keep up: its client comes back to a session that begins anew, since what it
    /// could not take once it could not take again.
    pub fn fell_behind(&mut self, connection: ConnectionId) {
        let session = self.session_of(connection).and_then(|session| self.sessions.get_mut(&session));
        if let Some(follows) = session.and_then(|session| session.follows.as_mut()) {
            follows.is_behind = true;
        }
    }

    /// A connection is gone. A session that its client can resume waits for `limits.session_ttl_ms`, and the others
    /// still see it; any other ends now.
    pub fn disconnect(&mut self, now: Time, connection: ConnectionId, out: &mut Vec<Output>) {
        let Some(gone) = self.connections.remove(&connection) else { return };
        let account = gone.account;
        match gone.stage {
            Stage::Silent | Stage::Closing => {}
            Stage::Observing(room) => self.release_observed(room),
            Stage::Session(session) if gone.peer.resumable && self.keep_ms(gone.peer) > 0 => {
                let ends = now.plus(self.keep_ms(gone.peer));
                if let Some(session) = self.sessions.get_mut(&session) {
                    session.link = Link::Cut(ends);
                }
                self.expiring.insert((ends, session));
                self.hold_cut(now, session, ends, out);
            }
            Stage::Session(session) => self.end(now, session, LeftWhy::Gone, out),
        }
        self.leave_account(now, account);
    }

    /// Time goes on: sessions that were cut off too long end, and the members of large rooms are counted. To be called
    /// when [`Sessions::next_deadline`] has come, with [`Sessions::take_turn`]; more often does no harm.
    pub fn tick(&mut self, now: Time, out: &mut Vec<Output>) {
        while let Some((ends, session)) = self.expiring.first().copied()
            && ends <= now
        {
            self.end(now, session, LeftWhy::Gone, out);
        }
        self.tell_counts(now, out);
    }

    /// When [`Sessions::tick`] has something to do next.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Time> {
        let ends = self.expiring.first().map(|(ends, _)| *ends);
        let turn = self.turns.first().map(|(due, _)| *due);
        ends.into_iter().chain(self.here.next_count_due()).chain(turn).min()
    }

    /// Ends a session: it leaves its rooms, and its user is gone with the last of them. Its connection, if it still
    /// has one, is left to the caller.
    pub(super) fn end(&mut self, now: Time, session: SessionId, why: LeftWhy, out: &mut Vec<Output>) {
        let Some(known) = self.sessions.get(&session) else { return };
        let (user, rooms, link) = (known.user, known.rooms.clone(), known.link);
        for room in rooms {
            self.leave(now, session, room, why, out);
        }
        if let Link::Cut(ends) = link {
            self.expiring.remove(&(ends, session));
        }
        if let Some(ended) = self.sessions.remove(&session) {
            if ended.follows.is_some() {
                self.recent.unfollow();
            }
            self.leave_account(now, ended.account);
        }
        self.users.remove_session(user, session);
    }

    /// How long a session outlives its connection.
    fn keep_ms(&self, peer: Peer) -> u64 {
        self.limits.session_ttl_ms.max(u64::from(peer.keep_ms))
    }
}
