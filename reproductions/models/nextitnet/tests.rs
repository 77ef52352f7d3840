//! NextItNet against the reference vector, formulas and finite differences in f64, and any number of threads.

use harness::queries::Queries;
use harness::rng::Stream;
use harness::split::{HeldOut, Split, UserItems};
use harness::train::Model;
use harness::weights::{Parameter, Weights};

use super::sizes::{OF_BLOCK, TAPS};
use super::*;
use crate::golden::{assert_near, bits, case, doubles, same_on_threads};
use crate::kit::{method, parse};
use crate::models::pieces::{FeatureGradients, PieceBatch, PieceEncoder, PieceOutputs, PieceScorer};

fn small() -> NextItNetSizes {
    NextItNetSizes { items: 7, width: 5, length: 9, groups: 2, dilations: vec![1, 2] }
}

/// Weights all of which matter: branches are not scaled by 0.
fn weights(sizes: &NextItNetSizes) -> Weights {
    let mut weights = sizes.initial(|purpose| Stream::new(0, "nextitnet", purpose, 0));
    for parameter in &mut weights.parameters {
        let mut stream = Stream::new(0, "nextitnet", &format!("test.{}", parameter.name), 0);
        let noise = stream.normals(parameter.values.len(), 0.4);
        parameter.values.iter_mut().zip(noise).for_each(|(value, noise)| *value += noise);
    }
    weights
}

/// More pieces than a group, of 2 to `length` + 2 items.
fn batch(sizes: &NextItNetSizes, pieces: usize) -> PieceBatch {
    batch_of(sizes, pieces, sizes.length)
}

/// Pieces of 2 to `most` + 1 items.
fn batch_of(sizes: &NextItNetSizes, pieces: usize, most: usize) -> PieceBatch {
    let mut stream = Stream::new(0, "nextitnet", "pieces", 0);
    let rows: Vec<Vec<u32>> = (0..pieces)
        .map(|_| (0..2 + stream.below(most as u32)).map(|_| stream.below(sizes.items as u32)).collect())
        .collect();
    let mut batch = PieceBatch::new(sizes.length);
    batch.set(rows.iter().map(|row| &row[..])).unwrap();
    batch
}

/// Outputs of a piece, by the letter in f64: the embedding, then after each block `[L][C]`.
fn stated(sizes: &NextItNetSizes, values: &[Vec<f64>], ids: &[u32]) -> Vec<Vec<Vec<f64>>> {
    let width = sizes.width;
    let mut outputs =
        vec![ids.iter().map(|&id| values[0][id as usize * width..][..width].to_vec()).collect::<Vec<_>>()];
    for block in 0..sizes.blocks() {
        let of = &values[1 + block * OF_BLOCK.len()..][..OF_BLOCK.len()];
        let half = |x: &[Vec<f64>], at: usize, dilation: usize| -> Vec<Vec<f64>> {
            let row = |time: usize| {
                let mut out = of[at + 1].clone();
                for tap in 0..TAPS {
                    let Some(before) = time.checked_sub((TAPS - 1 - tap) * dilation) else { continue };
                    for (input, x) in x[before].iter().enumerate() {
                        let w = &of[at][(tap * width + input) * width..][..width];
                        out.iter_mut().zip(w).for_each(|(out, w)| *out += w * x);
                    }
                }
                let mean = out.iter().sum::<f64>() / width as f64;
                let variance = out.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / width as f64;
                let normal = out.iter().map(|v| (v - mean) / (variance + 1e-8).sqrt());
                normal.zip(of[at + 2].iter().zip(&of[at + 3])).map(|(n, (g, b))| (g * n + b).max(0.0)).collect()
            };
            (0..x.len()).map(row).collect()
        };
        let (x, dilation) = (outputs.last().unwrap(), sizes.dilation(block));
        let branch = half(&half(x, 0, dilation), 4, 2 * dilation);
        let scaled = |(x, branch): (&f64, &f64)| x + of[8][0] * branch;
        let next = x.iter().zip(&branch).map(|(x, branch)| x.iter().zip(branch).map(scaled).collect()).collect();
        outputs.push(next);
    }
    outputs
}

