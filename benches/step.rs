//! Training steps at the sizes of the papers.
//!
//! `cargo bench --bench step -- --quick`

#![allow(clippy::disallowed_methods, reason = "what is timed, and no result")]

mod support;

use criterion::{Criterion, Throughput};
use harness::optim::Adam;
use harness::rng::Stream;
use harness::split::{Split, UserItems};
use harness::train::TrainingPairs;
use reproductions::models::bpr::{FusedBpr, of_tables};
use reproductions::models::neumf::{FusedNeuMf, initial};
use reproductions::models::{Lists, Recommender, Side};
use support::{ITEMS, USERS};

/// DE-RRD's batch.
const BATCH: usize = 1024;

/// Popularity rank^-0.8 with ranks shuffled over the items, as in the PyTorch side of the comparison.
fn zipf(stream: &mut Stream, draws: usize) -> Vec<u32> {
    let mut cumulative: Vec<f64> = Vec::with_capacity(ITEMS);
    let mut sum = 0.0;
    for rank in 1..=ITEMS {
        sum += (rank as f64).powf(-0.8);
        cumulative.push(sum);
    }
    let items = stream.permutation(ITEMS);
    (0..draws)
        .map(|_| {
            let draw = stream.unit() * sum;
            items[cumulative.partition_point(|&c| c < draw).min(ITEMS - 1)]
        })
        .collect()
}

fn bpr(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("step/bpr");
    group.throughput(Throughput::Elements(BATCH as u64));
    for dim in [200, 20] {
        let mut stream = Stream::new(0, "bench", "step", dim as u64);
        let mut model =
            FusedBpr::new(of_tables(dim, stream.normals(USERS * dim, 0.01), stream.normals(ITEMS * dim, 0.01)))
                .unwrap();
        let adam = Adam { learning_rate: 1e-3, weight_decay: 1e-3 };
        let positives = zipf(&mut stream, 100 * BATCH);
        let triples: Vec<[u32; 3]> =
            positives.into_iter().map(|p| [stream.below(USERS as u32), p, stream.below(ITEMS as u32)]).collect();
        let mut batches = triples.chunks(BATCH).cycle();
        group.bench_function(format!("citeulike/d{dim}"), |bencher| {
            bencher.iter(|| {
                let batch = batches.next().expect("an endless cycle");
                let loss = model.forward_backward(batch).expect("a finite step");
                model.step(&adam).expect("a finite step");
                loss
            });
        });
    }
    group.finish();
}

/// `lists`: besides, a list of 80 items for each of 716 users, as RRD adds to a student's step.
fn neumf(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("step/neumf");
    group.throughput(Throughput::Elements(BATCH as u64));
    for (dim, with_lists) in [(250, false), (25, false), (25, true)] {
        let init = initial(USERS, ITEMS, dim, 0.01, |purpose| Stream::new(0, "bench", purpose, dim as u64));
        let mut model = FusedNeuMf::new(init).expect("the model's own parameters");
        let mut stream = Stream::new(0, "bench", "step", dim as u64);
        let adam = Adam { learning_rate: 1e-3, weight_decay: 1e-4 };
        let positives = zipf(&mut stream, 100 * BATCH);
        let triples: Vec<[u32; 3]> =
            positives.into_iter().map(|p| [stream.below(USERS as u32), p, stream.below(ITEMS as u32)]).collect();
        let mut lists = Lists::new();
        for user in stream.without_replacement(USERS as u32, 716) {
            let head = zipf(&mut stream, 40);
            lists.push(user, head.into_iter().chain((0..40).map(|_| stream.below(ITEMS as u32))));
        }
        let mut batches = triples.chunks(BATCH).cycle();
        let name = if with_lists { format!("citeulike/d{dim}/lists") } else { format!("citeulike/d{dim}") };
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let batch = batches.next().expect("an endless cycle");
                let mut loss = model.forward_backward(batch).expect("a finite step");
                if with_lists {
                    let halves = |_: usize, scores: &[f32], gradients: &mut [f32]| {
                        gradients.copy_from_slice(scores);
                        scores.iter().map(|score| f64::from(0.5 * score * score)).sum()
                    };
                    loss += model.add_lists(Side::User, lists.clone(), &halves).expect("a finite step");
                }
                model.step(&adam).expect("a finite step");
                loss
            });
        });
    }
    group.finish();
}

/// One epoch's negatives and order for CiteULike's 115,142 training pairs.
fn sampling(criterion: &mut Criterion) {
    let mut stream = Stream::new(0, "bench", "sampling", 0);
    let pairs: Vec<(u32, u32)> =
        (0..115_142).map(|_| (stream.below(USERS as u32), stream.below(ITEMS as u32))).collect();
    let none = UserItems::from_pairs(USERS, &[]);
    let train = UserItems::from_pairs(USERS, &pairs);
    let split = Split { n_users: USERS, n_items: ITEMS, train, valid: none.clone(), test: none };
    let seen = split.train.sorted();
    let training = TrainingPairs::new(&split, &seen).expect("pairs to train on");
    let mut epoch = 0;
    criterion.bench_function("sampling/epoch/citeulike", |bencher| {
        bencher.iter(|| {
            epoch += 1;
            let stream = |purpose| Stream::new(0, "bench", purpose, epoch);
            training.epoch(&mut stream("negatives"), &mut stream("order"))
        });
    });
}

fn main() {
    let mut criterion = support::criterion();
    bpr(&mut criterion);
    neumf(&mut criterion);
    sampling(&mut criterion);
    criterion.final_summary();
}
