//! How a client comes back: taking over its session, or getting it back, and hearing what it missed.

use super::Sessions;
use super::connection::{Link, Missed, Stage};
use super::recent::MissedEvent;
use super::turn::{Ask, Turn};
use crate::close::CloseReason;
use crate::event::{Body, Event};
use crate::ids::{ConnectionId, RoomId, Seq, SessionId};
use crate::limits::{MISSED_PRIVATE_MAX, RESUME_ROOMS_MAX};
use crate::names::RoomName;
use crate::output::Output;
use std::collections::BTreeMap;
use std::sync::Arc;

/// For each room the last `seq` that the client saw.
pub(super) type Seen = BTreeMap<Arc<str>, Seq>;

/// What a client that takes its session over is given.
pub(super) enum Replayed<'a> {
    /// What is stored, by what it saw of each room, and private messages.
    Stored(&'a Seen),
    /// These events, which are all that it missed.
    Events(Vec<MissedEvent>),
}

impl Sessions {
    /// What a client says it saw, under the rooms' canonical names. What is no room's name is left out; of several
    /// words about one room the first counts.
    pub(super) fn seen(&self, resume: &[(String, Seq)]) -> Seen {
        let mut seen = Seen::new();
        for (room, seq) in resume.iter().take(RESUME_ROOMS_MAX) {
            if let Some(room) = RoomName::parse(room, self.limits.room_chars) {
                seen.entry(room).or_insert(*seq);
            }
        }
        seen
    }

    /// Moves a session that is alive to a new connection, with what it missed. The old one, if it has one, is closed;
    /// nobody else notices.
    pub(super) fn take_over(&mut self, turn: &mut Turn<'_>, ask: &Ask, missed: Replayed<'_>) {
        self.stop_observing(ask.connection, turn.out);
        self.let_go(ask.session, turn.out);
        let Some(session) = self.sessions.get_mut(&ask.session) else { return };
        let Some(connection) = self.connections.get_mut(&ask.connection) else { return };
        connection.stage = Stage::Session(ask.session);
        session.link = Link::Connected(ask.connection);
        session.peer = connection.peer;
        let (account, rooms) = (connection.account, session.rooms.clone());
        let private = session.missed.take();
        self.move_account(turn.now, ask.session, account);
        self.welcome(turn, ask, true);
        self.attach_all(ask, turn.out);
        match missed {
            // Private messages are among these.
            Replayed::Events(events) if events.is_empty() => {}
            Replayed::Events(events) => turn.push(Output::Recover { connection: ask.connection, events }),
            Replayed::Stored(seen) => {
                // Before the replays: what a replay holds back is bounded, and these need not be.
                if let Some(private) = private {
                    self.tell_missed(turn, ask.connection, *private);
                }
                self.replay_all(turn, ask.connection, &rooms, seen);
            }
        }
    }

    /// Attaches the session's connection to all its rooms.
    pub(super) fn attach_all(&self, ask: &Ask, out: &mut Vec<Output>) {
        let session = &self.sessions[&ask.session];
        for room in &session.rooms {
            let name = Arc::clone(&self.here[*room].name);
            out.push(Output::Attach { connection: ask.connection, room: *room, name });
        }
        out.push(Output::Current { connection: ask.connection, room: session.current() });
    }

    /// Replays what was missed in these rooms, as far as the client said what it saw.
    pub(super) fn replay_all(&mut self, turn: &mut Turn<'_>, connection: ConnectionId, rooms: &[RoomId], seen: &Seen) {
        let mut replays = Vec::new();
        for room in rooms {
            let name = Arc::clone(&self.here[*room].name);
            if let Some(seq) = seen.get(&name) {
                replays.extend(self.replay(turn, connection, &name, *seq));
            }
        }
        // After every gap: what is told behind a replay waits for it, and a gap must not come after what follows it.
        turn.out.append(&mut replays);
    }

    /// Replays to a session that begins the history of the room in which it speaks, from after a number: the latest
    /// `limits.replay_events` of it.
    pub(super) fn replay_current(&self, turn: &mut Turn<'_>, ask: &Ask, seen: Seq) {
        let Some(room) = self.sessions.get(&ask.session).and_then(|session| session.current()) else { return };
        let name = &self.here[room].name;
        let latest = turn.rooms.seq(name);
        let stored_after = turn.rooms.first_seq(name).saturating_sub(1);
        let after = seen.max(stored_after).max(latest.saturating_sub(self.limits.replay_events));
        if after < latest {
            let replay = self.stored(turn, ask.connection, name, (after, latest));
            turn.push(replay);
        }
    }

    /// Keeps a private message for a session that is cut off.
    pub(super) fn keep_missed(missed: &mut Missed, event: (Arc<Event>, bool)) {
        if missed.events.len() == MISSED_PRIVATE_MAX {
            missed.events.pop_front();
            missed.dropped = missed.dropped.saturating_add(1);
        }
        missed.events.push_back(event);
    }

    /// What replays one room from after `seen` to its latest event. What is no longer stored, or too much, is told as a
    /// gap at once.
    /// A client that saw more than there is (its server was restored from a backup) missed nothing here.
    fn replay(&mut self, turn: &mut Turn<'_>, connection: ConnectionId, room: &Arc<str>, seen: Seq) -> Option<Output> {
        let latest = turn.rooms.seq(room);
        if seen >= latest {
            return None;
        }
        let stored_after = turn.rooms.first_seq(room).saturating_sub(1).max(seen);
        let too_many = latest - stored_after > self.limits.replay_events;
        let after = if too_many { latest } else { stored_after };
        if after > seen {
            let gap = Body::Gap { first: seen + 1, last: after };
            let event = self.event(turn.now, Some(Arc::clone(room)), gap);
            turn.push(Output::Deliver { to: connection, event, own: false });
        }
        (latest > after).then(|| self.stored(turn, connection, room, (after, latest)))
    }

    /// Replays the events of a room after a number and through another.
    fn stored(
        &self,
        turn: &Turn<'_>,
        connection: ConnectionId,
        room: &Arc<str>,
        (after, through): (Seq, Seq),
    ) -> Output {
        let pos = self.next_pos.saturating_sub(1);
        Output::Replay { connection, room: Arc::clone(room), after, through, pos, time: self.wall(turn.now) }
    }

    pub(super) fn tell_missed(&mut self, turn: &mut Turn<'_>, to: ConnectionId, missed: Missed) {
        if missed.dropped > 0 {
            let text = format!("{} older private messages were not kept while you were away", missed.dropped);
            let notice = Body::Notice { code: "missed_private", text: Arc::from(text) };
            let event = self.event(turn.now, None, notice);
            turn.push(Output::Deliver { to, event, own: false });
        }
        for (event, own) in missed.events {
            turn.push(Output::Deliver { to, event, own });
        }
    }

    /// Parts a session from its connection, or from the wait for one.
    fn let_go(&mut self, session: SessionId, out: &mut Vec<Output>) {
        let known = &self.sessions[&session];
        match known.link {
            Link::Cut(ends) => {
                self.expiring.remove(&(ends, session));
            }
            Link::Connected(connection) => {
                out.extend(known.rooms.iter().map(|room| Output::Detach { connection, room: *room }));
                self.close(connection, CloseReason::TakenOver, out);
            }
        }
    }
}
