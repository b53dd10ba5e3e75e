//! Who on this shard hears which room.

use smallvec::SmallVec;
use std::collections::HashMap;
use std::sync::Arc;
use switchboard_core::RoomId;

/// A room's members on this shard.
#[derive(Debug)]
pub(super) struct Members {
    pub name: Arc<str>,
    /// Slots of the member connections, in no particular order.
    pub slots: Vec<u32>,
}

/// A connection's place in a room's list of members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub room: RoomId,
    pub index: u32,
}

/// A connection's rooms: nearly always one or two.
pub(super) type Places = SmallVec<[Place; 1]>;

/// Every room that a connection of this shard hears.
#[derive(Default)]
pub(super) struct Directory {
    rooms: HashMap<RoomId, Members>,
}

impl Directory {
    /// How many rooms there are.
    #[must_use]
    pub(super) fn len(&self) -> usize {
        self.rooms.len()
    }

    /// The slots that hear `room`.
    #[must_use]
    pub(super) fn slots(&self, room: RoomId) -> &[u32] {
        self.rooms.get(&room).map_or(&[], |members| &members.slots)
    }

    /// The name of a room that somebody here hears.
    #[must_use]
    pub(super) fn name(&self, room: RoomId) -> Option<&Arc<str>> {
        self.rooms.get(&room).map(|members| &members.name)
    }

    /// Adds a slot to a room; doing it again changes nothing.
    pub(super) fn attach(&mut self, slot: u32, places: &mut Places, room: RoomId, name: Arc<str>) {
        if places.iter().any(|place| place.room == room) {
            return;
        }
        let members = self.rooms.entry(room).or_insert_with(|| Members { name, slots: Vec::new() });
        places.push(Place { room, index: members.slots.len() as u32 });
        members.slots.push(slot);
    }

    /// Takes a slot out of a room. Gives the slot that moved into its place, with its new index, so that its own
    /// [`Place`] can be put right.
    pub(super) fn detach(&mut self, places: &mut Places, room: RoomId) -> Option<(u32, u32)> {
        let at = places.iter().position(|place| place.room == room)?;
        let index = places.swap_remove(at).index;
        let members = self.rooms.get_mut(&room)?;
        members.slots.swap_remove(index as usize);
        let moved = members.slots.get(index as usize).copied();
        if members.slots.is_empty() {
            self.rooms.remove(&room);
        }
        moved.map(|slot| (slot, index))
    }
}
