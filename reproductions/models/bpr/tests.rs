//! The step by hand against the reference vector and against candle's autograd.

use candle_core::Device;
use harness::optim::Adam;
use harness::rng::Stream;
use harness::train::Model;
use harness::weights::{Parameter, State};

use super::*;
use crate::golden::{assert_near, case, doubles, floats};
use crate::kit::{Steps, assert_steps_alike, assert_trained_alike, bits_of, gradients, same_on_threads};

#[cfg(feature = "cuda")]
mod cuda;

const NAMES: [&str; 2] = ["user", "item"];

#[test]
fn loss_and_gradients_agree_with_the_reference_vector() {
    let case = case("rrd.json", "bpr_sum_loss");
    let (inputs, expected) = (&case["inputs"], &case["expected"]);
    let users = floats(&inputs["user_vec"]);
    // Items 0 and 1 are the positives, 2 and 3 the negatives.
    let items = [floats(&inputs["pos_vec"]), floats(&inputs["neg_vec"])].concat();
    let batch = [[0, 0, 2], [1, 1, 3]];
    let models: [Box<dyn Recommender>; 2] = [
        Box::new(FusedBpr::new(of_tables(2, users.clone(), items.clone())).unwrap()),
        Box::new(GraphBpr::new(of_tables(2, users, items), &Device::Cpu).unwrap()),
    ];
    for mut model in models {
        let (loss, gradients) = gradients(&mut *model, &NAMES, &batch, |_| 0.0);
        assert_near(&[loss], &doubles(&expected["loss_sum"]), 1e-6, "loss");
        let want =
            [floats(&expected["grad_user"]), [floats(&expected["grad_pos"]), floats(&expected["grad_neg"])].concat()];
        assert_near(&gradients.concat(), &want.concat(), 1e-6, "gradients");
    }
}

/// Steps of [`train`].
const STEPS: usize = 12;

const ADAM: Adam = Adam { learning_rate: 1e-3, weight_decay: 1e-3 };

/// With repeated users and items.
fn batch(step: u64) -> Vec<[u32; 3]> {
    let mut stream = Stream::new(0, "bpr-test", "batch", step);
    (0..100).map(|_| [stream.below(30), stream.below(80), stream.below(80)]).collect()
}

/// [`STEPS`] steps.
fn train(model: &mut dyn Recommender) -> Steps {
    let mut losses = Vec::new();
    for step in 0..STEPS as u64 {
        losses.push(model.forward_backward(&batch(step)).unwrap());
        model.step(&ADAM).unwrap();
    }
    model.settle();
    (losses, model.weights().unwrap().parameters)
}

fn tables(dim: usize) -> [Vec<f32>; 2] {
    let mut stream = Stream::new(0, "bpr-test", "init", 0);
    // Ten times the usual spread, so that margins and gradients differ between triples.
    [stream.normals(31 * dim, 0.1), stream.normals(90 * dim, 0.1)]
}

#[test]
fn the_step_by_hand_equals_candles_autograd() {
    for dim in [1, 20, 37, 200] {
        let [users, items] = tables(dim);
        let both = || -> [Box<dyn Recommender>; 2] {
            [
                Box::new(FusedBpr::new(of_tables(dim, users.clone(), items.clone())).unwrap()),
                Box::new(GraphBpr::new(of_tables(dim, users.clone(), items.clone()), &Device::Cpu).unwrap()),
            ]
        };
        let [(a, of_a), (b, of_b)] = both().map(|mut model| gradients(&mut *model, &NAMES, &batch(0), |_| 0.0));
        assert!((a - b).abs() < 2e-6 * b.abs(), "d={dim}: loss {a} {b}");
        for (a, b) in of_a.iter().zip(&of_b) {
            // Of sums of some ten terms in f32.
            let most = b.iter().fold(0.0f32, |most, g| most.max(g.abs()));
            assert!(a.iter().zip(b).all(|(a, b)| (a - b).abs() < 2e-6 * most), "d={dim}: gradients");
        }
        let start = both()[0].weights().unwrap();
        let [a, b] = both().map(|mut model| train(&mut *model));
        assert_steps_alike(&a, &b, &start, &ADAM, STEPS, 2e-6, format!("d={dim}"));
    }
}

