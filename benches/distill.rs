//! Steps of distillation terms at the sizes of the papers.
//!
//! `cargo bench --bench distill -- --quick`; `gemm/2048` is the machine's peak, to hold the others against.

mod support;

use criterion::{Criterion, Throughput};
use harness::optim::Adam;
use harness::rng::Stream;
use reproductions::de_rrd::de::De;
use reproductions::models::bpr::{FusedBpr, of_tables};
use reproductions::models::{Batch, Recommender, Term};
use support::{ITEMS, USERS};

/// A step of DE at DE-RRD's sizes on CiteULike (BPR, φ = 0.1): the distinct entities of a full batch, at
/// temperatures of epochs 0, 101 and 201. Throughput is in FLOP of the experts that serve.
fn de(criterion: &mut Criterion) {
    const WIDTH: usize = 20;
    const OF_TEACHER: usize = 200;
    let stream = |purpose: &str, epoch: usize| Stream::new(0, "bench", purpose, epoch as u64);
    let mut draws = stream("de", 0);
    let mut group = criterion.benchmark_group("distill/de/citeulike");
    for temperature in ["1", "0.1", "0.01"] {
        let options = toml::from_str(&format!(
            "lambda = 0.01\nexperts = 30\ndistance = \"squared\"\ntemperature_start = {temperature}\n\
             temperature_end = 1e-10\ntemperature_epochs = 1000\ngate_epsilon = 1e-10"
        ))
        .expect("the authors' options");
        let teachers = [USERS, ITEMS].map(|n| (OF_TEACHER, draws.normals(n * OF_TEACHER, 0.1)));
        let mut term = De::of_representations(teachers, WIDTH, options, stream);
        let mut student =
            FusedBpr::new(of_tables(WIDTH, draws.normals(USERS * WIDTH, 0.1), draws.normals(ITEMS * WIDTH, 0.1)))
                .unwrap();
        let users = draws.without_replacement(USERS as u32, 716);
        let positives = draws.without_replacement(ITEMS as u32, 959);
        let negatives = draws.without_replacement(ITEMS as u32, 1003);
        let batch = Batch { triples: &[], users: &users, positives: &positives, negatives: &negatives };
        let adam = Adam { learning_rate: 1e-3, weight_decay: 1e-3 };
        let mut step = |term: &mut De| {
            // Forgets what the last step added.
            student.forward_backward(&[]).expect("an empty batch");
            let loss = term.add(&batch, &mut student).expect("a finite step");
            term.step(&adam).expect("a finite step");
            loss
        };
        step(&mut term);
        group.throughput(Throughput::Elements(term.work()));
        group.bench_function(format!("tau={temperature}"), |bencher| bencher.iter(|| step(&mut term)));
    }
    group.finish();
}

fn main() {
    let mut criterion = support::criterion();
    support::peak(&mut criterion);
    de(&mut criterion);
    criterion.final_summary();
}
