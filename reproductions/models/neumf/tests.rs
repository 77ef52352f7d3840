//! The step by hand against the reference vector, finite differences in f64, and candle's autograd.

use std::slice::from_mut;

use candle_core::Device;
use harness::optim::Adam;
use harness::queries::Queries;
use harness::rng::Stream;
use harness::split::UserItems;
use harness::train::Model;
use harness::weights::{Parameter, State, Weights};

use super::*;
use crate::golden::{assert_near, case, doubles, floats, ids};
use crate::kit::{
    self, Steps, assert_gradients_alike, assert_steps_alike, bits, bits_of, queries, same_on_threads, spread,
};
use crate::models::{Lists, Side};

#[cfg(feature = "cuda")]
mod cuda;
mod differences;

const USERS: usize = 31;
const ITEMS: usize = 90;

/// Wider than in training, and biases, so that pairs and hidden units differ.
fn start(n_users: usize, n_items: usize, dim: usize) -> Weights {
    let stream = |purpose: &str| Stream::new(0, "neumf-test", purpose, 0);
    let mut weights = initial(n_users, n_items, dim, 0.3, stream);
    for bias in [5, 7] {
        let values = &mut weights.parameters[bias].values;
        *values = stream("biases").normals(values.len(), 0.1);
    }
    weights
}

fn both(weights: &Weights) -> [Box<dyn Recommender>; 2] {
    [
        Box::new(FusedNeuMf::new(weights.clone()).unwrap()),
        Box::new(GraphNeuMf::new(weights.clone(), &Device::Cpu).unwrap()),
    ]
}

fn any(n_users: usize, n_items: usize) -> Queries {
    queries(&UserItems::from_pairs(n_users, &[]), n_items)
}

/// A made-up loss of a list: Σ (j + 1)/10 · s_j²/2.
fn list_loss(_: usize, scores: &[f32], gradients: &mut [f32]) -> f64 {
    let mut sum = 0.0;
    for (j, (score, gradient)) in scores.iter().zip(gradients).enumerate() {
        let weight = (j + 1) as f32 / 10.0;
        *gradient = weight * score;
        sum += f64::from(0.5 * weight * score * score);
    }
    sum
}

/// What is added to a step beside the base batch.
struct Terms {
    of_users: Lists,
    of_items: Lists,
    represented: [Vec<u32>; 2],
}

impl Terms {
    /// Lists of several lengths, one of them empty, with members that repeat and that no batch names.
    fn draw(stream: &mut Stream, n_users: usize, n_items: usize) -> Self {
        let mut lists = |owners: usize, partners: usize| {
            let mut lists = Lists::new();
            for k in 0..20 {
                let partners: Vec<u32> = (0..k % 7).map(|_| stream.below(partners as u32)).collect();
                lists.push(stream.below(owners as u32), partners);
            }
            lists
        };
        let (of_users, of_items) = (lists(n_users, n_items), lists(n_items, n_users));
        let represented = [n_users, n_items].map(|n| (0..9).map(|_| stream.below(n as u32)).collect());
        Self { of_users, of_items, represented }
    }

    fn add(&self, model: &mut dyn Recommender) -> f64 {
        let mut sum = model.add_lists(Side::User, self.of_users.clone(), &list_loss).unwrap();
        for (side, ids) in [Side::User, Side::Item].into_iter().zip(&self.represented) {
            // The loss Σ r²/2 of the representations.
            let rows = model.representations(side, ids).unwrap();
            sum += rows.iter().map(|r| 0.5 * f64::from(r * r)).sum::<f64>();
            model.add_representations(side, ids, rows).unwrap();
        }
        sum + model.add_lists(Side::Item, self.of_items.clone(), &list_loss).unwrap()
    }
}

fn batch(stream: &mut Stream, n: usize, n_users: usize, n_items: usize) -> Vec<[u32; 3]> {
    let [n_users, n_items] = [n_users, n_items].map(|n| n as u32 - 1);
    (0..n).map(|_| [stream.below(n_users), stream.below(n_items), stream.below(n_items)]).collect()
}

/// Steps of [`train`].
const STEPS: usize = 12;

const ADAM: Adam = Adam { learning_rate: 1e-3, weight_decay: 1e-3 };

/// Steps with terms and repeated entities; losses, and the parameters after them.
fn train(model: &mut dyn Recommender, n_users: usize, n_items: usize) -> Steps {
    let mut losses = Vec::new();
    for step in 0..STEPS as u64 {
        let mut stream = Stream::new(0, "neumf-test", "step", step);
        let batch = batch(&mut stream, 100, n_users, n_items);
        let terms = Terms::draw(&mut stream, n_users, n_items);
        losses.push(model.forward_backward(&batch).unwrap());
        losses.push(terms.add(model));
        model.step(&ADAM).unwrap();
    }
    model.settle();
    (losses, model.weights().unwrap().parameters)
}

fn gradients(model: &mut dyn Recommender, batch: &[[u32; 3]], terms: Option<&Terms>) -> (f64, Vec<Vec<f32>>) {
    kit::gradients(model, &NAMES, batch, |model| terms.map_or(0.0, |terms| terms.add(model)))
}

