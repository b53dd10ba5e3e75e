//! The message ids of late: what makes a message that is sent twice be stored once.

use crate::counted::Counted;
use crate::ids::{Seq, Time};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, VecDeque};

/// 128 bits of SHA-256: enough that nobody finds two inputs with the same value, and half the memory of all 256.
type Short = [u8; 16];

/// Ids that can be taken back with the time that they counted: those of eight batches. Of more, the time stays counted.
const TAKEN_BACK_MAX: usize = 8_192;

/// Message ids with what they were used for, in the order in which they were stored, the oldest forgotten first. Only
/// hashes are kept, so that each costs the same (about 100 bytes) however long its text was. A tree and not a hash map,
/// because clients choose the keys and the whole is compared between nodes.
///
/// Ids grow old by counted time ([`Counted`]), so that no clock that was wrong makes one old, or keeps it. It counts
/// from one message with an id that was stored to the next, so that all that decides it is in the store.
#[derive(Clone, Debug)]
pub(super) struct Recent {
    uses: BTreeMap<Short, Use>,
    /// The keys of `uses`, oldest first.
    order: VecDeque<Short>,
    counted: Counted,
    /// What was counted before each of the latest, so that they can be taken back.
    before: VecDeque<Counted>,
    ids_max: usize,
    age_ms_max: u64,
}

/// What an id was used for.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Use {
    content: Short,
    seq: Seq,
    time: Time,
    /// What was counted when it was stored, in milliseconds.
    counted_ms: u64,
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

/// Two are equal if they remember the same ids in the same order, and each for as long: how much was counted before the
/// oldest of them makes no difference.
impl PartialEq for Recent {
    fn eq(&self, other: &Self) -> bool {
        let rows = |recent: &Self| -> Vec<(Short, Use)> {
            let age = |used: Use| Use { counted_ms: recent.counted.total_ms() - used.counted_ms, ..used };
            recent.order.iter().map(|key| (*key, age(recent.uses[key]))).collect()
        };
        rows(self) == rows(other)
    }
}

impl Recent {
    pub(super) const fn new(ids_max: usize, age_ms_max: u64) -> Self {
        Self {
            uses: BTreeMap::new(),
            order: VecDeque::new(),
            counted: Counted::NONE,
            before: VecDeque::new(),
            ids_max,
            age_ms_max,
        }
    }

    /// What is known of an id, for a message that would be stored with this time.
    pub(super) fn look_up(&self, room: &str, id: &str, text: &str, action: bool, time: Time) -> Known {
        let counted = self.counted.after(time);
        match self.uses.get(&key(room, id)).filter(|known| !self.is_too_old(known, counted)) {
            None => Known::No,
            Some(known) if known.content == content(text, action) => Known::Same { seq: known.seq, time: known.time },
            Some(_) => Known::Other,
        }
    }

    /// Remembers the id of a message that was stored, which is not known, and forgets the oldest as far as they are too
    /// old or too many.
    pub(super) fn remember(&mut self, room: &str, id: &str, text: &str, action: bool, seq: Seq, time: Time) {
        if self.ids_max == 0 {
            return;
        }
        let before = self.counted;
        self.counted = before.after(time);
        while self.order.front().is_some_and(|key| self.is_too_old(&self.uses[key], self.counted)) {
            self.forget_oldest();
        }
        let (key, counted_ms) = (key(room, id), self.counted.total_ms());
        if self.uses.insert(key, Use { content: content(text, action), seq, time, counted_ms }).is_some() {
            return;
        }
        self.order.push_back(key);
        self.before.push_back(before);
        if self.before.len() > TAKEN_BACK_MAX {
            self.before.pop_front();
        }
        if self.order.len() > self.ids_max {
            self.forget_oldest();
        }
    }

    pub(super) fn knows(&self, room: &str, id: &str) -> bool {
        self.uses.get(&key(room, id)).is_some_and(|known| !self.is_too_old(known, self.counted))
    }

    /// Takes back the latest id, whose message was not stored, with the time that it counted.
    pub(super) fn take_back(&mut self, room: &str, id: &str) {
        let key = key(room, id);
        if self.order.back() == Some(&key) {
            self.order.pop_back();
            self.uses.remove(&key);
            self.counted = self.before.pop_back().unwrap_or(self.counted);
        }
    }

    pub(super) fn len(&self) -> usize {
        self.uses.len()
    }

    const fn is_too_old(&self, known: &Use, counted: Counted) -> bool {
        counted.total_ms().saturating_sub(known.counted_ms) > self.age_ms_max
    }

    fn forget_oldest(&mut self) {
        if let Some(key) = self.order.pop_front() {
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
