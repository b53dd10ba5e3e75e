//! What the machine's clock did: the times at which it was set, so that retention knows how old an event is.

use switchboard_core::{Pos, Time};

/// A difference between the wall's clock and the time that went by from which the clock was set, in milliseconds. What is
/// less is drift.
const SET_MS: u64 = 60_000;
/// How old a note becomes before it is worth another one, in milliseconds.
const NOTE_MS: u64 = 60 * 60 * 1_000;
/// Settings of the clock that are remembered each by itself.
const SETTINGS_MAX: usize = 64;

/// What a machine's clocks say at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    /// What the wall's clock shows.
    pub wall: Time,
    /// Milliseconds since the machine was started, sleep included. Nobody can set it.
    pub uptime_ms: u64,
    /// Which start of the machine that was: a number of the system's; 0 where it gives none.
    pub boot: u128,
}

/// What became of a reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Noted {
    /// The clocks go together.
    Nothing,
    /// The machine was started since, or the last note is old. Worth keeping with the next batch.
    Worth,
    /// The clock was set by so many milliseconds. To be kept before anything else is.
    Set(i64),
}

/// The settings of the wall's clock as far as somebody saw them, by the positions of events.
///
/// Events are to be forgotten by the time that went by since they were stored, which is not what the wall's clock says
/// where it was set meanwhile. A server that runs sees it being set, and so does one that is started again while the
/// machine goes on. Of the time while the machine was off only the clock tells: if it went forward, so much is taken to have
/// gone by, until the clock is set back; if it went back, none is. So an event may be kept for longer than it should be,
/// but nothing is forgotten early by a clock that was set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClockLog {
    /// The start of the machine that `offset_ms` belongs to.
    boot: u128,
    /// The position of the first event since then.
    boot_pos: Pos,
    /// For how long the machine was off before, as far as that is believed, in milliseconds.
    off_ms: u64,
    /// What the wall's clock was ahead of the uptime when it was last noted to be set.
    offset_ms: i64,
    /// What the wall's clock showed at the last note.
    wall: Time,
    /// How far it was set in all: forward is positive. In milliseconds.
    set_ms: i64,
    /// In the order in which they happened.
    settings: Vec<Setting>,
}

/// The clock was set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Setting {
    /// Events from this position on and below the next one were stamped before.
    from: Pos,
    next: Pos,
    /// How far it was set forward; backward if this is negative. In milliseconds.
    by_ms: i64,
}

impl ClockLog {
    /// Whether the clock was set since what is in here, in a way that was not noted yet.
    #[must_use]
    pub fn is_behind(&self, reading: Reading) -> bool {
        self.unnoted_ms(reading) != 0
    }

    /// Whether the last note was taken since the machine was started.
    #[must_use]
    pub const fn is_of_boot(&self, reading: Reading) -> bool {
        reading.boot != 0 && reading.boot == self.boot
    }

    /// Notes what the clocks say before the event with position `next_pos` is stamped.
    pub fn note(&mut self, reading: Reading, next_pos: Pos) -> Noted {
        let by_ms = self.unnoted_ms(reading);
        // Where the system tells no boots apart, the clock is looked at as seldom as elsewhere.
        let is_fresh = reading.wall.0.abs_diff(self.wall.0) < NOTE_MS;
        if reading.boot == 0 && self.wall > Time(0) && is_fresh {
            return Noted::Nothing;
        }
        if !self.is_of_boot(reading) {
            let was_on = self.wall > Time(0);
            if was_on && self.wall > reading.wall {
                let by_ms = -difference_ms(self.wall, reading.wall);
                self.set_ms = self.set_ms.saturating_add(by_ms);
                self.push(0, next_pos, by_ms);
            }
            self.off_ms = if was_on { reading.wall.since(self.wall) } else { 0 };
            (self.boot, self.boot_pos, self.offset_ms) = (reading.boot, next_pos, offset_ms(reading));
        } else if by_ms != 0 {
            self.offset_ms = offset_ms(reading);
            self.set_ms = self.set_ms.saturating_add(by_ms);
            if by_ms > 0 {
                self.push(0, next_pos, by_ms);
            } else {
                // The clock was ahead since the machine was started, and so the machine was off for less.
                let wrong_ms = by_ms.unsigned_abs().min(self.off_ms);
                self.off_ms -= wrong_ms;
                self.push(0, self.boot_pos, by_ms.saturating_add_unsigned(wrong_ms));
                self.push(self.boot_pos, next_pos, by_ms);
            }
        } else if reading.wall.since(self.wall) < NOTE_MS {
            return Noted::Nothing;
        }
        self.wall = reading.wall;
        if by_ms == 0 { Noted::Worth } else { Noted::Set(by_ms) }
    }