#[test]
fn logits_and_loss_agree_with_the_reference_vector() {
    let case = case("rrd.json", "neumf_forward_and_loss");
    let (inputs, expected) = (&case["inputs"], &case["expected"]);
    let names = ["user_mf", "item_mf", "user_mlp", "item_mlp", "hidden_w", "hidden_b", "out_w", "out_b"];
    let values = names.map(|name| floats(&inputs["params"][name]));
    let parameters: Vec<Parameter> = (NAMES.into_iter().zip(shapes(2, 3, 2)).zip(values))
        .map(|((name, shape), values)| Parameter { name: name.into(), shape: shape.to_vec(), values })
        .collect();
    let weights = Weights::from(parameters);
    let [users, positives, negatives] = ["users", "pos_items", "neg_items"].map(|name| ids(&inputs[name]));
    let batch: Vec<[u32; 3]> = (0..users.len()).map(|k| [users[k], positives[k], negatives[k]]).collect();
    for mut model in both(&weights) {
        let loss = model.forward_backward(&batch).unwrap();
        assert_near(&[loss], &doubles(&expected["bce_with_logits_sum"]), 1e-6, "loss");
        model.step(&Adam { learning_rate: 0.0, weight_decay: 0.0 }).unwrap();
        for (items, logits) in [(&positives, "logit_pos"), (&negatives, "logit_neg")] {
            let want = floats(&expected[logits]);
            let mut lists = Lists::new();
            users.iter().zip(items).for_each(|(&user, &item)| lists.push(user, [item]));
            assert_near(&model.scores(Side::User, &lists).unwrap(), &want, 1e-6, "scores");
            let mut served = vec![0.0; users.len()];
            let scorer = scorer(&weights, Side::User).unwrap();
            served.iter_mut().enumerate().for_each(|(k, out)| scorer.score(users[k], &[items[k]], from_mut(out)));
            assert_near(&served, &want, 1e-6, "scores when served");
        }
    }
}

#[test]
fn initial_values_have_their_distributions() {
    let stream = |purpose: &str| Stream::new(3, "neumf-test", purpose, 0);
    let initial_values = initial(400, 500, 50, 0.01, stream);
    let values = |k: usize| &initial_values.parameters[k].values;
    let spread = |k: usize| spread(values(k));
    for (table, name) in NAMES.iter().enumerate().take(4) {
        assert!((spread(table) / 0.01 - 1.0).abs() < 0.02, "{name}: {}", spread(table));
    }
    // Uniform within ±bound has the standard deviation bound/√3.
    for (weight, bound) in [(4, (6.0f64 / 150.0).sqrt()), (6, (6.0f64 / 100.0).sqrt())] {
        let largest = values(weight).iter().fold(0.0f32, |max, v| max.max(v.abs()));
        assert!(f64::from(largest) <= bound && f64::from(largest) > 0.9 * bound, "{largest} within {bound}");
        assert!((spread(weight) / (bound / 3f64.sqrt()) - 1.0).abs() < 0.15);
    }
    assert!(values(5).iter().chain(values(7)).all(|bias| *bias == 0.0));
    assert!(values(0)[..50] != values(2)[..50], "each parameter has a stream of its own");
    assert_eq!(initial_values, initial(400, 500, 50, 0.01, stream));
}

#[test]
fn the_step_by_hand_equals_candles_autograd() {
    // The last is large enough for rows to fall behind.
    for (n_users, n_items, dim) in [(USERS, ITEMS, 1), (USERS, ITEMS, 25), (USERS, ITEMS, 37), (200, 30_000, 50)] {
        let start = start(n_users, n_items, dim);
        let mut stream = Stream::new(0, "neumf-test", "first", 0);
        let (batch, terms) = (batch(&mut stream, 100, n_users, n_items), Terms::draw(&mut stream, n_users, n_items));
        let [fused, graph] = both(&start).map(|mut model| gradients(&mut *model, &batch, Some(&terms)));
        assert_gradients_alike(&NAMES, &fused, &graph, [2e-6, 3e-6], format!("d={dim}"));
        // Hidden units that stay open, or closed: one near zero would be opened by rounding, and from there the two
        // go their own ways. The gradients above have units of both kinds in every pair.
        let mut start = start;
        let bias = NAMES.iter().position(|name| *name == "hidden-bias").expect("NeuMF has hidden biases");
        (0..)
            .zip(&mut start.parameters[bias].values)
            .for_each(|(unit, bias)| *bias += if unit % 4 == 3 { -4.0 } else { 4.0 });
        let [fused, graph] = both(&start).map(|mut model| train(&mut *model, n_users, n_items));
        assert_steps_alike(&fused, &graph, &start, &ADAM, STEPS, 1e-5, format!("d={dim}"));
    }
}

