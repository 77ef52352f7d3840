//! The step by hand against the padded graph, itself on other threads, and itself resumed.

use candle_core::{Device, Tensor};

use super::graph::Graph;
use super::*;
use crate::kit::{gap, same_on_threads};
use crate::models::sasrec::dropout::Masks;
use crate::models::sasrec::forward::GROUP;
use harness::nn::softmax::OutputSoftmax;

/// Inputs, more than one group, of 1 to L items and more; then the labels of the first ones, new rows.
struct Batch {
    sequences: Sequences,
    labels: Vec<u32>,
    /// Exemplars: a teacher's answers over the items that it knew.
    old_table: Vec<f32>,
    answers: Vec<f32>,
}

const NEW: usize = 43;
const EXEMPLARS: usize = 29;
/// Items seen so far, and those that the teacher knew.
const KNOWN: usize = 80;
const OLD: usize = 61;
const WEIGHT: f64 = 0.77;

fn batch(sizes: &SasRecSizes, step: u64) -> Batch {
    let mut stream = Stream::new(0, "sasrec-test", "batch", step);
    let inputs: Vec<Vec<u32>> = (0..NEW + EXEMPLARS)
        .map(|_| (0..1 + stream.below(sizes.length as u32 + 3)).map(|_| stream.below(KNOWN as u32)).collect())
        .collect();
    let labels = (0..NEW + EXEMPLARS).map(|_| stream.below(KNOWN as u32)).collect();
    let normals = |n: usize| Stream::new(0, "sasrec-test", "teacher", n as u64).normals(n, 0.7);
    let rows = normals(EXEMPLARS * sizes.dim);
    let pad = vec![0.0; padded(sizes.dim) - sizes.dim];
    let answers = rows.chunks_exact(sizes.dim).flat_map(|row| row.iter().copied().chain(pad.clone())).collect();
    Batch { sequences: sequences(sizes, &inputs), labels, old_table: normals(OLD * sizes.dim), answers }
}

/// One step's losses: new rows by their labels, exemplars by the teacher over `items`.
fn pass(model: &mut SasRec, batch: &Batch, items: usize, step: u64) -> Vec<f64> {
    let old = ItemTable { rows: &batch.old_table, dim: model.sizes().dim };
    let normalisers = OutputSoftmax::default().normalisers(old, &batch.answers);
    let teacher = TeacherAnswers { table: old, representations: &batch.answers, normalisers: &normalisers };
    let parts = [
        BatchPart { rows: NEW, items: KNOWN, target: Target::Items(&batch.labels[..NEW]), weight: 1.0 },
        BatchPart { rows: EXEMPLARS, items, target: Target::Teacher(teacher), weight: WEIGHT },
    ];
    model.forward_backward(&batch.sequences, &parts, &mut Stream::new(0, "sasrec-test", "dropout", step)).unwrap()
}

/// The masks that [`pass`] draws.
fn masks(sizes: &SasRecSizes, p: f64, sequences: &Sequences, step: u64) -> Vec<Masks> {
    let mut stream = Stream::new(0, "sasrec-test", "dropout", step);
    let starts = (0..sequences.len()).step_by(GROUP);
    starts
        .map(|start| {
            let lengths: Vec<usize> =
                (start..sequences.len().min(start + GROUP)).map(|k| sequences.range(k).len()).collect();
            Masks::draw(Dropout::new(p), sizes, &lengths, &mut stream.fork())
        })
        .collect()
}

fn graph_pass(
    graph: &Graph,
    sizes: &SasRecSizes,
    batch: &Batch,
    items: usize,
    masks: &[Masks],
) -> (Vec<f64>, Vec<Vec<f32>>) {
    let x = graph.forward(&batch.sequences, masks);
    let new = x.narrow(0, 0, NEW).unwrap();
    let labels = Tensor::new(&batch.labels[..NEW], &Device::Cpu).unwrap().unsqueeze(1).unwrap();
    let ce = graph.log_probabilities(&new, KNOWN).gather(&labels, 1).unwrap().mean_all().unwrap().neg().unwrap();
    let answers = Tensor::from_vec(unpadded(&batch.answers, sizes.dim), (EXEMPLARS, sizes.dim), &Device::Cpu).unwrap();
    let old = Tensor::from_slice(&batch.old_table, (OLD, sizes.dim), &Device::Cpu).unwrap();
    let answers = candle_nn::ops::softmax(&answers.matmul(&old.t().unwrap()).unwrap(), 1).unwrap();
    let log_p = graph.log_probabilities(&x.narrow(0, NEW, EXEMPLARS).unwrap(), items).narrow(1, 0, OLD).unwrap();
    let kd = (answers * log_p).unwrap().sum(1).unwrap().mean_all().unwrap().neg().unwrap();
    let losses = [&ce, &kd].map(|loss| f64::from(loss.to_scalar::<f32>().unwrap()));
    (losses.to_vec(), graph.gradients(&(ce + (kd * WEIGHT).unwrap()).unwrap()))
}

