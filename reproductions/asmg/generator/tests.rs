//! The generators against the reference vectors.

mod differences;

use harness::optim::TfAdam;
use harness::rng::Stream;
use harness::split::Samples;
use harness::weights::State;
use serde_json::Value;

use super::cell::{Squash, set_size};
use super::gru::Gru;
use super::linear::Linear;
use super::model_generator::ModelGenerator;
use super::options::MeanWeights;
use super::past_models::{Coordinates, PastModel, turned};
use super::sequence_batch::SequenceBatch;
use super::sequence_loss::SequenceLoss;
use crate::golden::{assert_near, case, doubles, floats, ids, same_on_threads};
use crate::models::embedding_mlp::EmbeddingMlpSizes;

/// Tensors of the reference in the order of ours, without categories.
const NAMES: [&str; 8] =
    ["user_emb_w", "item_emb_w", "fcn1_kernel", "fcn1_bias", "fcn2_kernel", "fcn2_bias", "fcn3_kernel", "fcn3_bias"];

/// Parts of a weight set in the order of ours; each stands first by set in the reference.
const PARTS: [&str; 8] = ["u_z", "w_z", "u_r", "w_r", "u_g", "w_g", "w_hy", "b_y"];

/// The parts of the reference's weight sets one after the other, sets last.
fn packed(parts: &Value) -> Vec<f32> {
    let sets = parts["b_y"].as_array().unwrap().len();
    let part = |name: &&str| {
        let values = floats(&parts[*name]);
        turned(&values, sets, values.len() / sets)
    };
    PARTS.iter().flat_map(part).collect()
}

/// `[rows, columns, d]` → `[columns, rows, d]`.
fn by_column(values: &[f32], [rows, columns, d]: [usize; 3]) -> Vec<f32> {
    let of = |column: usize| (0..rows).flat_map(move |row| &values[(row * columns + column) * d..][..d]);
    (0..columns).flat_map(of).copied().collect()
}

/// The k-th of the numbers that stand last, for each of the others.
fn slice(values: &Value, k: usize, of: usize) -> Vec<f32> {
    floats(values).into_iter().skip(k).step_by(of).collect()
}

fn stream(purpose: &str) -> Stream {
    Stream::new(0, "asmg", purpose, 0)
}

/// A generator of which one tensor has the weights of a vector, and models of which that tensor is the vector's sequence.
struct OneTensor {
    gru: Gru,
    tensor: usize,
    of: Coordinates,
    models: Vec<PastModel>,
}

impl OneTensor {
    fn new(tensor: usize, sizes: EmbeddingMlpSizes, gru: &Value, sequences: &[&Value]) -> Self {
        let coordinates = Coordinates::of(&sizes);
        let mut generator = Gru::new(sizes, 2, Squash::Linear, true, stream);
        generator.tensors_mut()[tensor].weights = packed(gru);
        let of = coordinates[tensor];
        let model = |sequence: &Value, k: usize| {
            let mut values: Vec<Vec<f32>> = coordinates.iter().map(|of| vec![0.5; of.rows * of.columns]).collect();
            values[tensor] = slice(sequence, k, 3);
            PastModel::new(k, &coordinates, values.iter().map(Vec::as_slice))
        };
        let models = sequences.iter().flat_map(|sequence| (0..3).map(move |k| model(sequence, k))).collect();
        Self { gru: generator, tensor, of, models }
    }

    /// Outputs after the k-th model.
    fn outputs(&self, k: usize) -> Vec<f32> {
        self.gru.whole(&self.models[..=k])[self.tensor].clone()
    }

    fn name(&self) -> String {
        format!("{}.hidden_state", self.of.name)
    }

    /// `[rows, columns, d]`
    fn states(&self) -> Vec<f32> {
        let mut state = State::default();
        self.gru.save_past(&mut state);
        by_column(&state.arrays[&self.name()], [self.of.columns, self.of.rows, 2])
    }

