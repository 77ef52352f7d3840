//! The step by hand against the reference vectors and candle's autograd.

use std::sync::Arc;

use candle_core::Device;
use harness::metrics::Scorer;
use harness::optim::Adam;
use harness::rng::Stream;
use harness::split::UserItems;
use harness::train::Model;
use harness::weights::{Parameter, State, Weights};

use super::*;
use crate::golden::{assert_near, case, floats, ids};
use crate::kit::sequential::{self, Parts, gradients, inputs, pass};
use crate::kit::{
    Steps, assert_gradients_alike, assert_steps_alike, assert_trained_alike, bits, bits_of, queries, same_on_threads,
};
use crate::models::sequence::{Encoder, SequentialModel, Window, WindowBatch, WindowScorer, scorer};

#[cfg(feature = "cuda")]
mod cuda;

/// Steps of [`train`].
const STEPS: usize = 12;

const ADAM: Adam = Adam { learning_rate: 1e-3, weight_decay: 1e-3 };

/// Sizes where nothing is a multiple of anything.
fn sizes(convolution: Activation, hidden: Activation) -> CaserSizes {
    CaserSizes { users: 40, ids: 90, dim: 7, length: 4, vertical: 3, horizontal: 5, convolution, hidden }
}

/// Wider than in training, so that what is nearly 0 is not nearly all.
fn start(sizes: &CaserSizes) -> Weights {
    let stream = |purpose: &str| Stream::new(0, "caser-test", purpose, 0);
    let mut weights = sizes.initial(stream);
    let biases = &mut weights.parameters[9].values;
    *biases = stream("biases").normals(biases.len(), 0.1);
    weights
}

fn sequences(sizes: &CaserSizes) -> Arc<UserItems> {
    sequential::sequences("caser-test", sizes.users, sizes.ids - 1)
}

fn both(weights: &Weights, p: f64) -> [Box<dyn SequentialModel>; 2] {
    let dropout = Dropout::new(p);
    [
        Box::new(FusedCaser::new(weights.clone(), dropout).unwrap()),
        Box::new(GraphCaser::new(weights.clone(), dropout, &Device::Cpu).unwrap()),
    ]
}

/// Windows, more than one block, that repeat; ids that repeat within a window.
fn parts(sizes: &CaserSizes, train: &UserItems, columns: usize, step: u64) -> Parts {
    let mut stream = Stream::new(0, "caser-test", "batch", step);
    let windows: Vec<Window> = (0..100)
        .map(|_| {
            let user = stream.below(sizes.users as u32 - 1);
            Window { user, place: 1 + stream.below(train.of(user).len() as u32 - 1) }
        })
        .collect();
    let inputs = inputs(train, sizes.length, &windows);
    let items = (0..windows.len() * columns).map(|_| stream.below(sizes.ids as u32 - 1)).collect();
    (windows, inputs, items)
}

/// RD's step and the plain one in turn.
fn train(model: &mut dyn SequentialModel, sizes: &CaserSizes, train: &UserItems) -> Steps {
    steps(model, sizes, train, &[9, 4].repeat(STEPS / 2))
}

/// A step for each of `columns`.
fn steps(model: &mut dyn SequentialModel, sizes: &CaserSizes, train: &UserItems, columns: &[usize]) -> Steps {
    let of: Vec<(usize, u64)> = columns.iter().copied().zip(0..).collect();
    sequential::steps(model, &ADAM, &of, &|columns, step| parts(sizes, train, columns, step))
}

