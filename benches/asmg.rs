//! Steps of ASMG's methods at the sizes of taobao.
//!
//! `cargo bench --bench asmg -- --quick`

#![allow(clippy::disallowed_methods, reason = "what is timed, and no result")]

mod support;

use criterion::{Criterion, Throughput};
use harness::metrics::Scorer;
use harness::optim::TfAdam;
use harness::queries::Queries;
use harness::rng::Stream;
use harness::split::{HeldOut, Samples};
use reproductions::asmg::generator::cell::Squash;
use reproductions::asmg::generator::gru::Gru;
use reproductions::asmg::generator::model_generator::ModelGenerator;
use reproductions::asmg::generator::past_models::{Coordinates, PastModel};
use reproductions::asmg::generator::sequence_batch::SequenceBatch;
use reproductions::asmg::generator::sequence_loss::SequenceLoss;
use reproductions::models::embedding_mlp::{EmbeddingMlp, EmbeddingMlpScorer, EmbeddingMlpSizes, LocalBatch};

const USERS: usize = 31_882;
const ITEMS: usize = 30_985;
const BATCH: usize = 256;
/// Samples of ten periods, those of the pre-training.
const SAMPLES: usize = 230_580;
const PERIOD: usize = 23_058;

const SIZES: EmbeddingMlpSizes =
    EmbeddingMlpSizes { users: USERS, items: ITEMS, categories: None, dim: 8, hidden: [12, 6] };

/// Draws ids with probability ∝ rank^−`exponent`, ranks shuffled over the ids.
struct Zipf {
    cumulative: Vec<f64>,
    ids: Vec<u32>,
}

impl Zipf {
    fn new(n: usize, exponent: f64, stream: &mut Stream) -> Self {
        let mut sum = 0.0;
        let mut add = |rank: usize| {
            sum += (rank as f64).powf(-exponent);
            sum
        };
        Self { cumulative: (1..=n).map(&mut add).collect(), ids: stream.permutation(n) }
    }

    fn draw(&self, stream: &mut Stream) -> u32 {
        let draw = stream.unit() * self.cumulative[self.cumulative.len() - 1];
        self.ids[self.cumulative.partition_point(|&c| c < draw).min(self.ids.len() - 1)]
    }
}

/// A positive and a negative for each impression; histories of 6.7 items in the mean, at most 30. The peer in PyTorch draws
/// from the same distributions.
fn samples() -> Samples {
    let mut stream = Stream::new(0, "bench", "asmg", 0);
    let (users, items) = (Zipf::new(USERS, 0.5, &mut stream), Zipf::new(ITEMS, 0.8, &mut stream));
    let mut samples = Samples::default();
    let mut history = Vec::new();
    for _ in 0..SAMPLES / 2 {
        let length = (-7.4 * (1.0 - stream.unit()).ln()).floor().min(30.0) as usize;
        history.clear();
        history.extend((0..length).map(|_| items.draw(&mut stream)));
        let user = users.draw(&mut stream);
        let (positive, negative) = (items.draw(&mut stream), stream.below(ITEMS as u32));
        samples.push(user, &history, &[(positive, true), (negative, false)]);
    }
    samples
}

/// A training step of the base model, Adam over all rows included.
fn base(criterion: &mut Criterion, samples: &Samples) {
    let mut group = criterion.benchmark_group("asmg/base");
    group.throughput(Throughput::Elements(BATCH as u64));
    let weights = SIZES.initial(|purpose| Stream::new(0, "bench", purpose, 0));
    let mut model = EmbeddingMlp::new(weights.into()).expect("the model's own weights");
    let adam = TfAdam { learning_rate: 1e-3 };
    let mut batch = LocalBatch::new(&model.sizes());
    let order = Stream::new(0, "bench", "order", 0).permutation(SAMPLES);
    let mut batches = order.chunks_exact(BATCH).cycle();
    let mut step = || {
        batch.clear();
        batch.push(samples.range(0..SAMPLES), batches.next().expect("an endless cycle"), None);
        let loss = model.forward_backward(&batch);
        model.step(&batch, &adam);
        loss
    };
    // A whole epoch first, after which rows are as far behind as they always are.
    for _ in 0..SAMPLES / BATCH {
        step();
    }
    group.bench_function("taobao", |bencher| bencher.iter(&mut step));
    group.finish();
}

