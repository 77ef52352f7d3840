//! The step by hand against the reference vectors, a candle graph on padded inputs, and any number of threads.

use harness::nn::padded;
use harness::optim::TfAdam;
use harness::rng::Stream;
use harness::split::UserItems;
use harness::train::Model;
use harness::weights::{Parameter, Settings, State};
use serde_json::Value;

use super::sizes::OF_BLOCK;
use super::*;
use crate::golden::{assert_near, case, doubles, floats, ids, rows};
use crate::kit::queries;
use harness::nn::Dropout;
use harness::nn::softmax::{ItemTable, Target, TeacherAnswers};

mod agreement;
mod graph;

/// Sizes where nothing is a multiple of anything.
const SIZES: SasRecSizes = SasRecSizes { items: 90, dim: 6, length: 9, blocks: 2, heads: 1 };

/// Wider than in training, so that nothing is nearly 0; norms and biases, too.
fn start(sizes: &SasRecSizes) -> Weights {
    let stream = |purpose: &str| Stream::new(0, "sasrec-test", purpose, 0);
    let mut weights = sizes.initial(stream);
    for parameter in &mut weights.parameters {
        let n = parameter.values.len();
        let base = if parameter.name.ends_with("scale") { 1.0 } else { 0.0 };
        let noise = stream(&format!("start.{}", parameter.name)).normals(n, 0.3);
        parameter.values = noise.into_iter().map(|v| base + v).collect();
    }
    weights
}

/// The net of the vectors. Row 0 of its item table is the padding's, which does not exist here.
fn of_vector(net: &Value, heads: usize) -> (SasRecSizes, Weights) {
    let table = rows(&net["item_table_rows_0_to_V"]);
    let sizes = SasRecSizes { items: table.len() - 1, dim: 4, length: 4, blocks: 2, heads };
    let keys = ["ln1_g", "ln1_b", "wq", "bq", "wk", "bk", "wv", "bv", "ln2_g", "ln2_b", "w1", "b1", "w2", "b2"];
    let mut values = vec![floats(&net["item_table_rows_0_to_V"])[4..].to_vec(), floats(&net["pos_table"])];
    for block in net["blocks"].as_array().unwrap() {
        values.extend(keys.map(|key| floats(&block[key])));
    }
    values.extend(["ln_final_gamma", "ln_final_beta"].map(|key| floats(&net[key])));
    let parameters = sizes.shapes().into_iter().zip(values);
    let parameters = parameters.map(|((name, shape), values)| Parameter { name, shape, values });
    (sizes, Weights { parameters: parameters.collect(), settings: sizes.settings() })
}

/// The inputs of a vector, without the padding and counting from 0.
fn inputs(seqs: &Value) -> Vec<Vec<u32>> {
    seqs.as_array()
        .unwrap()
        .iter()
        .map(|seq| ids(seq).into_iter().filter(|&id| id > 0).map(|id| id - 1).collect())
        .collect()
}

fn sequences(sizes: &SasRecSizes, inputs: &[Vec<u32>]) -> Sequences {
    Sequences::new(inputs.iter().map(|input| &input[..]), sizes.length, sizes.items).unwrap()
}

fn unpadded(rows: &[f32], dim: usize) -> Vec<f32> {
    rows.chunks_exact(padded(dim)).flat_map(|row| row[..dim].to_vec()).collect()
}

#[test]
fn forward_agrees_with_the_reference() {
    let case = case("ader.json", "sasrec_forward_eval");
    let (vector, expected) = (&case["inputs"], &case["expected"]);
    for (heads, name) in [(1, "rep_last"), (2, "rep_last_if_heads_2")] {
        let (sizes, weights) = of_vector(&vector["net"], heads);
        let encoder = SasRecEncoder::new(&weights).unwrap();
        let got = encoder.encode(&sequences(&sizes, &inputs(&vector["seqs"])));
        assert_near(&unpadded(&got, 4), &doubles(&expected[name]), 1e-6, name);
    }
    let (sizes, weights) = of_vector(&vector["net"], 1);
    let seqs = inputs(&vector["seqs"]);
    let encoder = SasRecEncoder::new(&weights).unwrap();
    let x = encoder.encode(&sequences(&sizes, &seqs));
    let known = ItemTable { rows: &encoder.items()[..6 * 4], dim: 4 };
    let labels: Vec<u32> = ids(&vector["labels"]).iter().map(|id| id - 1).collect();
    let losses = harness::nn::softmax::OutputSoftmax::default().cross_entropies(known, &x, &labels);
    let losses: Vec<f32> = losses.iter().map(|loss| *loss as f32).collect();
    assert_near(&losses, &doubles(&expected["per_row_ce"]), 1e-6, "cross entropies");
    // As it is ranked.
    let served = SasRecScorer::new(encoder, &queries(&UserItems::from_rows(&seqs), 6)).unwrap();
    for (k, want) in rows(&expected["logits"]).iter().enumerate() {
        let mut scores = [0.0; 6];
        served.score_all(k as u32, &mut scores);
        assert_near(&scores, want, 1e-6, "logits");
    }
}