/// The mean cross entropy over labelled positions, by the letter in f64.
fn stated_loss(sizes: &NextItNetSizes, values: &[Vec<f64>], batch: &PieceBatch) -> f64 {
    let [.., output, bias] = values else { panic!("an output layer") };
    let (mut sum, mut count) = (0.0, 0);
    let pieces = batch.inputs().chunks_exact(sizes.length).zip(batch.labels().chunks_exact(sizes.length));
    for (ids, labels) in pieces {
        let outputs = stated(sizes, values, ids);
        for (x, &label) in outputs.last().unwrap().iter().zip(labels).filter(|(_, label)| **label != 0) {
            let logit = |(w, bias): (&[f64], &f64)| bias + w.iter().zip(x).map(|(w, x)| w * x).sum::<f64>();
            let logits: Vec<f64> = output.chunks_exact(sizes.width).zip(bias).map(logit).collect();
            sum += logits.iter().map(|z| z.exp()).sum::<f64>().ln() - logits[label as usize];
            count += 1;
        }
    }
    sum / f64::from(count)
}

fn wide(weights: &Weights) -> Vec<Vec<f64>> {
    weights.parameters.iter().map(|p| p.values.iter().map(|&v| f64::from(v)).collect()).collect()
}

#[test]
fn a_block_agrees_with_the_reference() {
    let case = case("adarec.json", "nextitnet_teacher_block");
    let params = &case["inputs"]["params"];
    let sizes = NextItNetSizes { items: 4, width: 3, length: 5, groups: 1, dilations: vec![1] };
    assert_eq!(params["dilation"], 1);
    // Theirs go by output, input, tap.
    let convolution = |name: &str| {
        let theirs = doubles(&params[name]);
        let at = |tap: usize, input: usize, output: usize| theirs[(output * 3 + input) * TAPS + tap];
        (0..TAPS * 9).map(|k| at(k / 9, k / 3 % 3, k % 3)).collect::<Vec<f64>>()
    };
    let mut weights = sizes.initial(|purpose| Stream::new(0, "nextitnet", purpose, 0));
    let values = [
        doubles(&case["inputs"]["x"]),
        convolution("conv1_w"),
        doubles(&params["conv1_b"]),
        doubles(&params["ln1_g"]),
        doubles(&params["ln1_b"]),
        convolution("conv2_w"),
        doubles(&params["conv2_b"]),
        doubles(&params["ln2_g"]),
        doubles(&params["ln2_b"]),
        vec![params["eps_scale"].as_f64().unwrap()],
    ];
    for (parameter, values) in weights.parameters.iter_mut().zip(&values) {
        parameter.values = values.iter().map(|&v| v as f32).collect();
    }
    let mut out = PieceOutputs::default();
    NextItNetEncoder::new(&weights).unwrap().outputs(&[0, 1, 2, 3, 4], &mut out);
    let want = doubles(&case["expected"]["out"]);
    assert_near(&out.hidden[0], &want, 1e-6, "a block");
    assert_near(&stated(&sizes, &wide(&weights), &[0, 1, 2, 3, 4])[1].concat(), &want, 1e-6, "by the letter");
}

#[test]
fn gradients_of_every_parameter_are_those_of_finite_differences() {
    let sizes = small();
    let (weights, batch) = (weights(&sizes), batch(&sizes, 18));
    let mut model = NextItNet::new(weights.clone(), Dropout::new(0.0)).unwrap();
    let loss = model.forward_backward(&batch, &mut Stream::new(0, "nextitnet", "dropout", 0)).unwrap();
    let values = wide(&weights);
    let want = stated_loss(&sizes, &values, &batch);
    assert!((loss / want - 1.0).abs() < 1e-5, "{loss} {want}");
    for (number, parameter) in model.parameters_mut().into_iter().enumerate() {
        let name = &weights.parameters[number].name;
        for at in 0..parameter.gradient.len() {
            let moved = |by: f64| {
                let mut values = values.clone();
                values[number][at] += by;
                stated_loss(&sizes, &values, &batch)
            };
            let (slope, ours) = ((moved(1e-5) - moved(-1e-5)) / 2e-5, f64::from(parameter.gradient[at]));
            assert!((slope - ours).abs() < 1e-5 + 1e-3 * slope.abs(), "{name} at {at}: {slope} {ours}");
        }
    }
}