    fn set_states(&mut self, values: &[f32]) {
        let mut state = State::default();
        self.gru.save_past(&mut state);
        let mut others = State::default();
        for (name, values) in &state.arrays {
            others.put(name.clone(), values.clone().into_owned());
        }
        others.put(self.name(), by_column(values, [self.of.rows, self.of.columns, 2]));
        drop(state);
        self.gru.restore_past(&mut others).unwrap();
    }
}

/// Tables of four rows of two, layers of 2 and 3.
const SIZES: EmbeddingMlpSizes = EmbeddingMlpSizes { users: 4, items: 3, categories: None, dim: 2, hidden: [2, 3] };

const TOLERANCE: f64 = 1e-6;

#[test]
fn outputs_and_states_agree_with_the_reference() {
    for (name, tensor, sequence, hidden, outputs) in [
        ("gru_embedding_table", 0, "param_sequence_rows_dim_k", "hidden_rows_dim_d_k", "outputs_rows_dim_k"),
        ("gru_mlp_tensor", 4, "param_sequence", "hidden", "outputs"),
    ] {
        let case = case("asmg.json", name);
        let (inputs, expected) = (&case["inputs"], &case["expected"]);
        let mut one = OneTensor::new(tensor, SIZES, &inputs["gru"], &[&inputs[sequence]]);
        for k in 0..3 {
            assert_near(&one.outputs(k), &slice(&expected[outputs], k, 3), TOLERANCE, name);
        }
        if tensor == 0 {
            one.set_states(&floats(&inputs["other_h0"]));
            for k in 0..3 {
                let want = slice(&expected["outputs_with_other_h0"], k, 3);
                assert_near(&one.outputs(k), &want, TOLERANCE, "another state at first");
            }
            one.set_states(&[0.0; 16]);
        }
        for k in 0..3 {
            let model = one.models[k].clone();
            one.gru.advance(&model);
            assert_near(&one.states(), &slice(&expected[hidden], k, 3), TOLERANCE, "states");
        }
    }
}

#[test]
fn a_state_goes_on_as_in_the_reference() {
    let case = case("asmg.json", "hidden_state_continuation");
    let (inputs, expected) = (&case["inputs"], &case["expected"]);
    let sequences = [&inputs["first_sequence"], &inputs["second_sequence"]];
    let mut one = OneTensor::new(0, SIZES, &inputs["gru"], &sequences);
    assert_eq!(one.models[1].tensors, one.models[3].tensors, "the sequences overlap");
    let from_the_left = one.gru.whole(&[&one.models[..1], &one.models[3..]].concat());
    let left = one.models[0].clone();
    one.gru.advance(&left);
    assert_near(&one.states(), &doubles(&expected["h_after_first_model"]), TOLERANCE, "states");
    for k in 3..6 {
        let got = &one.gru.whole(&one.models[3..=k])[0];
        assert_near(got, &slice(&expected["second_outputs"], k - 3, 3), TOLERANCE, "outputs");
    }
    assert_eq!(one.gru.whole(&one.models[3..]), from_the_left, "one more model before is the same, bit for bit");
}

/// The small case of `asmg-extra.json`.
struct Small {
    inputs: Value,
    sizes: EmbeddingMlpSizes,
    models: Vec<PastModel>,
    /// By data set, oldest first.
    samples: Vec<Samples>,
}

