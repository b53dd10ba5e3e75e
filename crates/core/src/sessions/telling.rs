//! How events are made and who is given them.

use super::Sessions;
use super::recent::Receivers;
use crate::event::{Body, Event, Sender};
use crate::ids::{ConnectionId, RoomId, SessionId, Time, UserId};
use crate::output::Output;
use smallvec::SmallVec;
use std::sync::Arc;

/// The connections of one user.
pub(super) type OwnConnections = SmallVec<[ConnectionId; 2]>;

impl Sessions {
    /// A new event of this moment with the next position.
    pub(super) fn event(&mut self, now: Time, room: Option<Arc<str>>, body: Body) -> Arc<Event> {
        self.event_of(self.wall(now), room, body)
    }

    /// A new event that was stamped with this time.
    pub(super) fn event_of(&mut self, time: Time, room: Option<Arc<str>>, body: Body) -> Arc<Event> {
        let pos = self.next_pos;
        self.next_pos += 1;
        Arc::new(Event { pos, time, room, body })
    }

    /// Who a session is, as others see it.
    pub(super) fn sender(&self, session: SessionId) -> Sender {
        let known = &self.sessions[&session];
        Sender {
            nick: Arc::clone(self.users[known.user].nick.shown()),
            session,
            user: known.user,
            via: known.peer.via,
            address: known.peer.address,
        }
    }

    /// The connections by which a user hears a room.
    pub(super) fn own_connections(&self, user: UserId, room: RoomId) -> OwnConnections {
        self.users.get(user).map_or_else(OwnConnections::new, |known| {
            let sessions = known.sessions.iter().map(|session| &self.sessions[session]);
            sessions.filter(|session| session.is_in(room)).filter_map(|session| session.connection()).collect()
        })
    }

    /// Gives an event to everybody who hears the room, `except` these.
    pub(super) fn publish(&mut self, room: RoomId, event: Arc<Event>, except: OwnConnections, out: &mut Vec<Output>) {
        // Who was writing while somebody was away is of no interest; whoever publishes what has no room keeps it.
        if event.room.is_some() && !matches!(event.body, Body::Typing { .. }) {
            self.keep_recent(&event, Receivers::Room);
        }
        let here = &self.here[room];
        if here.members.len() + here.observers as usize > except.len() {
            out.push(Output::Publish { room, event, except });
        }
    }

    /// Gives an event that `user` caused to everybody who hears the room: to the others as it is, to the user's own
    /// connections as their own, and not to `asker`, which has its answer.
    pub(super) fn publish_from(
        &mut self,
        user: UserId,
        asker: Option<ConnectionId>,
        room: RoomId,
        event: &Arc<Event>,
        out: &mut Vec<Output>,
    ) {
        let own = self.own_connections(user, room);
        self.publish(room, Arc::clone(event), own.clone(), out);
        for to in own.into_iter().filter(|own| Some(*own) != asker) {
            out.push(Output::Deliver { to, event: Arc::clone(event), own: true });
        }
    }
}
