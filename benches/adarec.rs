//! AdaRec's teachers and the loss of its output layer, at the sizes of ML-100K (L = 20, 1,268 items).
//!
//! `cargo bench --bench adarec -- --quick`; `benches/peers/adarec_teachers.py` does the same steps in PyTorch.

#![allow(clippy::disallowed_methods, reason = "what is timed, and no result")]

mod support;

use criterion::Criterion;
use harness::nn::{DenseParameter, Dropout, clip_gradients};
use harness::optim::{Adam, Lamb};
use harness::rng::Stream;
use reproductions::models::bert4rec::{Bert4Rec, Bert4RecSizes};
use reproductions::models::nextitnet::{NextItNet, NextItNetSizes};
use reproductions::models::pieces::{
    Distillation, KlDirection, OutputGradients, OutputLayer, OutputLoss, PieceBatch, PieceEncoder, PieceModel,
    PieceOutputs,
};
use reproductions::models::residual_sasrec::{ResidualSasRec, ResidualSasRecSizes};

const ITEMS: usize = 1_268;
const LENGTH: usize = 20;
/// Pieces of a teacher's batch, and of a batch in search.
const BATCH: usize = 128;
const SEARCHED: usize = 64;
/// Training items of a whole piece: two of 20 are held out. Four pieces in five are whole, and 15.4 positions have a label on
/// average (ML-100K: 15.7).
const WHOLE: u32 = 18;

fn batch(stream: &mut Stream, pieces: usize) -> PieceBatch {
    let rows: Vec<Vec<u32>> = (0..pieces)
        .map(|_| {
            let items = if stream.below(5) == 0 { 2 + stream.below(WHOLE - 2) } else { WHOLE };
            (0..items).map(|_| stream.below(ITEMS as u32)).collect()
        })
        .collect();
    let mut batch = PieceBatch::new(LENGTH);
    batch.set(rows.iter().map(|row| &row[..])).expect("pieces of two items and more");
    batch
}

fn init(purpose: &str) -> Stream {
    Stream::new(0, "bench", purpose, 0)
}

/// Whole steps of training.
fn steps(criterion: &mut Criterion, name: &str, model: &mut dyn PieceModel, step: impl Fn(&mut [&mut DenseParameter])) {
    let mut stream = init("pieces");
    let batches: Vec<PieceBatch> = (0..8).map(|_| batch(&mut stream, BATCH)).collect();
    let mut endless = batches.iter().cycle();
    let mut dropout = init("dropout");
    criterion.bench_function(&format!("teacher-step/{name}"), |bencher| {
        bencher.iter(|| {
            let loss = model.forward_backward(endless.next().expect("an endless cycle"), &mut dropout);
            step(&mut model.parameters_mut());
            loss.expect("a batch that fits")
        });
    });
}

/// What a search step reads of a teacher.
fn outputs(criterion: &mut Criterion, name: &str, encoder: &dyn PieceEncoder) {
    let batch = batch(&mut init("pieces"), SEARCHED);
    let mut out = PieceOutputs::default();
    criterion.bench_function(&format!("teacher-outputs/{name}"), |bencher| {
        bencher.iter(|| encoder.outputs(batch.inputs(), &mut out));
    });
}

fn output_layer(criterion: &mut Criterion) {
    let (classes, width, of_teacher) = (ITEMS + 1, 16, 64);
    let batch = batch(&mut init("pieces"), SEARCHED);
    let rows = batch.labels().len();
    let mut stream = init("output");
    let mut draw = |n: usize| stream.normals(n, 0.3);
    let (x, weights, bias) = (draw(rows * width), draw(classes * width), draw(classes));
    let (representations, teacher, teacher_bias) = (draw(rows * of_teacher), draw(classes * of_teacher), draw(classes));
    let (mut of_x, mut of_weights, mut of_bias) = (x.clone(), weights.clone(), bias.clone());
    let layer = OutputLayer { weights: &weights, bias: &bias, width };
    let distillation = Distillation {
        representations: &representations,
        layer: OutputLayer { weights: &teacher, bias: &teacher_bias, width: of_teacher },
        direction: KlDirection::StudentTeacher,
        weight: 0.5 / SEARCHED as f64,
    };
    let mut loss = OutputLoss::default();
    for (name, teacher) in [("ce", None), ("ce-kd", Some(&distillation))] {
        criterion.bench_function(&format!("output/{name}-c16"), |bencher| {
            bencher.iter(|| {
                let onto = OutputGradients { x: &mut of_x, weights: &mut of_weights, bias: &mut of_bias };
                loss.loss(layer, &x, batch.labels(), 0.5, teacher, onto)
            });
        });
    }
}

fn main() {
    let mut criterion = support::criterion();
    support::peak(&mut criterion);
    output_layer(&mut criterion);
    let sizes = NextItNetSizes { items: ITEMS, width: 64, length: LENGTH, groups: 4, dilations: vec![1, 4] };
    let mut model = NextItNet::new(sizes.initial(init), Dropout::new(0.0)).expect("the model's own parameters");
    let adam = Adam { learning_rate: 1e-3, weight_decay: 1e-7 };
    steps(&mut criterion, "nextitnet-w64-4", &mut model, |parameters| {
        clip_gradients(parameters, 5.0);
        parameters.iter_mut().for_each(|parameter| parameter.step(&adam));
    });
    outputs(&mut criterion, "nextitnet-w64-4", &model.encoder());
    let sizes = ResidualSasRecSizes { items: ITEMS, width: 64, length: LENGTH, blocks: 4, heads: 4 };
    let mut model = ResidualSasRec::new(sizes.initial(init), Dropout::new(0.2)).expect("the model's own parameters");
    let lamb = Lamb { learning_rate: 5e-3, weight_decay: 0.01 };
    steps(&mut criterion, "residual-sasrec-w64-4", &mut model, |parameters| {
        parameters.iter_mut().for_each(|parameter| parameter.step_lamb(&lamb));
    });
    outputs(&mut criterion, "residual-sasrec-w64-4", &model.encoder());
    let sizes = Bert4RecSizes { items: ITEMS, width: 64, length: LENGTH, blocks: 4, heads: 4, asks_by_mask: false };
    let mut model = Bert4Rec::new(sizes.initial(init), Dropout::new(0.1)).expect("the model's own parameters");
    steps(&mut criterion, "bert4rec-w64-4", &mut model, |parameters| {
        clip_gradients(parameters, 5.0);
        parameters.iter_mut().for_each(|parameter| parameter.step_lamb(&lamb));
    });
    outputs(&mut criterion, "bert4rec-w64-4", &model.encoder());
    criterion.final_summary();
}