/// Those that losses ask of the features, too, at positions of padding alone, whose rows the pieces of a group share.
#[test]
fn gradients_of_features_join_on_the_way_back() {
    let sizes = small();
    let (weights, batch) = (weights(&sizes), batch_of(&sizes, 18, 3));
    let slopes = |name: &str| Stream::new(0, "nextitnet", name, 0).normals(batch.inputs().len() * sizes.width, 1.0);
    let [embedding, first, second, last] = ["embedding", "first", "second", "last"].map(slopes);
    let hidden = vec![first, second];
    let gradients = FeatureGradients { embedding: Some(&embedding), hidden: Some(&hidden), last: &last };
    let mut model = NextItNet::new(weights.clone(), Dropout::new(0.0)).unwrap();
    assert_eq!(model.backward(gradients).unwrap_err().kind(), Kind::Internal, "no pass is in progress");
    model.forward(&batch, &mut Stream::new(0, "nextitnet", "dropout", 0)).unwrap();
    let mut out = PieceOutputs::default();
    NextItNetEncoder::new(&weights).unwrap().outputs(batch.inputs(), &mut out);
    assert_eq!(*model.features_and_output_mut().0, out);
    let short = FeatureGradients { last: &last[1..], ..gradients };
    assert_eq!(model.backward(short).unwrap_err().kind(), Kind::Internal, "of another size");
    model.backward(gradients).unwrap();
    let of_piece = sizes.length * sizes.width;
    let loss = |values: &[Vec<f64>]| {
        let pieces = batch.inputs().chunks_exact(sizes.length).enumerate();
        let of = |(piece, ids): (usize, &[u32])| {
            let outputs = stated(&sizes, values, ids);
            let dot = |(slopes, block): (&[f32], usize)| -> f64 {
                let slopes = slopes[piece * of_piece..][..of_piece].iter();
                slopes.zip(outputs[block].concat()).map(|(slope, x)| f64::from(*slope) * x).sum()
            };
            [(&embedding[..], 0), (&hidden[0][..], 2), (&hidden[1][..], 4), (&last[..], 4)].map(dot).iter().sum::<f64>()
        };
        pieces.map(of).sum::<f64>()
    };
    let values = wide(&weights);
    let mut parameters = model.parameters_mut();
    parameters.truncate(weights.parameters.len() - 2);
    for (number, parameter) in parameters.into_iter().enumerate() {
        for at in 0..parameter.gradient.len() {
            let moved = |by: f64| {
                let mut values = values.clone();
                values[number][at] += by;
                loss(&values)
            };
            let (slope, ours) = ((moved(1e-5) - moved(-1e-5)) / 2e-5, f64::from(parameter.gradient[at]));
            let name = &weights.parameters[number].name;
            assert!((slope - ours).abs() < 1e-3 + 1e-3 * slope.abs(), "{name} at {at}: {slope} {ours}");
        }
    }
}

