//! The training step of ADER at the sizes of DIGINETICA's last period, and its softmax alone.
//!
//! Throughput is in floating-point operations, so that `Gelem/s` reads GFLOP/s; `gemm/2048` is the
//! machine's peak, to hold the others against. `cargo bench --bench session -- --quick`

#![allow(clippy::disallowed_methods, reason = "what is timed, and no result")]

mod support;

use criterion::{Criterion, Throughput};
use harness::nn::Dropout;
use harness::nn::padded;
use harness::nn::softmax::{ItemTable, Onto, OutputSoftmax, Target, TeacherAnswers};
use harness::optim::TfAdam;
use harness::rng::Stream;
use reproductions::models::sasrec::{BatchPart, SasRec, SasRecSizes, Sequences};

/// DIGINETICA, t = 16: new rows and exemplars of a step, items now and before.
const NEW: usize = 256;
const EXEMPLARS: usize = 187;
const ITEMS: usize = 43_105;
const OLD: usize = 43_023;
const SIZES: SasRecSizes = SasRecSizes { items: ITEMS, dim: 150, length: 50, blocks: 2, heads: 1 };
/// Mean items of an input.
const MEAN: f64 = 4.1;

const ADAM: TfAdam = TfAdam { learning_rate: 5e-4 };

/// Forward and backward: six operations for each element of a product of a row and the table.
const fn flops(rows: usize, items: usize) -> u64 {
    6 * (rows * items * SIZES.dim) as u64
}

/// Inputs of 1, 2, ... items, each length as much rarer as a mean of 4.1 wants: one in ten is longer than 9.
fn sequences(n: usize, stream: &mut Stream) -> Sequences {
    let length = |stream: &mut Stream| {
        let drawn = (stream.unit().ln() / (1.0 - 1.0 / MEAN).ln()).ceil() as usize;
        drawn.clamp(1, SIZES.length)
    };
    let inputs: Vec<Vec<u32>> =
        (0..n).map(|_| (0..length(stream)).map(|_| stream.below(ITEMS as u32)).collect()).collect();
    Sequences::new(inputs.iter().map(|input| &input[..]), SIZES.length, ITEMS).expect("items of the table")
}

struct World {
    /// Of the teacher: its table, representations `[EXEMPLARS, padded(dim)]` and their normalisers.
    table: Vec<f32>,
    x: Vec<f32>,
    normalisers: Vec<f32>,
    labels: Vec<u32>,
}

impl World {
    fn new() -> Self {
        let mut stream = Stream::new(0, "bench", "session", 0);
        let table = stream.normals(OLD * SIZES.dim, 0.1);
        let mut x = stream.normals((NEW + EXEMPLARS) * padded(SIZES.dim), 1.0);
        x.chunks_exact_mut(padded(SIZES.dim)).for_each(|row| row[SIZES.dim..].fill(0.0));
        let labels = (0..NEW + EXEMPLARS).map(|_| stream.below(ITEMS as u32)).collect();
        let old = ItemTable { rows: &table, dim: SIZES.dim };
        let normalisers = OutputSoftmax::default().normalisers(old, &x[NEW * padded(SIZES.dim)..]);
        Self { table, x, normalisers, labels }
    }

    fn teacher(&self) -> Target<'_> {
        let table = ItemTable { rows: &self.table, dim: SIZES.dim };
        let representations = &self.x[NEW * padded(SIZES.dim)..];
        Target::Teacher(TeacherAnswers { table, representations, normalisers: &self.normalisers })
    }
}

fn steps(criterion: &mut Criterion, world: &World) {
    let mut stream = Stream::new(0, "bench", "inputs", 0);
    let inputs: Vec<Sequences> = (0..8).map(|_| sequences(NEW + EXEMPLARS, &mut stream)).collect();
    let initial = SIZES.initial(|purpose| Stream::new(0, "bench", purpose, 0));
    let mut model = SasRec::new(initial, Dropout::new(0.3)).expect("the model's own parameters");
    let new = |rows| BatchPart { rows, items: ITEMS, target: Target::Items(&world.labels[..rows]), weight: 1.0 };
    let exemplars = BatchPart { rows: EXEMPLARS, items: OLD, target: world.teacher(), weight: 0.68 };
    let mut group = criterion.benchmark_group("step");
    let mut dropout = Stream::new(0, "bench", "dropout", 0);
    let mut endless = inputs.iter().cycle();
    // The teacher's logits are a third of a forward and backward; the blocks 0.7 million products a row, six times.
    let blocks = 6 * 700_000 * (NEW + EXEMPLARS) as u64;
    group.throughput(Throughput::Elements(flops(NEW, ITEMS) + flops(EXEMPLARS, OLD) * 4 / 3 + blocks));
    group.bench_function("ader/diginetica-16", |bencher| {
        bencher.iter(|| {
            let inputs = endless.next().expect("an endless cycle");
            let losses = model.forward_backward(inputs, &[new(NEW), exemplars], &mut dropout);
            model.step(&ADAM);
            losses.expect("a finite step")
        });
    });
    group.throughput(Throughput::Elements(flops(NEW, ITEMS) + blocks * NEW as u64 / (NEW + EXEMPLARS) as u64));
    let inputs: Vec<Sequences> = (0..8).map(|_| sequences(NEW, &mut stream)).collect();
    let mut endless = inputs.iter().cycle();
    group.bench_function("dropout/diginetica-16", |bencher| {
        bencher.iter(|| {
            let inputs = endless.next().expect("an endless cycle");
            let losses = model.forward_backward(inputs, &[new(NEW)], &mut dropout);
            model.step(&ADAM);
            losses.expect("a finite step")
        });
    });
    group.finish();
    // Without a throughput: no product is made.
    criterion.bench_function("optimiser-alone/diginetica-16", |bencher| bencher.iter(|| model.step(&ADAM)));
}

fn softmaxes(criterion: &mut Criterion, world: &World) {
    let table = Stream::new(0, "bench", "table", 0).normals(ITEMS * SIZES.dim, 0.1);
    let mut softmax = OutputSoftmax::default();
    let stride = padded(SIZES.dim);
    let (mut of_x, mut of_table) = (vec![0.0; world.x.len()], vec![0.0; table.len()]);
    let mut group = criterion.benchmark_group("softmax");
    group.throughput(Throughput::Elements(flops(NEW, ITEMS)));
    group.bench_function("items/diginetica-16", |bencher| {
        bencher.iter(|| {
            let (x, of_x) = (&world.x[..NEW * stride], &mut of_x[..NEW * stride]);
            let onto = Onto { x: of_x, table: &mut of_table };
            softmax.loss(ItemTable { rows: &table, dim: SIZES.dim }, x, Target::Items(&world.labels[..NEW]), 1.0, onto)
        });
    });
    group.throughput(Throughput::Elements(flops(EXEMPLARS, OLD) * 4 / 3));
    group.bench_function("teacher/diginetica-16", |bencher| {
        bencher.iter(|| {
            let (x, of_x) = (&world.x[NEW * stride..], &mut of_x[NEW * stride..]);
            let onto = Onto { x: of_x, table: &mut of_table };
            let known = ItemTable { rows: &table[..OLD * SIZES.dim], dim: SIZES.dim };
            softmax.loss(known, x, world.teacher(), 0.68, onto)
        });
    });
    group.finish();
}

fn main() {
    let mut criterion = support::criterion();
    let world = World::new();
    support::peak(&mut criterion);
    softmaxes(&mut criterion, &world);
    steps(&mut criterion, &world);
    criterion.final_summary();
}
