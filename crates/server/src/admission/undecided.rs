//! The connections that have not said yet what they speak, and which of them gives way when there are too many.

use super::Notice;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};
use switchboard_core::cost::Origin;

/// The time that a connection has to say what it speaks before it gives way to others: a herd that comes at once is
/// through in far less, and a TLS handshake that loses a packet on a slow network as well.
pub(super) const FAIR_TIME: Duration = Duration::from_secs(3);
/// How many times the limit there may be within that time. At this bound even those give way that have not had it.
pub(super) const CROWD: u32 = 8;
/// Connections that give way to one newcomer: when many have had their time, their number goes down with each.
const PER_NEWCOMER: usize = 2;

/// A connection's number, in the order in which they came.
type Serial = u64;

/// Undecided connections by their age and by where they come from.
#[derive(Debug, Default)]
pub(super) struct Undecided {
    by_age: BTreeMap<Serial, Row>,
    /// The connections of each origin; no row is empty.
    by_origin: HashMap<Origin, BTreeSet<Serial>>,
    /// The origins by how many they have; of two that have as many, the one with the oldest comes last.
    crowds: BTreeSet<(usize, Reverse<Serial>, Origin)>,
    next: Serial,
}

#[derive(Debug)]
struct Row {
    origin: Origin,
    since: Instant,
    notice: Arc<Notice>,
}

impl Undecided {
    /// Returns how many there are.
    pub(super) fn len(&self) -> usize {
        self.by_age.len()
    }

    /// Takes a connection from `origin` in at `now`. Its `notice` is given when it has to give way.
    pub(super) fn enter(&mut self, origin: Origin, now: Instant, notice: Arc<Notice>) -> Serial {
        let serial = self.next;
        self.next += 1;
        self.by_age.insert(serial, Row { origin, since: now, notice });
        self.change(origin, |serials| serials.insert(serial));
        serial
    }

    /// Forgets a connection that has decided, or is gone. One that gave way is forgotten already.
    pub(super) fn leave(&mut self, serial: Serial) {
        if let Some(row) = self.by_age.remove(&serial) {
            self.change(row.origin, |serials| serials.remove(&serial));
        }
    }

    /// Counts a connection at another origin from now on.
    pub(super) fn relocate(&mut self, serial: Serial, origin: Origin) {
        let Some(row) = self.by_age.get_mut(&serial) else { return };
        let before = std::mem::replace(&mut row.origin, origin);
        self.change(before, |serials| serials.remove(&serial));
        self.change(origin, |serials| serials.insert(serial));
    }

    /// Makes room for one more where `max` is the limit: the oldest of the origin that has most of them give way, if they
    /// have had their time or there are [`CROWD`] times as many.
    pub(super) fn make_room(&mut self, max: u32, now: Instant) {
        let crowded = max.saturating_mul(CROWD) as usize;
        for _ in 0..PER_NEWCOMER {
            if self.len() < max as usize || !(self.len() >= crowded || self.has_had_its_time(now)) {
                return;
            }
            self.dismiss();
        }
    }

    /// Dismisses the oldest connection of the origin that has most of them, if it has had its time.
    pub(super) fn dismiss_one(&mut self, now: Instant) {
        if self.has_had_its_time(now) {
            self.dismiss();
        }
    }

    fn has_had_its_time(&self, now: Instant) -> bool {
        let row = self.candidate().and_then(|serial| self.by_age.get(&serial));
        row.is_some_and(|row| now.saturating_duration_since(row.since) >= FAIR_TIME)
    }

    fn candidate(&self) -> Option<Serial> {
        self.crowds.last().map(|(_, Reverse(oldest), _)| *oldest)
    }

    fn dismiss(&mut self) {
        let Some(serial) = self.candidate() else { return };
        if let Some(row) = self.by_age.get(&serial) {
            row.notice.give();
        }
        self.leave(serial);
    }

