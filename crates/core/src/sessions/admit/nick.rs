//! Taking another nick.

use super::super::Sessions;
use super::super::turn::{Ask, Turn};
use crate::event::Body;
use crate::ids::{ConnectionId, RoomId, UserId};
use crate::names::Nick;
use crate::output::Output;
use crate::refusal::{Code, Refusal};
use crate::reply::Reply;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

impl Sessions {
    pub(super) fn nick(&mut self, turn: &mut Turn<'_>, ask: &Ask, wish: &str) -> Result<(), Refusal> {
        let user = self.sessions[&ask.session].user;
        let nick = self.check_nick(wish, Some(user))?;
        let shown = Arc::clone(nick.shown());
        let changed = self.users[user].nick.shown() != &shown;
        if changed && !self.take_presence(turn.now, ask.session, self.told_of_nick(user), true) {
            let message = "too many new nicks for so many people (limits.presence_deliveries_per_second)";
            return Err(Code::RateLimited.refuse(None, message));
        }
        turn.reply(ask.connection, Reply::Nick { reference: ask.reference.clone(), nick: shown });
        if changed {
            self.rename(turn, ask, user, nick);
        }
        Ok(())
    }

    /// How many are told of a user's new nick.
    fn told_of_nick(&self, user: UserId) -> u64 {
        let sessions = self.users[user].sessions.iter().map(|id| &self.sessions[id]);
        let rooms: BTreeSet<RoomId> = sessions.flat_map(|session| session.rooms.iter().copied()).collect();
        let told = rooms.into_iter().filter(|room| self.is_told_nicks(user, *room));
        told.map(|room| self.here[room].members.len() as u64).sum()
    }

    /// Whether the others in a room are told a user's new nick.
    fn is_told_nicks(&self, user: UserId, room: RoomId) -> bool {
        let here = &self.here[room];
        self.is_told_one_by_one(here.users) && !here.unannounced.contains(&user)
    }

    fn rename(&mut self, turn: &mut Turn<'_>, ask: &Ask, user: UserId, nick: Nick) {
        let folded = Arc::clone(nick.folded());
        let Some(old) = self.users.rename(user, nick) else { return };
        let mut rooms: BTreeSet<RoomId> = BTreeSet::new();
        // The user's other connections, each with whether a room told it already.
        let mut siblings: BTreeMap<ConnectionId, bool> = BTreeMap::new();
        for id in &self.users[user].sessions {
            let session = &self.sessions[id];
            for room in &session.rooms {
                let members = &mut self.here[*room].members;
                members.remove(&(Arc::clone(old.folded()), *id));
                members.insert((Arc::clone(&folded), *id));
                rooms.insert(*room);
            }
            siblings.extend(session.connection().filter(|own| *own != ask.connection).map(|own| (own, false)));
        }
        let from = self.sender(ask.session);
        let body = Body::Renamed { from, old: Arc::clone(old.shown()) };
        for room in rooms {
            if !self.is_told_nicks(user, room) {
                continue;
            }
            let name = Arc::clone(&self.here[room].name);
            let event = self.event(turn.now, Some(name), body.clone());
            self.publish_from(user, Some(ask.connection), room, &event, turn.out);
            for own in self.own_connections(user, room) {
                siblings.entry(own).and_modify(|told| *told = true);
            }
        }
        // The others of the user's sessions know their nick whatever rooms they are in.
        for to in siblings.into_iter().filter_map(|(own, told)| (!told).then_some(own)) {
            let event = self.event(turn.now, None, body.clone());
            turn.push(Output::Deliver { to, event, own: true });
        }
    }
}
