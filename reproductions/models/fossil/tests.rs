//! The step by hand against the reference vector and candle's autograd.

use std::sync::Arc;

use candle_core::Device;
use harness::nn::softplus;
use harness::optim::Adam;
use harness::rng::Stream;
use harness::split::UserItems;
use harness::train::Model;
use harness::weights::{Parameter, State, Weights};

use super::*;
use crate::golden::{assert_near, case, doubles, floats, ids};
use crate::kit::sequential::{self, Parts, gradients, inputs, pass};
use crate::kit::{Steps, assert_gradients_alike, assert_steps_alike, bits_of, queries, same_on_threads};
use crate::models::sequence::{self, Encoder, SequentialModel, Window, WindowBatch, id_of, pointwise};

#[cfg(feature = "cuda")]
mod cuda;

/// Steps of [`train`].
const STEPS: usize = 12;

const ADAM: Adam = Adam { learning_rate: 1e-3, weight_decay: 1e-3 };

/// Sizes where nothing is a multiple of anything.
fn sizes(history: History, targets: usize) -> FossilSizes {
    FossilSizes { users: 40, items: 90, dim: 7, length: 4, targets, alpha: 0.3, history }
}

/// Wider than in training, and no zeros, so that every gradient is at work.
fn start(sizes: &FossilSizes) -> Weights {
    let stream = |purpose: &str| Stream::new(0, "fossil-test", purpose, 0);
    let mut weights = sizes.initial(0.3, stream);
    for parameter in &mut weights.parameters[2..4] {
        parameter.values = stream(&parameter.name).normals(parameter.values.len(), 0.3);
    }
    weights
}

fn sequences(sizes: &FossilSizes) -> Arc<UserItems> {
    sequential::sequences("fossil-test", sizes.users, sizes.items)
}

fn both(weights: &Weights, train: &Arc<UserItems>) -> [Box<dyn SequentialModel>; 2] {
    [
        Box::new(FusedFossil::new(weights.clone(), train.clone()).unwrap()),
        Box::new(GraphFossil::new(weights.clone(), train.clone(), &Device::Cpu).unwrap()),
    ]
}

/// Windows, more than one block, that repeat; ids that repeat within a window.
fn parts(sizes: &FossilSizes, train: &UserItems, columns: usize, step: u64) -> Parts {
    let mut stream = Stream::new(0, "fossil-test", "batch", step);
    let mut window = || {
        let user = stream.below(sizes.users as u32 - 1);
        Window { user, place: 1 + stream.below(train.of(user).len() as u32 - 1) }
    };
    let windows: Vec<Window> = (0..100).map(|_| window()).collect();
    let mut stream = Stream::new(0, "fossil-test", "items", step);
    let items = (0..windows.len() * columns).map(|_| id_of(stream.below(sizes.items as u32 - 2))).collect();
    (windows.clone(), inputs(train, sizes.length, &windows), items)
}

/// RD's step and the plain one in turn.
fn train(model: &mut dyn SequentialModel, sizes: &FossilSizes, train: &UserItems) -> Steps {
    let of: Vec<(usize, u64)> = [9, 4].repeat(STEPS / 2).into_iter().zip(0..).collect();
    sequential::steps(model, &ADAM, &of, &|columns, step| parts(sizes, train, columns, step))
}

