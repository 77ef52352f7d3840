//! The vector of an independent program; gradients against differences.

use harness::queries::Queries;
use harness::split::{HeldOut, Samples};

use super::*;
use crate::golden::{assert_near, bits, case, doubles, floats, ids};

fn table(name: &str, values: Vec<f32>, width: usize) -> Parameter {
    Parameter { name: name.into(), shape: vec![values.len() / width, width], values }
}

#[test]
fn logits_are_those_of_the_reference() {
    let case = case("asmg.json", "mf_score");
    let inputs = &case["inputs"];
    let [users, items] = ["user_rows_with_bias_last", "item_rows_with_bias_last"].map(|key| floats(&inputs[key]));
    let weights = Weights::from(vec![table("user", users, 3), table("item", items, 3)]);
    assert_eq!(MfSizes::of(&weights).unwrap(), MfSizes { users: 3, items: 4, dim: 2 });
    let mut samples = Samples::default();
    let [asked, targets] = ["user", "item"].map(|key| ids(&inputs[key]));
    asked.iter().zip(&targets).for_each(|(&user, &item)| samples.push(user, &[], &[(item, true)]));
    let queries = Queries::of_samples(samples.range(0..samples.len()), 4, HeldOut::Test);
    let scorer = scorer(&weights, &queries).unwrap();
    let mut logits = vec![0.0; targets.len()];
    for (query, (&item, logit)) in targets.iter().zip(&mut logits).enumerate() {
        scorer.score(query as u32, &[item], std::slice::from_mut(logit));
        let mut all = [0.0; 4];
        scorer.score_all(query as u32, &mut all);
        assert_eq!(logit.to_bits(), all[item as usize].to_bits());
    }
    assert_near(&logits, &doubles(&case["expected"]["logits"]), 1e-6, "logits");
}

#[test]
fn gradients_are_those_of_differences() {
    let (dim, width) = (3, 4);
    let mut stream = Stream::new(0, "mf", "values", 0);
    let (users, items) = (stream.normals(2 * width, 0.8), stream.normals(3 * width, 0.8));
    let sample = |user, item, label| MfSample { user, item, label };
    let samples = [sample(0, 1, 1.0), sample(1, 1, 0.0), sample(0, 2, 0.0), sample(0, 1, 0.3)];
    let (mut of_users, mut of_items) = (vec![0.0; 2 * width], vec![0.0; 3 * width]);
    let loss = forward_backward(dim, &samples, [&users, &items], [&mut of_users, &mut of_items]);
    let mean = |users: &[f64], items: &[f64]| {
        let of = |s: &MfSample| {
            let (u, i) = (&users[s.user as usize * width..][..width], &items[s.item as usize * width..][..width]);
            let logit = (0..dim).map(|k| u[k] * i[k]).sum::<f64>() + u[dim] + i[dim];
            let label = f64::from(s.label);
            label * (-logit).exp().ln_1p() + (1.0 - label) * logit.exp().ln_1p()
        };
        samples.iter().map(of).sum::<f64>() / samples.len() as f64
    };
    let wide = |values: &[f32]| values.iter().map(|v| f64::from(*v)).collect::<Vec<_>>();
    let (users, items) = (wide(&users), wide(&items));
    assert!((loss - mean(&users, &items)).abs() < 1e-6);
    let moved = |values: &[f64], k: usize, by: f64| {
        let mut values = values.to_vec();
        values[k] += by;
        values
    };
    const STEP: f64 = 1e-6;
    let slope = |of: &dyn Fn(f64) -> f64| (of(STEP) - of(-STEP)) / (2.0 * STEP);
    let want = |k: usize| slope(&|by| mean(&moved(&users, k, by), &items));
    assert_near(&of_users, &(0..users.len()).map(want).collect::<Vec<_>>(), 1e-6, "users");
    let want = |k: usize| slope(&|by| mean(&users, &moved(&items, k, by)));
    assert_near(&of_items, &(0..items.len()).map(want).collect::<Vec<_>>(), 1e-6, "items");
    assert_eq!(bits(&of_items[..width]), [0; 4], "an item that no sample names");
}

#[test]
fn embeddings_start_within_their_limit_and_biases_at_zero() {
    let sizes = MfSizes { users: 300, items: 40, dim: 8 };
    let initial = sizes.initial(|purpose| Stream::new(0, "mf", purpose, 0));
    for (parameter, rows) in initial.iter().zip([300, 40]) {
        assert_eq!(parameter.shape, [rows, 9]);
        let limit = (6.0 / (rows as f32 + 8.0)).sqrt();
        let (mut most, mut biases) = (0.0f32, 0);
        for row in parameter.values.chunks(9) {
            most = row[..8].iter().fold(most, |most, value| most.max(value.abs()));
            biases += usize::from(row[8].to_bits() == 0);
        }
        assert!(most <= limit && most > 0.95 * limit && biases == rows, "{most} {limit} {biases}");
    }
}
