//! The time of each piece of work: `cargo bench --manifest-path crates/gates/benches/Cargo.toml --bench time`.

use criterion::{Criterion, criterion_group, criterion_main};
use switchboard_gates::Work;

fn works(criterion: &mut Criterion) {
    for work in Work::ALL {
        let mut once = work.prepare();
        criterion.bench_function(work.name, |bencher| bencher.iter(&mut once));
    }
}

criterion_group!(benches, works);
criterion_main!(benches);