#[test]
fn scores_and_losses_agree_with_the_reference_vector() {
    let case = case("rd.json", "fossil_forward");
    let (inputs, expected) = (&case["inputs"], &case["expected"]);
    let mut values = ["V_in", "W_out", "bias", "eta_global", "eta_user"].map(|name| floats(&inputs[name]));
    let sizes = FossilSizes {
        users: inputs["eta_user"].as_array().unwrap().len(),
        items: values[2].len(),
        dim: inputs["d"].as_u64().unwrap() as usize,
        length: inputs["L"].as_u64().unwrap() as usize,
        targets: 1,
        alpha: inputs["alpha"].as_f64().unwrap(),
        history: History::Causal,
    };
    let parameter = |(k, shape): (usize, [usize; 2])| Parameter {
        name: NAMES[k].into(),
        shape: shape.to_vec(),
        values: std::mem::take(&mut values[k]),
    };
    let parameters = sizes.shapes().into_iter().enumerate().map(parameter).collect();
    let weights = Weights { parameters, settings: sizes.settings() };
    // The last items of the sequence are those that the vector lists, latest first.
    let sequence = ids(&inputs["long_term_items"]);
    let recent: Vec<u32> = sequence.iter().rev().take(sizes.length).copied().collect();
    assert_eq!(recent, ids(&inputs["recent_items_most_recent_first"]));
    let user = inputs["user"].as_u64().unwrap() as u32;
    let pairs = |items: &[u32]| items.iter().map(|&item| (user, item)).collect::<Vec<_>>();
    let known = Arc::new(UserItems::from_pairs(sizes.users, &pairs(&sequence)));

    let encoder = FossilEncoder::new(&weights, known.clone()).unwrap();
    let mut x = [0.0; 2];
    encoder.encode(&[Window::after_all(&known, user)], &mut x);
    let [long, short] = ["long_term", "short_term"].map(|name| doubles(&expected[name]));
    assert_near(&x, &[long[0] + short[0], long[1] + short[1]], 1e-6, "representation");
    let model = sequence::scorer(&KIND, &weights, &queries(&known, sizes.items)).unwrap();
    let mut scores = vec![0.0; sizes.items];
    model.score_all(user, &mut scores);
    assert_near(&scores, &doubles(&expected["scores_all_items"]), 1e-6, "scores");

    // The target is one more item of the training sequence.
    let train = Arc::new(UserItems::from_pairs(sizes.users, &pairs(&[&sequence[..], &[5]].concat())));
    let windows = [Window { user, place: sequence.len() as u32 }];
    let (read, items) = (sequential::inputs(&train, sizes.length, &windows), [5, 0, 1].map(id_of));
    for mut model in both(&weights, &train) {
        let batch = WindowBatch { windows: &windows, inputs: &read, items: &items, graded: 3 };
        let mut none = Stream::new(0, "fossil-test", "none", 0);
        let point = |_: usize, scores: &[f32], gradients: &mut [f32]| pointwise(scores, 1, gradients);
        let got = model.forward_backward(&batch, &mut none, &point).unwrap();
        assert_near(&[got], &doubles(&expected["pointwise_loss_pos5_neg0_neg1"]), 1e-6, "pointwise");
        let pair = |_: usize, scores: &[f32], _: &mut [f32]| f64::from(softplus(scores[1] - scores[0]));
        let got = model.forward_backward(&batch, &mut none, &pair).unwrap();
        assert_near(&[got], &doubles(&expected["bpr_loss_pos5_neg0"]), 1e-6, "BPR");
    }
}

#[test]
fn the_step_by_hand_equals_candles_autograd() {
    for (history, targets) in [(History::Causal, 1), (History::LeaveOneOut, 1), (History::LeaveOneOut, 3)] {
        for (dim, length) in [(7, 4), (1, 1), (37, 5), (50, 5)] {
            let sizes = FossilSizes { dim, length, ..sizes(history, targets) };
            let (start, sequences) = (start(&sizes), sequences(&sizes));
            for (columns, graded) in [(4, 4), (9, 4), (3, 1)] {
                let parts = parts(&sizes, &sequences, columns, 7);
                let [a, b] = both(&start, &sequences).map(|mut model| gradients(&mut *model, &NAMES, &parts, graded));
                assert_gradients_alike(&NAMES, &a, &b, [1e-6, 2e-6], format!("d={dim}, {history}"));
            }
            let [a, b] = both(&start, &sequences).map(|mut model| train(&mut *model, &sizes, &sequences));
            assert_steps_alike(&a, &b, &start, &ADAM, STEPS, 5e-6, format!("d={dim}"));
        }
    }
}

/// Tables whose rows fall behind and are brought up to date.
#[test]
fn large_tables_move_as_small_ones_do() {
    let sizes = FossilSizes { items: 7_500, dim: 200, ..sizes(History::Causal, 1) };
    let (start, sequences) = (start(&sizes), sequences(&sizes));
    let [a, b] = both(&start, &sequences).map(|mut model| train(&mut *model, &sizes, &sequences));
    assert_steps_alike(&a, &b, &start, &ADAM, STEPS, 5e-6, "large tables");
}

