//! Training steps with the terms of RD and CD, DE-RRD's baselines, at the sizes of CiteULike.
//!
//! `cargo bench --bench distill_baselines -- --quick`

#![allow(clippy::disallowed_methods, reason = "what is timed, and no result")]

mod support;

use std::collections::BTreeSet;

use criterion::{Criterion, Throughput};
use harness::optim::Adam;
use harness::rng::Stream;
use harness::split::UserItems;
use reproductions::de_rrd::cd::SoftLabels;
use reproductions::de_rrd::rd::{ListTerm, RdWeighting};
use reproductions::models::bpr::{FusedBpr, of_tables};
use reproductions::models::{Batch, Recommender, Term, TopLists};
use support::{ITEMS, USERS};

/// DE-RRD's batch, and the distinct users in one of CiteULike's.
const BATCH: usize = 1024;
const DISTINCT: usize = 716;
/// φ = 0.1.
const DIM: usize = 20;

/// Steps of BPR with `term`.
fn bench(criterion: &mut Criterion, name: &str, mut term: Box<dyn Term + '_>) {
    let mut group = criterion.benchmark_group("distill");
    group.throughput(Throughput::Elements(BATCH as u64));
    let mut stream = Stream::new(0, "bench", "distill", 0);
    let mut model =
        FusedBpr::new(of_tables(DIM, stream.normals(USERS * DIM, 0.3), stream.normals(ITEMS * DIM, 0.3))).unwrap();
    let adam = Adam { learning_rate: 1e-3, weight_decay: 1e-3 };
    let batches: Vec<(Vec<[u32; 3]>, Vec<u32>)> = (0..50)
        .map(|_| {
            let users = stream.without_replacement(USERS as u32, DISTINCT);
            let triples = (0..BATCH)
                .map(|k| [users[k % DISTINCT], stream.below(ITEMS as u32), stream.below(ITEMS as u32)])
                .collect();
            (triples, users)
        })
        .collect();
    let mut batches = batches.iter().cycle();
    group.bench_function(format!("{name}/step/citeulike/d{DIM}"), |bencher| {
        bencher.iter(|| {
            let (triples, users) = batches.next().expect("an endless cycle");
            let batch = Batch { triples, users, positives: &[], negatives: &[] };
            let mut loss = model.forward_backward(triples).expect("a finite step");
            loss += term.add(&batch, &mut model).expect("a finite step");
            model.step(&adam).expect("a finite step");
            loss
        });
    });
    group.finish();
}

/// `[users, width]` distinct items each.
fn lists(width: usize) -> Vec<u32> {
    let mut stream = Stream::new(0, "bench", "lists", width as u64);
    (0..USERS).flat_map(|_| stream.without_replacement(ITEMS as u32, width)).collect()
}

/// The hybrid phase, with the sizes of the re-implementations: K = 30, ε = 100.
fn rd(criterion: &mut Criterion) {
    let pairs: BTreeSet<(u32, u32)> = {
        let mut stream = Stream::new(0, "bench", "seen", 0);
        (0..115_142).map(|_| (stream.below(USERS as u32), stream.below(ITEMS as u32))).collect()
    };
    let seen = UserItems::from_pairs(USERS, &pairs.into_iter().collect::<Vec<_>>());
    let weighting: toml::Table = toml::from_str(
        "hybrid = { position_lambda = 1, normalised = true, start_epoch = 0, \
         discrepancy = { mu = 0.1, samples = 100, rank_estimate = \"paper\" } }",
    )
    .expect("a table");
    let weighting: RdWeighting = weighting.try_into().expect("a weighting");
    let mut term = ListTerm::new(TopLists::new(30, lists(30)), 1.0, weighting, &seen, ITEMS);
    let mut epoch = 0;
    criterion.bench_function("distill/rd/samples/citeulike", |bencher| {
        bencher.iter(|| {
            epoch += 1;
            term.draw(epoch, Stream::new(0, "bench", "rd.samples", epoch as u64));
        });
    });
    bench(criterion, "rd", Box::new(term));
}

/// 50 items per user.
fn cd(criterion: &mut Criterion) {
    let labels = Stream::new(0, "bench", "labels", 0).normals(USERS * 50, 1.0);
    let labels = labels.into_iter().map(|z| 1.0 / (1.0 + (-z).exp())).collect();
    bench(criterion, "cd", Box::new(SoftLabels::new(50, lists(50), labels, 1.0)));
}

fn main() {
    let mut criterion = support::criterion();
    rd(&mut criterion);
    cd(&mut criterion);
    criterion.final_summary();
}
