//! Deferred steps against those of a parameter that makes each at once.

use super::*;
use crate::golden::{assert_near, case, floats};
use crate::kit::{bits, same_on_threads};
use crate::nn::DenseParameter;
use crate::optim::{Adam, TfAdam};
use crate::rng::Stream;

const ROWS: usize = 40;

fn start(dim: usize) -> Parameter {
    let mut values = Stream::new(0, "deferred", "init", dim as u64).normals(ROWS * dim, 0.1);
    values[3] = -0.0;
    Parameter { name: "t".into(), shape: vec![ROWS, dim], values }
}

/// The rows of a step: the first few often, the last third never, and most not for thousands of steps.
fn batch(step: u64, dim: usize) -> (Vec<u32>, Vec<f32>) {
    let mut stream = Stream::new(0, "deferred", "batch", step);
    let mut ids: Vec<u32> = [2, 5, ROWS as u32 * 2 / 3].iter().map(|&below| stream.below(below)).collect();
    if step > 10 && !step.is_multiple_of(7) {
        ids.truncate(1);
    }
    ids.sort_unstable();
    ids.dedup();
    let gradients = stream.normals(ids.len() * dim, if step.is_multiple_of(5) { 1e-4 } else { 1.0 });
    (ids, gradients)
}

fn step(table: &mut DeferredTable, number: u64, adam: &impl Optimiser) {
    let (ids, gradients) = batch(number, table.dim());
    let mut rows = Vec::new();
    table.gather(&ids, &mut rows);
    table.step(adam, &ids, &gradients);
}

fn saved(tensor: &dyn Trainable) -> Vec<Vec<u32>> {
    let mut state = State::default();
    tensor.save(&mut state).unwrap();
    state.arrays.values().map(|values| bits(values)).collect()
}

#[test]
fn rows_end_with_the_bits_of_those_that_make_every_step() {
    // With a rest of a strip, and with several strips.
    for dim in [8, 5, 19] {
        let (mut deferred, mut dense) = (DeferredTable::from(start(dim)), DenseParameter::new(start(dim)));
        let adam = TfAdam { learning_rate: 1e-2 };
        let mut rows = Vec::new();
        // No row is left alone for so long that its first moment gets tiny.
        for number in 0..600 {
            let (ids, gradients) = batch(number, dim);
            deferred.gather(&ids, &mut rows);
            for (row, &id) in rows.chunks(dim).zip(&ids) {
                assert_eq!(bits(row), bits(&dense.weights[id as usize * dim..][..dim]), "step {number}, row {id}");
            }
            deferred.step(&adam, &ids, &gradients);
            dense.gradient.fill(0.0);
            for (gradient, &id) in gradients.chunks(dim).zip(&ids) {
                dense.gradient[id as usize * dim..][..dim].copy_from_slice(gradient);
            }
            dense.step(&adam);
        }
        assert!(deferred.is_behind());
        deferred.settle();
        assert_eq!(saved(&deferred), saved(&dense), "dim {dim}");
        assert_eq!(deferred.weights()[3].to_bits(), dense.weights[3].to_bits());
    }
}

/// Whether rows are settled in between, however often, changes no bit: not of tiny moments either.
#[test]
fn settling_changes_no_bit() {
    let adam = Adam { learning_rate: 1e-3, weight_decay: 0.0 };
    let [mut late, mut early] = [(); 2].map(|()| DeferredTable::from(start(8)));
    for number in 0..4 * MOST_BEHIND as u64 {
        step(&mut late, number, &adam);
        step(&mut early, number, &adam);
        if number.is_multiple_of(3) {
            early.settle();
        }
    }
    late.settle();
    early.settle();
    assert_eq!(saved(&late), saved(&early));
    let [first, second] = late.moments();
    assert!(first.iter().all(|m| *m == 0.0 || m.abs() >= TINY) && first.contains(&0.0));
    assert!(second.iter().all(|v| *v == 0.0 || v.is_normal()));
}

/// A row that sleeps is woken by a larger learning rate before that moves it.
#[test]
fn a_larger_learning_rate_wakes_rows() {
    let dim = 8;
    let (mut deferred, mut dense) = (DeferredTable::from(start(dim)), DenseParameter::new(start(dim)));
    for number in 0..400 {
        let adam = TfAdam { learning_rate: if number < 150 { 1e-6 } else { 1e6 } };
        let (ids, gradients) = if number == 0 { (vec![7], vec![1.0; dim]) } else { (vec![], vec![]) };
        let mut rows = Vec::new();
        deferred.gather(&ids, &mut rows);
        deferred.step(&adam, &ids, &gradients);
        dense.gradient.fill(0.0);
        if number == 0 {
            dense.gradient[7 * dim..8 * dim].fill(1.0);
        }
        dense.step(&adam);
    }
    deferred.settle();
    assert_eq!(bits(deferred.weights()), bits(&dense.weights));
}

