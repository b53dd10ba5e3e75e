//! The sequencer: what puts admitted entries into one order.

use std::collections::VecDeque;
use switchboard_core::Entry;

/// Puts entries into one order. The local queue answers at once; a clustered one answers when its log has taken them,
/// and then gives the entries of other nodes as well.
pub trait Sequencer {
    /// Hands an entry in.
    fn submit(&mut self, entry: Entry);

    /// The next entry of the order, if it is known.
    fn next(&mut self) -> Option<Entry>;
}

/// The order of a single node: first come, first served. It holds no more than the commands of one batch.
#[derive(Debug, Default)]
pub struct LocalQueue(VecDeque<Entry>);

impl Sequencer for LocalQueue {
    fn submit(&mut self, entry: Entry) {
        self.0.push_back(entry);
    }

    fn next(&mut self) -> Option<Entry> {
        self.0.pop_front()
    }
}
