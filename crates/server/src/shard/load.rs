//! What a shard holds, for those who watch that its bounds are kept.

use super::Shard;

/// What one connection makes its shard hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// Bytes that wait for its socket.
    pub outbox_bytes: usize,
    /// Frames that its gate holds back, and their bytes.
    pub gate_events: usize,
    pub gate_bytes: usize,
    /// Of its commands, how many wait for the engine.
    pub parked: u32,
    /// Reads of the store under way for it.
    pub reads: u32,
}

impl Shard {
    /// What a connection makes the shard hold; none if there is none in this slot.
    #[must_use]
    pub fn load(&self, slot: u32) -> Option<Load> {
        let connection = self.connections.get(slot as usize)?;
        let (gate_events, gate_bytes) = connection.gate.as_ref().map_or((0, 0), |gate| gate.held());
        Some(Load {
            outbox_bytes: connection.outbox.bytes(),
            gate_events,
            gate_bytes,
            parked: connection.parked,
            reads: connection.reads,
        })
    }

    /// Bytes that wait in all outboxes.
    #[must_use]
    pub const fn waiting_bytes(&self) -> usize {
        self.waiting_bytes
    }

    /// How many rooms somebody here hears.
    #[must_use]
    pub fn rooms(&self) -> usize {
        self.directory.len()
    }

    /// Whether its driver has nothing to write or to carry out.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        !self.has_dirty() && self.wants.is_empty()
    }
}
