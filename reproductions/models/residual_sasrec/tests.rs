//! SASRec with scaled blocks against the reference vector, formulas and finite differences in f64, and any number of threads.

use harness::rng::Stream;
use harness::weights::{Settings, Weights};

use super::sizes::OF_BLOCK;
use super::*;
use crate::golden::{assert_near, bits, case, doubles, same_on_threads};
use crate::kit::parse;
use crate::models::pieces::{FeatureGradients, PieceBatch, PieceEncoder, PieceModel, PieceOutputs};

fn small() -> ResidualSasRecSizes {
    ResidualSasRecSizes { items: 7, width: 6, length: 5, blocks: 2, heads: 2 }
}

/// Weights all of which matter: blocks are not scaled by 0.
fn weights(sizes: &ResidualSasRecSizes) -> Weights {
    let mut weights = sizes.initial(|purpose| Stream::new(0, "residual-sasrec", purpose, 0));
    for parameter in &mut weights.parameters {
        let mut stream = Stream::new(0, "residual-sasrec", &format!("test.{}", parameter.name), 0);
        let noise = stream.normals(parameter.values.len(), 0.4);
        parameter.values.iter_mut().zip(noise).for_each(|(value, noise)| *value += noise);
    }
    weights
}

/// Pieces of 2 to `length` + 2 items.
fn batch(sizes: &ResidualSasRecSizes, pieces: usize) -> PieceBatch {
    let mut stream = Stream::new(0, "residual-sasrec", "pieces", 0);
    let rows: Vec<Vec<u32>> = (0..pieces)
        .map(|_| (0..2 + stream.below(sizes.length as u32)).map(|_| stream.below(sizes.items as u32)).collect())
        .collect();
    let mut batch = PieceBatch::new(sizes.length);
    batch.set(rows.iter().map(|row| &row[..])).unwrap();
    batch
}

type Rows = Vec<Vec<f64>>;

fn norm(x: &Rows, scale: &[f64], shift: &[f64]) -> Rows {
    let of_row = |row: &Vec<f64>| {
        let mean = row.iter().sum::<f64>() / row.len() as f64;
        let variance = row.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / row.len() as f64;
        let normal = row.iter().map(|v| (v - mean) / (variance + 1e-8).sqrt());
        normal.zip(scale.iter().zip(shift)).map(|(n, (g, b))| g * n + b).collect()
    };
    x.iter().map(of_row).collect()
}

fn dense(x: &Rows, weights: &[f64], bias: &[f64]) -> Rows {
    let of_row = |row: &Vec<f64>| {
        let mut out = bias.to_vec();
        for (x, w) in row.iter().zip(weights.chunks_exact(bias.len())) {
            out.iter_mut().zip(w).for_each(|(out, w)| *out += x * w);
        }
        out
    };
    x.iter().map(of_row).collect()
}

fn sum(a: &Rows, b: &Rows, factor: f64) -> Rows {
    let row = |(a, b): (&Vec<f64>, &Vec<f64>)| a.iter().zip(b).map(|(a, b)| a + factor * b).collect();
    a.iter().zip(b).map(row).collect()
}

/// Outputs of a piece, by the letter in f64: the embedding, what each block gives, and what the output layer reads.
fn stated(sizes: &ResidualSasRecSizes, values: &[Vec<f64>], ids: &[u32]) -> Vec<Rows> {
    let width = sizes.width;
    let embedding = |(time, &id): (usize, &u32)| {
        let (item, position) = (&values[0][id as usize * width..][..width], &values[1][time * width..][..width]);
        item.iter().zip(position).map(|(item, position)| item + position).collect()
    };
    let mut outputs = vec![ids.iter().enumerate().map(embedding).collect::<Rows>()];
    for block in 0..sizes.blocks {
        let of = &values[2 + block * OF_BLOCK.len()..][..OF_BLOCK.len()];
        let x = outputs.last().unwrap();
        let a = norm(x, &of[10], &of[11]);
        let [q, k, v] = [0, 2, 4].map(|at| dense(&a, &of[at], &of[at + 1]));
        let mut y = a.clone();
        let of_head = width / sizes.heads;
        for (query, y) in y.iter_mut().enumerate() {
            for head in 0..sizes.heads {
                let columns = head * of_head..(head + 1) * of_head;
                let score = |key: usize| {
                    let terms = columns.clone().map(|c| q[query][c] * k[key][c]);
                    (terms.sum::<f64>() / (of_head as f64).sqrt()).exp()
                };
                let scores: Vec<f64> = (0..=query).map(score).collect();
                let all: f64 = scores.iter().sum();
                for c in columns.clone() {
                    y[c] += scores.iter().zip(&v).map(|(score, v)| score / all * v[c]).sum::<f64>();
                }
            }
        }
        let z = norm(&y, &of[12], &of[13]);
        let inner: Rows =
            dense(&z, &of[6], &of[7]).iter().map(|row| row.iter().map(|v| v.max(0.0)).collect()).collect();
        let branch = sum(&dense(&inner, &of[8], &of[9]), &z, 1.0);
        outputs.push(sum(x, &branch, of[14][0]));
    }
    let [.., scale, shift, _, _] = values else { panic!("a norm on top") };
    outputs.push(norm(outputs.last().unwrap(), scale, shift));
    outputs
}

