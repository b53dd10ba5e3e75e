//! The instructions of each piece of work, under gungraun: `cargo xtask long gates`. It needs valgrind and
//! `gungraun-runner` in the version of the lock file.

use gungraun::{Callgrind, EventKind, LibraryBenchmarkConfig, library_benchmark, library_benchmark_group, main};
use switchboard_gates::Work;

type Once = Box<dyn FnMut()>;

/// How often the work is done in what is counted.
const TIMES: u64 = 64;

/// Everything is prepared, and done once, so that what happens only the first time is left out.
fn prepare(name: &str) -> Once {
    let mut once = Work::find(name).expect("it is one of those there are").prepare();
    once();
    once
}

fn limit(name: &str) -> LibraryBenchmarkConfig {
    let budget = Work::find(name).expect("it is one of those there are").budget;
    let mut config = LibraryBenchmarkConfig::default();
    config.tool(Callgrind::default().hard_limits([(EventKind::Ir, budget * TIMES)]));
    config
}

#[library_benchmark(setup = prepare)]
#[bench::decode_text(args = ("decode-text"), config = limit("decode-text"))]
#[bench::decode_json(args = ("decode-json"), config = limit("decode-json"))]
#[bench::decode_socketio(args = ("decode-socketio"), config = limit("decode-socketio"))]
#[bench::apply(args = ("apply"), config = limit("apply"))]
#[bench::encode_text(args = ("encode-text"), config = limit("encode-text"))]
#[bench::encode_json(args = ("encode-json"), config = limit("encode-json"))]
#[bench::encode_socketio(args = ("encode-socketio"), config = limit("encode-socketio"))]
#[bench::flush(args = ("flush"), config = limit("flush"))]
fn work(mut once: Once) -> Once {
    for _ in 0..TIMES {
        once();
    }
    once
}

library_benchmark_group!(name = message, benchmarks = work);
main!(library_benchmark_groups = message);
