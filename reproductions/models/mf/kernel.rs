//! Loss and gradients of a batch, over the rows that it names.

use harness::nn::log_loss;

/// A sample in terms of rows of two tables, those of a model or those that a batch names.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MfSample {
    pub user: u32,
    pub item: u32,
    /// 1 for a positive, 0 for a negative.
    pub label: f32,
}

/// ⟨p, q⟩ + b + c of two rows, an embedding with its bias behind it: one chain over the embedding, then the biases.
#[inline]
pub(super) fn logit(user: &[f32], item: &[f32]) -> f32 {
    let dim = user.len() - 1;
    let product = user[..dim].iter().zip(&item[..dim]).fold(0.0f32, |sum, (p, q)| p.mul_add(*q, sum));
    product + user[dim] + item[dim]
}

/// Adds the gradients of the mean log-loss of the samples to those of both tables, whose rows are `dim + 1` values, and
/// returns that mean.
///
/// # Panics
/// If there is no sample, or a row of one is not in a table.
pub fn forward_backward(
    dim: usize,
    samples: &[MfSample],
    [users, items]: [&[f32]; 2],
    [user_gradients, item_gradients]: [&mut [f32]; 2],
) -> f64 {
    assert!(!samples.is_empty(), "a batch without samples has no mean loss");
    let (width, inverse) = (dim + 1, 1.0 / samples.len() as f32);
    let mut sum = 0.0;
    for sample in samples {
        let [at_user, at_item] = [sample.user, sample.item].map(|row| row as usize * width..(row as usize + 1) * width);
        let (user, item) = (&users[at_user.clone()], &items[at_item.clone()]);
        let (loss, slope) = log_loss(logit(user, item), sample.label);
        sum += f64::from(loss);
        let slope = slope * inverse;
        let (of_user, of_item) = (&mut user_gradients[at_user], &mut item_gradients[at_item]);
        for k in 0..dim {
            of_user[k] = slope.mul_add(item[k], of_user[k]);
            of_item[k] = slope.mul_add(user[k], of_item[k]);
        }
        of_user[dim] += slope;
        of_item[dim] += slope;
    }
    sum / samples.len() as f64
}