/// Scores of a period's samples, and of all items for one user.
fn scores(criterion: &mut Criterion, samples: &Samples) {
    let weights = SIZES.initial(|purpose| Stream::new(0, "bench", purpose, 0)).into();
    let queries = Queries::of_samples(samples.range(0..PERIOD), ITEMS, HeldOut::Test);
    let mut group = criterion.benchmark_group("asmg/scores");
    group.throughput(Throughput::Elements(PERIOD as u64));
    let mut scores = vec![0.0; ITEMS];
    group.bench_function("period/taobao", |bencher| {
        bencher.iter(|| {
            let scorer = EmbeddingMlpScorer::new(&weights, &queries).expect("the model's own weights");
            for pair in queries.pairs() {
                scorer.score(pair.asker, &[pair.item], &mut scores[..1]);
            }
            scores[0]
        });
    });
    group.throughput(Throughput::Elements(ITEMS as u64));
    let scorer = EmbeddingMlpScorer::new(&weights, &queries).expect("the model's own weights");
    group.bench_function("all-items/taobao", |bencher| bencher.iter(|| scorer.score_all(0, &mut scores)));
    group.finish();
}

/// A training step of the generator, k = 3, d = 4 and 8: the proposed variant, and the one with a loss on the newest data alone.
/// Then what happens once a period: the whole model that is served.
fn generator(criterion: &mut Criterion, samples: &Samples) {
    let (sizes, mut stream) = (SIZES, Stream::new(0, "bench", "generator", 0));
    let coordinates = Coordinates::of(&sizes);
    let models: Vec<PastModel> = (0..3)
        .map(|period| {
            let tensors = coordinates.iter().map(|of| stream.normals(of.rows * of.columns, 0.1)).collect();
            PastModel { period, tensors }
        })
        .collect();
    let orders: Vec<Vec<u32>> = (0..3).map(|_| stream.permutation(PERIOD)).collect();
    let adam = TfAdam { learning_rate: 1e-2 };
    let mut group = criterion.benchmark_group("asmg/generator");
    for (name, d, loss) in [
        ("multi/taobao", 4, SequenceLoss::Linear),
        ("multi/taobao/d8", 8, SequenceLoss::Linear),
        ("single/taobao", 4, SequenceLoss::Last),
    ] {
        let mut gru = Gru::new(sizes, d, Squash::Linear, true, |purpose| Stream::new(0, "bench", purpose, 0));
        // States that are not zero.
        gru.advance(&models[0]);
        let mut batch = SequenceBatch::new(sizes);
        let mut number = 0;
        group.throughput(Throughput::Elements(BATCH as u64));
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                batch.clear();
                for (set, weight) in loss.weights(3).into_iter().enumerate().rev().filter(|(_, weight)| *weight > 0.0) {
                    let chunk = orders[set].chunks_exact(BATCH).nth(number).expect("as many of each set");
                    let samples = samples.range(set * PERIOD..(set + 1) * PERIOD);
                    batch.push(samples, chunk, None, weight);
                }
                number = (number + 1) % (PERIOD / BATCH);
                let losses = batch.forward_backward(&mut gru, &models);
                gru.tensors_mut().iter_mut().for_each(|tensor| tensor.step(&adam));
                losses
            });
        });
        if name == "multi/taobao" {
            group.throughput(Throughput::Elements((USERS + ITEMS) as u64));
            group.bench_function("serve/taobao", |bencher| bencher.iter(|| gru.whole(&models)));
        }
    }
    group.finish();
}

fn main() {
    let mut criterion = support::criterion();
    let samples = samples();
    generator(&mut criterion, &samples);
    base(&mut criterion, &samples);
    scores(&mut criterion, &samples);
    criterion.final_summary();
}