/// The net of the forward vector: the gradient of the mean cross entropy.
#[test]
fn gradients_agree_with_the_reference() {
    let net = case("ader.json", "sasrec_forward_eval");
    let case = case("ader.json", "sasrec_gradient_mean_ce");
    let (sizes, weights) = of_vector(&net["inputs"]["net"], 1);
    let mut model = SasRec::new(weights, Dropout::new(0.0)).unwrap();
    let labels: Vec<u32> = ids(&case["inputs"]["labels"]).iter().map(|id| id - 1).collect();
    let parts = [BatchPart { rows: 3, items: 6, target: Target::Items(&labels), weight: 1.0 }];
    let sequences = sequences(&sizes, &inputs(&case["inputs"]["seqs"]));
    let mut unused = Stream::new(0, "sasrec-test", "unused", 0);
    let losses = model.forward_backward(&sequences, &parts, &mut unused).unwrap();
    assert_near(&losses, &doubles(&net["expected"]["mean_ce"]), 1e-6, "loss");
    let expected = &case["expected"];
    let gradients: Vec<Vec<f32>> = model.dense_mut().map(|dense| dense.gradient.clone()).collect();
    assert_near(&gradients[0], &doubles(&expected["grad_item_table"])[4..], 1e-5, "items");
    let names: Vec<String> = sizes.shapes().into_iter().map(|(name, _)| name).collect();
    for (key, want) in expected.as_object().unwrap() {
        let number = match key.as_str() {
            "grad_item_table" => 0,
            "grad_pos_table" => 1,
            key => {
                let (block, part) = key.strip_prefix("grad_block").unwrap().split_once('_').unwrap();
                let part = OF_BLOCK[[
                    "ln1_g", "ln1_b", "wq", "bq", "wk", "bk", "wv", "bv", "ln2_g", "ln2_b", "w1", "b1", "w2", "b2",
                ]
                .iter()
                .position(|name| *name == part)
                .unwrap()];
                names.iter().position(|name| *name == format!("block-{block}-{part}")).unwrap()
            }
        };
        let want = doubles(want);
        assert_near(&gradients[number], &want[want.len() - gradients[number].len()..], 1e-5, key);
    }
}

#[test]
fn padding_need_not_be_computed() {
    let net = case("ader.json", "sasrec_forward_eval");
    let case = case("ader.json", "padding_truncation_is_exact");
    let (sizes, weights) = of_vector(&net["inputs"]["net"], 1);
    let input: Vec<u32> = ids(&case["inputs"]["seq"]).into_iter().filter(|&id| id > 0).map(|id| id - 1).collect();
    assert_eq!(input.len(), 2, "two real places of four");
    let got = SasRecEncoder::new(&weights).unwrap().encode(&sequences(&sizes, &[input]));
    assert_near(&unpadded(&got, 4), &doubles(&case["expected"]["rep_last"]), 1e-6, "representation");
}

#[test]
fn initial_values_have_the_bounds_of_the_reference() {
    let case = case("ader.json", "glorot_limits");
    let limits = doubles(&case["expected"]["limits"]);
    let sizes = |items| SasRecSizes { items, dim: 150, length: 50, blocks: 2, heads: 1 };
    let bounds = [
        sizes(43_136).bound("item", &[43_136, 150]),
        sizes(25_958).bound("item", &[25_958, 150]),
        sizes(9).bound("position", &[50, 150]),
        sizes(9).bound("block-0-query-weight", &[150, 150]),
        // A convolution of width 1 is a dense layer.
        sizes(9).bound("block-0-inner-weight", &[150, 150]),
    ];
    assert_near(&bounds, &limits, 1e-10, "bounds");
    let sizes = SasRecSizes { items: 700, dim: 30, length: 50, blocks: 2, heads: 1 };
    let stream = |purpose: &str| Stream::new(3, "sasrec-test", purpose, 0);
    let initial = sizes.initial(stream);
    assert_eq!(initial, sizes.initial(stream));
    assert_eq!(SasRecSizes::of(&initial).unwrap(), sizes);
    for parameter in &initial.parameters {
        let values = &parameter.values;
        match parameter.name.as_str() {
            name if name.ends_with("scale") => assert!(values.iter().all(|v| *v == 1.0)),
            name if name.ends_with("shift") || name.ends_with("bias") => assert!(values.iter().all(|v| *v == 0.0)),
            name => {
                let bound = sizes.bound(name, &parameter.shape);
                assert!(values.iter().all(|v| f64::from(v.abs()) <= bound), "{name}");
                let square: f64 = values.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>() / values.len() as f64;
                // Uniform within ±bound: bound²/3, with a standard error of that times √(4/5n).
                let error = 4.0 * (0.8 / values.len() as f64).sqrt();
                assert!((square / (bound * bound / 3.0) - 1.0).abs() < error, "{name}");
            }
        }
    }
}