#[test]
fn forward_agrees_with_the_reference_vectors() {
    for name in ["caser_forward_eval_mode_iden_sigm", "caser_forward_eval_mode_relu_relu"] {
        let case = case("rd.json", name);
        let (inputs, expected) = (&case["inputs"], &case["expected"]);
        let given = &inputs["params"];
        let activation = |key: &str| match inputs[key].as_str().unwrap() {
            "iden" => Activation::Identity,
            "relu" => Activation::Relu,
            "sigm" => Activation::Sigmoid,
            other => panic!("{other}"),
        };
        let (convolution, hidden) = (activation("ac_conv"), activation("ac_fc"));
        let size = |key: &str| inputs[key].as_u64().unwrap() as usize;
        let rows = |value: &serde_json::Value| value.as_array().unwrap().len();
        let (users, ids_) = (rows(&given["user_emb"]), rows(&given["item_emb"]));
        let (dim, length, vertical, horizontal) = (size("d"), size("L"), size("nv"), size("nh"));
        let sizes = CaserSizes { users, ids: ids_, dim, length, vertical, horizontal, convolution, hidden };
        let heights = given["conv_h"].as_array().unwrap();
        // A row of ours is one filter of each height.
        let filters = (0..horizontal).flat_map(|f| heights.iter().flat_map(move |bank| floats(&bank["w"][f])));
        let filters: Vec<f32> = filters.collect();
        let biases: Vec<f32> = heights.iter().flat_map(|bank| floats(&bank["b"])).collect();
        let names = ["user_emb", "item_emb", "conv_v_w", "conv_v_b", "", "", "fc1_w", "fc1_b", "W2", "b2"];
        let value = |k: usize| match k {
            4 => filters.clone(),
            5 => biases.clone(),
            k => floats(&given[names[k]]),
        };
        let parameters = NAMES.iter().zip(sizes.shapes()).enumerate();
        let parameters = parameters.map(|(k, (name, shape))| Parameter {
            name: (*name).into(),
            shape: shape.to_vec(),
            values: value(k),
        });
        let weights = Weights { parameters: parameters.collect(), settings: sizes.settings() };
        let near = |got: &[f32], want: &[f32], what: &str| assert_near(got, want, 1e-6, format!("{name}: {what}"));
        let (batch_inputs, users, items) =
            (ids(&inputs["sequences_oldest_first"]), ids(&inputs["users"]), ids(&inputs["items"]));
        let scores = floats(&expected["scores"]);

        // In training, by both ways.
        let windows: Vec<Window> = users.iter().map(|&user| Window { user, place: 0 }).collect();
        for mut model in both(&weights, 0.0) {
            let batch = WindowBatch { windows: &windows, inputs: &batch_inputs, items: &items, graded: 2 };
            let seen = std::sync::Mutex::new(vec![Vec::new(); windows.len()]);
            let keep = |k: usize, scores: &[f32], gradients: &mut [f32]| {
                seen.lock().unwrap()[k] = scores.to_vec();
                gradients.fill(0.0);
                0.0
            };
            model.forward_backward(&batch, &mut Stream::new(0, "t", "t", 0), &keep).unwrap();
            near(&seen.into_inner().unwrap().concat(), &scores, "scores in training");
        }

        // Layer by layer.
        let layers = layers::CaserLayers::new(sizes, std::array::from_fn(|k| &weights.parameters[k + 2].values[..]));
        let mut pass = layers::CaserPass::default();
        for &id in &batch_inputs {
            pass.rows.extend_from_slice(&weights.parameters[1].values[id as usize * dim..][..dim]);
        }
        layers.forward(&mut pass, None);
        let stride = harness::nn::padded(sizes.features());
        let part = |from: usize, to: usize| -> Vec<f32> {
            pass.features.chunks(stride).flat_map(|row| &row[from..to]).copied().collect()
        };
        near(&part(0, vertical * dim), &floats(&expected["vertical"]), "vertical");
        near(&part(vertical * dim, sizes.features()), &floats(&expected["horizontal"]), "horizontal");

        // As it is served: the sequences as training items, which the users' windows end with.
        let pairs = batch_inputs
            .chunks(length)
            .zip(&users)
            .flat_map(|(sequence, &user)| sequence.iter().filter(|&&id| id != 0).map(move |&id| (user, id - 1)));
        let train = Arc::new(UserItems::from_pairs(sizes.users, &pairs.collect::<Vec<_>>()));
        let encoder = CaserEncoder::new(&weights, train.clone()).unwrap();
        let mut x = vec![0.0; users.len() * 2 * dim];
        let windows: Vec<Window> = users.iter().map(|&user| Window::after_all(&train, user)).collect();
        encoder.encode(&windows, &mut x);
        let z: Vec<f32> = x.chunks(2 * dim).flat_map(|x| &x[..dim]).copied().collect();
        near(&z, &floats(&expected["z"]), "z");
        let all = WindowScorer::of_windows(Box::new(encoder), windows);
        for (k, items) in items.chunks(3).enumerate() {
            let mut got = [0.0; 3];
            all.score(k as u32, items, &mut got);
            near(&got, &scores[k * 3..][..3], "scores when served");
        }
    }
}

