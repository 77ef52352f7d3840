//! What a report is made of: reading a committed record, and judging one claim over its queries. Names are stable keys.

mod support;

use std::hint::black_box;
use std::path::Path;

use harness::compare::{Measurements, findings};
use harness::record::{Record, Records, Stored as _};
use harness::spec;

/// A record of 5,219 queries and several evaluations, and one of some 60,000 queries over four periods.
const READ: [&str; 2] = ["de_rrd/citeulike/paper/rrd/seed-0.json", "ader/diginetica/cpu/ader/seed-0.json"];

fn main() {
    let mut c = support::criterion();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for name in READ {
        let file = root.join("results").join(name);
        c.bench_function(&format!("records/read/{}", name.split('/').next().expect("a folder")), |b| {
            b.iter(|| Record::read(black_box(&file)).expect("a committed record"));
        });
    }
    let file = root.join("reproductions/de_rrd/citeulike.toml");
    let spec = spec::load(&file, None, &reproductions::registry()).expect("a committed spec");
    let records = Records::read(&root.join("results/de_rrd/citeulike/paper")).expect("committed records");
    let records: Vec<Record> = records.iter().map(|(_, record)| record.clone()).collect();
    c.bench_function("records/claim", |b| {
        b.iter(|| findings(&spec.claims[..1], &[], &Measurements::of_runs(black_box(&records))));
    });
    c.final_summary();
}