#[test]
fn other_parameters_are_refused() {
    let start = start(&SIZES);
    let refused = |weights: Weights| SasRecSizes::of(&weights).is_err();
    let changed = |change: &dyn Fn(&mut Vec<Parameter>)| {
        let mut weights = start.clone();
        change(&mut weights.parameters);
        refused(weights)
    };
    assert!(!changed(&|_| {}));
    assert!(changed(&|p| p.truncate(5)));
    assert!(changed(&|p| p.clear()));
    assert!(changed(&|p| p[0].name = "items".into()));
    assert!(changed(&|p| p[7].shape = vec![3, 12]));
    assert!(changed(&|p| p[3].values.truncate(2)));
    assert!(changed(&|p| p.swap(3, 4)));
    for heads in [4, 0] {
        let settings = Settings::default().with("heads", heads);
        assert!(refused(Weights { settings, ..start.clone() }), "{heads} heads");
    }
}

#[test]
fn hyper_parameters_say_what_cannot_be() {
    let read = |text: &str| toml::from_str::<SasRecHyper>(text).map_err(|error| error.to_string());
    let text = "dim = 150\nlength = 50\nblocks = 2\nheads = 1\ndropout = 0.3";
    assert_eq!(
        read(text).unwrap().sizes(43_136),
        SasRecSizes { items: 43_136, dim: 150, length: 50, blocks: 2, heads: 1 }
    );
    assert!(
        read(&text.replace("heads = 1", "heads = 4")).unwrap_err().contains("`heads` = 4 does not divide `dim` = 150")
    );
    assert!(read(&text.replace("blocks = 2", "blocks = 0")).is_err());
    assert!(read(&format!("{text}\nlayers = 2")).is_err());
}

#[test]
fn batches_that_cannot_be_are_refused() {
    assert!(Sequences::new([&[][..]], 9, 90).is_err());
    assert!(Sequences::new([&[90][..]], 9, 90).is_err());
    let long: Vec<u32> = (0..30).collect();
    let sequences = Sequences::new([&long[..], &[4]], 9, 90).unwrap();
    assert_eq!((sequences.len(), sequences.items()), (2, &[21, 22, 23, 24, 25, 26, 27, 28, 29, 4][..]));
    let mut model = SasRec::new(start(&SIZES), Dropout::new(0.0)).unwrap();
    let mut refused = |sequences: &Sequences, parts: &[BatchPart<'_>]| {
        model.forward_backward(sequences, parts, &mut Stream::new(0, "sasrec-test", "unused", 0)).is_err()
    };
    let part = |rows, items, target| BatchPart { rows, items, target, weight: 1.0 };
    assert!(!refused(&sequences, &[part(2, 90, Target::Items(&[3, 89]))]));
    assert!(refused(&sequences, &[part(2, 89, Target::Items(&[3, 89]))]), "a target beyond the softmax");
    assert!(refused(&sequences, &[part(2, 91, Target::Items(&[3, 4]))]), "more items than there are");
    assert!(refused(&sequences, &[part(1, 90, Target::Items(&[3]))]), "a row without a loss");
    assert!(refused(&sequences, &[part(2, 90, Target::Items(&[3]))]), "a row without a target");
    assert!(refused(&sequences, &[part(2, 90, Target::Items(&[3, 4])), part(0, 90, Target::Items(&[]))]), "no row");
    assert!(refused(&Sequences::default(), &[]));
}

#[test]
fn parameters_are_counted_as_they_are_listed() {
    for (items, dim, length, blocks) in [(7, 6, 5, 1), (1, 3, 2, 4)] {
        let sizes = SasRecSizes { items, dim, length, blocks, heads: 1 };
        let listed: usize = sizes.shapes().iter().map(|(_, shape)| shape.iter().product::<usize>()).sum();
        assert_eq!(sizes.count(), listed);
    }
    assert_eq!(SasRecSizes { items: 1, dim: 1 << 31, length: 1 << 31, blocks: 1 << 31, heads: 1 }.count(), usize::MAX);
}
