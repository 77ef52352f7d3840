//! A whole period of SML, as an independent program computed it.

use harness::optim::TfAdam;
use harness::queries::Queries;
use harness::split::{HeldOut, Samples};
use harness::weights::{Parameter, State, Weights};
use serde_json::Value;

use super::base::{BaseModel, EmbeddingMlpBase};
use super::tensor::{Through, TransferredTensor};
use super::transfer::Transfer;
use super::transfer::tests::{sizes_of, weights_of};
use crate::golden::{assert_near, case, doubles, floats, ids};
use crate::models::embedding_mlp::{EmbeddingMlpSizes, LAYER_NAMES};

/// Names of the vectors' tensors, in our order.
const THEIRS: [&str; 8] =
    ["user_emb_w", "item_emb_w", "fcn1_kernel", "fcn1_bias", "fcn2_kernel", "fcn2_bias", "fcn3_kernel", "fcn3_bias"];
const SIZES: EmbeddingMlpSizes = EmbeddingMlpSizes { users: 4, items: 6, categories: None, dim: 2, hidden: [3, 2] };
const TOLERANCE: f64 = 1e-6;

fn samples(batches: &Value) -> Samples {
    let mut samples = Samples::default();
    for batch in batches.as_array().unwrap() {
        let [user, item, length, label] = ["user", "item", "history_len", "label"].map(|key| ids(&batch[key]));
        for k in 0..user.len() {
            let history = &ids(&batch["history"][k])[..length[k] as usize];
            samples.push(user[k], history, &[(item[k], label[k] == 1)]);
        }
    }
    samples
}

fn tensors(inputs: &Value, base: &Value) -> Vec<TransferredTensor> {
    let names = ["user", "item"].into_iter().chain(LAYER_NAMES);
    let shapes = [vec![4, 2], vec![6, 2]].into_iter().chain(SIZES.layer_shapes());
    let tensor = |((name, theirs), shape): ((&str, &str), Vec<usize>)| {
        let sizes = sizes_of(&inputs["transfer"][theirs]);
        let transfer = Transfer::new(sizes, weights_of(sizes, name, &inputs["transfer"][theirs]));
        let start = Parameter { name: name.into(), shape, values: floats(&base[theirs]) };
        let mut tensor = TransferredTensor::new(start, matches!(name, "user" | "item"), transfer);
        tensor.set_prev(floats(&inputs["prev"][theirs]));
        let mut state = State::default();
        let moments = ["base_adam_m", "base_adam_v"].map(|key| floats(&inputs[key][theirs]));
        let [first, second] = moments;
        state.put_trained(name, [floats(&base[theirs]), first, second], inputs["base_adam_steps"].as_u64().unwrap());
        tensor.base_mut().restore(&mut state).unwrap();
        tensor
    };
    names.zip(THEIRS).zip(shapes).map(tensor).collect()
}

fn forward_backward(
    base: &mut EmbeddingMlpBase<'_>,
    tensors: &mut [TransferredTensor],
    samples: &Samples,
    positions: &[u32],
) -> f64 {
    base.take(samples.range(0..samples.len()), positions);
    tensors.iter_mut().enumerate().for_each(|(number, tensor)| tensor.forward(base.rows(number), Through::Transfer));
    let (values, gradients): (Vec<&[f32]>, Vec<&mut [f32]>) = tensors.iter_mut().map(TransferredTensor::batch).unzip();
    base.forward_backward(&values, gradients)
}

fn served(tensors: &[TransferredTensor]) -> Weights {
    tensors.iter().map(|tensor| tensor.served(Through::Transfer)).collect::<Vec<_>>().into()
}

#[test]
fn a_period_is_that_of_the_reference() {
    let case = case("asmg-extra.json", "sml_period");
    let world = crate::golden::case("asmg-extra.json", "asmg_training_step");
    let (inputs, expected) = (&case["inputs"], &case["expected"]);
    let samples = samples(&world["inputs"]["batches_oldest_first"]);
    let mut tensors = tensors(inputs, &world["inputs"]["models_oldest_first"][0]);
    let mut base = EmbeddingMlpBase::new(SIZES, None);
    // (a) The first batch trains the base tensors.
    let loss = forward_backward(&mut base, &mut tensors, &samples, &[0, 1, 2]);
    assert!((loss - expected["loss_a"].as_f64().unwrap()).abs() < TOLERANCE, "{loss}");
    let adam = TfAdam { learning_rate: 0.01 };
    for (number, (tensor, theirs)) in tensors.iter_mut().zip(THEIRS).enumerate() {
        let rows = base.rows(number);
        tensor.step_base(rows, &adam, Through::Transfer);
        tensor.settle();
        let width = *tensor.base().shape().last().unwrap();
        let mut gradient = doubles(&expected["base_gradients"][theirs]);
        if let Some(rows) = rows {
            gradient = rows.iter().flat_map(|&row| gradient[row as usize * width..][..width].to_vec()).collect();
        }
        assert_near(tensor.batch().1, &gradient, TOLERANCE, theirs);
        let after = tensor.base().parameter().unwrap().values;
        assert_near(&after, &doubles(&expected["base_after_a"][theirs]), TOLERANCE, format!("{theirs} after (a)"));
    }
    // (b) The transferred model is tested on the second.
    let queries = Queries::of_samples(samples.range(3..6), SIZES.items, HeldOut::Test);
    let weights = served(&tensors);
    let scorer = base.scorer(&weights, &queries).unwrap();
    let mut logits = [0.0; 3];
    for (pair, logit) in queries.pairs().iter().zip(&mut logits) {
        scorer.score(pair.asker, &[pair.item], std::slice::from_mut(logit));
    }
    assert_near(&logits, &doubles(&expected["logits_b"]), TOLERANCE, "logits");
    // (c) It trains the transfers.
    let loss = forward_backward(&mut base, &mut tensors, &samples, &[3, 4, 5]);
    assert!((loss - expected["loss_c"].as_f64().unwrap()).abs() < TOLERANCE, "{loss}");
    let adam = TfAdam { learning_rate: 0.001 };
    for (tensor, theirs) in tensors.iter_mut().zip(THEIRS) {
        let before = tensor.base().parameter().unwrap();
        tensor.step_transfer(&adam);
        let sizes = sizes_of(&inputs["transfer"][theirs]);
        let want = weights_of(sizes, theirs, &expected["transfer_gradients"][theirs]);
        for (got, want) in tensor.transfer().gradients().into_iter().zip(want) {
            assert_near(got, &want.values, TOLERANCE, format!("{theirs}: gradient of {}", want.name));
        }
        assert_eq!(tensor.base().parameter().unwrap(), before, "the base does not move");
    }
    // (d) It is written back.
    for (parameter, theirs) in served(&tensors).parameters.iter().zip(THEIRS) {
        let want = doubles(&expected["written_back"][theirs]);
        assert_near(&parameter.values, &want, TOLERANCE, format!("{theirs} written back"));
    }
}

mod runs;