    fn change(&mut self, origin: Origin, change: impl FnOnce(&mut BTreeSet<Serial>) -> bool) {
        let rank = |serials: &BTreeSet<Serial>| serials.first().map(|oldest| (serials.len(), Reverse(*oldest), origin));
        let serials = self.by_origin.entry(origin).or_default();
        if let Some(before) = rank(serials) {
            self.crowds.remove(&before);
        }
        change(serials);
        match rank(serials) {
            Some(after) => drop(self.crowds.insert(after)),
            None => drop(self.by_origin.remove(&origin)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn origin(number: u64) -> Origin {
        Origin::V6Net(number)
    }

    fn is_dismissed(notice: &Notice) -> bool {
        notice.poll(&std::task::Context::from_waker(std::task::Waker::noop())).is_ready()
    }

    #[test]
    fn the_oldest_of_the_largest_crowd_gives_way() {
        let mut undecided = Undecided::default();
        let start = Instant::now();
        let mut enter = |from: u64| {
            let notice = Arc::new(Notice::default());
            undecided.enter(origin(from), start, notice.clone());
            notice
        };
        let attackers: Vec<_> = (0..3).map(|_| enter(2)).collect();
        let honest = enter(1);
        let late = start + FAIR_TIME;
        undecided.make_room(5, late);
        assert_eq!(undecided.len(), 4, "there is room");
        undecided.make_room(4, late - Duration::from_nanos(1));
        assert_eq!(undecided.len(), 4, "nobody has had its time");
        undecided.make_room(4, late);
        assert_eq!(undecided.len(), 3);
        undecided.make_room(2, late);
        assert_eq!(undecided.len(), 1);
        let dismissed: Vec<_> = attackers.iter().map(|notice| is_dismissed(notice)).collect();
        assert_eq!((dismissed, is_dismissed(&honest)), (vec![true, true, true], false));
    }

    #[test]
    fn a_crowd_that_is_too_large_has_no_time() {
        let mut undecided = Undecided::default();
        let now = Instant::now();
        for _ in 0..2 * CROWD {
            undecided.make_room(2, now);
            undecided.enter(origin(1), now, Arc::default());
        }
        assert_eq!(undecided.len(), 2 * CROWD as usize);
        undecided.make_room(2, now);
        assert_eq!(undecided.len(), 2 * CROWD as usize - 1);
    }

    #[derive(Clone, Debug)]
    enum Step {
        Enter(u64),
        Leave(prop::sample::Index),
        Move(prop::sample::Index, u64),
        Wait(u64),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            4 => (0_u64..4).prop_map(Step::Enter),
            1 => any::<prop::sample::Index>().prop_map(Step::Leave),
            1 => (any::<prop::sample::Index>(), 0_u64..4).prop_map(|(which, to)| Step::Move(which, to)),
            1 => (0_u64..1_500).prop_map(Step::Wait),
        ]
    }

    /// A connection of the model.
    #[derive(Clone, Debug, PartialEq)]
    struct Known {
        serial: Serial,
        from: u64,
        since: Instant,
    }

    proptest! {
        #[test]
        fn as_a_list_would_do_it(steps in prop::collection::vec(step(), 0..200), max in 1_u32..5) {
            let mut undecided = Undecided::default();
            let mut model: Vec<Known> = Vec::new();
            let mut now = Instant::now();
            for step in steps {
                match step {
                    Step::Wait(millis) => now += Duration::from_millis(millis),
                    Step::Leave(which) if !model.is_empty() => {
                        undecided.leave(model.remove(which.index(model.len())).serial);
                    }
                    Step::Move(which, to) if !model.is_empty() => {
                        let at = which.index(model.len());
                        model[at].from = to;
                        undecided.relocate(model[at].serial, origin(to));
                    }
                    Step::Leave(_) | Step::Move(..) => {}
                    Step::Enter(from) => {
                        for _ in 0..PER_NEWCOMER {
                            let count = |from: u64| model.iter().filter(|known| known.from == from).count();
                            let most = model.iter().map(|known| count(known.from)).max().unwrap_or(0);
                            let victim = model.iter().position(|known| count(known.from) == most);
                            if model.len() < max as usize {
                                break;
                            }
                            let at = victim.expect("somebody");
                            let had_time = now - model[at].since >= FAIR_TIME;
                            if !had_time && model.len() < (max * CROWD) as usize {
                                break;
                            }
                            // Whoever is alone at its address stays while others are several at theirs.
                            prop_assert!(most > 1 || model.iter().all(|known| count(known.from) == 1));
                            model.remove(at);
                        }
                        undecided.make_room(max, now);
                        let serial = undecided.enter(origin(from), now, Arc::default());
                        model.push(Known { serial, from, since: now });
                    }
                }
                let rows: Vec<Serial> = undecided.by_age.keys().copied().collect();
                prop_assert_eq!(rows, model.iter().map(|known| known.serial).collect::<Vec<_>>());
                prop_assert!(undecided.len() <= (max * CROWD) as usize);
                prop_assert_eq!(undecided.crowds.len(), undecided.by_origin.len());
            }
        }
    }
}