#[test]
fn outputs_are_those_of_the_formulas_and_of_each_piece_alone() {
    let sizes = small();
    let (weights, batch) = (weights(&sizes), batch(&sizes, 18));
    let encoder = NextItNetEncoder::new(&weights).unwrap();
    assert_eq!((encoder.width(), encoder.layers(), encoder.length()), (5, 2, 9));
    let (mut all, mut one) = (PieceOutputs::default(), PieceOutputs::default());
    encoder.outputs(batch.inputs(), &mut all);
    let of_piece = sizes.length * sizes.width;
    let mut last = vec![f32::NAN; 18 * sizes.width];
    encoder.last_positions(batch.inputs(), &mut last);
    for (k, ids) in batch.inputs().chunks_exact(sizes.length).enumerate() {
        let outputs = stated(&sizes, &wide(&weights), ids);
        encoder.outputs(ids, &mut one);
        let at = k * of_piece..(k + 1) * of_piece;
        for (all, one, block) in [
            (&all.embedding, &one.embedding, 0),
            (&all.hidden[0], &one.hidden[0], 2),
            (&all.hidden[1], &one.hidden[1], 4),
            (&all.last, &one.last, 4),
        ] {
            assert_near(&all[at.clone()], &outputs[block].concat(), 2e-5, format!("piece {k} after block {block}"));
            assert_eq!(bits(&all[at.clone()]), bits(one), "piece {k} alone");
        }
        assert_eq!(bits(&last[k * sizes.width..][..sizes.width]), bits(&one.last[of_piece - sizes.width..]));
    }
}

/// A short batch after a long one, and widths beyond a register.
#[test]
fn threads_and_what_was_before_change_no_bit() {
    let sizes = NextItNetSizes { items: 60, width: 21, length: 8, groups: 2, dilations: vec![1, 4] };
    let step = |model: &mut NextItNet, pieces: usize| {
        let loss = model.forward_backward(&batch(&sizes, pieces), &mut Stream::new(0, "nextitnet", "dropout", 0));
        let gradients: Vec<Vec<u32>> = model.parameters_mut().iter().map(|p| bits(&p.gradient)).collect();
        (loss.unwrap().to_bits(), gradients)
    };
    let fresh = same_on_threads(|| step(&mut NextItNet::new(weights(&sizes), Dropout::new(0.0)).unwrap(), 19));
    let mut model = NextItNet::new(weights(&sizes), Dropout::new(0.0)).unwrap();
    step(&mut model, 40);
    assert!(step(&mut model, 19) == fresh);
}

#[test]
fn it_starts_as_stated_and_comes_back_from_its_weights() {
    let sizes = NextItNetSizes { items: 99, width: 16, length: 20, groups: 3, dilations: vec![1, 4] };
    let initial = sizes.initial(|purpose| Stream::new(0, "nextitnet", purpose, 0));
    assert_eq!(NextItNetSizes::of(&initial).unwrap(), sizes);
    let of = |name: &str| &initial.parameters.iter().find(|p| p.name == name).unwrap().values;
    let within = |values: &[f32], bound: f32| {
        values.iter().all(|v| v.abs() <= bound) && values.iter().any(|v| v.abs() > 0.9 * bound)
    };
    assert!(within(of("item"), 0.1));
    assert!(within(of("block-5-second-weight"), (1.0f32 / 48.0).sqrt()) && of("block-0-residual-scale") == &[0.0]);
    assert!(of("output-bias").iter().all(|v| *v == 0.1) && of("output-weight").iter().all(|v| v.abs() < 0.06));
    // With branches of 0, the network is its embedding.
    let mut out = PieceOutputs::default();
    NextItNetEncoder::new(&initial).unwrap().outputs(&[0; 20], &mut out);
    assert_eq!(out.last, out.embedding);
    let refused = |change: &dyn Fn(&mut Weights)| {
        let mut other = initial.clone();
        change(&mut other);
        NextItNetEncoder::new(&other).is_err() && NextItNet::new(other, Dropout::new(0.0)).is_err()
    };
    assert!(refused(&|w| drop(w.parameters.pop())));
    assert!(refused(&|w| w.settings = harness::weights::Settings::default().with("length", 20)));
    assert!(refused(
        &|w| w.settings = harness::weights::Settings::default().with("length", 20).with("dilations", "0,4")
    ));
    assert!(refused(&|w| w.parameters[3] = Parameter { name: "x".into(), shape: vec![1], values: vec![0.0] }));
}

