//! Who is in which room, and how the others hear of it.

use super::Sessions;
use super::telling::OwnConnections;
use crate::event::{Body, LeftWhy, Sender};
use crate::ids::{ConnectionId, RoomId, SessionId, Time, UserId};
use crate::output::Output;
use std::sync::Arc;

impl Sessions {
    /// Makes a session a member of a room, last of its rooms, and tells nobody. Whether it is its user's first there.
    pub(super) fn enter(&mut self, session: SessionId, room: RoomId) -> bool {
        let user = self.sessions[&session].user;
        let first = !self.is_user_in(user, room);
        let key = (Arc::clone(self.users[user].nick.folded()), session);
        let at = self.next_pos.saturating_sub(1);
        if let Some(session) = self.sessions.get_mut(&session) {
            session.rooms.push(room);
            if let Some(follows) = &mut session.follows {
                follows.enter(room, at);
            }
        }
        let here = &mut self.here[room];
        here.members.insert(key);
        here.users += u32::from(first);
        first
    }

    /// Tells the others that a user came, by `connection`.
    pub(super) fn tell_joined(
        &mut self,
        now: Time,
        from: Sender,
        room: RoomId,
        connection: ConnectionId,
        out: &mut Vec<Output>,
    ) {
        let here = &self.here[room];
        let (name, members) = (Arc::clone(&here.name), here.users);
        // Going is paid for by coming: whoever was told that somebody came is told that they went. Since nobody is refused
        // for it, those of this machine are held to it, too.
        let told = self.is_told_one_by_one(members);
        let deliveries = 2 * here.members.len() as u64;
        if told && !self.take_presence(now, from.session, deliveries, false) {
            self.here[room].unannounced.insert(from.user);
            self.here.want_count(room, now);
        } else if told {
            let event = self.event(now, Some(name), Body::Joined { from, members });
            self.publish(room, event, OwnConnections::from_slice(&[connection]), out);
        } else {
            self.here.want_count(room, now);
        }
    }

    /// Takes a session out of a room that it is in; when it was its user's last there, the others are told.
    pub(super) fn leave(&mut self, now: Time, session: SessionId, room: RoomId, why: LeftWhy, out: &mut Vec<Output>) {
        let from = self.sender(session);
        let key = (Arc::clone(self.users[from.user].nick.folded()), session);
        let Some(known) = self.sessions.get_mut(&session) else { return };
        known.rooms.retain(|other| *other != room);
        if let Some(follows) = &mut known.follows {
            follows.leave(room);
        }
        // A connection that is gone already needs no telling.
        if let Some(connection) = known.connection().filter(|connection| self.connections.contains_key(connection)) {
            out.push(Output::Detach { connection, room });
        }
        self.here[room].members.remove(&key);
        if !self.is_user_in(from.user, room) {
            self.tell_left(now, from, room, why, out);
        }
        self.here.close_if_empty(room);
    }

    /// One observer fewer.
    pub(super) fn release_observed(&mut self, room: RoomId) {
        self.here[room].observers -= 1;
        self.here.close_if_empty(room);
    }

    /// Whether joins, leaves, new nicks and typing are told each, in a room with so many members.
    pub(super) const fn is_told_one_by_one(&self, members: u32) -> bool {
        members as usize <= self.limits.presence_max
    }

    /// Tells the large rooms how many members they have, where that changed and is due.
    pub(super) fn tell_counts(&mut self, now: Time, out: &mut Vec<Output>) {
        while let Some(room) = self.here.take_count_due(now) {
            let here = &self.here[room];
            let (name, members) = (Arc::clone(&here.name), here.users);
            let event = self.event(now, Some(name), Body::Members { members });
            self.publish(room, event, OwnConnections::new(), out);
        }
    }

    fn is_user_in(&self, user: UserId, room: RoomId) -> bool {
        self.users[user].sessions.iter().any(|session| self.sessions[session].is_in(room))
    }

    fn tell_left(&mut self, now: Time, from: Sender, room: RoomId, why: LeftWhy, out: &mut Vec<Output>) {
        let one_by_one = self.is_told_one_by_one(self.here[room].users);
        let here = &mut self.here[room];
        let announced = !here.unannounced.remove(&from.user);
        here.users -= 1;
        let (name, members) = (Arc::clone(&here.name), here.users);
        if one_by_one && announced {
            let event = self.event(now, Some(name), Body::Left { from, members, why });
            self.publish(room, event, OwnConnections::new(), out);
        } else {
            self.here.want_count(room, now);
        }
    }
}
