//! The end of a step by candle's autograd: from representations to scores, the loss and back.

use candle_core::Tensor;
use candle_core::backprop::GradStore;
use harness::error::Result;

use super::{WindowBatch, WindowLoss};

/// Rows of the output layer and their biases, `columns` of each window: `[windows · columns, width]` and
/// `[windows · columns, 1]`.
pub struct Scored {
    pub rows: Tensor,
    pub bias: Tensor,
}

impl Scored {
    /// Scores `[windows, columns]` of representations `[windows, width]`.
    fn by(&self, x: &Tensor) -> Result<Tensor> {
        let (n, width) = x.dims2()?;
        let columns = self.rows.dims()[0] / n;
        let rows = self.rows.reshape((n, columns, width))?;
        Ok((rows.broadcast_mul(&x.unsqueeze(1)?)?.sum(2)? + self.bias.reshape((n, columns))?)?)
    }
}

/// The ids of a batch that are scored with a gradient, and those that are scored without one, if there are any, window by
/// window.
pub fn graded_items(batch: &WindowBatch<'_>) -> (Vec<u32>, Option<Vec<u32>>) {
    let rows = batch.items.chunks_exact(batch.columns());
    let (graded, others): (Vec<_>, Vec<_>) = rows.map(|items| items.split_at(batch.graded)).unzip();
    (graded.concat(), (batch.columns() > batch.graded).then(|| others.concat()))
}

/// The loss of a batch and the gradients of all that `x` and the graded scores were made of. `others` are scored
/// without a gradient.
///
/// # Errors
/// Errors of the device.
pub fn backward(
    x: &Tensor,
    graded: &Scored,
    others: Option<&Scored>,
    loss: &WindowLoss<'_>,
) -> Result<(f64, GradStore)> {
    let scores = graded.by(x)?;
    let mut all = scores.to_vec2::<f32>()?;
    if let Some(others) = others {
        let others = others.by(&x.detach())?.to_vec2::<f32>()?;
        all.iter_mut().zip(others).for_each(|(scores, others)| scores.extend(others));
    }
    let (n, columns) = scores.dims2()?;
    let mut coefficients = vec![0.0; n * columns];
    let each = all.iter().zip(coefficients.chunks_exact_mut(columns)).enumerate();
    let sum = each.map(|(k, (scores, gradients))| loss(k, scores, gradients)).sum();
    // The gradient of Σ coefficient · score is that of the loss.
    let coefficients = Tensor::from_vec(coefficients, (n, columns), scores.device())?;
    Ok((sum, (scores * coefficients)?.sum_all()?.backward()?))
}
