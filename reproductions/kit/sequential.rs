//! Batches, losses and steps of sequential models.

use std::sync::Arc;

use harness::nn::{sigmoid, softplus};
use harness::optim::Adam;
use harness::rng::Stream;
use harness::split::UserItems;

use super::{FIRST, Steps, first_gradients};
use crate::models::sequence::{SequentialModel, Window, WindowBatch};

/// Owned parts of a batch: windows, inputs, items.
pub type Parts = (Vec<Window>, Vec<u32>, Vec<u32>);

/// Users with 2 to 29 items: some have short inputs. `name`: of the streams.
pub fn sequences(name: &str, users: usize, items: usize) -> Arc<UserItems> {
    let mut pairs = Vec::new();
    for user in 0..users as u32 {
        let mut stream = Stream::new(0, name, "sequence", u64::from(user));
        let n = 2 + stream.below(28) as usize;
        pairs.extend(stream.without_replacement(items as u32, n).into_iter().map(|item| (user, item)));
    }
    Arc::new(UserItems::from_pairs(users, &pairs))
}

/// What windows read, `[windows, length]`.
pub fn inputs(train: &UserItems, length: usize, windows: &[Window]) -> Vec<u32> {
    let mut inputs = vec![0; windows.len() * length];
    inputs.chunks_exact_mut(length).zip(windows).for_each(|(row, window)| window.inputs(train, row));
    inputs
}

/// One positive, and others that depend on the scores without a gradient.
pub fn loss(k: usize, scores: &[f32], gradients: &mut [f32]) -> f64 {
    let above = scores[gradients.len()..].iter().filter(|score| **score > 0.0).count();
    let scale = 0.01 * (1 + above + k % 3) as f32;
    let mut sum = 0.0;
    for (j, gradient) in gradients.iter_mut().enumerate() {
        let sign = if j == 0 { -1.0 } else { 1.0 };
        sum += f64::from(scale * softplus(sign * scores[j]));
        *gradient = scale * sign * sigmoid(sign * scores[j]);
    }
    sum
}

/// `step` draws the dropout.
pub fn pass(model: &mut dyn SequentialModel, (windows, inputs, items): &Parts, graded: usize, step: u64) -> f64 {
    let batch = WindowBatch { windows, inputs, items, graded };
    model.forward_backward(&batch, &mut Stream::new(0, "sequence-test", "dropout", step), &loss).unwrap()
}

/// Loss of a batch, and gradients of the named parameters.
pub fn gradients(
    model: &mut dyn SequentialModel,
    names: &[&str],
    parts: &Parts,
    graded: usize,
) -> (f64, Vec<Vec<f32>>) {
    let loss = pass(model, parts, graded, 0);
    model.step(&FIRST).unwrap();
    model.settle();
    (loss, first_gradients(model, names))
}

/// A step for each `(columns, k)` of `of`, on the batch `parts(columns, k)` with so many items a window, of which 4 are
/// graded; `k` draws the dropout, too.
pub fn steps(
    model: &mut dyn SequentialModel,
    adam: &Adam,
    of: &[(usize, u64)],
    parts: &dyn Fn(usize, u64) -> Parts,
) -> Steps {
    let step = |&(columns, k): &(usize, u64)| {
        let loss = pass(model, &parts(columns, k), 4, k);
        model.step(adam).unwrap();
        loss
    };
    let losses = of.iter().map(step).collect();
    model.settle();
    (losses, model.weights().unwrap().parameters)
}
