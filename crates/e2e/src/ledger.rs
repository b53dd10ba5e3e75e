//! What one member knows of a room's log, and the laws that every delivery to it has to keep.

use std::collections::{BTreeMap, BTreeSet, HashMap};

/// One member's view of one room, over all its connections.
///
/// On each connection, what is delivered and what is freshly acknowledged together make the numbers after the place
/// from which it resumed: each once, the deliveries in order. Every breach panics.
#[derive(Debug)]
pub struct Ledger {
    name: String,
    /// What it was told of each number.
    known: BTreeMap<u64, String>,
    /// The number of each id.
    numbers: HashMap<String, u64>,
    /// The connection has told everything up to here.
    top: u64,
    /// Acknowledged on this connection before everything below was told: a resume was under way.
    early: BTreeSet<u64>,
    /// The last fresh acknowledgement of this connection.
    last_ack: u64,
    /// Acknowledged on this connection as stored before.
    duplicates: BTreeSet<u64>,
}

impl Ledger {
    /// An empty one. `name` is for failures.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            known: BTreeMap::new(),
            numbers: HashMap::new(),
            top: 0,
            early: BTreeSet::new(),
            last_ack: 0,
            duplicates: BTreeSet::new(),
        }
    }

    /// A connection begins that is to be told everything after `top`.
    pub fn begin(&mut self, top: u64) {
        self.top = top;
        self.last_ack = top;
        self.early.clear();
        self.duplicates.clear();
    }

    /// The number up to which everything was told: where to resume.
    #[must_use]
    pub const fn top(&self) -> u64 {
        self.top
    }

    /// Everything known, by number.
    #[must_use]
    pub const fn known(&self) -> &BTreeMap<u64, String> {
        &self.known
    }

    /// An event was delivered.
    ///
    /// # Panics
    /// It is not the next one.
    pub fn event(&mut self, seq: u64, id: &str) {
        let name = &self.name;
        let next = self.top + 1;
        assert!(seq >= next && !self.early.contains(&seq), "{name}: {seq} ({id}) again, where {next} is next");
        assert!(seq == next, "{name}: {seq} ({id}), where {next} is next: a hole");
        self.note(seq, id);
        self.top = seq;
        self.catch_up();
    }

    /// The member's own message was acknowledged.
    ///
    /// # Panics
    /// Its number is one that cannot be.
    pub fn ack(&mut self, seq: u64, id: &str, is_duplicate: bool) {
        self.note(seq, id);
        let name = &self.name;
        if is_duplicate {
            self.duplicates.insert(seq);
            return;
        }
        let (top, last) = (self.top, self.last_ack);
        assert!(seq > top && seq > last, "{name}: {seq} ({id}) acknowledged after {last}, with all told up to {top}");
        self.last_ack = seq;
        self.early.insert(seq);
        self.catch_up();
    }

    /// The server says that the events `from` to `to` are not replayed.
    ///
    /// # Panics
    /// They are not the next ones.
    pub fn gap(&mut self, from: u64, to: u64) {
        assert!(from == self.top + 1 && to >= from, "{}: a gap from {from} to {to} after {}", self.name, self.top);
        self.top = to;
        self.catch_up();
    }

    /// Forgets what was told before the last `count` numbers; a long run would fill the memory.
    pub fn keep_last(&mut self, count: u64) {
        let recent = self.known.split_off(&self.top.saturating_sub(count));
        for id in std::mem::replace(&mut self.known, recent).into_values() {
            self.numbers.remove(&id);
        }
    }

    /// Everything that was on its way has come, up to `seq`.
    ///
    /// # Panics
    /// Something is missing.
    pub fn assert_complete(&self, seq: u64) {
        let name = &self.name;
        assert!(
            self.top == seq && self.early.is_empty(),
            "{name}: told up to {}, and {:?}, of {seq}",
            self.top,
            self.early
        );
        let last = self.duplicates.last().copied().unwrap_or(0);
        assert!(last <= seq, "{name}: {last} is a duplicate of what is not there");
    }

    fn note(&mut self, seq: u64, id: &str) {
        let name = &self.name;
        let known = self.known.entry(seq).or_insert_with(|| id.to_owned());
        assert!(known == id, "{name}: {seq} is {id} now and was {known}");
        let number = *self.numbers.entry(id.to_owned()).or_insert(seq);
        assert!(number == seq, "{name}: {id} is {seq} now and was {number}");
    }

    fn catch_up(&mut self) {
        while self.early.remove(&(self.top + 1)) {
            self.top += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Ledger;

    fn ledger() -> Ledger {
        let mut ledger = Ledger::new("ada");
        ledger.begin(10);
        ledger
    }

    #[test]
    fn acknowledgements_fill_the_numbers_that_are_not_delivered() {
        let mut ledger = ledger();
        ledger.event(11, "a");
        ledger.ack(12, "b", false);
        ledger.event(13, "c");
        ledger.ack(11, "a", true);
        ledger.assert_complete(13);
        assert_eq!(ledger.top(), 13);
    }

    #[test]
    fn an_acknowledgement_may_overtake_a_replay() {
        let mut ledger = ledger();
        ledger.ack(13, "c", false);
        ledger.event(11, "a");
        ledger.event(12, "b");
        ledger.event(14, "d");
        ledger.assert_complete(14);
    }

    #[test]
    #[should_panic(expected = "a hole")]
    fn a_hole_is_found() {
        ledger().event(12, "b");
    }

    #[test]
    #[should_panic(expected = "again")]
    fn a_second_delivery_is_found() {
        let mut ledger = ledger();
        ledger.event(11, "a");
        ledger.event(11, "a");
    }

    #[test]
    #[should_panic(expected = "again")]
    fn a_delivery_of_what_was_acknowledged_is_found() {
        let mut ledger = ledger();
        ledger.ack(12, "b", false);
        ledger.event(12, "b");
    }

    #[test]
    #[should_panic(expected = "is y now and was x")]
    fn another_message_under_the_same_number_is_found() {
        let mut ledger = ledger();
        ledger.event(11, "x");
        ledger.begin(10);
        ledger.event(11, "y");
    }

    #[test]
    #[should_panic(expected = "told up to 10")]
    fn an_unfinished_replay_is_found() {
        let mut ledger = ledger();
        ledger.ack(12, "b", false);
        ledger.assert_complete(12);
    }
}
