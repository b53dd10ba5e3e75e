//! Many seeds, a while each: whatever is cut, delayed, filled or killed, the server keeps its word.

use switchboard_sim::run;

const STEPS: usize = 120;

fn all_hold(seeds: std::ops::Range<u64>) {
    for seed in seeds {
        if let Err(failure) = run(seed, STEPS, false) {
            panic!("{failure:?}; again: cargo run -p switchboard-sim -- --seed {seed} --steps {STEPS} --trace");
        }
    }
}

#[test]
fn the_first_half_of_the_seeds_holds() {
    all_hold(0..25);
}

#[test]
fn the_second_half_of_the_seeds_holds() {
    all_hold(25..50);
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let first = run(7, STEPS, false);
    assert_eq!(first, run(7, STEPS, false));
    assert_ne!(first, run(8, STEPS, false));
}
