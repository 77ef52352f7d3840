//! Two ways of training one model, held against each other so that the rule is the same on every machine.
//!
//! The oracle is candle's autograd, whose products come from the `gemm` crate: their order of sums, and
//! with it the last bits, follows the processor. Adam divides a gradient by the root of its square, so
//! where a gradient is nearly zero that rounding decides a whole step of a weight; and where a hidden unit
//! is nearly zero it decides whether the unit is open, which moves a whole row. Gradients are therefore
//! compared tightly, before any step; trained weights by rules that rounding cannot break, and that a term
//! which is wrong, missing or added twice does.

use std::fmt::Display;

use harness::optim::Adam;
use harness::weights::{Parameter, Weights};

use super::{Steps, gap};

/// Fewest neighbouring weights that a median is taken of: so many that gradients near zero are not half of them.
const BLOCK: usize = 16;

/// How far apart the median weight of a block may be, in learning rates: a hundredth of a tenth of
/// a step, and many times what rounding does where no unit opens or closes.
const MEDIAN: f64 = 1e-3;

/// One block in so many may be further apart: a unit that rounding opened or closed.
const EXCEPTION: usize = 20;

/// How far apart two weights may be at most, in learning rates a step: each moves by about one.
const LARGEST: f64 = 2.0;

/// Holds the weights that two ways of training ended with, after `steps` steps of `adam` from `start`.
///
/// In a block of neighbouring weights (a row, or as many rows as give [`BLOCK`]) the median gap is at most
/// [`MEDIAN`] learning rates beside the rounding of the weights themselves, but for one block in
/// [`EXCEPTION`]; no gap is larger than [`LARGEST`] learning rates a step. Half of the weights must have
/// moved by a tenth of a step: else there is nothing to compare.
pub fn assert_trained_alike(got: &Parameter, want: &Parameter, start: &Parameter, adam: &Adam, steps: usize) {
    let name = &got.name;
    assert_eq!((name, &got.shape), (&want.name, &want.shape));
    let width = *got.shape.last().expect("a parameter has a shape");
    let block = width * BLOCK.div_ceil(width);
    let rate = adam.learning_rate;
    let mut apart = Vec::new();
    for (at, (got, want)) in got.values.chunks(block).zip(want.values.chunks(block)).enumerate() {
        let mut gaps: Vec<f64> = got.iter().zip(want).map(|(a, b)| (f64::from(*a) - f64::from(*b)).abs()).collect();
        gaps.sort_by(f64::total_cmp);
        let (median, largest) = (gaps[gaps.len() / 2], gaps[gaps.len() - 1]);
        let most = LARGEST * steps as f64 * rate;
        assert!(largest <= most, "{name}, block {at}: the largest gap is {:e} rates", largest / rate);
        let size = want.iter().fold(0.0f32, |most, w| most.max(w.abs()));
        let rounding = steps as f64 * f64::from(size * f32::EPSILON);
        if median > MEDIAN * rate + rounding {
            apart.push((at, median / rate));
        }
    }
    let blocks = got.values.len().div_ceil(block);
    assert!(apart.len() <= blocks / EXCEPTION, "{name}, of {blocks} blocks: median gaps in rates {apart:?}");
    let moved = got.values.iter().zip(&start.values).filter(|(a, b)| (*a - *b).abs() > 0.1 * rate as f32).count();
    assert!(2 * moved >= got.values.len(), "{name}: only {moved} of {} weights moved", got.values.len());
}

/// Holds loss and gradients of a step, parameter by parameter of these `names`, against another way's, none of whose
/// gradients may be 0. `loss`: how far the losses may be apart, relative; `gradient`: how far gradients, as their [`gap`].
pub fn assert_gradients_alike(
    names: &[&str],
    (got_loss, got): &(f64, Vec<Vec<f32>>),
    (want_loss, want): &(f64, Vec<Vec<f32>>),
    [loss, gradient]: [f64; 2],
    what: impl Display,
) {
    assert!((got_loss - want_loss).abs() < loss * want_loss.abs(), "{what}: loss {got_loss} {want_loss}");
    assert_eq!([got.len(), want.len()], [names.len(); 2]);
    for (name, (got, want)) in names.iter().zip(got.iter().zip(want)) {
        assert!(want.iter().any(|g| *g != 0.0), "{what}: {name} has a gradient");
        let apart = gap(got, want);
        assert!(apart < gradient, "{what}: gradient of {name}: {apart}");
    }
}

/// Holds the losses and the weights of two ways of training, after `steps` steps from `start`; losses may be apart by the
/// share `loss`.
pub fn assert_steps_alike(
    got: &Steps,
    want: &Steps,
    start: &Weights,
    adam: &Adam,
    steps: usize,
    loss: f64,
    what: impl Display,
) {
    for (got, want) in got.0.iter().zip(&want.0) {
        assert!((got - want).abs() < loss * want.abs(), "{what}: loss {got} {want}");
    }
    for ((got, want), start) in got.1.iter().zip(&want.1).zip(&start.parameters) {
        assert_trained_alike(got, want, start, adam, steps);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADAM: Adam = Adam { learning_rate: 1e-3, weight_decay: 0.0 };

    fn parameter(rows: usize, width: usize, value: impl Fn(usize) -> f32) -> Parameter {
        Parameter { name: "w".into(), shape: vec![rows, width], values: (0..rows * width).map(value).collect() }
    }

    /// Holds `want`, changed by `change`, against itself.
    fn holds(change: impl Fn(usize) -> f32 + std::panic::RefUnwindSafe) -> bool {
        let (start, want) = (parameter(40, 20, |_| 0.0), parameter(40, 20, |k| 0.01 + k as f32 * 1e-5));
        let got = parameter(40, 20, |k| want.values[k] + change(k));
        std::panic::catch_unwind(|| assert_trained_alike(&got, &want, &start, &ADAM, 10)).is_ok()
    }

    #[test]
    fn rounding_is_let_pass_and_wrong_rows_are_not() {
        assert!(holds(|_| 1e-9), "rounding");
        assert!(holds(|k| if k % 20 == 7 { 5e-3 } else { 0.0 }), "one weight of a row that rounding decides");
        assert!(holds(|k| if k / 20 == 17 { 1e-4 } else { 0.0 }), "a row that a unit moved");
        assert!(!holds(|k| if k / 20 % 10 == 7 { 1e-4 } else { 0.0 }), "one row in ten, by a tenth of a step");
        assert!(!holds(|k| if k == 5 { 3e-2 } else { 0.0 }), "one weight, further than steps go");
        assert!(!holds(|_| 1e-5), "all by a hundredth of a step");
        let still = parameter(40, 20, |_| 0.5);
        assert!(std::panic::catch_unwind(|| assert_trained_alike(&still, &still, &still, &ADAM, 10)).is_err());
    }
}