impl Small {
    fn new() -> Self {
        let inputs = case("asmg-extra.json", "asmg_training_step")["inputs"].clone();
        let sizes = EmbeddingMlpSizes { users: 4, items: 6, categories: None, dim: 2, hidden: [3, 2] };
        let coordinates = Coordinates::of(&sizes);
        let model = |(period, model): (usize, &Value)| {
            let tensors: Vec<Vec<f32>> = NAMES.iter().map(|name| floats(&model[*name])).collect();
            PastModel::new(period, &coordinates, tensors.iter().map(Vec::as_slice))
        };
        let models = inputs["models_oldest_first"].as_array().unwrap().iter().enumerate().map(model).collect();
        let samples = |batch: &Value| {
            let [users, items, lengths] = ["user", "item", "history_len"].map(|name| ids(&batch[name]));
            let labels = doubles(&batch["label"]);
            let mut samples = Samples::default();
            for (k, history) in batch["history"].as_array().unwrap().iter().enumerate() {
                let history = &ids(history)[..lengths[k] as usize];
                samples.push(users[k], history, &[(items[k], labels[k] == 1.0)]);
            }
            samples
        };
        let samples = inputs["batches_oldest_first"].as_array().unwrap().iter().map(samples).collect();
        Self { inputs, sizes, models, samples }
    }

    /// Each tensor of a generator, or of a model, with its values in the vector.
    fn by_tensor(values: &Value) -> impl Iterator<Item = (&'static str, &Value)> {
        NAMES.into_iter().map(|name| (name, &values[name]))
    }

    /// The generator with its weights and states.
    fn gru(&self) -> Gru {
        let mut gru = Gru::new(self.sizes, 2, Squash::Linear, true, stream);
        let mut state = State::default();
        let coordinates = Coordinates::of(&self.sizes);
        let of_tensors = gru.tensors_mut().iter_mut().zip(&coordinates);
        for ((tensor, of), name) in of_tensors.zip(NAMES) {
            tensor.weights = packed(&self.inputs["gru"][name]);
            let values = by_column(&floats(&self.inputs["h0"][name]), [of.rows, of.columns, 2]);
            state.put(format!("{}.hidden_state", of.name), values);
        }
        gru.restore_past(&mut state).unwrap();
        gru
    }

    /// Losses, oldest first, and the gradients.
    fn losses(&self, generator: &mut dyn ModelGenerator, loss: SequenceLoss) -> (Vec<f64>, f64) {
        let mut batch = SequenceBatch::new(self.sizes);
        // The second is as the first: buffers keep nothing.
        let mut twice = [(); 2].map(|()| {
            batch.clear();
            for (samples, weight) in self.samples.iter().zip(loss.weights(3)).rev().filter(|(_, weight)| *weight > 0.0)
            {
                let positions: Vec<u32> = (0..samples.len() as u32).collect();
                batch.push(samples.range(0..samples.len()), &positions, None, weight);
            }
            batch.forward_backward(generator, &self.models[..3])
        });
        assert_eq!(twice[0], twice[1]);
        let total = twice[0].iter().zip(batch.weights()).map(|(loss, weight)| loss * weight).sum();
        twice[0].reverse();
        (std::mem::take(&mut twice[0]), total)
    }
}

#[test]
fn losses_and_gradients_agree_with_the_reference() {
    let small = Small::new();
    let case = case("asmg-extra.json", "asmg_training_step");
    let expected = &case["expected"];
    for (loss, name) in
        [(SequenceLoss::Linear, "linear"), (SequenceLoss::Uniform, "uniform"), (SequenceLoss::Last, "single")]
    {
        let mut gru = small.gru();
        let (losses, total) = small.losses(&mut gru, loss);
        let want = doubles(&expected["step_losses"]);
        let want = if loss == SequenceLoss::Last { &want[2..] } else { &want[..] };
        assert_near(&losses, want, TOLERANCE, name);
        assert_near(&[total], &doubles(&expected[format!("total_{name}")]), TOLERANCE, name);
        let gradients = &expected[format!("gradients_{name}")];
        for (tensor, (of, gradients)) in gru.tensors().iter().zip(Small::by_tensor(gradients)) {
            let sets = tensor.gradient.len() / set_size(2);
            let mut start = 0;
            for (part, each) in PARTS.into_iter().zip([2, 4, 2, 4, 2, 4, 2, 1]) {
                let got = turned(&tensor.gradient[start..start + each * sets], each, sets);
                start += each * sets;
                match gradients.get(part) {
                    Some(want) => assert_near(&got, &doubles(want), 2e-7, format!("{name}, {of}, {part}")),
                    None => assert!(loss != SequenceLoss::Linear, "all parts are there for the linear loss"),
                }
            }
        }
    }
}

