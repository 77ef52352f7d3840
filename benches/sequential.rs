//! Steps of sequential models at Gowalla's sizes: Caser and Fossil, RD's student, a teacher's lists.
//!
//! `cargo bench --bench sequential -- --quick`

mod support;

use std::sync::Arc;

use criterion::{Criterion, Throughput};
use harness::metrics::Scorer;
use harness::nn::Dropout;
use harness::rank::Index;
use harness::rng::Stream;
use harness::split::UserItems;
use reproductions::models::caser::{CaserEncoder, FusedCaser};
use reproductions::models::fossil::FusedFossil;
use reproductions::models::losses::exemplary::exemplary;
use reproductions::models::losses::list_weights::{RankEstimate, discrepancy, hybrid, position};
use reproductions::models::sequence::{
    DrawnBatch, SequentialModel, Streams, Window, WindowBatch, WindowScorer, Windows, id_of, pointwise,
};
use support::gowalla::{ADAM, BATCH, ITEMS, LENGTH, LIST, NEGATIVES, SAMPLES, caser, fossil, sequences, source};

/// Windows, inputs and items of some batches; `added` random items beside each window's own.
struct Batches(Vec<(Vec<Window>, Vec<u32>, Vec<u32>)>);

impl Batches {
    fn new(train: &UserItems, added: usize) -> Self {
        let windows = Windows::new(train, LENGTH, 1).expect("sequences of 33");
        let mut stream = Stream::new(0, "bench", "batches", 0);
        let order = stream.permutation(windows.len());
        let batch = |numbers: &[u32]| {
            let windows: Vec<Window> = numbers.iter().map(|&number| windows.as_slice()[number as usize]).collect();
            let mut inputs = vec![0; windows.len() * LENGTH];
            let mut items = Vec::new();
            for (window, inputs) in windows.iter().zip(inputs.chunks_exact_mut(LENGTH)) {
                window.inputs(train, inputs);
                items.push(id_of(window.targets(train, 1)[0]));
                items.extend((0..NEGATIVES + added).map(|_| id_of(stream.below(ITEMS as u32))));
            }
            (windows, inputs, items)
        };
        Self(order.chunks(BATCH).take(100).map(batch).collect())
    }
}

/// The mean point-wise loss of a batch's windows.
fn plain(_: usize, scores: &[f32], gradients: &mut [f32]) -> f64 {
    let scale = 1.0 / BATCH as f64;
    let loss = scale * pointwise(scores, 1, gradients);
    gradients.iter_mut().for_each(|gradient| *gradient *= scale as f32);
    loss
}

/// With RD's term in its hybrid phase, as the authors' code has it.
fn distilled(fixed: &[f32], scores: &[f32], gradients: &mut [f32]) -> f64 {
    let own = 1 + NEGATIVES;
    let (gradients, of_list) = gradients.split_at_mut(own);
    let loss = plain(0, &scores[..own], gradients);
    let (list, samples) = scores[own..].split_at(LIST);
    discrepancy(RankEstimate::Code, 0.1, ITEMS, list, samples, of_list);
    hybrid(fixed, of_list, false);
    loss + exemplary(list, 1.0 / BATCH as f64, of_list)
}

fn steps(criterion: &mut Criterion, name: &str, model: &mut dyn SequentialModel, batches: &Batches, rd: bool) {
    let mut group = criterion.benchmark_group("step");
    group.throughput(Throughput::Elements(BATCH as u64));
    let fixed = position(LIST, 1.0);
    let rd_loss = |_: usize, scores: &[f32], gradients: &mut [f32]| distilled(&fixed, scores, gradients);
    let mut dropout = Stream::new(0, "bench", "dropout", 0);
    let mut endless = batches.0.iter().cycle();
    group.bench_function(name, |bencher| {
        bencher.iter(|| {
            let (windows, inputs, items) = endless.next().expect("an endless cycle");
            let graded = 1 + NEGATIVES + if rd { LIST } else { 0 };
            let batch = WindowBatch { windows, inputs, items, graded };
            let loss = match rd {
                true => model.forward_backward(&batch, &mut dropout, &rd_loss),
                false => model.forward_backward(&batch, &mut dropout, &plain),
            };
            model.step(&ADAM).expect("a finite step");
            loss.expect("a finite step")
        });
    });
    group.finish();
}