/// The mean cross entropy over labelled positions, by the letter in f64.
fn stated_loss(sizes: &ResidualSasRecSizes, values: &[Vec<f64>], batch: &PieceBatch) -> f64 {
    let [.., output, bias] = values else { panic!("an output layer") };
    let (mut total, mut count) = (0.0, 0);
    let pieces = batch.inputs().chunks_exact(sizes.length).zip(batch.labels().chunks_exact(sizes.length));
    for (ids, labels) in pieces {
        let outputs = stated(sizes, values, ids);
        for (x, &label) in outputs.last().unwrap().iter().zip(labels).filter(|(_, label)| **label != 0) {
            let logit = |(w, bias): (&[f64], &f64)| bias + w.iter().zip(x).map(|(w, x)| w * x).sum::<f64>();
            let logits: Vec<f64> = output.chunks_exact(sizes.width).zip(bias).map(logit).collect();
            total += logits.iter().map(|z| z.exp()).sum::<f64>().ln() - logits[label as usize];
            count += 1;
        }
    }
    total / f64::from(count)
}

fn wide(weights: &Weights) -> Vec<Vec<f64>> {
    weights.parameters.iter().map(|p| p.values.iter().map(|&v| f64::from(v)).collect()).collect()
}

fn undropped(weights: &Weights) -> ResidualSasRec {
    ResidualSasRec::new(weights.clone(), Dropout::new(0.0)).unwrap()
}

fn stream() -> Stream {
    Stream::new(0, "residual-sasrec", "dropout", 0)
}

/// Two pieces of four positions; their layers go by output and input, ours by input and output.
#[test]
fn a_block_agrees_with_the_reference() {
    let case = case("adarec.json", "sasrec_teacher_block");
    let params = &case["inputs"]["params"];
    let sizes = ResidualSasRecSizes { items: 7, width: 4, length: 4, blocks: 1, heads: 2 };
    assert_eq!(case["inputs"]["heads"], 2);
    let transposed = |name: &str| {
        let theirs = doubles(&params[name]);
        (0..16).map(|k| theirs[k % 4 * 4 + k / 4]).collect::<Vec<f64>>()
    };
    let plain = |name: &str| doubles(&params[name]);
    let mut values = vec![doubles(&case["inputs"]["x"]), vec![0.0; 16]];
    for (weight, bias) in [("wq", "bq"), ("wk", "bk"), ("wv", "bv"), ("w1", "b1"), ("w2", "b2")] {
        values.extend([transposed(weight), plain(bias)]);
    }
    values.extend(["ln1_g", "ln1_b", "ln2_g", "ln2_b"].map(plain));
    values.push(vec![params["eps_scale"].as_f64().unwrap()]);
    let mut weights = sizes.initial(|purpose| Stream::new(0, "residual-sasrec", purpose, 0));
    for (parameter, values) in weights.parameters.iter_mut().zip(&values) {
        parameter.values = values.iter().map(|&v| v as f32).collect();
    }
    let mut out = PieceOutputs::default();
    let ids: Vec<u32> = (0..8).collect();
    ResidualSasRecEncoder::new(&weights).unwrap().outputs(&ids, &mut out);
    let want = doubles(&case["expected"]["out"]);
    assert_near(&out.hidden[0], &want, 1e-6, "a block");
    let by_letter = ids.chunks(4).flat_map(|ids| stated(&sizes, &wide(&weights), ids)[1].concat());
    assert_near(&by_letter.collect::<Vec<_>>(), &want, 1e-6, "by the letter");
}

