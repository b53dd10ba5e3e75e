//! Many seeds, a while each: whatever is cut, delayed, filled or killed, and whatever the clock shows, the server keeps
//! its word.

use switchboard_sim::run;

/// So long that sessions end and come again, for the first seeds; the others are short, since most faults are found by
/// another beginning.
const LONG: usize = 120;
const SHORT: usize = 40;

fn all_hold(seeds: std::ops::Range<u64>, steps: usize) {
    for seed in seeds {
        if let Err(failure) = run(seed, steps, false) {
            panic!("{failure:?}; again: cargo run -p switchboard-sim -- --seed {seed} --steps {steps} --trace");
        }
    }
}

#[test]
fn the_first_half_of_the_seeds_holds() {
    all_hold(0..50, LONG);
    all_hold(100..550, SHORT);
}

#[test]
fn the_second_half_of_the_seeds_holds() {
    all_hold(50..100, LONG);
    all_hold(550..1_000, SHORT);
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let first = run(7, LONG, false);
    assert_eq!(first, run(7, LONG, false));
    assert_ne!(first, run(8, LONG, false));
}