fn training(criterion: &mut Criterion, train: &Arc<UserItems>) {
    let (own, wide) = (Batches::new(train, 0), Batches::new(train, LIST + SAMPLES));
    for dim in [100, 50] {
        let model = || {
            let initial = caser(dim).initial(|purpose| Stream::new(0, "bench", purpose, dim as u64));
            FusedCaser::new(initial, Dropout::new(0.5)).expect("the model's own parameters")
        };
        steps(criterion, &format!("caser/gowalla/d{dim}"), &mut model(), &own, false);
        if dim == 50 {
            steps(criterion, "rd-caser/gowalla/d50", &mut model(), &wide, true);
        }
    }
    for dim in [50, 20] {
        let model = || {
            let initial = fossil(dim).initial(0.01, |purpose| Stream::new(0, "bench", purpose, dim as u64));
            FusedFossil::new(initial, train.clone()).expect("the model's own parameters")
        };
        steps(criterion, &format!("fossil/gowalla/d{dim}"), &mut model(), &own, false);
        if dim == 20 {
            steps(criterion, "rd-fossil/gowalla/d20", &mut model(), &wide, true);
        }
    }
}

/// Inputs and negatives of one batch.
fn sampling(criterion: &mut Criterion, train: &UserItems) {
    let seen = train.sorted();
    let windows = Windows::new(train, LENGTH, 1).expect("sequences of 33");
    let order = Stream::new(0, "bench", "order", 0).permutation(windows.len());
    let mut batches = order.chunks_exact(BATCH).cycle();
    let (source, mut drawn) = (source(train, &seen), DrawnBatch::default());
    let stream = |purpose: &str| Stream::new(0, "bench", purpose, 0);
    let mut streams = Streams { negatives: stream("negatives"), term: stream("term") };
    criterion.bench_function("sampling/windows/batch", |bencher| {
        bencher.iter(|| {
            let numbers = batches.next().expect("an endless cycle");
            drawn.draw(&source, windows.as_slice(), numbers, &mut streams, None);
        });
    });
}

/// A teacher's ten best ids of 4,096 windows: one ninetieth of Gowalla's.
fn lists(criterion: &mut Criterion, train: &Arc<UserItems>) {
    const WINDOWS: usize = 4096;
    let mut group = criterion.benchmark_group("lists");
    group.throughput(Throughput::Elements(WINDOWS as u64));
    let windows = Windows::new(train, LENGTH, 1).expect("sequences of 33");
    let windows = windows.as_slice()[..WINDOWS].to_vec();
    let targets: Vec<[u32; 1]> = windows.iter().map(|window| [id_of(window.targets(train, 1)[0])]).collect();
    let initial = caser(100).initial(|purpose| Stream::new(0, "bench", purpose, 100));
    let encoder = CaserEncoder::new(&initial, train.clone()).expect("the model's own parameters");
    let scorer = WindowScorer::of_windows(Box::new(encoder), windows);
    assert_eq!(scorer.n_items(), ITEMS + 1);
    let queries: Vec<u32> = (0..WINDOWS as u32).collect();
    group.bench_function("caser/gowalla/d100/4096-windows", |bencher| {
        bencher.iter(|| {
            let excluded = |query: u32| &targets[query as usize][..];
            Index::new(&scorer).top_lists(&queries, LIST, &excluded).expect("finite scores")
        });
    });
    group.finish();
}

fn main() {
    let mut criterion = support::criterion();
    let train = Arc::new(sequences());
    training(&mut criterion, &train);
    sampling(&mut criterion, &train);
    lists(&mut criterion, &train);
    criterion.final_summary();
}
