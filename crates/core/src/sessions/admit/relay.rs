//! Passing on the events of clients' own, within what each may cost the others.

use super::super::Sessions;
use super::super::recent::Receivers;
use super::super::turn::{Ask, Turn};
use crate::cost::Limit;
use crate::event::{Attachments, Body, Event};
use crate::ids::{ConnectionId, Realm, RoomId, SessionId, UserId};
use crate::output::Output;
use crate::refusal::{Code, Refusal};
use smallvec::smallvec;
use std::collections::BTreeSet;
use std::sync::Arc;

/// An event of a client's own.
pub(super) struct Relayed {
    pub(super) name: String,
    pub(super) args: Arc<str>,
    pub(super) binary: Attachments,
    pub(super) packed: Option<Arc<[u8]>>,
    pub(super) to: Option<SessionId>,
    pub(super) room: Option<String>,
}

/// Whom an event is for, when that is known.
enum Receiver {
    /// One session, by its connection.
    One(SessionId, ConnectionId),
    Room(RoomId),
    /// Each room that the sender is in.
    Rooms(Vec<RoomId>),
}

impl Sessions {
    /// Passes an event of a client's own on: to one session, else once to each connection of the sender's rooms.
    pub(super) fn relay(&mut self, turn: &mut Turn<'_>, ask: Ask, relayed: Relayed) -> Result<(), Refusal> {
        let (rate, burst) = (self.limits.events_per_second, self.limits.event_burst);
        if let Some(session) = self.sessions.get_mut(&ask.session)
            && !session.events.take(turn.now, rate, burst)
        {
            let message = format!("too many events: {rate} in a second (limits.events_per_second)");
            return Err(Code::RateLimited.refuse(None, message));
        }
        let receiver = self.receiver(&ask, &relayed)?;
        self.charge(turn, &ask, &receiver, &relayed)?;
        let Relayed { name, args, binary, packed, .. } = relayed;
        let from = self.sender(ask.session);
        let user = from.user;
        let body = Body::Relay { name: Arc::from(name), args, binary, packed, from };
        let session = &self.sessions[&ask.session];
        let peer = session.peer;
        let asker = (!peer.hears_itself).then_some(ask.connection);
        // Where there are many namespaces of a kind, the event says which one it is of.
        let space = self.space_of(session).cloned();
        match receiver {
            Receiver::One(session, to) => {
                let own = self.sessions[&session].user == user;
                let event = self.event(turn.now, space, body);
                self.keep_recent(&event, Receivers::Sessions(smallvec![session]));
                turn.push(Output::Deliver { to, event, own });
            }
            Receiver::Room(room) => {
                let name = Arc::clone(&self.here[room].name);
                let event = self.event(turn.now, Some(name), body);
                self.publish_from(user, asker, room, &event, turn.out);
            }
            Receiver::Rooms(rooms) => {
                let event = self.event(turn.now, None, body);
                if self.recent.is_kept() {
                    let names = rooms.iter().map(|room| Arc::clone(&self.here[*room].name)).collect();
                    self.keep_recent(&event, Receivers::Rooms(names));
                }
                if let [room] = rooms.as_slice() {
                    self.publish_from(user, Some(ask.connection), *room, &event, turn.out);
                } else {
                    self.deliver_once(turn, &ask, &rooms, user, &event);
                }
            }
        }
        self.acknowledge(turn, ask.connection, ask.reference);
        Ok(())
    }

    fn receiver(&self, ask: &Ask, relayed: &Relayed) -> Result<Receiver, Refusal> {
        let sender = &self.sessions[&ask.session];
        let realm = sender.peer.realm;
        if let Some(to) = relayed.to {
            let known = self.sessions.get(&to).filter(|session| session.peer.realm == realm);
            let known = known.filter(|session| self.space_of(session) == self.space_of(sender));
            if let Some(connection) = known.and_then(|session| session.connection()) {
                return Ok(Receiver::One(to, connection));
            }
            if relayed.room.is_none() {
                return Err(Code::NoSuchUser.refuse(None, "this session is not here"));
            }
        }
        if let Some(name) = &relayed.room {
            let room = self.room_name(sender, name).and_then(|name| self.here.find(&name));
            return room.filter(|room| sender.is_in(*room)).map(Receiver::Room).ok_or_else(|| nobody(relayed, name));
        }
        if realm != Realm(0) {
            // The realm's own room is the first that a session comes into, and is never left.
            return sender.rooms.first().copied().map(Receiver::Room).ok_or_else(not_a_member);
        }
        self.room_of(ask, None)?;
        Ok(Receiver::Rooms(sender.rooms.to_vec()))
    }

    /// Takes what an event costs its receivers from its sender's measures: one in a large room weighs more than one in a
    /// small room. Too many are refused; too many bytes have their sender read more slowly.
    fn charge(
        &mut self,
        turn: &mut Turn<'_>,
        ask: &Ask,
        receiver: &Receiver,
        relayed: &Relayed,
    ) -> Result<(), Refusal> {
        let receivers = match receiver {
            Receiver::One(..) => 1,
            Receiver::Room(room) => self.here[*room].members.len(),
            Receiver::Rooms(rooms) => rooms.iter().map(|room| self.here[*room].members.len()).sum(),
        };
        let rate = self.limits.event_deliveries_per_second;
        let session = self.sessions.get_mut(&ask.session);
        if session.is_some_and(|session| !session.deliveries.take_many(turn.now, rate, rate, receivers)) {
            self.hits.note(Limit::EventDeliveries);
            let message = format!(
                "too many events for so many receivers: {rate} deliveries in a second (limits.event_deliveries_per_second)"
            );
            return Err(Code::RateLimited.refuse(None, message));
        }
        let bytes =
            relayed.name.len() + relayed.args.len() + relayed.binary.iter().map(|part| part.len()).sum::<usize>();
        self.charge_delivered(turn, ask, bytes, receivers);
        Ok(())
    }

    /// Delivers an event to each connection of these rooms but the asker's, once however many of them it is in.
    fn deliver_once(&self, turn: &mut Turn<'_>, ask: &Ask, rooms: &[RoomId], user: UserId, event: &Arc<Event>) {
        let members: BTreeSet<SessionId> =
            rooms.iter().flat_map(|room| &self.here[*room].members).map(|(_, session)| *session).collect();
        for session in members.iter().filter(|session| **session != ask.session) {
            let session = &self.sessions[session];
            if let Some(to) = session.connection() {
                let own = session.user == user;
                turn.push(Output::Deliver { to, event: Arc::clone(event), own });
            }
        }
    }
}

/// Why an event has no receiver.
fn nobody(relayed: &Relayed, name: &str) -> Refusal {
    let code = if relayed.to.is_some() { Code::NoSuchUser } else { Code::NotAMember };
    let name: String = name.chars().take(64).collect();
    code.refuse(None, format!("`{name}` is neither the id of a socket that is here nor a room that you are in"))
}

fn not_a_member() -> Refusal {
    Code::NotAMember.refuse(None, "you are in no room")
}