/// The third way: rows gathered as leaves, candle's autograd over them, the fused pass of Adam.
#[test]
fn autograd_over_leaf_rows_and_the_fused_adam_equal_the_step_by_hand() {
    use harness::nn::{EmbeddingTable, Occurrences, softplus_neg_sum};
    let dim = 37;
    let [users, items] = tables(dim);
    let mut fused = FusedBpr::new(of_tables(dim, users.clone(), items.clone())).unwrap();
    let start = fused.weights().unwrap().parameters;
    let mut user = EmbeddingTable::new("user", users.len() / dim, dim, users);
    let mut item = EmbeddingTable::new("item", items.len() / dim, dim, items);
    let steps = 5;
    for step in 0..steps {
        let mut stream = Stream::new(0, "bpr-test", "leaf", step);
        let batch: Vec<[u32; 3]> = (0..64).map(|_| [stream.below(30), stream.below(80), stream.below(80)]).collect();
        let by_hand = fused.forward_backward(&batch).unwrap();
        fused.step(&ADAM).unwrap();
        let ids = [0, 1, 2].map(|side| batch.iter().map(|t| t[side]).collect::<Vec<u32>>());
        let item_ids = [&ids[1][..], &ids[2]].concat();
        let (p, q) = (user.leaf(&ids[0]).unwrap(), item.leaf(&item_ids).unwrap());
        let n = batch.len();
        let difference = (q.narrow(0, 0, n).unwrap() - q.narrow(0, n, n).unwrap()).unwrap();
        let margins = (p.as_tensor() * difference).unwrap().sum(1).unwrap();
        let loss = softplus_neg_sum(&margins).unwrap();
        assert!((f64::from(loss.to_scalar::<f32>().unwrap()) - by_hand).abs() < 2e-6 * by_hand);
        let gradients = loss.backward().unwrap();
        for (table, leaf, ids) in [(&mut user, &p, &ids[0]), (&mut item, &q, &item_ids)] {
            let rows = gradients.get(leaf.as_tensor()).expect("every leaf has a gradient");
            let rows: Vec<f32> = rows.flatten_all().unwrap().to_vec1().unwrap();
            let mut occurrences = Occurrences::new(table.rows());
            occurrences.set(ids.iter().copied());
            table.step(&ADAM, &occurrences, |k| (1.0, &rows[k * dim..][..dim]));
        }
    }
    let by_hand = fused.weights().unwrap().parameters;
    for ((a, b), start) in by_hand.iter().zip([&user, &item]).zip(&start) {
        let b = Parameter { values: b.weights().to_vec(), ..a.clone() };
        assert_trained_alike(a, &b, start, &ADAM, steps as usize);
    }
}

#[test]
fn threads_change_no_bit() {
    same_on_threads(|| {
        let [users, items] = tables(37);
        bits_of(train(&mut FusedBpr::new(of_tables(37, users, items)).unwrap()))
    });
}

#[test]
fn a_saved_state_goes_on_bit_for_bit_on_both_paths() {
    type Make = fn(Vec<f32>, Vec<f32>) -> Box<dyn Recommender>;
    let [users, items] = tables(20);
    let make: [Make; 2] = [
        |u, i| Box::new(FusedBpr::new(of_tables(20, u, i)).unwrap()),
        |u, i| Box::new(GraphBpr::new(of_tables(20, u, i), &Device::Cpu).expect("tables on the CPU")),
    ];
    for make in make {
        let mut straight = make(users.clone(), items.clone());
        train(&mut *straight);
        let want = train(&mut *straight);
        let mut first = make(users.clone(), items.clone());
        train(&mut *first);
        let mut state = State::default();
        first.save(&mut state).unwrap();
        let mut second = make(vec![0.0; users.len()], vec![0.0; items.len()]);
        second.restore(&mut state).unwrap();
        assert_eq!(train(&mut *second), want);
    }
}
