//! Joining and leaving rooms, and the lists of members and rooms.

use super::super::Sessions;
use super::super::turn::{Ask, Turn};
use crate::event::LeftWhy;
use crate::ids::{Realm, RoomId};
use crate::limits::LIST_ROWS_MAX;
use crate::names::{is_stretched, lookalike};
use crate::output::Output;
use crate::refusal::{Code, Refusal};
use crate::reply::{MemberRow, Reply, RoomRow};
use crate::rooms::Rooms;
use std::collections::BTreeSet;
use std::sync::Arc;

impl Sessions {
    /// Joins a room and makes it the current one. Joining again is answered alike and told nobody.
    pub(super) fn join(&mut self, turn: &mut Turn<'_>, ask: Ask, name: &str) -> Result<(), Refusal> {
        let session = &self.sessions[&ask.session];
        let name = self.room_name(session, name).ok_or_else(|| self.no_room_name(session.peer.realm))?;
        if let Some(room) = self.here.find(&name).filter(|room| session.is_in(*room)) {
            self.make_current(turn, ask, room);
            return Ok(());
        }
        let most = self.limits.rooms_per_session;
        if session.rooms.len() >= most {
            let message = format!("you are in {most} rooms already (limits.rooms_per_session)");
            return Err(Code::TooManyRooms.refuse(None, message));
        }
        if let Some(other) = self.room_like(&name, turn.rooms) {
            let message = format!("{name} looks like the room {other}: join that, or choose another name");
            return Err(Code::RoomInvalid.refuse(None, message));
        }
        let room = self.open_room(turn, ask.session, &name)?;
        let newly_in = self.enter(ask.session, room);
        let Ask { connection, session, reference } = ask;
        let reply = self.joined(turn, reference, room);
        turn.reply(connection, reply);
        turn.push(Output::Attach { connection, room, name });
        turn.push(Output::Current { connection, room: Some(room) });
        if newly_in {
            let from = self.sender(session);
            self.tell_joined(turn.now, from, room, connection, turn.out);
        }
        Ok(())
    }

    /// Another room that a room which does not exist yet would be taken for: one that looks the same, or of which it is a
    /// variation and in which everybody begins. A room that exists can be joined whatever it looks like.
    pub(super) fn room_like(&self, name: &Arc<str>, rooms: &Rooms) -> Option<Arc<str>> {
        // Beside the chat, rooms are their programs' affair.
        let is_free = !name.starts_with('/') && self.here.find(name).is_none() && !rooms.contains(name);
        if !is_free || self.auto_join.contains(name) {
            return None;
        }
        let stretched = self.auto_join.iter().find(|first| is_stretched(name, first)).cloned();
        stretched.or_else(|| {
            let look = lookalike(name);
            rooms.looking_like(&look).or_else(|| self.here.looking_like(&look))
        })
    }

    pub(super) fn leave_by_request(
        &mut self,
        turn: &mut Turn<'_>,
        ask: Ask,
        name: Option<&str>,
    ) -> Result<(), Refusal> {
        let room = self.room_of(&ask, name)?;
        let session = &self.sessions[&ask.session];
        let rooms = &session.rooms;
        if session.peer.realm != Realm(0) && rooms.first() == Some(&room) {
            return Err(Code::RoomInvalid.refuse(None, "a namespace's own room is left with the namespace"));
        }
        let current = rooms.iter().rev().find(|other| **other != room).copied();
        let Ask { connection, session, reference } = ask;
        let reply = Reply::Left {
            reference,
            room: Arc::clone(&self.here[room].name),
            current: current.map(|current| Arc::clone(&self.here[current].name)),
        };
        turn.reply(connection, reply);
        self.leave(turn.now, session, room, LeftWhy::Left, turn.out);
        turn.push(Output::Current { connection, room: current });
        Ok(())
    }

    /// Who is in a room, by nick. Beside the chat, where none is named, who is in the namespace.
    pub(super) fn members(&self, turn: &mut Turn<'_>, ask: Ask, name: Option<&str>) -> Result<(), Refusal> {
        let session = &self.sessions[&ask.session];
        let whole = session.rooms.first().filter(|_| name.is_none() && session.peer.realm != Realm(0));
        let room = match whole {
            Some(whole) => *whole,
            None => self.room_of(&ask, name)?,
        };
        let here = &self.here[room];
        let mut rows: Vec<MemberRow> = Vec::new();
        let mut last = None;
        for (_, id) in &here.members {
            let session = &self.sessions[id];
            if last != Some(session.user) {
                if rows.len() == LIST_ROWS_MAX {
                    break;
                }
                let nick = Arc::clone(self.users[session.user].nick.shown());
                rows.push(MemberRow { nick, user: session.user, sessions: Vec::with_capacity(1) });
                last = Some(session.user);
            }
            if let Some(row) = rows.last_mut() {
                row.sessions.push((*id, session.peer.via));
            }
        }
        let reply = Reply::Members {
            reference: ask.reference,
            room: Arc::clone(&here.name),
            count: here.users,
            more: rows.len() < here.users as usize,
            members: rows,
        };
        turn.reply(ask.connection, reply);
        Ok(())
    }

    /// Which rooms there are, by name: those with members and those with history.
    pub(super) fn list_rooms(&self, turn: &mut Turn<'_>, ask: Ask) {
        // The first names of both together are among the first of each.
        // Rooms of other realms are nobody's business in the chat.
        let here = self.here.names().filter(|name| !name.starts_with('/')).take(LIST_ROWS_MAX + 1);
        let names: BTreeSet<&Arc<str>> = here.chain(turn.rooms.names().take(LIST_ROWS_MAX + 1)).collect();
        let row = |name: &Arc<str>| RoomRow {
            room: Arc::clone(name),
            seq: turn.rooms.seq(name),
            members: self.here.find(name).map_or(0, |room| self.here[room].users),
            topic: turn.rooms.topic(name),
        };
        let more = names.len() > LIST_ROWS_MAX;
        let rooms = names.into_iter().take(LIST_ROWS_MAX).map(row).collect();
        turn.reply(ask.connection, Reply::Rooms { reference: ask.reference, rooms, more });
    }

    fn make_current(&mut self, turn: &mut Turn<'_>, ask: Ask, room: RoomId) {
        if let Some(session) = self.sessions.get_mut(&ask.session) {
            session.rooms.retain(|other| *other != room);
            session.rooms.push(room);
        }
        let reply = self.joined(turn, ask.reference, room);
        turn.reply(ask.connection, reply);
        turn.push(Output::Current { connection: ask.connection, room: Some(room) });
    }

    fn joined(&self, turn: &Turn<'_>, reference: Option<Arc<str>>, room: RoomId) -> Reply {
        let here = &self.here[room];
        Reply::Joined {
            reference,
            room: Arc::clone(&here.name),
            seq: turn.rooms.seq(&here.name),
            members: here.users,
            topic: turn.rooms.topic(&here.name),
        }
    }
}
