//! Small pieces of the work that a message makes, each with a budget of instructions.
//!
//! Time differs from machine to machine and from minute to minute; the number of instructions hardly does, so it can be
//! a gate. `switchboard-gates` counts them with callgrind and compares them with the budgets; `benches/` has the same
//! work for gungraun, which shows where the instructions are, and for criterion, which shows the time.

mod applying;
mod decoding;
mod encoding;
#[cfg(feature = "shard")]
mod flushing;
mod samples;

/// A piece of work.
#[derive(Clone, Copy, Debug)]
pub struct Work {
    /// Its name on the command line.
    pub name: &'static str,
    /// The most instructions that doing it once may take, in a release build on `x86_64`.
    pub budget: u64,
    make: fn() -> Box<dyn FnMut()>,
}

impl Work {
    /// All the work there is.
    pub const ALL: &'static [Self] = &[
        // 300 of them take off what nobody sees at the ends of a line, and a backspace within it.
        work("decode-text", 1_580, decoding::text),
        work("decode-json", 6_900, decoding::json),
        work("decode-socketio", 5_300, decoding::socketio),
        work("apply", 300, applying::message),
        work("encode-text", 1_270, encoding::text),
        work("encode-json", 3_650, encoding::json),
        work("encode-socketio", 3_700, encoding::socketio),
        #[cfg(feature = "shard")]
        work("flush", 440_000, flushing::thousand),
    ];

    /// The work of this name.
    #[must_use]
    pub fn find(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|work| work.name == name)
    }

    /// Prepares everything, and gives what does the work once with each call.
    #[must_use]
    pub fn prepare(&self) -> Box<dyn FnMut()> {
        (self.make)()
    }
}

const fn work(name: &'static str, budget: u64, make: fn() -> Box<dyn FnMut()>) -> Work {
    Work { name, budget, make }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_piece_of_work_can_be_repeated_and_found() {
        for work in Work::ALL {
            let mut once = Work::find(work.name).unwrap().prepare();
            (0..3).for_each(|_| once());
        }
        assert!(Work::find("nothing").is_none());
    }
}