/// Central differences of the loss in f64 over f32 scores: good to three digits, and blind to nothing.
#[test]
fn gradients_are_slopes_of_the_loss() {
    let sizes = sizes(History::Causal, 1);
    let (start, sequences) = (start(&sizes), sequences(&sizes));
    let parts = parts(&sizes, &sequences, 4, 3);
    let (_, of) = gradients(&mut FusedFossil::new(start.clone(), sequences.clone()).unwrap(), &NAMES, &parts, 4);
    let at = |k: usize, j: usize, h: f32| {
        let mut moved = start.clone();
        moved.parameters[k].values[j] += h;
        pass(&mut FusedFossil::new(moved, sequences.clone()).unwrap(), &parts, 4, 0)
    };
    for (k, of) in of.iter().enumerate() {
        // The element that matters most.
        let (j, gradient) = of.iter().enumerate().max_by(|a, b| a.1.abs().total_cmp(&b.1.abs())).unwrap();
        let slope = (at(k, j, 1e-2) - at(k, j, -1e-2)) / 2e-2;
        assert!((slope / f64::from(*gradient) - 1.0).abs() < 5e-3, "{}: {slope} {gradient}", NAMES[k]);
    }
}

#[test]
fn threads_change_no_bit() {
    let sizes = FossilSizes { dim: 37, ..sizes(History::Causal, 1) };
    let (start, sequences) = (start(&sizes), sequences(&sizes));
    same_on_threads(|| {
        let mut model = FusedFossil::new(start.clone(), sequences.clone()).unwrap();
        bits_of(train(&mut model, &sizes, &sequences))
    });
}

#[test]
fn a_saved_state_goes_on_bit_for_bit_on_both_paths() {
    let sizes = sizes(History::LeaveOneOut, 1);
    let (start, sequences) = (start(&sizes), sequences(&sizes));
    let others = sizes.initial(0.1, |purpose| Stream::new(9, "fossil-test", purpose, 0));
    for (mut first, mut second) in both(&start, &sequences).into_iter().zip(both(&others, &sequences)) {
        train(&mut *first, &sizes, &sequences);
        let mut state = State::default();
        first.save(&mut state).unwrap();
        second.restore(&mut state).unwrap();
        drop(state);
        assert_eq!(train(&mut *second, &sizes, &sequences), train(&mut *first, &sizes, &sequences));
        second.set_weights(start.clone()).unwrap();
        assert_eq!(second.weights().unwrap(), start);
    }
}

#[test]
fn a_model_is_served_as_it_was_trained() {
    let sizes = sizes(History::LeaveOneOut, 1);
    let sequences = sequences(&sizes);
    let mut model = FusedFossil::new(start(&sizes), sequences.clone()).unwrap();
    train(&mut model, &sizes, &sequences);
    let queries = queries(&sequences, sizes.items);
    let kept = sequence::scorer(&KIND, &model.weights().unwrap(), &queries).unwrap();
    let training = model.scorer(&queries).unwrap();
    let (mut a, mut b) = (vec![0.0; sizes.items], vec![0.0; sizes.items]);
    for user in 0..sizes.users as u32 {
        training.score_all(user, &mut a);
        kept.score_all(user, &mut b);
        assert_eq!(a, b);
    }
}

#[test]
fn the_padding_cannot_be_scored() {
    let sizes = sizes(History::Causal, 1);
    let sequences = sequences(&sizes);
    let (windows, inputs, mut items) = parts(&sizes, &sequences, 4, 0);
    items[5] = 0;
    for mut model in both(&start(&sizes), &sequences) {
        let batch = WindowBatch { windows: &windows, inputs: &inputs, items: &items, graded: 4 };
        let error = model
            .forward_backward(&batch, &mut Stream::new(0, "fossil-test", "none", 0), &sequential::loss)
            .unwrap_err();
        assert!(error.to_string().contains("cannot score the padding"), "{error}");
    }
}