#[test]
fn gradients_of_every_parameter_are_those_of_finite_differences() {
    let sizes = small();
    let (weights, batch) = (weights(&sizes), batch(&sizes, 18));
    let mut model = undropped(&weights);
    let loss = model.forward_backward(&batch, &mut stream()).unwrap();
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

/// Along the gradient of each parameter, the loss under the same masks moves as the gradient says.
#[test]
fn gradients_under_dropout_are_those_of_differences() {
    let sizes = ResidualSasRecSizes { items: 30, width: 16, length: 6, blocks: 2, heads: 4 };
    let (weights, batch) = (weights(&sizes), batch(&sizes, 20));
    let dropped = || ResidualSasRec::new(weights.clone(), Dropout::new(0.3)).unwrap();
    let mut model = dropped();
    let loss = model.forward_backward(&batch, &mut stream()).unwrap();
    assert!((loss - undropped(&weights).forward_backward(&batch, &mut stream()).unwrap()).abs() > 1e-4);
    let gradients: Vec<Vec<f32>> = model.parameters_mut().iter().map(|p| p.gradient.clone()).collect();
    for (number, gradient) in gradients.iter().enumerate() {
        let squares: f64 = gradient.iter().map(|&g| f64::from(g).powi(2)).sum();
        let step = 5e-3 / squares.sqrt();
        let moved = |by: f64| {
            let mut model = dropped();
            let mut parameters = model.parameters_mut();
            let moved = parameters[number].weights.iter_mut().zip(gradient);
            moved.for_each(|(weight, g)| *weight += (by * f64::from(*g)) as f32);
            model.forward_backward(&batch, &mut stream()).unwrap()
        };
        let slope = (moved(step) - moved(-step)) / (2.0 * step);
        let name = &weights.parameters[number].name;
        // The bias of keys moves all scores of a query alike: no gradient but rounding.
        if name.ends_with("key-bias") {
            assert!(squares < 1e-12, "{name}: {squares}");
        } else {
            assert!((slope / squares - 1.0).abs() < 0.03, "{name}: {slope} {squares}");
        }
    }
}

/// Those that losses ask of the features, too: hidden outputs are before the norm on top.
#[test]
fn gradients_of_features_join_on_the_way_back() {
    let sizes = small();
    let (weights, batch) = (weights(&sizes), batch(&sizes, 18));
    let slopes =
        |name: &str| Stream::new(0, "residual-sasrec", name, 0).normals(batch.inputs().len() * sizes.width, 1.0);
    let [embedding, first, second, last] = ["embedding", "first", "second", "last"].map(slopes);
    let hidden = vec![first, second];
    let mut model = undropped(&weights);
    model.forward(&batch, &mut stream()).unwrap();
    let mut out = PieceOutputs::default();
    ResidualSasRecEncoder::new(&weights).unwrap().outputs(batch.inputs(), &mut out);
    assert_eq!(*model.features_and_output_mut().0, out);
    model.backward(FeatureGradients { embedding: Some(&embedding), hidden: Some(&hidden), last: &last }).unwrap();
    let of_piece = sizes.length * sizes.width;
    let loss = |values: &[Vec<f64>]| {
        let pieces = batch.inputs().chunks_exact(sizes.length).enumerate();
        let of = |(piece, ids): (usize, &[u32])| {
            let outputs = stated(&sizes, values, ids);
            let dot = |(slopes, layer): (&[f32], usize)| -> f64 {
                let slopes = slopes[piece * of_piece..][..of_piece].iter();
                slopes.zip(outputs[layer].concat()).map(|(slope, x)| f64::from(*slope) * x).sum()
            };
            [(&embedding[..], 0), (&hidden[0][..], 1), (&hidden[1][..], 2), (&last[..], 3)].map(dot).iter().sum::<f64>()
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
    let encoder = ResidualSasRecEncoder::new(&weights).unwrap();
    assert_eq!((encoder.width(), encoder.layers(), encoder.length()), (6, 2, 5));
    let (mut all, mut one) = (PieceOutputs::default(), PieceOutputs::default());
    encoder.outputs(batch.inputs(), &mut all);
    let of_piece = sizes.length * sizes.width;
    let mut last = vec![f32::NAN; 18 * sizes.width];
    encoder.last_positions(batch.inputs(), &mut last);
    for (k, ids) in batch.inputs().chunks_exact(sizes.length).enumerate() {
        let outputs = stated(&sizes, &wide(&weights), ids);
        encoder.outputs(ids, &mut one);
        let at = k * of_piece..(k + 1) * of_piece;
        for (all, one, layer) in [
            (&all.embedding, &one.embedding, 0),
            (&all.hidden[0], &one.hidden[0], 1),
            (&all.hidden[1], &one.hidden[1], 2),
            (&all.last, &one.last, 3),
        ] {
            assert_near(&all[at.clone()], &outputs[layer].concat(), 2e-5, format!("piece {k}, layer {layer}"));
            assert_eq!(bits(&all[at.clone()]), bits(one), "piece {k} alone");
        }
        assert_eq!(bits(&last[k * sizes.width..][..sizes.width]), bits(&one.last[of_piece - sizes.width..]));
    }
}

/// A short batch after a long one, with dropout, and widths beyond a register.
#[test]
fn threads_and_what_was_before_change_no_bit() {
    let sizes = ResidualSasRecSizes { items: 60, width: 21, length: 8, blocks: 2, heads: 3 };
    let step = |model: &mut ResidualSasRec, pieces: usize| {
        let loss = model.forward_backward(&batch(&sizes, pieces), &mut stream());
        let gradients: Vec<Vec<u32>> = model.parameters_mut().iter().map(|p| bits(&p.gradient)).collect();
        (loss.unwrap().to_bits(), gradients)
    };
    let model = || ResidualSasRec::new(weights(&sizes), Dropout::new(0.2)).unwrap();
    let fresh = same_on_threads(|| step(&mut model(), 19));
    let mut other = model();
    step(&mut other, 40);
    assert!(step(&mut other, 19) == fresh);
}

#[test]
fn it_starts_as_stated_and_other_weights_are_refused() {
    let sizes = ResidualSasRecSizes { items: 99, width: 16, length: 20, blocks: 3, heads: 4 };
    let initial = sizes.initial(|purpose| Stream::new(0, "residual-sasrec", purpose, 0));
    assert_eq!(ResidualSasRecSizes::of(&initial).unwrap(), sizes);
    let of = |name: &str| &initial.parameters.iter().find(|p| p.name == name).unwrap().values;
    let within = |values: &[f32], bound: f32| {
        values.iter().all(|v| v.abs() <= bound) && values.iter().any(|v| v.abs() > 0.9 * bound)
    };
    assert!(within(of("item"), 0.1) && within(of("position"), (1.0f32 / 20.0).sqrt()));
    assert!(within(of("block-2-inner-weight"), 0.25) && within(of("block-2-inner-bias"), 0.25));
    assert!(of("block-0-residual-scale") == &[0.0] && of("output-bias").iter().all(|v| *v == 0.1));
    let refused = |change: &dyn Fn(&mut Weights)| {
        let mut other = initial.clone();
        change(&mut other);
        ResidualSasRecEncoder::new(&other).is_err()
    };
    assert!(refused(&|w| drop(w.parameters.pop())));
    assert!(refused(&|w| w.settings = Settings::default()));
    assert!(refused(&|w| w.settings = Settings::default().with("heads", 3)));
    assert!(refused(&|w| w.settings = Settings::default().with("heads", 0)));
}

const TRAINING: &str = "length = 8, batch = 64, optimiser = { lamb = { learning_rate = 2e-2, weight_decay = 0.01 } }, \
                        schedule = \"constant\", clip = \"none\", epochs = 6, stopping = \"none\"";

fn hyper(heads: usize) -> String {
    format!("{{ width = 12, blocks = 2, heads = {heads}, dropout = 0.2, training = {{ {TRAINING} }} }}")
}

#[test]
fn hyper_parameters_must_fit_each_other() {
    assert!(parse::<ResidualSasRecHyper>(&hyper(4)).is_ok());
    let error = parse::<ResidualSasRecHyper>(&hyper(5)).unwrap_err();
    assert!(error.contains("`heads` = 5 does not divide `width` = 12"), "{error}");
}

/// It learns, and a run that is stopped and gone on with ends with the same bits.
#[test]
fn training_learns_and_resumes_bit_for_bit() {
    let world = crate::kit::World::new();
    let whole = same_on_threads(|| world.run("residual-sasrec", &hyper(4), &[]).unwrap());
    assert!(whole == world.run("residual-sasrec", &hyper(4), &[1, 2]).unwrap());
    let losses: Vec<f64> = whole.0.iter().map(|&loss| f64::from_bits(loss)).collect();
    assert!(losses[5] < losses[0] - 0.02, "{losses:?}");
}