    /// What the wall's clock would show if nobody had ever set it, after this reading was noted. It goes on evenly while the
    /// machine does, and so tells how long ago something was.
    #[must_use]
    pub fn unset(&self, reading: Reading) -> Time {
        let time = i128::from(reading.wall.0) - i128::from(self.set_ms);
        Time(u64::try_from(time.max(0)).unwrap_or(u64::MAX))
    }

    /// Which events are older than `age_ms` when the clock shows `now`.
    #[must_use]
    pub fn cutoffs(&self, now: Time, age_ms: u64) -> Cutoffs {
        Cutoffs { settings: self.settings.clone(), before: i128::from(now.0) - i128::from(age_ms) }
    }

    fn push(&mut self, from: Pos, next: Pos, by_ms: i64) {
        if by_ms != 0 && from < next {
            self.settings.push(Setting { from, next, by_ms });
        }
        while self.settings.len() > SETTINGS_MAX {
            self.join_oldest();
        }
    }

    fn unnoted_ms(&self, reading: Reading) -> i64 {
        if !self.is_of_boot(reading) {
            return 0;
        }
        let by_ms = offset_ms(reading).saturating_sub(self.offset_ms);
        if by_ms.unsigned_abs() < SET_MS { 0 } else { by_ms }
    }

    /// Makes one setting of the two oldest, so that no event becomes older than it is.
    fn join_oldest(&mut self) {
        let oldest = self.settings.remove(0);
        // Without a setting back, an event only seems younger.
        if let Some(next) = self.settings.first_mut().filter(|_| oldest.by_ms > 0) {
            *next =
                Setting { from: oldest.from, next: next.next, by_ms: next.by_ms.max(0).saturating_add(oldest.by_ms) };
        }
    }

    /// The log in one line, for the database.
    #[must_use]
    pub fn to_text(&self) -> String {
        let Self { boot, boot_pos, off_ms, offset_ms, wall: Time(wall), set_ms, settings } = self;
        let mut text = format!("{boot:032x} {boot_pos} {off_ms} {offset_ms} {wall} {set_ms}");
        for Setting { from, next, by_ms } in settings {
            text += &format!(" {from}:{next}:{by_ms}");
        }
        text
    }

    /// The log that a line says; none if it is no such line.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut words = text.split(' ');
        let boot = u128::from_str_radix(words.next()?, 16).ok()?;
        let boot_pos = words.next()?.parse().ok()?;
        let off_ms = words.next()?.parse().ok()?;
        let offset_ms = words.next()?.parse().ok()?;
        let wall = Time(words.next()?.parse().ok()?);
        let set_ms = words.next()?.parse().ok()?;
        let setting = |word: &str| {
            let (from, rest) = word.split_once(':')?;
            let (next, by_ms) = rest.split_once(':')?;
            Some(Setting { from: from.parse().ok()?, next: next.parse().ok()?, by_ms: by_ms.parse().ok()? })
        };
        Some(Self {
            boot,
            boot_pos,
            off_ms,
            offset_ms,
            wall,
            set_ms,
            settings: words.map(setting).collect::<Option<_>>()?,
        })
    }
}

fn offset_ms(reading: Reading) -> i64 {
    difference_ms(reading.wall, Time(reading.uptime_ms))
}

fn difference_ms(one: Time, other: Time) -> i64 {
    i64::try_from(i128::from(one.0) - i128::from(other.0)).unwrap_or(i64::MAX)
}

/// Which events are too old, by their times and positions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cutoffs {
    settings: Vec<Setting>,
    /// In milliseconds since the Unix epoch.
    before: i128,
}

impl Cutoffs {
    /// Whether the event of this position, stamped with this time, is too old: by its stamp as a clock would have made it
    /// that had always shown what the machine's shows now.
    #[must_use]
    pub fn is_older(&self, pos: Pos, time: Time) -> bool {
        let later = self.settings.iter().filter(|setting| (setting.from..setting.next).contains(&pos));
        i128::from(time.0) + later.map(|setting| i128::from(setting.by_ms)).sum::<i128>() < self.before
    }
}