#[test]
fn the_step_by_hand_equals_candles_autograd() {
    use Activation::{Identity, Relu, Sigmoid};
    let small = [(Identity, Sigmoid), (Relu, Relu), (Sigmoid, Identity)].map(|(c, h)| sizes(c, h));
    let large = CaserSizes { users: 50, ids: 30_000, dim: 50, length: 5, vertical: 2, horizontal: 16, ..small[0] };
    for (sizes, p) in [(small[0], 0.0), (small[0], 0.5), (small[1], 0.3), (small[2], 0.3), (large, 0.5)] {
        let (start, sequences) = (start(&sizes), sequences(&sizes));
        let batch = parts(&sizes, &sequences, 9, 77);
        let [fused, graph] = both(&start, p).map(|mut model| gradients(&mut *model, &NAMES, &batch, 4));
        assert_gradients_alike(&NAMES, &fused, &graph, [2e-6, 3e-6], format!("{sizes:?}"));
        let [fused, graph] = both(&start, p).map(|mut model| train(&mut *model, &sizes, &sequences));
        assert_steps_alike(&fused, &graph, &start, &ADAM, STEPS, 1e-5, format!("{sizes:?}"));
    }
}

/// A table whose rows fall behind, until RD's samples name nearly all of them.
#[test]
fn a_table_that_begins_to_keep_up_moves_on_as_it_did() {
    let small = sizes(Activation::Identity, Activation::Sigmoid);
    let sizes = CaserSizes { ids: 7_500, dim: 100, ..small };
    let (start, sequences) = (start(&sizes), sequences(&sizes));
    let columns = [4, 9, 4, 4, 9, 80, 4, 4, 80, 9, 4];
    let mut fused = FusedCaser::new(start.clone(), Dropout::new(0.5)).unwrap();
    // CaserStep by step, to see that it was behind, and is no more.
    for (step, &columns) in columns.iter().enumerate() {
        pass(&mut fused, &parts(&sizes, &sequences, columns, step as u64), 4, step as u64);
        fused.step(&ADAM).unwrap();
        assert_eq!(fused.tables.output.is_behind(), step < 5, "step {step}");
    }
    let mut graph = GraphCaser::new(start.clone(), Dropout::new(0.5), &Device::Cpu).unwrap();
    steps(&mut graph, &sizes, &sequences, &columns);
    fused.settle();
    let (fused, graph) = (fused.weights().unwrap().parameters, graph.weights().unwrap().parameters);
    for ((a, b), start) in fused.iter().zip(&graph).zip(&start.parameters) {
        assert_trained_alike(a, b, start, &ADAM, columns.len());
    }
}

#[test]
fn what_is_named_moves_and_what_is_not_graded_does_not() {
    let sizes = sizes(Activation::Identity, Activation::Sigmoid);
    let start = start(&sizes);
    // Input 1, 2 after two paddings; item 11 twice with a gradient, item 23 without one.
    let batch = (vec![Window { user: 3, place: 2 }], vec![0, 0, 1, 2], vec![11, 11, 7, 23]);
    for mut model in both(&start, 0.0) {
        let (_, gradients) = gradients(&mut *model, &NAMES, &batch, 3);
        for ((name, gradient), shape) in NAMES.iter().zip(&gradients).zip(sizes.shapes()) {
            let moved: Vec<u32> = (0..shape[0] as u32)
                .filter(|&row| gradient[row as usize * shape[1]..][..shape[1]].iter().any(|g| *g != 0.0))
                .collect();
            match *name {
                "user" => assert_eq!(moved, [3]),
                "item" => assert_eq!(moved, [0, 1, 2], "the padding's row is read, and moves"),
                "output" | "output-bias" => assert_eq!(moved, [7, 11]),
                _ => assert_eq!(moved.len(), shape[0], "{name}"),
            }
        }
    }
}