#[test]
fn a_step_and_the_next_period_agree_with_the_reference() {
    let small = Small::new();
    let case = case("asmg-extra.json", "asmg_training_step");
    let expected = &case["expected"];
    let mut gru = small.gru();
    for (got, (name, want)) in gru.whole(&small.models[..3]).iter().zip(Small::by_tensor(&expected["generated_last"])) {
        assert_near(got, &doubles(want), TOLERANCE, name);
    }
    small.losses(&mut gru, SequenceLoss::Linear);
    gru.tensors_mut().iter_mut().for_each(|tensor| tensor.step(&TfAdam { learning_rate: 0.01 }));
    for (tensor, (name, want)) in gru.tensors().iter().zip(Small::by_tensor(&expected["gru_after_adam"])) {
        let sets = tensor.weights.len() / set_size(2);
        let part = |start: usize, n: usize| turned(&tensor.weights[start * sets..(start + n) * sets], n, sets);
        for (part, values) in [("u_z", part(0, 2)), ("w_g", part(14, 4)), ("b_y", part(20, 1))] {
            // A gradient near ε decides how far Adam moves; float32 has it to 1e-9.
            assert_near(&values, &doubles(&want[part]), 2e-5, format!("{name}, {part}"));
        }
    }
    gru.advance(&small.models[0]);
    let mut state = State::default();
    gru.save_past(&mut state);
    let coordinates = Coordinates::of(&small.sizes);
    for (of, (name, want)) in coordinates.iter().zip(Small::by_tensor(&expected["stored_hidden"])) {
        let got = by_column(&state.arrays[&format!("{}.hidden_state", of.name)], [of.columns, of.rows, 2]);
        assert_near(&got, &doubles(want), 1e-5, name);
    }
    let served = gru.whole(&small.models[1..]);
    for (got, (name, want)) in served.iter().zip(Small::by_tensor(&expected["next_period_serving"])) {
        assert_near(got, &doubles(want), 1e-5, name);
    }
}

#[test]
fn means_agree_with_the_reference() {
    let case = case("asmg.json", "asmg_linear");
    let (inputs, expected) = (&case["inputs"], &case["expected"]);
    let sizes = EmbeddingMlpSizes { users: 3, items: 1, categories: None, dim: 2, hidden: [3, 2] };
    let coordinates = Coordinates::of(&sizes);
    // The table of users, and the kernel of the second layer, which is [3, 2].
    let model = |k: usize| {
        let mut values: Vec<Vec<f32>> = coordinates.iter().map(|of| vec![0.5; of.rows * of.columns]).collect();
        let here = slice(&inputs["param_sequence"], k, 3);
        (values[0], values[4]) = (here.clone(), here);
        PastModel::new(k, &coordinates, values.iter().map(Vec::as_slice))
    };
    let models = [0, 1, 2].map(model);
    let mut linear = Linear::new(sizes, 3, MeanWeights::PerCoordinate);
    let first = linear.whole(&models);
    for tensor in [0, 4] {
        assert_near(&first[tensor], &doubles(&expected["initial_is_mean"]), TOLERANCE, "the mean");
    }
    let plain = Linear::new(sizes, 3, MeanWeights::PerPeriod).whole(&models);
    assert_eq!(plain, first);
    linear.tensors_mut()[0].weights = floats(&inputs["raw_weights_embedding_style"]);
    linear.tensors_mut()[4].weights = floats(&inputs["raw_weights_mlp_style"]);
    let means = linear.whole(&models);
    assert_near(&means[0], &doubles(&expected["embedding_style"]), TOLERANCE, "table");
    assert_near(&means[4], &doubles(&expected["mlp_style"]), TOLERANCE, "layer");
}