#[test]
fn losses_and_gradients_are_those_of_the_padded_graph() {
    for (heads, p, items, blocks) in
        [(1, 0.0, OLD, 2), (1, 0.3, OLD, 2), (2, 0.3, KNOWN, 2), (3, 0.5, 70, 3), (1, 0.2, OLD, 1)]
    {
        let sizes = SasRecSizes { heads, blocks, ..SIZES };
        let (start, batch) = (start(&sizes), batch(&sizes, 0));
        let mut model = SasRec::new(start.clone(), Dropout::new(p)).unwrap();
        let losses = pass(&mut model, &batch, items, 0);
        let graph = Graph::new(&start);
        let masks = masks(&sizes, p, &batch.sequences, 0);
        let (want, gradients) = graph_pass(&graph, &sizes, &batch, items, &masks);
        for (got, want) in losses.iter().zip(&want) {
            assert!((got - want).abs() < 1e-5 * want, "{heads} heads: {got} {want}");
        }
        let names = sizes.shapes().into_iter().map(|(name, _)| name);
        let got: Vec<Vec<f32>> = model.dense_mut().map(|dense| dense.gradient.clone()).collect();
        for (name, (got, want)) in names.zip(got.iter().zip(&gradients)) {
            if name.ends_with("key-bias") {
                // It adds the same to all scores of a query, so its gradient is 0, and both have rounding only.
                assert!(got.iter().chain(want).all(|v| v.abs() < 1e-6), "{name}");
            } else {
                assert!(gap(got, want) < 1e-5, "{heads} heads, {name}: {}", gap(got, want));
            }
        }
        assert_eq!(model.moved(), KNOWN);
    }
}

#[test]
fn threads_change_no_bit_and_rows_not_seen_stay() {
    let sizes = SasRecSizes { heads: 2, ..SIZES };
    let start = start(&sizes);
    let (losses, weights) = same_on_threads(|| {
        let mut model = SasRec::new(start.clone(), Dropout::new(0.3)).unwrap();
        let mut losses = Vec::new();
        for step in 0..4 {
            losses.extend(pass(&mut model, &batch(&sizes, step), OLD, step));
            model.step(&TfAdam { learning_rate: 1e-2 });
        }
        (losses, model.weights().unwrap())
    });
    assert!(losses[6] < losses[0], "it learns");
    let (moved, stayed) = weights.parameters[0].values.split_at(KNOWN * sizes.dim);
    let start = &start.parameters[0].values;
    assert_eq!(stayed, &start[KNOWN * sizes.dim..]);
    assert!(moved.iter().zip(start).all(|(a, b)| a != b));
}

#[test]
fn a_saved_state_goes_on_bit_for_bit() {
    let run = |model: &mut SasRec, steps: std::ops::Range<u64>| {
        for step in steps {
            pass(model, &batch(&SIZES, step), OLD, step);
            model.step(&TfAdam { learning_rate: 1e-2 });
        }
    };
    let fresh = || SasRec::new(start(&SIZES), Dropout::new(0.3)).unwrap();
    let (mut first, mut second, mut third) = (fresh(), fresh(), fresh());
    run(&mut first, 0..2);
    let mut state = State::default();
    first.save(&mut state).unwrap();
    second.restore(&mut state).unwrap();
    assert_eq!(second.moved(), KNOWN);
    third.set_weights(first.weights().unwrap()).unwrap();
    run(&mut first, 2..4);
    run(&mut second, 2..4);
    run(&mut third, 2..4);
    assert_eq!(first.weights().unwrap(), second.weights().unwrap());
    assert_ne!(first.weights().unwrap(), third.weights().unwrap(), "weights alone are not the state");
    assert!(second.restore(&mut State::default()).is_err());
    assert!(second.set_weights(start(&SasRecSizes { items: 91, ..SIZES })).is_err());
}

/// An input has the same bits alone and among others, served and in a step without dropout.
#[test]
fn neighbours_change_no_bit() {
    let batch = batch(&SIZES, 0);
    let encoder = SasRecEncoder::new(&start(&SIZES)).unwrap();
    let all = encoder.encode(&batch.sequences);
    for (k, row) in all.chunks_exact(padded(SIZES.dim)).enumerate() {
        let input = batch.sequences.items()[batch.sequences.range(k)].to_vec();
        assert_eq!(encoder.encode(&sequences(&SIZES, &[input])), row);
    }
    let model = SasRec::new(start(&SIZES), Dropout::new(0.3)).unwrap();
    assert_eq!(model.encoder().encode(&batch.sequences), all);
}
