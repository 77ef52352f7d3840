//! The metrics alone: 5,220 queries, 6 ranks each. Names are stable keys.

mod support;

use std::hint::black_box;

use harness::metrics::{Definition, Metric, Reads};
use harness::rng::Stream;

fn main() {
    let mut c = support::criterion();
    let mut stream = Stream::new(0, "bench", "ranks", 0);
    // Small ranks, so that cutoffs are reached.
    let ranks: Vec<[u32; 6]> = (0..support::USERS)
        .map(|_| {
            let mut ranks: Vec<u32> = stream.without_replacement(60, 6).iter().map(|r| r + 1).collect();
            ranks.sort_unstable();
            ranks.try_into().expect("six ranks")
        })
        .collect();
    for &definition in Definition::all().iter().filter(|definition| definition.reads() == Reads::Ranks) {
        let metric = Metric::new(definition, definition.needs_cutoff().then_some(20)).expect("a metric");
        let targets = if definition.needs_one_target() { 1 } else { 6 };
        c.bench_function(&format!("metrics/{metric}"), |b| {
            b.iter(|| ranks.iter().map(|r| metric.value(&black_box(r)[..targets], targets)).sum::<f64>());
        });
    }
    c.final_summary();
}