#[test]
fn steps_of_means_agree_with_the_reference() {
    let small = Small::new();
    let case = case("asmg-extra.json", "asmg_linear_training_steps");
    let expected = &case["expected"];
    let mut linear = Linear::new(small.sizes, 3, MeanWeights::PerCoordinate);
    let mut one = Linear::new(small.sizes, 3, MeanWeights::PerPeriod);
    small.losses(&mut one, SequenceLoss::Last);
    for step in 0..2 {
        let (losses, _) = small.losses(&mut linear, SequenceLoss::Last);
        assert_near(&losses, &doubles(&expected["losses"])[step..=step], TOLERANCE, "loss");
        if step == 0 {
            for (tensor, (name, want)) in linear.tensors().iter().zip(Small::by_tensor(&expected["gradients_step1"])) {
                assert_near(&tensor.gradient, &doubles(want), 2e-7, name);
            }
            let sum =
                |j: usize| linear.tensors().iter().flat_map(move |raw| raw.gradient.iter().skip(j).step_by(3)).sum();
            let sums: [f32; 3] = [sum(0), sum(1), sum(2)];
            assert_near(&one.tensors()[0].gradient, &sums, 2e-7, "one for all: the sum over all");
        }
        linear.tensors_mut().iter_mut().for_each(|tensor| tensor.step(&TfAdam { learning_rate: 0.01 }));
        for (tensor, (name, want)) in
            linear.tensors().iter().zip(Small::by_tensor(&expected["raw_weights_after"][step]))
        {
            assert_near(&tensor.weights, &doubles(want), 1e-5, name);
        }
    }
}

#[test]
fn threads_change_no_bit() {
    let small = Small::new();
    for linear in [false, true] {
        same_on_threads(|| {
            let mut generator: Box<dyn ModelGenerator> = match linear {
                false => Box::new(small.gru()),
                true => Box::new(Linear::new(small.sizes, 3, MeanWeights::PerCoordinate)),
            };
            let loss = if linear { SequenceLoss::Last } else { SequenceLoss::Linear };
            for _ in 0..3 {
                small.losses(&mut *generator, loss);
                generator.tensors_mut().iter_mut().for_each(|tensor| tensor.step(&TfAdam { learning_rate: 0.01 }));
            }
            generator.tensors().iter().map(|tensor| tensor.weights.clone()).collect::<Vec<_>>()
        });
    }
}

/// Of tables, the limits that the reference lists; each part of a set is within its own, and reaches near it.
#[test]
fn weight_sets_start_within_their_limits() {
    let sizes = EmbeddingMlpSizes { users: 4, items: 3, categories: None, dim: 8, hidden: [20, 10] };
    let gru = Gru::new(sizes, 4, Squash::Linear, false, stream);
    assert_eq!(
        gru.tensors().iter().map(|tensor| tensor.weights.len()).sum::<usize>(),
        65 * (16 + 480 + 20 + 200 + 10 + 11)
    );
    let case = case("asmg.json", "glorot_limits");
    let shapes: Vec<Vec<u32>> = case["inputs"]["shapes"].as_array().unwrap().iter().map(ids).collect();
    let limit = |shape: [u32; 3]| {
        doubles(&case["expected"]["limits"])[shapes.iter().position(|known| *known == shape).unwrap()] as f32
    };
    let weights = &gru.tensors()[0].weights;
    let mut start = 0;
    for shape in [[8, 1, 4], [8, 4, 4], [8, 1, 4], [8, 4, 4], [8, 1, 4], [8, 4, 4], [8, 4, 1], [8, 1, 1]] {
        let n = shape.iter().product::<u32>() as usize;
        let most = weights[start..start + n].iter().fold(0.0f32, |most, w| most.max(w.abs()));
        assert!(most <= limit(shape) && most > 0.5 * limit(shape), "{shape:?}: {most}");
        start += n;
    }
    assert_eq!(start, weights.len());
}