/// By time alone.
impl From<Time> for Cutoffs {
    fn from(before: Time) -> Self {
        Self { settings: Vec::new(), before: before.0.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const DAY: u64 = 24 * 60 * 60 * 1_000;
    const NOW: u64 = 20_000 * DAY;

    fn at(wall: u64, uptime_ms: u64) -> Reading {
        Reading { wall: Time(wall), uptime_ms, boot: 7 }
    }

    #[test]
    fn a_step_forward_makes_nothing_old() {
        let mut log = ClockLog::default();
        assert_eq!(log.note(at(NOW - 100 * DAY, 5_000), 1), Noted::Worth);
        assert_eq!(log.note(at(NOW - 100 * DAY + 1_000, 6_000), 10), Noted::Nothing);
        assert!(log.is_behind(at(NOW + 2_000, 7_000)));
        assert_eq!(log.note(at(NOW + 2_000, 7_000), 10), Noted::Set((100 * DAY).cast_signed()));
        assert!(!log.is_behind(at(NOW + 2_000, 7_000)));
        let cutoffs = log.cutoffs(Time(NOW + 2_000), 30 * DAY);
        assert!(!cutoffs.is_older(9, Time(NOW - 100 * DAY + 500)), "it was stored two seconds ago");
        assert!(!cutoffs.is_older(10, Time(NOW + 2_000)));
        assert!(cutoffs.is_older(9, Time(NOW - 131 * DAY)));
        let later = log.cutoffs(Time(NOW + 31 * DAY), 30 * DAY);
        assert!(later.is_older(9, Time(NOW - 100 * DAY + 500)), "and it grows old in its time");
        assert!(later.is_older(10, Time(NOW + 2_000)));
    }

    #[test]
    fn a_step_back_keeps_nothing_for_longer() {
        let mut log = ClockLog::default();
        log.note(at(NOW + 2 * DAY, 1_000), 1);
        assert_eq!(log.note(at(NOW + 1_000, 2_000), 10), Noted::Set(-(2 * DAY).cast_signed()));
        let cutoffs = log.cutoffs(Time(NOW + DAY + 2_000), DAY);
        assert!(cutoffs.is_older(9, Time(NOW + 2 * DAY)), "a day ago, whatever its stamp");
        assert!(cutoffs.is_older(10, Time(NOW + 1_999)));
        assert!(!cutoffs.is_older(10, Time(NOW + 2_000)));
    }

    #[test]
    fn drift_and_sleep_are_no_steps_and_a_restart_of_the_server_hides_none() {
        let mut log = ClockLog::default();
        log.note(at(NOW, 0), 1);
        assert_eq!(log.note(at(NOW + 59_999, 0), 1), Noted::Nothing);
        assert_eq!(log.note(at(NOW + 60_000, 0), 1), Noted::Set(60_000));
        assert_eq!(log.note(at(NOW + 60_000 + 9 * DAY, 9 * DAY), 1), Noted::Worth, "once in a while");
        assert_eq!(log.note(at(NOW + 60_001 + 9 * DAY, 1 + 9 * DAY), 1), Noted::Nothing);
        // What the next process reads.
        let mut again = ClockLog::parse(&log.to_text()).unwrap();
        assert_eq!(again, log);
        let set = at(NOW + 60_000 + 10 * DAY, 9 * DAY);
        assert_eq!(again.note(set, 5), Noted::Set(DAY.cast_signed()));
        assert_eq!(again.unset(set), Time(NOW + 9 * DAY), "as if it had never been set");
        assert_eq!(ClockLog::parse(&again.to_text()), Some(again));
    }

    #[test]
    fn what_happened_while_the_machine_was_off_is_time_that_went_by() {
        let mut log = ClockLog::default();
        log.note(at(NOW, 50), 1);
        let booted = Reading { boot: 8, ..at(NOW + 90 * DAY, 20) };
        assert!(!log.is_behind(booted));
        assert_eq!(log.note(booted, 2), Noted::Worth);
        assert!(log.cutoffs(booted.wall, 30 * DAY).is_older(1, Time(NOW)));
    }

    #[test]
    fn a_machine_that_starts_with_a_wrong_time_loses_nothing_by_it() {
        let other = |wall, uptime_ms| Reading { boot: 8, ..at(wall, uptime_ms) };
        // It starts 90 days ahead, and is set back.
        let mut log = ClockLog::default();
        log.note(at(NOW, 50), 1);
        assert_eq!(log.note(other(NOW + 90 * DAY, 0), 5), Noted::Worth);
        assert_eq!(log.note(other(NOW + DAY, 0), 7), Noted::Set(-(89 * DAY).cast_signed()));
        let cutoffs = log.cutoffs(Time(NOW + DAY), 30 * DAY);
        assert!(!cutoffs.is_older(4, Time(NOW)) && !cutoffs.is_older(5, Time(NOW + 90 * DAY)));
        let cutoffs = log.cutoffs(Time(NOW + 31 * DAY + 1), 30 * DAY);
        assert!(cutoffs.is_older(4, Time(NOW)) && cutoffs.is_older(6, Time(NOW + 90 * DAY)));
        // It starts at the beginning of time, as ones without a clock do, and is set; again and again.
        let mut log = ClockLog::default();
        log.note(at(NOW, 50), 1);
        for boot in 8..20_u64 {
            let day = NOW + (boot - 7) * DAY;
            let pos = boot * 10;
            let start = Reading { boot: boot.into(), wall: Time(1_000), uptime_ms: 1_000 };
            assert_eq!(log.note(start, pos), Noted::Worth);
            assert_eq!(
                log.note(Reading { wall: Time(day), ..start }, pos + 5),
                Noted::Set((day - 1_000).cast_signed())
            );
            // A day it works, and notes the time now and then.
            let hours = (1..=24).map(|hour| hour * DAY / 24);
            for at in hours {
                let hour = Reading { wall: Time(day + at), uptime_ms: 1_000 + at, ..start };
                assert_eq!(log.note(hour, pos + 9), Noted::Worth);
            }
        }
        let now = NOW + 13 * DAY;
        let ages = |days: u64| log.cutoffs(Time(now), days * DAY);
        assert!(!ages(13).is_older(1, Time(NOW)) && ages(11).is_older(1, Time(NOW)), "it works for twelve days");
        assert!(!ages(2).is_older(190, Time(1_000)) && !ages(2).is_older(180, Time(1_500)));
        assert!(ages(5).is_older(120, Time(1_000)) && ages(5).is_older(126, Time(NOW + 5 * DAY)));
    }

    #[test]
    fn where_the_system_tells_no_start_of_the_machine_the_clock_is_believed() {
        let mut log = ClockLog::default();
        let unknown = Reading { boot: 0, ..at(NOW, 20) };
        assert_eq!((log.note(unknown, 2), log.is_behind(unknown)), (Noted::Worth, false));
    }

    #[test]
    fn what_is_no_log_is_none() {
        let head = "1 1 1 1 1 1";
        assert!(ClockLog::parse(head).is_some() && ClockLog::parse(&format!("{head} 5:6:-7")).is_some());
        for tail in [" ", " x", " 5", " 5:6", " -5:1:1", " 5:1:1 "] {
            assert_eq!(ClockLog::parse(&format!("{head}{tail}")), None, "{tail:?}");
        }
        for text in ["", " ", "zz 1 1 1 1 1", "1", "1 1 1 1 1", "1 1 1 1 1 x"] {
            assert_eq!(ClockLog::parse(text), None, "{text:?}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]

        /// However often the clock is set, an event is as old as the time that went by says, and never older.
        #[test]
        fn no_event_is_older_than_it_is(
            steps in proptest::collection::vec((0_u64..3 * DAY, -400_i64..400), 1..100), age in 0_u64..40 * DAY,
        ) {
            let (mut log, mut wall, mut uptime_ms) = (ClockLog::default(), NOW, 1_000);
            let mut events = Vec::new();
            for (pos, (passed, days)) in (1..).zip(steps) {
                uptime_ms += passed;
                wall += passed;
                if days % 3 == 0 {
                    wall = wall.saturating_add_signed(days * DAY.cast_signed());
                }
                log.note(at(wall, uptime_ms), pos);
                events.push((pos, Time(wall), uptime_ms));
            }
            prop_assert!(log.settings.len() <= SETTINGS_MAX);
            let cutoffs = log.cutoffs(Time(wall), age);
            let exact = events.len() <= SETTINGS_MAX;
            for (pos, time, at) in events {
                let is_older = uptime_ms - at > age;
                prop_assert!(!cutoffs.is_older(pos, time) || is_older, "{} of {:?}", pos, log);
                prop_assert!(!exact || cutoffs.is_older(pos, time) == is_older, "{} of {:?}", pos, log);
            }
        }
    }
}