#[test]
fn threads_change_no_bit() {
    let small = sizes(Activation::Identity, Activation::Sigmoid);
    let sizes = CaserSizes { ids: 25_000, dim: 30, ..small };
    let (start, sequences) = (start(&sizes), sequences(&sizes));
    same_on_threads(|| {
        let mut model = FusedCaser::new(start.clone(), Dropout::new(0.5)).unwrap();
        bits_of(train(&mut model, &sizes, &sequences))
    });
}

#[test]
fn a_saved_state_goes_on_bit_for_bit_on_both_paths() {
    let sizes = sizes(Activation::Relu, Activation::Sigmoid);
    let (start, sequences) = (start(&sizes), sequences(&sizes));
    let mut zeros = start.clone();
    zeros.parameters.iter_mut().for_each(|parameter| parameter.values.fill(0.0));
    let models = both(&start, 0.5).into_iter().zip(both(&start, 0.5));
    for ((mut straight, mut first), mut second) in models.zip(both(&zeros, 0.5)) {
        train(&mut *straight, &sizes, &sequences);
        let want = train(&mut *straight, &sizes, &sequences);
        train(&mut *first, &sizes, &sequences);
        let mut state = State::default();
        first.save(&mut state).unwrap();
        second.restore(&mut state).unwrap();
        assert!(train(&mut *second, &sizes, &sequences) == want);
        second.set_weights(start.clone()).unwrap();
        assert_eq!(second.weights().unwrap(), start);
        let mut refused = |change: &dyn Fn(&mut Weights)| {
            let mut other = start.clone();
            change(&mut other);
            second.set_weights(other).is_err()
        };
        assert!(refused(&|weights| drop(weights.parameters.pop())));
        assert!(refused(&|weights| weights.settings = CaserSizes { hidden: Activation::Relu, ..sizes }.settings()));
    }
}

#[test]
fn a_query_has_one_score_by_every_way_in() {
    let sizes = sizes(Activation::Identity, Activation::Sigmoid);
    let (start, sequences) = (start(&sizes), sequences(&sizes));
    let mut model = FusedCaser::new(start, Dropout::new(0.5)).unwrap();
    train(&mut model, &sizes, &sequences);
    let weights = model.weights().unwrap();
    let n = sizes.ids - 1;
    let queries = queries(&sequences, n);
    let served = scorer(&KIND, &weights, &queries).unwrap();
    let graph = GraphCaser::new(weights, Dropout::new(0.5), &Device::Cpu).unwrap();
    let (training, graph) = (model.scorer(&queries).unwrap(), graph.scorer(&queries).unwrap());
    assert_eq!([served.n_items(), training.n_items(), graph.n_items()], [n; 3], "the padding is no item");
    let all: Vec<u32> = (0..n as u32).rev().collect();
    let width = 2 * sizes.dim;
    let users: Vec<u32> = (0..sizes.users as u32).collect();
    let dot = served.dot().unwrap();
    let mut together = vec![0.0; users.len() * width];
    (dot.encode)(&users, &mut together);
    for &user in &users {
        let mut want = vec![0.0; n];
        served.score_all(user, &mut want);
        let mut scores = vec![0.0; n];
        for scorer in [&*training, &*graph] {
            scorer.score_all(user, &mut scores);
            assert_eq!(bits(&scores), bits(&want));
        }
        served.score(user, &all, &mut scores);
        scores.reverse();
        assert_eq!(bits(&scores), bits(&want));
        let mut alone = vec![0.0; width];
        (dot.encode)(&[user], &mut alone);
        assert_eq!(bits(&alone), bits(&together[user as usize * width..][..width]), "alone and in company");
    }
}
