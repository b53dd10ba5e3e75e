//! Virtual time: what is going to happen, in order, and the trace of what did.

use crate::prng::Random;
use crate::wall::Wall;
use std::collections::BTreeMap;
use std::fmt::{self, Write};

/// Microseconds since the run began.
pub(crate) type Micros = u64;

/// A millisecond.
pub(crate) const MS: Micros = 1_000;

/// What is going to happen, ordered by time, and at the same time by when it was put in.
#[derive(Debug)]
pub(crate) struct Agenda<T> {
    entries: BTreeMap<(Micros, u64), T>,
    number: u64,
    pub(crate) now: Micros,
}

impl<T> Agenda<T> {
    pub(crate) const fn new() -> Self {
        Self { entries: BTreeMap::new(), number: 0, now: 0 }
    }

    /// Puts something in at a time, which is not before now.
    pub(crate) fn at(&mut self, when: Micros, what: T) {
        self.number += 1;
        self.entries.insert((when.max(self.now), self.number), what);
    }

    /// Takes the next entry up to `until`, and goes to its time; when there is none, goes to `until`.
    pub(crate) fn next(&mut self, until: Micros) -> Option<T> {
        match self.entries.first_key_value() {
            Some(((when, _), _)) if *when <= until => {
                let ((when, _), what) = self.entries.pop_first()?;
                self.now = when;
                Some(what)
            }
            Some(_) | None => {
                self.now = self.now.max(until);
                None
            }
        }
    }
}

/// What every part of the world needs: the agenda, the chance, the trace, and the machine's clock.
pub(crate) struct Context<T> {
    pub(crate) agenda: Agenda<T>,
    pub(crate) random: Random,
    pub(crate) trace: Trace,
    pub(crate) wall: Wall,
}

impl<T> Context<T> {
    pub(crate) const fn now(&self) -> Micros {
        self.agenda.now
    }

    /// Puts something in after a delay between these, in microseconds.
    pub(crate) fn after(&mut self, low: Micros, high: Micros, what: T) {
        let delay = self.random.between(low, high);
        self.agenda.at(self.agenda.now + delay, what);
    }

    pub(crate) fn note(&mut self, what: fmt::Arguments<'_>) {
        self.trace.note(self.agenda.now, what);
    }
}

/// The trace of a run: a hash of every line, and the lines themselves when somebody wants to read them.
#[derive(Debug)]
pub(crate) struct Trace {
    hash: u64,
    lines: u64,
    print: bool,
}

impl Trace {
    pub(crate) const fn new(print: bool) -> Self {
        // The offset basis of FNV-1a.
        Self { hash: 0xcbf2_9ce4_8422_2325, lines: 0, print }
    }

    pub(crate) const fn hash(&self) -> u64 {
        self.hash
    }

    pub(crate) const fn lines(&self) -> u64 {
        self.lines
    }

    fn note(&mut self, now: Micros, what: fmt::Arguments<'_>) {
        if self.print {
            println!("{:>10}.{:03} {what}", now / MS, now % MS);
        }
        self.lines += 1;
        // Hashing cannot fail.
        let _ = writeln!(self, "{now} {what}");
    }
}

impl Write for Trace {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            self.hash = (self.hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        Ok(())
    }
}
