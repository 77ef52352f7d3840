//! Ranking at CiteULike's sizes; the peer is `torch_bench.py ranking` and `latency-bpr`.
//!
//! `RAYON_NUM_THREADS` sets the threads. Names are stable keys.

mod support;

use std::hint::black_box;

use criterion::{BatchSize, Criterion};
use harness::metrics::{Candidates, Draw, Protocol};
use harness::queries::Queries;
use harness::rank::{Index, Ranker};
use harness::split::HeldOut;
use support::{Factors, USERS};

/// The teacher's and the small student's dimensions.
const DIMS: [usize; 2] = [200, 20];

fn main() {
    let mut c = support::criterion();
    full(&mut c);
    sampled(&mut c);
    serving(&mut c);
    lists(&mut c);
    c.final_summary();
}

/// 5,220 × 25,182 with 6 targets each: Recall, nDCG and MAP at 20.
fn full(c: &mut Criterion) {
    let queries = Queries::of_users(&support::split(6), HeldOut::Test);
    let metrics = ["recall@20", "ndcg@20", "map@20"].map(|m| m.parse().expect("a metric")).to_vec();
    let protocol = Protocol::new(Candidates::Full, metrics).expect("a protocol");
    let ranker = Ranker::new(&protocol, queries).expect("a ranker");
    for dim in DIMS {
        let model = Factors::new(dim);
        c.bench_function(&format!("ranking/full/d{dim}"), |b| {
            b.iter(|| ranker.evaluate(black_box(&model)).expect("finite scores"));
        });
    }
}

/// One held-out item among 499 negatives.
fn sampled(c: &mut Criterion) {
    let queries = Queries::of_users(&support::split(1), HeldOut::Test);
    let names = ["loo-hr@5", "loo-ndcg@5", "loo-mrr@5", "loo-hr@10", "loo-ndcg@10", "loo-mrr@10"];
    let metrics = names.map(|m| m.parse().expect("a metric")).to_vec();
    let candidates = Candidates::Sampled { negatives: 499, seed: 0, draw: Draw::Stream };
    let protocol = Protocol::new(candidates, metrics).expect("a protocol");
    c.bench_function("ranking/draw-negatives-499", |b| {
        let make = |queries| Ranker::new(black_box(&protocol), queries).expect("a ranker");
        b.iter_batched(|| queries.clone(), make, BatchSize::LargeInput);
    });
    let ranker = Ranker::new(&protocol, queries).expect("a ranker");
    for dim in DIMS {
        let model = Factors::new(dim);
        c.bench_function(&format!("ranking/sampled-499/d{dim}"), |b| {
            b.iter(|| ranker.evaluate(black_box(&model)).expect("finite scores"));
        });
    }
}

/// One request: scores of all items and the best 20, on one thread.
fn serving(c: &mut Criterion) {
    let seen = support::split(1).train.sorted();
    for dim in DIMS {
        let model = Factors::new(dim);
        let index = Index::new(&model);
        let mut user = 0;
        let mut next = || {
            user = (user + 1) % USERS as u32;
            user
        };
        c.bench_function(&format!("serving/top-20/d{dim}"), |b| {
            b.iter_batched(
                &mut next,
                |user| index.top_k(user, seen.of(user), 20).expect("finite scores"),
                BatchSize::SmallInput,
            );
        });
    }
}

/// A teacher's lists of 500, with the making of the index.
fn lists(c: &mut Criterion) {
    let seen = support::split(1).train.sorted();
    let users: Vec<u32> = (0..USERS as u32).collect();
    let model = Factors::new(DIMS[0]);
    c.bench_function("ranking/lists-500/d200", |b| {
        b.iter(|| Index::new(&model).top_lists(&users, 500, &|user| seen.of(user)).expect("long enough lists"));
    });
}