#[test]
fn rows_agree_with_the_reference() {
    let case = case("asmg.json", "adam_embedding_rows");
    let (inputs, expected) = (&case["inputs"], &case["expected"]);
    let adam = TfAdam { learning_rate: inputs["lr"].as_f64().unwrap() };
    let parameter = Parameter { name: "t".into(), shape: vec![4, 2], values: floats(&inputs["theta0"]) };
    let mut table = DeferredTable::from(parameter);
    let steps = inputs["step_row_gradients"].as_array().unwrap();
    for (step, want) in steps.iter().zip(expected["theta_after"].as_array().unwrap()) {
        let (mut ids, mut gradients) = (Vec::<u32>::new(), Vec::<f32>::new());
        for named in step.as_array().unwrap() {
            let (id, gradient) = (named[0].as_u64().unwrap() as u32, floats(&named[1]));
            let place = ids.iter().position(|known| *known == id).unwrap_or_else(|| {
                ids.push(id);
                gradients.extend([0.0; 2]);
                ids.len() - 1
            });
            for (sum, value) in gradients[place * 2..].iter_mut().zip(gradient) {
                *sum += value;
            }
        }
        table.gather(&ids, &mut Vec::new());
        table.step(&adam, &ids, &gradients);
        table.settle();
        // The vector asks for 1e-8; the spacing of f32 at 0.5 is 3e-8, and a value is rounded twice.
        assert_near(table.weights(), &crate::golden::doubles(want), 6e-8, "weights");
    }
    let [m, v] = table.moments();
    assert_near(m, &crate::golden::doubles(&expected["m"]), 1e-8, "m");
    assert_near(v, &crate::golden::doubles(&expected["v"]), 1e-8, "v");
}

#[test]
fn threads_change_no_bit() {
    same_on_threads(|| {
        let parameter = |name: &str| {
            let values = Stream::new(0, "deferred", name, 0).normals(2000 * 8, 0.1);
            Parameter { name: name.into(), shape: vec![2000, 8], values }
        };
        let (mut table, mut dense) = (DeferredTable::from(parameter("large")), DenseParameter::new(parameter("large")));
        // Many blocks and a part of one, in no order.
        let mut ids: Vec<u32> = (0..2000).step_by(3).collect();
        ids.rotate_left(100);
        ids.swap(7, 600);
        let gradients = parameter("gradients").values[..ids.len() * 8].to_vec();
        let (adam, mut rows) = (TfAdam { learning_rate: 1e-3 }, Vec::new());
        for _ in 0..3 {
            table.gather(&ids, &mut rows);
            for (row, &id) in rows.chunks(8).zip(&ids) {
                assert_eq!(bits(row), bits(&dense.weights[id as usize * 8..][..8]), "row {id}");
            }
            table.step(&adam, &ids, &gradients);
            dense.gradient.fill(0.0);
            for (gradient, &id) in gradients.chunks(8).zip(&ids) {
                dense.gradient[id as usize * 8..][..8].copy_from_slice(gradient);
            }
            dense.step(&adam);
            table.gather(&[], &mut Vec::new());
            table.step(&adam, &[], &[]);
            dense.gradient.fill(0.0);
            dense.step(&adam);
        }
        table.settle();
        assert_eq!(bits(table.weights()), bits(&dense.weights));
        table.weights().to_vec()
    });
}

#[test]
fn a_saved_state_goes_on_bit_for_bit() {
    let adam = TfAdam { learning_rate: 1e-3 };
    let [mut first, mut second] = [(); 2].map(|()| DeferredTable::from(start(8)));
    (0..30).for_each(|number| step(&mut first, number, &adam));
    first.settle();
    let mut state = State::default();
    first.save(&mut state).unwrap();
    second.restore(&mut state).unwrap();
    for number in 30..60 {
        step(&mut first, number, &adam);
        step(&mut second, number, &adam);
    }
    first.settle();
    second.settle();
    assert_eq!(saved(&first), saved(&second));
    assert!(second.restore(&mut State::default()).is_err());
}

#[test]
#[should_panic(expected = "was not gathered")]
fn a_row_that_was_not_gathered_cannot_step() {
    let mut table = DeferredTable::from(start(8));
    table.step(&TfAdam { learning_rate: 1e-3 }, &[1], &[0.0; 8]);
    table.step(&TfAdam { learning_rate: 1e-3 }, &[2], &[0.0; 8]);
}

#[test]
#[should_panic(expected = "weight decay")]
fn weight_decay_is_refused() {
    DeferredTable::from(start(8)).step(&Adam { learning_rate: 1e-3, weight_decay: 1e-3 }, &[], &[]);
}

#[test]
fn every_vector_width_has_the_same_bits() {
    let dim = 19;
    let recent: Vec<AdamStep> = (1..400).map(|t| TfAdam { learning_rate: 1e-2 }.at(t)).collect();
    let start = start(dim).values;
    let mut first_bits: Option<Vec<u32>> = None;
    for level in simd::levels() {
        let (mut weights, mut first) = (start.clone(), start.clone());
        let mut second: Vec<f32> = start.iter().map(|value| value * value).collect();
        let mut made: Vec<u32> = (0..ROWS as u32).map(|row| row * 9).collect();
        let [of_weights, of_first, of_second] = [&mut weights[..], &mut first, &mut second];
        let settle =
            Settle { dim, weights: of_weights, first: of_first, second: of_second, recent: &recent, made: &mut made };
        level.dispatch(settle);
        let found = [bits(&weights), bits(&first), bits(&second)].concat();
        assert_eq!(*first_bits.get_or_insert_with(|| found.clone()), found);
    }
}
