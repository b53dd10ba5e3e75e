//! The message ids of late: what makes a message that is sent twice be stored once.

use crate::ids::{Seq, Time};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, VecDeque};

/// 128 bits of SHA-256: enough that nobody finds two inputs with the same value, and half the memory of all 256.
type Short = [u8; 16];

/// Message ids with what they were used for, the oldest forgotten first. Only hashes are kept, so that each costs the
/// same (about 100 bytes) however long its text was. A tree and not a hash map, because clients choose the keys and
/// the whole is compared between nodes.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Recent {
    uses: BTreeMap<Short, Use>,
    /// The keys of `uses`, oldest first.
    order: VecDeque<(Short, Time)>,
    ids_max: usize,
    age_ms_max: u64,
}

/// What an id was used for.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Use {
    content: Short,
    seq: Seq,
    time: Time,
}

/// What is known of an id.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Known {
    /// Nothing.
    No,
    /// It was used for the same message, stored under this number.
    Same { seq: Seq, time: Time },
    /// It was used for another message.
    Other,
}

impl Recent {
    pub(super) const fn new(ids_max: usize, age_ms_max: u64) -> Self {
        Self { uses: BTreeMap::new(), order: VecDeque::new(), ids_max, age_ms_max }
    }

    pub(super) fn look_up(&self, room: &str, id: &str, text: &str, action: bool) -> Known {
        match self.uses.get(&key(room, id)) {
            None => Known::No,
            Some(known) if known.content == content(text, action) => Known::Same { seq: known.seq, time: known.time },
            Some(_) => Known::Other,
        }
    }

    /// Remembers an id; over the bound, the oldest is forgotten.
    pub(super) fn remember(&mut self, room: &str, id: &str, text: &str, action: bool, seq: Seq, time: Time) {
        if self.ids_max == 0 {
            return;
        }
        let key = key(room, id);
        if self.uses.insert(key, Use { content: content(text, action), seq, time }).is_some() {
            return;
        }
        self.order.push_back((key, time));
        if self.order.len() > self.ids_max {
            self.forget_oldest();
        }
    }

    /// Forgets the ids that are too old at `now`. Rooms keep their own time, so that an id may stand behind one that
    /// is a little younger; then it is forgotten a little later.
    pub(super) fn forget_before(&mut self, now: Time) {
        while self.order.front().is_some_and(|(_, time)| now.since(*time) > self.age_ms_max) {
            self.forget_oldest();
        }
    }

    /// Forgets one id, which is one of the latest.
    pub(super) fn forget(&mut self, room: &str, id: &str) {
        let key = key(room, id);
        if self.uses.remove(&key).is_some()
            && let Some(place) = self.order.iter().rposition(|(known, _)| *known == key)
        {
            self.order.remove(place);
        }
    }

    pub(super) fn len(&self) -> usize {
        self.uses.len()
    }

    fn forget_oldest(&mut self) {
        if let Some((key, _)) = self.order.pop_front() {
            self.uses.remove(&key);
        }
    }
}

/// The key of an id in a room. A room's name holds no NUL, so the two cannot run into each other.
fn key(room: &str, id: &str) -> Short {
    short(Sha256::new().chain_update(room).chain_update([0]).chain_update(id))
}

/// The fingerprint of a message's content.
fn content(text: &str, action: bool) -> Short {
    short(Sha256::new().chain_update([u8::from(action)]).chain_update(text))
}

fn short(hash: Sha256) -> Short {
    let mut short = Short::default();
    short.copy_from_slice(&hash.finalize()[..16]);
    short
}
