//! Which shards have to hear of what.

use super::published;
use crate::message::ToShard;
use crate::shard::Shard;
use smallvec::SmallVec;
use std::collections::HashMap;
use switchboard_core::{ConnectionId, Output, RoomId};

/// How many connections of each shard hear each room, and which rooms each connection hears.
pub(super) struct Routes {
    shards: usize,
    rooms: HashMap<RoomId, Box<[u32]>>,
    connections: HashMap<ConnectionId, SmallVec<[RoomId; 2]>>,
}

impl Routes {
    pub(super) fn new(shards: usize) -> Self {
        Self { shards, rooms: HashMap::new(), connections: HashMap::new() }
    }

    /// Puts an effect into the queues of the shards that it concerns.
    pub(super) fn route(&mut self, output: Output, shards: &mut [Vec<ToShard>]) {
        let to = match output {
            Output::Publish { room, event, except } => {
                let Some(counts) = self.rooms.get(&room) else { return };
                let event = published(event);
                for (shard, count) in shards.iter_mut().zip(counts) {
                    if *count > 0 {
                        shard.push(ToShard::Publish { room, event: event.clone(), except: except.clone() });
                    }
                }
                return;
            }
            Output::Attach { connection, room, .. } => {
                self.attach(connection, room);
                connection
            }
            Output::Detach { connection, room } => {
                self.detach(connection, room);
                connection
            }
            Output::Reply { to, .. }
            | Output::Deliver { to, .. }
            | Output::History { to, .. }
            | Output::Search { to, .. }
            | Output::Current { connection: to, .. }
            | Output::Replay { connection: to, .. }
            | Output::Recover { connection: to, .. }
            | Output::Slow { connection: to, .. }
            | Output::Close { connection: to, .. } => to,
        };
        shards[Shard::of(to)].push(ToShard::Output(output));
    }

    /// The connection has ended: it hears nothing any more, and its shard may use its number again.
    pub(super) fn forget(&mut self, connection: ConnectionId, shards: &mut [Vec<ToShard>]) {
        for room in self.connections.remove(&connection).unwrap_or_default() {
            self.uncount(connection, room);
        }
        shards[Shard::of(connection)].push(ToShard::Forget(connection));
    }

    fn attach(&mut self, connection: ConnectionId, room: RoomId) {
        let rooms = self.connections.entry(connection).or_default();
        if !rooms.contains(&room) {
            rooms.push(room);
            let counts = self.rooms.entry(room).or_insert_with(|| vec![0; self.shards].into_boxed_slice());
            counts[Shard::of(connection)] += 1;
        }
    }

    fn detach(&mut self, connection: ConnectionId, room: RoomId) {
        let Some(rooms) = self.connections.get_mut(&connection) else { return };
        if let Some(place) = rooms.iter().position(|one| *one == room) {
            rooms.swap_remove(place);
            self.uncount(connection, room);
        }
    }

    fn uncount(&mut self, connection: ConnectionId, room: RoomId) {
        let Some(counts) = self.rooms.get_mut(&room) else { return };
        counts[Shard::of(connection)] -= 1;
        if counts.iter().all(|count| *count == 0) {
            self.rooms.remove(&room);
        }
    }
}
