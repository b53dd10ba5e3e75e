//! What waits for a shard's sockets: which of them are to be written, with what, and how it went.

use super::Shard;
use super::connection::{Connection, Dirty, Phase};
use std::io::IoSlice;
use std::net::SocketAddr;
use switchboard_protocols::Frame;

impl Shard {
    /// Slots with something to write, each once. The driver writes them and says how it went.
    pub fn take_dirty(&mut self, into: &mut Vec<u32>) {
        self.unwritten_bytes = 0;
        self.forward_dirty();
        let connections = &mut self.connections;
        // A slot may be listed twice: for a connection that was looked at out of turn and is gone, and for the one that
        // has its place. What waits for that one is written once.
        into.extend(self.dirty.drain(..).filter(|slot| {
            let listed = connections.get_mut(*slot as usize).filter(|connection| connection.dirty == Dirty::Listed);
            listed.map(|connection| connection.dirty = Dirty::Taken).is_some()
        }));
    }

    /// Whether there are sockets to be written.
    #[must_use]
    pub const fn has_dirty(&self) -> bool {
        !self.dirty.is_empty() || !self.dirty_branches.is_empty()
    }

    /// Whether sockets should be written before more is delivered, so that a receiver who keeps up is never taken for
    /// one who does not.
    pub(super) const fn wants_writing(&self) -> bool {
        self.unwritten_bytes + self.run.bytes() > self.settings.outbox_bytes / 4
    }

    /// Adds the bytes that a socket is to be given next, as at most [`switchboard_sys::SLICES_MAX`] slices; gives how
    /// many there are.
    #[inline]
    pub fn gather<'a>(&'a self, slot: u32, slices: &mut Vec<IoSlice<'a>>) -> usize {
        self.connections.get(slot as usize).map_or(0, |connection| connection.outbox.gather(slices))
    }

    /// The next datagram for a peer, and its address.
    #[must_use]
    pub fn datagram(&self, slot: u32) -> Option<(SocketAddr, &Frame)> {
        let connection = self.connections.get(slot as usize)?;
        Some((connection.address?, connection.outbox.first()?))
    }

    /// A socket took `count` bytes.
    #[inline]
    pub fn wrote(&mut self, slot: u32, count: usize) {
        if let Some(connection) = self.connections.get_mut(slot as usize) {
            connection.outbox.wrote(count);
            self.waiting_bytes -= count;
            self.tally.bytes_out += count as u64;
        }
    }

    /// A socket took all that [`Shard::gather`] gave for it. Gives whether more waits; if not, it is written.
    #[inline]
    pub fn wrote_all(&mut self, slot: u32) -> bool {
        let Some(connection) = self.connections.get_mut(slot as usize) else { return false };
        let count = connection.outbox.wrote_all();
        self.waiting_bytes -= count;
        self.tally.bytes_out += count as u64;
        if connection.outbox.bytes() > 0 {
            return true;
        }
        if connection.phase == Phase::Open && connection.gate.is_none() && !connection.holds_up {
            // As nearly always, nothing follows from it.
            connection.dirty = Dirty::No;
        } else {
            self.written(slot);
        }
        false
    }

    /// A socket takes no more for now: its slot is not given again until [`Shard::unblocked`].
    pub fn blocked(&mut self, slot: u32) {
        if let Some(connection) = self.connections.get_mut(slot as usize) {
            connection.blocked = true;
            connection.dirty = Dirty::No;
        }
        self.advance_gate(slot);
        self.close_overflowed(self.now);
    }

    /// Whether a socket took no more when it was written last.
    #[must_use]
    pub fn is_blocked(&self, slot: u32) -> bool {
        self.connections.get(slot as usize).is_some_and(|connection| connection.blocked)
    }

    /// A socket takes bytes again.
    pub fn unblocked(&mut self, slot: u32) {
        if let Some(connection) = self.connections.get_mut(slot as usize) {
            connection.blocked = false;
            self.mark_dirty(slot);
        }
    }

    /// Whether something waits for a connection.
    #[must_use]
    pub fn has_waiting(&self, slot: u32) -> bool {
        self.connections.get(slot as usize).is_some_and(|connection| connection.outbox.bytes() > 0)
    }

    pub(super) fn mark_dirty(&mut self, slot: u32) {
        let connection = &mut self.connections[slot as usize];
        match connection.carrier {
            None => list(&mut self.dirty, connection, slot),
            Some(_) => list(&mut self.dirty_branches, connection, slot),
        }
    }
}

/// Lists a connection as one to be written, once, and not while its socket is blocked.
#[inline]
pub(super) fn list(dirty: &mut Vec<u32>, connection: &mut Connection, slot: u32) {
    if connection.dirty == Dirty::No && !connection.blocked {
        connection.dirty = Dirty::Listed;
        dirty.push(slot);
    }
}