#[test]
fn every_parameter_receives_a_gradient() {
    let start = start(USERS, ITEMS, 8);
    for mut model in both(&start) {
        let (_, gradients) = gradients(&mut *model, &[[3, 7, 11]], None);
        for (k, (name, gradient)) in NAMES.iter().zip(&gradients).enumerate() {
            let moved = |row: usize| {
                let width = start.parameters[k].shape[1];
                gradient[row * width..][..width].iter().any(|g| *g != 0.0)
            };
            match name.split('-').next() {
                Some("user") => assert!((0..USERS).all(|row| moved(row) == (row == 3)), "{name}"),
                Some("item") => assert!((0..ITEMS).all(|row| moved(row) == [7, 11].contains(&row)), "{name}"),
                // A hidden unit that is closed for both pairs has no gradient.
                _ => assert!((0..start.parameters[k].shape[0]).any(moved), "{name}"),
            }
        }
    }
}

#[test]
fn threads_change_no_bit() {
    same_on_threads(|| {
        let mut model = FusedNeuMf::new(start(300, 700, 37)).unwrap();
        let trained = bits_of(train(&mut model, 300, 700));
        let mut scores = vec![0.0; 700];
        model.scorer(&any(300, 700)).unwrap().score_all(5, &mut scores);
        (trained, bits(&scores))
    });
}

#[test]
fn a_saved_state_goes_on_bit_for_bit_on_both_paths() {
    let start = start(USERS, ITEMS, 20);
    let mut zeros = start.clone();
    zeros.parameters.iter_mut().for_each(|parameter| parameter.values.fill(0.0));
    for ((mut straight, mut first), mut second) in both(&start).into_iter().zip(both(&start)).zip(both(&zeros)) {
        train(&mut *straight, USERS, ITEMS);
        let want = train(&mut *straight, USERS, ITEMS);
        train(&mut *first, USERS, ITEMS);
        let mut state = State::default();
        first.save(&mut state).unwrap();
        second.restore(&mut state).unwrap();
        assert!(train(&mut *second, USERS, ITEMS) == want);
    }
}

#[test]
fn a_pair_has_one_score_by_every_way_in() {
    let dim = 37;
    let mut model = FusedNeuMf::new(start(USERS, ITEMS, dim)).unwrap();
    train(&mut model, USERS, ITEMS);
    let weights = model.weights().unwrap();
    let [plain, swapped] = [Side::User, Side::Item].map(|asker| scorer(&weights, asker).unwrap());
    assert_eq!((plain.n_items(), swapped.n_items()), (ITEMS, USERS));
    let all: Vec<u32> = (0..ITEMS as u32).collect();
    for user in 0..USERS as u32 {
        let mut want = vec![0.0; ITEMS];
        plain.score_all(user, &mut want);
        let mut scores = vec![0.0; ITEMS];
        model.scorer(&any(USERS, ITEMS)).unwrap().score_all(user, &mut scores);
        assert_eq!(bits(&scores), bits(&want), "in training");
        // Backwards, so that other items stand beside each.
        let backwards: Vec<u32> = all.iter().rev().copied().collect();
        plain.score(user, &backwards, &mut scores);
        scores.reverse();
        assert_eq!(bits(&scores), bits(&want), "score and score_all");
        let mut lists = Lists::new();
        lists.push(user, all.iter().copied());
        assert_eq!(bits(&model.scores(Side::User, &lists).unwrap()), bits(&want), "lists of items");
        let mut lists = Lists::new();
        all.iter().for_each(|&item| lists.push(item, [user]));
        assert_eq!(bits(&model.scores(Side::Item, &lists).unwrap()), bits(&want), "lists of users");
        for (&item, want) in all.iter().zip(&want) {
            let mut score = [0.0];
            swapped.score(item, &[user], &mut score);
            assert_eq!(score[0].to_bits(), want.to_bits(), "swapped");
        }
    }
}

#[test]
fn representations_are_both_rows_side_by_side() {
    let start = start(USERS, ITEMS, 5);
    for (side, product, mlp) in [(Side::User, 0, 2), (Side::Item, 1, 3)] {
        let (width, all) = representations(&start, side).unwrap();
        assert_eq!(width, 10);
        assert_eq!(all[70..75], start.parameters[product].values[35..40]);
        assert_eq!(all[75..80], start.parameters[mlp].values[35..40]);
        for mut model in both(&start) {
            assert_eq!(model.representations(side, &[7]).unwrap(), all[70..80]);
        }
    }
}

#[test]
fn other_parameters_are_refused() {
    let start = start(USERS, ITEMS, 5);
    let changed = |change: &dyn Fn(&mut Vec<Parameter>)| {
        let mut weights = start.clone();
        change(&mut weights.parameters);
        weights
    };
    assert!(scorer(&changed(&|p| drop(p.pop())), Side::User).is_err());
    assert!(FusedNeuMf::new(changed(&|p| p[0].name = "user".into())).is_err());
    assert!(representations(&changed(&|p| p[4].shape = vec![10, 5]), Side::User).is_err());
    assert!(GraphNeuMf::new(changed(&|p| p[1].values.truncate(3)), &Device::Cpu).is_err());
}