/// The scorer reads the last items of an input, and never ranks the padding.
#[test]
fn it_scores_items_for_what_comes_next() {
    let sizes = small();
    let weights = weights(&sizes);
    let rows = [&[1u32, 2][..], &[], &[6, 5, 4, 3, 2, 1, 0, 1, 2, 3, 4]];
    let train = UserItems::from_rows(rows);
    let [valid, test] = [(); 2].map(|()| UserItems::from_pairs(3, &[(0, 3)]));
    let split = Split { n_users: 3, n_items: 7, train, valid, test };
    let queries = Queries::of_users(&split, HeldOut::Test);
    let model = NextItNet::new(weights.clone(), Dropout::new(0.0)).unwrap();
    let scorer = model.scorer(&queries).unwrap();
    let values = wide(&weights);
    for (query, row) in (0..).zip(rows) {
        let mut ids = vec![0; sizes.length];
        crate::models::pieces::left_padded(row, &mut ids);
        let x = stated(&sizes, &values, &ids)[4][sizes.length - 1].clone();
        let [.., output, bias] = &values[..] else { panic!("an output layer") };
        let logit = |(w, bias): (&[f64], &f64)| bias + w.iter().zip(&x).map(|(w, x)| w * x).sum::<f64>();
        let want: Vec<f64> = output.chunks_exact(sizes.width).zip(bias).map(logit).collect();
        let (mut all, mut some) = (vec![0.0; 7], vec![0.0; 2]);
        scorer.score_all(query, &mut all);
        scorer.score(query, &[6, 0], &mut some);
        assert_near(&all, &want[1..], 2e-5, format!("query {query}"));
        assert_eq!(some, [all[6], all[0]]);
    }
    let fewer = Split { n_items: 6, ..split };
    let encoder = NextItNetEncoder::new(&weights).unwrap();
    assert!(PieceScorer::new(Box::new(encoder), &Queries::of_users(&fewer, HeldOut::Test)).is_err());
}

const TRAINING: &str = "length = 8, batch = 64, optimiser = { adam = { learning_rate = 1e-3, weight_decay = 1e-7 } }, \
                        schedule = { factor = 0.9, every = 2 }, clip = 5.0, epochs = 4, stopping = \"none\"";

fn hyper(width: &str, dilations: &str, training: &str) -> String {
    format!("{{ width = {width}, groups = 2, dilations = {dilations}, training = {{ {training} }} }}")
}

#[test]
fn hyper_parameters_are_read_strictly() {
    let read = |text: &str| parse::<NextItNetHyper>(text);
    let good = read(&hyper("12", "[1, 4]", TRAINING)).unwrap();
    assert_eq!(good.training.schedule.factor(5), 0.9 * 0.9);
    assert!(good.kept() > 12 && good.count(80) > 2 * 80 * 12);
    for (wrong, words) in [
        (hyper("0", "[1]", TRAINING), "from 1"),
        (hyper("12", "[0]", TRAINING), "from 1"),
        (hyper("12", "[]", TRAINING), "dilation"),
        (hyper("12", "[1]", &TRAINING.replace("clip = 5.0", "clip = \"no\"")), "`\"none\"` or a finite number"),
        (hyper("12", "[1]", &TRAINING.replace("factor = 0.9, every", "every")), "`\"constant\"` or a table"),
        (hyper("12", "[1]", &TRAINING.replace("adam =", "sgd =")), "sgd"),
        (hyper("12", "[1]", &TRAINING.replace("batch", "batches")), "batches"),
    ] {
        let error = read(&wrong).unwrap_err();
        assert!(error.contains(words), "{wrong}: {error}");
    }
    assert!(method("nextitnet", &hyper("12", "[1]", TRAINING)).is_ok());
}

/// It learns, and a run that is stopped and gone on with ends with the same bits.
#[test]
fn training_learns_and_resumes_bit_for_bit() {
    let world = crate::kit::World::new();
    let params = hyper("12", "[1, 4]", TRAINING);
    let whole = same_on_threads(|| world.run("nextitnet", &params, &[]).unwrap());
    assert!(whole == world.run("nextitnet", &params, &[1, 2]).unwrap());
    let losses: Vec<f64> = whole.0.iter().map(|&loss| f64::from_bits(loss)).collect();
    assert!(losses.windows(2).all(|pair| pair[1] < pair[0]), "{losses:?}");
}
